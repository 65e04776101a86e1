"""Jobs of a sweep: a configuration with its run folder and current state."""

from dataclasses import dataclass
from pathlib import Path

from adbench.config.keys import Config
from adbench.errors import AdbenchError
from adbench.results.code import Code, difference
from adbench.results.record import (
    CONFIG,
    DONE,
    FAILED,
    INCOMPLETE,
    LOCK,
    METRICS,
    OUTDATED,
    PRUNED,
    UNREADABLE,
    Run,
    read_run,
)
from adbench.runner.run import answers
from adbench.storage.lock import holder_of


@dataclass(frozen=True)
class Job:
    """One run of a sweep."""

    overrides: tuple[str, ...]  # for `adbench train`, to run it alone
    config: Config
    path: Path  # its run folder
    code: Code | None  # the code at hand

    @property
    def name(self) -> str:
        """The name of its run folder."""
        return self.path.name

    def state(self, keep_old: bool = True) -> Run:
        """The state of its folder: "incomplete" if empty, "unreadable" if damaged.

        keep_old: whether results of other code count; otherwise they are "outdated".
        """
        try:
            # A kill between creating the folder and its first file leaves nothing to read.
            if (self.path / CONFIG).is_file() or (self.path / METRICS).exists():
                run = read_run(self.path, self.config)
                if run.status == DONE and not answers(run, self.config):
                    promised = f"{run.metrics['target_fpr']:.3g}"
                    return self.as_run(FAILED, f"its calibration rows can promise no less than target_fpr={promised}")
                if not keep_old and run.status in (DONE, PRUNED) and (why := difference(run, self.code)):
                    return self.as_run(OUTDATED, why)
                return run
        except (AdbenchError, OSError) as error:
            return self.as_run(UNREADABLE, str(error))
        return self.as_run(INCOMPLETE)

    def finished_at(self) -> int:
        """Time at which its metrics were written, in nanoseconds; 0 if missing."""
        try:
            return (self.path / METRICS).stat().st_mtime_ns
        except OSError:
            return 0

    def as_run(self, status: str, error: str = "") -> Run:
        """The job as a Run without results."""
        return Run(self.path, status, self.config, {}, {}, error)

    def holder(self) -> str | None:
        """The process currently running it, or None."""
        return holder_of(self.path / LOCK)
