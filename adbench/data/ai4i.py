"""AI4I 2020: a simulated milling machine and its failures.

Matzka: "Explainable Artificial Intelligence for Predictive Maintenance Applications", AI4I 2020.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from adbench.arrays.categories import CategoryColumn
from adbench.config.paths import data_folder
from adbench.data.base import NORMAL, DatasetInfo, Table
from adbench.data.reading.upstream import (
    CATEGORY,
    NUMBER,
    WHOLE_NUMBER,
    read_columns,
    take_features,
    take_whole_numbers,
)

INFO = DatasetInfo(
    title="AI4I 2020: predictive maintenance, 10,000 workpieces of a simulated milling machine",
    licence="CC BY 4.0",
    citation="S. Matzka, Explainable Artificial Intelligence for Predictive Maintenance Applications, Third "
    "International Conference on Artificial Intelligence for Industries (AI4I), 2020",
    source="UCI Machine Learning Repository, "
    "https://archive.ics.uci.edu/dataset/601/ai4i+2020+predictive+maintenance+dataset",
    notes=(
        "UDI counts the rows and Product ID is one of a kind; both are left out.",
        "TWF, HDF, PWF, OSF and RNF are the modes of a failure: no features, but its family, by the first of them.",
        "9 failures have no mode, an error of the generator: their family is unknown.",
        "18 rows of a random failure (RNF) alone are no machine failure, and count as normal.",
        "Failures follow formulas of power, temperature difference and strain, which are products and differences "
        "of columns.",
    ),
    files={"ai4i2020.csv": "dc6630cd9b1f0f853922fad78a1b6436570d3f1ec863f1dd5c4340ac56bc8a8e"},
    rows={"ai4i2020.csv": 10_000},
    mirrors=(),  # UCI provides an archive
    folder="ai4i",
)
LABEL = "Machine failure"
MODES = {"TWF": "tool wear", "HDF": "heat dissipation", "PWF": "power", "OSF": "overstrain", "RNF": "random"}
TYPES = {
    "UDI": WHOLE_NUMBER,
    "Product ID": CATEGORY,
    "Type": CATEGORY,
    "Air temperature [K]": NUMBER,
    "Process temperature [K]": NUMBER,
    "Rotational speed [rpm]": NUMBER,
    "Torque [Nm]": NUMBER,
    "Tool wear [min]": NUMBER,
    LABEL: WHOLE_NUMBER,
} | dict.fromkeys(MODES, WHOLE_NUMBER)


def load(folder: str | None = None, drop: list[str] | None = None) -> Table:
    """All rows; the protocol chooses the test rows.

    folder: contains `ai4i/ai4i2020.csv.gz`; by default the bundled one. drop: columns to leave out. Raises DataError if
    the file is missing, altered or malformed.
    """
    root = (Path(folder) if folder else data_folder()) / INFO.folder
    columns, _ = read_columns(root, INFO.files, INFO.rows, TYPES, header=True)
    del columns["UDI"], columns["Product ID"]
    label = take_whole_numbers(columns, LABEL).astype(np.int8)
    modes = np.stack([take_whole_numbers(columns, mode) for mode in MODES], axis=1) == 1
    kinds = [_kind(failed, of_row) for failed, of_row in zip(label, modes, strict=True)]
    return Table(
        name="ai4i",
        features=take_features(columns, drop),
        label=label,
        family=CategoryColumn.of([kind[0] for kind in kinds]),
        attack=CategoryColumn.of(["+".join(kind) for kind in kinds]),
        is_test=np.zeros(len(label), dtype=bool),
        fingerprints=INFO.files,
    )


def _kind(failed: bool, modes: npt.NDArray[np.bool_]) -> list[str]:
    """The modes of a failure, in words."""
    if not failed:
        return [NORMAL]
    return [word for word, is_one in zip(MODES.values(), modes, strict=True) if is_one] or ["unknown"]
