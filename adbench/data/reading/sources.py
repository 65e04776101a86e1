"""The files of a user's table, and what is known of their rows from the keys alone: test part, single class."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adbench.arrays.categories import CategoryColumn
from adbench.data.base import NORMAL
from adbench.data.reading.columns import Rows
from adbench.data.reading.labels import ANOMALY, MAX_KINDS
from adbench.data.reading.tabular import one_after_the_other, require_same_columns
from adbench.errors import ConfigError
from adbench.storage.fingerprints import PACKED, find_files, sha256_of
from adbench.storage.spool import name_of

Paths = str | list[str] | None


@dataclass(frozen=True)
class Source:
    """A file of a table."""

    path: Path
    is_test: bool
    anomalous: bool | None  # whether all of its rows are anomalies; None: its label column decides


def find_sources(path: Paths, test_path: Paths, normal_path: Paths, anomaly_path: Paths) -> list[Source]:
    """The files, those of one class first; single-class files that test_path names as well belong to the test part.

    Raises ConfigError without files, for anomalies without normal rows or vice versa, and for a file that would belong
    to two parts or classes, also under another name.
    """
    keys = {"data.path": path, "data.test_path": test_path}
    keys |= {"data.normal_path": normal_path, "data.anomaly_path": anomaly_path}
    named = {key: find_files(value, key) if value is not None else [] for key, value in keys.items()}
    if not (named["data.path"] or named["data.normal_path"] or named["data.anomaly_path"]):
        raise ConfigError(
            "expected data.path, the file or files with the rows, got none; write data.path=rows.csv, or, where each"
            " file has rows of one class, name those of normal rows by data.normal_path= and those of anomalies by"
            " data.anomaly_path="
        )
    for key, other in (("test_path", "path"), ("anomaly_path", "normal_path"), ("normal_path", "path")):
        both = _resolved(named[f"data.{key}"]) & _resolved(named[f"data.{other}"])
        if both:
            raise ConfigError(
                f"expected other files in data.{key} than in data.{other}, got {name_of(min(both))} in both"
            )
    tested = _resolved(named["data.test_path"])
    classes = {False: named["data.normal_path"], True: named["data.anomaly_path"]}
    found = [Source(file, file.resolve() in tested, one) for one, files in classes.items() for file in files]
    rest = [file for file in named["data.test_path"] if file.resolve() not in {one.path.resolve() for one in found}]
    found += [Source(file, False, None) for file in named["data.path"]]
    found += [Source(file, True, None) for file in rest]
    _require_both_classes({source.anomalous for source in found})
    _require_other_bytes(found)
    return found


def _resolved(files: list[Path]) -> set[Path]:
    return {file.resolve() for file in files}


def _require_both_classes(classes: set[bool | None]) -> None:
    if classes in ({True}, {False}):
        got, lacking = ("anomalies", "normal") if True in classes else ("normal rows", "anomaly")
        raise ConfigError(
            f"expected files of normal rows and of anomalies, got files of {got} alone; name the others by"
            f" data.{lacking}_path=, or a test file that has both by data.test_path= and its column by data.label="
        )


def _require_other_bytes(sources: list[Source]) -> None:
    """Raise ConfigError for two files with equal contents but different parts or classes."""
    first: dict[str, Source] = {}
    for source in sources:
        twin = first.setdefault(sha256_of(source.path), source)
        if (twin.is_test, twin.anomalous) == (source.is_test, source.anomalous):
            continue
        if twin.is_test != source.is_test:
            raise ConfigError(
                f"expected other rows to test on than to learn from, got the same bytes in {twin.path} and"
                f" {source.path}; name another data.test_path, or leave it out, and the protocol sets test rows apart"
            )
        raise ConfigError(
            f"expected other rows for each class, got the same bytes in {twin.path} and {source.path}; name one of them"
        )


def classes_of(
    sources: list[Source], n_rows: list[int], notes: list[str]
) -> tuple[npt.NDArray[np.bool_], CategoryColumn]:
    """The anomalies and their kinds in single-class files; the file names are the kinds if there are several."""
    label = np.repeat([source.anomalous is True for source in sources], n_rows)
    names = [_bare(source.path) if source.anomalous else NORMAL for source in sources]
    kinds = {name for name, source in zip(names, sources, strict=True) if source.anomalous}
    if 1 < len(kinds) <= MAX_KINDS and NORMAL not in map(str.lower, kinds):
        notes.append("the kinds of anomalies are the names of their files; data.family= names a column instead")
    else:
        names = [ANOMALY if source.anomalous else NORMAL for source in sources]
    return label, CategoryColumn.renamed(names, np.repeat(np.arange(len(sources)), n_rows))


def _bare(path: Path) -> str:
    return Path(path.stem).stem if path.suffix.lower() in PACKED else path.stem


@dataclass(frozen=True)
class Joined:
    """Rows of several parts, concatenated, without the columns that only some parts need."""

    parts: Sequence[Rows]
    column_names: list[str]

    @classmethod
    def of(cls, parts: Sequence[Rows], without: tuple[str | None, ...], paths: Sequence[Path]) -> "Joined":
        """Join parts. Raises DataError if their other columns differ. paths: one file of each part."""
        names = [[name for name in part.column_names if name not in without] for part in parts]
        for of_part, path in zip(names[1:], paths[1:], strict=True):
            require_same_columns(of_part, path, names[0], paths[0])
        return cls(parts, names[0])

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        if len(self.parts) == 1:
            return self.parts[0][name]
        return one_after_the_other([pa.table({name: part[name]}) for part in self.parts])[name]

    def __len__(self) -> int:
        return sum(map(len, self.parts))
