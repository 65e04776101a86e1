"""Tests of stacked training: each detector as if trained separately."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from pytorch_lightning import seed_everything
from torch import nn

from adbench.arrays.columns import Columns
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.models.neural import NeuralDetector
from adbench.testing.capabilities import STACKABLE, models_that
from adbench.training.flat_adam import FlatAdam
from adbench.training.stacking import CannotStackError, stack, unstack
from adbench.training.trainer import Training

MODELS = models_that(STACKABLE)
FEW = ["trainer.max_epochs=2", "trainer.min_steps=0", "trainer.batch_size=64"]


def matrices(columns: Sequence[int], n_rows: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.random((n_rows, n), dtype=np.float32) for n in columns]


def fresh(model: str, seed: int, n_features: int, *overrides: str) -> tuple[NeuralDetector, torch.Tensor]:
    """A detector, and the generator's state after drawing its weights."""
    seed_everything(seed, verbose=False)
    detector = build(compose([f"model={model}", *overrides])["model"], "model", columns=Columns.numbers(n_features))
    return detector, torch.get_rng_state()


def alone_and_together(
    model: str, columns: Sequence[int], overrides: Sequence[Sequence[str]], n_rows: int = 203
) -> tuple[list[NeuralDetector], list[NeuralDetector]]:
    xs, alone, together, states = matrices(columns, n_rows), [], [], []
    trainer = compose(FEW)["trainer"]
    for seed, x in enumerate(xs):
        detector, state = fresh(model, seed, x.shape[1], *overrides[seed])
        together.append(detector.untrained())
        states.append((state, seed))
        torch.set_rng_state(state)
        Training(build(trainer, "trainer", seed=seed)).fit(detector, x)
        alone.append(detector)
    stacked = stack(together, columns, states)
    wide = [np.pad(x, ((0, 0), (0, max(columns) - x.shape[1]))) for x in xs]
    Training(build(trainer, "trainer", seed=0)).fit_stacked(stacked, wide, range(len(xs)))
    for name, losses in stacked.losses_by_network().items():
        assert losses == pytest.approx([detector.mean_losses()[name] for detector in alone], rel=1e-5)
    unstack(stacked, together)
    return alone, together


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("columns", [[7, 5, 8]])  # equal ones: `adbench.testing.detectors`
def test_each_network_is_what_it_would_have_been_alone(model: str, columns: list[int]) -> None:
    alone, together = alone_and_together(model, columns, [[]] * 3)
    for one, other, x in zip(alone, together, matrices(columns, 20), strict=True):
        for a, b in zip(one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(one.score_rows(x), other.score_rows(x), rtol=1e-3, atol=1e-4)
    assert not torch.equal(next(together[0].parameters())[:, :5], next(together[1].parameters())[:, :5])


def test_each_network_keeps_its_learning_rate() -> None:
    rates = [["model.learning_rate=0.01"], ["model.learning_rate=1e-30"], ["model.learning_rate=0.001"]]
    alone, together = alone_and_together("ae", [6, 6, 6], rates)
    for one, other in zip(alone, together, strict=True):
        for a, b in zip(one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    untrained, _ = fresh("ae", 1, 6)
    assert torch.allclose(next(together[1].parameters()), next(untrained.parameters()))
    assert not torch.allclose(next(together[0].parameters()), next(fresh("ae", 0, 6)[0].parameters()))


@pytest.mark.parametrize("overrides", [["model.latent_size=5"], ["model.hidden_sizes=[9]"]])
def test_other_shapes_cannot_be_stacked(overrides: list[str]) -> None:
    one, other = fresh("ae", 0, 6), fresh("ae", 1, 6, *overrides)
    with pytest.raises(CannotStackError, match="differ in size"):
        stack([one[0], other[0]], [6, 6], [(one[1], 0), (other[1], 1)])


def test_other_models_and_layers_cannot_be_stacked() -> None:
    ae, vae = fresh("ae", 0, 6), fresh("vae", 0, 6)
    states = [(ae[1], 0), (vae[1], 0)]
    with pytest.raises(CannotStackError, match="different models"):
        stack([ae[0], vae[0]], [6, 6], states)
    normed = [fresh("ae", seed, 6)[0] for seed in (0, 1)]
    for detector in normed:
        detector.add_module("norm", nn.LayerNorm(6))
    with pytest.raises(CannotStackError, match="LayerNorm"):
        stack(normed, [6, 6], states)


def test_flat_adam_steps_as_adam_does() -> None:
    ours, theirs = (fresh("ae", 0, 6)[0] for _ in range(2))
    x = torch.from_numpy(matrices([6], 64)[0])
    flat = FlatAdam(list(ours.parameters()), [0.01])
    adam = torch.optim.Adam(theirs.parameters(), lr=0.01)
    for step in range(20):
        for detector, optimizer in ((ours, flat), (theirs, adam)):
            optimizer.zero_grad()
            detector.loss(x).backward()
            optimizer.step()
        if step == 10:
            ours.zero_grad()  # like Lightning: the gradients are detached and must be reattached
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(next(ours.parameters()), next(fresh("ae", 0, 6)[0].parameters()), atol=1e-3)
