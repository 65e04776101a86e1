"""Spellings of numbers in texts: decimal commas, thousands separators, units; non-plain ones are asked about."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from adbench.data.reading.questions import Asked, CellsError
from adbench.text import override

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_DECIMAL_COMMA = r"^[+-]?\d+,\d+$"
_FRACTION = r"^[+-]?(\d*,(\d{1,2}|\d{4,})|(\d{4,}|0),\d+)$"  # its comma cannot be a thousands separator
POINT_FRACTION = _FRACTION.replace(",(", r"\.(").replace("0),", r"0)\.")
# Numbers with thousands separators and an optional fraction. A single point before three digits may be a decimal point.
_GROUPED = (
    r"^[+-]?[1-9]\d{0,2}"
    r"((,\d{3})+(\.\d+)?|([' \x{2019}\x{00A0}\x{202F}]\d{3})+([.,]\d+)?|(\.\d{3}){2,}(,\d+)?|\.\d{3},\d+)$"
)
_MEASURED = r"^([+-]?\d[\d.,]* ?(%|[A-Za-zµ°]{1,4})|[$€£] ?[\d.,]+|0[xX][0-9a-fA-F]+)$"  # a unit, percent, hexadecimal
MOSTLY = 0.9  # share of a column's texts, from which on they are numbers in another spelling
MAX_WORDS = 5  # listed in a sentence, for the user to declare them missing

DECIMALS = {"point": ".", "comma": ","}
THOUSANDS = {"comma": ",", "point": ".", "space": " \u00a0\u202f", "apostrophe": "'\u2019"}


@dataclass(frozen=True)
class NumberForm:
    """The spelling of numbers, as far as the user specified it: see DECIMALS and THOUSANDS.

    infinite: whether infinite numbers count as missing. missing: further words for missing values, in lower case.
    """

    decimal: str = "point"
    thousands: str | None = None
    infinite: bool = False
    missing: tuple[str, ...] = ()

    def plain(self, text: pa.Array) -> pa.Array:
        """The texts with a decimal point and without thousands separators."""
        if self.thousands is not None:
            # Only in texts with thousands separators: 0.2973 is unchanged, whatever other columns need.
            separators = "".join(map(re.escape, THOUSANDS[self.thousands]))
            fraction = ",." if self.thousands in ("space", "apostrophe") else DECIMALS[self.decimal]
            grouped = pc.match_substring_regex(
                text, rf"^[+-]?[1-9]\d{{0,2}}([{separators}]\d{{3}})+([{fraction}]\d+)?$"
            )
            joined = pc.replace_substring_regex(text, f"[{separators}]", "")
            text = pc.if_else(grouped, pc.replace_substring(joined, ",", "."), text)
        return pc.replace_substring(text, ",", ".") if self.decimal == "comma" else text

    @property
    def missing_numbers(self) -> list[float]:
        """Those words for missing values that are numbers."""
        return [float(word) for word in self.missing if re.fullmatch(_NUMBER, word)]


PLAIN = NumberForm()


@dataclass
class Spellings:
    """Counts of a column's texts by spelling: plain numbers, and numbers in other spellings."""

    n_given: int = 0
    n_numbers: int = 0
    n_commas: int = 0  # 1,500 or 1,5
    n_fractions: int = 0  # those among them whose comma is a decimal one: 1,5
    n_grouped: int = 0  # 1,250,000
    thousands: str = ""  # their separator, of THOUSANDS
    n_measured: int = 0  # 12 kB
    word: str = ""  # the first text that is not a number
    row: int = 0  # its row
    words: dict[str, None] = field(default_factory=dict)  # the first distinct texts that are not numbers

    @classmethod
    def of(cls, chunks: Iterable[pa.Array], form: NumberForm) -> "Spellings":
        """The counts over chunks of a column's texts, with missing values as null."""
        found, start = cls(), 0
        for given in chunks:
            is_number = pc.fill_null(pc.match_substring_regex(form.plain(given), _NUMBER), False)
            is_word = pc.and_(pc.is_valid(given), pc.invert(is_number))
            found.n_given += len(given) - given.null_count
            found.n_numbers += pc.sum(is_number).as_py() or 0
            others = given.filter(is_word)
            found.n_commas += count(others, _DECIMAL_COMMA)
            found.n_fractions += count(others, _FRACTION)
            found.n_grouped += count(others, _GROUPED)
            if found.n_grouped and not found.thousands:
                found.thousands = _separator(others)
            found.n_measured += count(others, _MEASURED)
            if not found.words and (place := pc.index(is_word, True).as_py()) >= 0:
                found.word, found.row = given[place].as_py(), start + place + 1
            if len(found.words) <= MAX_WORDS:
                found.words |= dict.fromkeys(pc.unique(given.filter(is_word))[: MAX_WORDS + 1].to_pylist())
            start += len(given)
        return found


