"""Tests of a run's code: content of the digest, runs told apart by it, and treatment of other code."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import adbench
from adbench.analysis.summary import summarize_runs
from adbench.analysis.tables import groups_sheet
from adbench.config.paths import config_folder
from adbench.errors import ConfigError
from adbench.models.classical.pca import PCA
from adbench.results.code import CodesAtHand, code_at_hand, difference
from adbench.results.record import DONE, ENVIRONMENT, FAILED, METRICS, Run
from adbench.runner.reporter import Reporter
from adbench.runner.run import finished, train

OPTIONS = {"data": "nslkdd", "protocol": "one_class", "preprocess": "log_standard", "threshold": "conformal"}
PCA_RUN, VAE_RUN = ({"choices": OPTIONS | {"model": model}} for model in ("pca", "vae"))
# Edited file, and the runs whose code changes: T (task): all; S (solver): those that use it.
EDITS = {
    "models/classical/pca.py": ("S", ""),
    "models/variational/vae.py": ("", "S"),
    "models/nn/gaussian.py": ("", "S"),
    "models/classical/knn.py": ("", ""),
    "models/base.py": ("T", "T"),
    "preprocess/log_standard.py": ("S", "S"),
    "preprocess/minmax.py": ("", ""),
    "evaluation/evaluate.py": ("T", "T"),
    "evaluation/thresholds/evt.py": ("", ""),
    "protocols/one_class.py": ("T", "T"),
    "protocols/goad.py": ("", ""),
    "data/nslkdd.py": ("T", "T"),
    "data/reading/upstream.py": ("T", "T"),
    "data/unswnb15.py": ("", ""),
    "training/module.py": ("T", "T"),
    "runner/stages.py": ("T", "T"),
    "runner/fused.py": ("T", "T"),
    "arrays/columns.py": ("T", "T"),
    "stats/proportion.py": ("T", "T"),
    "__init__.py": ("", ""),
    "cli/train.py": ("", ""),
    "cli/display/run_panel.py": ("", ""),
    "reporting/build.py": ("", ""),
    "analysis/rows.py": ("", ""),
    "gate/check.py": ("", ""),
    "sweeps/schedule.py": ("", ""),
    "executors/worker.py": ("", ""),
    "results/folder.py": ("", ""),
    "runner/loggers/csv.py": ("", ""),
}
SCRIPT = f"""
import json, sys
from pathlib import Path
from adbench.results.code import code_at_hand
package, edits, runs = Path(sys.argv[1]), {list(EDITS)!r}, {[PCA_RUN, VAE_RUN]!r}
def codes(): return [code_at_hand(run) for run in runs]
found = {{"": codes()}}
for name in edits:
    file = package / name
    was = file.read_text()
    for kind, text in (("said", was + "\\nANOTHER = 1\\n"), ("written", '"Another."\\n' + was + "\\n# more\\n")):
        file.write_text(text)
        found[kind + " " + name] = codes()
    file.write_text(was)
