"""Faster heavy imports."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_gc() -> Iterator[None]:
    """Context without garbage collection: imported objects stay alive, and torch alone creates a million."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def skip_final_gc() -> None:
    """Skip the garbage collection at exit, which would spend a second on those objects."""
    gc.freeze()
