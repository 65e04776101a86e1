"""Tests that every override in a message is accepted when pasted, and solves the problem."""

import ast
import logging
import math
import re
import shlex
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

import adbench
from adbench.analysis.dataset_card import card
from adbench.config.compose import _Composer, compose
from adbench.config.instantiate import build
from adbench.config.options import SWEEP, TRAIN, groups
from adbench.config.overrides import hydra_at_hand, replace
from adbench.data import nslkdd
from adbench.data.base import say
from adbench.data.reading.cells import MAX_VALUES
from adbench.errors import AdbenchError
from adbench.evaluation.thresholds.base import promised_rate
from adbench.inference.load import Fitted
from adbench.models.base import require_takes_codes
from adbench.results.record import Run
from adbench.runner.cross import CrossEncoder, detector_for, encoder_for, require_possible
from adbench.runner.prepare import divide, load
from adbench.storage.scratch import Scratch
from adbench.sweeps.plan import plan

ROOT = Path(adbench.__file__).parent
KEYS = {*groups(), *groups(SWEEP), *compose([]), *compose([], SWEEP)} - {"choices"}
KEY = rf"(?<![\w.'@\[])(?:{'|'.join(sorted(KEYS))})(?:\.\w+)*"
HOLE = "\0"  # placeholder of a message's values
CALLS = ("override", "_named")  # functions that make pasteable overrides
PLACE = re.compile(r"=(|\.+|PATH|NEW|NAME|FOLDER|FILE|COLUMN)$")  # placeholders for the user
# Messages about missing engines, devices and packages, or about a whole process: their overrides are only composed.
ELSEWHERE = (
    *("executors/", "training/settings.py", "runner/loggers/", "sweeps/samplers/study.py:143"),
    "data/reading/formats/workbook.py",
    "runner/prepare.py",  # on encodings that lose distances: see tests/runner/test_outside.py
)
NONE = ("runner/fused.py",)  # quotes an override that was typed


# Messages in the source.


@dataclass(frozen=True)
class Site:
    """A text in the source that contains a pasteable override."""

    where: str
    text: str  # with a HOLE per value

    @property
    def pattern(self) -> "re.Pattern[str]":
        return re.compile(".*?".join(map(re.escape, self.text.split(HOLE))), re.DOTALL)


def sites() -> Iterator[Site]:
    for path in sorted(ROOT.rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if name.startswith(("testing/", "cli/", *NONE)):  # --help shows patterns
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        inside = [function for function in ast.walk(tree) if isinstance(function, ast.FunctionDef)]
        documented = [node for node in [tree, *ast.walk(tree)] if isinstance(node, ast.ClassDef | ast.FunctionDef)]
        docs = {id(node.body[0].value) for node in documented if isinstance(node.body[0], ast.Expr)}
        for node in [node for function in inside for node in ast.walk(function)]:
            if id(node) not in parts | docs and (text := _text(node)) and _prints(node, text):
                yield Site(f"{name}:{node.lineno}", text)  # type: ignore[attr-defined]


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    values = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(value.value if isinstance(value, ast.Constant) else HOLE for value in values)  # type: ignore[misc]


def _prints(node: ast.AST, text: str) -> bool:
    """True if a text contains a pasteable override, ignoring the "expected ..., got ..." before its semicolon."""
    calls = [call for call in ast.walk(node) if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)]
    if any(call.func.id in CALLS for call in calls):  # type: ignore[attr-defined]
        return True
    advice = text.partition("; ")[2] if text.startswith("expected") else text
    return " " in text and bool(literals(advice))


def literals(advice: str) -> list[str]:
    """The overrides that a text spells out without placeholders."""
    found = (_word(word.group()) for word in re.finditer(rf"{KEY}=[^\s{HOLE}]+", advice))
    return [word for word in found if not PLACE.search(word)]


def _word(text: str) -> str:
    """A word without trailing punctuation."""
    text = text.rstrip(".,;:")
    return text if "(" in text or text.endswith("'") else text.rstrip(")")


