"""One run of a sweep: its configuration and its folder, before, while and after it is run."""

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

    overrides: tuple[str, ...]  # what `adbench train` needs to run it alone
    config: Config
    path: Path  # its run folder
    code: Code | None  # at hand for it

    @property
    def name(self) -> str:
        """The name of its run folder."""
        return self.path.name

    def state(self, keep_old: bool = True) -> Run:
        """What stands in its folder: "incomplete" where nothing does, "unreadable" where it was damaged.

        keep_old: whether what other code found out stands too; else it is "outdated".
        """
        try:
            # A kill can come between a folder and its first file: then there is nothing to be read.
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
        """When its metrics were written, in nanoseconds; 0 where there are none."""
        try:
            return (self.path / METRICS).stat().st_mtime_ns
        except OSError:
            return 0

    def as_run(self, status: str, error: str = "") -> Run:
        """The job as a run without results."""
        return Run(self.path, status, self.config, {}, {}, error)

    def holder(self) -> str | None:
        """The process that is running it now."""
        return holder_of(self.path / LOCK)
