"""Tests of atomic files, whatever happens to their writers."""

import multiprocessing
import os
import signal
import stat
from pathlib import Path

import pytest

from adbench.storage.atomic import remove_partials, replacing, target_of

SIZE = 1 << 20


def write(target: Path, content: bytes) -> None:
    with replacing(target) as partial:
        partial.write_bytes(content)


def write_often(target: Path, content: bytes, times: int) -> None:
    for _ in range(times):
        write(target, content)


def write_half_and_die(target: Path) -> None:
    with replacing(target) as partial:
        partial.write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), ValueError("not finite")])
@pytest.mark.parametrize("before", [b"whole", None])
def test_a_write_that_raises_midway_changes_nothing(tmp_path: Path, error: BaseException, before: bytes | None) -> None:
    target = tmp_path / "metrics.json"
    if before is not None:
        target.write_bytes(before)
    with pytest.raises(type(error)), replacing(target) as partial:  # noqa: PT012 - it is to raise half way
        partial.write_bytes(b"half")
        assert partial.parent == target.parent
        raise error
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == (
        {"metrics.json": before} if before is not None else {}
    )


def test_what_cannot_be_replaced_leaves_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        write(tmp_path / "taken", b"x")
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "never"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_two_processes_at_once_never_show_half_a_file(tmp_path: Path) -> None:
    target, contents = tmp_path / "shared", (b"a" * SIZE, b"b" * SIZE)
    write(target, contents[0])
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_often, args=(target, content, 50)) for content in contents]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        seen.add(target.read_bytes())
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert seen <= set(contents)
    assert [path.name for path in tmp_path.iterdir()] == ["shared"]


def test_two_blocks_of_one_process_do_not_share_a_path(tmp_path: Path) -> None:
    target = tmp_path / "shared"
    with replacing(target) as outer, replacing(target) as inner:
        outer.write_bytes(b"outer")
        inner.write_bytes(b"inner")
    assert target.read_bytes() == b"outer"  # the last to end


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_the_file_has_the_permissions_of_a_plain_open(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write(tmp_path / "replaced", b"x")
        (tmp_path / "plain").write_bytes(b"x")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("replaced", "plain")]
    assert modes == [0o666 & ~mask] * 2


def test_what_a_killed_process_left_is_removed_for_that_file_alone(tmp_path: Path) -> None:
    for name in ("model.json", "model.json.old", "[x].db"):
        writer = multiprocessing.get_context("spawn").Process(target=write_half_and_die, args=(tmp_path / name,))
        writer.start()
        writer.join()
        assert writer.exitcode == -signal.SIGKILL
    (tmp_path / "somebody's.partial").touch()
    (left,) = tmp_path.glob(".[[]x].db.*")
    left.with_name(f"{left.name}-journal").touch()
    for name in ("[x].db", "model.json"):
        remove_partials(tmp_path, name)
    assert {path.name[:-25] for path in tmp_path.glob(".*")} == {".model.json.old"}
    remove_partials(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["somebody's.partial"]


@pytest.mark.parametrize("name", ["x" * 255, "深" * 85])
def test_the_longest_name_can_be_written(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, b"x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["metrics.json", "a.b.partial", "x" * 250])
def test_what_a_killed_process_left_tells_what_it_was(tmp_path: Path, name: str) -> None:
    with replacing(tmp_path / name) as partial:
        left = partial.name
        partial.write_text("")
    assert target_of(left) == name[:200]
    assert target_of(f".{name}.partial") == name  # as 0.1.0 wrote it
    assert target_of(name) == name
