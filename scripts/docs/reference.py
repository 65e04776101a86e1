"""Pages of the site generated during its build: front page, datasets, changelog and the reference.

A hook of MkDocs, named in mkdocs.yml: the reference is read off the commands, the files under configs/ and docstrings.
"""

import posixpath
import re
import textwrap
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import typer
import yaml

from adbench import _PUBLIC
from adbench.cli.main import app
from adbench.config.options import SWEEP, TRAIN, groups

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
# Files at another place in the site: those outside docs/, and a page whose name a report has.
MOVED = {
    "README.md": "index.md",
    "data/README.md": "datasets.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "CITATION.cff": "CITATION.cff",
    "LICENSE": "LICENSE",
    "docs/results/leaderboard.md": "results/leaderboard-tables.md",
}
RETURNED = (
    *("adbench.results.record.Run", "adbench.sweeps.plan.Plan", "adbench.sweeps.plan.Rules"),
    *("adbench.analysis.summary.Summary", "adbench.reporting.build.Report", "adbench.gate.check.Report"),
    *("adbench.runner.reproduce.Reproduction", "adbench.inference.load.Fitted"),
)
CONTRACTS = (
    *("adbench.models.base.Detector", "adbench.models.neural.NeuralDetector", "adbench.arrays.columns.Columns"),
    *("adbench.data.base.DatasetInfo", "adbench.data.base.Table", "adbench.protocols.base.Protocol"),
    *("adbench.preprocess.base.Encoder", "adbench.evaluation.thresholds.base"),
)
TESTING = (
    "adbench.testing.detectors",
    "adbench.testing.capabilities",
    "adbench.testing.loaders",
    "adbench.testing.plugins",
)
MARKUP = re.compile(r"[\\*_\[\]<>&~|]")
LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages without a file under docs/."""
    from mkdocs.structure.files import File

    made = {uri: (ROOT / path).read_text("utf-8") for path, uri in MOVED.items()}
    made["index.md"] = f"---\nhide: [toc]\n---\n\n{made['index.md']}"  # room for the panel
    made |= {
        "reference/commands.md": "\n".join(commands()),
        "reference/configuration.md": "\n".join(configuration()),
        "reference/python.md": "\n".join(python()),
        "reference/contracts.md": "\n".join(contracts()),
    }
    for uri, content in made.items():
        files.append(File.generated(config, uri, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page with links between files of the repository turned into links between pages of the site."""
    uri = page.file.src_uri
    source = next((path for path, there in MOVED.items() if there == uri), f"docs/{uri}")

    def moved(match: re.Match[str]) -> str:
        before, link, after = match.groups()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        target = MOVED.get(path) or path.removeprefix("docs/")
        return f"{before}{posixpath.relpath(target, posixpath.dirname(uri) or '.')}{after}"

    return LINK.sub(moved, markdown)


def commands() -> Iterator[str]:
    """Each command with its arguments and options, as `--help` has them."""
    yield "# Commands\n\nGenerated from the command line itself; `adbench COMMAND --help` prints the same."
    top = typer.main.get_command(app)
    for name, command in top.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        if inner is None:
            yield from _command(f"adbench {name}", command)
        else:
            for below, one in inner.items():
                yield from _command(f"adbench {name} {below}", one)


