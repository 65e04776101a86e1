"""Tests of the gate: the baseline file and the command line, on run folders in the real format."""

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from adbench.cli.main import app
from adbench.config.benchmarks import overrides_of
from adbench.config.compose import compose
from adbench.config.identity import flat_config, run_name
from adbench.config.overrides import expand
from adbench.errors import AdbenchError
from adbench.gate.baseline import read_baseline
from adbench.gate.check import DEFAULT_SEEDS, QUALITY, TIMES, Limits, compare
from adbench.gate.configurations import configurations_of
from adbench.gate.verdict import FAILED, INCONCLUSIVE, MISSING, PASS, REGRESSION
from adbench.results import provenance as environment
from adbench.results.record import ALWAYS_MEASURED, Run
from adbench.sweeps.jobs import make_jobs

DIGEST, OTHER_DIGEST = "a" * 64, "b" * 64


Write = Callable[..., Path]


@pytest.fixture(scope="module")
def composed() -> Callable[..., dict[str, Any]]:
    cache: dict[tuple[str, ...], dict[str, Any]] = {}

    def get(*overrides: str) -> dict[str, Any]:
        if overrides not in cache:
            cache[overrides] = compose(list(overrides))
        return copy.deepcopy(cache[overrides])

    return get


@pytest.fixture
def write(composed: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the folder of a finished or failed run, like a run does."""
    monkeypatch.setattr(environment, "cpu", lambda: "A processor x 2")

    def run(
        runs: Path,
        *overrides: str,
        seed: int,
        error: str = "",
        digest: str = DIGEST,
        more: Any = None,
        **metrics: float,
    ) -> Path:
        config = composed(*overrides) | {"seed": seed}
        folder = runs / run_name(config)
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
        made_with = environment.describe(config, {"KDDTrain+.txt": digest}) | (more or {})
        (folder / "environment.json").write_text(json.dumps(made_with))
        if error:
            (folder / "error.txt").write_text(f"Traceback\nValueError: {error}\n")
        else:
            values = dict.fromkeys(ALWAYS_MEASURED, 0.5) | {"fit_seconds": 2.0, "score_seconds": 1.0} | metrics
            (folder / "metrics.json").write_text(json.dumps(values))
        return folder

    return run


def noisy(seed: int, drop: float = 0.0, wobble: int = 0) -> dict[str, float]:
    """Metrics of one seed. wobble: changes the noise, not the effect."""
    rng, again = np.random.default_rng(seed), np.random.default_rng([seed, wobble])
    values = 0.9 + rng.normal(0, 0.01, len(QUALITY)) + (again.normal(0, 0.0005, len(QUALITY)) if wobble else 0.0) - drop
    return dict(zip(QUALITY, map(float, values), strict=True))


@pytest.fixture
def runs(write: Write, tmp_path: Path) -> Path:
    """Five seeds of two models."""
    for model in ("model=ae", "model=pca"):
        for seed in range(5):
            write(tmp_path / "runs", model, seed=seed, **noisy(seed))
    return tmp_path / "runs"


@pytest.fixture
def baseline(runs: Path, tmp_path: Path) -> Path:
    path = tmp_path / "benchmarks" / "small.json"
    result = invoke("--baseline", str(path), "--update", str(runs))
    assert result.exit_code == 0, result.stderr
    return path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", *arguments])


def checked(baseline: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    result = invoke("--baseline", str(baseline), *arguments, "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == document.get("exit_code", 2)
    return result.exit_code, document


def verdicts(document: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(v["model"], v["metric"]): v["verdict"] for v in document["verdicts"]}


def test_the_same_runs_pass_as_identical(baseline: Path, runs: Path) -> None:
    code, document = checked(baseline, str(runs))
    assert code == 0
    assert len(document["verdicts"]) == 2 * (len(QUALITY) + len(TIMES))
    assert {v["reason"] for v in document["verdicts"]} == {"identical"}
    assert document["notes"] == []


def test_a_drop_of_one_model_is_a_regression_and_the_other_passes(baseline: Path, write: Write, tmp_path: Path) -> None:
    for seed in range(5):
        write(tmp_path / "new", "model=ae", seed=seed, **noisy(seed, drop=0.03, wobble=1))
        write(tmp_path / "new", "model=pca", seed=seed, **noisy(seed, wobble=2))
    code, document = checked(baseline, str(tmp_path / "new"))
    assert code == 1
    found = verdicts(document)
    assert {found["ae", metric] for metric in QUALITY} == {REGRESSION}
    assert {found["pca", metric] for metric in QUALITY} == {PASS}
    (auroc,) = [v for v in document["verdicts"] if (v["model"], v["metric"]) == ("ae", "roc_auc")]
    assert auroc["change"] == pytest.approx(-0.03, abs=0.002)
    assert auroc["low"] < auroc["change"] < auroc["high"] < 0
    assert 0 < auroc["smallest_effect"] < 0.01


def test_noise_is_inconclusive_and_says_how_many_seeds_would_tell(baseline: Path, write: Write, tmp_path: Path) -> None:
    for seed in range(5):
        for model in ("model=ae", "model=pca"):
            write(tmp_path / "new", model, seed=seed, **noisy(seed + 100))
    code, document = checked(baseline, str(tmp_path / "new"))
    assert code == 3
    undecided = [v for v in document["verdicts"] if v["verdict"] == INCONCLUSIVE]
    assert undecided
    assert all(v["seeds_to_settle"] > 5 for v in undecided)
    text = invoke("--baseline", str(baseline), str(tmp_path / "new")).stdout
    assert "seeds would tell" in text
    assert text.splitlines()[-1].startswith("inconclusive: ")


def test_a_rise_of_false_alarms_is_a_regression(baseline: Path, write: Write, tmp_path: Path) -> None:
    for seed in range(5):
        for model in ("model=ae", "model=pca"):
            write(tmp_path / "new", model, seed=seed, **noisy(seed), test_fpr=0.6)
    code, document = checked(baseline, str(tmp_path / "new"), "--metric", "test_fpr")
    assert code == 1
    assert set(verdicts(document).values()) == {REGRESSION}
    better = invoke("--baseline", str(baseline), "--update", str(tmp_path / "new"))
    assert better.exit_code == 0


def test_a_changed_default_is_paired_and_named(baseline: Path, write: Write, tmp_path: Path) -> None:
    for seed in range(5):
        write(tmp_path / "new", "model=ae", "model.latent_size=3", seed=seed, **noisy(seed, drop=0.03))
        write(tmp_path / "new", "model=pca", seed=seed, **noisy(seed))
    code, document = checked(baseline, str(tmp_path / "new"))
    assert code == 1
    assert verdicts(document)["ae", "roc_auc"] == REGRESSION
    assert document["notes"] == ["ae on nslkdd: the configuration changed: model.latent_size 16 -> 3"]


def test_runs_from_before_a_key_that_says_nothing_are_the_same(baseline: Path, runs: Path) -> None:
    for file in runs.glob("*/config.yaml"):
        config = yaml.safe_load(file.read_text())
        assert (config.pop("init_seed"), config.pop("order_seed")) == (None, None)
        file.write_text(yaml.safe_dump(config))
    code, document = checked(baseline, str(runs))
    assert (code, document["notes"]) == (0, [])


def test_configurations_are_told_apart_by_what_varies(write: Write, tmp_path: Path) -> None:
    for seed in range(4):
        for size in (2, 4):
            override = f"model.latent_size={size}"
            write(tmp_path / "old", "model=ae", override, seed=seed, **noisy(seed, drop=0.1 * size))
            write(
                tmp_path / "new",
                "model=ae",
                override,
                "model.learning_rate=0.01",
                seed=seed,
                **noisy(seed, drop=0.1 * size),
            )
    path = tmp_path / "two.json"
    assert invoke("--baseline", str(path), "--update", str(tmp_path / "old")).exit_code == 0
    code, document = checked(path, str(tmp_path / "new"))
    assert code == 0
    assert {v["settings"] for v in document["verdicts"]} == {"model.latent_size=2", "model.latent_size=4"}
    assert {v["reason"] for v in document["verdicts"]} == {"identical"}
    assert all("model.learning_rate 0.001 -> 0.01" in note for note in document["notes"])
    # Without the run of its latent size, a configuration is missing, whatever else exists.
    for folder in (tmp_path / "new").iterdir():
        if "latent_size: 4" in (folder / "config.yaml").read_text():
            shutil.rmtree(folder)
    code, document = checked(path, str(tmp_path / "new"))
    assert code == 3
    missing = [v["settings"] for v in document["verdicts"] if v["verdict"] == MISSING]
    assert missing == ["model.latent_size=4"]


def test_two_candidates_are_not_guessed_between(baseline: Path, write: Write, tmp_path: Path) -> None:
    for seed in range(3):
        for size in (2, 4):
            write(tmp_path / "new", "model=ae", f"model.latent_size={size}", seed=seed, **noisy(seed))
    code, document = checked(baseline, str(tmp_path / "new"))
    assert code == 3
    (ae,) = [v for v in document["verdicts"] if v["model"] == "ae"]
    assert ae["verdict"] == MISSING
    assert "2 configurations of the runs fit, which differ in model.latent_size" in ae["reason"]


def test_failed_and_missing_runs(baseline: Path, write: Write, runs: Path, tmp_path: Path) -> None:
    ((failed, *_),) = [sorted(runs.glob("*-ae-s0-*"))]
    (failed / "metrics.json").unlink()
    (failed / "error.txt").write_text("Traceback\nValueError: \x1b[31mno\n")
    for folder in runs.glob("*-pca-*"):
        shutil.rmtree(folder)
    code, document = checked(baseline, str(runs))
    assert code == 1
    found = verdicts(document)
    assert found["ae", "runs"] == FAILED
    assert found["ae", "roc_auc"] == PASS
    assert found["pca", "runs"] == MISSING
    assert [v["n_baseline"] for v in document["verdicts"] if (v["model"], v["metric"]) == ("ae", "roc_auc")] == [4]
    for arguments in ([], ["--format", "markdown"], ["--format", "junit"]):
        assert "\x1b" not in invoke("--baseline", str(baseline), str(runs), *arguments).stdout
    # Repeated elsewhere, the seed no longer counts as failed.
    write(tmp_path / "again", "model=ae", seed=0, **noisy(0))
    assert checked(baseline, str(runs), str(tmp_path / "again"))[0] == 3


def test_only_failed_runs(baseline: Path, write: Write, tmp_path: Path) -> None:
    for seed in range(3):
        write(tmp_path / "new", "model=ae", seed=seed, error="diverged")
    code, document = checked(baseline, str(tmp_path / "new"))
    assert code == 1
    assert [(v["model"], v["metric"], v["verdict"], v["reason"]) for v in document["verdicts"]][1:] == [
        ("ae", "runs", MISSING, "no finished run of seed 3, 4, of which the baseline has one"),
        ("pca", "runs", MISSING, "no such run"),
    ]
    assert verdicts({"verdicts": document["verdicts"][:1]}) == {("ae", "runs"): FAILED}
    result = invoke("--baseline", str(tmp_path / "none.json"), "--update", str(tmp_path / "new"))
    assert result.exit_code == 2
    assert "3 finished seeds" in result.stderr
    assert "3 failed, as " in result.stderr
    assert not (tmp_path / "none.json").exists()


def test_a_seed_that_was_not_run_is_missing_and_in_no_mean(baseline: Path, runs: Path) -> None:
    for seed in (0, 2):
        shutil.rmtree(next(runs.glob(f"*-pca-s{seed}-*")))
    code, document = checked(baseline, str(runs))
    assert code == 3
    missing = [v for v in document["verdicts"] if v["verdict"] == MISSING]
    assert [(v["model"], v["metric"], v["reason"]) for v in missing] == [
        ("pca", "runs", "no finished run of seed 0, 2, of which the baseline has one")
    ]
    compared = [v for v in document["verdicts"] if v["model"] == "pca" and v["metric"] != "runs"]
    assert {(v["verdict"], v["n_baseline"], v["n_current"]) for v in compared} == {(PASS, 3, 3)}
    assert all(v["baseline"] == v["current"] for v in compared)


def test_a_seed_without_a_metric_is_missing_in_it(write: Write, tmp_path: Path) -> None:
    for seed in range(4):
        recall = {"family/dos/recall": 0.1 * seed}
        write(tmp_path / "old", "model=pca", seed=seed, **recall)
        write(tmp_path / "new", "model=pca", seed=seed, **(recall if seed != 1 else {}))
    path, metric = tmp_path / "base.json", ["--metric", "family/dos/recall"]
    assert invoke("--baseline", str(path), "--update", *metric, str(tmp_path / "old")).exit_code == 0
    code, document = checked(path, *metric, str(tmp_path / "new"))
    found = [(v["verdict"], v["n_baseline"], v["n_current"], v["reason"]) for v in document["verdicts"]]
    assert (code, found) == (3, [(PASS, 3, 3, "identical"), (MISSING, 0, 0, "the run of seed 1 does not have it")])


SEEDS = range(4)
STATES = st.sampled_from(["done", "failed", "absent", "without it"])


@given(st.dictionaries(st.sampled_from(SEEDS), STATES), st.integers(0, 3), st.booleans())
@settings(max_examples=200)
def test_no_mean_is_over_other_seeds_and_nothing_passes_that_was_not_run(
    state: dict[int, str], first: int, moved: bool
) -> None:
    """A baseline of four seeds, some of them repeated, possibly with others, possibly with the file elsewhere."""
    before = [_a_run(seed, "done", "rows.csv") for seed in SEEDS]
    path = "elsewhere/rows.csv" if moved else "rows.csv"
    after = [_a_run(seed, how, path) for seed, how in state.items() if how != "absent"]
    after += [_a_run(4 + i, "done", "rows.csv") for i in range(first)]
    report = compare(configurations_of(before), configurations_of(after), ["roc_auc"], Limits())
    done = {seed for seed, how in state.items() if how == "done"}
    failed = {seed for seed, how in state.items() if how == "failed"}
    compared = [v for v in report.verdicts if v.change is not None]
    for verdict in compared:
        assert verdict.case.baseline.keys() == verdict.case.current.keys() == done
        assert verdict.baseline_mean == verdict.current_mean
    assert len(compared) == bool(done)
    not_run = set(SEEDS) - done - failed - {seed for seed, how in state.items() if how == "without it"}
    assert report.exit_code == (1 if failed else 0 if done == set(SEEDS) and len(done) > 1 else 3)
    said = " ".join(v.reason for v in report.verdicts if v.verdict == MISSING)
    assert not not_run or all(str(seed) in said for seed in not_run) or said == "no such run"


def _a_run(seed: int, how: str, path: str) -> Run:
    config = {"choices": {"data": "table", "model": "knn"}, "data": {"path": path}, "seed": seed}
    metrics = {"done": {"roc_auc": 0.8 + seed / 100, "f1": 0.5}, "without it": {"f1": 0.5}}.get(how, {})
    status = "done" if metrics else "failed"
    return Run(Path(f"table-knn-s{seed}"), status, config, metrics, {"data_sha256": {path: DIGEST}})


def test_a_damaged_folder_among_others_is_a_failure(baseline: Path, runs: Path) -> None:
    damaged = min(runs.iterdir())
    (damaged / "config.yaml").write_text("[")
    code, document = checked(baseline, str(runs))
    assert code == 1
    assert ("?", "runs") in verdicts(document)


def test_a_metric_that_the_runs_lost_is_missing(baseline: Path, write: Write, tmp_path: Path) -> None:
    for seed in range(5):
        for model in ("model=ae", "model=pca"):
            folder = write(tmp_path / "old", model, seed=seed, **noisy(seed), **{"family/dos/recall": 0.5})
            shutil.copytree(folder, tmp_path / "new" / folder.name)
            metrics = json.loads((folder / "metrics.json").read_text())
            del metrics["family/dos/recall"]
            (tmp_path / "new" / folder.name / "metrics.json").write_text(json.dumps(metrics))
    metric = ["--metric", "family/dos/recall"]
    result = invoke("--baseline", str(baseline), str(tmp_path / "old"), *metric)
    assert (result.exit_code, "--update --metric" in result.stderr) == (2, True)
    assert invoke("--baseline", str(baseline), "--update", *metric, str(tmp_path / "old")).exit_code == 0
    assert checked(baseline, str(tmp_path / "old"), *metric)[0] == 0
    code, document = checked(baseline, str(tmp_path / "new"), *metric)
    assert code == 3
    assert set(verdicts(document).values()) == {MISSING}


def test_other_data_is_refused_with_both_fingerprints(baseline: Path, write: Write, tmp_path: Path) -> None:
    for seed in range(3):
        write(tmp_path / "new", "model=ae", seed=seed, digest=OTHER_DIGEST, **noisy(seed))
    result = invoke("--baseline", str(baseline), str(tmp_path / "new"))
    assert result.exit_code == 2
    assert DIGEST[:12] in result.stderr
    assert OTHER_DIGEST[:12] in result.stderr
    write(tmp_path / "new", "model=ae", seed=7, **noisy(7))
    result = invoke("--baseline", str(tmp_path / "x.json"), "--update", str(tmp_path / "new"))
    assert (result.exit_code, "one version of nslkdd" in result.stderr) == (2, True)


def test_speed_counts_when_asked_and_on_the_same_machine(baseline: Path, write: Write, tmp_path: Path) -> None:
    for seed in range(5):
        for model in ("model=ae", "model=pca"):
            write(tmp_path / "slow", model, seed=seed, **noisy(seed), fit_seconds=4.0 + 0.01 * seed)
            other = {"cpu": "Another x 64"}
            write(tmp_path / "other", model, seed=seed, more=other, **noisy(seed), fit_seconds=4.0)
    code, document = checked(baseline, str(tmp_path / "slow"))
    assert (code, verdicts(document)["ae", "fit_seconds"]) == (0, REGRESSION)
    assert not any(v["counts"] for v in document["verdicts"] if v["kind"] == "speed")
    assert checked(baseline, str(tmp_path / "slow"), "--gate-speed")[0] == 1
    code, document = checked(baseline, str(tmp_path / "other"), "--gate-speed")
    assert (code, verdicts(document)["ae", "fit_seconds"]) == (3, INCONCLUSIVE)
    assert "cpu was A processor x 2, is Another x 64" in document["notes"]


def test_wrong_requests_are_one_sentence(baseline: Path, runs: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for words, arguments in {
        "did you mean roc_auc": ["--metric", "roc_au", str(runs)],
        "better one way, got threshold; there is average_precision": ["--metric", "threshold", str(runs)],
        "at least one run in": [str(empty)],
        "alpha between": ["--alpha", "2", str(runs)],
        "tolerance of 0": ["--tolerance", "nan", str(runs)],
    }.items():
        result = invoke("--baseline", str(baseline), *arguments)
        assert result.exit_code == 2
        assert words in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert "--update" in invoke("--baseline", str(tmp_path / "none.json"), str(runs)).stderr
    assert invoke(str(runs)).exit_code == 2
    result = invoke("--baseline", str(runs / ("x" * 300)), "--update", str(runs))
    assert result.exit_code == 2


def test_fewer_than_three_seeds_are_refused_and_fewer_than_five_warned_of(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    for seed in range(4):
        write(tmp_path / "new", "model=ae", seed=seed, **noisy(seed))
        result = invoke("--baseline", str(path), "--update", str(tmp_path / "new"))
        assert result.exit_code == (2 if seed < 2 else 0)
        assert ("fewer than 5" in result.stderr) == (seed >= 2)
        assert path.exists() == (seed >= 2)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_the_baseline_depends_on_the_runs_alone(baseline: Path, runs: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    for i, folder in enumerate(sorted(runs.iterdir(), reverse=True)):
        shutil.copytree(folder, moved / f"{i}")
    again = tmp_path / "again.json"
    assert invoke("--baseline", str(again), "--update", str(moved)).exit_code == 0
    assert again.read_text() == baseline.read_text()
    document = json.loads(baseline.read_text())
    ae = document["configurations"][0]
    assert (ae["data"], ae["model"], ae["config"]["model.latent_size"]) == ("nslkdd", "ae", 16)
    assert "seed" not in ae["config"]
    assert ae["data_sha256"] == {"KDDTrain+.txt": DIGEST}
    assert ae["environment"]["cpu"] == "A processor x 2"
    assert ae["metrics"]["roc_auc"] == {str(seed): noisy(seed)["roc_auc"] for seed in range(5)}


def damaged(change: Callable[[dict[str, Any]], Any]) -> Callable[[str], str]:
    def apply(text: str) -> str:
        document = json.loads(text)
        change(document)
        return json.dumps(document)

    return apply


def metrics_of(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["configurations"][0]["metrics"]
    return found


DAMAGES: dict[str, Callable[[str], str]] = {
    "truncated": lambda text: text[:-100],
    "empty": lambda text: "",
    "a list": lambda text: "[]",
    "deep": lambda text: "[" * 100_000,
    "NaN": lambda text: text.replace("0.5", "NaN"),
    "endless digits": lambda text: text.replace("0.5", "1" * 5000),
    "huge": lambda text: text.replace("0.5", "1e200"),
    "a huge integer": lambda text: text.replace("0.5", "1" + "0" * 400),
    "version": damaged(lambda d: d.update(version=2)),
    "version true": damaged(lambda d: d.update(version=True)),
    "format": damaged(lambda d: d.update(format="x")),
    "no configurations": damaged(lambda d: d.update(configurations=[])),
    "one twice": damaged(lambda d: d["configurations"].append(d["configurations"][0])),
    "configurations": damaged(lambda d: d.update(configurations=[1])),
    "model": damaged(lambda d: d["configurations"][0].update(model="../x")),
    "config": damaged(lambda d: d["configurations"][0].update(config=[])),
    "sha256": damaged(lambda d: d["configurations"][0].update(data_sha256={"x": "y"})),
    "environment": damaged(lambda d: d["configurations"][0].update(environment={"cpu": 1})),
    "metrics": damaged(lambda d: d["configurations"][0].pop("metrics")),
    "no metrics": damaged(lambda d: metrics_of(d).clear()),
    "seed": damaged(lambda d: metrics_of(d)["roc_auc"].update(x=1.0)),
    "value": damaged(lambda d: metrics_of(d)["roc_auc"].update({"0": True})),
    "text": damaged(lambda d: metrics_of(d)["roc_auc"].update({"0": "1"})),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_baseline_that_is_none_is_refused(damage: str, baseline: Path, runs: Path) -> None:
    text = baseline.read_text()
    changed = DAMAGES[damage](text)
    assert changed != text
    baseline.write_text(changed)
    result = invoke("--baseline", str(baseline), str(runs))
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("adbench: expected a baseline in ")
    assert len(result.stderr) < 500 + len(str(baseline))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=200)
@given(key=st.sampled_from(["data", "model", "config", "data_sha256", "environment", "metrics"]), value=JSON)
def test_any_value_in_a_baseline_is_read_or_refused(
    key: str, value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    good = {"data": "d", "model": "m", "config": {}, "data_sha256": {}, "environment": {}, "metrics": {"x": {"0": 1.0}}}
    path = tmp_path_factory.mktemp("any") / "b.json"
    path.write_text(json.dumps({"format": "adbench baseline", "version": 1, "configurations": [good | {key: value}]}))
    try:
        found = read_baseline(path)
    except AdbenchError:
        return
    assert found.configurations[0].seeds


def test_junit_is_valid_and_tells_failures_from_what_is_skipped(baseline: Path, write: Write, tmp_path: Path) -> None:
    for seed in range(5):
        write(tmp_path / "new", "model=ae", seed=seed, **noisy(seed, drop=0.03, wobble=1))
    result = invoke("--baseline", str(baseline), str(tmp_path / "new"), "--format", "junit")
    assert result.exit_code == 1
    root = ElementTree.fromstring(result.stdout)
    cases = {(c.get("classname"), c.get("name")): c for c in root.iter("testcase")}
    assert cases["nslkdd.ae", "roc_auc"].find("failure") is not None
    assert cases["nslkdd.pca", "runs"].find("skipped") is not None
    assert cases["nslkdd.ae", "fit_seconds"].find("*[@message]") is None
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == (str(len(cases)), "3", "1")


HOSTILE = "<script>alert(1)</script> [red]x[/red] | @all `\x00\x1b"


def test_markup_of_strangers_is_shown_not_obeyed(baseline: Path, write: Write, tmp_path: Path) -> None:
    for seed in range(3):
        folder = write(tmp_path / "new", "model=ae", seed=seed, more={"git_commit": HOSTILE}, **noisy(seed))
        config = yaml.safe_load((folder / "config.yaml").read_text())
        config["model"]["error_scale"] = HOSTILE
        (folder / "config.yaml").write_text(yaml.safe_dump(config, allow_unicode=False))
    write(tmp_path / "new", "model=pca", seed=0, error=HOSTILE)
    arguments = ["--baseline", str(baseline), str(tmp_path / "new")]
    markdown = invoke(*arguments, "--format", "markdown").stdout
    assert "<script>" not in markdown
    assert "@all" not in markdown
    assert "&lt;script&gt;" in markdown
    widths = {line.replace("\\|", "").count("|") for line in markdown.splitlines() if line.startswith("|")}
    assert len(widths) == 1
    ElementTree.fromstring(invoke(*arguments, "--format", "junit").stdout)
    table = invoke(*arguments).stdout
    assert "[red]x[/red]" in table
    assert not {"\x00", "\x1b"} & {*markdown, *table}


def test_markdown_says_the_verdict_first_and_folds_what_passes(baseline: Path, runs: Path) -> None:
    result = invoke("--baseline", str(baseline), str(runs), "--format", "markdown")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("✅ **adbench check: pass: no detector has become worse")
    assert lines[2] == "<details>"
    assert result.stdout.count("<details>") == result.stdout.count("</details>")


def test_the_table_says_what_could_have_been_seen(baseline: Path, write: Write, tmp_path: Path) -> None:
    for seed in range(5):
        for model in ("model=ae", "model=pca"):
            write(tmp_path / "new", model, seed=seed, **noisy(seed, wobble=3))
    result = invoke("--baseline", str(baseline), str(tmp_path / "new"))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[-1].startswith("pass: no detector has become worse (6 pass)")
    (auroc,) = [line for line in lines if " ae " in line and "roc_auc" in line]
    assert "5 pairs" in auroc
    assert "-0.00" in auroc.split("5 pairs")[1]
    assert "no drop beyond the tolerance" in auroc


def test_help_explains_and_checking_needs_no_torch(baseline: Path, runs: Path) -> None:
    shown = invoke("--help")
    assert shown.exit_code == 0
    for words in ("3 inconclusive", "Times are comparable on one machine only", "--gate-speed"):
        assert words in " ".join(shown.stdout.split())
    script = (
        "import sys\nfrom adbench.cli.main import app\n"
        f"try: app(['check', *{['--baseline', str(baseline), str(runs)]!r}])\n"
        "except SystemExit as end: print(end.code, *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    code, *modules = done.stderr.split()
    assert code == "0"
    assert not {"torch", "pytorch_lightning", "pandas", "matplotlib"} & set(modules)


def test_the_projects_own_baseline_is_of_the_benchmark_that_is_shipped_and_of_todays_defaults() -> None:
    found = read_baseline(Path(__file__).parents[2] / "baselines" / "nslkdd.json").configurations
    shipped: dict[str, dict[int, Any]] = {}
    for job in make_jobs(expand(overrides_of("benchmark=regression"))):
        shipped.setdefault(job.config["choices"]["model"], {})[job.config["seed"]] = flat_config(job.config)
    assert {c.model: list(shipped.get(c.model, {})) for c in found} == {m: list(range(DEFAULT_SEEDS)) for m in shipped}
    for configuration in found:
        assert configuration.seeds == list(range(DEFAULT_SEEDS))
        assert configuration.config == shipped[configuration.model][0], "make baseline writes it anew"
        assert configuration.config["protocol"] == "labelled_validation"  # no choice by a test score


@pytest.mark.parametrize("form", ["table", "json", "junit", "markdown"])
def test_a_regression_is_one_whoever_reads(baseline: Path, write: Write, tmp_path: Path, form: str) -> None:
    for seed in range(10):
        write(tmp_path / "worse", "model=ae", seed=seed, **noisy(seed, drop=0.1))
    code = "from adbench.cli.main import main; main()"
    arguments = ["check", "--baseline", str(baseline), str(tmp_path / "worse"), "--format", form]
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()  # as `| true` does
    assert process.returncode == 1


@pytest.mark.parametrize(("seed", "value"), [(10**30, 0.5), (0, 1e200)])
def test_a_baseline_that_could_not_be_read_back_is_not_written(
    write: Write, tmp_path: Path, seed: int, value: float
) -> None:
    for i in range(3):
        write(tmp_path / "runs", "model=ae", seed=seed + i, roc_auc=value)
    result = invoke("--baseline", str(tmp_path / "new.json"), "--update", str(tmp_path / "runs"))
    assert result.exit_code == 2
    assert "read back" in result.stderr
    assert not (tmp_path / "new.json").exists()
