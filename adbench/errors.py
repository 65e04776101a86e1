"""Exceptions for a user's mistakes, as one tree.

Each message is one sentence for the person who typed the command: what was expected, what was found, what to do next.
The command line prints it without a traceback and exits with code 2. Several open questions about one table are raised
as one error of several sentences.

    AdbenchError
    ├── BaselineError       a baseline that is invalid, cannot be written, or would rest on too few runs
    ├── ConfigError         a group, an option, a key or a value of the configuration
    ├── DataError           a data file that is missing, altered or malformed, or a table with bad values
    ├── RunFolderError      a run folder that cannot be written or read
    │   └── FolderInUseError    another process is running it
    ├── ReportError         a report that cannot be written
    ├── ScoresError         scores that are not finite, or not one per row
    ├── SeveralError        several of these at once
    └── SealedLabelsError   test labels were accessed before scores and threshold were frozen
"""

from collections.abc import Sequence
from typing import Any


class PrunedError(Exception):
    """A run stopped early at its sweep's request; not an error."""


class AdbenchError(Exception):
    """A mistake in a request or its input, never a bug in adbench."""

    @property
    def sentences(self) -> list[str]:
        """The sentences to print, in order."""
        return [str(self)]

    def followed_by(self, more: str) -> "AdbenchError":
        """The same error with `more` appended to its message."""
        return type(self)(f"{self}{more}")


class BaselineError(AdbenchError):
    """A baseline that is invalid, cannot be written, or would rest on too few runs."""


class ConfigError(AdbenchError):
    """A group, an option, a key or a value of the configuration."""


class DataError(AdbenchError):
    """A data file that is missing, altered or malformed, or a table with bad values."""


class RunFolderError(AdbenchError):
    """A run folder that cannot be written or read."""


class FolderInUseError(RunFolderError):
    """A run folder that another process is writing."""


class ReportError(AdbenchError):
    """A report that cannot be written."""


class ScoresError(AdbenchError):
    """Scores that are not finite, or not one per row."""


class SealedLabelsError(AdbenchError):
    """Test labels were accessed before scores and threshold were frozen."""


class SeveralError(AdbenchError):
    """Several errors at once, each with its own sentence."""

    def __init__(self, errors: Sequence[AdbenchError]) -> None:
        super().__init__("; also ".join(sentence for error in errors for sentence in error.sentences))
        self.errors = errors

    @property
    def sentences(self) -> list[str]:
        return [sentence for error in self.errors for sentence in error.sentences]

    def followed_by(self, more: str) -> AdbenchError:
        return SeveralError([*self.errors[:-1], self.errors[-1].followed_by(more)])

    def __reduce__(self) -> Any:  # so that it survives pickling between processes
        return SeveralError, (self.errors,)
