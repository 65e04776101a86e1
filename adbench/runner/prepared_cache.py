"""How prepared rows lie in the cache: under which key, and what of them in which file."""

import hashlib
import importlib
import json
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from adbench.arrays.categories import Names
from adbench.arrays.memmap import open_copy, require_room
from adbench.arrays.types import Arrays
from adbench.config.checks import require_not_negative
from adbench.config.instantiate import locate
from adbench.config.keys import CONTENT, WHERE_NOT_WHAT, Config
from adbench.config.paths import cache_folder, data_folder
from adbench.errors import AdbenchError, ConfigError, DataError
from adbench.evaluation.seal import Labels
from adbench.results.provenance import cpu, source_digest
from adbench.storage.cache import Cache, Draft, Entry
from adbench.storage.fingerprints import find_files, sha256_of

_log = logging.getLogger(__name__)

HEAD = "head"
GIB = 2**30

# What of adbench's source decides about the bits of an entry.
SOURCES = (
    *("arrays", "data", "preprocess", "protocols", "evaluation/controls.py", "evaluation/seal.py"),
    *("runner/prepare.py", "runner/prepared_cache.py", "storage/cache.py"),
)


def cache_of(config: Config) -> Cache | None:
    """The cache that a configuration names; None where it wants none. Raises ConfigError for what is neither."""
    folder = config["cache"]
    if folder is False:
        return None
    if folder is not None and not isinstance(folder, str):
        raise ConfigError(f"expected cache to be a folder, null or false, got {folder!r}")
    return Cache(Path(folder).expanduser() if folder else cache_folder() / "prepared", bytes_of(config, "cache_gb"))


def bytes_of(config: Config, key: str) -> float:
    """A limit in GiB as bytes; null is none."""
    if config[key] is None:
        return float("inf")
    require_not_negative(key, config[key])
    return float(config[key]) * GIB


def key_of(config: Config) -> str | None:
    """A digest of all that the bits of prepared rows depend on; None where their files are not all there."""
    protocol = config["protocol"]
    try:
        files = _data_files(config["data"])
    except (AdbenchError, OSError, TypeError, ValueError):  # which the loader says better
        return None
    data = {k: v for k, v in config["data"].items() if k not in (*CONTENT["data"], *(WHERE_NOT_WHAT["data"] or ()))}
    seed = config["seed"] if protocol.get("split_seed") is None else None
    made_with = [source_digest(*SOURCES), np.__version__, pa.__version__, cpu()]
    parts = json.dumps([made_with, files, data, protocol, config["preprocess"], seed], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _data_files(data: Config) -> list[Any]:
    """The names of all files that the loader can read, and the sha256 of their bytes as they lie there."""
    named = [key for key in CONTENT["data"] if key in data]
    if named:
        paths = {key: find_files(data[key], f"data.{key}") for key in named if data[key] is not None}
        return [[key, str(path), sha256_of(path)] for key, of_key in paths.items() for path in of_key]
    module = importlib.import_module(locate(data, "data").__module__)
    folder = Path(data.get("folder") or data_folder()) / getattr(module, "FOLDER", module.__name__.rpartition(".")[2])
    return [[path.name, sha256_of(path)] for path in sorted(folder.iterdir()) if path.is_file()]


def packed_labels(labels: Labels) -> tuple[Arrays, Any]:
    """Labels as numbers and words."""
    names = {"family": labels.family, "attack": labels.attack}
    arrays: Arrays = {"label": labels.label} | {name: column.codes for name, column in names.items()}
    arrays |= {f"subset/{name}": rows for name, rows in labels.subsets.items()}
    document = {name: list(column.values) for name, column in names.items()}
    known = None if labels.known_attacks is None else sorted(labels.known_attacks)
    return arrays, document | {"known_attacks": known, "subsets": list(labels.subsets)}


def labels_of(entry: Entry) -> Labels:
    """The labels of an entry. Raises DataError where their file was changed after it was checked."""
    try:
        arrays, document = entry.labels()
        return Labels(
            label=arrays["label"],
            family=Names(document["family"], arrays["family"]),
            attack=Names(document["attack"], arrays["attack"]),
            known_attacks=None if document["known_attacks"] is None else frozenset(document["known_attacks"]),
            subsets={name: arrays[f"subset/{name}"] for name in document["subsets"]},
        )
    except (OSError, ValueError) as error:
        raise DataError(f"expected the test labels in {entry.path}, got {error}; run it again") from None


class Writer:
    """Writes prepared rows into the cache while they are made, or goes on without it.

    What does not fit in memory is written whatever the cache is: if it is none, into a temporary folder.
    """

    def __init__(self, cache: Cache | None, key: str | None) -> None:
        self.cache = cache
        self._draft = cache.draft(key) if cache and key else None
        self._is_kept = self._draft is not None

    @contextmanager
    def _trying(self) -> Iterator[Draft | None]:
        """The draft, which is given up when the disk is full."""
        try:
            yield self._draft if self._is_kept else None
        except OSError as error:
            self.discard()
            if self.cache:
                self.cache.goes_on_without(error)

    def labels(self, labels: Labels) -> None:
        """Write the labels."""
        with self._trying() as draft:
            if draft:
                draft.write_labels(*packed_labels(labels))

    def save(self, name: str, x: npt.NDArray[np.float32]) -> None:
        """Write a matrix."""
        with self._trying() as draft:
            if draft:
                draft.save(name, x)

    def folder(self) -> Path:
        """Where large files can be written until `discard`."""
        return self._any_draft().path

    def create(self, name: str, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
        """A matrix on disk, of zeros. Raises DataError where there is no room for it."""
        draft = self._any_draft()
        with require_room(draft.path):
            return draft.create(name, shape, np.float32)

    def reopened(self, name: str, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
        """The matrix that `create` gave, once it is filled: what is written into it from now on changes no file."""
        return open_copy(self._any_draft().path / name, shape, np.float32)

    def _any_draft(self) -> Draft:
        if self._draft is None:
            with require_room(Path(tempfile.gettempdir())):
                self._draft = Draft(Path(tempfile.gettempdir()), "adbench")
        return self._draft

    def commit(self, arrays: Arrays, document: Any) -> Entry | None:
        """Write the rest, and let others find it."""
        entry = None
        with self._trying() as draft:
            if draft and self.cache:
                draft.write(HEAD, arrays, document | {"labels": draft.labels_checksum})
                entry = draft.commit()
                if entry:
                    self._draft = None
                self.cache.trim()
        self.discard()
        return entry

    def discard(self) -> None:
        """Remove what was written; what is mapped stays readable."""
        if self._draft:
            self._draft.discard()
        self._draft, self._is_kept = None, False


@contextmanager
def heard() -> Iterator[list[str]]:
    """What the loaders warn of, said when they are done, and kept to be said again for rows out of the cache."""
    sentences: list[str] = []
    handler, logger = logging.Handler(logging.WARNING), logging.getLogger("adbench.data")
    handler.emit = lambda record: sentences.append(record.getMessage())  # type: ignore[method-assign]
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield sentences
    finally:
        logger.propagate = True
        logger.removeHandler(handler)
        for sentence in sentences:
            say(sentence)


def say(sentence: str) -> None:
    """Warn of what a loader warned of."""
    _log.warning("%s", sentence)