SITES = sorted({site.where: site for site in sites()}.values(), key=lambda site: site.where)


# Messages printed in a user's situations.


def advised(message: str) -> list[list[str]]:
    """The pasteable overrides; those separated only by a blank are pasted together."""
    advice = message.partition("; ")[2] if message.startswith("expected") and "; " in message else message
    found: list[list[str]] = []
    end = -1
    for match in re.finditer(rf"{KEY}=(?=\S)", advice):
        if match.start() < end:
            continue  # part of the last one
        word = re.match(r"""(?:'[^']*'|"[^"]*"|\\.|[^\s'"\\])+""", advice[match.start() :])
        assert word, message
        text = _word(word.group())
        if PLACE.search(text):
            continue
        pasted = shlex.split(text)
        assert len(pasted) == 1, message
        if found and match.start() == end + 1:
            found[-1] += pasted
        else:
            found.append(pasted)
        end = match.start() + len(text)
    return found


class Heard(logging.Handler):
    """Records the notes of a loader."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.notes.append(record.getMessage().removeprefix("adbench: "))


Composed = Callable[[list[str]], dict[str, Any]]


@pytest.fixture(scope="module")
def composed() -> Composed:
    """`compose`, calling Hydra once per choice of options."""
    composer = _Composer(TRAIN)

    def compose_one(typed: list[str]) -> dict[str, Any]:
        with hydra_at_hand():
            return composer(typed)

    return compose_one


def read(config: dict[str, Any]) -> None:
    """Process the data as far as a run does before training: load, divide, check calibration rows."""
    with Scratch(math.inf) as scratch:
        table = load(config, scratch)
    say(table.notes)
    split = divide(config, table)
    rule = build(config["threshold"], "threshold")
    promised_rate(rule, len(split.calibration), config["target_fpr"], config["relax_fpr"], len(split.fit))


def warned(config: dict[str, Any]) -> None:
    """Process the data likewise, and report the warnings of the division."""
    say(divide(config, build(config["data"], "data")).warnings)


def tail(config: dict[str, Any]) -> None:
    """Set a threshold on scores without a tail that extreme value theory covers."""
    rule = build(config["threshold"], "threshold")
    scores = np.repeat([0.0, 1.0, 2.0], 1000)
    rule(scores, np.empty(0), config["target_fpr"])


def codes(config: dict[str, Any]) -> None:
    if config["preprocess"]["categories"] == "codes":
        require_takes_codes(object(), config["choices"]["model"])


class Scaled:
    """A detector that calibrates its own scale."""

    def calibrate(self, x: Any) -> None: ...


def cross(config: dict[str, Any]) -> None:
    require_possible(config, build(config["threshold"], "threshold"))
    encoder = encoder_for(config)
    if isinstance(encoder, CrossEncoder):
        detector_for(config, encoder, lambda columns: Scaled())


def stream(config: dict[str, Any]) -> None:
    """Ask for a run's threshold for streaming rows."""
    rule = build(config["threshold"], "threshold")
    metrics = {"promises_fpr": int(rule.promises_rate), "threshold": 0.0}
    assert Fitted(Run(Path(), "done", config, metrics, {}), None, None).threshold == 0.0


LOOKS: dict[str, Callable[[dict[str, Any]], None]] = {
    **{"compose": lambda _: None, "instead": lambda _: None},
    **{"read": read, "warned": warned, "tail": tail, "codes": codes, "cross": cross, "stream": stream},
}

N, GAP = 60, 5
LABELS = [f"{int(i % 4 == 0)}" for i in range(N)]


def csv(header: str, cell: Callable[[int], str], labels: list[str] = LABELS) -> str:
    return "\n".join([header, *(f"{cell(i)},{i % 7},{labels[i]}" for i in range(N))]) + "\n"


def day(i: int) -> str:
    return f"2024-{1 + i // 28:02}-{1 + i % 28:02}"


