"""Tests of a run's seeds: each affects its own part, and nothing else."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adbench.config.benchmarks import overrides_of
from adbench.config.compose import compose
from adbench.config.identity import run_hash, run_name
from adbench.config.overrides import expand
from adbench.errors import ConfigError
from adbench.results.record import Run
from adbench.runner.run import MAX_SEED, run_path, train
from adbench.sweeps.jobs import make_jobs
from adbench.testing.capabilities import ONE_LOSS, models_that

TWIN = "control/untrained/roc_auc"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Anomalies that are hard to find, so that no two detectors rank them equally."""
    rng = np.random.default_rng(0)
    label = (np.arange(500) % 10 == 0).astype(int)
    path = tmp_path / "rows.csv"
    pd.DataFrame({f"x{i}": rng.normal(size=500) + 0.2 * label for i in range(6)} | {"label": label}).to_csv(
        path, index=False
    )
    return path


def scores(run: Run) -> bytes:
    assert run.status == "done", run.error
    return pd.read_parquet(run.folder / "scores.parquet")["score"].to_numpy().tobytes()


@pytest.mark.parametrize("model", models_that(ONE_LOSS))
def test_the_order_changes_what_is_learned_but_not_the_untrained_twin(model: str, tiny: list[str]) -> None:
    a, b, again = (
        train([f"model={model}", "init_seed=0", *tiny, *more])
        for more in (["order_seed=0"], ["order_seed=1"], ["order_seed=0", f"runs_dir={tiny[-1][9:]}/again"])
    )
    assert a.metrics[TWIN] == b.metrics[TWIN]
    assert scores(a) != scores(b)
    assert scores(a) == scores(again)


def test_the_initial_weights_change_the_untrained_twin(tiny: list[str]) -> None:
    a, b = (train(["model=ae", "order_seed=0", f"init_seed={seed}", *tiny]) for seed in (0, 1))
    assert a.metrics[TWIN] != b.metrics[TWIN]
    assert scores(a) != scores(b)


def test_the_seed_itself_is_left_with_the_split_and_the_controls(tiny: list[str]) -> None:
    fixed = ["model=ae", "init_seed=5", "order_seed=5", *tiny]
    a, b, same_split = (
        train([*fixed, *more]) for more in (["seed=0"], ["seed=1"], ["seed=1", "protocol.split_seed=0"])
    )
    assert scores(a) != scores(b)
    assert scores(a) == scores(same_split)
    assert a.metrics["control/random/roc_auc"] != same_split.metrics["control/random/roc_auc"]


@pytest.mark.parametrize("key", ["init_seed", "order_seed"])
def test_zero_is_a_seed_of_its_own_and_null_is_the_runs_seed(key: str, tiny: list[str]) -> None:
    other = {"init_seed": "order_seed", "order_seed": "init_seed"}[key]
    runs = [train(["model=ae", "seed=1", f"{other}=1", *tiny, *more]) for more in ([], [f"{key}=1"], [f"{key}=0"])]
    assert len({run.folder for run in runs}) == 3
    assert scores(runs[0]) == scores(runs[1]) != scores(runs[2])


def test_a_detector_without_a_network_draws_with_them_too(tiny: list[str]) -> None:
    forests = [train(["model=iforest", *tiny, more]) for more in ("init_seed=1", "init_seed=2")]
    neighbours = [train(["model=knn", "model.max_rows=50", *tiny, more]) for more in ("order_seed=1", "order_seed=2")]
    assert scores(forests[0]) != scores(forests[1])
    assert scores(neighbours[0]) != scores(neighbours[1])


def test_without_them_a_run_has_the_name_that_it_always_had() -> None:
    # The name since format 2: changing it would cost every user their finished runs.
    assert (
        run_name(
            compose(
                [
                    "model=vae",
                    "model.beta=1.0",
                    "model.hidden_sizes=[64]",
                    "data=nslkdd",
                    "preprocess=quantile",
                    "preprocess.tail=null",
                ]
            )
        )
        == "nslkdd-vae-s0-53f08af8"
    )
    config = compose(["model=vae"])
    without = {key: value for key, value in config.items() if key not in ("init_seed", "order_seed")}
    assert run_hash(config) == run_hash(without)
    assert len({run_hash(config | {"init_seed": seed}) for seed in (None, 0, 1)}) == 3


@pytest.mark.parametrize("key", ["init_seed", "order_seed"])
@pytest.mark.parametrize("value", ["-1", str(MAX_SEED + 1), "1.5", "true", "one", "[1]"])
def test_a_seed_that_is_none_is_refused(key: str, value: str, tiny: list[str]) -> None:
    overrides = ["model=ae", *tiny, f"{key}={value}"]
    with pytest.raises(ConfigError, match=key):
        train(overrides)
    assert not run_path(compose(overrides)).exists()


def test_the_benchmark_of_variance_is_27_runs_on_three_splits(tmp_path: Path) -> None:
    jobs = make_jobs(expand([*overrides_of("benchmark=variance"), f"runs_dir={tmp_path}"]))
    seeds = [(job.config["protocol"]["split_seed"], job.config["init_seed"], job.config["order_seed"]) for job in jobs]
    assert len(jobs) == len(set(seeds)) == 27
    assert {json.dumps([job.config["seed"], job.config["choices"]]) for job in jobs} == {
        json.dumps([0, compose(["model=vae", "data=nslkdd"])["choices"]])
    }
