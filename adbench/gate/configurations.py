"""Configurations: groups of runs that differ only in the seed, the unit of baselines and comparisons."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from adbench.config.identity import data_name, flat_config
from adbench.errors import DataError
from adbench.results.code import CODE, SOLVER, TASK, sha256_of
from adbench.results.record import DONE, FAILED, KILLED, TIMEOUT, UNREADABLE, Run
from adbench.results.versions import with_one_path

ABSENT = object()


@dataclass(frozen=True)
class Configuration:
    """Runs that differ only in the seed. config: flat, without the seed. metrics: name -> seed -> value."""

    data: str
    model: str
    config: dict[str, Any]
    data_sha256: dict[str, str]
    environment: dict[str, str]
    metrics: dict[str, dict[int, float]]
    failures: tuple[str, ...] = field(default=(), compare=False)  # failed runs, each with its reason
    failed_seeds: frozenset[int] = field(default=frozenset(), compare=False)
    unfinished: int = field(default=0, compare=False)  # runs that are not over

    @property
    def seeds(self) -> list[int]:
        return sorted({seed for values in self.metrics.values() for seed in values})

    @property
    def digests(self) -> list[str]:
        """The fingerprints of the data, independent of paths."""
        return sorted(self.data_sha256.values())


def configurations_of(runs: Sequence[Run]) -> list[Configuration]:
    """Group runs by everything except the seed, in a fixed order. A seed that was run twice counts once; seeds of
    parts, such as init_seed, are settings here, since a baseline stores values by a single number.

    Raises DataError if one configuration was run on different contents of the same data.
    """
    groups: defaultdict[tuple[str, str, str], list[Run]] = defaultdict(list)
    for run in with_one_path(runs):
        key = json.dumps(flat_config(run.config, paths=True), sort_keys=True)
        groups[data_name(run.config), run.config["choices"].get("model", "?"), key].append(run)
    return [_configuration(data, model, groups[data, model, key]) for data, model, key in sorted(groups)]


def _configuration(data: str, model: str, runs: list[Run]) -> Configuration:
    done: dict[int, Run] = {}
    for run in runs:
        if run.status == DONE:
            done.setdefault(run.config["seed"], run)
    failed = [run for run in runs if run.status in (FAILED, TIMEOUT, KILLED, UNREADABLE) and _seed(run) not in done]
    metrics: defaultdict[str, dict[int, float]] = defaultdict(dict)
    for seed, run in sorted(done.items()):
        for name, value in run.metrics.items():
            metrics[name][seed] = value
    return Configuration(
        data,
        model,
        flat_config(runs[0].config),
        _fingerprints(data, model, list(done.values())),
        _environment(list(done.values())),
        dict(metrics),
        tuple(f"{run.folder}: {run.error or run.status}" for run in failed),
        frozenset(run.config["seed"] for run in failed if "seed" in run.config),
        len({_seed(run) for run in runs if run.status != DONE} - done.keys()) - len({_seed(run) for run in failed}),
    )


def varying_keys(configs: Sequence[dict[str, Any]]) -> list[str]:
    """The keys whose values differ among these."""
    keys = sorted({key for config in configs for key in config})
    return [key for key in keys if any(config.get(key, ABSENT) != configs[0].get(key, ABSENT) for config in configs)]


def in_words(config: dict[str, Any], keys: Iterable[str]) -> str:
    """These keys as overrides."""
    return " ".join(f"{key}={_typed(config[key])}" for key in keys if key in config)


def _typed(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _seed(run: Run) -> Any:
    """The seed; for an unreadable folder, its path, which is unique."""
    return run.config.get("seed", run.folder)


def _fingerprints(data: str, model: str, runs: list[Run]) -> dict[str, str]:
    found: dict[str, dict[str, str]] = {}
    for run in runs:
        sha256 = run.environment.get("data_sha256")
        if isinstance(sha256, dict) and sha256:
            named = _by_file_name({str(name): _digest(value) for name, value in sha256.items()})
            found.setdefault(json.dumps(sorted(named.values())), named)
    if len(found) > 1:
        first, second = list(found.values())[:2]
        raise DataError(
            f"expected runs of {model} on one version of {data}, got {shown(first)} and {shown(second)};"
            " name the folders of one of them"
        )
    return next(iter(found.values()), {})


def shown(fingerprints: dict[str, str]) -> str:
    """Fingerprints, short enough for a sentence."""
    return ", ".join(f"{name} {digest[:12]}" for name, digest in sorted(fingerprints.items())) or "none"


def _by_file_name(fingerprints: dict[str, str]) -> dict[str, str]:
    """Fingerprints by file name instead of path, since paths differ between machines."""
    short = {PurePath(name).name: digest for name, digest in fingerprints.items()}
    return dict(sorted((short if len(short) == len(fingerprints) else fingerprints).items()))


def _digest(value: Any) -> str:
    text = str(value)
    is_digest = len(text) == 64 and set(text) <= set("0123456789abcdef")
    return text if is_digest else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _environment(runs: list[Run]) -> dict[str, str]:
    """The environment of the runs: key -> its value, or all values if they differ."""
    values: defaultdict[str, set[str]] = defaultdict(set)
    for run in runs:
        packages = run.environment.get("packages")
        facts = {key: run.environment.get(key) for key in ("adbench", "git_commit", "python", "platform")}
        facts |= {key: run.environment.get(key) for key in ("device", "cpu")}
        facts |= {f"packages.{k}": v for k, v in packages.items()} if isinstance(packages, dict) else {}
        facts |= {f"{CODE}.{part}": sha256_of(run.environment, part) for part in (TASK, SOLVER)}
        for key, value in facts.items():
            if value is not None:
                values[str(key)[:100]].add(str(value)[:200])
    return {key: ", ".join(sorted(found)) for key, found in sorted(values.items())}
