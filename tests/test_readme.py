"""The front page and the pages under docs/ name files, anchors, commands and keys that exist."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.config.options import SWEEP, groups
from adbench.sweeps.plan import plan
from scripts.docs import reference

ROOT = Path(__file__).parents[1]
FRONT = ROOT / "README.md"
PAGES = [FRONT, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
COMMANDS: Any = typer.main.get_command(app)


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def test_the_front_page_is_one() -> None:
    text = FRONT.read_text()
    assert len(text.splitlines()) <= 150
    assert re.search(r"## Two commands\n[^#]*```sh\nmake train .*\nmake test .*\n```\n", text)


def test_every_import_that_is_shown_works() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    shown = set(re.findall(r"(?m)^(?:from adbench[\w.]* import .+|import adbench.*)$", text))
    shown |= set(re.findall(r"`(import adbench|from adbench[\w.]* import \w+)", text))
    assert len(shown) >= 3
    done = subprocess.run([sys.executable, "-c", "\n".join(sorted(shown))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def anchors(page: Path) -> set[str]:
    """Those of a page's headings, as a repository's viewer makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", prose(page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_link_leads_to_a_file_and_an_anchor(page: Path) -> None:
    text = prose(page)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    broken = []
    for link in links:
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_script_that_is_named_is_there() -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    scripts = set(re.findall(r"`(?:python )?(scripts/[\w/]+\.py)", text))
    assert len(scripts) >= 10
    assert [name for name in scripts if not (ROOT / name).exists()] == []


def lines_to_type(page: Path) -> Iterator[list[str]]:
    """The commands that a page shows, as words, without comments and what follows a redirection."""
    for language, text in FENCE.findall(page.read_text()):
        for line in text.replace("\\\n", " ").splitlines() if language == "sh" else ():
            words = shlex.split(line, comments=True)
            if words:
                yield words[: words.index(">")] if ">" in words else words


TYPED = [words for page in PAGES for words in lines_to_type(page)]


@pytest.mark.parametrize("words", [words for words in TYPED if words[0] == "adbench"], ids=" ".join)
def test_every_command_that_is_shown_is_understood(words: list[str]) -> None:
    command, words = COMMANDS, words[1:]
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    context = command.make_context(command.name, list(words))
    overrides = context.params.get("overrides")
    if command.name == "train":
        compose(overrides)
    elif command.name == "sweep" and overrides:
        plan(overrides)


def test_every_target_and_command_that_is_named_exists() -> None:
    targets = set(re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text()))
    made = {word for words in TYPED if words[0] == "make" for word in words[1:] if "=" not in word}
    commands = set()
    for page in PAGES:
        made |= set(re.findall(r"`make (?:PYTHON=\S+ )?([\w-]+)`", prose(page)))
        commands |= set(re.findall(r"`adbench ([a-z]+)", prose(page)))
    assert len(made) >= 10
    assert made <= targets
    planned = (ROOT / "docs" / "design.md").read_text().partition("Planned: ")[2].partition("\n")[0]
    assert len(commands) >= 8
    assert commands <= {*COMMANDS.commands, *re.findall(r"`(\w+)`", planned)}


def test_the_reference_has_every_command_and_option_and_key() -> None:
    commands, configuration = "\n".join(reference.commands()), "\n".join(reference.configuration())
    assert "\n## adbench runs rm\n" in commands
    assert "| `--retry-failed` | Run failed" in commands
    for group, options in [*groups().items(), *groups(SWEEP).items()]:
        for option in options:
            assert f"\n### {group}={option}\n" in configuration
            if isinstance(node := yaml.safe_load((ROOT / "configs" / group / f"{option}.yaml").read_text()), dict):
                own = configuration.partition(f"\n### {group}={option}\n")[2].partition("\n#")[0]
                flat = {key for key, value in node.items() if key not in ("_target_", "defaults") and value != {}}
                assert {key.partition(".")[0] for key in re.findall(r"(?m)^\| `([\w.]+)` ", own)} == flat


def test_a_key_has_the_comments_around_it() -> None:
    text = "# Head.\na: 1  # first\n  # and more\n# About b.\nb: [x, '  # y']\nc:\n  d: null  # inner\n    # and more\n"
    assert [*reference.keys(text)] == [
        ("a", "1", "first and more"),
        ("b", "[x, '  # y']", "About b."),
        ("c.d", "null", "inner and more"),
    ]
