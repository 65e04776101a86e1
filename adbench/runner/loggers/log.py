"""Dispatch of a run's events to its loggers. Free of torch, and imports nothing without loggers."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adbench.config.instantiate import build
from adbench.config.keys import Config
from adbench.errors import ConfigError
from adbench.results.record import DONE
from adbench.runner.loggers.base import RunLogger

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger

INTERRUPTED = "interrupted"  # the status of a run that ended unreported


class Log:
    """Forwards the beginning, epochs and end of one attempt at a run to its loggers.

    A failing logger is dropped, and `say` gets the reason: a run is worth more than its log. Raises ConfigError if a
    logger is not installed.
    """

    def __init__(self, config: Config, folder: Path, say: Callable[[str], None]) -> None:
        self._makers = build_loggers(config)
        self._config, self._folder, self._say = config, folder, say
        self._open: dict[str, Logger] = {}
        self._begun = self._ended = False
        self._step = 0

    def begin(self) -> None:
        """Open the loggers, once the rows are ready and the request is known to be valid."""
        self._begun = True
        for name, maker in list(self._makers.items()):
            self._try(name, self._begin, name, maker)

    def _begin(self, name: str, maker: RunLogger) -> None:
        self._open[name] = maker.open(self._folder.name)
        self._open[name].log_hyperparams(flat(self._config) | {"run": str(self._folder)})

    def epoch(self, row: Mapping[str, float]) -> None:
        """Log a line of history.csv."""
        self._step = int(row["epoch"])
        losses = {f"history/{name}": value for name, value in row.items() if name != "epoch"}
        for name, logger in list(self._open.items()):
            self._try(name, logger.log_metrics, losses, self._step)

    def end(self, status: str, metrics: Mapping[str, float]) -> None:
        """Log the final status and metrics, and close the loggers."""
        if not self._begun:
            self.begin()
        self._ended = True
        for name, logger in list(self._open.items()):
            self._try(name, self._end, name, logger, status, metrics)

    def _end(self, name: str, logger: "Logger", status: str, metrics: Mapping[str, float]) -> None:
        if metrics:
            logger.log_metrics(dict(metrics), self._step)
        logger.log_hyperparams({"status": status})
        self._makers[name].close(logger, success=status == DONE)

    def leave(self) -> None:
        """Close the loggers of an attempt that began but did not end."""
        if self._begun and not self._ended:
            self.end(INTERRUPTED, {})

    def _try(self, name: str, call: Callable[..., None], *arguments: Any) -> None:
        from pytorch_lightning.utilities.seed import isolate_rng

        try:
            # Some loggers draw run names from the generators used in training.
            with isolate_rng(include_cuda=False), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call(*arguments)
        except Exception as error:  # anything from a full disk to a server's response
            self._open.pop(name, None)
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            self._say(f"goes on without logger={name} ({reason})")


def build_loggers(config: Config) -> dict[str, RunLogger]:
    """Option -> its logger; empty for a run without loggers. Raises ConfigError if one is not installed."""
    makers: dict[str, RunLogger] = {}
    for name, node in (config.get("logger") or {}).items():
        if not isinstance(node, dict):
            raise ConfigError(f"expected the keys of a logger under logger.{name}, got {node!r}")
        makers[name] = build(node, f"logger.{name}")
    return makers


def flat(config: Config) -> dict[str, Any]:
    """The configuration flattened to dotted keys, with lists as text."""
    values: dict[str, Any] = dict(config["choices"])
    for key, value in config.items():
        if key in ("choices", "logger"):
            continue
        inner = {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
        values |= {k: v if isinstance(v, str | int | float) else str(v) for k, v in inner.items()}
    return values
