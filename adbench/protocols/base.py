"""The protocol contract: the split every protocol returns, and the base class with all shared checks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from adbench.arrays.order import Order
from adbench.config.checks import require_at_least
from adbench.data.base import Features, Table, row_hashes
from adbench.errors import DataError
from adbench.evaluation.seal import Labels, Sealed, SealedLabels
from adbench.protocols.leaks import label_copies, leaks_of
from adbench.text import override

Rows = npt.NDArray[np.intp]  # positions in the table


@dataclass(frozen=True)
class Split:
    """The rows of one run. It reveals no test row's label before the seal is opened."""

    fit: Features  # for preprocessing and detector, with vocabularies of their own values
    calibration: Features  # never fitted on: these set the threshold; can be empty
    test: Features
    test_rows: Rows  # position of each test row in the table: its id in scores.parquet
    labels: SealedLabels  # of the test rows
    anomalies: Features  # known anomalies, seen only by detectors that learn from labels
    warnings: tuple[str, ...] = ()  # sentences for the user on what inflates the results
    test_ids: Any = None  # a pyarrow array: the user's id of each test row
    test_order: Order | None = None  # of the test rows
    calibration_is_normal: bool = True  # whether it contains no anomaly


@dataclass(frozen=True)
class Parts:
    """Disjoint sets of rows of the table, by their use."""

    fit: Rows
    calibration: Rows
    test: Rows
    anomalies: Rows = field(default_factory=lambda: np.empty(0, np.intp))  # known ones of the training file


class Protocol(ABC):
    """Divides a table, called with (table, seed). A subclass implements `divide`.

    split_seed: fixes the division across runs with different seeds; None: it follows the run's seed.
    deduplicate: keep only the first of test rows with the same features and label.
    """

    # Whether all its "test" rows come from the training file, so that hyper-parameters may be chosen by their labels.
    validates = False
    calibrates = True  # whether it holds out rows for the threshold

    def __init__(self, split_seed: int | None, deduplicate: bool) -> None:
        if split_seed is not None:
            require_at_least("protocol.split_seed", split_seed, 0)
        self.split_seed, self.deduplicate = split_seed, deduplicate

    @abstractmethod
    def divide(self, table: Table, rng: np.random.Generator) -> Parts:
        """Divide the rows by anything but their features, which are sealed; all randomness comes from rng."""

    def relabel(self, table: Table) -> Table:
        """The table under this protocol's definition of an anomaly; unchanged by default."""
        return table

    def may_have_met(self, table: Table) -> npt.NDArray[np.bool_]:
        """The anomalies of the training file, whose types count as known at test time."""
        return ~table.is_test & (table.label == 1)

    def within(self, table: Table) -> Rows:
        """The rows in the scope of this run; others are not examined for warnings."""
        return np.arange(len(table))

    def corrupt(
        self, parts: tuple[Features, ...], labels: Labels, warnings: tuple[str, ...], rng: np.random.Generator
    ) -> tuple[tuple[Features, ...], Labels, tuple[str, ...]]:
        """Make the task harder if requested: the parts in the order of `Split`, the test labels and the warnings;
        unchanged by default.
        """
        return parts, labels, warnings

    def __call__(self, table: Table, seed: int, keep: Callable[[Labels], None] = lambda _: None) -> Split:
        """Divide the table and seal the test labels. Raises DataError if no row is left to fit or to test.

        keep: called with the labels before they are sealed, to store them for a later run that seals them again.
        """
        of_test_file = table.is_test
        table = self.relabel(table)
        without_features: Any = SealedFeatures(len(table))
        unseen = replace(table, features=without_features)
        parts = self.divide(unseen, np.random.default_rng(seed if self.split_seed is None else self.split_seed))
        # In file order: shuffling is up to the consumer, with a seed of its own.
        parts = Parts(*(np.sort(rows) for rows in (parts.fit, parts.calibration, parts.test, parts.anomalies)))
        _require_honest(table, parts)
        unmarked = _unmarked(table, parts)
        table = replace(table, features=table.features.without(unmarked))
        looked_at = np.flatnonzero(~of_test_file) if self.validates else self.within(table)
        _require_no_label(table, looked_at)
        if self.validates and (len(table) != len(of_test_file) or of_test_file[parts.test].any()):
            raise DataError(
                "expected a protocol that validates to leave the test file alone, got rows of it to test on"
            )
        if self.deduplicate:
            parts = replace(parts, test=_distinct(table, parts.test))
        for name, rows in {"fit": parts.fit, "test": parts.test}.items():
            if not len(rows):
                n_normal = int(((table.label == 0) & ~table.is_test).sum())
                raise DataError(
                    f"expected at least one {name} row in {table.name}, got none: {n_normal:,} of its"
                    f" {int((~table.is_test).sum()):,} rows outside a test file are normal, which protocol.*_fraction"
                    " divides; bring more rows, or take another protocol="
                )
        take = table.features.take
        labels = _labels(table, parts.test, self.may_have_met(table))
        _require_both_labels(table.name, labels)
        features = tuple(map(take, (parts.fit, parts.calibration, parts.test, parts.anomalies)))
        ignored = _ignored_times(table, parts, of_test_file)
        warnings = (*leaks_of(table, looked_at).warnings(), *_said_of(unmarked), *ignored)
        # A separate generator, so that corruption does not change the division.
        own = np.random.default_rng((seed if self.split_seed is None else self.split_seed, 1))
        features, labels, warnings = self.corrupt(features, labels, warnings, own)
        keep(labels)
        fit, calibration, test, anomalies = features
        fit = fit.with_own_values()
        return Split(
            *(fit, calibration, test, parts.test, SealedLabels(labels), anomalies, warnings),
            test_ids=None if table.ids is None else table.ids.take(parts.test),
            test_order=None if table.order is None else table.order.take(parts.test),
            calibration_is_normal=not table.label[parts.calibration].any(),
        )


