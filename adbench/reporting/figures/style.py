"""Style of the figures: colours for light and dark mode, line styles, markers, and escaped text."""

from dataclasses import dataclass

from adbench.text import printable, shorten

# Figures are drawn in the light colours, whose values are unique, so that the page can replace each by a variable:
# name -> (light, dark).
INK = "#1b2126"
SOFT = "#5c6670"
GRID = "#dde1e5"
FAINT = "#c3c9cf"
ALARM = "#b3261e"
INK_LOW, INK_HIGH = "#0c1117", "#fdfeff"  # text on the pale and on the strong cells of a heat map
COLOURS = {
    "ink": (INK, "#e6e9ec"),
    "soft": (SOFT, "#a3adb7"),
    "grid": (GRID, "#2c343c"),
    "faint": (FAINT, "#4a545e"),
    "alarm": (ALARM, "#ff8f85"),
    "ink-low": (INK_LOW, "#eef2f5"),
    "ink-high": (INK_HIGH, "#0a0e13"),
    # Okabe & Ito 2008, "Color Universal Design", adjusted so that two with the same line style differ in
    # lightness and are distinguishable in grey.
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
    """The style of one configuration in every figure."""

    colour: str
    line: str | tuple[float, tuple[float, ...]]
    marker: str


def style(index: int) -> Style:
    """A style by index: the first 8 differ in colour and marker, neighbours also in line style; 32 are unique."""
    turn = index // N_COLOURS
    return Style(
        COLOURS[f"c{index % N_COLOURS}"][0],
        _LINES[(index + turn) % len(_LINES)],
        _MARKERS[(index + turn) % len(_MARKERS)],
    )


def plain(text: str, longest: int = 40) -> str:
    """A name as plain figure text: no formulas, no control characters, shortened in the middle."""
    text = shorten(printable(text), longest)
    return text.replace("$", r"\$")  # matplotlib reads text between two dollar signs as a formula