def _command(name: str, command: Any) -> Iterator[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    text, _, examples = (command.help or "").partition("\b\n")
    yield f"\n## {name}\n\n```text\n{' '.join([name, *command.collect_usage_pieces(context)])}\n```\n\n{_prose(text)}"
    if examples:
        shown = textwrap.dedent(re.sub(r"^Examples?:", lambda found: " " * len(found.group()), examples))
        yield f"\n```sh\n{shown.strip()}\n```"
    yield "\n| argument or option | what it does |\n|---|---|"
    for parameter in command.get_params(context):
        if record := parameter.get_help_record(context):
            yield f"| `{_cell(record[0])}` | {_cell(_prose(record[1]))} |"


def configuration() -> Iterator[str]:
    """Each group of the configuration, each option, and its keys."""
    yield (
        "# Configuration\n\nGenerated from the files under `configs/`. An option is chosen by `group=option`, a key is"
        " set by `group.key=value`; `adbench config` prints the whole of it for a run."
    )
    yield "\n## One run\n" + _option(CONFIGS / "train.yaml")
    yield "\n## A sweep\n" + _option(CONFIGS / "sweep.yaml")
    for primary in (TRAIN, SWEEP):
        for group, options in groups(primary).items():
            yield f"\n## {group}="
            for name in options:
                yield f"\n### {group}={name}\n" + _option(CONFIGS / group / f"{name}.yaml")


def _option(path: Path) -> str:
    """A file: its head as prose, then a table of its keys."""
    text = path.read_text("utf-8")
    head, lines = [], text.splitlines()
    while lines and lines[0].startswith("#"):
        head.append(lines.pop(0).removeprefix("#").strip())
    prose = _prose(" ".join(line for line in head if not line.startswith("@package")))
    if not isinstance(node := yaml.safe_load(text), dict):  # a benchmark
        return f"{prose}\n\n```yaml\n" + "\n".join(lines) + "\n```" if node else prose
    if built_on := [entry for entry in node.get("defaults", []) if entry != "_self_"]:
        shown = ", ".join(f"`{_default(entry)}`" for entry in built_on)
        prose += f"\n\nBegins with {shown}."
    rows = [f"| `{key}` | `{_cell(value)}` | {_cell(_prose(comment))} |" for key, value, comment in keys(text)]
    return "\n".join([prose, "", "| key | default | what it is |", "|---|---|---|", *rows]) if rows else prose


def _default(entry: Any) -> str:
    if isinstance(entry, str):
        return entry
    ((group, option),) = entry.items()
    return f"{group.removeprefix('override /')}={'null' if option is None else option}"


def keys(text: str) -> Iterator[tuple[str, str, str]]:
    """Each key of a YAML file with its value as written, and its comments: beside, below and above it."""
    lines = text.splitlines()
    for path, first, start, end in _leaves(yaml.compose(text)):
        if path.startswith("defaults") or path.endswith("_target_"):
            continue
        value = text[start:end].rstrip()
        beside, *below = text[start + len(value) :].splitlines() or [""]
        comment = [beside, *takewhile(lambda line: line.startswith(" ") and line.lstrip().startswith("#"), below)]
        parts = [" ".join(line.strip().removeprefix("#").strip() for line in comment)]
        yield path, value, ". ".join(filter(None, [*parts, " ".join(_column_zero_above(lines, first))]))


def _column_zero_above(lines: list[str], first: int) -> list[str]:
    found: list[str] = []
    for line in reversed(lines[:first]):
        if not line.startswith("#"):
            return found
        found.insert(0, line.removeprefix("#").strip())
    return []  # the head of the file


def _leaves(node: yaml.Node | None, path: str = "") -> Iterator[tuple[str, int, int, int]]:
    """Each value that is not a mapping: its path, the line of its key, and the start and end of its text."""
    assert isinstance(node, yaml.MappingNode)
    for key, value in node.value:
        name = f"{path}.{key.value}".lstrip(".")
        if isinstance(value, yaml.MappingNode) and value.value:
            yield from _leaves(value, name)
        else:
            yield name, key.start_mark.line, value.start_mark.index, value.end_mark.index


def python() -> Iterator[str]:
    """The public functions, as placeholders that mkdocstrings fills in."""
    yield "# Python\n\nThe commands as functions of the package, imported when they are first asked for:\n"
    yield "```python\nimport adbench\n\nrun = adbench.train(['model=vae', 'data=nslkdd'])\nrun.metrics['roc_auc']\n```"
    for name, module in _PUBLIC.items():
        yield _symbol(f"{module}.{name}", f"adbench.{name}")
    yield "\n## What they take and return"
    for path in RETURNED:
        yield _symbol(path, path, level=3)


def contracts() -> Iterator[str]:
    """The contracts of the groups, and their checks."""
    yield "# Contracts\n\nWhat a model, dataset, protocol, preprocessing or threshold has to provide, and its checks."
    for path in CONTRACTS:
        yield _symbol(path, path)
    yield "\n## Checks for authors"
    for path in TESTING:
        yield _symbol(path, path, level=3)


def _symbol(path: str, heading: str, level: int = 2) -> str:
    options = {"heading": heading, "toc_label": heading, "heading_level": level}
    return "\n".join([f"\n::: {path}", "    options:", *(f"      {key}: {value}" for key, value in options.items())])


def _prose(text: str) -> str:
    """Markdown that shows a text verbatim, with its `code` as code."""
    parts = text.strip().split("`")
    return "`".join(part if inside % 2 else MARKUP.sub(_entity, part) for inside, part in enumerate(parts))


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found.group())};"


def _cell(text: str) -> str:
    """A text for a table cell."""
    return re.sub(r"(?<!\\)\|", r"\\|", " ".join(text.split()))