class SealedFeatures(Sealed):
    """Placeholder for the features while rows are divided."""

    __slots__ = ()

    def _why(self) -> str:
        return (
            "the features are sealed while rows are divided: a protocol that chose fit or test rows by their values"
            " would make the test easier or harder; it divides by labels, kinds, files and order"
        )


def _require_both_labels(name: str, labels: Labels) -> None:
    """Raise DataError if the test rows, or a reported subset of them, all have one label."""
    for part, rows in {"": np.ones(len(labels.label), bool), **labels.subsets}.items():
        n, n_anomalies = int(rows.sum()), int(labels.label[rows].sum())
        if not 0 < n_anomalies < n:
            where = f" of the part {part}" if part else ""
            way = "; take another protocol=, or leave that part out, as data.test=test+ does" if part else ""
            raise DataError(
                f"expected normal and anomalous test rows{where} of {name}, got {n_anomalies:,} anomalies in {n:,}"
                f" rows{way}"
            )


def _unmarked(table: Table, parts: Parts) -> dict[str, int]:
    """The indicators that are 0 on all fit rows, and so uninformative, with the number of test rows where each is 1."""
    if not table.indicators:
        return {}
    named = dict(zip(table.features.numeric_names, table.features.columns(), strict=True))
    of_indicators = {name: named[name] for name in table.indicators if name in named}
    return {name: int(x[parts.test].sum()) for name, x in of_indicators.items() if not x[parts.fit].any()}


def _said_of(unmarked: dict[str, int]) -> Iterator[str]:
    if missing := {name: n for name, n in unmarked.items() if n}:
        name, n = max(missing.items(), key=lambda item: item[1])
        others = f" ({len(missing) - 1:,} more such columns)" if len(missing) > 1 else ""
        yield (
            f"{n:,} test rows say {name!r}, which no fit row does{others}: it is left out, so that no test row adds a"
            " column to the fit, and those cells are read as 0"
        )


