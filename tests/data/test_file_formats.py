"""Tests of data=table on common file formats, recognised by first bytes; others are named, with a remedy."""

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import pickle
import random
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import assume, given, settings
from test_user_table import Write, as_csv, rows_of, tables, write

from adbench.config import extras
from adbench.data.base import Table
from adbench.data.reading.formats import packed
from adbench.data.table import load
from adbench.errors import AdbenchError, ConfigError, DataError
from adbench.runner.run import train
from adbench.storage import spool
from adbench.storage.scratch import Scratch

__all__ = ["write"]  # a fixture

Columns = dict[str, list[Any]]

N_ROWS = 40
SENSORS: Columns = {
    "level": [round(0.25 * i - 3, 2) for i in range(N_ROWS)],
    "pump 1": ["on" if i % 3 else "it's off" for i in range(N_ROWS)],
    "count": [(7 * i) % 11 for i in range(N_ROWS)],
    "y": [int(i % 10 == 9) for i in range(N_ROWS)],
}
X = np.array([SENSORS["level"], SENSORS["count"]]).T
Y = np.array(SENSORS["y"])


def csv_text(columns: Columns) -> str:
    text = as_csv(columns)
    return as_csv(columns, quoting=csv.QUOTE_ALL) if "\r" in text else text  # Python leaves a lone CR unquoted


def csv_bytes(columns: Columns) -> bytes:
    return csv_text(columns).encode()


