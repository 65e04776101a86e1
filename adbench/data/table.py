"""What every dataset loads into: columns as contiguous arrays, and what is known about each row."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from adbench.errors import DataError

NORMAL = "normal"


@dataclass(frozen=True)
class Features:
    """The columns a detector may see.

    Numeric columns are float64, so that large counts stay distinct until they are scaled. A categorical
    column is an integer code into its own vocabulary of values.
    """

    numeric: npt.NDArray[np.float64]  # (rows, numeric columns)
    numeric_names: tuple[str, ...]
    codes: npt.NDArray[np.int32]  # (rows, categorical columns)
    vocabularies: dict[str, tuple[str, ...]]  # categorical column -> its values, in the order of the codes

    def __post_init__(self) -> None:
        finite = np.isfinite(self.numeric)
        if not finite.all():
            row, column = (int(i) for i in np.argwhere(~finite)[0])
            value = self.numeric[row, column]
            raise DataError(
                f"expected finite numbers, got {value} in column {self.numeric_names[column]!r}, row {row + 1}"
                f" ({int((~finite).sum())} such values in all); fill or drop them before adbench reads the table"
            )

    def __len__(self) -> int:
        return len(self.numeric)

    def take(self, rows: npt.NDArray[np.intp]) -> "Features":
        """The same columns of only these rows, in this order."""
        return Features(self.numeric[rows], self.numeric_names, self.codes[rows], self.vocabularies)


@dataclass(frozen=True)
class Table:
    """A dataset in memory. All arrays have one entry a row.

    `family` is the coarse kind of an anomaly (NSL-KDD: dos, probe, r2l, u2r), `attack` the fine one; both are
    "normal" on normal rows. `is_test` marks the rows of the dataset's official test file.
    """

    name: str
    features: Features
    label: npt.NDArray[np.int8]  # 1 = anomaly
    family: npt.NDArray[np.str_]
    attack: npt.NDArray[np.str_]
    is_test: npt.NDArray[np.bool_]
    fingerprints: dict[str, str]  # upstream file name -> sha256 of its uncompressed bytes

    def __len__(self) -> int:
        return len(self.label)
