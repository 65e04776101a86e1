"""Open questions about a table, collected so that they are all asked at once instead of one after the other."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from adbench.errors import AdbenchError, DataError, SeveralError
from adbench.text import override, shorten

MAX_NAMED = 10  # columns in a sentence
_LONGEST = 60  # characters of a name


@dataclass(frozen=True)
class Asked:
    """The subject of a question. drop: the override that leaves the columns out. words: the words found in them."""

    names: Sequence[str]
    drop: str
    words: Sequence[str]

    @property
    def columns(self) -> str:
        """The columns by name."""
        if len(self.names) == 1:
            return f"column {self.names[0]!r}"
        more = f" and {len(self.names) - MAX_NAMED:,} more" if len(self.names) > MAX_NAMED else ""
        return f"columns {', '.join(repr(shorten(name, _LONGEST)) for name in self.names[:MAX_NAMED])}{more}"

    @property
    def it(self) -> str:
        """The pronoun for the columns."""
        return "it" if len(self.names) == 1 else "them"


class CellsError(DataError):
    """A column whose cells are not plain numbers.

    kind: the kind of its cells; columns of one kind share a sentence. words: those that occur among the numbers.
    """

    def __init__(self, kind: str, name: str, sentence: Callable[[Asked], str], words: Sequence[str] = ()) -> None:
        super().__init__(sentence(Asked([name], override("data.drop", [name]), words)))
        self.kind, self.name, self.sentence, self.words = kind, name, sentence, words


class Questions:
    """Collects the errors about parts of a table, so that each part is checked despite errors in others.

    dropped: the columns that the user already left out, which overrides that leave out more repeat.
    """

    def __init__(self, dropped: Sequence[str] = ()) -> None:
        self.dropped = dropped
        self.errors: list[AdbenchError] = []

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Collect what this block raises, for later."""
        try:
            yield
        except AdbenchError as error:
            self.errors.append(error)

    def drop(self, names: Sequence[str]) -> str:
        """The override that leaves out these columns as well."""
        return override("data.drop", [*self.dropped, *names])

    def ask(self) -> None:
        """Raise the collected errors as one."""
        errors = list(self._merged())
        if errors:
            raise errors[0] if len(errors) == 1 else SeveralError(errors)

    def _merged(self) -> Iterator[AdbenchError]:
        of_kind: dict[str, list[CellsError]] = {}
        for error in self.errors:
            if isinstance(error, CellsError):
                of_kind.setdefault(error.kind, []).append(error)
            else:
                yield error
        for alike in of_kind.values():
            names = [error.name for error in alike]
            words = list(dict.fromkeys(word for error in alike for word in error.words))
            yield DataError(alike[0].sentence(Asked(names, self.drop(names), words)))