def as_zip(files: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, of_file in files.items():
            archive.writestr(name, of_file)
    return content.getvalue()


def as_stream(columns: Columns, new: Callable[..., Any], **options: Any) -> bytes:
    table, sink = pa.table(columns), pa.BufferOutputStream()
    with new(sink, table.schema, **options) as writer:
        writer.write_table(table, max_chunksize=3)
    return sink.getvalue().to_pybytes()


def quoted(value: Any) -> str:
    text = str(value)
    for character, word in {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r"}.items():
        text = text.replace(character, word)
    return f"'{text}'"


def as_arff(columns: Columns, sparse: bool = False) -> bytes:
    lines = ["% made for a test", "@RELATION rows", ""]
    for name, values in columns.items():
        is_text = any(isinstance(value, str) for value in values)
        kinds = ", ".join(quoted(value) for value in dict.fromkeys(values))
        lines.append(f"@attribute {quoted(name)} {'{' + kinds + '}' if is_text else 'real'}")
    lines += ["@data"]
    for row in zip(*columns.values(), strict=True):
        cells = [quoted(value) if isinstance(value, str) else f"{value!r}" for value in row]
        if sparse:
            left_out = [next(iter(values)) if isinstance(values[0], str) else 0 for values in columns.values()]
            pairs = [f"{i} {cell}" for i, cell in enumerate(cells) if row[i] != left_out[i]]
            lines.append("{" + ", ".join(pairs) + "}")
        else:
            lines.append(" , ".join(cells))
    return "\n".join(lines).encode()


def as_workbook(*sheets: tuple[str, list[list[Any]]]) -> bytes:
    """The minimal parts of an Excel workbook."""

    def cell(value: Any) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>' if value else "<c/>"
        return f"<c><v>{value!r}</v></c>"

    office = "http://schemas.openxmlformats.org"
    main, relation = f"{office}/spreadsheetml/2006/main", f"{office}/officeDocument/2006/relationships"

    def relations(*targets: tuple[str, str]) -> str:
        body = "".join(
            f'<Relationship Id="r{i}" Type="{relation}/{kind}" Target="{target}"/>'
            for i, (kind, target) in enumerate(targets, start=1)
        )
        return f'<Relationships xmlns="{office}/package/2006/relationships">{body}</Relationships>'

    entries, parts = "", {"_rels/.rels": relations(("officeDocument", "xl/workbook.xml"))}
    for i, (name, rows) in enumerate(sheets, start=1):
        entries += f'<sheet name="{name}" sheetId="{i}" r:id="r{i}" xmlns:r="{relation}"/>'
        body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
        parts[f"xl/worksheets/s{i}.xml"] = f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>'
    parts["[Content_Types].xml"] = f'<Types xmlns="{office}/package/2006/content-types"/>'
    parts["xl/workbook.xml"] = f'<workbook xmlns="{main}"><sheets>{entries}</sheets></workbook>'
    targets = [("worksheet", f"worksheets/s{i}.xml") for i in range(1, len(sheets) + 1)]
    parts["xl/_rels/workbook.xml.rels"] = relations(*targets)
    return as_zip({name: text.encode() for name, text in parts.items()})


def as_sheet(columns: Columns) -> bytes:
    return as_workbook(("rows", [list(columns), *map(list, zip(*columns.values(), strict=True))]))


def as_records(columns: Columns) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def as_parquet(columns: Columns) -> bytes:
    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def as_feather(columns: Columns) -> bytes:
    content = io.BytesIO()
    pyarrow.feather.write_feather(pa.table(columns), content, chunksize=3)
    return content.getvalue()


def lines(columns: Columns) -> bytes:
    return "".join(f"{json.dumps(record)}\n" for record in as_records(columns)).encode()


def zstandard(content: bytes) -> bytes:
    return pa.Codec("zstd").compress(content, asbytes=True)


FORMATS: dict[str, Callable[[Columns], bytes]] = {
    "CSV": csv_bytes,
    "UTF-16": lambda columns: csv_text(columns).encode("utf-16"),
    "UTF-16, the other way round": lambda columns: b"\xfe\xff" + csv_text(columns).encode("utf-16-be"),
    "UTF-32": lambda columns: csv_text(columns).encode("utf-32"),
    "UTF-8 with a mark": lambda columns: b"\xef\xbb\xbf" + csv_bytes(columns),
    "bzip2": lambda columns: bz2.compress(csv_bytes(columns)),
    "xz": lambda columns: lzma.compress(csv_bytes(columns)),
    "Zstandard": lambda columns: zstandard(csv_bytes(columns)),
    "zip": lambda columns: as_zip({"rows.csv": csv_bytes(columns)}),
    "zip of gzip of UTF-16": lambda columns: as_zip({"rows": gzip.compress(csv_text(columns).encode("utf-16"))}),
    "Parquet": as_parquet,
    "Parquet in zip": lambda columns: as_zip({"rows": as_parquet(columns)}),
    "Feather": as_feather,
    "Arrow": lambda columns: as_stream(columns, pa.ipc.new_file),
    "Arrow stream in gzip": lambda columns: gzip.compress(as_stream(columns, pa.ipc.new_stream)),
    "ARFF": as_arff,
    "sparse ARFF": lambda columns: as_arff(columns, sparse=True),
    "JSON lines": lines,
    "JSON lines in Zstandard": lambda columns: zstandard(lines(columns)),
    "JSON list": lambda columns: json.dumps(as_records(columns), indent=1).encode(),
    "Excel": as_sheet,
}
# Read a column at a time, so that they may be larger than memory.
STREAMED = [*list(FORMATS)[:11], "Feather", "Arrow"]


def on_disk(path: str, limit: float, **keys: Any) -> Table:
    with Scratch(0.0) as scratch:
        scratch.limit = limit
        return load(path, scratch=scratch, **keys)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_table(name: str, write: Write) -> None:
    path = write(FORMATS[name](SENSORS), "rows")
    found = [load(path, label="y"), on_disk(path, -1.0 if name in STREAMED else 1e9, label="y")]
    for table in found:
        assert rows_of(table) == {key: SENSORS[key] for key in ("level", "pump 1", "count")}
        assert table.label.tolist() == SENSORS["y"]
        assert list(table.fingerprints) == [path]


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in STREAMED])
def test_what_is_not_read_a_column_at_a_time_says_so(name: str, write: Write) -> None:
    with pytest.raises(
        DataError, match=r"expected a table that fits in memory_gb .*(convert it to|unpack it).*, or raise"
    ):
        on_disk(write(FORMATS[name](SENSORS), "rows"), -1.0, label="y")


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=8)
@given(columns=tables())
def test_what_is_written_is_read_back_from_every_format(name: str, columns: Columns) -> None:
    if name == "Excel":  # whose XML has one line end, and no blanks around a name
        columns = {key.strip(): [v.replace("\r", "") if isinstance(v, str) else v for v in values]
                   for key, values in columns.items() if "\r" not in key}  # fmt: skip
    assume(len(columns) > 1)
    assume(not set("".join(columns)) & set(",;|\t"))  # ambiguous separators raise a question
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        path.write_bytes(FORMATS[name](columns))
        table = load(str(path), label="label", normal=0)
    assert rows_of(table) == {key: values for key, values in columns.items() if key != "label"}
    assert table.label.tolist() == columns["label"]


