"""The figure contract: pictures made of lazily drawn panels, with captions and notes."""

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
    """One drawing. `kind`: its content; `of`: the data, and the configuration if it shows one."""

    kind: str
    of: tuple[str, ...]
    title: str
    draw: Callable[[], "Figure"]

    @property
    def name(self) -> str:
        """Its file name, also accepted by `--only`."""
        return file_name(self.kind, *self.of)


@dataclass(frozen=True)
class Picture:
    """Panels that belong together. `kind`: the figure's kind; `of`: the data, or "" for all.

    notes: sentences on omissions, such as unreadable scores.
    """

    kind: str
    of: str
    caption: str
    panels: tuple[Panel, ...]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name for `--only`."""
        return file_name(self.kind, self.of)


class FigureModule(Protocol):
    """A figure module. KIND: the kind of its pictures; TITLE: the title of their part of the page."""

    KIND: str
    TITLE: str

    def pictures(self, material: "Material") -> Iterator[Picture]:
        """The pictures of these runs."""
        ...


def file_name(*words: str) -> str:
    """A safe file name part from arbitrary words."""
    cleaned = (re.sub(r"[^A-Za-z0-9_.-]+", "_", word).strip("_.-") for word in words if word)
    return "-".join(word[:60] for word in cleaned if word)


def choose(pictures: Iterable[Picture], only: str | None) -> list[Picture]:
    """All pictures, or those whose name or kind, or whose panels' name or kind, is `only`.

    Raises ConfigError, with suggestions, if nothing matches.
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
