"""Who hears how a run gets on, and how long its stages take."""

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Any


class Reporter:
    """Hears how a run gets on. This one is silent; `adbench.cli.display.run_progress` has one that draws."""

    def stage(self, name: str) -> None:
        """A new stage begins."""

    def took(self, name: str, seconds: float) -> None:
        """A stage is over."""

    def note(self, sentence: str) -> None:
        """Something that the user should know, though nothing is wrong."""

    def warn(self, sentence: str) -> None:
        """Something that makes the result look better than the detector is."""

    def callbacks(self) -> list[Any]:
        """Lightning callbacks that watch the training."""
        return []


class PlainReporter(Reporter):
    """For a stderr that is a file or a pipe: no drawing, but what is worth a line."""

    def note(self, sentence: str) -> None:
        """One line."""
        print(f"adbench: {sentence}", file=sys.stderr, flush=True)

    def warn(self, sentence: str) -> None:
        """One line."""
        self.note(f"warning: {sentence}")


class Stopwatch:
    """Wall-clock seconds of each stage of a run, under its metric name."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self.measured = dict.fromkeys(("load_seconds", "preprocess_seconds", "transform_seconds"), 0.0)  # if shared

    @contextlib.contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Time what happens inside; a stage that comes in several parts takes their sum."""
        self.reporter.stage(stage)
        start = time.perf_counter()
        yield
        took = time.perf_counter() - start
        self.measured[f"{stage}_seconds"] = self.measured.get(f"{stage}_seconds", 0.0) + took
        self.reporter.took(stage, took)