def count(given: pa.Array, pattern: str) -> int:
    return pc.sum(pc.match_substring_regex(given, pattern)).as_py() or 0


def _separator(given: pa.Array) -> str:
    """The thousands separator of the first text that has one."""
    first = given[pc.index(pc.match_substring_regex(given, _GROUPED), True).as_py()].as_py()
    character = first.lstrip("+-0123456789")[0]
    return next(name for name, characters in THOUSANDS.items() if character in characters)


def require_plain_numbers(name: str, found: Spellings, form: NumberForm) -> None:
    """Raise CellsError for a text column with some plain numbers, or mostly numbers in another spelling."""
    where = f"{found.word!r} in row {found.row:,}"
    alike = found.n_numbers + found.n_commas + found.n_grouped + found.n_measured >= MOSTLY * found.n_given
    has_fractions = found.thousands == "comma" and found.n_fractions  # then its commas are decimal commas
    if found.n_grouped and alike and not has_fractions and form.thousands is None:
        raise CellsError(
            f"thousands by {found.thousands}",
            name,
            lambda asked: (
                f"expected plain numbers in {asked.columns}, got {where}, as with separators of"
                f" thousands; write data.thousands={found.thousands}, or name {asked.it} in data.categorical"
            ),
        )
    if found.n_grouped and alike and form.thousands is not None:
        separator = THOUSANDS[form.thousands][0]
        raise CellsError(
            "other thousands",
            name,
            lambda asked: (
                f"expected thousands kept apart by {separator!r} in {asked.columns}, got {where};"
                f" write them as plain numbers, name {asked.it} in data.categorical, or {asked.drop}"
            ),
        )
    if found.n_measured and alike:
        raise CellsError(
            "measured",
            name,
            lambda asked: (
                f"expected plain numbers in {asked.columns}, got {where}, as with a unit, percent or"
                f" hexadecimal; write them as numbers, name {asked.it} in data.categorical, or {asked.drop}"
            ),
        )
    if found.n_commas and alike and form.decimal == "point":
        way = "data.decimal=comma" if form.thousands != "comma" else "them with a point"
        raise CellsError(
            "decimal",
            name,
            lambda asked: (
                f"expected a decimal point in {asked.columns}, got {where}; write {way}, or name"
                f" {asked.it} in data.categorical"
            ),
        )
    if found.n_numbers:
        some = found.n_given - found.n_numbers
        among = f", one of {some:,} texts" if some > 1 else ""
        few = len(found.words) <= MAX_WORDS

        def numbers_and_words(asked: Asked) -> str:
            it = asked.it
            these = "it" if some == 1 and it == "it" else "these"
            missing = f"{override('data.missing_words', [*form.missing, *asked.words])} takes {these} for missing, "
            got = f"{found.n_numbers:,} numbers, and {where}{among}" if it == "it" else f"numbers, and such as {where}"
            return (
                f"expected numbers or words in {asked.columns}, got both: {got};"
                f" {missing if few else ''}{asked.drop} leaves {it} out, or name {it}, with the"
                " other columns of text, in data.categorical"
            )

        raise CellsError("words" if few else "many words", name, numbers_and_words, [*found.words])
