"""What a figure is: panels that are drawn when they are wanted, and the words that go with them."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from adbench.errors import ConfigError
from adbench.text import suggest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from adbench.reporting.content import Material


@dataclass(frozen=True)
class Panel:
    """One drawing. `kind` and `of`: what it shows, and of which data, or of which configuration on it."""

    kind: str
    of: tuple[str, ...]
    title: str
    draw: Callable[[], "Figure"]

    @property
    def name(self) -> str:
        """Of its file, and for `--only`."""
        return file_name(self.kind, *self.of)


@dataclass(frozen=True)
class Picture:
    """Panels that belong together. `kind`: which figure it is; `of`: the data, or "" for all.

    notes: sentences about what it does not show, such as scores that could not be read.
    """

    kind: str
    of: str
    caption: str
    panels: tuple[Panel, ...]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For `--only`."""
        return file_name(self.kind, self.of)


class FigureModule(Protocol):
    """A module of this room. KIND: of its pictures; TITLE: of their part of the page."""

    KIND: str
    TITLE: str

    def pictures(self, material: "Material") -> Iterator[Picture]:
        """What there is to draw."""
        ...


def file_name(*words: str) -> str:
    """Words as a part of a file name, whatever they hold."""
    cleaned = (re.sub(r"[^A-Za-z0-9_.-]+", "_", word).strip("_.-") for word in words if word)
    return "-".join(word[:60] for word in cleaned if word)


def choose(pictures: Iterable[Picture], only: str | None) -> list[Picture]:
    """All pictures; or those of this name or kind, or with the panels of this name or kind.

    Raises ConfigError, with the nearest names, where it means none.
    """
    pictures = list(pictures)
    if only is None:
        return pictures
    chosen = list(_matching(pictures, only))
    if not chosen:
        names = {name for picture in pictures for name in (picture.kind, picture.name)}
        names |= {name for picture in pictures for panel in picture.panels for name in (panel.kind, panel.name)}
        raise ConfigError(f"expected a figure that these runs make, got {only!r}{suggest(only, names)}")
    return chosen


def _matching(pictures: Iterable[Picture], only: str) -> Iterator[Picture]:
    for picture in pictures:
        if only in (picture.kind, picture.name):
            yield picture
        elif panels := tuple(panel for panel in picture.panels if only in (panel.kind, panel.name)):
            yield Picture(picture.kind, picture.of, picture.caption, panels, picture.notes)
