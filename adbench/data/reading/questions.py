"""What a table leaves open, asked all at once: who answers one question should not meet the next one then."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from adbench.errors import AdbenchError, DataError, SeveralError
from adbench.text import override, shorten

MAX_NAMED = 10  # columns in a sentence
_LONGEST = 60  # characters of a name


@dataclass(frozen=True)
class Asked:
    """What a sentence is about. drop: the override that leaves the columns out. words: those that stand in them."""

    names: Sequence[str]
    drop: str
    words: Sequence[str]

    @property
    def columns(self) -> str:
        """The columns by their names."""
        if len(self.names) == 1:
            return f"column {self.names[0]!r}"
        more = f" and {len(self.names) - MAX_NAMED:,} more" if len(self.names) > MAX_NAMED else ""
        return f"columns {', '.join(repr(shorten(name, _LONGEST)) for name in self.names[:MAX_NAMED])}{more}"

    @property
    def it(self) -> str:
        """What stands for them, once they are named."""
        return "it" if len(self.names) == 1 else "them"


class CellsError(DataError):
    """A column whose cells are no plain numbers.

    kind: what they are; columns of one kind are asked about in one sentence. words: those that stand among numbers.
    """

    def __init__(self, kind: str, name: str, sentence: Callable[[Asked], str], words: Sequence[str] = ()) -> None:
        super().__init__(sentence(Asked([name], override("data.drop", [name]), words)))
        self.kind, self.name, self.sentence, self.words = kind, name, sentence, words


class Questions:
    """The errors of a table's parts, each of which is looked at whatever was wrong with the others.

    dropped: the columns that the user left out already, which an override that leaves out more repeats.
    """

    def __init__(self, dropped: Sequence[str] = ()) -> None:
        self.dropped = dropped
        self.errors: list[AdbenchError] = []

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Keep what this part raises for later."""
        try:
            yield
        except AdbenchError as error:
            self.errors.append(error)

    def drop(self, names: Sequence[str]) -> str:
        """The override that leaves out these columns, too."""
        return override("data.drop", [*self.dropped, *names])

    def ask(self) -> None:
        """Raise what was kept: one error, whose sentences are those of all."""
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
