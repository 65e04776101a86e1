"""Checks of a plugin: every option in a real run on a small table, and every model against the detector contract.

    import pytest
    from adbench.config.plugins import activate
    from adbench.testing.plugins import checks_of_plugin

    (plugin,) = activate("mine")

    @pytest.mark.parametrize("check", checks_of_plugin(plugin), ids=str)
    def test_my_plugin(check):
        check()

`adbench plugins check` runs the same.
"""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.config.plugins import Plugin
from adbench.errors import AdbenchError
from adbench.results.record import DONE
from adbench.runner.run import train
from adbench.testing.capabilities import class_of
from adbench.testing.detectors import checks_of
from adbench.text import override

N_ROWS = 1_000
SHARE_OF_ANOMALIES = 0.1
LABELS = ("data.label=label", "data.normal=normal", "data.categorical=[state]")


@dataclass(frozen=True)
class PluginCheck:
    """A check of one option, which raises AssertionError or AdbenchError.

    option: as it is typed, such as model=linear. what: the check's name.
    """

    option: str
    what: str
    run: Callable[[], None]

    def __call__(self) -> None:
        self.run()

    def __str__(self) -> str:
        return f"{self.option}: {self.what.replace('_', ' ')}"


def checks_of_plugin(plugin: Plugin) -> list[PluginCheck]:
    """The checks of all options of an active plugin; a model that cannot be imported has one, which fails."""
    return [check for group, options in plugin.options().items() for name in options for check in _checks(group, name)]


def _checks(group: str, name: str) -> Iterator[PluginCheck]:
    option = override(group, name)
    if group == "model":
        try:
            checks = checks_of(class_of(name))
        except (AdbenchError, TypeError) as error:
            yield PluginCheck(option, "is_a_detector", partial(_raise, error))
            return
        for check in checks:
            yield PluginCheck(option, check.__name__, partial(check, partial(_unfitted, option)))
    yield PluginCheck(option, "a_run_on_a_small_table", partial(_run, group, option))


def _raise(error: Exception) -> None:
    raise error


def _unfitted(option: str, columns: object) -> object:
    return build(compose([option])["model"], "model", columns=columns)


def _run(group: str, option: str) -> None:
    """Run the option together with built-in ones; a dataset itself is run."""
    with TemporaryDirectory() as folder:
        here = Path(folder)
        table = here / "table.csv"
        small_table().to_csv(table, index=False)
        data = [option] if group == "data" else ["data=table", _typed("data.path", table), *LABELS]
        others = [] if group == "data" else [option]
        model = [] if group == "model" else ["model=pca"]
        run = train([*data, *others, *model, _typed("runs_dir", here / "runs"), "cache=false"])
        assert run.status == DONE, f"expected a finished run with {option}, got {run.status}: {run.error}"


def _typed(key: str, path: Path) -> str:
    """An override of a key by a path, without shell quotes."""
    return shlex.split(override(key, str(path)))[0]


def small_table(seed: int = 0) -> pd.DataFrame:
    """Normal rows near a line and anomalies off it, with a category and the words normal and odd as labels."""
    draw = np.random.default_rng(seed)
    odd = draw.random(N_ROWS) < SHARE_OF_ANOMALIES
    along = draw.normal(size=N_ROWS)
    numbers = along[:, None] * np.array([1.0, -2.0, 0.5, 1.5]) + 0.3 * draw.normal(size=(N_ROWS, 4))
    numbers[odd] += draw.normal(scale=2.0, size=(odd.sum(), 4))
    table = pd.DataFrame(numbers.round(4), columns=["pressure", "flow", "speed", "heat"])
    return table.assign(state=draw.choice(["on", "idle"], N_ROWS), label=np.where(odd, "odd", "normal"))
