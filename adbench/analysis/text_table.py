"""Tables of text, and their rendering as Markdown and LaTeX."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adbench.text import escape_markdown


@dataclass(frozen=True)
class Sheet:
    """A table of text; the first `text_columns` columns hold words, the others numbers."""

    title: str
    headings: list[str]
    text_columns: int
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)


def as_markdown(sheets: Sequence[Sheet]) -> str:
    """Tables for a README or a comment; markup characters in names are escaped."""
    return "\n\n".join(_markdown(sheet) for sheet in sheets)


def _markdown(sheet: Sheet) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(map(escape_markdown, cells))} |"

    ruler = [":--" if i < sheet.text_columns else "--:" for i in range(len(sheet.headings))]
    rows = [line(sheet.headings), f"|{'|'.join(ruler)}|", *map(line, sheet.rows)]
    return "\n".join([f"**{escape_markdown(sheet.title)}**", "", *rows, "", *map(escape_markdown, sheet.notes)])


def as_latex(sheets: Sequence[Sheet]) -> str:
    """Tables for a paper, with the rules of the booktabs package."""
    return "\n\n".join(_latex(sheet) for sheet in sheets)


_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "±": r"$\pm$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def _latex(sheet: Sheet) -> str:
    def line(cells: Sequence[str]) -> str:
        return " & ".join("".join(_LATEX.get(character, character) for character in cell) for cell in cells) + r" \\"

    columns = "l" * sheet.text_columns + "r" * (len(sheet.headings) - sheet.text_columns)
    body = [line(sheet.headings), r"\midrule", *map(line, sheet.rows)]
    comments = [f"% {note}" for note in [sheet.title, *sheet.notes]]
    return "\n".join(
        [*comments, rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *body, r"\bottomrule", r"\end{tabular}"]
    )
