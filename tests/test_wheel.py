"""The wheel: what it holds, and its use outside a checkout, with plugins too."""

import json
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PUMP = Path(__file__).parent / "fixtures" / "plugins" / "pump"
MAX_MB = 20
PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "pump-detectors"
version = "1.5"

[project.entry-points."adbench.plugins"]
pumps = "pump_detectors"
"""


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel, and the dependencies of this one by their folder alone: the
    editable checkout is not among them."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", folder, cwd=folder)
    programs = folder / "bin"
    own = Path(
        run(programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    )
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    run(programs / "python", "-m", "pip", "install", "--quiet", "--no-deps", wheel, cwd=folder)
    where = run(programs / "python", "-c", "import adbench; print(adbench.__file__)", cwd=folder)
    assert Path(where.strip()).is_relative_to(own)
    return programs


def test_the_wheel_holds_code_configurations_and_data_alone(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "adbench/configs/model/vae.yaml" in names
    assert "adbench/bundled/nslkdd/KDDTrain+.txt.gz" in names
    assert {name.partition("/")[0] for name in names} == {
        "adbench",
        *(n.partition("/")[0] for n in names if "dist-info/" in n),
    }
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyc")]
    megabytes = wheel.stat().st_size / 1e6
    print(f"{wheel.name}: {megabytes:.1f} MB")
    assert megabytes < MAX_MB


def test_it_runs_outside_a_checkout(bare: Path, tmp_path: Path) -> None:
    listed = json.loads(run(bare / "adbench", "data", "list", "--json", cwd=tmp_path))
    assert {"nslkdd", "kddcup99"} <= {entry["name"] for entry in listed["datasets"] if entry["on disk"]}
    told = json.loads(run(bare / "adbench", "train", "model=pca", "data=nslkdd", "cache=false", "--json", cwd=tmp_path))
    assert told["status"] == "done"
    assert told["metrics"]["roc_auc"] > 0.9
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_plugin_folder_beside_the_wheel(bare: Path, tmp_path: Path) -> None:
    plugin = shutil.copytree(PUMP, tmp_path / "pump", ignore=shutil.ignore_patterns("__pycache__"))
    overrides = ["model=centre", "data=pump", "seed=0,1", "executor.workers=1", "--plugins", plugin, "--json"]
    told = json.loads(run(bare / "adbench", "sweep", *overrides, cwd=tmp_path))
    assert len(told["runs"]) == 2
    environments = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/environment.json")]
    assert [list(environment["plugins"]) for environment in environments] == [["pump"], ["pump"]]


def test_a_plugin_package_beside_the_wheel(bare: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(PUMP, project / "pump_detectors", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "pump_detectors" / "__init__.py").write_text("")
    (project / "pyproject.toml").write_text(PROJECT)
    run(bare / "python", "-m", "pip", "install", "--quiet", "--no-deps", project, cwd=tmp_path)
    try:
        assert "ok     model=centre: a run on a small table" in run(bare / "adbench", "plugins", "check", cwd=tmp_path)
        run(bare / "adbench", "train", "model=centre", "data=pump", cwd=tmp_path)
        (environment,) = tmp_path.glob("runs/*/environment.json")
        assert json.loads(environment.read_text())["plugins"]["pumps"]["version"] == "1.5"
    finally:
        run(bare / "python", "-m", "pip", "uninstall", "--quiet", "--yes", "pump-detectors", cwd=tmp_path)
