"""KDD Cup 99: connections of a simulated military network, the 10 percent training file and the corrected test file.

Stolfo, Fan, Lee, Prodromidis, Chan: KDD Cup 1999 Data. UCI Machine Learning Repository, 1999.
"""

from pathlib import Path

import numpy as np

from adbench.arrays.categories import CategoryColumn
from adbench.config.paths import data_folder
from adbench.data.base import NORMAL, DatasetInfo, Table
from adbench.data.kdd_columns import BINARY, TYPES, family_of
from adbench.data.reading.upstream import CATEGORY, read_columns, take_codes, take_features

INFO = DatasetInfo(
    title="KDD Cup 99: network connections, the 10 percent file and the corrected test file",
    licence="CC BY 4.0",
    citation="S. Stolfo, W. Fan, W. Lee, A. Prodromidis, P. Chan, KDD Cup 1999 Data, UCI Machine Learning "
    "Repository, 1999",
    source="UCI Machine Learning Repository, https://archive.ics.uci.edu/dataset/130/kdd+cup+1999+data",
    notes=(
        "145,584 of the 494,021 rows of the 10 percent file are distinct; smurf (280,790) and neptune (107,201) "
        "are most of it, so figures by rows are figures on two floods: see protocol.deduplicate=true.",
        "num_outbound_cmds and is_host_login are constant in the 10 percent file.",
        "Rows 136,489 and 136,497 of the corrected file carry the service icmp, an error known since 2009; they "
        "are kept.",
        "Three columns are categorical; four more are symbolic with the values 0 and 1: see "
        "data.binary_as_categorical.",
    ),
    # Upstream file -> sha256 of its uncompressed bytes.
    files={
        "kddcup.data_10_percent": "f8c8267ebcd9c0ed1fd7d6277fe5bfff8732e9b7db8e61b873542b2a534b6f9a",
        "corrected": "547dfb9c0f0dc1d9944219ec79e851191faebaeb8acbfa1cd171c418397052a4",
    },
    rows={"kddcup.data_10_percent": 494_021, "corrected": 311_029},
    mirrors=("https://kdd.ics.uci.edu/databases/kddcup99",),
    folder="kddcup99",
)


def load(folder: str | None = None, binary_as_categorical: bool = False, drop: list[str] | None = None) -> Table:
    """The 10 percent file followed by the corrected test file, each verified by its sha256 and row count.

    folder: contains `kddcup99/kddcup.data_10_percent.gz` and `kddcup99/corrected.gz`; by default the bundled one.
    binary_as_categorical: also one-hot encode the four symbolic columns that hold 0 and 1, as DAGMM does; by default
    they are numbers. drop: columns to leave out. Raises DataError if a file is missing, altered or malformed.
    """
    return load_files("kddcup99", INFO.files, INFO.rows, folder, binary_as_categorical, drop)


def load_files(
    name: str,
    files: dict[str, str],
    rows: dict[str, int],
    folder: str | None,
    binary_as_categorical: bool,
    drop: list[str] | None,
) -> Table:
    """A training file and a test file, in this order, as the dataset `name`."""
    root = (Path(folder) if folder else data_folder()) / "kddcup99"
    types = TYPES | (dict.fromkeys(BINARY, CATEGORY) if binary_as_categorical else {}) | {"attack": CATEGORY}
    columns, n_rows = read_columns(root, files, rows, types)
    # Every label in these files ends with a dot.
    attacks, codes = take_codes(columns, "attack")
    attacks = np.char.rstrip(attacks, ".")
    return Table(
        name=name,
        features=take_features(columns, drop),
        label=(attacks != NORMAL).astype(np.int8)[codes],
        family=CategoryColumn.renamed(family_of(attacks), codes),
        attack=CategoryColumn.renamed(attacks, codes),
        is_test=np.repeat([False, True], n_rows),
        fingerprints=files,
    )
