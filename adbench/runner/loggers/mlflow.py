"""MLflow logger; view with mlflow ui --backend-store-uri sqlite:///STORE."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from adbench.config.extras import require_package
from adbench.runner.loggers.base import RunLogger
from adbench.storage.lock import Lock

if TYPE_CHECKING:
    from pytorch_lightning.loggers import Logger

OPEN_SECONDS = 120  # maximum wait for others to open the store: the first creates its tables
BUSY_SECONDS = 60  # maximum wait of a write for those of others


class MLflow(RunLogger):
    """Logs each attempt as an MLflow run.

    store: the file of an SQLite database, created if missing, or the address of a tracking server.
    """

    def __init__(self, store: str, experiment: str) -> None:
        require_package("mlflow", "mlflow", "logger=mlflow")
        if "://" not in store:
            require_package("sqlalchemy", "mlflow", "logger=mlflow")
            require_package("alembic", "mlflow", "logger=mlflow")
        self.store, self.experiment = store, experiment

    def open(self, run: str) -> "Logger":
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
        if "://" in self.store:
            return self._logger(run, self.store)
        path = Path(self.store).resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two processes that create the tables at the same time both fail.
        with _alone(path.with_name(f".{path.name}.lock")):
            return self._logger(run, f"sqlite:///{path}?timeout={BUSY_SECONDS}", f"{path}.artifacts")

    def _logger(self, run: str, uri: str, artifacts: str | None = None) -> "Logger":
        from pytorch_lightning.loggers import MLFlowLogger

        for name in ("alembic", "pytorch_lightning.loggers.mlflow"):
            logging.getLogger(name).setLevel(logging.ERROR)  # silences messages on created tables and experiments
        logger = MLFlowLogger(self.experiment, run_name=run, tracking_uri=uri, artifact_location=artifacts)
        _ = logger.experiment  # creates tables, experiment and run
        return logger


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    lock, until = Lock(path), time.monotonic() + OPEN_SECONDS
    while not lock.acquire():
        if time.monotonic() > until:
            raise TimeoutError(f"another process holds {path}")
    try:
        yield
    finally:
        lock.release()