def mat(**arrays: Any) -> bytes:
    import scipy.io

    content = io.BytesIO()
    scipy.io.savemat(content, arrays, do_compression=bool(arrays.pop("packed", False)))
    return content.getvalue()


def npz(**arrays: Any) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def npy(array: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def sparse(array: Any) -> Any:
    import scipy.sparse

    return scipy.sparse.csc_matrix(array)


MATRICES: dict[str, Callable[[], bytes]] = {
    "ODDS": lambda: mat(X=X, y=Y[:, None].astype(np.uint8), remark="not a number"),
    "packed": lambda: mat(X=X.astype(np.float32), y=Y.astype(bool), packed=True),
    "sparse": lambda: mat(X=sparse(X), y=Y.astype(float)),
    "ADBench": lambda: npz(X=X, y=Y),
    "half precision, big-endian": lambda: npz(X=X.astype(">f2"), y=Y.astype(">i4")),
    "in zip": lambda: as_zip({"rows": mat(X=X, y=Y)}),
}


@pytest.mark.parametrize("name", MATRICES)
def test_x_and_y_have_no_names_but_a_label(name: str, write: Write, caplog: pytest.LogCaptureFixture) -> None:
    path = write(MATRICES[name](), "rows")
    for table in (load(path), on_disk(path, 1e9)):
        assert rows_of(table) == {"x1": SENSORS["level"], "x2": SENSORS["count"]}
        assert table.label.tolist() == SENSORS["y"]
        assert "y, which is beside X, is taken as the label" in table.notes[0]
    named = load(path, header=["level", "count", "failed"], label="failed")
    assert rows_of(named) == {"level": SENSORS["level"], "count": SENSORS["count"]}
    with pytest.raises(DataError, match=r"fits in memory_gb .*got about .*(MATLAB|NumPy archive)"):
        on_disk(path, -1.0)


def test_a_matrix_alone_and_an_array_with_names(write: Write) -> None:
    path = write(npy(np.c_[X, Y]))
    assert rows_of(load(path, label="x3")) == {"x1": SENSORS["level"], "x2": SENSORS["count"]}
    with pytest.raises(ConfigError, match="expected data.label to name a column .*got 'y'; there is x1, x2, x3"):
        load(path)
    records = np.rec.fromarrays([X[:, 0], Y], names="level,failed")
    assert rows_of(load(write(npy(records)), label="failed")) == {"level": SENSORS["level"]}


def test_what_arff_declares_is_kept(write: Write) -> None:
    path = write(
        "% a remark\r\n@relation 'two words'\r\n@ATTRIBUTE service {1, 2,'dark blue'}\r\n@attribute\tbytes INTEGER\r\n"
        '@attribute land {0,1}\r\n@attribute "it\'s" string\r\n@attribute class {normal,anomaly}\r\n\r\n@DATA\r\n'
        "1,+10,0,a,normal\r\n% between\r\n 2 , ?,1,'b,%\\'',anomaly\r\n'dark blue',3e1,?,\"a\",normal\r\n"
    )
    table = load(path, label="class", missing="impute")
    assert rows_of(table) == {
        "bytes": [10, 0, 30],
        "bytes is missing": [0, 1, 0],
        "service": ["1", "2", "dark blue"],
        "land": ["0", "1", "<missing>"],
        "it's": ["a", "b,%'", "a"],
    }
    assert table.label.tolist() == [0, 1, 0]
    # A list makes it final: then numbers are numbers.
    named = load(path, label="class", missing="impute", categorical=["service", "it's"])
    assert rows_of(named)["land"] == [0, 1, 0]


def test_two_files_may_declare_their_values_in_another_order(write: Write) -> None:
    text = "@relation r\n@attribute k {%s}\n@attribute y {0,1}\n@data\n%s\n"
    paths = [write(text % ("a,b", "a,0\nb,1"), "1.arff"), write(text % ("b,c,a", "c,0\na,1"), "2.arff")]
    assert rows_of(load(paths, label="y")) == {"k": ["a", "b", "c", "a"]}


def test_a_dictionary_declares_categories(write: Write) -> None:
    codes = pa.array(["6", "17", "6", "17"]).dictionary_encode()
    path = write(b"", "rows.parquet")
    pyarrow.parquet.write_table(pa.table({"proto": codes, "x": [1, 2, 3, 4], "y": [0, 1, 0, 1]}), path)
    assert rows_of(load(path, label="y")) == {"proto": ["6", "17", "6", "17"], "x": [1, 2, 3, 4]}


def test_json_records_may_lack_values_and_texts_stay_texts(write: Write) -> None:
    records = [{"x": 1, "day": "2017-07-03", "y": 0}, {"day": "2017-07-04", "y": 1}, {"x": 2.5, "day": None, "y": 1}]
    for content in ("\n".join(map(json.dumps, records)), json.dumps(records)):
        table = load(write(content), label="y", normal=0, missing="impute", categorical=["day"])
        assert rows_of(table) == {
            "x": [1, 0, 2.5],
            "x is missing": [0, 1, 0],
            "day": ["2017-07-03", "2017-07-04", "<missing>"],
        }


def test_the_sheet_and_the_file_that_are_meant_are_asked(write: Write) -> None:
    cells = [["SWaT", "", ""], ["level", "y", ""], [1.5, 0, ""], [2.5, 1, ""], ["", "", ""]]
    path = write(as_workbook(("days", cells), ("notes", [["of 2015"]]), ("empty", [])))
    with pytest.raises(ConfigError, match=r"expected one sheet .*got 2: days, notes; name one by data\.member=days"):
        load(path, label="y")
    assert rows_of(load(path, label="y", member="days", skip_rows=1)) == {"level": [1.5, 2.5]}
    with pytest.raises(ConfigError, match="name a sheet of .*got 'day'; there is days, notes"):
        load(path, label="y", member="day")
    rows = csv_bytes(SENSORS)
    path = write(
        as_zip({"a/train.csv": rows, "a/test.csv": rows, "__MACOSX/a/._test.csv": b"\x00", "a/.DS_Store": b""})
    )
    with pytest.raises(
        DataError, match=r"got 2 files: a.train\.csv, a.test\.csv; name one by data\.member=a.test\.csv"
    ):
        load(path, label="y")
    assert len(load(path, label="y", member="a/train.csv")) == N_ROWS
    with pytest.raises(DataError, match="data.member to name a file in .*got 'b'"):
        load(path, label="y", member="b")
    with pytest.raises(ConfigError, match="for data.member, got .*which has one table"):
        load(write(rows), label="y", member="a")


def test_excel_without_its_package_is_one_sentence(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"the package python_calamine for the workbook .*\[excel\]"):
        load(write(as_sheet(SENSORS)), label="y")


def test_a_bomb_is_refused_before_it_fills_the_memory(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_BYTES", 1 << 16)
    content = b"x,y\n" + b"1,0\n" * (1 << 20)
    for bomb in (gzip.compress(content), bz2.compress(content), lzma.compress(content), as_zip({"rows.csv": content}),
                 gzip.compress(gzip.compress(content)), npz(X=np.zeros((10**6, 2)), y=np.zeros(10**6))):  # fmt: skip
        with pytest.raises(DataError, match="200 times its own size or a bomb; unpack it if you trust it"):
            load(write(bomb), label="y")


def test_a_folder_is_its_tables_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "days"
    (folder / "deeper").mkdir(parents=True)
    for name, rows in {"tuesday.csv": "2,0", "monday.csv": "1,1", "wednesday.CSV": "3,0"}.items():
        (folder / name).write_text(f"x,y\n{rows}\n")
    hidden = {"._monday.csv": b"\x00\x05", ".DS_Store": b"", "README.txt": b"read me", "_SUCCESS": b"", "a.md": b"a"}
    for name, content in {**hidden, "deeper/other.csv": b"a,b\n"}.items():
        (folder / name).write_bytes(content)
    table = load(str(folder), label="y")
    assert rows_of(table) == {"x": [1, 2, 3]}
    assert table.notes[0] == f"3 files of {folder} are read, from monday.csv to wednesday.CSV"
    (folder / "friday.csv").write_text("x,label\n1,0\n")
    with pytest.raises(DataError, match=r"expected the columns of .*friday\.csv in .*monday\.csv, got no 'label'"):
        load(str(folder), label="y")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"expected tables such as \.csv files in .*, got none; name the files, as in"):
        load(str(tmp_path / "empty"), label="y")


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], None]]:
    """Standard input, piped into several processes in turn."""

    def pipe(content: bytes) -> None:
        spool._standard_input.cache_clear()
        monkeypatch.delenv(spool._VARIABLE, raising=False)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    monkeypatch.setenv(spool._VARIABLE, "")
    yield pipe
    spool._standard_input.cache_clear()


