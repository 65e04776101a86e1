"""Identity of the code that made a run: digests of the modules that determine its numbers, and library versions.

In two parts, as in tables. `task` poses and measures, and is the same for every model on some data: data, protocol,
training, evaluation, the stages of a run. `solver` answers: preprocessing, model and threshold rule, with the modules
that only they import. Runs are comparable if their task is equal; they are one configuration if both are.
"""

import functools
import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import adbench
from adbench.config.keys import OPTIONS, TARGET, Config
from adbench.config.options import groups, target_of
from adbench.config.plugins import active
from adbench.errors import ConfigError
from adbench.results.record import DONE, Run
from adbench.storage.syntax import reached
from adbench.text import printable

TASK, SOLVER = "task", "solver"
SHA256, VERSIONS = "sha256", "versions"
PLUGINS = "plugins"  # key in environment.json: name -> version and digest of each plugin with an option of the run
CODE = "code"  # key in environment.json, and prefix of a label such as code=3f2a9c
OLDER = "older"  # label of a run older than the recording of code
Code = dict[str, dict[str, Any]]

_STAGES = ("adbench.runner.stages", "adbench.runner.fused")
_GROUPS = {TASK: ("data", "protocol"), SOLVER: ("preprocess", "model", "threshold")}
# Left out of the digests: `config`, whose result is the configuration itself, and modules that only report and store.
_ASIDE = (
    *(f"adbench.{room}" for room in ("config", "results", "executors", "sweeps", "errors", "text")),
    *(f"adbench.runner.{module}" for module in ("run", "job", "reporter", "loggers")),
)
# Libraries whose arithmetic makes the numbers; for files outside adbench, every imported package's version counts.
_LIBRARIES = {
    "numpy": "numpy",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "pytorch_lightning": "pytorch-lightning",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "torch": "torch",
}
_DIGITS = 6  # minimum digits in a label


def code_at_hand(config: Config) -> Code:
    """The code that would make this run here and now, found without importing anything.

    config: composed or stored; an option without its Python path is looked up. Raises ConfigError for an option that
    no longer exists.
    """
    follow = functools.cache(lambda name: name != "adbench" and not f"{name}.".startswith(_ASIDE_DOTTED))
    shared, _ = reached(_STAGES, follow)
    modules, imports = reached([*_STAGES, *_targets(config, TASK)], follow)
    more, more_imports = reached(_targets(config, SOLVER), follow)
    more = {name: source for name, source in more.items() if name not in shared}
    return {TASK: _part(modules, imports), SOLVER: _part(more, more_imports)}


_ASIDE_DOTTED = tuple(f"{name}." for name in _ASIDE)


def _part(modules: dict[str, Any], imports: dict[str, set[str]]) -> dict[str, Any]:
    """The digest, independent of file names and locations, and the versions."""
    digests = sorted(source.digest for source in modules.values())
    here = Path(adbench.__file__).parent
    tops: set[str] = set()
    for name, source in modules.items():
        is_ours = here in source.file.parents
        tops |= {top for top in imports[name] if top in _LIBRARIES or not is_ours}
    found = {_LIBRARIES.get(top, top): _version(_LIBRARIES.get(top, top)) for top in tops - sys.stdlib_module_names}
    versions = {name: number for name, number in sorted(found.items()) if number is not None}
    return {SHA256: hashlib.sha256("\n".join(digests).encode()).hexdigest(), VERSIONS: versions}


@functools.cache
def _version(package: str) -> str | None:
    """A package's version without its build: 2.9.0+cpu is 2.9.0."""
    try:
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return None


def _targets(config: Config, part: str) -> list[str]:
    """The modules that implement the options of a part."""
    found = []
    for group in _GROUPS[part]:
        node = config.get(group)
        target = node.get(TARGET) if isinstance(node, dict) else None
        found.append(str(target or _target_of(group, config["choices"].get(group))).rpartition(".")[0])
    return found


def _target_of(group: str, option: Any) -> str:
    if option not in groups()[group]:  # a stranger's word must not lead to another file
        raise ConfigError(f"expected an option of {group} that exists, got {group}={option}")
    return target_of(group, option)


class CodesAtHand:
    """The code at hand for many configurations, cached by their options."""

    def __init__(self) -> None:
        self._of_options: dict[Any, Code | None] = {}

    def __call__(self, config: Config) -> Code | None:
        """The code for this configuration; None if one of its options no longer exists."""
        choices = config["choices"]
        key = tuple(map(choices.get, OPTIONS))
        if key not in self._of_options:
            try:
                self._of_options[key] = code_at_hand(config)
            except ConfigError:
                self._of_options[key] = None
        return self._of_options[key]


