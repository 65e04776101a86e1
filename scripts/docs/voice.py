"""Count phrases that a reader has to translate, in docstrings, comments, help texts, configurations and pages.

Three rules, each a kind of suspect to be read and judged, not an error by itself:

    per     the distributive article, where English says "per"
    clause  a docstring that begins with a noun clause or a preposition instead of a statement
    turn    a non-standard turn of phrase, see TURNS, each with what to write instead

    python scripts/docs/voice.py [--list [RULE]] [--root FOLDER]
"""

import argparse
import ast
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CODE = ("adbench", "scripts", "tests")
RULES = ("per", "clause", "turn")
QUANTITIES = (
    r"(?:(?:one|two|three|four|five|six|seven|eight|nine|ten|dozen|several|many|few|\d+(?:[.,]\d+)*)(?: [a-z]{4,})?"
    r"|rows?|lines?|entry|entries|columns?|tables?|sheets?|values?|numbers?|loss(?:es)?|texts?|times?|bits?|bytes?"
    r"|levels?|sums?|scores?|(?:micro|milli|nano)?seconds?|minutes?|hours?|alarms|alerts|anomalies|records|points?"
    r"|detectors?|encoders?|process(?:es)?|deviations?|batch(?:es)?|steps|epochs|jobs?|seeds?|files?|flags?|folders?"
    r"|figures?|sections?|threads?|thresholds?|truth value|booleans?|draws|vectors?|arrays?|MB|GB|MiB|GiB|KB|ms)"
)
UNITS = (
    r"(?:rows?|columns?|runs?|seeds?|seconds?|minute|hour|days?|epochs?|keys?|models?|files?|steps?|jobs?|class|tables?"
    r"|metrics?|members?|folds?|batch|values?|line|name|cell|trial|group|byte|page|process|task|family|families|setting"
    r"|bin|thread|device|card|gpu|worker|sweep|folder|command|figure|dataset|detector|feature|category|chunk"
    r"|entry|configuration|source|window|side|word|comparison|point|place|pair|attack|tree|node|combination|verdict"
    r"|kind|record|protocol|solver|rung|session|plugin|option|part|score|request|visit|piece|sheet|control)"
)
PER = re.compile(rf"\b{QUANTITIES}\s+an?\s+{UNITS}\b(?! (?:has|may|can)\b)", re.IGNORECASE)
CLAUSE = re.compile(r"(?:What|Whatever|Where|Which|How|Whether|Why|That|Who|Whoever|When|Of)\b")
TURNS = {  # a turn of phrase -> what to write instead
    r"(?<!there )(?:is|are|was|were|be) (?-i:none)\b(?! of)": "is not one; does not exist; there is no ...",
    r"where there (?:is|are|was|were)\b": "if there is",
    r"so (?:many|much|few)\b(?!(?: \w+)? (?:as|that)\b)": "this many; the number",
    r"own affair\b": "up to it",
    r"anew\b": "again; from scratch",
    r"(?:for|of|by|to|from|with) who\b": "for those who",
    r"(?:^|[.:;,]\s)who(?:ever)? (?:has|wants|asks|needs|knows|reads|types)\b": "users who; anyone who",
    r"(?:tells?|told) of\b": "describes; reveals; is reported",
    r"what is (?:\w+ ){1,2}is\b": "name the thing",
    r"but for\b": "except for",
    r"of (?:its|their) like\b": "similar ones",
    r"(?:has|have) not(?=[.,;:)]|$)": "does not have",
    r"(?:is|are) to be (?:said|told|made)\b": "name it: notes, warnings, result",
    r"(?:take|takes|took|taken) for (?:certain|independent|one)\b": "is inferred; is assumed to be",
    r"c(?:ame|omes?) about\b": "occurs",
    r"let(?:s|ting)? go\b": "releases",
    r"(?:is|are|was|were) (?:not )?(?:yet )?there(?=[.,;:)]|$)": "exists; is missing",
    r"be had\b": "is available",
    r"all there (?:is|are)\b": "all of them",
    r"stands? for nothing\b": "is missing",
}
TURN = re.compile(rf"\b(?:{'|'.join(TURNS)})", re.IGNORECASE | re.MULTILINE)
FENCE = re.compile(r"^ *(```|~~~).*?^ *\1", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Passage:
    """A piece of prose and the line that it begins in."""

    path: Path
    line: int
    text: str
    is_docstring: bool = False


@dataclass(frozen=True)
class Suspect:
    """A phrase that a rule finds."""

    rule: str
    path: Path
    line: int
    text: str

    @property
    def folder(self) -> str:
        """The folder it counts in: a room of the package, the top folder of another file, or a page itself."""
        deep = 2 if self.path.parts[0] == "adbench" and len(self.path.parts) > 2 else 1
        return "/".join(self.path.parts[:deep])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--list", nargs="?", const="all", choices=["all", *RULES], metavar="RULE", help="print each place"
    )
    parser.add_argument("--root", type=Path, default=Path(), metavar="FOLDER", help="another checkout to count in")
    options = parser.parse_args()
    found = suspects(options.root)
    if options.list:
        for one in found:
            if options.list in ("all", one.rule):
                print(f"{one.path}:{one.line}: {one.rule}: {one.text}")
        return
    print("\n".join(table(found)))


