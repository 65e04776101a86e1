"""From a finished run's folder to its fitted encoder and detector. A stranger's folder is read as data, never run."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.numpy
from safetensors import SafetensorError

from adbench.arrays.objects import read_objects
from adbench.arrays.types import Matrix
from adbench.config.compose import compose
from adbench.config.instantiate import build, locate
from adbench.config.keys import TARGET
from adbench.data.base import Features
from adbench.errors import RunFolderError
from adbench.models.base import KeepsObjects, as_taken
from adbench.results.formats import part_of
from adbench.results.record import DONE, MODEL, OBJECTS, PREPROCESS, Run, read_run
from adbench.runner.cross import detector_for, encoder_for


@dataclass(frozen=True)
class Fitted:
    """What a run learned: features of its table -> `rows` -> `detector.score_rows` -> above `threshold`?"""

    run: Run
    encoder: Any
    detector: Any

    def rows(self, features: Features) -> Matrix:
        """Rows of the run's table, encoded, in the shape that the detector takes."""
        x: Matrix = self.encoder.transform(features)
        return x.reshape(len(x), *as_taken(self.detector, self.encoder.columns).shape)

    @property
    def threshold(self) -> float:
        """Rows that score above it are reported as anomalies."""
        return self.run.metrics["threshold"]


def load(folder: Path) -> Fitted:
    """The fitted parts of a finished run, of any format.

    Raises RunFolderError where the run is not finished or a file is not what a run writes, and ConfigError for a model
    or preprocessing that does not exist any more.
    """
    run = read_run(folder)
    if run.status != DONE:
        raise RunFolderError(f"expected a finished run in {folder}, got one that is {run.status}; run it first")
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
    """What the JSON file of a part tells besides, its arrays, and what makes the unfitted object."""
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
    """Whatever a damaged file makes its reader raise is a RunFolderError about this folder."""
    try:
        yield
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise RunFolderError(f"expected the files of a finished run in {folder}, got {reason}; run it again") from None
