"""Run folders: the files on disk that a run is made of, and how they are read back. Needs no torch."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet
import safetensors.numpy
import yaml

from adbench.data.table import NORMAL
from adbench.errors import RunFolderError
from adbench.evaluation.sealed import Labels

CONFIG, ENVIRONMENT, METRICS, ERROR = "config.yaml", "environment.json", "metrics.json", "error.txt"
SCORES, FROZEN, HISTORY = "scores.parquet", "frozen.sha256", "history.csv"
MODEL, PREPROCESS = "model", "preprocess"  # each a .json with what it is and a .safetensors with its arrays
FILES = (
    CONFIG,
    ENVIRONMENT,
    ERROR,
    SCORES,
    FROZEN,
    HISTORY,
    METRICS,
    *(f"{part}.{kind}" for part in (MODEL, PREPROCESS) for kind in ("json", "safetensors")),
)
DONE, FAILED, INCOMPLETE = "done", "failed", "incomplete"

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Run:
    """A run as its folder tells it; `metrics` and `environment` are empty until they are written."""

    folder: Path
    status: str  # done, failed or incomplete
    config: dict[str, Any]
    metrics: dict[str, float]
    environment: dict[str, Any]
    error: str = ""  # last line of the traceback of a failed run

    def document(self) -> dict[str, Any]:
        """The run as `--json` prints it."""
        document: dict[str, Any] = {"run": str(self.folder), "status": self.status, "metrics": self.metrics}
        return document | ({"error": self.error} if self.error else {})


class RunFolder:
    """One run's folder while it is being written. metrics.json comes last: a run is complete or it is not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._created: list[Path] = []  # folders that this object made, outermost first

    @property
    def is_complete(self) -> bool:
        """Whether a finished run lies here."""
        return (self.path / METRICS).is_file()

    def start(self, config: dict[str, Any]) -> None:
        """Make the folder, without what an earlier attempt left in it, and write its configuration.

        Raises RunFolderError when the folder cannot be written.
        """
        try:
            missing = [path for path in (self.path, *self.path.parents) if not path.exists()]
            self.path.mkdir(parents=True, exist_ok=True)
            self._created = missing[::-1]
            self._remove_files()
            self.write_text(CONFIG, yaml.safe_dump(config, sort_keys=False))
        except OSError as error:
            raise RunFolderError(
                f"expected a folder that can be written at {self.path}, got {error.strerror or error}; "
                "name another with runs_dir="
            ) from None

    def discard(self) -> None:
        """Take back all that `start` and its successors wrote, and nothing else."""
        with contextlib.suppress(OSError):
            self._remove_files()
            for path in reversed(self._created):
                path.rmdir()  # refuses when somebody else put something there

    def write_text(self, name: str, text: str) -> None:
        """Write a file whole or not at all."""
        with self._replacing(name) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def write_json(self, name: str, document: dict[str, Any]) -> None:
        """Write a JSON file whole or not at all."""
        self.write_text(name, json.dumps(document, indent=2, allow_nan=False) + "\n")

    def write_part(self, part: str, description: dict[str, Any], arrays: Arrays) -> None:
        """A model or a preprocessing: its arguments as JSON, its arrays as safetensors; nothing that unpickles."""
        self.write_json(f"{part}.json", description)
        with self._replacing(f"{part}.safetensors") as temporary:
            contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
            temporary.write_bytes(safetensors.numpy.save(contiguous))

    def write_scores(self, rows: npt.NDArray[np.intp], scores: npt.NDArray[np.float64], labels: Labels | None) -> None:
        """scores.parquet: row and score, and, once the labels were opened, label, family and attack."""
        columns: dict[str, Any] = {"row": rows, "score": scores}
        if labels is not None:
            columns["label"] = labels.label
            columns["family"] = pa.array(labels.family).dictionary_encode()
            columns["attack"] = pa.array(labels.attack).dictionary_encode()
        with self._replacing(SCORES) as temporary:
            pyarrow.parquet.write_table(pa.table(columns), temporary)

    def _remove_files(self) -> None:
        for name in FILES:
            (self.path / name).unlink(missing_ok=True)
            _temporary(self.path / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _replacing(self, name: str) -> Iterator[Path]:
        target = self.path / name
        yield _temporary(target)
        _temporary(target).replace(target)


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.name}.partial")


def read_run(folder: Path) -> Run:
    """The run in this folder.

    Raises RunFolderError when the folder holds no run, or a file of it cannot be read.
    """
    if not (folder / CONFIG).is_file():
        raise RunFolderError(f"expected a run folder with a {CONFIG}, got {folder}; name a folder under runs/")
    try:
        config = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
        metrics, environment = _json_or_empty(folder / METRICS), _json_or_empty(folder / ENVIRONMENT)
        traceback = (folder / ERROR).read_text(encoding="utf-8") if (folder / ERROR).is_file() else ""
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise RunFolderError(
            f"expected readable run files in {folder}, got {reason}; delete the folder and run it again"
        ) from None
    if not isinstance(config, dict) or not isinstance(config.get("choices"), dict):
        raise RunFolderError(f"expected a composed configuration in {folder / CONFIG}, got something else")
    status = DONE if metrics else FAILED if traceback else INCOMPLETE
    last_line = traceback.strip().splitlines()[-1] if status == FAILED else ""
    return Run(folder, status, config, metrics, environment, last_line)


def find_runs(folder: Path) -> list[Path]:
    """The run folders directly below a folder, or the folder itself when it is one."""
    if (folder / CONFIG).is_file():
        return [folder]
    return sorted(path.parent for path in folder.glob(f"*/{CONFIG}"))


def families(run: Run) -> list[str]:
    """The coarse families of the anomalies a finished run was tested on; attack types are not among them."""
    try:
        column = pyarrow.parquet.read_table(run.folder / SCORES, columns=["family"])["family"]
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise RunFolderError(
            f"expected readable scores in {run.folder / SCORES}, got {error}; run it again with --force"
        ) from None
    return sorted(set(column.unique().to_pylist()) - {NORMAL})


def _json_or_empty(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    document = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict):
        raise ValueError(f"{path.name} is not a JSON object")
    return document
