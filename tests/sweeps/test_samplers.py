"""Tests of searches: drawn values compose, and trials are run and reported once, even after kills."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sweep import Fake
from typer.testing import CliRunner

from adbench.cli.display.sweep_progress import Lines
from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.config.overrides import expand
from adbench.errors import AdbenchError, ConfigError, RunFolderError
from adbench.executors.base import LOST
from adbench.results.folder import RunFolder
from adbench.results.record import ALWAYS_MEASURED, CONFIG, ENVIRONMENT, ERROR, HISTORY, STOP
from adbench.runner.job import Job
from adbench.sweeps.best import Best, best_of
from adbench.sweeps.jobs import make_jobs
from adbench.sweeps.objective import Objective
from adbench.sweeps.plan import Plan, Rules, SweepReporter, plan
from adbench.sweeps.samplers.base import Sampler
from adbench.sweeps.samplers.space import Choice, Interval, read_space
from adbench.sweeps.samplers.storage import Storage, suggest
from adbench.sweeps.samplers.tpe import PATIENCE
from adbench.sweeps.schedule import sweep

SEARCHED = ["model=ae", "model.latent_size=int(interval(2,40))", "model.learning_rate=tag(log,interval(1e-4,0.1))"]
VALIDATION = ["protocol=labelled_validation", "objective=validation/roc_auc"]


def quality(job: Job) -> dict[str, float]:
    """Metrics that are best at a latent size of 20, slightly worse with another seed."""
    config = job.config
    value = 1 - abs(config["model"]["latent_size"] - 20) / 40 - config["seed"] / 1000
    return dict.fromkeys(ALWAYS_MEASURED, 0.5) | {"roc_auc": value}


@pytest.fixture
def search(tmp_path: Path) -> Callable[..., Plan]:
    """Plans a search whose jobs end in this process."""

    def make(*overrides: str, end: Callable[[Job], Any] = quality, slots: int = 2) -> Plan:
        planned = plan([*SEARCHED, *VALIDATION, "sampler=tpe", f"runs_dir={tmp_path / 'runs'}", *overrides])
        return replace(planned, executor=Fake(end, slots))

    return make


def run(planned: Plan) -> list[str]:
    return [run.status for run in sweep(planned, Rules(), SweepReporter())]


def database(folder: Path) -> Path:
    (path,) = (folder / "runs" / ".sweeps").glob("*.db")
    return path


@contextmanager
def study_in(path: Path) -> Iterator[optuna.Study]:
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    try:
        yield optuna.load_study(study_name=None, storage=storage)
    finally:
        storage.remove_session()
        storage.engine.dispose()


def trials_in(folder: Path) -> list[optuna.trial.FrozenTrial]:
    with study_in(database(folder)) as study:
        return study.get_trials()


@st.composite
def intervals(draw: st.DrawFn) -> tuple[str, float, float, bool]:
    """Text of an interval, its ends, and whether it is over integers."""
    whole, log = draw(st.booleans()), draw(st.booleans())
    numbers = st.integers(1 if log else 0, 10**6) if whole else st.floats(1e-12 if log else -1e6, 1e6, width=64)
    low, high = sorted(draw(st.lists(numbers, min_size=2, max_size=2, unique=True)))
    text = f"interval({low!r},{high!r})"
    text = f"int({text})" if whole else text
    return (f"tag(log,{text})" if log else text), low, high, whole


@settings(deadline=None, max_examples=60)
@given(interval=intervals(), seed=st.integers(0, 100))
def test_what_is_drawn_from_an_interval_composes_and_lies_inside(
    interval: tuple[str, float, float, bool], seed: int
) -> None:
    text, low, high, whole = interval
    key = "controls.nearest_rows" if whole else "model.beta"
    space = read_space(["model=vae", f"{key}={text}"])
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    for _ in range(3):
        value = suggest(study.ask(), key, space.dimensions[key])
        group, _, name = key.partition(".")
        composed = compose(space.overrides({key: value}))[group][name]
        assert composed == value
        assert low <= composed <= high
        assert isinstance(composed, int) == whole


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=interval(1,4)", Interval(1.0, 4.0, None, log=False)),
        ("a=int(interval(1,4))", Interval(1, 4, 1, log=False)),
        ("a=tag(log,int(interval(1,4)))", Interval(1, 4, 1, log=True)),
        ("a=range(1,10,2)", Interval(1, 9, 2, log=False)),
        ("a=range(9,0,-4)", Interval(1, 9, 4, log=False)),
        ("a=range(0.5,2)", Choice(("0.5", "1.5"))),
        ("a=[64],[64,32]", Choice(("[64]", "[64,32]"))),
        ("a='x y',null,true", Choice(("'x y'", "null", "True"))),
        ("model=ae,vae", Choice(("ae", "vae"))),
        ("model=glob(p*)", None),
        ("a=5", None),
        ("a=choice(5)", None),
    ],
)
def test_the_grammar_of_what_is_searched(text: str, expected: Any) -> None:
    ((_, dimension),) = read_space([text]).parts
    assert dimension == expected


def test_lists_and_options_of_a_group_are_searched_as_they_are_typed(search: Callable[..., Plan]) -> None:
    planned = search("model.hidden_sizes=[8],[8,4]", "preprocess=minmax,quantile", "sampler.n_trials=12")
    assert set(run(planned)) == {"done"}
    configs = [job.config for job in planned.sampler.jobs]
    assert {json.dumps(config["model"]["hidden_sizes"]) for config in configs} == {"[8]", "[8, 4]"}
    assert {config["choices"]["preprocess"] for config in configs} == {"minmax", "quantile"}


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_trials_value_is_the_mean_over_seeds_that_are_not_searched(
    sampler: str, search: Callable[..., Plan], tmp_path: Path
) -> None:
    planned = search(f"sampler={sampler}", "seed=range(3)", "sampler.n_trials=6")
    assert planned.sampler.n_jobs == 18
    assert run(planned) == ["done"] * 18
    trials = trials_in(tmp_path)
    assert len(trials) == 6
    for trial in trials:
        assert trial.params.keys() == {"model.latent_size", "model.learning_rate"}
        assert trial.value == pytest.approx(1 - abs(trial.params["model.latent_size"] - 20) / 40 - 0.001)
    assert planned.objective is not None
    best = best_of(planned.sampler.jobs, planned.objective)
    assert best is not None
    assert (best.value, best.n) == (pytest.approx(max(trial.value or 0 for trial in trials)), 3)


def test_tpe_gets_nearer_than_chance(search: Callable[..., Plan], tmp_path: Path) -> None:
    run(search("sampler.n_trials=40"))
    values = [trial.value or 0 for trial in trials_in(tmp_path)]
    assert fmean(values[20:]) > fmean(values[:10])


@pytest.mark.parametrize("slots", [1, 3])
def test_whatever_kills_a_search_no_trial_is_lost_or_made_twice(
    slots: int, search: Callable[..., Plan], tmp_path: Path
) -> None:
    alive = 0

    def dying(job: Job) -> dict[str, float]:
        nonlocal alive
        alive += 1
        if alive % 4 == 0:
            raise KeyboardInterrupt
        return quality(job)

    seen: dict[int, dict[str, Any]] = {}
    for _ in range(40):
        planned = search("seed=0,1", "sampler.n_trials=10", end=dying, slots=slots)
        try:
            statuses = run(planned)
        except KeyboardInterrupt:
            for trial in trials_in(tmp_path):
                assert seen.setdefault(trial.number, trial.params) == trial.params
            continue
        break
    trials = trials_in(tmp_path)
    assert statuses == ["done"] * 20
    assert [trial.number for trial in trials] == list(range(10))
    assert {trial.state for trial in trials} == {optuna.trial.TrialState.COMPLETE}
    assert len({json.dumps(trial.params) for trial in trials}) == 10  # nothing is drawn twice
    before = database(tmp_path).read_bytes()
    again = search("seed=0,1", "sampler.n_trials=10")
    assert run(again) == ["done"] * 20
    assert not again.executor.started  # type: ignore[attr-defined]
    assert database(tmp_path).read_bytes() == before
    assert run(search("seed=0,1", "sampler.n_trials=12")) == ["done"] * 24


def test_a_search_killed_while_it_asks_goes_on(search: Callable[..., Plan], tmp_path: Path) -> None:
    run(search("sampler.n_trials=2"))
    with study_in(database(tmp_path)) as study:
        study.ask()
        study.ask().suggest_int("model.latent_size", 2, 40)
    assert search("sampler.n_trials=5").sampler.n_jobs == 5 - 2
    assert run(search("sampler.n_trials=5")) == ["done"] * 5
    assert [trial.state.name for trial in trials_in(tmp_path)] == ["COMPLETE"] * 5


def test_planning_writes_nothing_and_says_what_comes(search: Callable[..., Plan], tmp_path: Path) -> None:
    assert search("sampler.n_trials=7", "seed=0,1").sampler.n_jobs == 14
    words = ["sampler=tpe", "sampler.n_trials=7", f"runs_dir={tmp_path / 'runs'}", *SEARCHED, *VALIDATION]
    result = CliRunner().invoke(app, ["sweep", *words, "--dry-run"])
    assert (result.exit_code, result.stderr) == (
        0, "0 jobs, 0 of them not run yet, and 7 more that the sampler will choose\n",
    )  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_a_failed_job_fails_its_trial_and_no_other(search: Callable[..., Plan], tmp_path: Path) -> None:
    def end(job: Job) -> dict[str, float]:
        return {} if job.config["seed"] and job.config["model"]["latent_size"] > 20 else quality(job)

    planned = search("seed=0,1", "sampler.n_trials=8", end=end)
    assert {"done", "failed"} == set(run(planned))
    for trial in trials_in(tmp_path):
        assert trial.state.name == ("FAIL" if trial.params["model.latent_size"] > 20 else "COMPLETE")
    assert planned.objective is not None
    best = best_of(planned.sampler.jobs, planned.objective)
    assert best is not None
    assert best.n == 2


def test_a_killed_job_leaves_its_trial_to_the_next_sweep(search: Callable[..., Plan], tmp_path: Path) -> None:
    def end(job: Job) -> Any:
        return LOST if job.config["seed"] and job.config["model"]["latent_size"] > 20 else quality(job)

    settings = ["seed=0,1", "sampler.n_trials=8"]
    assert {"done", "killed"} == set(run(search(*settings, end=end)))
    before = trials_in(tmp_path)
    assert {trial.state.name for trial in before} == {"RUNNING", "COMPLETE"}
    assert set(run(search(*settings))) == {"done"}
    after = trials_in(tmp_path)
    assert [trial.state.name for trial in after] == ["COMPLETE"] * 8
    assert [trial.params for trial in after] == [trial.params for trial in before]


def test_the_same_configuration_drawn_twice_is_run_once(tmp_path: Path) -> None:
    planned = plan(["model=ae", *VALIDATION, "sampler=random", "model.latent_size=3,4", "sampler.n_trials=9",
                    f"runs_dir={tmp_path / 'runs'}"])  # fmt: skip
    planned = replace(planned, executor=Fake(quality, 3))
    lines = StringIO()
    assert [run.status for run in sweep(planned, Rules(), Lines(lines))] == ["done"] * 2
    assert "[2/2]" in lines.getvalue()  # at first 9 were expected
    assert [trial.state.name for trial in trials_in(tmp_path)] == ["COMPLETE"] * 9


def test_a_second_sweep_of_the_same_search_is_refused(search: Callable[..., Plan]) -> None:
    first, second = search("sampler.n_trials=2"), search("sampler.n_trials=2")
    first.sampler.begin()
    with pytest.raises(RunFolderError, match="for this sweep alone, got process .* is searching there; wait") as caught:
        run(second)
    assert "\n" not in str(caught.value)
    first.sampler.close()
    assert run(search("sampler.n_trials=2")) == ["done"] * 2


@pytest.mark.parametrize("damage", ["words", "cut off", "foreign", "empty", "another search", "a folder"])
def test_a_file_that_is_no_such_search_is_one_sentence(
    damage: str, search: Callable[..., Plan], tmp_path: Path
) -> None:
    run(search("sampler.name=mine", "sampler.n_trials=2"))
    path, more = database(tmp_path), []
    content = path.read_bytes()
    if damage == "foreign":
        path.unlink()
        with sqlite3.connect(path) as stranger:
            stranger.execute("CREATE TABLE cats (name TEXT)")
        stranger.close()
    elif damage == "another search":
        more = ["preprocess=minmax,quantile"]
    elif damage == "a folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes({"words": b"These are words, not a database.", "empty": b""}.get(damage, content[:20_000]))
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(RunFolderError, match=str(path)) as caught:
        run(search("sampler.name=mine", *more))
    assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("sampler=tpe model.latent_size=2,3", "expected an objective for sampler=tpe, got none"),
        ("sampler=random objective=fit/loss", "expected a key to choose for sampler=random, got none"),
        ("sampler=tpe objective=fit/loss seed=0,1", "expected a key to choose for sampler=tpe, got none"),
        ("sampler=tpe objective=fit/loss model.latent_sise=2,3", r"did you mean model\.latent_size"),
        ("sampler=tpe objective=fit/loss model=ae,vea", "did you mean vae"),
        ("sampler=tpe objective=fit/loss preprocess=quantile,minmx", "did you mean minmax"),
        (
            "sampler=tpe objective=fit/loss model.latent_size=interval(2,5.5)",
            "expected a whole number for model.latent",
        ),
        ("sampler=tpe objective=fit/loss model.beta=interval(5,2)", "from a number to a larger one"),
        ("sampler=tpe objective=fit/loss model.beta=interval(0,inf)", "from a number to a larger one"),
        ("sampler=tpe objective=fit/loss model.beta=tag(log,interval(0,1))", "above 0 where it is tagged log"),
        ("sampler=tpe objective=fit/loss seed=interval(0,1)", r"expected seeds one by one.*seed=range\(5\)"),
        ("sampler=tpe objective=fit/loss model.beta=1,2 model.beta=3,4", "expected one list of values for model.beta"),
        ("sampler=tpe objective=fit/loss model.beta=1,2 sampler.n_trials=0", r"sampler\.n_trials to be a whole number"),
        ("sampler=tpe objective=fit/loss model.beta=1,2 sampler.name=a/b", r"expected sampler\.name to be letters"),
        ("sampler=tpe objective=fit/loss model.beta=1,2 sampler.seed=-1", r"sampler\.seed"),
        ("sampler=halving objective=fit/loss model.beta=1,2 sampler.min_resource=0", r"sampler\.min_resource"),
        ("sampler=halving objective=fit/loss model.beta=1,2 sampler.reduction_factor=1", r"reduction_factor"),
        (
            "sampler=halving model.beta=1,2 objective=validation/roc_auc protocol=labelled_validation",
            "expected an objective that is known while training for sampler=halving, got validation/roc_auc",
        ),
        ("model.beta=interval(0,1)", "take sampler=random, tpe or halving"),
    ],
)
def test_a_wrong_search_is_refused_before_anything_is_written(words: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        plan([*words.split(), f"runs_dir={tmp_path / 'runs'}"])
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_without_optuna_the_extra_is_named_and_a_grid_does_not_miss_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "optuna"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "adbench.sweeps.samplers.storage")
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"expected the package optuna for sampler=tpe.*adbench-runner\[sampler\]"):
        plan([*SEARCHED, "sampler=tpe", "objective=fit/loss"])
    assert plan(["seed=0,1"]).sampler.n_jobs == 2


LOSSES = ["objective=calibration/loss", "model=ae", "model.latent_size=int(interval(2,40))"]
LOSSES += ["model.learning_rate=tag(log,interval(1e-4,0.1))"]


def begun(sampler: str, tmp_path: Path, *overrides: str) -> Sampler:
    planned = plan([*LOSSES, f"sampler={sampler}", f"runs_dir={tmp_path / 'runs'}", *overrides])
    planned.sampler.begin()
    return planned.sampler


def write_epochs(job: Job, losses: list[float]) -> None:
    job.path.mkdir(parents=True, exist_ok=True)
    (job.path / CONFIG).write_text("")
    lines = [f"{epoch},0.1,1.0,{loss}\n" for epoch, loss in enumerate(losses)]
    (job.path / HISTORY).write_text("epoch,seconds,loss,calibration_loss\n" + "".join(lines) + "9,0.1,1")


def finish(sampler: Sampler, job: Job, loss: float | None) -> None:
    folder = RunFolder(job.path)
    folder.start(job.config)
    if loss is None:
        folder.fail(ERROR, "pruned: after epoch 3\n")
    else:
        folder.finish(dict.fromkeys(ALWAYS_MEASURED, 0.5) | {"calibration_loss": loss})
    folder.unlock()
    sampler.ended(job, job.state())


def next_job(sampler: Sampler) -> Job:
    job = sampler.next()
    assert job is not None
    return job


@pytest.mark.parametrize("sampler", ["tpe", "halving"])
def test_a_trial_that_falls_behind_is_stopped_with_all_its_seeds(sampler: str, tmp_path: Path) -> None:
    study = begun(sampler, tmp_path, "seed=0,1,2")
    for _ in range(PATIENCE["n_startup_trials"]):
        for job in [next_job(study) for _ in range(3)]:
            assert job.config["trainer"]["calibration_loss"]
            write_epochs(job, [0.5, 0.4, 0.3, 0.2])
            assert not study.stop_early(job) or sampler == "halving"
            finish(study, job, 0.2)
    first, second = next_job(study), next_job(study)
    write_epochs(second, [9.0] * 4)
    assert not study.stop_early(second)  # trials are compared by the same seed, which is the first
    write_epochs(first, [9.0, 9.0])
    assert study.stop_early(first) == (sampler == "halving")
    write_epochs(first, [9.0, 9.0, 9.0, 9.0])
    assert study.stop_early(first)
    assert study.stop_early(second)
    n_known = len(study.jobs)
    finish(study, first, None)
    finish(study, second, None)
    other = next_job(study)
    assert other.config["model"] != first.config["model"]  # the third seed is no longer run
    assert len(study.jobs) == n_known + 3
    study.close()
    states = [trial.state.name for trial in trials_in(tmp_path)]
    assert states == ["COMPLETE"] * PATIENCE["n_startup_trials"] + ["PRUNED", "RUNNING"]
    again = begun(sampler, tmp_path, "seed=0,1,2")  # earlier reports are not repeated
    assert [job.path for job in again.jobs] == [job.path for job in study.jobs]
    handed = [next_job(again) for _ in range(n_known + 3)]
    assert other.path in {job.path for job in handed}
    write_epochs(other, [0.1])
    assert not again.stop_early(other)
    again.close()


def test_a_validation_metric_prunes_nothing(search: Callable[..., Plan]) -> None:
    planned = search()
    planned.sampler.begin()
    job = next_job(planned.sampler)
    write_epochs(job, [9.0] * 5)
    assert not planned.sampler.stop_early(job)
    assert not job.config["trainer"]["calibration_loss"]
    planned.sampler.close()


def test_the_randomness_goes_on_after_a_resume(tmp_path: Path) -> None:
    study = begun("random", tmp_path, "sampler.n_trials=6")
    first = [next_job(study).config["model"]["latent_size"] for _ in range(3)]
    study.close()
    study = begun("random", tmp_path, "sampler.n_trials=6")
    again = [next_job(study).config["model"]["latent_size"] for _ in range(6)]
    study.close()
    assert again[:3] == first
    assert again[3:] != first


def finished(overrides: list[str], value: Callable[[Job], float | None]) -> list[Job]:
    jobs = make_jobs(expand(overrides))
    for job in jobs:
        folder, found = RunFolder(job.path), value(job)
        folder.start(job.config)
        folder.write_json(ENVIRONMENT, {"code": job.code})
        if found is None:
            folder.fail(ERROR, "ValueError: it failed\n")
        else:
            folder.finish(dict.fromkeys(ALWAYS_MEASURED, 0.5) | {"roc_auc": found})
        folder.unlock()
    return jobs


def test_the_best_of_a_grid_is_printed_as_the_command_that_runs_it(tmp_path: Path) -> None:
    jobs = ["model=ae", "protocol=labelled_validation", "model.hidden_sizes=[8],[8,4]", "seed=0,1"]
    jobs.append(f"runs_dir={tmp_path / 'runs'}")
    finished(jobs, lambda job: len(job.config["model"]["hidden_sizes"]) / 4 + job.config["seed"] / 100)
    arguments = ["sweep", *jobs, "objective=validation/roc_auc"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.stderr
    rest = f"protocol=labelled_validation 'model.hidden_sizes=[8,4]' runs_dir={tmp_path / 'runs'}"
    assert result.stdout.splitlines()[-3:] == [
        "best validation/roc_auc 0.505, mean of 2 seeds (sd 0.007071):",
        f"  adbench train model=ae {rest}",
        "to report it with the test file, leave out protocol=labelled_validation",
    ]
    document = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    overrides = [
        "model=ae",
        "protocol=labelled_validation",
        "model.hidden_sizes=[8,4]",
        f"runs_dir={tmp_path / 'runs'}",
    ]
    assert document["best"] == {
        "overrides": overrides, "objective": "validation/roc_auc", "value": 0.505, "n": 2,
    }  # fmt: skip
    assert "best" not in json.loads(CliRunner().invoke(app, ["sweep", *jobs, "--json"]).stdout)


def test_a_configuration_that_lacks_a_seed_is_not_the_best(tmp_path: Path) -> None:
    words = ["model=ae", "model.latent_size=2,3", "seed=0,1", f"runs_dir={tmp_path / 'runs'}"]
    objective = Objective("validation/roc_auc")

    def value(job: Job) -> float | None:
        size, seed = job.config["model"]["latent_size"], job.config["seed"]
        return 0.6 if size == 2 else None if seed else 0.9

    best = best_of(finished(words, value), objective)
    assert isinstance(best, Best)
    assert "model.latent_size=2" in best.overrides
    assert best_of(finished(words, lambda job: None if job.config["seed"] else 0.9), objective) is None
    assert best_of([], objective) is None


def test_a_stop_that_came_too_late_leaves_nothing(tmp_path: Path) -> None:
    """Covers a sweep whose sampler stops everything while the jobs end by themselves."""

    class Impatient(Fake):
        def wait(self, seconds: float) -> Any:
            for job in self.running.values():
                job.path.mkdir(parents=True, exist_ok=True)
                (job.path / STOP).touch()
            return super().wait(seconds)

    words = ["model=ae", "seed=0,1", f"runs_dir={tmp_path / 'runs'}"]
    planned = plan(words)
    assert run(replace(planned, executor=Impatient(quality))) == ["done"] * 2
    assert not list((tmp_path / "runs").rglob(STOP))


def test_an_unwritable_place_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    planned = plan([*LOSSES, "sampler=random", f"runs_dir={tmp_path / 'runs'}"])
    with pytest.raises(AdbenchError) as caught:
        planned.sampler.begin()
    assert "\n" not in str(caught.value)


def test_paths_with_signs_that_a_url_reads(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "a {b}?c#d%20.db", "search", "words")
    storage.create("name", "minimize")
    storage.open()
    storage.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a {b}?c#d%20.db"]


@pytest.mark.slow
def test_a_real_search_killed_again_and_again_ends_with_all_its_trials(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("train", "test"):
        label = (np.arange(400) % 10 == 0).astype(int)
        columns = {f"x{i}": rng.normal(size=400) + label for i in range(6)}
        pd.DataFrame(columns | {"label": label}).to_csv(tmp_path / f"{name}.csv", index=False)
    table = [f"data.path={tmp_path / 'train.csv'}", f"data.test_path={tmp_path / 'test.csv'}", "data.label=label"]
    words = ["data=table", *table, "data.normal=0", "data.categorical=[]", "target_fpr=0.1", "trainer.max_epochs=40"]
    words += ["model=ae", "model.latent_size=int(interval(2,5))", "model.learning_rate=tag(log,interval(1e-5,1e-2))"]
    words += ["sampler=tpe", "sampler.n_trials=20", "objective=calibration/loss", f"runs_dir={tmp_path / 'runs'}"]
    script = f"from adbench.cli.main import app; app({['sweep', *words, 'executor.workers=2', '--json']!r})"
    running = 0
    for n_done in (2, 6, 11, None):
        sweeping = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        while n_done is not None and len(list((tmp_path / "runs").glob("*/metrics.json"))) < n_done:
            assert sweeping.poll() is None
            time.sleep(0.02)
        if n_done is not None:
            os.kill(sweeping.pid, signal.SIGKILL)
        output, _ = sweeping.communicate()
        running += sum(trial.state.name == "RUNNING" for trial in trials_in(tmp_path))
    assert running >= 3  # the kills hit jobs
    assert sweeping.returncode == 0
    document = json.loads(output)
    trials = trials_in(tmp_path)
    assert [trial.number for trial in trials] == list(range(20))
    assert {trial.state.name for trial in trials} <= {"COMPLETE", "PRUNED"}
    assert len({run["run"] for run in document["runs"]}) == len({json.dumps(trial.params) for trial in trials})
    complete = [trial.value for trial in trials if trial.state.name == "COMPLETE"]
    assert document["best"]["value"] == min(value for value in complete if value is not None)


def test_others_logs_are_hushed_when_a_search_is_opened_and_not_before(tmp_path: Path) -> None:
    script = """
import logging, sys, warnings
from pathlib import Path
import optuna
levels = lambda: [logging.getLogger("alembic").level, optuna.logging.get_verbosity(), len(warnings.filters)]
before = levels()
from adbench.sweeps.samplers.storage import Storage
print(levels() == before)
logging.basicConfig(level=logging.INFO)
storage = Storage(Path(sys.argv[1]), "a", "b")
storage.create("study", "minimize")
storage.open()
storage.close()
"""
    command = [sys.executable, "-c", script, str(tmp_path / "search.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")