def test_standard_input_is_a_file_like_any_other(pipe: Callable[[bytes], None], write: Write, tmp_path: Path) -> None:
    content = gzip.compress(csv_bytes({name: 5 * values for name, values in SENSORS.items()}), mtime=0)
    overrides = ["data=table", "data.label=y", "model=pca", "model.n_components=1", "target_fpr=0.2", "cache=false"]
    named = train([*overrides, f"data.path={write(content)}", f"runs_dir={tmp_path / 'named'}"])
    for path in ("-", "/dev/stdin"):
        pipe(content)
        run = train([*overrides, f"data.path={path}", f"runs_dir={tmp_path / path.strip('/')}"])
        assert run.metrics["roc_auc"] == named.metrics["roc_auc"]
        assert run.folder.name == named.folder.name
        environment = json.loads((run.folder / "environment.json").read_text())
        assert list(environment["data_sha256"]) == ["standard input"]
        table = load(path, label="y")  # once more in the same process
        assert "what came through a pipe is not kept" in table.notes[0]
    pipe(b"")
    with pytest.raises(DataError, match="a header and rows in standard input, got an empty file"):
        load("-", label="y")


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = subprocess.Popen(["sh", "-c", f"printf 'x,y\\n1,0\\n2,1\\n' > {tmp_path / 'pipe'}"])
    for _ in range(2):
        assert rows_of(load(str(tmp_path / "pipe"), label="y")) == {"x": [1, 2]}
    writer.wait(5)


