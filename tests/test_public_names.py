"""Tests of the public names of `import adbench`."""

import subprocess
import sys
from pathlib import Path

import pytest

import adbench


@pytest.mark.parametrize("name", [name for name in adbench.__all__ if name != "__version__"])
def test_a_public_name_is_a_function_and_no_room(name: str) -> None:
    assert callable(getattr(adbench, name))
    assert not (Path(adbench.__file__).parent / name).exists()


def test_none_is_imported_before_it_is_asked_for() -> None:
    script = (
        "import adbench, sys; print(len([m for m in sys.modules if m.startswith('adbench')]), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "False"]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        adbench.nothing  # noqa: B018


def test_at_most_four_modules_lie_loose() -> None:
    assert len(list(Path(adbench.__file__).parent.glob("*.py"))) <= 4
