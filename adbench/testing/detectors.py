"""Checks of the detector contract, for built-in models and plugins.

    from functools import partial
    import pytest
    from adbench.testing.detectors import checks_of

    make = partial(MyDetector, latent_size=4, learning_rate=1e-3)

    @pytest.mark.parametrize("check", checks_of(MyDetector), ids=lambda check: check.__name__)
    def test_my_detector(check):
        check(make)

The checks follow from the class's capabilities: see `adbench.testing.capabilities`. A check is called with a function
that makes an unfitted detector for some `Columns`, and raises AssertionError.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
import torch
from pytorch_lightning import LightningModule, Trainer, seed_everything
from pytorch_lightning.callbacks import Callback

from adbench.arrays.columns import CODE, Column, Columns
from adbench.arrays.objects import read_objects, written_objects
from adbench.arrays.types import Matrix
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.models.base import Calibrates, KeepsObjects, as_taken
from adbench.testing.capabilities import (
    CALIBRATES,
    CODES,
    CONTRIBUTES,
    LABELS,
    NEURAL,
    RESUMABLE,
    STACKABLE,
    UPDATES,
    capabilities_of,
)
from adbench.training.checkpoint import Checkpoint
from adbench.training.process import deterministic
from adbench.training.stacking import stack, unstack
from adbench.training.trainer import Training

Make = Callable[[Columns], Any]  # makes an unfitted detector for these columns
Check = Callable[[Make], None]

N_COLUMNS = 15
N_ROWS = 2_000
STEPS = 3  # of a window, of N_COLUMNS / STEPS columns each
COLUMNS = Columns.numbers(N_COLUMNS)
_FEW = ("trainer.max_epochs=15", "trainer.min_steps=0", "trainer.batch_size=64")
_ALIKE: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-4}  # for float32 sums, which depend on the batch size
_ROUNDED: dict[str, Any] = {"rtol": 1e-3, "atol": 1e-4}


def usual_rows(n: int = N_ROWS, seed: int = 0, centre: tuple[float, float] = (0.5, 0.5), spread: float = 1.0) -> Matrix:
    """Points near a square of this centre and width on a plane in the unit cube, shape (n, N_COLUMNS)."""
    on_plane = np.random.default_rng(seed).random((n, 2))
    if spread != 1.0:
        on_plane = np.array(centre) + spread * (on_plane - 0.5)
    flat = on_plane @ np.random.default_rng(1).random((2, N_COLUMNS)) / 2
    noise = 0.01 * np.random.default_rng((seed, 1)).normal(size=flat.shape)
    return np.clip(flat + noise, 0, 1).astype(np.float32)


def strange_rows(n: int = 500, seed: int = 6) -> Matrix:
    """Uniform points in the unit cube."""
    return np.random.default_rng(seed).random((n, N_COLUMNS), dtype=np.float32)


def training(*overrides: str, seed: int = 0, **listeners: Any) -> Training:
    """A short training with the built-in trainer."""
    return Training(build(compose([*_FEW, *overrides])["trainer"], "trainer", seed=seed), **listeners)


def fitted(make: Make, *overrides: str, seed: int = 0, x: Matrix | None = None, columns: Columns = COLUMNS) -> Any:
    """A detector made and fitted with a seed."""
    seed_everything(seed, workers=True, verbose=False)
    detector = make(columns)
    with deterministic(1):
        detector.fit(usual_rows() if x is None else x, training(*overrides, seed=seed))
    if isinstance(detector, Calibrates):
        detector.calibrate(usual_rows(200, seed=2).reshape(-1, *columns.shape))
    return detector


def ranks_strange_rows_above_usual_ones(make: Make) -> None:
    """In nine of ten pairs, the strange row scores higher."""
    detector = fitted(make)
    usual, strange = detector.score_rows(usual_rows(500, seed=5)), detector.score_rows(strange_rows())
    share = (usual[:, None] < strange[None]).mean()
    _require(share > 0.9, f"expected strange rows to outscore usual ones in nine pairs of ten, got {share:.2f}")


def scores_a_row_the_same_alone_in_a_batch_and_in_any_order(make: Make) -> None:
    """Scores are float64, one per row, and independent of the other rows."""
    detector, x = fitted(make, "trainer.max_epochs=2"), np.vstack([usual_rows(200, seed=7), strange_rows(50)])
    together = detector.score_rows(x)
    _require(together.shape == (250,), f"expected scores of shape (250,), got {together.shape}")
    _require(together.dtype == np.float64, f"expected float64 scores, got {together.dtype}")
    alone = np.concatenate([detector.score_rows(x[i : i + 1]) for i in range(len(x))])
    np.testing.assert_allclose(alone, together, **_ALIKE)
    order = np.random.default_rng(9).permutation(len(x))
    np.testing.assert_allclose(detector.score_rows(x[order]), together[order], **_ALIKE)
    np.testing.assert_allclose(detector.score_rows(np.tile(x, (40, 1)))[:250], together, **_ALIKE)
    _require(detector.score_rows(x[:0]).shape == (0,), "expected no score of no row")


def scores_twice_alike_and_draws_nothing(make: Make) -> None:
    """Scoring leaves the global generators of torch and numpy alone."""
    detector, x, before = fitted(make, "trainer.max_epochs=1"), usual_rows(100), _generators()
    np.testing.assert_array_equal(detector.score_rows(x), detector.score_rows(x))
    _require(_generators() == before, "expected scoring to draw nothing from the global generators, but it did")


def scores_rows_far_outside_by_finite_numbers(make: Make) -> None:
    """Scores are finite for values as far out as an encoder can put them."""
    far = usual_rows(4)
    far[0], far[1, 0], far[2, ::2] = 1e12, -1e12, 1e12
    scores = fitted(make, "trainer.max_epochs=1").score_rows(far)
    _require(np.isfinite(scores).all(), f"expected finite scores of rows far outside, got {scores}")


def keeps_all_that_it_learned_in_its_arrays(make: Make) -> None:
    """Restoring from a run folder's files into a detector made with another seed gives the same scores."""
    detector, x = fitted(make, "trainer.max_epochs=1"), usual_rows(100)
    np.testing.assert_array_equal(_restored(make, detector).score_rows(x), detector.score_rows(x))