def test_a_terminal_is_no_table(monkeypatch: pytest.MonkeyPatch, pipe: Callable[[bytes], None]) -> None:
    pipe(b"x,y\n")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    with pytest.raises(DataError, match="got a terminal; pipe a table into the command"):
        load("-", label="y")


class Trap:
    """Raises when unpickled."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('it was unpickled')",)


BOMBS = np.array([[Trap(), Trap()], [Trap(), Trap()]], dtype=object)
REFUSED: dict[str, tuple[bytes, str]] = {
    "pickle": (pickle.dumps(Trap()), "a pickle, which can run code when it is opened; write it as Parquet"),
    "pickled npz": (npz(X=BOMBS, y=np.arange(2)), r"an array of objects, which is pickled .*save X\.astype\(float\)"),
    "pickled npy": (npy(BOMBS), "an array of objects, which is pickled"),
    "PyTorch": (as_zip({"rows/data.pkl": pickle.dumps(Trap())}), "a PyTorch file, which is pickled"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file; read its tables by h5py or pandas.read_hdf"),
    "MATLAB 7.3": (
        b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + b"\x89HDF",
        "which is HDF5; save it by save -v7",
    ),
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "pointer .*; run git lfs pull"),
    "HTML": (b"\r\n<!DOCTYPE html>\n<html><title>Log in</title>", "an HTML page, .* wants a login; download the file"),
    "xls": (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), r"an old workbook \(xls\) or document; save it as xlsx"),
    "docx": (as_zip({"word/document.xml": b""}), "a document of Office; save its table as CSV"),
    "SQLite": (b"SQLite format 3\x00" + bytes(99), "an SQLite database; export the table, as sqlite3"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3", "a PDF; get the table itself"),
    "image": (b"\x89PNG\r\n\x1a\n" + bytes(9), "an image; get a table of numbers"),
    "capture": (b"\xd4\xc3\xb2\xa1\x02\x00" + bytes(99), "a packet capture; make a table of its flows"),
    "tar": (gzip.compress(b"rows.csv".ljust(257, b"\x00") + b"ustar\x0000"), "a tar archive; unpack it"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(9), "a 7z archive; unpack it"),
    "R": (gzip.compress(b"RDX3\nX\n"), "an R file; write it by write.csv"),
    "XML": (b"<?xml version='1.0'?><rows/>", "XML; save the table as CSV"),
    "UTF-16 without a mark": ("x,y\n1,0\n".encode("utf-16-le"), "looks like utf-16le .*iconv -f utf-16le -t utf-8"),
    "bytes": (bytes(range(256)), "the byte 0x00 at position 0, as in no text"),
    "windows-1252": ("x,y\nnaïve – no,0\n".encode("cp1252"), "0xef at position 6 in line 2; .*iconv -f windows-1252"),
    "cut UTF-16": ("x,y\n1,0\n2,1".encode("utf-16")[:-1], "expected UTF-16 in .*as its byte-order mark says"),
    "packings": (gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"x,y\n1,0\n")))), "packings in packings"),
    "empty zip": (as_zip({}), "expected one table in .*, got none; pack one"),
    "other matrices": (mat(data=X, labels=Y), r"X \(rows, columns\) and y .*got data \(40, 2\), labels \(1, 40\)"),
    "windows": (npz(X=np.zeros((4, 3, 2)), y=np.zeros(4)), r"expected X of \(rows, columns\) .*got X of \(4, 3, 2\)"),
    "too few labels": (npz(X=X, y=Y[:3]), r"expected a label per row of X \(40, 2\) .*got y \(3,\)"),
    "complex": (npz(X=X * 1j, y=Y), "expected numbers in x1 of .*got complex128"),
    "columns of JSON": (b'{"x": {"0": 1}, "y": {"0": 0}}', "got one object of columns; write an object per line"),
    "list of JSON": (b'[{"x": 1, "y": 0}, [2, 1]]', "expected a list of JSON objects .*got list in row 2"),
    "words in JSON": (b'{"x": 1, "y": 0}\n{"x": "a", "y": 1}\n', "changed from number to string in row 2"),
    "words in a JSON list": (b'[{"x": 1, "y": 0}, {"x": "a", "y": 1}]', "values of one type in column 'x'"),
    "cut JSON": (b'{"x": 1, "y": 0}\n{"x": 2, "y"', "expected JSON records in"),
    "ARFF, wide row": (as_arff(SENSORS) + b"\n1,'on',2,0,5", "got 5 values for 4 columns in row 41"),
    "ARFF, a word": (as_arff({"x": [1, 2], "y": [0, 1]}) + b"\nhigh,1", "got 'high' for the number 'x' in row 3"),
    "ARFF, a value": (as_arff(SENSORS) + b"\n1,'On',2,0", "got 'On' for 'pump 1', which does not declare it in row 41"),
    "ARFF, a quote": (as_arff(SENSORS) + b"\n1,'on'off,2,0", "a quote that ends within a value, .* in row 41"),
    "ARFF, sparse": (as_arff(SENSORS) + b"\n{0 1}", "got 1 values for 4 columns in row 41"),
    "sparse ARFF": (as_arff(SENSORS, sparse=True) + b"\n{4 1}", "got the position 4 of 4 columns in row 41"),
    "sparse ARFF, dense": (as_arff(SENSORS, sparse=True) + b"\n1,'on',2,0", "among sparse rows in row 41"),
    "ARFF, bags": (b"@relation r\n@attribute b relational\n@data\n", "got 'relational' for 'b'"),
    "ARFF, cut": (b"@relation r\n@attribute x real\n", "expected @data and rows in .*got the end of the file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_read_is_named_with_what_to_do(case: str, write: Write) -> None:
    content, sentence = REFUSED[case]
    with pytest.raises(AdbenchError, match=sentence) as caught:
        load(write(content), label="y", normal=0)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("key", [{"separator": "tab"}, {"header": ["x", "y"]}, {"skip_rows": 1}])
def test_a_word_that_means_nothing_for_a_format_is_refused(key: dict[str, Any], write: Write) -> None:
    with pytest.raises(ConfigError, match=f"expected data.{next(iter(key))} for files of CSV.*which is ARFF; leave"):
        load(write(as_arff(SENSORS)), label="y", **key)


def corrupt(content: bytes, rng: random.Random) -> bytes:
    """The bytes with one or several corruptions."""
    damaged = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 3])):
        at, other, n = rng.randrange(len(damaged)), rng.randrange(len(damaged)), rng.randrange(1, 60)
        wrong = rng.choice(["cut", "bit", "swap", "twice", "gone", "noise", "nothing"])
        if wrong == "cut":
            damaged = damaged[: at + 1]
        elif wrong == "bit":
            damaged[at] ^= 1 << rng.randrange(8)
        elif wrong == "swap":
            damaged[at], damaged[other] = damaged[other], damaged[at]
        elif wrong == "twice":
            damaged[at:at] = damaged[at : at + n]
        elif wrong == "gone" and at > 0:
            del damaged[at : at + n]
        elif wrong == "noise":
            damaged[at:at] = rng.randbytes(n % 8)
        else:
            damaged[at : at + 4] = bytes(4)
    return bytes(damaged)


GOOD = {name: write_it(SENSORS) for name, write_it in FORMATS.items()} | {k: v() for k, v in MATRICES.items()}


@pytest.mark.parametrize("seed", range(50))
def test_a_damaged_file_is_a_table_or_one_sentence(seed: int, write: Write) -> None:
    rng = random.Random(seed)
    for name, content in GOOD.items():
        path = write(corrupt(content, rng), "rows")
        label = None if name in MATRICES else "y"
        for read in (load, lambda path, **keys: on_disk(path, 1e9, **keys)):
            said = ""
            try:
                read(path, label=label, missing="impute")
            except AdbenchError as error:
                said = str(error)
            assert "\n" not in said, name
            assert len(said) < 1000, name


LINES = as_csv(SENSORS).splitlines(keepends=True)


def records(content: str) -> list[str]:
    return [line.strip() for line in content.splitlines()[1:]]


@pytest.mark.parametrize("seed", range(50))
def test_damaged_lines_change_no_other_row(seed: int, write: Write) -> None:
    rng = random.Random(seed)
    wrong, lines = rng.choice(["cut", "swapped", "doubled", "header again", "encoding", "bytes"]), list(LINES)
    at, other = rng.randrange(1, len(lines)), rng.randrange(1, len(lines))
    content: bytes | None = None
    expected = list(range(N_ROWS))
    if wrong == "cut":
        content = "".join(lines).encode()[: -rng.randrange(1, 400)]
        expected = expected[: content.count(b"\n") - 1]  # except the last, which is truncated
    elif wrong == "swapped":
        lines[at], lines[other] = lines[other], lines[at]
        expected[at - 1], expected[other - 1] = expected[other - 1], expected[at - 1]
    elif wrong == "doubled":
        lines.insert(at, lines[at])
        expected.insert(at, at - 1)
    elif wrong == "header again":
        lines.insert(at, lines[0])
    elif wrong == "encoding":
        content = "".join(lines).encode(rng.choice(["utf-16", "utf-32", "utf-8-sig", "utf-16-le", "cp037"]))
    else:
        lines[at] = lines[at][: rng.randrange(len(lines[at]))] + rng.choice('"\x80\x00,;\n') + lines[at][3:]
        content = "".join(lines).encode("latin-1")
        expected.remove(at - 1)
    table, said = None, ""
    try:
        table = load(write(content or "".join(lines)), label="y", missing="impute")
    except AdbenchError as error:
        said = str(error)
    if table is None:
        assert wrong in ("cut", "encoding", "bytes"), said
        assert re.search(r"row \d+|line \d+|rows\.csv", said), said
        return
    found = list(zip(*[rows_of(table)[name] for name in ("level", "pump 1", "count")], strict=True))
    true = list(zip(*[SENSORS[name] for name in ("level", "pump 1", "count")], strict=True))
    rows = [true[i] for i in expected]
    if wrong == "bytes":
        assert [row for row in found if row in rows] == rows
    else:
        assert found[: len(rows)] == rows
        assert len(found) <= len(rows) + (wrong == "cut")
