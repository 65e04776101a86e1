"""Tests of a run folder during writing."""

from pathlib import Path

import pytest

from adbench.errors import RunFolderError
from adbench.results.folder import RunFolder

CONFIG = {"seed": 0, "choices": {"model": "ae"}}


def test_what_a_killed_attempt_had_not_finished_is_gone_at_the_next(tmp_path: Path) -> None:
    killed = (".metrics.json.0123456789abcdef.partial", ".checkpoint.ckpt.partial")  # of this version, and of 0.1.0
    for name in killed:
        (tmp_path / name).write_text("half")
    (tmp_path / "notes.partial").write_text("somebody's")
    folder = RunFolder(tmp_path)
    folder.start(CONFIG)
    folder.unlock()
    assert {path.name for path in tmp_path.iterdir()} == {"config.yaml", "notes.partial"}


def test_a_file_that_cannot_be_made_leaves_the_old_one(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_json("metrics.json", {"roc_auc": 0.5})
    with pytest.raises(RunFolderError), folder._replacing("metrics.json") as partial:  # noqa: PT012
        partial.write_text("half")
        raise OSError("disk full")
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.json"]
    assert "0.5" in (tmp_path / "metrics.json").read_text()
