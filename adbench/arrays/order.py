"""When rows came about."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from adbench.text import time_text


@dataclass(frozen=True)
class Order:
    """In which order rows came about, whatever their order in the file; rows of one time came at once.

    time: (rows,), finite; seconds since 1970 in UTC where is_date, else in whatever unit the data count.
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
