"""The contract that every detector keeps, found by the files under configs/model/, and each one's own arithmetic."""

import numpy as np
import pytest
import torch
from pytorch_lightning import seed_everything

from adbench.arrays.columns import Columns
from adbench.config.compose import compose, groups
from adbench.config.instantiate import build
from adbench.config.paths import config_folder
from adbench.errors import ConfigError
from adbench.models.base import Detector
from adbench.training.trainer import Training

MODELS = groups()["model"]
N_FEATURES = 15  # more than the components that a shipped model takes


def build_model(model: str, *overrides: str, seed: int = 0) -> Detector:
    config = compose([f"model={model}", *overrides])
    seed_everything(seed, workers=True, verbose=False)
    detector: Detector = build(config["model"], "model", columns=Columns.numbers(N_FEATURES))
    return detector


def normals(n: int, seed: int = 0) -> np.ndarray:
    """Points near a plane inside the unit cube."""
    rng = np.random.default_rng(seed)
    flat = rng.random((n, 2)) @ np.random.default_rng(1).random((2, N_FEATURES)) / 2
    return np.clip(flat + 0.01 * rng.normal(size=flat.shape), 0, 1).astype(np.float32)


def fitted(model: str, *overrides: str, seed: int = 0) -> Detector:
    detector = build_model(model, *overrides, seed=seed)
    trainer = compose(["trainer.max_epochs=15", "trainer.min_steps=0", "trainer.batch_size=64", *overrides])["trainer"]
    detector.fit(normals(2000), Training(build(trainer, "trainer", seed=seed)))
    return detector


@pytest.fixture(scope="module", params=MODELS)
def detector(request: pytest.FixtureRequest) -> Detector:
    return fitted(request.param)


def test_higher_scores_for_rows_unlike_the_fitted_ones(detector: Detector) -> None:
    usual = detector.score_rows(normals(500, seed=5))
    strange = detector.score_rows(np.random.default_rng(6).random((500, N_FEATURES), dtype=np.float32))
    assert (usual[:, None] < strange[None]).mean() > 0.9


def test_a_score_is_the_same_alone_in_a_batch_and_in_any_order(detector: Detector) -> None:
    x = np.vstack([normals(200, seed=7), np.random.default_rng(8).random((50, N_FEATURES), dtype=np.float32)])
    together = detector.score_rows(x)
    assert together.shape == (250,)
    assert together.dtype == np.float64
    tolerance = {"rtol": 1e-4, "atol": 1e-4}
    alone = np.concatenate([detector.score_rows(x[i : i + 1]) for i in range(len(x))])
    np.testing.assert_allclose(alone, together, **tolerance)
    order = np.random.default_rng(9).permutation(len(x))
    np.testing.assert_allclose(detector.score_rows(x[order]), together[order], **tolerance)
    np.testing.assert_allclose(detector.score_rows(np.tile(x, (40, 1)))[:250], together, **tolerance)


def test_scoring_twice_gives_the_same_bits_and_draws_nothing(detector: Detector) -> None:
    x = normals(100)
    before = torch.get_rng_state()
    np.testing.assert_array_equal(detector.score_rows(x), detector.score_rows(x))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("model", MODELS)
def test_arrays_carry_all_that_was_learned(model: str) -> None:
    detector = fitted(model, "trainer.max_epochs=1")
    again = build_model(model, seed=1).restore(detector.arrays())
    x = normals(100)
    np.testing.assert_array_equal(again.score_rows(x), detector.score_rows(x))


@pytest.mark.parametrize("model", MODELS)
def test_a_seed_decides_everything(model: str) -> None:
    x = normals(100)
    first, same, other = (fitted(model, "trainer.max_epochs=1", seed=seed).score_rows(x) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any() == draws(model)


def draws(model: str) -> bool:
    """Whether building and fitting the model takes anything from the generators that the seed sets."""
    seed_everything(0, workers=True, verbose=False)
    before = torch.get_rng_state(), np.random.get_state()[1:]  # noqa: NPY002
    fitted(model, "trainer.max_epochs=1")
    after = torch.get_rng_state(), np.random.get_state()[1:]  # noqa: NPY002
    return not torch.equal(before[0], after[0]) or repr(before[1]) != repr(after[1])


@pytest.mark.parametrize("model", MODELS)
def test_a_model_file_says_what_it_is(model: str) -> None:
    assert (config_folder() / "model" / f"{model}.yaml").read_text().startswith("# ")


@pytest.mark.parametrize("model", ["ae", "vae", "gan"])
@pytest.mark.parametrize(
    "override",
    [
        "model.latent_size=0",
        "model.learning_rate=-0.001",
        "model.learning_rate=nan",
        "model.hidden_sizes=[16,0]",
        "model.hidden_sizes=[]",
    ],
)
def test_arguments_out_of_range_are_one_sentence(model: str, override: str) -> None:
    key = override.split("=")[0].removeprefix("model.")
    with pytest.raises(ConfigError, match=f"model.{key}"):
        build_model(model, override)


COUNTS = [
    (model, key)
    for model in MODELS
    for key, value in compose([f"model={model}"])["model"].items()
    if isinstance(value, int) and (key.endswith("_size") or key.startswith("n_") or key == "k")
]


@pytest.mark.parametrize(("model", "key"), COUNTS)
def test_every_size_and_count_of_a_model_is_at_least_one(model: str, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"expected model\.{key} to be a whole number of at least \d+, got 0"):
        build_model(model, f"model.{key}=0")
