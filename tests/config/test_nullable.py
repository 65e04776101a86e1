"""Tests of nullable values: by the parameter's annotation, without importing its module."""

import inspect
import shutil
import subprocess
import sys
from pathlib import Path
from types import NoneType, UnionType
from typing import get_args

import pytest

import adbench.models
from adbench.config import compose as compose_module
from adbench.config import nullable as nullable_module
from adbench.config import options as options_module
from adbench.config import overrides as overrides_module
from adbench.config.compose import compose
from adbench.config.instantiate import PACKAGES, locate
from adbench.config.keys import TARGET
from adbench.config.nullable import takes_null
from adbench.config.options import SWEEP, TRAIN, groups
from adbench.config.paths import config_folder
from adbench.errors import ConfigError

OPTIONS = [
    (primary, group, option)
    for primary in (TRAIN, SWEEP)
    for group, options in groups(primary).items()
    if group in PACKAGES and group != "logger"
    for option in options
]


@pytest.mark.parametrize(("primary", "group", "option"), OPTIONS)
def test_the_source_says_what_the_signature_says(primary: str, group: str, option: str) -> None:
    node = compose([f"{group}={option}"], primary)[group]
    for name, parameter in inspect.signature(locate(node, group)).parameters.items():
        annotation = parameter.annotation
        expected = isinstance(annotation, UnionType) and NoneType in get_args(annotation)
        assert takes_null(node[TARGET], name) == expected, name


NEW = """
raise ImportError("expected not to be imported")
from adbench.models.classical.knn import KNN as Neighbours

class Own:
    def __init__(self, columns: Columns, max_rows: int | None, text: "None | float", k: int, size: int) -> None:
        size: int | None = None

class Inherits(Own):
    k: str | None  # not that of Own's

class Passes(Neighbours):
    def __init__(self, columns: Columns, depth: int | None, **more: int | None) -> None:
        super().__init__(columns, **more)

class Hides(Neighbours):
    def __init__(self, columns: Columns, k: int | None) -> None:
        super().__init__(columns, k, 3)

def function(columns: Columns, *, max_rows: int | None, k: int): ...
"""


@pytest.fixture
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of configurations beside a package of models with a new file."""
    shutil.copytree(config_folder(), tmp_path / "configs")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "brand_new.py").write_text(NEW)
    monkeypatch.setattr(adbench.models, "__path__", [*adbench.models.__path__, str(tmp_path / "models")])
    for module in (compose_module, options_module, overrides_module):
        monkeypatch.setattr(module, "config_folder", lambda: tmp_path / "configs")
    nullable_module._takes_null.cache_clear()
    return tmp_path / "configs" / "model"


@pytest.mark.parametrize(
    ("called", "nullable", "others"),
    [
        ("Own", ["max_rows", "text"], ["k", "size"]),
        ("Inherits", ["max_rows", "k"], ["size"]),
        ("Passes", ["max_rows", "depth"], ["k"]),
        ("Hides", ["k"], ["max_rows"]),
        ("function", ["max_rows"], ["k"]),
        ("Neighbours", ["max_rows"], ["k"]),
        ("nothing", [], ["max_rows"]),
    ],
)
def test_a_new_model_needs_no_more_than_its_annotation(
    called: str, nullable: list[str], others: list[str], new: Path
) -> None:
    values = "".join(f"{name}: 3\n" for name in (*nullable, *others))
    (new / "fresh.yaml").write_text(f"_target_: adbench.models.brand_new.{called}\n{values}")
    for name in nullable:
        assert compose(["model=fresh", f"model.{name}=null"])["model"][name] is None
    for name in others:
        with pytest.raises(ConfigError, match=f"expected a whole number for model.{name}"):
            compose(["model=fresh", f"model.{name}=null"])
    assert "adbench.models.brand_new" not in sys.modules


def test_limits_of_the_top_and_of_the_executors_may_be_null() -> None:
    assert compose(["cache_gb=null"])["cache_gb"] is None
    assert compose(["controls.nearest_rows=null"])["controls"]["nearest_rows"] is None
    assert compose(["executor=slurm", "executor.memory_gb=null"], SWEEP)["executor"]["memory_gb"] is None
    with pytest.raises(ConfigError, match="expected a number for target_fpr"):
        compose(["target_fpr=null"])


def test_nothing_is_imported_to_compose(tmp_path: Path) -> None:
    overrides = ["model=knn,ocsvm", "model.max_rows=null", "trainer.min_steps=null", f"runs_dir={tmp_path}"]
    script = (
        "import sys\nfrom adbench.cli.main import app\n"
        f"try: app(['sweep', '--dry-run', *{overrides!r}])\nexcept SystemExit as end: assert not end.code, end.code\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "2 jobs" in done.stderr
    loaded = set(done.stderr.split())
    assert not loaded & {"torch", "sklearn", "pytorch_lightning", "adbench.training.settings"}
    assert not {
        name for name in loaded if name.startswith(("adbench.models.classical.", "adbench.evaluation.controls"))
    }
