"""UNSW-NB15 with its official partition: 175,341 training rows and 82,332 test rows.

Moustafa, Slay: "UNSW-NB15: a comprehensive data set for network intrusion detection systems", MilCIS 2015.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from adbench.config.paths import data_folder
from adbench.data import unswnb15
from adbench.data.base import DatasetInfo, Table
from adbench.data.reading.upstream import join, parse_csv, read_gzip
from adbench.data.unswnb15 import TYPES, to_table
from adbench.errors import DataError

INFO = DatasetInfo(
    title="UNSW-NB15: network flows, the official partition (the larger file is not bundled)",
    licence=unswnb15.INFO.licence,
    citation=unswnb15.INFO.citation,
    source=unswnb15.INFO.source,
    notes=(
        "The 175,341-row file (56,000 normal, 119,341 attacks) learns, the 82,332-row file tests; each is "
        "recognised by "
        "its rows.",
        *unswnb15.INFO.notes[:1],
        *unswnb15.INFO.notes[2:-1],
    ),
    # The sha256 are those of one copy. Names are swapped in many copies, and copies differ in line ends, so a file is
    # identified by its number of rows; its counts per kind must be as published, and contents that differ in more than
    # line ends are reported.
    files={
        "UNSW_NB15_testing-set.csv": "bec7dd5ec88dc2a0ccc7a07879d338395ed7421750f675fd0339e07dfe0648fa",
        "UNSW_NB15_training-set.csv": "734fe6642edf758f7c94d7d9149426b49d202fe8e7bf0bef47392489c3c0a559",
    },
    rows={"UNSW_NB15_testing-set.csv": 175_341, "UNSW_NB15_training-set.csv": 82_332},
    mirrors=unswnb15.INFO.mirrors,
    folder="unswnb15",  # next to the bundled file
    group="unswnb15",
)

_MARK = b"\xef\xbb\xbf"
TRAIN_ROWS, TEST_ROWS = INFO.rows.values()
_NAMES = "normal generic exploits fuzzers dos reconnaissance analysis backdoor shellcode worms".split()
_COUNTS = {
    TRAIN_ROWS: (56_000, 40_000, 33_393, 18_184, 12_264, 10_491, 2_000, 1_746, 1_133, 130),
    TEST_ROWS: (37_000, 18_871, 11_132, 6_062, 4_089, 3_496, 677, 583, 378, 44),
}
# As published by Moustafa and Slay: rows of a file -> kind -> its rows.
KINDS = {rows: dict(zip(_NAMES, counts, strict=True)) for rows, counts in _COUNTS.items()}


def load(folder: str | None = None, drop: list[str] | None = None) -> Table:
    """The 175,341-row file followed by the 82,332-row file, whatever their names.

    folder: contains both, gzip-compressed, in `unswnb15/`. drop: columns to leave out. Raises DataError if one is
    missing or does not have the rows of its partition.
    """
    root = Path(folder) if folder else data_folder()
    found = _find(root)
    parts = [parse_csv(found[n], root / str(n), TYPES, n, header=True) for n in (TRAIN_ROWS, TEST_ROWS)]
    fingerprints = {f"{n} rows": hashlib.sha256(found[n]).hexdigest() for n in (TRAIN_ROWS, TEST_ROWS)}
    is_test = np.repeat([False, True], [TRAIN_ROWS, TEST_ROWS])
    table = to_table("unswnb15_official", join(parts), is_test, fingerprints, drop)
    for n_rows, part in ((TRAIN_ROWS, ~is_test), (TEST_ROWS, is_test)):
        counts = dict(table.family[part].counts())
        for kind, n in KINDS[n_rows].items():
            if counts.pop(kind, 0) != n:
                got = int((table.family[part] == kind).sum())
                raise DataError(
                    f"expected {n:,} {kind} rows in the {n_rows:,}-row file of {root}, got {got:,}; the file was"
                    " altered: get another copy"
                )
    others = [f"{n:,}-row" for n in (TRAIN_ROWS, TEST_ROWS) if not _is_known(found[n])]
    said = (
        f"the bytes of the {' and the '.join(others)} file in {root / INFO.folder} are not those of a known copy,"
        " though columns, rows and kinds are: figures on it compare with nobody's",
    )
    return replace(table, notes=said) if others else table


def _is_known(content: bytes) -> bool:
    """True for the bytes of a known copy, up to line ends and a byte-order mark."""
    plain = content.removeprefix(_MARK).replace(b"\r\n", b"\n").rstrip(b"\n") + b"\n"
    texts = [text for body in (plain, plain.rstrip(b"\n")) for text in (body, body.replace(b"\n", b"\r\n"))]
    return any(
        hashlib.sha256(mark + text).hexdigest() in INFO.files.values() for text in texts for mark in (b"", _MARK)
    )


def _find(root: Path) -> dict[int, bytes]:
    """The two files by their number of rows."""
    found: dict[int, bytes] = {}
    paths = sorted(path for end in ("*.csv.gz", "*.csv") for path in (root / INFO.folder).glob(end))
    for path in paths:
        content = read_gzip(path)
        n_rows = content.rstrip().count(b"\n")  # the header's line end makes up for the last row's
        if n_rows in KINDS:
            found.setdefault(n_rows, content)
    missing = [f"{n:,}" for n in KINDS if n not in found]
    if missing:
        seen = ", ".join(map(str, paths)) or "no file"
        raise DataError(
            f"expected the {' and the '.join(missing)}-row file of UNSW-NB15 as .csv or .csv.gz in"
            f" {root / INFO.folder}, got {seen}; download both partitions from its authors and put them there"
        )
    return found
