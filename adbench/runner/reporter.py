"""Reporting of a run's progress and timing of its stages."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any


class Reporter:
    """A listener to a run's progress. This one is silent; `adbench.cli.display.run_progress` has one that draws."""

    def stage(self, name: str) -> None:
        """A new stage begins."""

    def took(self, name: str, seconds: float) -> None:
        """A stage has ended."""

    def note(self, sentence: str) -> None:
        """Information for the user, though nothing is wrong."""

    def warn(self, sentence: str) -> None:
        """A finding that inflates the result."""

    def callbacks(self) -> list[Any]:
        """Lightning callbacks that follow the training."""
        return []


class PlainReporter(Reporter):
    """Reporter for a stderr that is a file or a pipe: notes and warnings as lines, nothing drawn."""

    def note(self, sentence: str) -> None:
        """Print one line."""
        print(f"adbench: {sentence}", file=sys.stderr, flush=True)

    def warn(self, sentence: str) -> None:
        """Print one line."""
        self.note(f"warning: {sentence}")


class Stopwatch:
    """Wall-clock seconds per stage of a run, by metric name."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.measured = dict.fromkeys(("load_seconds", "preprocess_seconds", "transform_seconds"), 0.0)  # 0 if cached

    @contextlib.contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Context that times a stage; the parts of an interrupted stage are summed."""
        self.reporter.stage(stage)
        start = time.perf_counter()
        yield
        took = time.perf_counter() - start
        self.measured[f"{stage}_seconds"] = self.measured.get(f"{stage}_seconds", 0.0) + took
        self.reporter.took(stage, took)
