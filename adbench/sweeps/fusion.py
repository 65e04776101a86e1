"""Which jobs of a sweep are handed to its executor at once, to be trained as one network."""

from collections import deque
from pathlib import Path

from adbench.config.identity import same_shapes
from adbench.runner.job import Job


class Groups:
    """Jobs that wait, and how they go together.

    most: jobs that are trained as one; 1: none are. slots: jobs of one kind are shared out evenly among so many.
    """

    def __init__(self, most: int, slots: int) -> None:
        self.most, self.slots = most, slots
        self.waiting: deque[Job] = deque()
        self._apart: set[Path] = set()
        self._apart_kinds: set[str] = set()
        self._sizes: dict[str, int] = {}

    def put_back(self, job: Job, whole_kind: bool) -> None:
        """It has to be run apart; whole_kind: and so have all like it."""
        self._apart.add(job.path)
        if whole_kind:
            self._apart_kinds.add(kind(job))
        self.waiting.appendleft(job)

    def next(self) -> list[Job]:
        """The next job that waits, and those to be trained with it; none where nothing waits."""
        if not self.waiting:
            return []
        first = self.waiting.popleft()
        if not self._may_join(first):
            return [first]
        alike = [job for job in self.waiting if self._may_join(job) and kind(job) == kind(first)]
        # Fixed at the first of a kind: else each group that ends would make the next one smaller.
        size = self._sizes.setdefault(kind(first), min(self.most, -(-(1 + len(alike)) // self.slots)))
        for job in alike[: size - 1]:
            self.waiting.remove(job)
        return [first, *alike[: size - 1]]

    def _may_join(self, job: Job) -> bool:
        return job.path not in self._apart and kind(job) not in self._apart_kinds and not job.config["logger"]


def kind(job: Job) -> str:
    """What jobs that may be trained as one have in common."""
    return same_shapes(job.config)
