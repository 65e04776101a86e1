"""Time profile of a run, from the start of its process to its end."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adbench.runner.reporter import Reporter

if TYPE_CHECKING:
    from rich.table import Table

IMPORT = "import"
# In the order of a run. Time between the stages is "other".
STAGES = (
    *(IMPORT, "compose", "load", "preprocess", "transform", "fit", "calibrate", "score", "controls", "evaluate"),
    "save",
)

_imported = time.perf_counter()


class Profile(Reporter):
    """Records the time of each stage and forwards all events to the reporter `to`."""

    def __init__(self) -> None:
        self.to = Reporter()
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self.seconds[IMPORT] = process_seconds()  # the start of Python and the imports so far

    @property
    def has_run(self) -> bool:
        """True if a run began; one that is finished already has no stages."""
        return self.seconds["load"] > 0 or self.seconds["fit"] > 0

    def stage(self, name: str) -> None:
        self.to.stage(name)

    def took(self, name: str, seconds: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
        self.to.took(name, seconds)

    def note(self, sentence: str) -> None:
        self.to.note(sentence)

    def warn(self, sentence: str) -> None:
        self.to.warn(sentence)

    def callbacks(self) -> list[Any]:
        return self.to.callbacks()

    def rows(self) -> Iterator[tuple[str, float]]:
        """The stages and their seconds, then "other" and "total", the wall-clock time of this process so far."""
        total = process_seconds()
        yield from self.seconds.items()
        yield "other", total - sum(self.seconds.values())
        yield "total", total

    def table(self) -> "Table":
        """The rows, with each stage's share of the total."""
        from rich.table import Table

        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
        for heading in ("stage", "seconds", "share"):
            table.add_column(heading, justify="left" if heading == "stage" else "right", no_wrap=True)
        rows = list(self.rows())
        for name, seconds in rows:
            table.add_row(name, f"{seconds:.2f}", f"{100 * seconds / rows[-1][1]:.1f} %")
        return table


def process_seconds() -> float:
    """Wall-clock seconds since this process started or, on other systems than Linux, since this module was imported."""
    if sys.platform == "linux":
        try:
            # The command's name, in parentheses, can contain anything; the start, in clock ticks since boot, is field
            # 22.
            fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            ticks = int(fields[19])
            return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError, IndexError):
            pass
    return time.perf_counter() - _imported
