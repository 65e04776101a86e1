"""Nullable values: keys whose parameter is annotated with None, as in `max_rows: int | None`.

The annotation is read from the source, because importing what is composed would take seconds and may need a library
that is not installed.
"""

import ast
import functools
from pathlib import Path

from adbench.config.plugins import owner
from adbench.storage.syntax import find_spec

_PACKAGE = __name__.partition(".")[0]


def takes_null(target: str, name: str) -> bool:
    """True if the annotation of a parameter of an option's `_target_` admits None."""
    # A plugin's file can change during the life of a process.
    return _takes_null(target, name) if owner(target) is None else _takes_null.__wrapped__(target, name)


@functools.cache
def _takes_null(target: str, name: str) -> bool:
    module, _, called = target.rpartition(".")
    return _admits_none(_annotation(module, called, name))


def _admits_none(annotation: ast.expr | None) -> bool:
    match annotation:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _admits_none(left) or _admits_none(right)
        case ast.Constant(value=str(text)):  # "int | None"
            return _admits_none(ast.parse(text, mode="eval").body)
        case ast.Constant(value=value):
            return value is None
    return False


def _annotation(module: str, called: str, name: str) -> ast.expr | None:
    """The annotation of a parameter of a function or class that the module defines or imports."""
    for node in _statements(module):
        match node:
            case ast.FunctionDef(name=found) if found == called:
                return _of_function(node, name)
            case ast.ClassDef(name=found) if found == called:
                return _of_class(module, node, name)
            case ast.ImportFrom(module=str(source), names=names, level=0):
                for alias in names:
                    if called == (alias.asname or alias.name):
                        return _annotation(source, alias.name, name)
    return None


def _statements(module: str) -> list[ast.stmt]:
    if module.partition(".")[0] != _PACKAGE and owner(module) is None:
        return []
    spec = find_spec(module)
    file = spec.origin if spec is not None else None
    try:
        return ast.parse(Path(file).read_bytes()).body if file and file.endswith(".py") else []
    except (SyntaxError, ValueError):  # a plugin's; importing it will say so
        return []


def _of_class(module: str, node: ast.ClassDef, name: str) -> ast.expr | None:
    """The annotation from `__init__`, from a dataclass field, or from a base class."""
    for inner in node.body:
        match inner:
            case ast.FunctionDef(name="__init__"):
                if inner.args.kwarg is None or _of_function(inner, name) is not None:
                    return _of_function(inner, name)
            case ast.AnnAssign(target=ast.Name(id=found), annotation=annotation) if found == name:
                return annotation
    of_bases = (_annotation(module, base.id, name) for base in node.bases if isinstance(base, ast.Name))
    return next((found for found in of_bases if found is not None), None)


def _of_function(node: ast.FunctionDef, name: str) -> ast.expr | None:
    arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    return next((argument.annotation for argument in arguments if argument.arg == name), None)
