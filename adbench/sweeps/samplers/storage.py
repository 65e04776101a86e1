"""Storage of a search: Optuna's SQLite file, readable by optuna-dashboard. Imports Optuna."""

import logging
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

import optuna
from sqlalchemy.exc import SQLAlchemyError

from adbench.errors import RunFolderError
from adbench.storage.atomic import remove_partials, replacing
from adbench.sweeps.samplers.space import Choice, Interval, Value

LOCKED_SECONDS = 60.0  # maximum time that a dashboard may lock the file
SEARCH, OVERRIDES = "adbench:search", "adbench:overrides"  # attributes of a study: see `Storage`


class Storage:
    """One study in one file, which is created atomically, with two attributes.

    search: identifies the search; a study resumes only its own. overrides: its human-readable form.
    """

    def __init__(self, path: Path, search: str, overrides: str) -> None:
        self.path, self.search, self.overrides = path, search, overrides
        self._file: optuna.storages.RDBStorage | None = None

    def create(self, name: str, direction: Literal["minimize", "maximize"]) -> None:
        """Create the file with its study."""
        with self.telling():
            remove_partials(self.path.parent, self.path.name)
            with replacing(self.path) as partial, self._opened(partial, skip_table_creation=False) as file:
                study = optuna.create_study(storage=file, study_name=name, direction=direction)
                study.set_user_attr(SEARCH, self.search)
                study.set_user_attr(OVERRIDES, self.overrides)

    def open(self) -> optuna.Study:
        """Open the study. Raises RunFolderError for a damaged file, or one of another search."""
        with self.telling():
            self._check()
            self._file = self._connect(self.path, skip_table_creation=True)
            study = optuna.load_study(study_name=None, storage=self._file)
            study.get_trials(deepcopy=False)
            found, overrides = (study.user_attrs.get(key) for key in (SEARCH, OVERRIDES))
        if found != self.search:
            raise RunFolderError(
                f"expected the search that {self.path} is of ({overrides}), got another; take another sampler.name"
            )
        return study

    def reopened(self, study: optuna.Study, number: int) -> optuna.Trial:
        """Reopen an unfinished trial of the open study."""
        assert self._file is not None
        with self.telling():
            study_id = self._file.get_study_id_from_name(study.study_name)
            return optuna.Trial(study, self._file.get_trial_id_from_study_id_trial_number(study_id, number))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            _close(self._file)
            self._file = None

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Context that turns errors of the file into one sentence."""
        try:
            yield
        except (optuna.exceptions.OptunaError, SQLAlchemyError, sqlite3.Error, OSError) as error:
            reason = _innermost(error)
        except (RuntimeError, KeyError, ValueError, TypeError) as error:  # raised by Optuna for unexpected content
            reason = error
        else:
            return
        text = (str(reason).splitlines() or [""])[0][:200]
        raise RunFolderError(
            f"expected a search that can be read and written at {self.path}, got {type(reason).__name__}: {text}; "
            "take another sampler.name, or delete it and start again"
        ) from None

    def _check(self) -> None:
        """Refuse foreign databases, before adding any tables, and truncated ones, before using them."""
        uri = self.path.absolute().as_uri() + "?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=LOCKED_SECONDS)) as database:
            ((verdict, *_), *_) = database.execute("PRAGMA quick_check")
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        if not {"studies", "trials", "version_info"} <= tables:
            raise ValueError("a database without a study of Optuna's")

    @contextmanager
    def _opened(self, path: Path, skip_table_creation: bool) -> Iterator[optuna.storages.RDBStorage]:
        file = self._connect(path, skip_table_creation)
        try:
            yield file
        finally:
            _close(file)

    def _connect(self, path: Path, skip_table_creation: bool) -> optuna.storages.RDBStorage:
        _hush()

        # Not by URL: Optuna and SQLAlchemy interpret characters such as { and ? of a path in it.
        def connect() -> sqlite3.Connection:
            return sqlite3.connect(path, timeout=LOCKED_SECONDS)

        return optuna.storages.RDBStorage(
            "sqlite:///adbench", engine_kwargs={"creator": connect}, skip_table_creation=skip_table_creation
        )


def suggest(trial: optuna.Trial, key: str, dimension: Interval | Choice) -> Value:
    """The trial's value of a key, drawn if it has none yet."""
    if isinstance(dimension, Choice):
        return trial.suggest_categorical(key, dimension.options)
    if dimension.step is None:
        return trial.suggest_float(key, dimension.low, dimension.high, log=dimension.log)
    return trial.suggest_int(key, int(dimension.low), int(dimension.high), step=dimension.step, log=dimension.log)


def _close(file: optuna.storages.RDBStorage) -> None:
    file.remove_session()
    file.engine.dispose()


def _innermost(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _hush() -> None:
    """Silence messages meant for developers with Optuna, not for users of a sweep."""
    optuna.logging.set_verbosity(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