def difference(run: Run, code: Code | None) -> str:
    """The reason why a run is not of this code, as in "made by other code of ..."; "" if it is."""
    recorded = run.environment.get(CODE)
    if recorded == code and code is not None:
        return ""
    if not isinstance(recorded, dict):
        return "made before runs recorded their code"
    if code is None:
        return inactive_plugin(run.environment) or "made by code that is not here"
    was, now = ([_of(one, part, SHA256) for part in (TASK, SOLVER)] for one in (recorded, code))
    if was[0] != now[0]:
        return "made by other code of data, protocol, training or evaluation"
    if was[1] != now[1]:
        return "made by other code of preprocessing, model or threshold"
    return f"made with other versions: {_other_versions(recorded, code)}"


def inactive_plugin(environment: dict[str, Any]) -> str:
    """A phrase naming the inactive plugins that a run was made with, by its environment.json; "" if none is."""
    recorded = environment.get(PLUGINS)
    missing = {str(name)[:80] for name in recorded} if isinstance(recorded, dict) else set()
    missing -= {plugin.name for plugin in active()}
    return f"made with the plugin {printable(' and '.join(sorted(missing)))}, which is not active" if missing else ""


def require_plugins(run: Run) -> None:
    """Raise ConfigError for a run that needs an inactive plugin. A run itself never activates one."""
    if why := inactive_plugin(run.environment):
        raise ConfigError(
            f"expected the plugins of {run.folder} to be active, got a run {why}; if you trust it, name its folder"
            " with --plugins FOLDER"
        )


def _other_versions(was: Code, now: Code) -> str:
    told: dict[str, None] = {}
    for before, after in ((_versions(was, part), _versions(now, part)) for part in (TASK, SOLVER)):
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                told[f"{name} {before.get(name, 'none')}, now {after.get(name, 'none')}"] = None
    return ", ".join(list(told)[:5])


def _of(code: Any, part: str, key: str) -> Any:
    """A value of a recorded code, which may be malformed."""
    of_part = code.get(part) if isinstance(code, dict) else None
    return of_part.get(key) if isinstance(of_part, dict) else None


def _versions(code: Any, part: str) -> dict[str, str]:
    found = _of(code, part, VERSIONS)
    return {str(name)[:40]: str(number)[:40] for name, number in found.items()} if isinstance(found, dict) else {}


def sha256_of(environment: dict[str, Any], part: str) -> Any:
    """The digest of a part's modules; None if not recorded."""
    return _of(environment.get(CODE), part, SHA256)


def recorded(run: Run, part: str) -> str:
    """A key that identifies a part of the code that made a run; "" if not recorded."""
    code = run.environment.get(CODE)
    return repr(code.get(part)) if isinstance(code, dict) else ""


def labels(names: Sequence[str], runs: Sequence[Run], part: str) -> list[str]:
    """One label per run that distinguishes runs of the same name and options by other code, as in code=3f2a9c; "" if
    all finished ones share one code. Unfinished runs are labelled only if their code is one of the finished ones'.
    """
    found = [recorded(run, part) for run in runs]
    choices = [run.config["choices"] for run in runs]
    same = [(name, *map(of_run.get, _GROUPS[part])) for name, of_run in zip(names, choices, strict=True)]
    codes: defaultdict[Any, set[str]] = defaultdict(set)
    for key, code, run in zip(same, found, runs, strict=True):
        if run.status == DONE:
            codes[key].add(code)
    several = {key: _digits(of_key) for key, of_key in codes.items() if len(of_key) > 1}
    if not several:
        return [""] * len(runs)
    return [
        f"{CODE}={several[key][code]}" if code in several.get(key, ()) and (code or run.status == DONE) else ""
        for key, code, run in zip(same, found, runs, strict=True)
    ]


def both_labels(task: str, solver: str) -> str:
    """The labels of both parts combined, as in code=3f2a9c+77aa01."""
    return f"{task}+{solver.partition('=')[2]}" if task and solver and task != solver else task or solver


def _digits(codes: set[str]) -> dict[str, str]:
    """A label per code, with enough digits to be unique."""
    whole = {code: hashlib.sha256(code.encode("utf-8", "replace")).hexdigest() for code in codes if code}
    n = next(n for n in range(_DIGITS, 65) if len({digest[:n] for digest in whole.values()}) == len(whole))
    return {code: whole[code][:n] if code else OLDER for code in codes}


def differences(runs: Sequence[Run]) -> Counter[str]:
    """The number of finished runs that are not of the code at hand, by reason."""
    at_hand = CodesAtHand()
    found = Counter(difference(run, at_hand(run.config)) for run in runs if run.status == DONE)
    del found[""]
    return found
