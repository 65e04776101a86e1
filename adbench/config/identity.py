"""Equality of configurations: each notion of "the same", side by side.

    run_hash        the same result, with the same code and machine to the bit: the name of the run
    flat_config     the same except for the seed: compared by summaries, baselines and the gate
    same_settings   the same except for the seed, including where it runs: the candidates of a search
    same_rows       the same fit, calibration and test rows, encoded alike: shared by runs of one process
    same_shapes     networks whose shapes can be equal: may be trained as one

Two more need more than a configuration: the cache's key includes the bytes of the data and the code that encodes them
(`runner/prepared_cache.py`), a checkpoint's key the environment (`training/checkpoint.py`).
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from adbench.config.keys import CONTENT, NOTHING_WHILE_NULL, OPTIONS, SETTINGS, TARGET, WHERE_NOT_WHAT, Config
from adbench.errors import AdbenchError
from adbench.storage.fingerprints import find_files, sha256_of

Content = Callable[[Any], Any]  # a configured path -> the fingerprints of its files


def run_hash(config: Config, content: Content | None = None) -> str:
    """Eight hex digits of the sha256 of the configuration, without keys that cannot change the result.

    content: returns the fingerprints of the files at a path, if they are known without reading the files.
    """
    said = [key for key in config if not is_unsaid(key, config[key])]
    what = {key: identity(config, key, content) for key in said if WHERE_NOT_WHAT.get(key, ()) is not None}
    what["choices"] = {group: config["choices"][group] for group in OPTIONS if group in config["choices"]}
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:8]


def identity(config: Config, key: str, content: Content | None = None) -> Any:
    """The value of one top-level key without Python paths and entries that cannot change the result; a user's files
    count by content."""
    value = config[key]
    if not isinstance(value, dict):
        return value
    unsaid = (TARGET, *(WHERE_NOT_WHAT.get(key) or ()), *(k for k in value if is_unsaid(f"{key}.{k}", value[k])))
    what = {k: v for k, v in value.items() if k not in unsaid}
    for named in CONTENT.get(key, ()):
        if value.get(named) is not None:
            what[named] = (content or _content)(value[named])
    return what


def is_unsaid(key: str, value: Any) -> bool:
    """True if a key with this value counts as absent, so that runs from before the key existed keep their name."""
    return value is None and key in NOTHING_WHILE_NULL


def _content(path: Any) -> Any:
    """The fingerprints of the files at a path; the path itself if they are unreadable, since the run will fail."""
    try:
        return [sha256_of(file) for file in find_files(path, "data.path")]
    except AdbenchError:
        return path


def run_name(config: Config, content: Content | None = None) -> str:
    """The name <data>-<model>-s<seed>-<hash8>, equal for equal configurations."""
    return f"{name_prefix(config)}{run_hash(config, content)}"


def name_prefix(config: Config) -> str:
    """The part of a run's name before the hash."""
    return f"{data_name(config)}-{config['choices']['model']}-s{config['seed']}-"


def data_name(config: Config) -> str:
    """The name of the data in folders and tables: a user's own, or the option's name and its table's."""
    data, option = config.get("data"), config["choices"].get("data", "?")
    given, table = (data.get("name"), data.get("table")) if isinstance(data, dict) else (None, None)
    return given or (f"{option}-{table}" if table else option)


def flat_config(config: dict[str, Any], paths: bool = False) -> dict[str, Any]:
    """The keys that can change a result, as key -> plain value, without the seed. Keys that count as absent while they
    are null are left out, so that runs from before the key existed have the same configuration.

    paths: include the paths of a user's files, which tell two tables apart; their contents are compared by
    fingerprints.
    """
    found: dict[str, Any] = {}
    for part, value in config.items():
        files = () if paths else tuple(f"{part}.{key}" for key in CONTENT.get(part, ()))
        found |= {key: _plain(inner) for key, inner in flat(part, value).items() if key not in files}
    return {key: value for key, value in found.items() if key != "seed" and not is_unsaid(key, value)}


def _plain(value: Any) -> Any:
    """The value after a round trip through JSON."""
    try:
        return json.loads(json.dumps(value, default=str, allow_nan=False))
    except ValueError:
        return str(value)


def flat(part: str, value: Any) -> dict[str, Any]:
    """The keys of one part of a configuration, such as data, that can change a result, as `part.key -> value`."""
    if part == "choices":
        return {group: value[group] for group in SETTINGS if group in value}
    dropped = WHERE_NOT_WHAT.get(part, ())
    if dropped is None:
        return {}
    if not isinstance(value, dict):
        return {part: value}
    named = {f"{part}.{key}": inner for key, inner in value.items() if key not in (*dropped, TARGET)}
    return {key: inner for key, inner in named.items() if not is_unsaid(key, inner)}


def same_settings(config: Config) -> str:
    """A key that is equal for configurations that differ only in the seed."""
    return json.dumps({key: value for key, value in config.items() if key != "seed"}, sort_keys=True, default=str)


def same_rows(config: Config) -> str:
    """A key that is equal for configurations with the same rows, divided and encoded alike."""
    protocol = config["protocol"]
    seed = config["seed"] if protocol.get("split_seed") is None else None
    parts = [identity(config, "data"), config["data"].get("folder"), protocol, config["preprocess"], seed]
    parts.append(config.get("measured"))  # without it a table may be refused
    return json.dumps(parts, sort_keys=True)


def same_shapes(config: Config) -> str:
    """A key that is equal for configurations that differ at most in seed, learning rate, encoding and threshold."""
    model = {key: value for key, value in config["model"].items() if key != "learning_rate"}
    protocol = {key: value for key, value in config["protocol"].items() if key != "split_seed"}
    return json.dumps([model, config["trainer"], config["data"], protocol], sort_keys=True)
