"""Loading the fitted encoder and detector of a finished run. Untrusted folders are read as data, never executed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet
import safetensors.numpy
from safetensors import SafetensorError

from adbench.arrays.objects import read_objects
from adbench.arrays.types import Matrix, Scores
from adbench.config.compose import compose
from adbench.config.instantiate import build, locate
from adbench.config.keys import TARGET
from adbench.data.base import Features
from adbench.errors import ConfigError, RunFolderError
from adbench.evaluation.promise import judges_rows_together
from adbench.models.base import KeepsObjects, as_taken
from adbench.results.code import require_plugins
from adbench.results.formats import part_of
from adbench.results.record import CALIBRATION, DONE, MODEL, OBJECTS, PREPROCESS, Run, read_run
from adbench.runner.cross import detector_for, encoder_for
from adbench.text import override


@dataclass(frozen=True)
class Fitted:
    """The fitted parts of a run. Features of its table -> `rows` -> `detector.score_rows` -> `reported`."""

    run: Run
    encoder: Any
    detector: Any

    def rows(self, features: Features) -> Matrix:
        """The encoded rows, in the shape that the detector takes. features: of the run's table."""
        x: Matrix = self.encoder.transform(features)
        return x.reshape(len(x), *as_taken(self.detector, self.encoder.columns).shape)

    @property
    def threshold(self) -> float:
        """The score above which a row is reported as an anomaly, independent of other rows.

        Raises ConfigError if the rule judges the rows of a file together: it has no threshold before it sees all of
        them.
        """
        if judges_rows_together(self.run.metrics):
            chosen = self.run.config["choices"].get("threshold")
            raise ConfigError(
                f"expected a threshold for rows that come one after the other, got threshold={chosen}, which judges the"
                f" rows of a file together; train the model with {override('threshold', 'conformal')}, or ask for a"
                " whole file at once"
            )
        return self.run.metrics["threshold"]

    def reported(self, scores: Scores) -> npt.NDArray[np.bool_]:
        """True for the reported rows of a file, given the scores of all of its rows.

        A rule that judges rows together is applied again, to these rows and the scores of the run's calibration rows.
        """
        if not judges_rows_together(self.run.metrics):
            return scores > self.threshold
        chosen, stored = self.run.config["choices"].get("threshold"), self.run.config.get("threshold")
        target = compose([override("threshold", str(chosen))])["threshold"][TARGET]
        with _reading(self.run.folder):
            rule = build({**dict(stored or {}), TARGET: target}, "threshold")  # the target last, as in `_part`
            columns = pyarrow.parquet.read_table(self.run.folder / CALIBRATION)
            calibration = columns["score"].to_numpy().astype(np.float64)
        found: npt.NDArray[np.bool_] = scores > rule(calibration, scores, self.run.metrics["target_fpr"])
        return found


def load(folder: Path) -> Fitted:
    """The fitted parts of a finished run, of any format.

    Raises RunFolderError if the run is not finished or its files are invalid, and ConfigError for a model or
    preprocessing that no longer exists.
    """
    run = read_run(folder)
    if run.status != DONE:
        raise RunFolderError(f"expected a finished run in {folder}, got one that is {run.status}; run it first")
    require_plugins(run)
    about, arrays, make_encoder = _part(run, PREPROCESS)
    with _reading(folder):
        encoder = encoder_for(run.config, make_encoder)
        encoder.restore(about["fitted"], arrays)
    about, learned, make_detector = _part(run, MODEL)
    detector = detector_for(run.config, encoder, lambda columns: make_detector(columns=columns))
    with _reading(folder):
        if about["n_features"] != (n_columns := as_taken(detector, encoder.columns).shape[-1]):
            raise ValueError(f"a model of {about['n_features']} columns for rows of {n_columns}")
        detector.restore(learned)
        if isinstance(detector, KeepsObjects):
            detector.restore_objects(read_objects((folder / OBJECTS).read_bytes(), detector.trusted))
    return Fitted(run, encoder, detector)


def _part(run: Run, part: str) -> tuple[dict[str, Any], dict[str, Any], Callable[..., Any]]:
    """The other entries of a part's JSON file, its arrays, and a function that makes the unfitted object."""
    with _reading(run.folder):
        document = json.loads((run.folder / f"{part}.json").read_text(encoding="utf-8"))
        arrays = safetensors.numpy.load((run.folder / f"{part}.safetensors").read_bytes())
        option, arguments, about = part_of(document, part, run.config["choices"][part], run.folder / f"{part}.json")
    target = compose([f"{part}={option}"])[part][TARGET]
    with _reading(run.folder):
        node = {**arguments, TARGET: target}  # the target last: a file names options, never a path

    def make(**passed: Any) -> Any:
        with _reading(run.folder):
            if "columns" in passed:
                passed["columns"] = as_taken(locate(node, part), passed["columns"])
            return build(node, part, **passed)

    return about, arrays, make


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Raise errors of a reader, whose kind a damaged file decides, as RunFolderError about this folder."""
    try:
        yield
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise RunFolderError(f"expected the files of a finished run in {folder}, got {reason}; run it again") from None
