"""Tests of fetching and verifying datasets, against folders and a server on this machine."""

import functools
import gzip
import http.server
import json
import os
import resource
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from adbench.cli.main import app
from adbench.data import catalogue as datasets
from adbench.data import download as fetching
from adbench.data import nslkdd
from adbench.errors import ConfigError, DataError

TRAIN, TEST = nslkdd.INFO.files


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; a file named *.short promises twice what it sends."""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        whole = Path(self.translate_path(self.path))
        short = whole.with_name(f"{whole.name}.short")
        if not short.is_file():
            super().do_GET()
            return
        content = short.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(2 * len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def mirror(tiny_data: Path, tmp_path: Path) -> Path:
    """A folder with both files, one compressed and one not."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    shutil.copy(tiny_data / "nslkdd" / f"{TRAIN}.gz", folder)
    (folder / TEST).write_bytes(gzip.decompress((tiny_data / "nslkdd" / f"{TEST}.gz").read_bytes()))
    return folder


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ADBENCH_DATA", str(tmp_path / "fetched"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "fetched" / "nslkdd"


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    servers = []

    def start(folder: Path) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def whole(target: Path) -> bool:
    """True if both files are there and correct, and nothing else is."""
    return sorted(path.name for path in target.iterdir()) == sorted(f"{file}.gz" for file in nslkdd.INFO.files) and all(
        not fetching.problem_of(target / f"{file}.gz", sha256, nslkdd.INFO.rows[file])
        for file, sha256 in nslkdd.INFO.files.items()
    )


@pytest.mark.parametrize("kind", ["folder", "file://", "http://", "folder with nslkdd/"])
def test_files_come_from_folders_and_servers(
    kind: str, mirror: Path, target: Path, serve: Callable[[Path], str], tiny_data: Path
) -> None:
    sources = {"folder": str(mirror), "file://": mirror.as_uri(), "folder with nslkdd/": str(tiny_data)}
    source = sources[kind] if kind in sources else serve(mirror)
    assert [file["status"] for file in datasets.fetch("nslkdd", source)] == ["fetched", "fetched"]
    assert whole(target)
    nslkdd.load()
    inode = (target / f"{TRAIN}.gz").stat().st_ino
    assert [file["status"] for file in datasets.fetch("nslkdd", "/nowhere")] == ["kept", "kept"]
    assert (target / f"{TRAIN}.gz").stat().st_ino == inode


def test_compression_does_not_change_with_the_clock(mirror: Path, target: Path) -> None:
    datasets.fetch("nslkdd", str(mirror))
    first = (target / f"{TEST}.gz").read_bytes()
    (target / f"{TEST}.gz").unlink()
    time.sleep(1.1)
    datasets.fetch("nslkdd", str(mirror))
    assert (target / f"{TEST}.gz").read_bytes() == first


def spoil_page(mirror: Path) -> str:
    (mirror / f"{TRAIN}.gz").write_bytes(b"\n<!DOCTYPE html><html>please log in</html>")
    return "a web page"


