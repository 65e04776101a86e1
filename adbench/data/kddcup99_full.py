"""KDD Cup 99 with its whole training file, 4.9 million connections, and the corrected test file.

Stolfo, Fan, Lee, Prodromidis, Chan: KDD Cup 1999 Data. UCI Machine Learning Repository, 1999.
"""

from adbench.data import kddcup99
from adbench.data.base import DatasetInfo, Table
from adbench.data.reading.upstream import PACKED

INFO = DatasetInfo(
    title="KDD Cup 99: network connections, the full training file (not bundled) and the corrected test file",
    licence=kddcup99.INFO.licence,
    citation=kddcup99.INFO.citation,
    source=kddcup99.INFO.source,
    notes=(
        "972,781 of the 4,898,431 training rows are normal.",
        "Loading takes 1.8 GB at its peak, 1.07 times the features: scripts/bench/memory.py measures it.",
        *kddcup99.INFO.notes[2:],
    ),
    # scikit-learn pins the compressed training file.
    files={
        "kddcup.data": f"{PACKED}3b6c942aa0356c0ca35b7b595a26c89d343652c9db428893e7494f837b274292",
        "corrected": kddcup99.INFO.files["corrected"],
    },
    rows={"kddcup.data": 4_898_431, "corrected": kddcup99.INFO.rows["corrected"]},
    mirrors=kddcup99.INFO.mirrors,
    folder="kddcup99",  # next to the bundled files
    group="kddcup99",
)


def load(folder: str | None = None, binary_as_categorical: bool = False, drop: list[str] | None = None) -> Table:
    """The full training file followed by the corrected test file; see `kddcup99.load`.

    folder: contains `kddcup99/kddcup.data.gz`, which `adbench data fetch kddcup99_full` downloads, and
    `kddcup99/corrected.gz`.
    """
    return kddcup99.load_files("kddcup99_full", INFO.files, INFO.rows, folder, binary_as_categorical, drop)
