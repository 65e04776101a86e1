"""Identity of the data of a run: the recorded fingerprints of its files, independent of their paths."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from adbench.config.keys import CONTENT
from adbench.results.record import Run

SIGN = "@"  # between the name of data and a version; not allowed in names
UNKNOWN = "unknown"  # the version of a run that ended before reading its data, if there are several
_DIGITS = 6  # minimum digits of a version


def digests_of(run: Run) -> tuple[str, ...]:
    """The fingerprints of the files, in reading order; empty if not recorded."""
    recorded = run.environment.get("data_sha256")
    return tuple(map(str, recorded.values())) if isinstance(recorded, dict) else ()


def same_data(a: Run, b: Run) -> bool:
    """True if both runs' files had the same bytes."""
    return sorted(digests_of(a)) == sorted(digests_of(b))


def versions(names: Sequence[str], runs: Sequence[Run]) -> list[str]:
    """One suffix per run that distinguishes data of the same name with other bytes, as in @3f2a9c: the first digits of
    the file's sha256 (for several files, of a digest over all). "" if a name had the same bytes in all runs.
    """
    found = [_digest(digests_of(run)) for run in runs]
    of_name: defaultdict[str, set[str]] = defaultdict(set)
    for name, digest in zip(names, found, strict=True):
        of_name[name] |= {digest} - {""}
    digits = {name: _digits(digests) for name, digests in of_name.items() if len(digests) > 1}
    return [
        f"{SIGN}{digest[: digits[name]] or UNKNOWN}" if name in digits else ""
        for name, digest in zip(names, found, strict=True)
    ]


def with_one_path(runs: Sequence[Run]) -> list[Run]:
    """The runs with a single path in place of several paths to the same bytes."""
    places: defaultdict[Any, dict[str, dict[str, Any]]] = defaultdict(dict)
    contents = [_content(run) for run in runs]
    for content, run in zip(contents, runs, strict=True):
        if content:
            paths = {key: run.config["data"][key] for key in content[1]}
            places[content][json.dumps(paths, default=str)] = paths
    shown = {content: of[min(of, key=lambda text: (len(text), text))] for content, of in places.items() if len(of) > 1}
    parts: dict[tuple[int, Any], dict[str, Any]] = {}  # shared between runs
    found = []
    for content, run in zip(contents, runs, strict=True):
        if content in shown:
            data = run.config["data"]
            part = parts.setdefault((id(data), content), data | shown[content])
            run = replace(run, config=run.config | {"data": part})
        found.append(run)
    return found


def _content(run: Run) -> Any:
    """The data's option, the keys that name files, and their fingerprints; None if the mapping is ambiguous."""
    data, digests = run.config.get("data"), digests_of(run)
    keys = tuple(key for key in CONTENT["data"] if isinstance(data, dict) and data.get(key) is not None)
    if not digests or not (len(keys) == 1 or len(keys) == len(digests)):
        return None
    if "test_path" in keys and not {"normal_path", "anomaly_path"}.isdisjoint(keys):  # it may name files among theirs
        return None
    return run.config["choices"].get("data"), keys, digests


def _digest(digests: tuple[str, ...]) -> str:
    """One digest over all files, in any order; "" without any."""
    if len(digests) < 2:
        return "".join(digests)
    return hashlib.sha256("".join(sorted(digests)).encode("utf-8", "replace")).hexdigest()


def _digits(digests: set[str]) -> int:
    """The number of digits that makes all prefixes unique."""
    longest = max(map(len, digests))
    return next(n for n in range(_DIGITS, longest + _DIGITS) if len({d[:n] for d in digests}) == len(digests))