def table(found: list[Suspect]) -> list[str]:
    """The number of suspects per folder and rule, as lines."""
    number = Counter((one.folder, one.rule) for one in found)
    folders = sorted({one.folder for one in found})
    rows = [(folder, [number[folder, rule] for rule in RULES]) for folder in folders]
    rows.append(("all", [sum(one.rule == rule for one in found) for rule in RULES]))
    cells = [("folder", *RULES, "all"), *((folder, *map(str, [*counts, sum(counts)])) for folder, counts in rows)]
    return [f"{name:24}{''.join(f'{cell:>8}' for cell in row)}" for name, *row in cells]


def suspects(root: Path) -> list[Suspect]:
    """All suspects of a checkout, by file and line."""
    found = [suspect for passage in passages(root) for suspect in suspects_in(passage)]
    return sorted(found, key=lambda one: (one.path, one.line))


def suspects_in(passage: Passage) -> Iterator[Suspect]:
    """The suspects of one passage, each with the line it stands in and some words around it."""
    found = [
        (rule, match) for rule, pattern in (("per", PER), ("turn", TURN)) for match in pattern.finditer(passage.text)
    ]
    if passage.is_docstring and (match := CLAUSE.match(passage.text)):
        found.append(("clause", match))
    for rule, match in sorted(found, key=lambda one: one[1].start()):
        before, after = passage.text[: match.start()], passage.text[match.end() :]
        context = " ".join((before[-30:] + match[0] + after[:40]).split())
        yield Suspect(rule, passage.path, passage.line + before.count("\n"), context)


def passages(root: Path) -> Iterator[Passage]:
    """The prose of a checkout, paths relative to it."""
    readers = [(_of_python, sorted(file for folder in CODE for file in (root / folder).rglob("*.py")))]
    readers.append((_of_yaml, sorted((root / "configs").rglob("*.yaml"))))
    readers.append((_of_page, [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]))
    for read, files in readers:
        for file in files:
            for line, text, is_docstring in read(file):
                yield Passage(file.relative_to(root), line, text, is_docstring)


def _of_python(file: Path) -> Iterator[tuple[int, str, bool]]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, documented) and (text := ast.get_docstring(node, clean=False)):
            yield node.body[0].lineno, text, True
        elif isinstance(node, ast.keyword) and node.arg == "help":
            pieces = [piece.value for piece in ast.walk(node.value) if isinstance(piece, ast.Constant)]
            yield node.value.lineno, " ".join(piece for piece in pieces if isinstance(piece, str)), False
    with file.open("rb") as lines:
        tokens = [token for token in tokenize.tokenize(lines.readline) if token.type == tokenize.COMMENT]
    yield from _joined([(token.start[0], token.line[: token.start[1]].strip(), token.string) for token in tokens])


def _of_yaml(file: Path) -> Iterator[tuple[int, str, bool]]:
    comments = []
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if match := re.search(r"(?:^|\s)#", line):
            comments.append((number, line[: match.start()].strip(), line[match.start() :].strip()))
    yield from _joined(comments)


def _of_page(file: Path) -> Iterator[tuple[int, str, bool]]:
    yield 1, FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), file.read_text()), False


def _joined(comments: list[tuple[int, str, str]]) -> Iterator[tuple[int, str, bool]]:
    """Comments of (line, code before it, text) as passages; lines of comment alone continue the one above."""
    first, texts = 0, list[str]()
    for line, code, text in comments:
        if texts and (code or line != first + len(texts)):
            yield first, "\n".join(texts), False
            texts = []
        first = first if texts else line
        texts.append(text.lstrip("# "))
    if texts:
        yield first, "\n".join(texts), False


if __name__ == "__main__":
    main()
