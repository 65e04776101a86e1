"""Checks of the loader contract, for built-in datasets and plugins.

    import pytest
    from adbench.testing.loaders import CHECKS, Lines

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_my_dataset(check, tmp_path):
        lines = Lines({"train.csv": TRAIN, "test.csv": TEST}, header=True, told=(41, 42), tested=("test.csv",))

        def load(lines):
            for name in lines.files:
                (tmp_path / name).write_bytes(lines.content(name))
            return my_dataset.load(tmp_path)

        check(load, lines)

A loader turns each line into a row, by that line alone: anything learned from several rows (a mean, a frequency, a
choice of columns) is learned by a preprocessing from the fit rows, which a loader does not know. A check loads files
that differ in other lines, compares the rows, and raises AssertionError. The files are small and contain no quotes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.data.base import Features, Table
from adbench.protocols.base import Split

Positions = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Lines:
    """The lines of a dataset's files, all with the same columns.

    told: positions of columns that are not features: label, kind, difficulty. fixed: columns not to be altered, such as
    ids. may_be_empty: features whose cells can be empty. tested: the files of the test part; empty: the protocol
    chooses the test rows.
    """

    files: Mapping[str, Sequence[str]]
    told: tuple[int, ...]
    header: bool = False
    fixed: tuple[int, ...] = ()
    may_be_empty: tuple[int, ...] = ()
    tested: tuple[str, ...] = ()
    separator: str = ","

    def content(self, name: str) -> bytes:
        """The bytes of a file."""
        return "".join(f"{line}\n" for line in self.files[name]).encode()

    @property
    def cells(self) -> "npt.NDArray[np.str_]":
        """The cells of all rows, file by file, shape (rows, columns)."""
        return np.array([line.split(self.separator) for of_file in self._rows() for line in of_file])

    @property
    def of_test_file(self) -> npt.NDArray[np.bool_]:
        """Mask of the rows in a file of the test part."""
        return np.repeat([name in self.tested for name in self.files], [len(of_file) for of_file in self._rows()])

    def with_rows(self, cells: "npt.NDArray[np.str_]", kept: npt.NDArray[np.bool_] | None = None) -> "Lines":
        """The files with these cells in their rows. kept: the rows to keep; None: all."""
        ends = np.cumsum([len(of_file) for of_file in self._rows()])[:-1]
        kept = np.ones(len(cells), bool) if kept is None else kept
        parts = zip(self.files.items(), np.split(cells, ends), np.split(kept, ends), strict=True)
        head = int(self.header)
        return replace(
            self,
            files={
                name: [*lines[:head], *(self.separator.join(row) for row in part[of_part])]
                for (name, lines), part, of_part in parts
            },
        )

    def _rows(self) -> list[Sequence[str]]:
        return [lines[int(self.header) :] for lines in self.files.values()]

    @property
    def features(self) -> list[int]:
        """The positions of the features that may be altered."""
        return [i for i in range(self.cells.shape[1]) if i not in (*self.told, *self.fixed)]


Load = Callable[[Lines], Table]
Check = Callable[[Load, Lines], None]


def has_a_row_for_each_line(load: Load, lines: Lines) -> None:
    """There is one row per line, in file order: a loader that drops rows would choose the test rows."""
    n, found = len(lines.cells), len(load(lines))
    _require(found == n, f"expected a row for each of {n:,} lines, got {found:,}: which rows test is the protocol's")


def reads_a_line_alike_without_the_others(load: Load, lines: Lines) -> None:
    """Removing half of the lines that may be tested leaves the bytes of all other rows unchanged."""
    cells = lines.cells
    kept = ~np.isin(np.arange(len(cells)), _half(_movable(lines)))
    _require_equal(load(lines), kept, load(lines.with_rows(cells, kept)), "half of the lines are taken out")


def reads_a_line_alike_whatever_the_others_hold(load: Load, lines: Lines) -> None:
    """Moving the features of half of the lines that may be tested far off leaves the bytes of all other rows
    unchanged.
    """
    altered = _half(_movable(lines))
    kept = ~np.isin(np.arange(len(lines.cells)), altered)
    table = load(lines.with_rows(_far_off(lines, altered)))
    _require(len(table) == len(kept), "expected as many rows whatever the values of some are, got another number")
    _require_equal(load(lines), kept, table.take(np.flatnonzero(kept)), "the values of other lines change")


def reads_features_alike_whatever_the_labels_are(load: Load, lines: Lines) -> None:
    """Relabelling lines that may be tested, so that one column after another predicts the labels, leaves the bytes of
    all features unchanged. Files that are not tested are cut to a few lines, so that their labels have little weight.
    """
    few = lines.with_rows(lines.cells, lines.of_test_file | (np.arange(len(lines.cells)) % 8 == 0))
    few = few if lines.tested else lines
    table, all_rows = load(few), np.ones(len(few.cells), bool)
    columns: list[int | None] = [*_numbers(few)[:3]]
    for column in columns or [None]:
        told = load(few.with_rows(_told_otherwise(few, _movable(few), column)))
        _require_equal(table, all_rows, told, "the labels of lines change")


def fits_alike_whatever_the_test_lines_hold(load: Load, lines: Lines) -> None:
    """Reordering, altering or emptying test lines, or relabelling those of a test file, leaves the bytes of the fit
    rows and their encoding unchanged.
    """
    table = load(lines)
    split = _split(table)
    fitted, cells, tested = _fitted(split), lines.cells, split.test_rows
    order = np.random.default_rng(2).permutation(tested)
    moved, emptied = cells.copy(), cells.copy()
    columns = lines.features if not lines.tested else list(range(cells.shape[1]))
    moved[_at(tested, columns)] = cells[_at(order, columns)]
    emptied[_at(tested[::3], lines.may_be_empty)] = ""
    ways = {"are in another order": moved, "hold other values": _far_off(lines, _half(tested))}
    ways |= {"lack values": emptied} if lines.may_be_empty else {}
    ways |= {"have other labels": _told_otherwise(lines, tested)} if lines.tested else {}
    for way, changed in ways.items():
        found = _fitted(_split(load(lines.with_rows(changed))))
        for name, value in fitted.items():
            same = found[name] == value
            _require(same, f"expected the same {name} when test lines {way}, got another: rows that test were used")


CHECKS: tuple[Check, ...] = (
    has_a_row_for_each_line,
    reads_a_line_alike_without_the_others,
    reads_a_line_alike_whatever_the_others_hold,
    reads_features_alike_whatever_the_labels_are,
    fits_alike_whatever_the_test_lines_hold,
)


def _movable(lines: Lines) -> Positions:
    """The rows that may be tested: those of the test files or, without any, all."""
    of_test_file = lines.of_test_file
    return np.flatnonzero(of_test_file if of_test_file.any() else ~of_test_file)


def _at(rows: Positions, columns: Sequence[int]) -> tuple[Positions, Positions]:
    """Index of the cells in these rows and columns."""
    return rows[:, None], np.array(columns, np.intp)[None]


def _half(rows: Positions) -> Positions:
    return np.sort(np.random.default_rng(1).permutation(rows)[: len(rows) // 2])


def _far_off(lines: Lines, rows: Positions) -> "npt.NDArray[np.str_]":
    """All cells, with the numbers of these rows multiplied by 1,000 and their texts replaced by that of the first."""
    cells = lines.cells.astype(object)
    numbers = _numbers(lines)
    for column in lines.features:
        changed = cells[rows, column]
        if column in numbers:
            changed = [_larger(cell) if cell else cell for cell in changed]
        else:
            changed = [changed[0]] * len(rows)
        cells[rows, column] = changed
    return cells.astype(str)


def _told_otherwise(lines: Lines, rows: Positions, by: int | None = None) -> "npt.NDArray[np.str_]":
    """All cells, with the `told` columns of these rows permuted: sorted by the numbers in column `by` or, without one,
    shifted so that most labels change.
    """
    cells = lines.cells
    told = [tuple(row) for row in cells[_at(rows, lines.told)]]
    by_label = rows[sorted(range(len(rows)), key=told.__getitem__)]
    to = np.roll(by_label, len(rows) // 2)
    if by is not None:
        to = rows[np.argsort([float(cell or "0") for cell in cells[rows, by]], kind="stable")]
    cells[_at(to, lines.told)] = cells[_at(by_label, lines.told)]
    return cells


def _numbers(lines: Lines) -> list[int]:
    """The features whose cells are all numbers or empty."""
    cells = lines.cells
    return [column for column in lines.features if all(map(_is_number, cells[:, column]))]


def _is_number(cell: str) -> bool:
    try:
        float(cell or "0")
    except ValueError:
        return False
    return True


def _larger(cell: str) -> str:
    return str(1000 * int(cell) + 7) if cell.lstrip("-").isdigit() else repr(1000 * float(cell) + 7)


def _require_equal(table: Table, rows: npt.NDArray[np.bool_], other: Table, when: str) -> None:
    """Raise AssertionError unless these rows of a table equal all rows of another."""
    wanted, found = _bytes_of(table.take(np.flatnonzero(rows)).features), _bytes_of(other.features)
    _require([*wanted] == [*found], f"expected the same columns when {when}, got others: which ones, lines decide")
    for name, values in wanted.items():
        same = found[name] == values
        _require(same, f"expected the same {name} in a row when {when}, got another: it depends on other lines")


def _bytes_of(features: Features) -> dict[str, bytes]:
    """Column -> the bytes of its numbers or texts."""
    found = {name: column.tobytes() for name, column in zip(features.numeric_names, features.columns(), strict=True)}
    for (name, values), codes in zip(features.vocabularies.items(), features.code_columns(), strict=True):
        found[name] = "\0".join(values[code] for code in codes).encode()
    return found


def _split(table: Table) -> Split:
    split: Split = build(compose([])["protocol"], "protocol")(table, 0)
    return split


def _fitted(split: Split) -> dict[str, Any]:
    """Everything that depends on the fit rows, by its name in messages."""
    encoder = build(compose([])["preprocess"], "preprocess").fit(split.fit)
    learned = {name: array.tobytes() for name, array in encoder.arrays.items()}
    return {
        "columns of the fit rows": split.fit.numeric_names,
        "vocabularies of the fit rows": split.fit.vocabularies,
        "fit rows": _bytes_of(split.fit),
        "codes of the fit rows": split.fit.codes.tobytes(),
        "columns of the encoding": encoder.columns,
        "scales": learned,
        "encoding of the fit rows": encoder.transform(split.fit).tobytes(),
    }


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise AssertionError(sentence)
