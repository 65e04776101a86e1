"""Library objects as bytes without pickle, through skops, which stores their contents and the names of their types."""

from collections.abc import Iterable
from typing import Any


def written_objects(objects: dict[str, Any]) -> bytes:
    """The named objects, as a skops file."""
    import skops.io

    return bytes(skops.io.dumps(objects))


def read_objects(content: bytes, trusted: Iterable[str]) -> dict[str, Any]:
    """The objects of a skops file.

    trusted: full names of the types that may be created, besides those that skops trusts. Raises ValueError for a file
    that names any other type, before any object is created.
    """
    import skops.io

    try:
        unknown = sorted(set(skops.io.get_untrusted_types(data=content)) - set(trusted))
    except Exception as error:
        # Untrusted bytes can make skops raise anything.
        raise ValueError(f"objects that cannot be read ({error})") from None
    if unknown:
        raise ValueError(f"types that this model does not hold: {', '.join(unknown)}")
    try:
        objects = skops.io.loads(content, trusted=list(trusted))
    except Exception as error:
        raise ValueError(f"objects that cannot be read ({error})") from None
    if not isinstance(objects, dict):
        raise ValueError(f"a {type(objects).__name__}, not objects by name")
    return objects
