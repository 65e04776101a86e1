"""Broken plugins: one sentence each, and nothing else is stopped by them."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from adbench.analysis.summary import summarize
from adbench.config.plugins import activate, active
from adbench.data.catalogue import list_datasets, verify
from adbench.data.groups import chosen_on, group_of
from adbench.errors import ConfigError
from adbench.results.record import DONE
from adbench.runner.run import train
from adbench.testing.plugins import checks_of_plugin
from tests.config.plugin import run_pump

pytestmark = pytest.mark.usefixtures("no_plugins")


def shadow(folder: Path) -> None:
    shutil.copy(folder / "configs/model/centre.yaml", folder / "configs/model/vae.yaml")


def without_configs(folder: Path) -> None:
    shutil.rmtree(folder / "configs")


def without_yaml(folder: Path) -> None:
    (folder / "configs/model/centre.yaml").unlink()


def without_target(folder: Path) -> None:
    (folder / "configs/model/centre.yaml").write_text("# A model.\npower: 1.0\n")


def without_module(folder: Path) -> None:
    (folder / "models/centre.py").unlink()


def without_class(folder: Path) -> None:
    (folder / "models/centre.py").write_text("")


def no_python(folder: Path) -> None:
    (folder / "models/centre.py").write_text("def f(:\n")


def that_raises(folder: Path) -> None:
    (folder / "models/centre.py").write_text("raise RuntimeError('out\\nof order')\n")


def of_a_missing_package(folder: Path) -> None:
    (folder / "models/centre.py").write_text("import no_such_package\n")


def of_itself(folder: Path) -> None:
    (folder / "models/centre.py").write_text("from models.norms import distances\n")


def no_yaml(folder: Path) -> None:
    (folder / "configs/model/centre.yaml").write_text("_target_: [\n")


def empty_yaml(folder: Path) -> None:
    (folder / "configs/model/centre.yaml").write_text("")


def without_info(folder: Path) -> None:
    text = (folder / "data/pump.py").read_text()
    (folder / "data/pump.py").write_text(text.replace("INFO", "FACTS"))


def that_divides(folder: Path) -> None:
    (folder / "data/pump.py").write_text("1 / 0\n")


def to_the_outside(folder: Path) -> None:
    text = (folder / "configs/model/centre.yaml").read_text()
    (folder / "configs/model/centre.yaml").write_text(text.replace("models.centre.Centre", "os.system"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (shadow, r"expected a name that adbench does not have itself, got model=vae in the plugin pump; rename "),
        (without_configs, r"expected .*configs to hold an option such as model/NAME\.yaml"),
        (without_yaml, r"pump has models/centre\.py, and lacks configs/model/centre\.yaml with _target_: models\.ce"),
        (without_target, r"expected .*centre\.yaml to name its class or function, .* write _target_: models\.centre\."),
        (without_module, r"expected the model of the plugin pump in .*centre\.py, got no such file"),
        (without_class, r"expected the model of the plugin pump to be the class or function Centre"),
        (no_python, r"centre\.py, got SyntaxError in line 1"),
        (that_raises, r"centre\.py, got RuntimeError: out of order$"),
        (of_a_missing_package, r"an import of no_such_package, which is not installed; pip install it"),
        (of_itself, r"an import of models\S*, which is a module of the plugin; import it relatively"),
        (no_yaml, r"expected YAML in .*centre\.yaml, got "),
        (empty_yaml, r"expected keys with values in .*centre\.yaml, got NoneType"),
        (
            without_info,
            r"expected adbench\.plugins\.pump\.data\.pump to describe data=pump, got no INFO; write ",
        ),
        (to_the_outside, r"expected the model of the plugin pump in .*os\.py, got no such file"),
    ],
)
def test_a_broken_plugin_is_one_sentence(
    pump: Path, tmp_path: Path, change: Callable[[Path], None], sentence: str
) -> None:
    change(pump)

    def use() -> None:
        activate(pump)
        train(run_pump(tmp_path / "runs"))

    with pytest.raises(ConfigError, match=sentence) as caught:
        use()
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("change", [without_info, that_divides])
def test_a_dataset_that_breaks_later_leaves_the_others_alone(
    pump: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    activate(pump)
    run = train(run_pump(tmp_path / "runs"))
    change(pump)
    for name in [name for name in sys.modules if name.startswith("adbench.plugins.pump.data")]:
        del sys.modules[name]
    group_of.cache_clear()
    chosen_on.cache_clear()
    summary = summarize([run.folder])
    assert summary.rows["status"].tolist() == [DONE]
    listed = {entry["name"]: entry for entry in list_datasets()}
    assert listed["pump"]["description"].startswith("expected ")
    assert listed["nslkdd"]["on disk"] is True
    (pump_files,) = [entry for entry in verify() if entry["dataset"] == "pump"]
    assert pump_files["status"] == "wrong"
    assert pump_files["problem"].startswith("expected ")


def test_a_model_that_cannot_be_imported_fails_its_check_and_no_other(pump: Path) -> None:
    of_a_missing_package(pump)
    (plugin,) = activate(pump)
    (check,) = [check for check in checks_of_plugin(plugin) if check.option == "model=centre"]
    with pytest.raises(ConfigError, match="no_such_package, which is not installed"):
        check()


def test_folders_that_share_a_name_or_an_option_are_refused(pump: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(pump, tmp_path / "more" / "pump"))
    with pytest.raises(ConfigError, match="expected plugins that share no name, got pump in "):
        activate(pump, other)
    assert active() == ()
    with pytest.raises(ConfigError, match=r"expected plugins that share no name, got data=pump in "):
        activate(pump, other.rename(tmp_path / "second"))
    with pytest.raises(ConfigError, match=r"expected a plugin folder, got .*nowhere, which does not exist"):
        activate(tmp_path / "nowhere")
    assert [plugin.name for plugin in activate(pump, pump)] == ["pump"]
