"""The type that every dataset loads into: columns as contiguous arrays, and facts about each row."""

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.arrays.categories import CategoryColumn
from adbench.arrays.memmap import release_pages
from adbench.arrays.order import Order
from adbench.arrays.row_hash import Hashes, mix_in, start_hashes
from adbench.errors import DataError

NORMAL = "normal"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """Facts about a dataset, available without its files; each dataset's module has one, named INFO."""

    title: str
    licence: str
    citation: str
    source: str  # where the data come from
    notes: tuple[str, ...] = ()  # caveats
    files: dict[str, str] = field(default_factory=dict)  # upstream file -> sha256 of its uncompressed bytes
    rows: dict[str, int] = field(default_factory=dict)  # upstream file -> its rows
    mirrors: tuple[str, ...] = ()  # addresses of folders that hold the files
    folder: str = ""  # in the data folder; datasets can share one
    group: str = ""  # shared by datasets of one source, see `data.groups.group_of`; "": its own
    table_groups: dict[str, str] = field(default_factory=dict)  # table of a collection -> its group
    chosen_on: tuple[str, ...] = ()  # tables whose labels were used to choose the defaults; "" for the whole dataset


@dataclass(frozen=True)
class Features:
    """The columns a detector may see, each contiguous.

    Numeric columns are float64, so that large counts stay distinct until they are scaled. A categorical column consists
    of integer codes into its own vocabulary of values. Columns of a large table are memory-mapped; a selection of its
    rows stores their positions, and `columns`, `code_columns` and `block` read them on demand.
    """

    numeric: npt.NDArray[np.float64]  # (rows, numeric columns)
    numeric_names: tuple[str, ...]
    codes: npt.NDArray[np.int32]  # (rows, categorical columns)
    vocabularies: dict[str, tuple[str, ...]]  # categorical column -> its values, in the order of the codes
    positions: npt.NDArray[np.intp] | None = None  # selected rows on disk; None: all, or in memory
    # For memory-mapped columns: which numeric columns are selected, and per categorical column: stored code -> code.
    selected: npt.NDArray[np.intp] | None = None
    recoded: tuple[npt.NDArray[np.int32], ...] | None = None

    def __post_init__(self) -> None:
        if self.positions is not None or self.selected is not None or self.recoded is not None:
            return  # checked when all rows were loaded
        for column, name in enumerate(self.numeric_names):
            finite = np.isfinite(self.numeric[:, column])
            release_pages(self.numeric)
            if not finite.all():
                row = int(np.argmin(finite))
                raise DataError(
                    f"expected finite numbers, got {self.numeric[row, column]} in column {name!r}, row {row + 1}"
                    f" ({int((~finite).sum())} such values in all); fill or drop them before adbench reads the table"
                )

    def __len__(self) -> int:
        return len(self.codes if self.positions is None else self.positions)

    def take(self, rows: npt.NDArray[np.intp]) -> "Features":
        """The same columns for only these rows, in this order."""
        if self.positions is not None:
            return replace(self, positions=self.positions[rows])
        if self._on_disk:
            return replace(self, positions=rows)
        return Features(_take(self.numeric, rows), self.numeric_names, _take(self.codes, rows), self.vocabularies)

    @property
    def _on_disk(self) -> bool:
        return self.positions is not None or any(isinstance(x, np.memmap) for x in (self.numeric, self.codes))

    def without(self, names: Collection[str]) -> "Features":
        """The same rows without these numeric columns."""
        if not names:
            return self
        places = np.array([i for i, name in enumerate(self.numeric_names) if name not in names], np.intp)
        left = tuple(self.numeric_names[i] for i in places)
        if self._on_disk:
            selected = places if self.selected is None else self.selected[places]
            return replace(self, numeric_names=left, selected=selected)
        return replace(self, numeric=np.asfortranarray(self.numeric[:, places]), numeric_names=left)

    def with_own_values(self) -> "Features":
        """The same rows with vocabularies of only their own values, sorted: they reveal nothing about other rows."""
        vocabularies, recoded = {}, []
        for (name, values), codes in zip(self.vocabularies.items(), self.code_columns(), strict=True):
            occurring = np.flatnonzero(np.bincount(codes, minlength=len(values)))
            order = sorted(occurring.tolist(), key=values.__getitem__)
            vocabularies[name] = tuple(values[code] for code in order)
            recoded.append(np.zeros(len(values), np.int32))
            recoded[-1][order] = np.arange(len(order), dtype=np.int32)
        if self._on_disk:
            if self.recoded is not None:
                recoded = [now[was] for was, now in zip(self.recoded, recoded, strict=True)]
            return replace(self, vocabularies=vocabularies, recoded=tuple(recoded))
        codes = np.empty_like(self.codes, order="F")
        for i, place in enumerate(recoded):
            codes[:, i] = place[self.codes[:, i]]
        return replace(self, codes=codes, vocabularies=vocabularies)

    def columns(self) -> Iterator[npt.NDArray[np.float64]]:
        """The numeric columns in order, each (rows,)."""
        return _columns(self.numeric, self.positions, self.selected)

    def code_columns(self) -> Iterator[npt.NDArray[np.int32]]:
        """The categorical columns in order, each (rows,)."""
        columns = _columns(self.codes, self.positions)
        return columns if self.recoded is None else map(np.take, self.recoded, columns)

    def block(self, rows: slice) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
        """The numbers and codes of a block of rows, in memory."""
        numeric, codes = np.asarray(self.numeric), np.asarray(self.codes)
        if self.positions is None:
            numeric, codes = numeric[rows], codes[rows]
        else:
            numeric, codes = (_take(x, self.positions[rows]) for x in (numeric, codes))
        if self.selected is not None:
            numeric = numeric[:, self.selected]
        if self.recoded:
            codes = np.stack([np.take(*one) for one in zip(self.recoded, codes.T, strict=True)], axis=1)
        return numeric, codes

    def release_pages(self) -> None:
        """Release the memory of memory-mapped columns."""
        release_pages(self.numeric)
        release_pages(self.codes)


