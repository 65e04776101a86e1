"""The groups, options and keys of a command line that is being typed, read from the YAML files alone.

Hydra would compose them, but takes longer than anybody waits for a tab.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from adbench.config.paths import config_folder
from adbench.config.plugins import CONFIGS, active
from adbench.errors import ConfigError

TARGET = "_target_"
OF_SWEEP = ("executor", "sampler", "benchmark")
# Keys that name a file or a folder.
PATHS = re.compile(r"(^|[._])(path|folder|dir)$|^cache$")
PACKAGE = Path(__file__).resolve().parents[3]  # the folder that `adbench` is imported from

Node = dict[str, Any]


def folders() -> list[Path]:
    """The folders of YAML files, adbench's own and those of active plugins; the first with a file counts."""
    try:
        return [config_folder(), *(plugin.folder / CONFIGS for plugin in active())]
    except ConfigError:  # a broken plugin; running the command will say so
        return [config_folder()]


def options(group: str) -> list[str]:
    """The options of a group; empty for an unknown group."""
    return sorted({path.stem for folder in folders() for path in (folder / group).glob("*.yaml")})


def groups(sweep: bool) -> list[str]:
    """The groups of a run, and with sweep those of a sweep too."""
    found = {path.name for folder in folders() for path in folder.iterdir() if path.is_dir()}
    return sorted(name for name in found if options(name) and (sweep or name not in OF_SWEEP))


def described(group: str, option: str) -> str:
    """The first comment of an option's file."""
    first = _text(group, option).partition("\n")[0]
    return first.removeprefix("#").strip() if first.startswith("#") and "@package" not in first else ""


def tree(words: Iterable[str], sweep: bool) -> Node:
    """All keys with their defaults, nested, after the options that these overrides choose; several lend all theirs."""
    found: Node = {}
    chosen: dict[str, list[str]] = {}
    for primary in ("train", "sweep") if sweep else ("train",):
        node = _read("", primary)
        chosen |= {group: [option] for group, option in _defaults(node) if option is not None}
        found |= {key: value for key, value in node.items() if key != "defaults"}
    for word in words:
        key, equals, value = word.lstrip("+~").partition("=")
        if equals and key in ("experiment", "debug"):
            chosen |= {of: [option] for of, option in _defaults(_read(key, value)) if option is not None}
    for word in words:
        key, equals, value = word.lstrip("+~").partition("=")
        if equals and (names := _named(value, options(key))):
            chosen[key] = names
    for group in chosen.keys() & set(groups(sweep)) - {"experiment", "debug", "benchmark"}:
        found[group] = {key: value for option in chosen[group] for key, value in _merged(group, option).items()}
    return found


def _named(value: str, known: list[str]) -> list[str]:
    """The options that a value such as "ae,vae", "[csv]" or "glob(*)" stands for."""
    if value.startswith("glob("):
        return known
    return [name for name in re.split(r"[\[\](),]", value) if name in known]


