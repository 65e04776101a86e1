"""KDD Cup 99: connections of a simulated military network, the 10 percent training file and the corrected test file.

Stolfo, Fan, Lee, Prodromidis, Chan: KDD Cup 1999 Data. UCI Machine Learning Repository, 1999.
"""

from pathlib import Path

import numpy as np

from adbench.data.files import CATEGORY, read_columns, take_codes, take_features
from adbench.data.kdd import BINARY, TYPES, family_of
from adbench.data.table import NORMAL, Table
from adbench.paths import data_folder

TITLE = "KDD Cup 99: network connections, the 10 percent file and the corrected test file"
LICENCE = "CC BY 4.0 (UCI Machine Learning Repository)"

# Upstream file -> sha256 of its uncompressed bytes.
FILES = {
    "kddcup.data_10_percent": "f8c8267ebcd9c0ed1fd7d6277fe5bfff8732e9b7db8e61b873542b2a534b6f9a",
    "corrected": "547dfb9c0f0dc1d9944219ec79e851191faebaeb8acbfa1cd171c418397052a4",
}
ROWS = {"kddcup.data_10_percent": 494_021, "corrected": 311_029}


def load(folder: str | None = None, binary_as_categorical: bool = False, drop: list[str] | None = None) -> Table:
    """The 10 percent file followed by the corrected test file, each verified against its sha256 and row count.

    folder: holds `kddcup99/kddcup.data_10_percent.gz` and `kddcup99/corrected.gz`; by default the bundled one.
    binary_as_categorical: one-hot also the four symbolic columns that hold 0 and 1, as DAGMM does; left out, they
    are numbers. drop: columns to leave out. Raises DataError when a file is missing, altered or malformed.
    """
    root = (Path(folder) if folder else data_folder()) / "kddcup99"
    types = TYPES | (dict.fromkeys(BINARY, CATEGORY) if binary_as_categorical else {}) | {"attack": CATEGORY}
    columns, n_rows = read_columns(root, FILES, ROWS, types)
    # Every label of these files ends in a dot.
    attacks, codes = take_codes(columns, "attack")
    attacks = np.char.rstrip(attacks, ".")
    return Table(
        name="kddcup99",
        features=take_features(columns, drop),
        label=(attacks != NORMAL).astype(np.int8)[codes],
        family=family_of(attacks)[codes],
        attack=attacks[codes],
        is_test=np.repeat([False, True], n_rows),
        fingerprints=FILES,
    )
