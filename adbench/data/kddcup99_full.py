"""KDD Cup 99 with its whole training file, 4.9 million connections, and the corrected test file.

Stolfo, Fan, Lee, Prodromidis, Chan: KDD Cup 1999 Data. UCI Machine Learning Repository, 1999.
"""

from adbench.data import kddcup99
from adbench.data.base import Table
from adbench.data.reading.upstream import PACKED

TITLE = "KDD Cup 99: network connections, the full training file (not bundled) and the corrected test file"
LICENCE, CITATION, SOURCE, MIRRORS = kddcup99.LICENCE, kddcup99.CITATION, kddcup99.SOURCE, kddcup99.MIRRORS
NOTES = (
    "972,781 of the 4,898,431 training rows are normal.",
    "Loading takes 1.8 GB at its peak, 1.07 times the features: scripts/bench/memory.py measures it.",
    *kddcup99.NOTES[2:],
)
FOLDER = "kddcup99"  # beside the files that are bundled

# scikit-learn pins the training file as it is compressed upstream.
FILES = {
    "kddcup.data": f"{PACKED}3b6c942aa0356c0ca35b7b595a26c89d343652c9db428893e7494f837b274292",
    "corrected": kddcup99.FILES["corrected"],
}
ROWS = {"kddcup.data": 4_898_431, "corrected": kddcup99.ROWS["corrected"]}


def load(folder: str | None = None, binary_as_categorical: bool = False, drop: list[str] | None = None) -> Table:
    """The full training file followed by the corrected test file; see `kddcup99.load`.

    folder: holds `kddcup99/kddcup.data.gz`, which `adbench data fetch kddcup99_full` brings, and
    `kddcup99/corrected.gz`.
    """
    return kddcup99.load_files("kddcup99_full", FILES, ROWS, folder, binary_as_categorical, drop)
