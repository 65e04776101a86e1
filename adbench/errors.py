"""What can be wrong with a request, as one tree of exceptions.

Each message is one sentence for the person who typed the command: what was expected, what came, what to do
next. The command line prints it without a traceback and exits with code 2.

    AdbenchError
    ├── BaselineError       a baseline that is none, cannot be written, or would be of too few runs
    ├── ConfigError         a group, an option, a key or a value of the configuration
    ├── DataError           a data file that is missing, altered or malformed, or a table with bad values
    ├── RunFolderError      a run folder that cannot be written or read
    │   └── FolderInUseError    another process is running it
    ├── ReportError         a report that cannot be written
    ├── ScoresError         scores that are not finite, or not one a row
    └── SealedLabelsError   somebody reached for test labels before scores and threshold were frozen
"""


class PrunedError(Exception):
    """A run ends early, because its sweep asked for it: nobody's mistake."""


class AdbenchError(Exception):
    """A mistake in what was asked, or in what was handed over; never a bug in adbench."""


class BaselineError(AdbenchError):
    """A baseline that is none, cannot be written, or would be of too few runs."""


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
    """Scores that are not finite, or not one a row."""


class SealedLabelsError(AdbenchError):
    """Somebody reached for test labels before scores and threshold were frozen."""