def keys_under(node: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    """The keys below a dotted path; none where it leads to no group of keys."""
    for part in filter(None, path.split(".")):
        below = node.get(part)
        if not isinstance(below, dict):
            return {}
        node = below
    return node


def comments(words: Iterable[str], path: str) -> dict[str, str]:
    """The comments behind the keys below a path, in the file of the chosen option."""
    group = path.partition(".")[0]
    chosen = [word.partition("=")[2] for word in words if word.startswith(f"{group}=")]
    texts = [_text(group, name) for name in _named(",".join(chosen), options(group))] if group else [_text("", "train")]
    found = [re.findall(r"(?m)^\s*(\w+):[^#\n]*# (.+)$", text) for text in texts]
    return {key: comment for pairs in found for key, comment in pairs}


def words_for(key: str, tree_: Mapping[str, Any]) -> list[str]:
    """Values worth offering for a key: what the source checks it against, true and false, null, its default."""
    parent, _, last = key.rpartition(".")
    node = keys_under(tree_, parent)
    if last not in node or isinstance(default := node[last], dict):
        return []
    if isinstance(default, bool):
        return ["true", "false"]
    shown = [] if default is None else [str(default).replace(" ", "") if isinstance(default, list) else f"{default}"]
    target = node.get(TARGET)
    allowed = _checked_against(key, target) if isinstance(target, str) else []
    found = dict.fromkeys([*allowed, *shown, *(["null"] if default is None else [])])
    return [word for word in found if re.fullmatch(r"[\w.\[\],+-]+", word)]


def _read(group: str, option: str) -> Node:
    try:
        found = yaml.safe_load(_text(group, option))
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


@cache
def _text(group: str, option: str) -> str:
    for folder in folders():
        if (file := folder / group / f"{option}.yaml").is_file():
            return file.read_text(encoding="utf-8", errors="replace")
    return ""


def _defaults(node: Node) -> Iterator[tuple[str, str | None]]:
    """Group and option of each line of a defaults list that chooses one."""
    for line in node.get("defaults") or ():
        if isinstance(line, dict):
            for group, option in line.items():
                yield str(group).removeprefix("override ").lstrip("/"), option


def _merged(group: str, option: str) -> Node:
    """An option's keys, with those of the ones that it starts from."""
    node = _read(group, option)
    found: Node = {}
    for line in node.pop("defaults", None) or ():
        if isinstance(line, str) and line not in ("_self_", option):
            found |= _merged(group, line)
    return found | node


def _checked_against(key: str, target: str) -> list[str]:
    """The words that `require_one_of` allows for this key, in the package of the class that the key is for."""
    room = PACKAGE.joinpath(*target.split(".")[:2])
    for file in sorted(room.rglob("*.py")):
        text = file.read_text(encoding="utf-8", errors="replace")
        if f'require_one_of("{key}"' not in text:
            continue
        module = ast.parse(text)
        for call in (node for node in ast.walk(module) if isinstance(node, ast.Call) and len(node.args) == 3):
            if isinstance(name := call.args[0], ast.Constant) and name.value == key:
                return [word for word in _literal(call.args[2], module) if isinstance(word, str)]
    return []


def _literal(node: ast.expr, module: ast.Module) -> list[Any]:
    """The values of a tuple, of a dictionary's keys, or of the name of one, by the assignments of its module."""
    if isinstance(node, ast.Constant):
        return [node.value]
    if isinstance(node, ast.Tuple | ast.List):
        return [word for item in node.elts for word in _literal(item, module)]
    if isinstance(node, ast.Dict):
        return [word for item in node.keys if item is not None for word in _literal(item, module)]
    if isinstance(node, ast.Call) and len(node.args) == 1:  # tuple(NAME)
        return _literal(node.args[0], module)
    if isinstance(node, ast.Name):
        return next((_literal(value, where) for value, where in _assigned(node.id, module)), [])
    return []


def _assigned(name: str, module: ast.Module) -> Iterator[tuple[ast.expr, ast.Module]]:
    """The expression assigned to a name at the top of a module, or of the one it is imported from, with that module."""
    for line in module.body:
        for target, value in _pairs(line):
            if isinstance(target, ast.Name) and target.id == name:
                yield value, module
        if isinstance(line, ast.ImportFrom) and any(alias.name == name for alias in line.names):
            file = PACKAGE.joinpath(*(line.module or "").split(".")).with_suffix(".py")
            if file.is_file():
                yield from _assigned(name, ast.parse(file.read_text(encoding="utf-8")))


def _pairs(line: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Pairs of names and values of an assignment."""
    if isinstance(line, ast.AnnAssign) and line.value is not None:
        yield line.target, line.value
    elif isinstance(line, ast.Assign):
        for target in line.targets:
            if isinstance(target, ast.Tuple) and isinstance(line.value, ast.Tuple):
                yield from zip(target.elts, line.value.elts, strict=False)
            else:
                yield target, line.value
