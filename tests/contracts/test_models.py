"""Contract tests of every detector under configs/model/, by its capabilities."""

from typing import Any

import pytest
from pytorch_lightning import seed_everything

from adbench.arrays.columns import Columns
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.config.options import groups
from adbench.config.paths import config_folder
from adbench.errors import ConfigError
from adbench.testing.capabilities import class_of
from adbench.testing.detectors import COLUMNS, Check, checks_of

MODELS = groups()["model"]


def made(model: str, columns: Columns, *overrides: str) -> Any:
    return build(compose([f"model={model}", *overrides])["model"], "model", columns=columns)


CASES = [(model, check) for model in MODELS for check in checks_of(class_of(model))]


@pytest.mark.parametrize(("model", "check"), CASES, ids=[f"{model}-{check.__name__}" for model, check in CASES])
def test_a_detector(model: str, check: Check) -> None:
    check(lambda columns: made(model, columns))


@pytest.mark.parametrize("model", MODELS)
def test_a_model_file_says_what_it_is(model: str) -> None:
    assert (config_folder() / "model" / f"{model}.yaml").read_text().startswith("# ")


def wrong_values(model: str) -> list[str]:
    """Overrides out of range, by the meaning of a model's keys."""
    wrong = []
    for key, value in compose([f"model={model}"])["model"].items():
        if key == "learning_rate":
            wrong += [f"{key}=-0.001", f"{key}=nan"]
        elif key.endswith("_sizes"):
            wrong += [f"{key}=[16,0]", f"{key}=[]"]
        elif isinstance(value, int) and (key.endswith("_size") or key.startswith("n_") or key == "k"):
            wrong += [f"{key}=0"]
    return wrong


WRONG = [(model, override) for model in MODELS for override in wrong_values(model)]


@pytest.mark.parametrize(("model", "override"), WRONG)
def test_arguments_out_of_range_are_one_sentence(model: str, override: str) -> None:
    key = override.split("=")[0]
    seed_everything(0, verbose=False)
    with pytest.raises(ConfigError, match=rf"expected .*model\.{key}\b.* got ") as caught:
        made(model, COLUMNS, f"model.{override}")
    assert "\n" not in str(caught.value)