def is_decided_by_its_seed(make: Make) -> None:
    """The same seed gives the same bits; another seed changes them exactly if the detector draws random numbers."""
    x = usual_rows(100)
    first, same, other = (fitted(make, "trainer.max_epochs=1", seed=seed).score_rows(x) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    seed_everything(0, workers=True, verbose=False)
    before = _generators()
    with deterministic(1):
        make(COLUMNS).fit(usual_rows(), training("trainer.max_epochs=1"))
    draws = _generators() != before
    _require((first != other).any() == draws, "expected the seed to decide what is drawn, and nothing else")


def fits_windows(make: Make) -> None:
    """Rows of shape (steps, columns) are fitted, flattened unless the class takes windows."""
    windows = Columns.numbers(N_COLUMNS // STEPS, steps=STEPS)
    columns = as_taken(make(windows.flattened()), windows)
    usual, strange = (x.reshape(-1, *columns.shape) for x in (usual_rows(500, seed=5), strange_rows()))
    detector = fitted(make, x=usual_rows().reshape(-1, *columns.shape), columns=columns)
    share = (detector.score_rows(usual)[:, None] < detector.score_rows(strange)[None]).mean()
    _require(share > 0.9, f"expected strange windows to outscore usual ones in nine pairs of ten, got {share:.2f}")


def fits_and_scores_rows_on_disk(make: Make) -> None:
    """Memory-mapped rows give the same bits as rows in memory."""
    x = usual_rows(500)
    with TemporaryDirectory() as folder:
        np.save(Path(folder) / "x.npy", x)
        mapped = np.load(Path(folder) / "x.npy", mmap_mode="c")
        on_disk = fitted(make, "trainer.max_epochs=1", x=mapped)
        in_memory = fitted(make, "trainer.max_epochs=1", x=x)
        np.testing.assert_array_equal(on_disk.score_rows(mapped), in_memory.score_rows(x))


def trains_in_half_precision(make: Make) -> None:
    """bf16-mixed keeps float32 weights and gives finite scores that differ from 32-true's."""
    half, whole = (fitted(make, "trainer.max_epochs=2", f"trainer.precision={p}") for p in ("bf16-mixed", "32-true"))
    scores = half.score_rows(usual_rows(100))
    _require(np.isfinite(scores).all(), f"expected finite scores after trainer.precision=bf16-mixed, got {scores}")
    kinds = {str(parameter.dtype) for parameter in half.parameters()}
    _require(kinds == {"torch.float32"}, f"expected weights in float32, got {kinds}")
    _require((scores != whole.score_rows(usual_rows(100))).any(), "expected another precision to change a bit")


def trains_alike_however_many_batches_a_step_runs(make: Make) -> None:
    """trainer.batches_per_step affects only the speed."""
    one, many = (
        fitted(make, "trainer.max_epochs=2", "trainer.schedule=linear", f"trainer.batches_per_step={n}").arrays()
        for n in (1, 16)
    )
    for name, array in one.items():
        np.testing.assert_array_equal(array, many[name])


def goes_on_from_a_checkpoint_to_the_same_bits(make: Make) -> None:
    """A training interrupted between two epochs gives the same bits as an uninterrupted one."""
    whole = _resumed(make, stop_in=None)
    for name, array in _resumed(make, stop_in=2).items():
        np.testing.assert_array_equal(array, whole[name])


def is_trained_as_one_network_with_others(make: Make) -> None:
    """Stacked detectors learn the same as separately trained ones, to float tolerance."""
    n_rows = 203
    xs = [usual_rows(n_rows, seed=seed) for seed in range(3)]
    alone, together, states = [], [], []
    for seed, x in enumerate(xs):
        seed_everything(seed, verbose=False)
        detector = make(COLUMNS)
        together.append(detector.untrained())
        states.append((torch.get_rng_state(), seed))
        with deterministic(1):
            detector.fit(x, training("trainer.max_epochs=2", seed=seed))
        alone.append(detector)
    stacked = stack(together, [N_COLUMNS] * 3, states)
    with deterministic(1):
        training("trainer.max_epochs=2").fit_stacked(stacked, xs, range(3))
    unstack(stacked, together)
    for one, other, x in zip(alone, together, xs, strict=True):
        np.testing.assert_allclose(other.score_rows(x[:20]), one.score_rows(x[:20]), **_ROUNDED)


def tells_what_each_column_adds_to_a_score(make: Make) -> None:
    """Contributions are shaped like the rows, sum to the score, and rise for an unusual column."""
    detector, x = fitted(make), usual_rows(200, seed=5)
    before = detector.contributions(x)[:, 3]
    x[:, 3] += 1.0
    found, scores = detector.contributions(x), detector.score_rows(x)
    _require(found.shape == x.shape, f"expected contributions of shape {x.shape}, got {found.shape}")
    np.testing.assert_allclose(found.reshape(len(x), -1).sum(axis=1), scores, **_ROUNDED)
    _require(detector.contributions(x[:0]).shape == (0, N_COLUMNS), "expected no contribution of no row")
    share = (found[:, 3] > before).mean()
    _require(share > 0.9, f"expected a column that is off to add more to nine scores in ten, got {share:.2f}")


def learns_further_rows(make: Make) -> None:
    """Rows learned by `update` score lower than before, and the change is part of the arrays."""
    detector, x = fitted(make, "trainer.max_epochs=2"), strange_rows(300)
    before = detector.score_rows(x)
    detector.update(x)
    after = detector.score_rows(x)
    _require(np.median(after) < np.median(before), "expected rows to score lower once they were learned, but no")
    np.testing.assert_array_equal(_restored(make, detector).score_rows(x), after)


def learns_from_known_anomalies(make: Make) -> None:
    """Given known anomalies, similar rows rank higher among usual ones."""
    # They lie among the usual rows, so that only labels distinguish them.
    known, unseen = (usual_rows(n, seed=n, centre=(0.75, 0.25), spread=0.1) for n in (20, 200))
    x = np.concatenate([usual_rows(), known])
    labels = np.repeat([0, 1], [N_ROWS, len(known)]).astype(np.int8)
    ranked = []
    for given in (None, labels):
        seed_everything(0, workers=True, verbose=False)
        detector = make(COLUMNS)
        with deterministic(1):
            detector.fit(x if given is not None else x[:N_ROWS], training(), given)
        usual, found = detector.score_rows(usual_rows(200, seed=5)), detector.score_rows(unseen)
        ranked.append((usual[:, None] < found[None]).mean())
    without, with_labels = ranked
    _require(
        with_labels >= without + 0.2,
        f"expected known anomalies to rank their like higher, got {with_labels:.2f} of all pairs, {without:.2f} before",
    )


def takes_codes_and_values_never_met(make: Make) -> None:
    """Rows with an integer-coded column get finite scores, also for the code of unseen values."""
    code = Column("kind", CODE, values=("a", "b", "c", "<unseen>"))
    columns = Columns((*Columns.numbers(N_COLUMNS - 1), code))
    x = usual_rows()
    x[:, -1] = np.random.default_rng(3).integers(0, 3, len(x))
    detector = fitted(make, x=x, columns=columns)
    unseen = x[:50].copy()
    unseen[:, -1] = 3
    scores = detector.score_rows(np.concatenate([x[:50], unseen]))
    _require(np.isfinite(scores).all(), f"expected finite scores of values never met, got {scores}")


def calibrates_its_untrained_twin_too(make: Make) -> None:
    """The untrained twin that a run compares with can be calibrated and gives finite scores before `fit`."""
    twin = make(COLUMNS).untrained()
    if twin is not None:
        twin.calibrate(usual_rows(200, seed=2))
        scores = twin.score_rows(usual_rows(100))
        _require(np.isfinite(scores).all(), f"expected finite scores of the untrained twin, got {scores}")


_CHECKS: Sequence[tuple[Check, str | None]] = (
    (ranks_strange_rows_above_usual_ones, None),
    (scores_a_row_the_same_alone_in_a_batch_and_in_any_order, None),
    (scores_twice_alike_and_draws_nothing, None),
    (scores_rows_far_outside_by_finite_numbers, None),
    (keeps_all_that_it_learned_in_its_arrays, None),
    (is_decided_by_its_seed, None),
    (fits_windows, None),
    (fits_and_scores_rows_on_disk, None),
    (trains_in_half_precision, NEURAL),
    (trains_alike_however_many_batches_a_step_runs, NEURAL),
    (goes_on_from_a_checkpoint_to_the_same_bits, RESUMABLE),
    (is_trained_as_one_network_with_others, STACKABLE),
    (tells_what_each_column_adds_to_a_score, CONTRIBUTES),
    (learns_further_rows, UPDATES),
    (learns_from_known_anomalies, LABELS),
    (calibrates_its_untrained_twin_too, CALIBRATES),
    (takes_codes_and_values_never_met, CODES),
)


def checks_of(detector: type) -> list[Check]:
    """The checks that a detector of this class must pass."""
    found = capabilities_of(detector)
    return [check for check, needed in _CHECKS if needed is None or needed in found]


def _restored(make: Make, detector: Any) -> Any:
    """A detector made with another seed and restored from a fitted one through the run folder's formats."""
    content = safetensors.numpy.save({name: np.ascontiguousarray(a) for name, a in detector.arrays().items()})
    seed_everything(1, workers=True, verbose=False)
    again = make(COLUMNS).restore(safetensors.numpy.load(content))
    if isinstance(detector, KeepsObjects):
        again.restore_objects(read_objects(written_objects(detector.objects()), detector.trusted))
    return again


def _require(holds: Any, sentence: str) -> None:
    if not holds:
        raise AssertionError(sentence)


def _generators() -> str:
    """The state of torch's and numpy's global generators."""
    return repr((torch.get_rng_state().tolist(), np.random.get_state(legacy=True)[1:]))  # type: ignore[index]  # noqa: NPY002  # the global generators


class _StopIn(Callback):
    """Stops the training at the end of an epoch, before its checkpoint."""

    def __init__(self, epoch: int | None) -> None:
        self.epoch = epoch

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.current_epoch == self.epoch:
            raise _StoppedError


class _StoppedError(Exception):
    pass


def _resumed(make: Make, stop_in: int | None) -> dict[str, npt.NDArray[Any]]:
    """The arrays learned in four epochs by a training that is stopped in one of them and resumed."""
    x = usual_rows(300)
    with TemporaryDirectory() as folder, deterministic(1):
        for stop in (stop_in, None):
            seed_everything(0, workers=True, verbose=False)
            detector = make(COLUMNS)
            kept = Checkpoint(Path(folder) / "checkpoint.ckpt", 0.0, {}, lambda _: None)
            with suppress(_StoppedError):
                detector.fit(x, training("trainer.max_epochs=4", callbacks=[_StopIn(stop)], checkpoint=kept))
    _require(kept.resumed_after == stop_in or stop_in is None, "expected the training to go on from its checkpoint")
    arrays: dict[str, npt.NDArray[Any]] = detector.arrays()
    return arrays
