"""Filters that select runs for a table, such as model=ae,vae or seed<3; parsed, never executed."""

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from adbench.analysis.metric_names import suggest_name
from adbench.errors import ConfigError
from adbench.results.versions import SIGN

_FILTER = re.compile(r"(?P<column>[^=!<>]+?)\s*(?P<sign>>=|<=|!=|==|=|>|<)\s*(?P<value>.*)", re.DOTALL)
_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def keep(rows: pd.DataFrame, filters: Iterable[str]) -> pd.DataFrame:
    """The rows that pass all filters. Raises ConfigError for an invalid filter or an unknown column."""
    for text in filters:
        rows = rows[_passes(rows, text)]
    return rows.reset_index(drop=True)


def column_of(text: str) -> str:
    """The column that a filter tests. Raises ConfigError for an invalid filter."""
    return _parts(text)["column"]


def _parts(text: str) -> re.Match[str]:
    parts = _FILTER.fullmatch(text.strip())
    if parts is None:
        raise ConfigError(f"expected a filter such as model=ae,vae or seed<3, got {text!r}")
    return parts


def _passes(rows: pd.DataFrame, text: str) -> "pd.Series[bool]":
    parts = _parts(text)
    name, sign, value = parts["column"], parts["sign"], parts["value"]
    if name not in rows:
        raise ConfigError(
            f"expected a filter by a column of these runs, got {name!r}{suggest_name(name, rows.columns)}"
        )
    column = rows[name]
    if sign in _ORDER:
        try:
            limit = float(value)
        except ValueError:
            raise ConfigError(f"expected a number after {sign} in the filter {text!r}, got {value!r}") from None
        passed: pd.Series[bool] = _ORDER[sign](pd.to_numeric(column, errors="coerce"), limit)
        return passed
    wanted = {word.strip() for word in value.split(",")} | {value.strip()}
    same = column.map(lambda cell: _is_one_of(cell, wanted)).astype(bool)
    if name == "data":  # any version matches
        same |= column.map(lambda cell: str(cell).partition(SIGN)[0] in wanted).astype(bool)
    return ~same if sign == "!=" else same


def _is_one_of(cell: Any, words: set[str]) -> bool:
    if str(cell) in words:
        return True
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return False
    return any(_number(word) == cell for word in words)


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