def words(normal: str, other: str) -> list[str]:
    return [other if label == "1" else normal for label in LABELS]


NAMES = ("Flow (m3)", "it's, [a] {b}", 'say ""x"" = ${y}', "a\\")
WAYS: dict[str, tuple[Callable[[int], str], list[str]]] = {  # defect of a column -> its cells, and the typed overrides
    "all gaps": (lambda i: "", ["data.missing=drop_rows"]),
    "ids": (lambda i: f"id-{i}-{i * i}", []),
    "infinite": (lambda i: "inf" if i == GAP else str(i % 5), []),
    "far": (lambda i: "1e308" if i == GAP else str(i % 5), []),
    "units": (lambda i: f"{i % 5} kg", []),
    "leak": (lambda i: LABELS[i], []),
}
TABLES: dict[str, tuple[str, str, list[str]]] = {  # a file, how it is processed, and the typed overrides
    **{
        f"a gap in {name}": (csv(f'"{name}",z,y', lambda i: "" if i == GAP else str(i % 5)), "read", [])
        for name in NAMES
    },
    **{name: (csv(f'"{NAMES[1]}",z,y', cell), "read", typed) for name, (cell, typed) in WAYS.items()},
    "many": (
        "\n".join(["x,z,y", *(f"i{i},{i % 7},{i % 2}" for i in range(MAX_VALUES + 1))]),
        "read",
        ["data.categorical=[x]"],
    ),
    "beyond 2^53": (csv("x,z,y", lambda i: str(2**54 + 3 * (7 * i % 61))), "read", []),
    "names of the rows": (csv("user_id,z,y", lambda i: str(3 * (37 * i % 61))), "read", []),
    "kinds": (csv("x,z,y", lambda i: "ab"[i // 4 % 2] if LABELS[i] == "1" else "normal"), "read", []),
    "rising": (csv("x,z,y", lambda i: str(i)), "read", []),
    "steps": (csv("x,z,y", lambda i: str(3 * i)), "read", []),
    "dates": (csv("x,z,y", day), "read", []),
    "a time is lacking": (csv("x,z,y", lambda i: "" if i == GAP else day(i)), "read", ["data.time=x"]),
    "times are ignored": (csv("x,z,y", day), "warned", ["data.time=x"]),
    "no fold": (csv("x,z,y", day), "read", ["data.time=x", "protocol=by_time", "protocol.folds=3"]),
    "no numbers to move": (
        "\n".join(["c,y", *(f"k{i % 3},{i % 4 // 3}" for i in range(N))]),
        "read",
        ["data.label=y", "protocol.synthetic=local"],
    ),
    "no such fold": (csv("x,z,y", day), "read", ["data.time=x", "protocol=by_time", "protocol.fold=6"]),
    "thousands": (csv("x,z,y", lambda i: f'"1,{100 + i}"'), "read", []),
    "decimal": (csv("x,z,y", lambda i: f'"1,{i}"'), "read", []),
    "categories": (csv("Größe (cm),z,y", lambda i: "ab"[i % 2]), "read", []),
    "comment": ("# made by\n" + csv("x,z,y", lambda i: str(i % 5)), "read", []),
    "no header": (csv("1,2,0", lambda i: str(i % 5)), "read", []),
    "twice": (csv("x,x,y", lambda i: str(i % 5)), "read", []),
    **{
        f"labels {first} and {second}": (csv("x,z,y", lambda i: str(i % 5), words(first, second)), "read", [])
        for first, second in (
            ("1", "0"),
            ("null", "x"),
            ("#1", "(none)"),
            ("[ok]", "1e3"),
            ("BENIGN", "Benign"),
            ("a b", "it's"),
            ("007", "x"),
        )
    },
    "spellings": (csv("x,z,y", lambda i: str(i % 5), words("Normal", "normal.")), "read", ["data.normal=Normal"]),
    "few": (csv("x,z,y", lambda i: str(i % 5)), "read", ["target_fpr=0.01"]),
    "few with confidence": (
        csv("x,z,y", lambda i: str(i % 5)),
        "read",
        ["target_fpr=0.25", "threshold.confidence=0.9"],
    ),
    "too few": ("\n".join(["x,y", "1,0", "2,0", "3,0", *["4,1"] * 9]) + "\n", "read", ["data.normal=0"]),
    "one column": (csv("x,z,y", lambda i: f"{LABELS[i]}.{i}"), "card", []),
}
COMPOSED: dict[str, tuple[str, list[str]]] = {
    "a path": ("compose", ["data=table", "data.path=/x/a (1).csv"]),
    "a list": ("compose", ["data=table", "data.drop=[Flow (m3),b]"]),
    "a name": ("compose", ["data=table", "data.name=a/b"]),
    "a name that is taken": ("compose", ["data=table", "data.name=nslkdd"]),
    "no model": ("instead", ["model/x"]),
    "package": ("instead", ["model@x=ae"]),
    "choices": ("instead", ["++choices.data=x"]),
    "interval": ("plan", ["model.beta=interval(0.1,1)"]),
    "no path": ("read", ["data=table"]),
    "no table": ("read", ["data=adbench47"]),
    "no name of a table": ("compose", ["data=adbench47", "data.table=a/b"]),
    "no such day": ("read", ["data=cicids2017", "data.days=[Sunday]"]),
    "tail": ("tail", ["threshold=evt", "target_fpr=1e-5"]),
    "many rows": ("tail", ["target_fpr=1e-5"]),
    "codes": ("codes", ["preprocess.categories=codes", "model=knn"]),
    "objective": ("plan", ["sampler=tpe", "model.latent_size=4,8"]),
    "space": ("plan", ["sampler=tpe", "objective=calibration/loss"]),
    "seeds": ("plan", ["sampler=tpe", "objective=calibration/loss", "seed=interval(0,9)", "model.latent_size=4,8"]),
    "halving": (
        "plan",
        ["sampler=halving", "objective=validation/roc_auc", "protocol=labelled_validation", "model.latent_size=4,8"],
    ),
    "test labels": ("plan", ["objective=validation/roc_auc"]),
    "test metric": ("plan", ["objective=test/roc_auc"]),
    "no loss": ("plan", ["objective=calibration/loss", "model=knn"]),
    "losses of folds": ("plan", ["objective=fit/loss", "protocol.calibration=cross"]),
    "a part that is not tested": ("read", ["data=nslkdd", "data.test=both", "protocol=labelled_validation"]),
    "folds alone": ("read", ["data=nslkdd", "protocol.folds=5"]),
    "no scores for evt": ("cross", ["threshold=evt", "protocol.calibration=cross"]),
    "confidence across folds": ("cross", ["threshold.confidence=0.9", "protocol.calibration=cross"]),
    "rows one by one": ("stream", ["threshold=fdr"]),
    "no rows for a scale": ("cross", ["protocol.calibration=cross"]),
    "no calibration": ("plan", ["objective=calibration/loss", "protocol=goad"]),
}


FILES = ("nested", "classes and a label", "an archive", "a folder", "another copy", "too deep", "words in a test file")


@dataclass(frozen=True)
class Situation:
    how: str
    typed: list[str]

    def said(self, composed: Composed, pasted: list[str] | None = None) -> list[str]:
        """The printed notes and error."""
        typed = self.typed if pasted is None else pasted if self.how == "instead" else replace(self.typed, pasted)
        heard = Heard()
        log = logging.getLogger("adbench.data.base")
        log.addHandler(heard)
        try:
            if self.how == "plan":
                plan(typed)
            elif self.how == "card":
                say(card("table", [word for word in typed if word != "data=table"])["warnings"])
            else:
                config = composed(typed)
                LOOKS[self.how](config)
        except AdbenchError as error:
            heard.notes.append(str(error))
        finally:
            log.removeHandler(heard)
        return heard.notes


@pytest.fixture(scope="module")
def situations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Situation]:
    folder = tmp_path_factory.mktemp("of a user")
    found = {name: Situation(how, typed) for name, (how, typed) in COMPOSED.items()}
    for i, (name, (content, how, typed)) in enumerate(TABLES.items()):
        path = folder / f"{i}.csv"
        path.write_text(content)
        where = [f"data.path='{path}'", "data.label=y", "data=table"]
        found[name] = Situation(how, [*where, *typed])
    pyarrow.parquet.write_table(pa.table({"x": [[1], [2]], "z": [1, 2], "y": [0, 1]}), folder / "x.parquet")
    found["nested"] = Situation("read", ["data=table", f"data.path='{folder}/x.parquet'", "data.label=y"])
    for name, i in (("normal", 5), ("anomaly", 6)):
        (folder / name).mkdir()
        (folder / name / "rows.csv").write_text("x,y\n" + "".join(f"{i * j % 7},{i}\n" for j in range(N)))
    of_class = [f"data.{name}_path='{folder}/{name}/rows.csv'" for name in ("normal", "anomaly")]
    found["classes and a label"] = Situation("read", ["data=table", *of_class, "data.label=y"])
    with zipfile.ZipFile(folder / "two.zip", "w") as archive:
        for name in ("a (1).csv", "b.csv"):
            archive.writestr(name, csv("x,z,y", lambda i: str(i % 5)))
    found["an archive"] = Situation("read", ["data=table", f"data.path='{folder}/two.zip'", "data.label=y"])
    (folder / "none" / "days").mkdir(parents=True)
    (folder / "none" / "days" / "1.csv").write_text(csv("x,z,y", lambda i: str(i % 5)))
    found["a folder"] = Situation("read", ["data=table", f"data.path='{folder}/none'", "data.label=y"])
    (folder / "nslkdd").mkdir()
    for name in nslkdd.INFO.files:
        (folder / "nslkdd" / name).write_text("0,tcp\n")
    found["another copy"] = Situation("read", ["data=nslkdd", f"data.folder='{folder}'"])
    paths = [f"data.{key}='{folder}/{key}.csv'" for key in ("path", "test_path")]
    for key, cell in {"path": lambda i: str(i % 5), "test_path": lambda i: "ab"[i % 2]}.items():
        (folder / f"{key}.csv").write_text(csv("x,z,y", cell))
    found["words in a test file"] = Situation("read", ["data=table", *paths, "data.label=y"])
    found["too deep"] = Situation("read", ["data=nslkdd", f"data.folder='{folder}/nslkdd'"])
    return found


@pytest.fixture(scope="module")
def printed(situations: dict[str, Situation], composed: Composed) -> dict[str, list[str]]:
    return {name: situation.said(composed) for name, situation in situations.items()}


@pytest.mark.parametrize("name", [*TABLES, *COMPOSED, *FILES])
def test_what_is_advised_works(
    name: str, situations: dict[str, Situation], printed: dict[str, list[str]], composed: Composed
) -> None:
    pairs = [(message, pasted) for message in printed[name] for pasted in advised(message)]
    assert pairs, printed[name]
    for message, pasted in pairs:
        again = situations[name].said(composed, pasted)
        assert message not in again, (pasted, again)
        assert not any("expected an override such as" in sentence for sentence in again), (pasted, again)


def test_no_message_with_an_override_in_it_is_untried(printed: dict[str, list[str]]) -> None:
    messages = [message for said in printed.values() for message in said]
    untried = [
        site
        for site in SITES
        if not site.where.startswith(ELSEWHERE) and not any(site.pattern.search(message) for message in messages)
    ]
    assert not untried, "\n".join(f"{site.where}: {site.text.replace(HOLE, '…')}" for site in untried)


@pytest.mark.parametrize("site", [site for site in SITES if literals(site.text)], ids=lambda site: site.where)
def test_what_a_message_spells_out_is_an_override(site: Site) -> None:
    for text in literals(site.text):
        key = text.partition("=")[0]
        assert key.split(".")[0] in KEYS
