"""Grouping of a sweep's jobs that are submitted together, to be trained as one stacked network."""

from collections import deque
from pathlib import Path

from adbench.config.identity import same_shapes
from adbench.runner.job import Job


class Groups:
    """Queue of waiting jobs, taken out in groups.

    most: maximum jobs trained as one; 1: no fusing. slots: number of slots that share the jobs of a kind evenly.
    """

    def __init__(self, most: int, slots: int) -> None:
        self.most, self.slots = most, slots
        self.waiting: deque[Job] = deque()
        self._apart: set[Path] = set()
        self._apart_kinds: set[str] = set()
        self._sizes: dict[str, int] = {}

    def put_back(self, job: Job, whole_kind: bool) -> None:
        """Return a job to be run separately. whole_kind: and all of its kind."""
        self._apart.add(job.path)
        if whole_kind:
            self._apart_kinds.add(kind(job))
        self.waiting.appendleft(job)

    def next(self) -> list[Job]:
        """Take the next waiting job and those to be trained with it; empty if none waits."""
        if not self.waiting:
            return []
        first = self.waiting.popleft()
        if not self._may_join(first):
            return [first]
        alike = [job for job in self.waiting if self._may_join(job) and kind(job) == kind(first)]
        # Fixed by the first group of a kind: otherwise each finished group would shrink the next.
        size = self._sizes.setdefault(kind(first), min(self.most, -(-(1 + len(alike)) // self.slots)))
        for job in alike[: size - 1]:
            self.waiting.remove(job)
        return [first, *alike[: size - 1]]

    def _may_join(self, job: Job) -> bool:
        return job.path not in self._apart and kind(job) not in self._apart_kinds and not job.config["logger"]


def kind(job: Job) -> str:
    """A key shared by the jobs that may be trained as one."""
    return same_shapes(job.config)
