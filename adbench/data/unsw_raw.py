"""UNSW-NB15 before its partition: all 2.5 million flows, in the authors' four files.

Moustafa, Slay: "UNSW-NB15: a comprehensive data set for network intrusion detection systems", MilCIS 2015.

The layout is that of NUSW-NB15_features.csv, checked against public excerpts: rows of UNSW-NB15_4.csv in a survey of
datasets (blanks instead of zeros, ` Fuzzers `), rows of UNSW-NB15_1.csv in abc1258-wq/week2_project (under another
header) and hfcatucuamba/proyectoInternetworking (corrupted by a spreadsheet), ports such as 0x20205321 in other
people's code.
"""

from pathlib import Path
from typing import Any

import numpy as np

from adbench.arrays.categories import CategoryColumn
from adbench.config.paths import data_folder
from adbench.data import unswnb15
from adbench.data.base import NORMAL, DatasetInfo, Table
from adbench.data.reading.large_csv import Layout, find, first_line, read_large
from adbench.errors import DataError
from adbench.storage.scratch import Scratch

INFO = DatasetInfo(
    title="UNSW-NB15: all network flows, the four raw files (not bundled)",
    licence=unswnb15.INFO.licence,
    citation=unswnb15.INFO.citation,
    source=f"{unswnb15.INFO.source}: UNSW-NB15_1.csv to UNSW-NB15_4.csv, in data.folder or in its unsw_raw/",
    notes=(
        "No checksum of the files is published, so any bytes of their layout are read. Public copies have 2,540,047 "
        "rows, 2,218,764 of them normal; 2,540,044 are published.",
        "Left out, as in the official partition: srcip and dstip (attacks come from four addresses), sport and dsport "
        "(names rather than numbers, some of them hexadecimal, such as 0x000b), Stime and Ltime (they order the rows).",
        "Stime, the start of a flow in seconds, is its time: protocol=by_time learns from earlier flows than it tests.",
        "Columns are called as in data=unswnb15, which has one more, rate; the numbers are those of the same flows.",
        "ct_flw_http_mthd, is_ftp_login and ct_ftp_cmd are blank instead of 0 in most files; blanks are read as 0.",
        "is_ftp_login is called binary and takes values up to 4; it is kept as a number.",
        "Categories of attacks have blanks around them, and Backdoors are also called Backdoor; both are evened out.",
        "Rows repeat: see protocol.deduplicate=true.",
        "sttl, dttl and ct_state_ttl come from how the range was built and give most attacks away: report "
        "data.drop=[sttl,dttl,ct_state_ttl] as well.",
    ),
    folder="unsw_raw",
    group="unswnb15",
)
FILES = tuple(f"UNSW-NB15_{i}.csv" for i in range(1, 5))
FOLDERS = (INFO.folder, "UNSW-NB15 - CSV Files", "CSV Files", "unswnb15")
LEFT_OUT = ("srcip", "sport", "dstip", "dsport", "Stime", "Ltime")
CATEGORY, LABEL = "attack_cat", "label"
BLANKS = ("ct_flw_http_mthd", "is_ftp_login", "ct_ftp_cmd")
# In file order, from NUSW-NB15_features.csv, named as in the official partition if they occur there.
COLUMNS = tuple(
    """
    srcip sport dstip dsport proto state dur sbytes dbytes sttl dttl sloss dloss service sload dload spkts dpkts
    swin dwin stcpb dtcpb smean dmean trans_depth response_body_len sjit djit Stime Ltime sinpkt dinpkt tcprtt
    synack ackdat is_sm_ips_ports ct_state_ttl ct_flw_http_mthd is_ftp_login ct_ftp_cmd ct_srv_src ct_srv_dst
    ct_dst_ltm ct_src_ltm ct_src_dport_ltm ct_dst_sport_ltm ct_dst_src_ltm attack_cat label
    """.split()
)
LAYOUT = Layout(
    names=COLUMNS,
    numbers=tuple(name for name in COLUMNS if name not in (*LEFT_OUT, *unswnb15.CATEGORICAL, CATEGORY, LABEL)),
    categories=unswnb15.CATEGORICAL,
    labels=(CATEGORY, LABEL),
    may_lack=BLANKS,
    time="Stime",
)


def load(folder: str | None = None, drop: list[str] | None = None, scratch: Scratch | None = None) -> Table:
    """All flows; the protocol chooses the test rows.

    folder: contains UNSW-NB15_1.csv to UNSW-NB15_4.csv, compressed or not, directly or in `unsw_raw/`. drop: columns to
    leave out, such as [sttl,dttl,ct_state_ttl]. Raises DataError if a file is missing or has another layout.
    """
    paths = files_read(folder)
    for path in paths:
        _check_layout(path)
    rows = read_large(paths, LAYOUT, drop or [], scratch)
    category = _categories(rows.labels[CATEGORY])
    label = _labels(rows.labels[LABEL])
    if not np.array_equal(label == 0, category == NORMAL):
        row = int(np.argmax((label == 0) != (category == NORMAL)))
        raise DataError(
            f"expected label 0 just where attack_cat is blank, got row {row + 1:,} where not; get the files again"
        )
    blanks = {name: n for name, n in rows.lacking.items() if n}
    return Table(
        name="unsw_raw",
        features=rows.features,
        label=label,
        family=category,
        attack=category,
        is_test=np.zeros(len(rows), bool),
        fingerprints=rows.fingerprints,
        order=rows.order,
        notes=(
            f"no checksum of the raw UNSW-NB15 files is published: {len(rows):,} rows are read as they are",
            *(f"{n:,} blanks in {name} are read as 0" for name, n in blanks.items()),
        ),
    )


def files_read(folder: str | None = None, **_: Any) -> list[Path]:
    """The four files that `load` reads."""
    root = Path(folder) if folder else data_folder()
    found = {file: find(root, FOLDERS, file) for file in FILES}
    if missing := [file for file, path in found.items() if path is None]:
        raise DataError(
            f"expected {' and '.join(missing)} in {root} or in {root / INFO.folder}, got no such file; download the CSV"
            " files of UNSW-NB15 from its authors, and name their folder by data.folder="
        )
    return [path for path in found.values() if path is not None]


def _check_layout(path: Path) -> None:
    cells = first_line(path).split(",")
    if len(cells) != len(COLUMNS) or not cells[0].replace(".", "").isdigit():
        raise DataError(
            f"expected {len(COLUMNS)} values separated by commas and no header in {path}, got"
            f" {','.join(cells)[:60]!r}…; get a copy that is as its authors hand it out"
        )


def _categories(column: CategoryColumn) -> CategoryColumn:
    names = [name.lower().replace("backdoors", "backdoor") or NORMAL for name in column.values]
    return CategoryColumn.renamed(names, column.codes)


def _labels(column: CategoryColumn) -> np.ndarray:
    if unknown := set(column.values) - {"0", "1"}:
        raise DataError(f"expected the labels 0 and 1, got {min(unknown)!r}; get the files again")
    return np.array([int(value) for value in column.values], np.int8)[column.codes]
