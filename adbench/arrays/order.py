"""The order of rows in time."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from adbench.text import time_text


@dataclass(frozen=True)
class Order:
    """The time of each row, independent of its place in the file; rows with equal times are simultaneous.

    time: (rows,), finite; seconds since 1970 in UTC if is_date, otherwise in any unit.
    """

    time: npt.NDArray[np.float64]
    is_date: bool

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> "Order":
        """Only these rows, in this order."""
        return replace(self, time=self.time[rows])

    def text(self, time: float) -> str:
        """A time for people."""
        return time_text(time, self.is_date)

    @property
    def span(self) -> str:
        """The first and the last time, for people."""
        return f"{self.text(self.time.min())} to {self.text(self.time.max())}" if len(self.time) else "no row"