def _require_honest(table: Table, parts: Parts) -> None:
    """Raise DataError if a row would be both learned from and tested."""
    learned = np.concatenate([parts.fit, parts.calibration, parts.anomalies])
    if np.intersect1d(parts.anomalies, learned[: -len(parts.anomalies) or None]).size:
        raise DataError("expected known anomalies that are not fitted on as normal rows, got some in both parts")
    if (table.label[parts.anomalies] != 1).any():
        raise DataError("expected anomalies among the known anomalies of the protocol, got a normal row")
    if np.intersect1d(learned, parts.test).size or table.is_test[learned].any():
        raise DataError(
            "expected no test row among those that fit or calibrate, got some; the protocol divides the rows wrongly"
        )


def _ignored_times(table: Table, parts: Parts, of_test_file: npt.NDArray[np.bool_]) -> Iterator[str]:
    """A warning if rows have times but were not divided by them."""
    if table.order is None or of_test_file.any():
        return
    earlier = table.order.time[parts.test] <= table.order.time[parts.fit].max()
    if earlier.any():
        yield (
            f"{int(earlier.sum()):,} of {len(earlier):,} test rows are no later than the last fitted one:"
            f" {override('protocol', 'by_time')} tests on later ones alone, as a detector does in use"
        )


def _require_no_label(table: Table, rows: Rows) -> None:
    """Raise DataError if a column of these rows duplicates the label."""
    found = label_copies(table.features, table.label, rows)
    if not (copies := {name: n for name, n in found.items() if name not in table.measured}):
        return
    named = " and ".join(f"{name}, whose {n} values" for name, n in copies.items())
    kinds = next((name for name, n in copies.items() if n > 2), None)
    family = override("data.family", kinds) if kinds and table.names_kinds else None
    raise DataError(
        f"expected features that do not contain the label, got the column {named} tell anomalies from normal rows;"
        f" leave it out with {override('data.drop', [*table.dropped, *copies])}"
        + (f", or, if it names the kinds of anomalies, with {family}" if family else "")
        + f"; if it was measured and is no label, {override('measured', [*table.measured, *copies])} keeps it"
    )


def shuffled(rows: Rows, rng: np.random.Generator) -> Rows:
    """The rows in an order drawn from rng."""
    return rng.permutation(rows)


def normals_and_test(table: Table, rng: np.random.Generator, test_fraction: float) -> tuple[Rows, Rows]:
    """The normals to learn from, in random order, and the test rows.

    If the dataset has a test file, it is the test part, and all other normals are learned from. Otherwise this share
    of the normals and all anomalies form the test part.
    """
    if table.is_test.any():
        return shuffled(np.flatnonzero(~table.is_test & (table.label == 0)), rng), np.flatnonzero(table.is_test)
    normals = shuffled(np.flatnonzero(table.label == 0), rng)
    n_test = round(test_fraction * len(normals))
    return normals[n_test:], np.concatenate([normals[:n_test], np.flatnonzero(table.label == 1)])


def require_test_file(table: Table, protocol: str, why: str) -> None:
    """Raise DataError for a dataset without a test file."""
    if not table.is_test.any():
        raise DataError(f"expected a dataset with a test file for protocol={protocol}, got {table.name}: {why}")


def _distinct(table: Table, rows: Rows) -> Rows:
    hashes = row_hashes(table.features.take(rows)) ^ table.label[rows].astype(np.uint64)
    _, first = np.unique(hashes, return_index=True)
    return rows[np.sort(first)]


def _labels(table: Table, rows: Rows, may_have_met: npt.NDArray[np.bool_]) -> Labels:
    # Without a test file there are no training anomalies, hence no distinction between known and novel ones.
    known = frozenset(table.attack[may_have_met].counts()) if table.is_test.any() else None
    return Labels(
        label=table.label[rows],
        family=table.family[rows],
        attack=table.attack[rows],
        known_attacks=known,
        subsets={name: of_subset[rows] for name, of_subset in table.subsets.items()},
        identity=row_hashes(table.features.take(rows)),
    )
