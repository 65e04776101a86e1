"""Results of a user's first command on ten public tables in their usual form: docs/results/tables.md.

The command names only the file and its label. If it asks for more, the first override in each of its sentences is
pasted and it runs again, at most twice. Tables that ask for more (exit code 1) and results below their own controls are
reported. The files are scikit-learn's, this repository's bundled ones, and one of ADBench's, from --folder.
"""

import argparse
import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets

from adbench.config.paths import data_folder
from adbench.data.kdd_columns import COLUMNS
from adbench.evaluation.controls import ORACLE, TITLES, UNTRAINED
from adbench.results.record import DONE, find_runs, read_run

DOCUMENT = Path("docs/results/tables.md")
ADBENCH = Path(sys.executable).with_name("adbench")
ROUNDS = 2  # maximum rounds of answers before a first result
SECONDS = 900  # timeout per command
THYROID = (
    "age sex on_thyroxine query_on_thyroxine on_antithyroid_medication sick pregnant thyroid_surgery I131_treatment"
    " query_hypothyroid query_hyperthyroid lithium goitre tumor hypopituitary psych TSH_measured TSH T3_measured T3"
    " TT4_measured TT4 T4U_measured T4U FTI_measured FTI TBG_measured TBG referral_source Class"
).split()
# A key and its value, for a shell.
_OVERRIDE = re.compile(r"""\b[a-z_]+(?:\.\w+)*=(?:'[^']*'|"[^"]*"|\[[^\]]*\]|[^\s,;()\['"]+)+""")


@dataclass(frozen=True)
class Sources:
    """Paths of the files that scikit-learn does not provide."""

    data: Path
    adbench47: Path | None


@dataclass(frozen=True)
class Table:
    """A file, its label and description, and `make`, which writes it and returns its numbers of rows and columns."""

    file: str
    label: str
    what: str
    make: Callable[[Path, Sources], tuple[int, int]]


@dataclass(frozen=True)
class Round:
    """A shell command and its output."""

    words: list[str]
    exit_code: int
    said: str


@dataclass(frozen=True)
class Outcome:
    """The outcome for one table. auroc, control: of the finished run, if any."""

    table: Table
    shape: tuple[int, int]
    rounds: list[Round]
    auroc: float | None = None
    control: tuple[str, float] | None = None

    @property
    def is_result(self) -> bool:
        return self.auroc is not None

    @property
    def answers(self) -> str:
        """The number of rounds of answers, as text."""
        n = len(self.rounds) - 1
        return f"{n} round of answers" if n == 1 else f"{n} rounds of answers"

    @property
    def remark(self) -> str:
        """A remark for the reader."""
        if self.auroc is None:
            return f"no result after {self.answers}" if self.rounds[-1].exit_code == 2 else "failed"
        assert self.control is not None
        return "below its control" if self.auroc < self.control[1] else ""


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="The first command on ten public tables.")
    parser.add_argument("--data", type=Path, default=data_folder(), help="the bundled datasets")
    parser.add_argument("--folder", type=Path, help="ADBench's tables, as .npz; without it, that one is left out")
    parser.add_argument("--only", nargs="*", help="names of files")
    parser.add_argument("--output", type=Path, default=DOCUMENT)
    options = parser.parse_args(arguments)
    sources = Sources(options.data.absolute(), options.folder and options.folder.absolute())
    wanted = [table for table in TABLES if not options.only or table.file in options.only]
    outcomes = [outcome for table in wanted if (outcome := tried(table, sources))]
    options.output.write_text(document(outcomes), encoding="utf-8")
    raise SystemExit(not all(outcome.is_result for outcome in outcomes))


