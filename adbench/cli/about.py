"""The options of `adbench` itself: its version, and completion in a shell."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from adbench.cli.common import command

USERS_SHELL = "auto"


class Group(TyperGroup):
    """Commands, and options before them of which some can stand without their value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give these options the user's shell where none is named."""
        for i, word in enumerate(args[:1]):
            if word in ("--install-completion", "--show-completion") and not args[i + 1 : i + 2]:
                args = [word, USERS_SHELL]
        return super().parse_args(ctx, args)


def _version(wanted: bool) -> None:
    if wanted:
        from adbench import __version__

        print(f"adbench {__version__}")
        raise typer.Exit


def _install(shell: str | None) -> None:
    if shell is not None:
        _install_for(shell=shell)


def _show(shell: str | None) -> None:
    if shell is not None:
        _show_for(shell=shell)


@command
def _install_for(shell: str) -> None:
    from adbench.cli.completion.install import install, shell_of

    for sentence in install(shell_of(None if shell == USERS_SHELL else shell)):
        print(sentence)


@command
def _show_for(shell: str) -> None:
    from adbench.cli.completion.install import script, shell_of

    print(script(shell_of(None if shell == USERS_SHELL else shell)), end="")


Version = Annotated[
    bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
]
InstallCompletion = Annotated[
    str | None,
    typer.Option(
        "--install-completion",
        metavar="[bash|zsh|fish]",
        help="Let the tab key complete commands, options, groups and keys; default: in your shell.",
        callback=_install,
        is_eager=True,
        show_default=False,
    ),
]
ShowCompletion = Annotated[
    str | None,
    typer.Option(
        "--show-completion",
        metavar="[bash|zsh|fish]",
        help="Print what the shell has to read for it.",
        callback=_show,
        is_eager=True,
        show_default=False,
    ),
]
