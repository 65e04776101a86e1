"""What the figures look like: colours for light and dark, line styles, markers, and text that is only text."""

from dataclasses import dataclass

from adbench.text import printable, shorten

# Each colour of a figure is drawn by its light value, which no other colour shares, so that the page can put a
# variable in its place: name -> (light, dark).
INK = "#1b2126"
SOFT = "#5c6670"
GRID = "#dde1e5"
FAINT = "#c3c9cf"
ALARM = "#b3261e"
INK_LOW, INK_HIGH = "#0c1117", "#fdfeff"  # of numbers in the pale and in the strong cells of a heat map
COLOURS = {
    "ink": (INK, "#e6e9ec"),
    "soft": (SOFT, "#a3adb7"),
    "grid": (GRID, "#2c343c"),
    "faint": (FAINT, "#4a545e"),
    "alarm": (ALARM, "#ff8f85"),
    "ink-low": (INK_LOW, "#eef2f5"),
    "ink-high": (INK_HIGH, "#0a0e13"),
    # Okabe & Ito 2008, "Color Universal Design", moved so that two with the same line style differ in
    # lightness, and are told apart in grey.
    "c0": ("#0067a8", "#5eb3f0"),
    "c1": ("#e08e00", "#f2b44d"),
    "c2": ("#008a63", "#3fcf9f"),
    "c3": ("#c2410c", "#ff9466"),
    "c4": ("#d17fb5", "#b8629a"),
    "c5": ("#5b3a94", "#a48cf2"),
    "c6": ("#30353a", "#cdd3d9"),
    "c7": ("#a89700", "#e3d65c"),
}
LEVELS = 11  # of a heat map


def _between(start: str, end: str, share: float) -> str:
    channels = ((int(start[i : i + 2], 16), int(end[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in channels)


HEAT = {
    f"h{i}": (
        _between("#eef4f9", "#0a4a86", i / (LEVELS - 1)),
        _between("#18222c", "#9ccfff", i / (LEVELS - 1)),
    )
    for i in range(LEVELS)
}

_LINES = ("-", (0, (5, 1.8)), (0, (1.2, 1.4)), (0, (6, 1.6, 1.2, 1.6)))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
N_COLOURS = 8


@dataclass(frozen=True)
class Style:
    """How one configuration is drawn in every figure."""

    colour: str
    line: str | tuple[float, tuple[float, ...]]
    marker: str


def style(index: int) -> Style:
    """The first 8 differ in colour and marker, their neighbours in line style too; 32 differ in something."""
    turn = index // N_COLOURS
    return Style(
        COLOURS[f"c{index % N_COLOURS}"][0],
        _LINES[(index + turn) % len(_LINES)],
        _MARKERS[(index + turn) % len(_MARKERS)],
    )


def plain(text: str, longest: int = 40) -> str:
    """A name as a figure writes it: no formula, no control character, and the middle left out where it is long."""
    text = shorten(printable(text), longest)
    return text.replace("$", r"\$")  # without it two of them make matplotlib read a formula