def tried(table: Table, sources: Sources) -> Outcome | None:
    """Run the command and answer its questions in a separate folder; None if the file is missing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            shape = table.make(folder / table.file, sources)
        except FileNotFoundError as error:
            print(f"{table.file}: left out, since there is no {error.filename}", file=sys.stderr)
            return None
        named = [shlex.quote(word) for word in (f"data.path={table.file}", f"data.label={table.label}")]
        words = ["adbench", "train", "model=vae", "data=table", *named]
        rounds = [run(words, folder)]
        while rounds[-1].exit_code == 2 and len(rounds) <= ROUNDS and (answers := first_overrides(rounds[-1], words)):
            keys = [answer.partition("=")[0] for answer in answers]
            words = [word for word in words if word.partition("=")[0] not in keys] + answers
            rounds.append(run(words, folder))
        auroc, control = None, None
        for found in map(read_run, find_runs(folder / "runs")):
            if found.status == DONE:
                auroc, control = found.metrics["roc_auc"], best_control(found.metrics)
    outcome = Outcome(table, shape, rounds, auroc, control)
    print(f"{table.file}: {outcome.answers}, AUROC {_number(auroc)} {outcome.remark}", file=sys.stderr)
    return outcome


def run(words: list[str], folder: Path) -> Round:
    """Run a command in this folder."""
    environment = os.environ | {
        "PATH": f"{ADBENCH.parent}{os.pathsep}{os.environ['PATH']}",
        "ADBENCH_CACHE": str(folder / "cache"),
    }
    done = subprocess.run(
        ["sh", "-c", " ".join(words)],
        cwd=folder, env=environment, text=True, timeout=SECONDS, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return Round(words, done.returncode, done.stdout.strip("\n"))


def first_overrides(asked: Round, typed: list[str]) -> list[str]:
    """The first new override advised by each sentence of a refusal."""
    found = []
    for sentence in asked.said.splitlines():
        if sentence.startswith("adbench: expected"):
            _, _, advice = sentence.partition("; ")
            advised = (text.rstrip(".") for text in _OVERRIDE.findall(advice))
            found += [text for text in advised if text not in typed][:1]
    return found


def best_control(metrics: dict[str, float]) -> tuple[str, float]:
    """The best control without training, and its AUROC."""
    suffix = "/roc_auc"
    found = {
        name.removeprefix("control/").removesuffix(suffix): value
        for name, value in metrics.items()
        if name.startswith("control/") and name.endswith(suffix)
    }
    rivals = {name: value for name, value in found.items() if name not in (ORACLE, UNTRAINED)}
    best = max(rivals, key=rivals.__getitem__)
    return best, rivals[best]


def document(outcomes: list[Outcome]) -> str:
    """The page in Markdown."""
    n_asked = sum(len(outcome.rounds) > 1 for outcome in outcomes)
    n_below = sum(outcome.remark == "below its control" for outcome in outcomes)
    n_open = sum(not outcome.is_result for outcome in outcomes)
    parts = [
        "# Everyone's tables",
        "What the first command says of public tables, as people have them, with nothing said but the file and its"
        f" label. Where it asks, the first override of each sentence is pasted, in {ROUNDS} rounds at most. Made by"
        " `make tables`.",
        f"{len(outcomes)} tables: {n_asked} asked, {n_open} without a result, {n_below} below the best of their own"
        " controls, which is picked by the test labels, in its favour.",
        _overview(outcomes),
        *(_transcript(outcome) for outcome in outcomes),
    ]
    return "\n\n".join(parts) + "\n"


def _overview(outcomes: list[Outcome]) -> str:
    lines = ["| file | rows x columns | rounds of answers | AUROC | best control | |", "|:--|--:|--:|--:|:--|:--|"]
    for outcome in outcomes:
        name, value = outcome.control or ("", None)
        control = f"{TITLES.get(name, name).replace('|', chr(92) + '|')} {_number(value)}" if name else ""
        rows, columns = outcome.shape
        lines.append(
            f"| `{outcome.table.file}` | {rows:,} x {columns:,} | {len(outcome.rounds) - 1} |"
            f" {_number(outcome.auroc)} | {control} | {outcome.remark} |"
        )
    return "\n".join(lines)


def _transcript(outcome: Outcome) -> str:
    lines = [f"## {outcome.table.file}", "", f"{outcome.table.what}.", "", "```console"]
    for one in outcome.rounds:
        lines += [f"$ {' '.join(one.words)}", *(line.rstrip() for line in one.said.splitlines())]
    return "\n".join([*lines, "```"])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _of_sklearn(
    load: Callable[..., object], name: str, label: Callable[[int], object]
) -> Callable[..., tuple[int, int]]:
    def make(path: Path, _: Sources) -> tuple[int, int]:
        bunch = load(as_frame=True)
        frame = bunch.frame.rename(columns={"target": name})  # type: ignore[attr-defined]
        frame[name] = frame[name].map(label)
        frame.to_csv(path, index=False)
        return frame.shape

    return make


def _bundled(*where: str) -> Callable[[Path, Sources], tuple[int, int]]:
    def make(path: Path, sources: Sources) -> tuple[int, int]:
        path.write_bytes(_unpacked(sources, *where))
        return pd.read_csv(path).shape

    return make


def _nslkdd(path: Path, sources: Sources) -> tuple[int, int]:
    """Write NSL-KDD with the header of its common copies."""
    header = ",".join([*COLUMNS, "class", "difficulty"])
    path.write_bytes(header.encode() + b"\n" + _unpacked(sources, "nslkdd", "KDDTest+.txt.gz"))
    return pd.read_csv(path).shape


def _thyroid(path: Path, sources: Sources) -> tuple[int, int]:
    """Write thyroid with a header and two classes, as in most copies: "-" means no diagnosis."""
    lines = _unpacked(sources, "thyroid", "thyroid0387.data.gz").decode().split()
    fields = [line.split(",") for line in lines]
    rows = [[*row[:-1], "negative" if row[-1].startswith("-") else "sick"] for row in fields]
    frame = pd.DataFrame(rows, columns=THYROID)
    frame.to_csv(path, index=False)
    return frame.shape


def _cardio(path: Path, sources: Sources) -> tuple[int, int]:
    if sources.adbench47 is None:
        raise FileNotFoundError(2, "no --folder", path.name)
    shutil.copy(sources.adbench47 / path.name, path)
    rows, columns = np.load(path)["X"].shape
    return rows, columns + 1


def _unpacked(sources: Sources, *where: str) -> bytes:
    with gzip.open(sources.data.joinpath(*where)) as file:
        return file.read()


TABLES = (
    Table(
        "breast_cancer.csv", "diagnosis", "Breast cancer (Wisconsin), from scikit-learn; malignant is the anomaly",
        _of_sklearn(datasets.load_breast_cancer, "diagnosis", ("malignant", "benign").__getitem__),
    ),
    Table(
        "wine.csv", "anomaly", "Wine, from scikit-learn; the third cultivar is the anomaly",
        _of_sklearn(datasets.load_wine, "anomaly", lambda target: int(target == 2)),
    ),
    Table(
        "digits.csv", "is_four", "Handwritten digits, from scikit-learn; the fours are the anomalies",
        _of_sklearn(datasets.load_digits, "is_four", lambda target: target == 4),
    ),
    Table(
        "iris.csv", "outlier", "Iris, from scikit-learn; virginica is the anomaly",
        _of_sklearn(datasets.load_iris, "outlier", lambda target: "yes" if target == 2 else "no"),
    ),
    Table("KDDTest+.csv", "class", "The test file of NSL-KDD with a header, every kind of attack by its name", _nslkdd),
    Table(
        "UNSW_NB15_training-set.csv", "label", "UNSW-NB15 as its authors hand it out",
        _bundled("unswnb15", "UNSW_NB15_training-set.csv.gz"),
    ),
    Table("ai4i2020.csv", "Machine failure", "Predictive maintenance (AI4I 2020)", _bundled("ai4i", "ai4i2020.csv.gz")),
    Table("thyroid.csv", "Class", "Thyroid disease (Garvan Institute), with a header and two classes", _thyroid),
    Table(
        "Shill_Bidding_Dataset.csv", "Class", "Shill bidding in online auctions",
        _bundled("shill", "Shill_Bidding_Dataset.csv.gz"),
    ),
    Table("6_cardio.npz", "y", "Cardiotocograms, from ADBench's collection", _cardio),
)  # fmt: skip


if __name__ == "__main__":
    main()