def say(notes: Iterable[str]) -> None:
    """Tell the user what a loader inferred: see `Table.notes`."""
    for note in notes:
        _log.warning("adbench: %s", note)


def _columns(
    x: npt.NDArray[Any], positions: npt.NDArray[np.intp] | None, selected: npt.NDArray[np.intp] | None = None
) -> Iterator[npt.NDArray[Any]]:
    columns = np.asarray(x).T
    for i in range(len(columns)) if selected is None else selected:
        column = columns[i]
        yield column if positions is None else column[positions]
        release_pages(x)


def _take(columns: npt.NDArray[Any], rows: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    taken = np.empty((len(rows), columns.shape[1]), columns.dtype, order="F")
    for column in range(columns.shape[1]):
        taken[:, column] = columns[rows, column]
    return taken


def row_hashes(features: Features) -> Hashes:
    """A 64-bit hash per row, equal for rows with equal values: see `adbench.arrays.row_hash`."""
    hashes = start_hashes(len(features))
    for column in features.columns():
        mix_in(hashes, (column + 0.0).view(np.uint64))  # adding 0.0 turns -0.0 into 0.0, whose bytes differ
    for codes in features.code_columns():
        mix_in(hashes, codes.astype(np.uint64))
    return hashes


@dataclass(frozen=True)
class Table:
    """A dataset. All arrays have one entry per row.

    `family` is the coarse kind of an anomaly (NSL-KDD: dos, probe, r2l, u2r), `attack` the fine one; both are "normal"
    for normal rows. `is_test` marks the rows of the dataset's official test file; without one, it is all False, and the
    protocol chooses the test rows. `subsets` names parts of the test rows that are reported separately as well. `order`
    is None if the rows have no known times.
    """

    name: str
    features: Features
    label: npt.NDArray[np.int8]  # 1 = anomaly
    family: CategoryColumn
    attack: CategoryColumn
    is_test: npt.NDArray[np.bool_]
    fingerprints: dict[str, str]  # upstream file name -> sha256 of its uncompressed bytes
    subsets: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what the loader inferred, for the user
    dropped: tuple[str, ...] = ()  # columns that the user left out
    measured: tuple[str, ...] = ()  # columns that reveal the label but that the user declared to be measured
    names_kinds: bool = False  # whether the user can name the column with the kinds of anomalies, by data.family
    # Columns that are 1 where another lacks a value and 0 elsewhere; removed if no fit row has a 1.
    indicators: tuple[str, ...] = ()
    ids: Any = None  # a pyarrow array: the user's name of each row, hidden from detectors
    order: Order | None = None  # hidden from detectors

    def __post_init__(self) -> None:
        for name in ("family", "attack"):  # a loader may provide plain texts
            object.__setattr__(self, name, CategoryColumn.of(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: npt.NDArray[np.intp]) -> "Table":
        """Only these rows, in this order."""
        return replace(
            self,
            features=self.features.take(rows),
            label=self.label[rows],
            family=self.family[rows],
            attack=self.attack[rows],
            is_test=self.is_test[rows],
            subsets={name: of_subset[rows] for name, of_subset in self.subsets.items()},
            ids=None if self.ids is None else self.ids.take(rows),
            order=None if self.order is None else self.order.take(rows),
        )
