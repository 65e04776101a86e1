"""Digests of Python files' syntax trees, independent of formatting, and the modules they import.

Nothing is imported. Comments, docstrings, blank lines and quotes do not affect a digest; literals do.
"""

import ast
import contextlib
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

_INSTALLED = ("site-packages", "dist-packages")  # folders that contain unrelated packages


@dataclass(frozen=True)
class Source:
    """A module's file: its digest, and the dotted names in its imports, including attributes.

    in_package: whether it belongs to a package, so that its neighbours are not importable by their bare names.
    """

    file: Path
    digest: str
    imports: frozenset[str]
    in_package: bool


@dataclass
class _Known:
    source: Source
    spec: ModuleSpec | None  # of the imported module; None: not yet imported
    state: tuple[int, int]  # modification time and size of the file


_KNOWN: dict[str, _Known] = {}
_ABSENT: set[str] = set()  # names in imports that are not files, mostly attributes of modules


def reached(roots: Iterable[str], follow: Callable[[str], bool]) -> tuple[dict[str, Source], dict[str, set[str]]]:
    """The modules that these import, transitively, and the other packages that each of them imports.

    Limited to the packages of the roots and, for a file outside any package, its folder. follow: whether to include a
    module. A package's `__init__` is included with each of its modules.
    """
    own = {root.partition(".")[0] for root in roots}
    found: dict[str, Source] = {}
    others: dict[str, set[str]] = {}
    waiting = [name for root in roots for name in _with_packages(root)]
    while waiting:
        name = waiting.pop()
        if name in found or not follow(name) or (source := source_of(name)) is None:
            continue
        found[name], others[name] = source, set()
        for imported in source.imports:
            top = imported.partition(".")[0]
            if top not in own and not source.in_package and _lies_beside(top, source.file.parent):
                own.add(top)
            if top not in own:
                others[name].add(top)
            elif imported not in _ABSENT:
                waiting += _with_packages(imported)
    return found, others


def source_of(name: str) -> Source | None:
    """A module's source by its dotted name; None if there is no such file.

    The imported code is the running code: a file edited after its import is not read again until the module is
    reloaded.
    """
    loaded = sys.modules.get(name)
    spec = getattr(loaded, "__spec__", None)
    known = _KNOWN.get(name)
    if known is not None and spec is not None and (known.spec is None or known.spec is spec):
        known.spec = spec
        return known.source
    spec_there = spec or find_spec(name)
    if spec_there is None or not (spec_there.origin or "").endswith(".py"):
        _ABSENT.add(name)
        return None
    file = Path(str(spec_there.origin))
    state = _state(file)
    if known is not None and known.spec is spec is None and (known.source.file, known.state) == (file, state):
        return known.source
    try:
        content = file.read_bytes()
    except OSError:
        return None
    package = name if spec_there.submodule_search_locations is not None else name.rpartition(".")[0]
    in_package = file.parent.name in _INSTALLED or (file.parent / "__init__.py").is_file()
    source = Source(file, *_read(content, package), in_package)
    _KNOWN[name] = _Known(source, spec, state)
    return source


def _with_packages(name: str) -> Iterator[str]:
    """a.b.c -> a, a.b, a.b.c"""
    parts = name.split(".")
    return (".".join(parts[: i + 1]) for i in range(len(parts)))


def _state(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def find_spec(name: str) -> ModuleSpec | None:
    """The spec of a module. Unlike importlib.util.find_spec, this does not import its parent packages."""
    package, _, last = name.rpartition(".")
    with contextlib.suppress(ImportError, ValueError, AttributeError):
        if not package:
            return importlib.util.find_spec(name)
        if package in sys.modules:
            path = getattr(sys.modules[package], "__path__", None)
        else:
            found = find_spec(package)
            path = found and found.submodule_search_locations
        # By its last name: given the full name, a package without __init__.py would need its parent imported.
        return PathFinder.find_spec(last, list(path)) if path is not None else None
    return None


def _lies_beside(top: str, folder: Path) -> bool:
    """True if an import of this name finds a module in this folder."""
    if not ((folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file()):
        return False
    origin = getattr(find_spec(top), "origin", None)
    return origin is not None and folder in (Path(origin).parent, Path(origin).parent.parent)


def _read(content: bytes, package: str) -> tuple[str, frozenset[str]]:
    """The digest of a file and its imports. A file that does not parse gets the digest of its bytes."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):
        return hashlib.sha256(content).hexdigest(), frozenset()
    words: list[str] = []
    imports: set[str] = set()
    _write(tree, words, imports, package)
    return hashlib.sha256("\0".join(words).encode()).hexdigest(), frozenset(imports)


def _write(node: Any, words: list[str], imports: set[str], package: str) -> None:
    """Serialise a tree to words: `ast.dump` and `ast.unparse` differ between versions of Python.

    Empty fields are left out, since later versions add some.
    """
    kind = type(node)
    if kind is list:
        words.append("[")
        for item in node:
            _write(item, words, imports, package)
        words.append("]")
    elif kind is ast.Constant:
        words.append(ascii(node.value))
    elif not isinstance(node, ast.AST):  # a name, or the level of a relative import
        words.append(str(node))
    elif not ((kind is ast.Expr or kind is ast.If) and _says_nothing(node)):
        if kind is ast.Import or kind is ast.ImportFrom:
            imports.update(_imported(node, package))
        if isinstance(node, ast.JoinedStr):  # Python 3.12 adds an empty text after a nested format
            node.values = [part for part in node.values if getattr(part, "value", None) != ""]
        words.append(kind.__name__)
        for name in node._fields:
            value = None if name in _LEFT_OUT else getattr(node, name, None)
            if value is not None and value != []:
                words.append(name)
                _write(value, words, imports, package)
        words.append(")")


_LEFT_OUT = ("ctx", "type_comment", "kind")  # implied by position; comments; the u prefix of a string


def _says_nothing(node: Any) -> bool:
    """True if a statement has no effect: a docstring, or code for type checkers alone."""
    if type(node) is ast.Expr:
        return type(node.value) is ast.Constant and isinstance(node.value.value, str)
    test = None if node.orelse else node.test
    return getattr(test, "id", getattr(test, "attr", None)) == "TYPE_CHECKING"


def _imported(node: Any, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    module = node.module or ""
    if node.level:  # from . import b
        base = package.split(".")
        module = ".".join([*base[: len(base) - node.level + 1], *filter(None, [module])])
    yield module
    yield from (f"{module}.{alias.name}" for alias in node.names)
