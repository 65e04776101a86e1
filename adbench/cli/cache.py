"""`adbench cache`: the cache of prepared rows that runs share."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adbench.cli.common import Json, command, confirmed, print_json
from adbench.cli.runs import Yes
from adbench.text import printable

if TYPE_CHECKING:
    from adbench.storage.cache import Cache

cache_app = typer.Typer(help="The cache of prepared rows.", no_args_is_help=True, rich_markup_mode=None)

Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        help="Folder of the cache, the cache= of a run. Default: prepared/ in ADBENCH_CACHE or ~/.cache/adbench.",
        show_default=False,
    ),
]


@contextmanager
def _cache(folder: Path | None) -> Iterator["Cache"]:
    """The cache in this folder. Raises ConfigError if the folder does not exist or cannot be read."""
    from adbench.config.paths import cache_folder
    from adbench.errors import ConfigError
    from adbench.storage.cache import Cache

    path = cache_folder() / "prepared" if folder is None else folder.expanduser()
    if folder is not None and not path.exists():
        raise ConfigError(f"expected a cache's folder, got {path}, which does not exist; name the one that runs use")
    try:
        yield Cache(path, float("inf"))
    except OSError as error:
        raise ConfigError(f"expected a cache that can be read at {path}, got {error.strerror or error}") from None


@cache_app.command()
@command
def size(folder: Folder = None, as_json: Json = False) -> None:
    """Show the size and the location of the cache.

    Example: adbench cache size --folder /scratch/rows
    """
    with _cache(folder) as cache:
        n_entries, n_bytes = cache.size()
    if as_json:
        print_json({"folder": str(cache.folder), "entries": n_entries, "bytes": n_bytes})
    else:
        print(f"{printable(str(cache.folder))}: {n_entries:,} entries, {n_bytes / 2**30:.2f} GiB")


@cache_app.command()
@command
def clear(folder: Folder = None, yes: Yes = False, as_json: Json = False) -> int:
    """Remove all entries that no process is using; exit code 2 if others cannot be removed. Runs recompute their rows.

    Example: adbench cache clear --folder /scratch/rows --yes
    """
    from adbench.storage.cache import IN_USE, UNSURE

    with _cache(folder) as cache:
        before, n_bytes = cache.size()
        if before:
            confirmed(f"remove {before:,} entries, {n_bytes / 2**30:.2f} GiB, from {printable(str(cache.folder))}", yes)
        left = cache.clear()
        n_bytes -= cache.size()[1]
    n_removed, reasons = max(0, before - len(left)), Counter(left.values())
    code = 2 if reasons.keys() - {IN_USE, UNSURE} else 0
    if as_json:
        document = {"folder": str(cache.folder), "removed": n_removed, "bytes": n_bytes}
        print_json(document | {"in_use": reasons[IN_USE], "left": left})
        return code
    print(f"removed {n_removed:,} entries, {n_bytes / 2**30:.2f} GiB, from {printable(str(cache.folder))}")
    for reason, n in reasons.items():
        print(f"left {n:,}: {reason}")
    return code