print(json.dumps({{"codes": found, "torch": "torch" in sys.modules}}))
"""


def test_a_run_depends_on_what_decides_its_numbers_wherever_that_lies(tmp_path: Path) -> None:
    package = tmp_path / "elsewhere" / "adbench"
    shutil.copytree(Path(adbench.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(config_folder(), package / "configs", dirs_exist_ok=True)
    command = [sys.executable, "-B", "-c", SCRIPT, str(package)]
    done = subprocess.run(command, cwd=package.parent, capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    assert not document["torch"]
    first = document["codes"].pop("")
    assert first == [code_at_hand(PCA_RUN), code_at_hand(VAE_RUN)]
    for edit, codes in document["codes"].items():
        kind, _, name = edit.partition(" ")
        for was, now, expected in zip(first, codes, EDITS[name], strict=True):
            changed = {part for part in ("task", "solver") if was[part]["sha256"] != now[part]["sha256"]}
            wanted = {"T": {"task"}, "S": {"solver"}, "": set()}[expected if kind == "said" else ""]
            assert changed == wanted, edit


def test_versions_are_those_that_make_numbers() -> None:
    code = code_at_hand(PCA_RUN)
    versions = {name for part in code.values() for name in part["versions"]}
    assert versions == {"numpy", "pyarrow", "pytorch-lightning", "scikit-learn", "scipy", "torch"}
    assert not any("+" in number for part in code.values() for number in part["versions"].values())
    with pytest.raises(ConfigError, match="model=gone"):
        code_at_hand({"choices": OPTIONS | {"model": "gone"}})
    assert CodesAtHand()({"choices": OPTIONS | {"model": "gone"}}) is None


def a_code(task: str = "a", solver: str = "a", **versions: str) -> dict[str, Any]:
    return {"task": {"sha256": task * 64, "versions": versions}, "solver": {"sha256": solver * 64, "versions": {}}}


def a_run(model: str, seed: int, code: Any, value: float = 0.5, status: str = DONE) -> Run:
    environment = {} if code is None else {"code": code}
    metrics = {"roc_auc": value} if status == DONE else {}
    config = {"choices": OPTIONS | {"model": model}, "seed": seed}
    return Run(Path(f"{model}-{seed}-{value}-{status}"), status, config, metrics, environment)


@pytest.mark.parametrize(
    ("recorded", "at_hand", "why"),
    [
        (a_code(), a_code(), ""),
        (a_code("b"), a_code(), "made by other code of data, protocol, training or evaluation"),
        (a_code("a", "b"), a_code(), "made by other code of preprocessing, model or threshold"),
        (
            a_code(torch="1"),
            a_code(torch="2", a="3"),
            "made with other versions: a none, now 3, torch 1, now 2",
        ),
        (None, a_code(), "made before runs recorded their code"),
        ("text", a_code(), "made before runs recorded their code"),
        (a_code(), None, "made by code that is not here"),
        ({"task": "text"}, a_code(), "made by other code of data, protocol, training or evaluation"),
    ],
)
def test_it_is_said_in_what_they_differ(recorded: Any, at_hand: Any, why: str) -> None:
    assert difference(a_run("pca", 0, recorded), at_hand) == why


@pytest.mark.parametrize("by", [("data", "model", "settings"), ("model",), ("seed",), ("data", "model")])
@pytest.mark.parametrize("other", [a_code("b"), a_code("a", "b"), a_code(torch="2"), None, ["a stranger's"]])
def test_no_mean_rank_or_pair_is_over_several_codes(other: Any, by: tuple[str, ...]) -> None:
    runs = [a_run(model, seed, a_code(), 0.5 + seed / 100) for model in ("pca", "knn") for seed in range(3)]
    assert set(summarize_runs(runs, by=by).rows["code"]) == {""}
    runs += [a_run("pca", seed, other, 0.9 + seed / 100) for seed in (3, 4)]
    runs += [a_run("pca", 5, None, status=FAILED), a_run("pca", 6, a_code(), status=FAILED)]
    summary = summarize_runs(runs, by=by)
    for row in summary.groups.to_dict("records"):
        assert not 0.55 < row["roc_auc"] < 0.89
    assert summary.over_tasks.empty
    assert summary.pairs.empty or set(summary.pairs["difference"]) == {0.0}
    assert summary.pairs.empty or set(summary.pairs["n_tasks"]) == {1}
    codes = summary.rows.drop_duplicates("code").set_index("model")["code"]
    assert len(set(summary.rows[summary.rows["model"] == "pca"]["code"]) - {""}) == 2, codes
    assert ("code=older" in set(summary.rows["code"])) == (not isinstance(other, dict))
    assert any(note.startswith("code=") for note in groups_sheet(summary).notes)
    kept = summarize_runs(runs, filters=[f"code={summary.rows[summary.rows['seed'] == 3]['code'].iloc[0]}"])
    assert set(kept.rows["seed"]) == {3, 4}
    assert not kept.rows["code"].any()  # nothing left to distinguish them from


def test_a_protocol_and_a_preprocessing_of_their_own_are_no_other_code() -> None:
    runs = [a_run("pca", 0, a_code()), a_run("pca", 1, a_code("b", "b"))]
    runs[1].config["choices"] = runs[1].config["choices"] | {"protocol": "goad", "preprocess": "minmax"}
    assert not summarize_runs(runs).rows["code"].any()


def test_runs_that_are_not_of_the_code_at_hand_are_counted() -> None:
    runs = [a_run("pca", 0, code_at_hand(PCA_RUN)), a_run("vae", 0, code_at_hand(VAE_RUN))]
    assert not summarize_runs(runs).beware
    older = [a_run("pca", seed, None) for seed in (0, 1)]
    assert (
        "not by the code at hand: 2 finished runs, made before runs recorded their code"
        in groups_sheet(summarize_runs(older)).notes
    )
    code = code_at_hand(PCA_RUN)
    code["task"]["versions"]["numpy"] = "0.1"
    told = "\n".join(summarize_runs([*runs, a_run("pca", 3, code)]).beware)
    assert "1 finished run, made with other versions: numpy 0.1, now " in told


class Hearing(Reporter):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)


@pytest.fixture
def outdated(tiny: list[str]) -> Run:
    """A finished run made by other code."""
    run = train(["model=pca", *tiny])
    return made_by(run, lambda code: code["solver"].update(sha256="0" * 64))


def made_by(run: Run, change: Callable[[dict[str, Any]], Any]) -> Run:
    path = run.folder / ENVIRONMENT
    environment = json.loads(path.read_text())
    change(environment["code"])
    path.write_text(json.dumps(environment))
    return run


def test_a_run_by_other_code_is_run_again_or_handed_back_when_asked(outdated: Run, tiny: list[str]) -> None:
    heard, written = Hearing(), (outdated.folder / METRICS).stat().st_mtime_ns
    kept = train(["model=pca", *tiny], keep_old=True, reporter=heard)
    assert (kept.metrics, (kept.folder / METRICS).stat().st_mtime_ns, heard.notes) == (outdated.metrics, written, [])
    again = train(["model=pca", *tiny], reporter=heard)
    assert again.environment["code"] == code_at_hand(again.config)
    assert (again.folder / METRICS).stat().st_mtime_ns > written
    (note,) = [note for note in heard.notes if "--keep-old" in note]
    assert note == (
        f"{outdated.folder} was made by other code of preprocessing, model or threshold: it is run again; --keep-old"
        " shows it as it is"
    )
    with pytest.raises(ConfigError, match="got both"):
        train(["model=pca", *tiny], keep_old=True, force=True)


def test_it_waits_aside_until_the_new_one_is_done(
    outdated: Run, tiny: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: PCA, x: Any) -> Any:
        raise ZeroDivisionError("oops")

    with monkeypatch.context() as patched:
        patched.setattr(PCA, "learn", broken)
        assert train(["model=pca", *tiny]).status == FAILED
    assert json.loads((outdated.folder / ".previous" / METRICS).read_text()) == outdated.metrics
    with pytest.raises(ConfigError):  # leaves no run behind, and restores nothing that did not exist
        train(["model=pca", *tiny, "seed=-1"])
    assert train(["model=pca", *tiny]).status == DONE
    assert not (outdated.folder / ".previous").exists()
    assert finished(outdated.config | {"runs_dir": str(outdated.folder.parent)}) is not None
