"""Baseline files of the gate: metrics by seed, and the code and environment that made them."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adbench.errors import BaselineError
from adbench.gate.configurations import Configuration
from adbench.storage.atomic import replacing

VERSION = 1
FEWEST_SEEDS, FEW_SEEDS = 3, 5
_FORMAT = "adbench baseline"
_LARGEST_FILE = 50_000_000  # bytes
_LARGEST = 1e100
_NAME = re.compile(r"[\w.-]{1,100}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SEED = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True)
class Baseline:
    """Configurations with their values by seed, and the file that stores them."""

    path: Path
    configurations: tuple[Configuration, ...]


def write_baseline(path: Path, configurations: Sequence[Configuration], metrics: Sequence[str] = ()) -> list[str]:
    """Write the file atomically, and return warnings. Its lines depend only on the runs.

    metrics: metrics to store besides those of all test rows, such as family/r2l/recall. Raises BaselineError for a
    configuration with fewer than three finished seeds.
    """
    for found in configurations:
        if len(found.seeds) < FEWEST_SEEDS:
            failed = f" ({len(found.failures)} failed, as {found.failures[0]})" if found.failures else ""
            raise BaselineError(
                f"expected at least {FEWEST_SEEDS} finished seeds of each configuration for a baseline, got"
                f" {len(found.seeds)} of {found.model} on {found.data}{failed}; run more, as in 'seed=range(10)'"
            )
    document = {
        "format": _FORMAT,
        "version": VERSION,
        "configurations": [_document(found, metrics) for found in configurations],
    }
    try:
        _configurations(document)
    except (ValueError, OverflowError) as error:
        raise BaselineError(
            f"expected runs whose baseline can be read back, got {error}; leave out what is no real run"
        ) from None
    _write(path, json.dumps(document, indent=1, sort_keys=False, allow_nan=False) + "\n")
    warnings = [
        f"{found.model} on {found.data} has {len(found.seeds)} seeds; with fewer than {FEW_SEEDS} only large changes"
        " can be told from chance"
        for found in configurations
        if len(found.seeds) < FEW_SEEDS
    ]
    failures = [failure for found in configurations for failure in found.failures]
    return warnings + [f"not in the baseline, since it failed: {failure}" for failure in failures]


def _document(found: Configuration, metrics: Sequence[str]) -> dict[str, Any]:
    kept = sorted(name for name in found.metrics if "/" not in name or name in metrics)
    return {
        "data": found.data,
        "model": found.model,
        "config": dict(sorted(found.config.items())),
        "data_sha256": dict(sorted(found.data_sha256.items())),
        "environment": dict(sorted(found.environment.items())),
        "metrics": {name: {str(seed): value for seed, value in sorted(found.metrics[name].items())} for name in kept},
    }


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BaselineError(f"expected a file that can be written at {path}, got {reason}; name another") from None


def read_baseline(path: Path) -> Baseline:
    """Read a baseline from an untrusted file. Raises BaselineError if it is incomplete or invalid."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ValueError(f"a file of more than {_LARGEST_FILE:,} bytes")
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
        return Baseline(path, tuple(_configurations(document)))
    except FileNotFoundError:
        raise BaselineError(
            f"expected a baseline at {path}, got no such file; write it from finished runs with --update"
        ) from None
    except (OSError, ValueError, TypeError, OverflowError, RecursionError) as error:
        reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0][:200]
        raise BaselineError(f"expected a baseline in {path}, got {reason}; write a new one with --update") from None


def _configurations(document: Any) -> list[Configuration]:
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ValueError(f'no JSON object of format "{_FORMAT}"')
    if type(document.get("version")) is not int or document["version"] != VERSION:
        raise ValueError(
            f"version {str(document.get('version'))[:20]} of the format, of which this adbench knows {VERSION}"
        )
    entries = document.get("configurations")
    if not isinstance(entries, list) or not entries:
        raise ValueError("no configurations")
    found = [_configuration(entry) for entry in entries]
    if len({json.dumps([c.data, c.model, c.config], sort_keys=True, default=str) for c in found}) < len(found):
        raise ValueError("one configuration twice")
    return found


def _configuration(entry: Any) -> Configuration:
    if not isinstance(entry, dict):
        raise ValueError("a configuration that is no JSON object")
    data, model = (_name(entry.get(key), key) for key in ("data", "model"))
    sha256, environment = (_texts(entry.get(key), key) for key in ("data_sha256", "environment"))
    for digest in sha256.values():
        if not _DIGEST.fullmatch(digest):
            raise ValueError("a data_sha256 that is no sha256")
    return Configuration(data, model, _object(entry.get("config"), "config"), sha256, environment, _metrics(entry))


def _metrics(entry: dict[str, Any]) -> dict[str, dict[int, float]]:
    found = {}
    for name, by_seed in _object(entry.get("metrics"), "metrics").items():
        values = {}
        for seed, value in _object(by_seed, "metric").items():
            if not _SEED.fullmatch(seed):
                raise ValueError(f"a seed that is not a whole number: {seed[:40]!r}")
            if type(value) not in (int, float) or not math.isfinite(value) or abs(value) > _LARGEST:
                raise ValueError(f"a value of {name[:40]} that is not a number to compare")
            values[int(seed)] = float(value)
        found[name] = values
    if not any(found.values()):
        raise ValueError("a configuration without metrics")
    return found


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"a {what} that is no JSON object")
    return value


def _texts(value: Any, what: str) -> dict[str, str]:
    found = _object(value, what)
    if not all(isinstance(text, str) for text in found.values()):
        raise ValueError(f"a value in {what} that is no text")
    return found


def _name(value: Any, what: str) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"no name of a {what}")
    return value


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text}, which is no number")
