"""`adbench cache`: the prepared rows that runs share on this disk."""

import typer

from adbench.cli.common import Json, confirmed, print_json, reported
from adbench.cli.runs import Yes

cache_app = typer.Typer(help="The cache of prepared rows.", no_args_is_help=True, rich_markup_mode=None)


@cache_app.command()
@reported
def size(as_json: Json = False) -> None:
    """How much the cache holds, and where it lies: ADBENCH_CACHE, else ~/.cache/adbench."""
    from adbench.config.paths import cache_folder
    from adbench.storage.cache import Cache

    cache = Cache(cache_folder() / "prepared", float("inf"))
    n_entries, n_bytes = cache.size()
    if as_json:
        print_json({"folder": str(cache.folder), "entries": n_entries, "bytes": n_bytes})
    else:
        print(f"{cache.folder}: {n_entries:,} entries, {n_bytes / 2**30:.2f} GiB")


@cache_app.command()
@reported
def clear(yes: Yes = False, as_json: Json = False) -> None:
    """Remove all that no process is using. Runs make their rows anew when they need them."""
    from adbench.config.paths import cache_folder
    from adbench.storage.cache import Cache

    cache = Cache(cache_folder() / "prepared", float("inf"))
    before, n_bytes = cache.size()
    if before:
        confirmed(f"remove {before:,} entries, {n_bytes / 2**30:.2f} GiB, from {cache.folder}", yes)
    cache.clear()
    left, bytes_left = cache.size()
    if as_json:
        print_json(
            {"folder": str(cache.folder), "removed": before - left, "bytes": n_bytes - bytes_left, "in_use": left}
        )
    else:
        used = f"; {left:,} are in use" if left else ""
        print(f"removed {before - left:,} entries, {(n_bytes - bytes_left) / 2**30:.2f} GiB{used}")
