"""NSL-KDD: KDD Cup 99 without its duplicate rows.

Tavallaee, Bagheri, Lu, Ghorbani: "A Detailed Analysis of the KDD CUP 99 Data Set", CISDA 2009.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from adbench.arrays.categories import CategoryColumn
from adbench.config.checks import require_one_of
from adbench.config.paths import data_folder
from adbench.data.base import NORMAL, DatasetInfo, Table
from adbench.data.kdd_columns import TYPES, family_of
from adbench.data.reading.upstream import CATEGORY, read_columns, take_codes, take_features, take_whole_numbers

INFO = DatasetInfo(
    title="NSL-KDD: network connections, KDDTrain+ and KDDTest+",
    licence="redistribution and mirroring allowed with a citation of Tavallaee et al., CISDA 2009",
    citation="M. Tavallaee, E. Bagheri, W. Lu, A. A. Ghorbani, A Detailed Analysis of the KDD CUP 99 Data Set, "
    "IEEE Symposium on Computational Intelligence for Security and Defense Applications (CISDA), 2009",
    source="Canadian Institute for Cybersecurity, University of New Brunswick, "
    "https://www.unb.ca/cic/datasets/nsl.html",
    notes=(
        "The column difficulty knows the label (AUROC .786 alone) and is dropped.",
        "num_outbound_cmds is constant.",
        "su_attempted is called binary and takes the value 2 in 61 rows; it is kept as a number.",
        "17 of the 37 attack types of KDDTest+ (3,750 rows) do not occur in KDDTrain+.",
        "16 training rows and 108 test rows repeat another row's features under another label.",
    ),
    # Upstream file -> sha256 of its uncompressed bytes, the same in eight independent public copies.
    files={
        "KDDTrain+.txt": "1b86d2f957b33082081bba410fe129b475efebcc13c9014c3f447c8271aadf95",
        "KDDTest+.txt": "fa46b0935342616aa83b7c2578db355b6a7aaabbc492248172c7a1e8b7ab8f84",
    },
    rows={"KDDTrain+.txt": 125_973, "KDDTest+.txt": 22_544},
    # Folders named in public code; the sha256 decides whether they provide the right file.
    mirrors=("https://raw.githubusercontent.com/defcom17/NSL_KDD/master",),
    folder="nslkdd",
    group="kddcup99",  # its rows are a selection of those
)


# difficulty counts how many of 21 reference classifiers got the row right: it leaks the label (AUROC .786 by itself),
# so it is never a feature. KDDTest-21 is KDDTest+ without the rows that all 21 got right.
DIFFICULTY, EASIEST = "difficulty", 21
_TYPES = TYPES | {"attack": CATEGORY, DIFFICULTY: pa.int8()}
TESTS = ("test+", "test-21", "both")


def load(folder: str | None = None, test: str = "test+", drop: list[str] | None = None) -> Table:
    """KDDTrain+ followed by KDDTest+, each verified by its sha256 and row count.

    folder: contains `nslkdd/KDDTrain+.txt.gz` and `nslkdd/KDDTest+.txt.gz`; by default the bundled one. test: test+,
    test-21 (only its harder rows), or both (test+, with metrics for its test-21 part as well). drop: columns to leave
    out. Raises DataError if a file is missing, altered or malformed.
    """
    require_one_of("data.test", test, TESTS)
    root = (Path(folder) if folder else data_folder()) / "nslkdd"
    columns, n_rows = read_columns(root, INFO.files, INFO.rows, _TYPES)
    hard = take_whole_numbers(columns, DIFFICULTY) != EASIEST
    attacks, codes = take_codes(columns, "attack")
    is_test = np.repeat([False, True], n_rows)
    table = Table(
        name="nslkdd",
        features=take_features(columns, drop),
        label=(attacks != NORMAL).astype(np.int8)[codes],
        family=CategoryColumn.renamed(family_of(attacks), codes),
        attack=CategoryColumn.renamed(attacks, codes),
        is_test=is_test,
        fingerprints=INFO.files,
        subsets={"test-21": is_test & hard} if test == "both" else {},
    )
    return table.take(np.flatnonzero(~is_test | hard)) if test == "test-21" else table
