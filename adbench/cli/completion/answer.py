"""Answers to the tab key: the possible continuations of a command line.

The answer is lines: how the shell goes on (`words`, `files` or `folders`), then one candidate per line, a tab and what
it is. A candidate that ends with a space is complete.
"""

import inspect
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from adbench.cli.completion import configs
from adbench.cli.completion.install import SHELLS

WORDS, FILES, FOLDERS = "words", "files", "folders"
BASH = "bash"

Candidates = Iterator[tuple[str, str]]  # and what each is
Answer = tuple[str, Candidates]


def complete(shell: str, arguments: Sequence[str]) -> None:
    """Print the answer. arguments: of bash the line up to the cursor, and the part of its last word that bash will
    replace; of other shells the words after the command, of which the last one is being typed.
    """
    if shell == BASH:
        line, replaced = arguments[0], arguments[1].lstrip("'\"")
        words = split(line)[1:] or [""]
        left = words[-1][: len(words[-1]) - len(replaced)]
    else:
        words, left = [*arguments[:-1], arguments[-1].lstrip("'\"")], ""
    mode, candidates = answer(words)
    lines = [mode]
    for word, what in candidates:
        if word.startswith(words[-1]):
            lines.append(word[len(left) :] + (f"\t{what}" if shell != BASH and what else ""))
    sys.stdout.write("\n".join(lines) + "\n")


def split(line: str) -> list[str]:
    """The words of a line that may end within quotes; the last one is being typed, and is empty after a space."""
    for closing in ("", "'", '"', "\\"):
        try:
            words = shlex.split(line + "|" + closing)  # what is being typed ends where the cursor is
            return [*words[:-1], words[-1][:-1]]
        except ValueError:
            continue
    return [*line.split(), ""]


def answer(words: Sequence[str]) -> Answer:
    """Continuations of the last of the words after `adbench`."""
    from typer.main import get_command

    from adbench.cli.main import app

    *before, word = words
    command, arguments, waiting = _walk(get_command(app), before)
    if waiting is not None:
        return _values(command, waiting, "")
    if word.startswith("-"):
        name, equals, _ = word.partition("=")
        if equals and (option := _option(command, name)) is not None:
            return _values(command, option, f"{name}=")
        return WORDS, _options(command, before)
    if commands := getattr(command, "commands", None):
        return WORDS, ((f"{name} ", _help(found)) for name, found in commands.items() if not found.hidden)
    return _argument(command, arguments, before, word)


def _walk(command: Any, words: Sequence[str]) -> tuple[Any, list[str], Any]:
    """The command that words lead to, what it is given beside options, and the option that waits for its value."""
    root, arguments, waiting = command, [], None
    for word in words:
        if waiting is not None:
            waiting = None
        elif word.startswith("-"):
            option = _option(command, word) or _option(root, word)
            waiting = option if option is not None and not option.is_flag else None
        elif word in getattr(command, "commands", ()):
            command = command.commands[word]
        else:
            arguments.append(word)
    return command, arguments, waiting


def _option(command: Any, name: str) -> Any:
    return next((param for param in command.params if name in (*param.opts, *param.secondary_opts)), None)


def _options(command: Any, given: Sequence[str]) -> Candidates:
    """Those that were not given yet, or can be given again."""
    for param in command.params:
        names = [name for name in (*param.opts, *param.secondary_opts) if name.startswith("--")]
        again = getattr(param, "multiple", False)
        if param.param_type_name == "option" and not param.hidden and (again or not {*param.opts} & {*given}):
            yield from ((f"{name} ", _first_sentence(param.help or "")) for name in names)
    yield "--help ", "Show this message and exit."


def _values(command: Any, option: Any, head: str) -> Answer:
    if option.name.endswith("_completion"):
        return WORDS, ((f"{head}{shell} ", "") for shell in SHELLS)
    kind = _kind(command, option)
    if get_origin(kind) is Literal:
        return WORDS, ((f"{head}{choice} ", "") for choice in get_args(kind))
    return (FILES if kind is Path else WORDS), iter(())


def _kind(command: Any, param: Any) -> Any:
    """The type that a parameter was declared with, without its list and its None. Typer's own word for it varies."""
    kind = get_type_hints(inspect.unwrap(command.callback)).get(param.name)
    while get_origin(kind) is not Literal and (inner := get_args(kind)):
        kind = inner[0]
    return kind


def _argument(command: Any, arguments: list[str], before: Sequence[str], word: str) -> Answer:
    params = [param for param in command.params if param.param_type_name == "argument"]
    if not params:
        return WORDS, iter(())
    i = len(arguments)
    param = params[min(i, len(params) - 1)]
    if i >= len(params) and param.nargs != -1:
        return WORDS, iter(())
    if param.name == "overrides":
        if params[0].name == "name":  # adbench data show NAME
            return _overrides(word, [f"data={arguments[0]}"], sweep=False, only="data")
        return _overrides(word, arguments, command.name == "sweep" or bool({"-m", "--multirun"} & {*before}))
    if param.name == "name":
        return WORDS, ((f"{name} ", configs.described("data", name)) for name in configs.options("data"))
    return (FOLDERS if _kind(command, param) is Path else WORDS), iter(())


def _overrides(word: str, others: Sequence[str], sweep: bool, only: str = "") -> Answer:
    """A group, a key, or a value of one."""
    sign = re.match(r"[+~]*", word)[0]  # type: ignore[index]
    key, equals, value = word[len(sign) :].partition("=")
    if not equals:
        return WORDS, ((f"{sign}{name}", what) for name, what in _keys(key, others, sweep, only))
    if configs.PATHS.search(key):
        return FILES, iter(())
    head = word[: len(word) - len(re.split(r"[,\[]", value)[-1])]
    taken = {*re.split(r"[,\[]", value)[:-1]}
    if key in configs.groups(sweep) and not only:
        return WORDS, (
            (f"{head}{name}", configs.described(key, name)) for name in configs.options(key) if name not in taken
        )
    found = configs.words_for(key, configs.tree(others, sweep))
    return WORDS, ((f"{head}{name}", "") for name in found if name not in taken)


def _keys(key: str, others: Sequence[str], sweep: bool, only: str) -> Candidates:
    path, dot, _ = key.rpartition(".")
    tree, groups = configs.tree(others, sweep), configs.groups(sweep)
    if only:
        tree, groups = {only: tree[only]}, []
    below = configs.keys_under(tree, path) if dot else tree
    said = configs.comments(others, path)
    for name, value in below.items():
        if name.startswith("_"):
            continue
        if isinstance(value, dict):
            yield f"{path}{dot}{name}.", ""
        elif dot or name not in groups:
            yield f"{path}{dot}{name}=", said.get(name, "")
    if not dot:
        yield from ((f"{name}=", ", ".join(configs.options(name))) for name in groups)


def _help(command: Any) -> str:
    return _first_sentence(command.help or "")


def _first_sentence(text: str) -> str:
    return " ".join(re.split(r"(?<=\.)\s|\n\n", text.strip())[0].split())
