"""Imports of seconds, made shorter."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_gc() -> Iterator[None]:
    """Import without a search for garbage: what is imported stays, and torch alone brings a million objects."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def skip_final_gc() -> None:
    """At the end of a process: Python would take a second to see which of those objects refer to each other."""
    gc.freeze()
