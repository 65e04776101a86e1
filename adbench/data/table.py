"""What every dataset loads into: columns as contiguous arrays, and what is known about each row."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.errors import DataError
from adbench.rows import Hashes, mix_in, start_hashes

NORMAL = "normal"


@dataclass(frozen=True)
class Features:
    """The columns a detector may see, each contiguous in memory.

    Numeric columns are float64, so that large counts stay distinct until they are scaled. A categorical
    column is an integer code into its own vocabulary of values.
    """

    numeric: npt.NDArray[np.float64]  # (rows, numeric columns)
    numeric_names: tuple[str, ...]
    codes: npt.NDArray[np.int32]  # (rows, categorical columns)
    vocabularies: dict[str, tuple[str, ...]]  # categorical column -> its values, in the order of the codes

    def __post_init__(self) -> None:
        for column, name in enumerate(self.numeric_names):
            finite = np.isfinite(self.numeric[:, column])
            if not finite.all():
                row = int(np.argmin(finite))
                raise DataError(
                    f"expected finite numbers, got {self.numeric[row, column]} in column {name!r}, row {row + 1}"
                    f" ({int((~finite).sum())} such values in all); fill or drop them before adbench reads the table"
                )

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: npt.NDArray[np.intp]) -> "Features":
        """The same columns of only these rows, in this order."""
        return Features(_take(self.numeric, rows), self.numeric_names, _take(self.codes, rows), self.vocabularies)


def _take(columns: npt.NDArray[Any], rows: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    taken = np.empty((len(rows), columns.shape[1]), columns.dtype, order="F")
    for column in range(columns.shape[1]):
        taken[:, column] = columns[rows, column]
    return taken


def row_hashes(features: Features) -> Hashes:
    """64 bits a row, the same for rows with equal values: see `adbench.rows`."""
    hashes = start_hashes(len(features))
    for column in features.numeric.T:
        mix_in(hashes, (column + 0.0).view(np.uint64))  # -0.0 is 0.0 in other bytes
    for codes in features.codes.T:
        mix_in(hashes, codes.astype(np.uint64))
    return hashes


@dataclass(frozen=True)
class Table:
    """A dataset in memory. All arrays have one entry a row.

    `family` is the coarse kind of an anomaly (NSL-KDD: dos, probe, r2l, u2r), `attack` the fine one; both are
    "normal" on normal rows. `is_test` marks the rows of the dataset's official test file; where there is none, no row
    is, and the protocol sets test rows apart. `subsets` names parts of the test rows that are reported as well.
    """

    name: str
    features: Features
    label: npt.NDArray[np.int8]  # 1 = anomaly
    family: npt.NDArray[np.str_]
    attack: npt.NDArray[np.str_]
    is_test: npt.NDArray[np.bool_]
    fingerprints: dict[str, str]  # upstream file name -> sha256 of its uncompressed bytes
    subsets: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: npt.NDArray[np.intp]) -> "Table":
        """Only these rows, in this order."""
        return Table(
            name=self.name,
            features=self.features.take(rows),
            label=self.label[rows],
            family=self.family[rows],
            attack=self.attack[rows],
            is_test=self.is_test[rows],
            fingerprints=self.fingerprints,
            subsets={name: of_subset[rows] for name, of_subset in self.subsets.items()},
        )