def spoil_truncated(mirror: Path) -> str:
    content = (mirror / f"{TRAIN}.gz").read_bytes()
    (mirror / f"{TRAIN}.gz").write_bytes(content[: len(content) // 2])
    return "truncated"


def spoil_altered(mirror: Path) -> str:
    content = gzip.decompress((mirror / f"{TRAIN}.gz").read_bytes()).replace(b"neptune", b"normal", 1)
    (mirror / f"{TRAIN}.gz").write_bytes(gzip.compress(content))
    return "an altered or another file"


def spoil_missing(mirror: Path) -> str:
    (mirror / f"{TRAIN}.gz").unlink()
    return "gave nothing"


def spoil_short(mirror: Path) -> str:
    path = mirror / f"{TRAIN}.gz"
    path.rename(f"{path}.short")
    return "no whole file|truncated"


SPOILS = [spoil_page, spoil_truncated, spoil_altered, spoil_missing, spoil_short]


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_bad_mirror_leaves_nothing_and_the_next_one_serves(
    spoil: Callable[[Path], str],
    mirror: Path,
    target: Path,
    serve: Callable[[Path], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(mirror, bad)
    sentence = spoil(bad)
    url = serve(bad)
    with pytest.raises(DataError, match=sentence) as caught:
        datasets.fetch("nslkdd", url)
    assert "\n" not in str(caught.value)
    assert not target.exists()
    monkeypatch.setattr(nslkdd, "INFO", replace(nslkdd.INFO, mirrors=(url, str(mirror))))
    assert [file["from"] for file in datasets.fetch("nslkdd")] == [
        str(mirror / f"{TRAIN}.gz"),
        f"{url}/{TEST.replace('+', '%2B')}",
    ]
    assert whole(target)


def test_a_server_that_is_away_and_addresses_that_are_none(target: Path, serve: Callable[[Path], str]) -> None:
    for source, sentence in {
        "http://127.0.0.1:9": "no answer",
        "/nowhere": "no folder",
        "ftp://somewhere/data": "http, https or file",
    }.items():
        with pytest.raises((DataError, ConfigError), match=sentence):
            datasets.fetch("nslkdd", source)
        assert not target.exists()


def refuse(request: Handler) -> None:
    request.send_error(403)


def stall(request: Handler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"half")
    time.sleep(0.6)


def babble(request: Handler) -> None:
    request.wfile.write(b"what?")


@pytest.mark.parametrize(
    ("answer", "words"),
    [(refuse, "status 403"), (stall, r"no answer \(timed out\)"), (babble, r"no whole file \(BadStatusLine\)")],
)
def test_a_server_that_does_not_give_the_file_is_said(
    answer: Callable[[Handler], None],
    words: str,
    mirror: Path,
    target: Path,
    serve: Callable[[Path], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetching, "TIMEOUT_SECONDS", 0.2)
    monkeypatch.setattr(Handler, "do_GET", answer)
    with pytest.raises(DataError, match=words):
        datasets.fetch("nslkdd", serve(mirror))
    assert not target.exists()


def test_without_a_mirror_the_sentence_says_where_to_get_the_files(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nslkdd, "INFO", replace(nslkdd.INFO, mirrors=()))
    with pytest.raises(DataError, match=r"University of New Brunswick.*--from FOLDER"):
        datasets.fetch("nslkdd")


def test_an_altered_file_on_disk_is_replaced_but_not_lost(mirror: Path, target: Path) -> None:
    datasets.fetch("nslkdd", str(mirror))
    path = target / f"{TRAIN}.gz"
    path.write_bytes(b"half")
    with pytest.raises(DataError):
        datasets.fetch("nslkdd", "/nowhere")
    assert path.read_bytes() == b"half"
    told: list[str] = []
    assert [file["status"] for file in datasets.fetch("nslkdd", str(mirror), told.append)] == ["fetched", "kept"]
    assert "is replaced" in told[0]
    assert whole(target)


def test_an_interrupted_download_leaves_nothing_and_starts_again(
    mirror: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(source: str, partial: Path) -> None:
        Path(partial).write_bytes(b"the first half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", interrupted)
        assert invoke("data", "fetch", "nslkdd", "--from", str(mirror)).exit_code == 130
    assert not target.exists()
    # The next download removes the remains of kill -9, once they are certainly abandoned.
    target.mkdir(parents=True)
    killed, running = target / f".{TRAIN}.gz.old.partial", target / f".{TRAIN}.gz.new.partial"
    killed.write_bytes(b"half")
    running.write_bytes(b"half")
    os.utime(killed, (1, 1))
    datasets.fetch("nslkdd", str(mirror))
    assert (killed.exists(), running.exists()) == (False, True)
    running.unlink()
    assert whole(target)


@pytest.mark.parametrize("source", ["folder", "http"])
def test_a_full_disk_is_one_sentence(source: str, mirror: Path, target: Path, serve: Callable[[Path], str]) -> None:
    address = serve(mirror) if source == "http" else str(mirror)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(DataError, match="got a full disk; make room") as caught:
            datasets.fetch("nslkdd", address)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert not target.exists()


def test_a_data_folder_that_is_a_file(mirror: Path, target: Path) -> None:
    target.parent.write_text("")
    with pytest.raises(DataError, match="ADBENCH_DATA"):
        datasets.fetch("nslkdd", str(mirror))


def test_the_commands(mirror: Path, target: Path) -> None:
    result = invoke("data", "fetch", "nslkdd", "--from", str(mirror), "--json")
    assert [file["status"] for file in json.loads(result.stdout)["files"]] == ["fetched", "fetched"]
    assert "copying" in result.stderr
    assert invoke("data", "verify").exit_code == 0
    assert "3,000" in invoke("data", "verify", "nslkdd").stdout
    for name in ("fetch", "verify"):
        assert "upstream files" in invoke("data", name, "table").stderr
        assert "did you mean nslkdd" in invoke("data", name, "nslkd").stderr


def test_verify_names_what_is_wrong(mirror: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets.fetch("nslkdd", str(mirror))
    train, test = target / f"{TRAIN}.gz", target / f"{TEST}.gz"
    train.rename(target / "third")
    test.rename(train)
    (target / "third").rename(test)
    result = invoke("data", "verify", "nslkdd", "--json")
    assert result.exit_code == 2
    files = json.loads(result.stdout)["files"]
    assert [file["status"] for file in files] == ["wrong", "wrong"]
    assert f"which is {TEST}: the names were swapped" in files[0]["problem"]
    assert result.stderr.count("\n") == 2

    train.unlink()
    test.write_bytes(b"<html>")
    assert [file["status"] for file in datasets.verify() if file["dataset"] == "nslkdd"] == ["absent", "wrong"]
    assert datasets.verify("nslkdd")[0]["problem"] == "nothing"
    test.unlink()
    assert invoke("data", "verify").exit_code == 0
    assert invoke("data", "verify", "nslkdd").exit_code == 2


def test_verify_counts_rows(mirror: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets.fetch("nslkdd", str(mirror))
    monkeypatch.setitem(nslkdd.INFO.rows, TRAIN, 2000)
    assert datasets.verify("nslkdd")[0]["problem"] == "3,000 lines instead of 2,000"


@pytest.mark.parametrize("source", ["http://[::1", "file://elsewhere/folder", "ftp://example.org/x"])
def test_an_address_that_is_none_is_one_sentence(source: str, target: Path) -> None:
    with pytest.raises(ConfigError, match="name .* with --from") as caught:
        datasets.fetch("nslkdd", source)
    assert "\n" not in str(caught.value)
