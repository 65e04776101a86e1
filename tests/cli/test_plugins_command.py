"""Tests of `--plugins` and `adbench plugins`, as typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from adbench.cli.main import _options_first

PUMP = Path(__file__).parent.parent / "fixtures" / "plugins" / "pump"


def adbench(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from adbench.cli.main import main; main()", *words]
    return subprocess.run(program, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("train model=x --plugins mine seed=1", "--plugins mine train model=x seed=1"),
        ("train --plugins=mine", "--plugins=mine train"),
        ("--plugins a train --plugins b", "--plugins a --plugins b train"),
        ("train -- --plugins mine", "train -- --plugins mine"),
        ("train --plugins", "train --plugins"),
        ("", ""),
    ],
)
def test_the_option_stands_anywhere(typed: str, first: str) -> None:
    assert _options_first(typed.split()) == first.split()


def test_a_folder_named_on_the_command_line(tmp_path: Path) -> None:
    listed = adbench("plugins", "list", "--json", "--plugins", str(PUMP), cwd=tmp_path)
    (plugin,) = json.loads(listed.stdout)["plugins"]
    assert plugin["name"] == "pump"
    assert plugin["options"]["model"] == ["centre"]
    checked = adbench("plugins", "check", "--plugins", str(PUMP), "pump", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "ok     threshold=highest: a run on a small table" in checked.stdout
    assert checked.stdout.splitlines()[-1] == "13 passed, 0 failed"
    assert list(tmp_path.iterdir()) == []


def test_a_plugin_that_fails_its_check_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad" / "models").mkdir(parents=True)
    (tmp_path / "bad" / "configs" / "model").mkdir(parents=True)
    (tmp_path / "bad" / "configs" / "model" / "same.yaml").write_text("# All alike.\n_target_: models.same.Same\n")
    (tmp_path / "bad" / "models" / "same.py").write_text(
        "import numpy as np\nfrom adbench.models.base import ClassicalDetector\n\n\n"
        "class Same(ClassicalDetector):\n    def __init__(self, columns):\n        super().__init__()\n\n"
        "    def learn(self, x):\n        return {}\n\n    def score(self, x):\n        return np.zeros(len(x))\n"
    )
    done = adbench("plugins", "check", "--json", "--plugins", "bad", cwd=tmp_path)
    assert done.returncode == 1
    (failed,) = [one for one in json.loads(done.stdout)["checks"] if "ranks" in one["check"]]
    assert "expected strange rows to outscore usual ones" in failed["error"]


@pytest.mark.parametrize("words", [("plugins", "list"), ("plugins", "list", "--json")])
def test_a_folder_that_is_none_is_one_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = adbench(*words, "--plugins", "nowhere", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("adbench: expected a plugin folder, got ")
    assert done.stderr.count("\n") == 1
    assert ("--json" in words) == done.stdout.startswith("{")
