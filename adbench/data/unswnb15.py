"""UNSW-NB15: flows of a cyber range with synthetic attacks; only the 82,332-row partition.

Moustafa, Slay: "UNSW-NB15: a comprehensive data set for network intrusion detection systems", MilCIS 2015.
"""

from pathlib import Path

import numpy as np

from adbench.arrays.categories import CategoryColumn
from adbench.config.paths import data_folder
from adbench.data.base import NORMAL, DatasetInfo, Table
from adbench.data.reading.upstream import (
    CATEGORY,
    NUMBER,
    Columns,
    read_columns,
    take_codes,
    take_features,
    take_whole_numbers,
)
from adbench.errors import DataError

INFO = DatasetInfo(
    title="UNSW-NB15: network flows, the 82,332-row partition with a seeded split",
    licence="free for academic research; commercial use must be agreed with its authors",
    citation="N. Moustafa, J. Slay, UNSW-NB15: a comprehensive data set for network intrusion detection systems "
    "(UNSW-NB15 network data set), Military Communications and Information Systems Conference (MilCIS), 2015",
    source="UNSW Canberra, The UNSW-NB15 Dataset, https://research.unsw.edu.au/projects/unsw-nb15-dataset",
    notes=(
        "id counts the rows, which lie sorted by label; it is dropped.",
        "28,386 rows repeat an earlier one.",
        "sttl, dttl and ct_state_ttl come from how the range was built and reach AUROC .89 alone: report "
        "data.drop=[sttl,dttl,ct_state_ttl] as well.",
        "is_ftp_login is called binary and takes the value 2 in 4 rows; it is kept as a number.",
        "service - means unknown, and is a value of its own.",
        "The names of the two partitions are swapped in many copies: this is the one of 82,332 rows.",
    ),
    # The names of the two partitions are swapped in many copies: rows and sha256 identify a file.
    files={"UNSW_NB15_training-set.csv": "734fe6642edf758f7c94d7d9149426b49d202fe8e7bf0bef47392489c3c0a559"},
    rows={"UNSW_NB15_training-set.csv": 82_332},
    mirrors=(),  # its authors distribute it through a web page
    folder="unswnb15",
)


CATEGORICAL = ("proto", "service", "state")  # "-" in service means unknown, and remains a value of its own
COLUMNS = tuple(
    """
    id dur proto service state spkts dpkts sbytes dbytes rate sttl dttl sload dload sloss dloss sinpkt dinpkt sjit djit
    swin stcpb dtcpb dwin tcprtt synack ackdat smean dmean trans_depth response_body_len ct_srv_src ct_state_ttl
    ct_dst_ltm ct_src_dport_ltm ct_dst_sport_ltm ct_dst_src_ltm is_ftp_login ct_ftp_cmd ct_flw_http_mthd ct_src_ltm
    ct_srv_dst is_sm_ips_ports attack_cat label
    """.split()
)
TYPES = {name: CATEGORY if name in (*CATEGORICAL, "attack_cat") else NUMBER for name in COLUMNS}


def load(folder: str | None = None, drop: list[str] | None = None) -> Table:
    """The partition of 37,000 normal and 45,332 attack rows. Without a test part: the protocol chooses the test rows.

    folder: contains `unswnb15/UNSW_NB15_training-set.csv.gz`; by default the bundled one. drop: columns to leave out,
    such as [sttl,dttl,ct_state_ttl], which reveal most attacks. Raises DataError if the file is missing, altered or
    malformed.
    """
    root = (Path(folder) if folder else data_folder()) / "unswnb15"
    columns, _ = read_columns(root, INFO.files, INFO.rows, TYPES, header=True)
    return to_table("unswnb15", columns, np.zeros(sum(INFO.rows.values()), dtype=bool), INFO.files, drop)


def to_table(
    name: str, columns: Columns, is_test: np.ndarray, fingerprints: dict[str, str], drop: list[str] | None
) -> Table:
    """The columns as a table, for both partitions. `id` is removed: it counts rows that are sorted by label."""
    del columns["id"]
    label = take_whole_numbers(columns, "label").astype(np.int8)
    categories, codes = take_codes(columns, "attack_cat")
    category = CategoryColumn.renamed(np.char.lower(categories), codes)
    if not np.array_equal(label == 0, category == NORMAL):
        raise DataError("expected label 0 just where attack_cat is Normal, got rows that differ; fetch the file again")
    return Table(
        name=name,
        features=take_features(columns, drop),
        label=label,
        family=category,
        attack=category,
        is_test=is_test,
        fingerprints=fingerprints,
    )
