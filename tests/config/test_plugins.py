"""Plugins, folders and installed packages that add options, and the errors of broken ones."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from adbench.arrays.columns import Columns
from adbench.config import plugins
from adbench.config.catalogue import list_models
from adbench.config.compose import compose
from adbench.config.instantiate import build, locate
from adbench.config.options import groups
from adbench.config.plugins import VARIABLE, activate, active
from adbench.data.catalogue import verify
from adbench.errors import ConfigError
from adbench.inference.load import load
from adbench.results.record import DONE
from adbench.runner.prepared_cache import key_of
from adbench.runner.reproduce import reproduce
from adbench.runner.run import train
from adbench.sweeps.plan import Rules, SweepReporter, plan
from adbench.sweeps.schedule import _changed_plugin, sweep
from adbench.testing.plugins import PluginCheck, checks_of_plugin
from tests.config.plugin import PUMP, run_pump

pytestmark = pytest.mark.usefixtures("no_plugins")


def checks() -> list[PluginCheck]:
    before = os.environ.get(VARIABLE)
    try:
        (plugin,) = activate(PUMP)
        return checks_of_plugin(plugin)
    finally:
        os.environ.pop(VARIABLE) if before is None else os.environ.update({VARIABLE: before})


@pytest.mark.parametrize("check", checks(), ids=str)
def test_a_plugin_passes_the_checks_of_its_kind(check: PluginCheck) -> None:
    activate(PUMP)
    check()


def test_all_groups_can_come_from_a_plugin_and_a_run_names_it(pump: Path, tmp_path: Path) -> None:
    (plugin,) = activate(pump)
    run = train(run_pump(tmp_path / "runs"))
    assert run.status == DONE, run.error
    assert run.environment["plugins"] == {"pump": {"version": None, "sha256": plugin.sha256()}}
    stored = (run.folder / "config.yaml").read_text() + (run.folder / "model.json").read_text()
    assert str(pump) not in stored
    assert "adbench.plugins" not in stored
    assert load(run.folder).detector.power == 1.0
    assert reproduce(run.folder).verdict == "identical"


def test_without_a_plugin_an_environment_tells_of_none(tmp_path: Path) -> None:
    activate(PUMP)
    run = train(["data=pump", "model=pca", f"runs_dir={tmp_path}"])
    assert list(run.environment["plugins"]) == ["pump"]  # of the data
    table = tmp_path / "t.csv"
    table.write_text("a,b,y\n" + "".join(f"{i % 17},{i * i % 31},{int(i % 10 == 0)}\n" for i in range(400)))
    assert (
        "plugins"
        not in train(
            ["data=table", f"data.path={table}", "data.label=y", "model=knn", f"runs_dir={tmp_path}"]
        ).environment
    )


def test_options_of_a_plugin_are_like_any_other(pump: Path) -> None:
    activate(pump)
    assert "centre" in groups()["model"]
    assert {"name": "centre", "description": "Distance to the mean of the fitted rows.",
            "arguments": {"power": 1.0, "shrink": None}} in list_models()  # fmt: skip
    assert verify("pump")[0]["status"] == "ok"
    assert compose(["model=centre", "model.shrink=0.5"])["model"]["shrink"] == 0.5  # nullable by its annotation
    with pytest.raises(ConfigError, match=r"got model=center; did you mean centre\?"):
        compose(["model=center"])
    with pytest.raises(ConfigError, match=r"got model\.powr; did you mean model\.power\?"):
        compose(["model=centre", "model.powr=2"])


def test_a_run_of_an_inactive_plugin_is_named_and_turns_nothing_on(
    pump: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    activate(pump)
    run = train(run_pump(tmp_path / "runs"))
    monkeypatch.setenv(VARIABLE, "")
    for use in (load, reproduce):
        with pytest.raises(ConfigError, match="made with the plugin pump, which is not active.*--plugins FOLDER"):
            use(run.folder)
    environment = run.folder / "environment.json"
    document = json.loads(environment.read_text())
    del document["plugins"]
    environment.write_text(json.dumps(document | {"plugins_folder": str(pump), VARIABLE: str(pump)}))
    for use in (load, reproduce):
        with pytest.raises(ConfigError, match="expected a .* that exists"):
            use(run.folder)
    with pytest.raises(ConfigError, match="nothing else is run from a configuration"):
        locate({"_target_": "adbench.plugins.pump.models.centre.Centre"}, "model")
    assert active() == ()


def test_a_changed_plugin_is_other_code_and_prepares_its_rows_again(pump: Path, tmp_path: Path) -> None:
    activate(pump)
    config = compose(run_pump(tmp_path / "runs"))
    key, (plugin,) = key_of(config), active()
    digest = plugin.sha256()
    with (pump / "preprocess" / "halved.py").open("a") as file:
        file.write("\n\nUNUSED = 1\n")
    assert key is not None
    assert key_of(config) not in (key, None)
    assert plugin.sha256() != digest


class Edits(SweepReporter):
    """Changes a file once the first job has ended."""

    def __init__(self, file: Path, more: str) -> None:
        self.file, self.more, self.ran = file, more, 0

    def ended(self, job: object, run: object, ran: bool) -> None:
        self.ran += 1
        if self.ran == 1:
            self.file.write_text(self.file.read_text() + self.more)


def test_a_plugin_that_changes_while_a_sweep_runs_stops_it(pump: Path, tmp_path: Path) -> None:
    activate(pump)
    planned = plan(run_pump(tmp_path / "runs", "seed=0,1", "executor.workers=1", "fuse=1"))
    file = pump / "models" / "norms.py"
    file.write_text(file.read_text() + "\n# A comment is no other code.\n")
    assert not any(map(_changed_plugin, planned.sampler.jobs))
    reporter = Edits(file, "\n\nUNUSED = 1\n")
    with pytest.raises(ConfigError, match=r"expected the plugin pump as it was when the sweep began.*runs again"):
        sweep(planned, Rules(), reporter)
    assert reporter.ran == 1
    assert len(list((tmp_path / "runs").glob("*/metrics.json"))) == 1


def test_an_option_can_be_a_built_in_class_with_other_defaults(pump: Path) -> None:
    (pump / "configs/model/far.yaml").write_text(
        "# Fifth neighbour.\n_target_: adbench.models.classical.knn.KNN\nk: 5\nmax_rows: null\n"
    )
    activate(pump)
    assert build(compose(["model=far"])["model"], "model", columns=Columns.numbers(3)).k == 5


def test_another_folder_of_the_same_name_brings_its_own_modules(
    pump: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    activate(pump)
    one = locate(compose(["model=centre"])["model"], "model")
    other = Path(shutil.copytree(pump, tmp_path / "more" / "pump"))
    monkeypatch.setenv(VARIABLE, str(other))
    another = locate(compose(["model=centre"])["model"], "model")
    assert one is not another
    assert Path(sys.modules[another.__module__].__file__ or "").is_relative_to(other)


def forget() -> None:
    """Remove the modules of the installed plugin."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "pump_detectors"]:
        del sys.modules[name]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder as installed by pip: a package, and the metadata with its entry point."""
    site = tmp_path / "site"
    shutil.copytree(PUMP, site / "pump_detectors", ignore=shutil.ignore_patterns("__pycache__"))
    (site / "pump_detectors" / "__init__.py").write_text("raise RuntimeError('imported before it was used')\n")
    about = site / "pump_detectors-1.5.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: pump-detectors\nVersion: 1.5\n")
    (about / "entry_points.txt").write_text("[adbench.plugins]\npumps = pump_detectors\n")
    monkeypatch.syspath_prepend(site)
    plugins._ACTIVE.clear()
    yield site
    forget()


def test_an_installed_package_is_a_plugin_and_is_imported_only_when_it_is_used(installed: Path, tmp_path: Path) -> None:
    assert "centre" in groups()["model"]
    config = compose(["model=centre", "data=pump"])  # reads the YAML, imports nothing
    assert config["model"]["_target_"] == "pump_detectors.models.centre.Centre"
    with pytest.raises(ConfigError, match="RuntimeError: imported before it was used"):
        train(run_pump(tmp_path / "runs"))
    (installed / "pump_detectors" / "__init__.py").write_text("")
    forget()
    run = train(run_pump(tmp_path / "runs"))
    assert run.status == DONE, run.error
    (plugin,) = active()
    assert run.environment["plugins"] == {"pumps": {"version": "1.5", "sha256": plugin.sha256()}}


def test_an_entry_point_that_is_no_package_is_one_sentence(installed: Path) -> None:
    shutil.rmtree(installed / "pump_detectors")
    plugins._ACTIVE.clear()
    with pytest.raises(ConfigError, match="expected the plugin pumps of pump-detectors to be a package, got pump_det"):
        groups()


def test_another_process_knows_the_modules_by_their_names(pump: Path) -> None:
    activate(pump)
    program = "import adbench.plugins.pump.models.centre as c; print(c.Centre.__module__)"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "adbench.plugins.pump.models.centre"
