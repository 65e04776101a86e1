"""Digests of an object's state, to check that a fitted detector or preprocessing did not change."""

import hashlib
import sys
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

_PLAIN = (type(None), bool, int, float, complex, str, bytes, range, slice)
_DATA = (int, float, list, dict, set, np.ndarray)  # types of class attributes, which all objects of a class share
# Objects compared by type only: compilers' caches rather than learned state.
_MACHINERY = ("torch._", "torch.fx", "torch.jit", "torch.cuda", "logging", "_thread", "threading")
_LIBRARIES = (
    "builtins",
    "abc",
    "typing",
    "numpy",
    "scipy",
    "sklearn",
    "torch",
    "pytorch_lightning",
    "lightning_fabric",
)


class State:
    """Attribute -> digest of everything reachable from it: arrays, tensors, containers, nested objects.

    Buffers, parameters and layers of a network are attributes too; its training mode is not. Opaque objects (a lock, a
    library's handle) count by their type.

    batch_norm: whether a network contains a BatchNorm that uses the statistics of the rows it is given.
    """

    def __init__(self, of: Any) -> None:
        self.batch_norm = False
        self._seen = {id(of): 0}
        self._kept: list[Any] = []  # keeps objects alive, so that no other one reuses the id of one already seen
        self.digests = {name: self._digest(value) for name, value in self._attributes(of).items()}

    def changed(self, later: "State") -> str | None:
        """The name of an attribute whose digest differs later; None if all are equal."""
        for name in (*self.digests, *later.digests):
            if self.digests.get(name) != later.digests.get(name):
                return name
        return None

    def _attributes(self, of: Any) -> dict[str, Any]:
        found = self._held_by(of)
        if not isinstance(found, dict):
            return {type(of).__name__: found}
        nested = ("_parameters", "_buffers", "_modules")
        flat = {name: value for key in nested for name, value in dict(found.pop(key, {})).items()}
        return found | flat

    def _digest(self, value: Any) -> bytes:
        found = hashlib.sha256()
        self._add(value, found)
        return found.digest()

    def _add(self, value: Any, to: Any) -> None:
        to.update(f"{type(value).__module__}.{type(value).__qualname__}:".encode())
        if isinstance(value, _PLAIN):
            to.update(repr(value).encode() + b";")
        elif id(value) in self._seen:
            to.update(b"%d;" % self._seen[id(value)])
        else:
            self._seen[id(value)] = len(self._seen)
            self._kept.append(value)
            self._add_parts(value, to)
            to.update(b";")

    def _add_parts(self, value: Any, to: Any) -> None:
        array = np.asarray(value) if isinstance(value, np.ndarray | np.generic) else _of_tensor(value)
        if array is not None:
            self._add_array(array, to)
        elif isinstance(value, set | frozenset):
            to.update(b"".join(sorted(self._digest(inner) for inner in value)))
        elif isinstance(value, Mapping | list | tuple):
            for inner in (part for item in value.items() for part in item) if isinstance(value, Mapping) else value:
                self._add(inner, to)
        elif isinstance(value, type | ModuleType | BuiltinFunctionType):
            to.update(getattr(value, "__name__", "").encode())
        elif isinstance(value, FunctionType):
            self._add_function(value, to)
        elif isinstance(value, MethodType):
            self._add(value.__self__, to)
            self._add(value.__func__, to)
        elif not type(value).__module__.startswith(_MACHINERY):
            self._add(self._held_by(value), to)

    def _add_array(self, array: np.ndarray[Any, Any], to: Any) -> None:
        to.update(f"{array.dtype.str}{array.shape}".encode())
        if array.dtype.hasobject:
            for inner in array.ravel().tolist():
                self._add(inner, to)
        else:
            to.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)

    def _add_function(self, function: FunctionType, to: Any) -> None:
        to.update(function.__qualname__.encode())
        if not function.__module__ or function.__module__.split(".")[0] in _LIBRARIES:
            return
        for cell in function.__closure__ or ():
            try:
                self._add(cell.cell_contents, to)
            except ValueError:  # not filled yet
                to.update(b"empty")

    def _held_by(self, value: Any) -> Any:
        """The contents of an object: its attributes by name, or the state that copying it would use."""
        try:
            _, *parts = value.__reduce_ex__(4)
            state = parts[1] if len(parts) > 1 else None
            rest = [parts[0] if not isinstance(state, dict) else None, *map(_listed, parts[2:4])]
        except Exception:  # libraries raise anything for objects that they cannot copy
            state, rest = getattr(value, "__dict__", None), []
        shared = _shared(type(value))
        if not isinstance(state, dict):
            # Objects of C libraries: scikit-learn's trees store a lookup count beside their arrays.
            arrays = [part for part in state if not isinstance(part, int | float)] if type(state) is tuple else state
            return (arrays, rest, shared)
        found = dict(state)
        if "_parameters" in found and "training" in found:  # a network
            training = found.pop("training")
            norm = any(kind.__name__ == "_BatchNorm" for kind in type(value).__mro__)
            self.batch_norm |= norm and (training or getattr(value, "running_mean", None) is None)
        found |= {f"{type(value).__name__}.{name}": inner for name, inner in shared.items()}
        return found | ({"": rest} if any(rest) else {})


def _listed(items: Any) -> Any:
    return None if items is None else list(items)


def _shared(kind: type) -> dict[str, Any]:
    """The data stored on a class and shared by all of its objects."""
    return {
        name: value
        for one in kind.__mro__
        if one.__module__.split(".")[0] not in _LIBRARIES
        for name, value in vars(one).items()
        if isinstance(value, _DATA) and not name.startswith("__")
    }


def _of_tensor(value: Any) -> "np.ndarray[Any, Any] | None":
    """The contents of a tensor as bytes, or None for other objects; torch need not be installed."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor):
        return None
    try:
        found: np.ndarray[Any, Any] = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    except RuntimeError:  # sparse, or without storage
        found = np.array(repr(value), dtype=object)
    return found
