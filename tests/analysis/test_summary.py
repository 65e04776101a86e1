"""Tests of tables of runs: grouping, ranks, filters and columns, on run folders in the real format."""

import functools
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import safetensors.numpy
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from adbench.analysis.summary import summarize
from adbench.analysis.task_ranks import source_of
from adbench.analysis.text_table import Sheet, as_latex, as_markdown
from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.config.identity import run_name
from adbench.errors import AdbenchError
from adbench.results.influences import read_influences
from adbench.results.record import ALWAYS_MEASURED, INFLUENCES, load_yaml

MEASURED = dict.fromkeys(ALWAYS_MEASURED, 0.5)


def write_run(runs: Path, overrides: list[str], **metrics: float) -> Path:
    """A finished run of this configuration with made-up metrics."""
    seeds = [text for text in overrides if text.startswith("seed=")]
    config = json.loads(composed(tuple(text for text in overrides if text not in seeds)))
    config |= {"seed": int(seeds[0].removeprefix("seed=")) if seeds else 0, "runs_dir": str(runs)}
    folder = runs / run_name(config)
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (folder / "metrics.json").write_text(json.dumps(MEASURED | metrics))
    return folder


@functools.cache
def composed(overrides: tuple[str, ...]) -> str:
    return json.dumps(compose(overrides))


def fail(folder: Path, error: str = "ValueError: no") -> None:
    (folder / "metrics.json").unlink()
    (folder / "error.txt").write_text(error)


def table(runs: Path, *arguments: str) -> Any:
    result = CliRunner().invoke(app, ["summarize", str(runs), *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """ae is .03 above pca for every seed up to slight noise, and gan is indistinguishable from ae."""
    folder = tmp_path / "runs"
    noise = (0.001, -0.002, 0.003, 0.0, -0.001)
    for seed, off in enumerate(noise):
        for data, base in (("nslkdd", 0.90), ("unswnb15", 0.80)):
            task = [f"data={data}", f"seed={seed}"]
            write_run(folder, ["model=ae", *task], roc_auc=base + off, test_fpr=0.01)
            write_run(folder, ["model=gan", *task], roc_auc=base + noise[-1 - seed] + 0.0002, test_fpr=0.03)
            write_run(folder, ["model=pca", *task], roc_auc=base - 0.03 - off / 2, test_fpr=0.02)
    return folder


def test_means_intervals_and_ranks(runs: Path) -> None:
    groups = summarize([runs]).groups
    ae = groups[(groups["data"] == "nslkdd") & (groups["model"] == "ae")].iloc[0]
    assert (ae["n"], ae["failed"], ae["missing"]) == (5, 0, 0)
    assert ae["roc_auc"] == pytest.approx(0.9002)
    sd = pd.Series([0.001, -0.002, 0.003, 0.0, -0.001]).std()
    assert ae["roc_auc_high"] - ae["roc_auc"] == pytest.approx(2.776445 * sd / 5**0.5, rel=1e-5)
    assert set(groups.loc[groups["model"] == "pca", "rank"]) == {3}
    by_false_alarms = summarize([runs], metrics=["test_fpr"]).groups
    assert by_false_alarms.groupby("model")["rank"].first().to_dict() == {"ae": 1, "pca": 2, "gan": 3}


def test_an_order_is_certain_or_inconclusive(runs: Path) -> None:
    pairs = summarize([runs]).pairs.set_index(["a", "b"])
    certain = pairs.loc[("ae", "pca")]
    assert (certain["n"], certain["n_tasks"]) == (10, 2)
    assert certain["probability"] > 0.999
    assert certain["difference"] == pytest.approx(0.0303)
    (undecided,) = (row for pair, row in pairs.iterrows() if set(pair) == {"ae", "gan"})
    assert undecided["probability"] < 0.9
    assert undecided["low"] < 0 < undecided["high"]
    assert undecided["seeds_needed"] > 5
    assert "inconclusive" in table(runs)


def test_results_of_other_tasks_do_not_compare(runs: Path) -> None:
    for seed in range(3):
        task = ["data=nslkdd", "protocol=unsupervised", f"seed={seed}"]
        write_run(runs, ["model=ae", *task], roc_auc=0.6)
        write_run(runs, ["model=pca", *task], roc_auc=0.7)
    groups = summarize([runs]).groups
    assert sorted(groups.loc[groups["data"] == "nslkdd", "rank"]) == [1, 1, 2, 2, 3]
    assert groups["task"].nunique() == 3
    pairs = summarize([runs]).pairs.set_index(["a", "b"])
    assert pairs.loc[("pca", "ae"), "n_tasks"] == 3  # .1 below on one outweighs .03 above on two


def test_failed_and_missing_seeds_are_counted(runs: Path) -> None:
    for i, folder in enumerate(sorted(runs.glob("nslkdd-ae-*"))[:3]):
        if i:
            fail(folder)
        else:
            (folder / "metrics.json").unlink()
    groups = summarize([runs]).groups.set_index(["data", "model"])
    assert list(groups.loc[("nslkdd", "ae"), ["n", "failed", "missing"]]) == [2, 2, 1]
    assert list(groups.loc[("nslkdd", "pca"), ["n", "failed", "missing"]]) == [5, 0, 0]


def test_two_results_of_one_seed_are_said(tmp_path: Path) -> None:
    for folder, auroc in (("a", 0.9), ("b", 0.1)):
        write_run(tmp_path / folder, ["model=ae"], roc_auc=auroc)
    result = CliRunner().invoke(app, ["summarize", str(tmp_path / "a"), str(tmp_path / "b")])
    assert "seeds with several runs that do not agree: 1;" in result.stdout
    result = CliRunner().invoke(app, ["summarize", str(tmp_path / "a"), str(tmp_path / "a")])
    assert "do not agree" not in result.stdout


def test_only_failed_runs_are_a_table_too(tmp_path: Path) -> None:
    fail(write_run(tmp_path, ["model=ae"]))
    assert "ValueError: no" in table(tmp_path)
    for output in ("csv", "markdown", "latex", "json"):
        table(tmp_path, "--format", output)
    (group,) = json.loads(table(tmp_path, "--json"))["groups"]
    assert (group["n"], group["failed"]) == (0, 1)


def test_runs_of_other_versions_have_blanks(runs: Path) -> None:
    write_run(runs, ["model=vae", "seed=9"], roc_auc=0.9, brand_new=3.0)
    rows = summarize([runs]).rows
    assert rows["brand_new"].count() == 1
    assert "brand new" in table(runs, "--metric", "brand_new")


def test_a_run_from_before_a_key_has_its_nothing(tmp_path: Path) -> None:
    old = write_run(tmp_path, ["model=ae"], roc_auc=0.9)
    write_run(tmp_path, ["model=pca"], roc_auc=0.8)
    write_run(tmp_path, ["model=pca", "data.drop=[duration]"], roc_auc=0.7)
    config = yaml.safe_load((old / "config.yaml").read_text())
    del config["data"]["drop"]
    (old / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    groups = summarize([tmp_path]).groups
    assert sorted(groups["task"]) == ["nslkdd data.drop=[]", "nslkdd data.drop=[]", "nslkdd data.drop=[duration]"]


def test_a_gain_whose_interval_touches_0_is_marked(tmp_path: Path) -> None:
    for seed, gain in enumerate((0.1, -0.1, 0.15)):
        write_run(
            tmp_path, ["model=ae", f"seed={seed}"], training_gain=gain, training_gain_low=0.09, training_gain_high=0.2
        )
    helped = [f"seed={seed}" for seed in range(3)]
    for override in helped:
        metrics = {"training_gain": 0.2, "training_gain_low": 0.1, "training_gain_high": 0.3}
        write_run(tmp_path, ["model=vae", override], **metrics)
    groups = summarize([tmp_path]).groups.set_index("model")
    assert groups["training_helped"].to_dict() == {"ae": "unclear", "vae": "yes"}
    assert "unclear" in table(tmp_path)


def test_bounds_of_a_run_are_not_taken_for_those_over_seeds(tmp_path: Path) -> None:
    for seed in range(3):
        bounds = {"roc_auc_low": 0.8, "roc_auc_high": 0.99}
        write_run(tmp_path, ["model=ae", f"seed={seed}"], roc_auc=0.9 + seed / 1000, training_gain=0.1 + seed, **bounds)
    alone, pattern = (summarize([tmp_path], metrics=[metric]).groups for metric in ("roc_auc", "roc_auc*"))
    pd.testing.assert_frame_equal(alone, pattern)
    assert "roc_auc,roc_auc_low,roc_auc_high," in table(tmp_path, "--metric", "roc_auc*", "--format", "csv")
    (group,) = summarize([tmp_path]).groups.to_dict("records")  # nor of the gain
    assert group["training_helped"] == "unclear"


def test_the_best_control_stands_beside_the_model(tmp_path: Path) -> None:
    for seed in range(3):
        controls = {"control/mean_abs_z/roc_auc": 0.8, "control/random/roc_auc": 0.5}
        controls |= {"control/oracle_best_column/roc_auc": 0.99, "control/untrained/roc_auc": 0.95}
        write_run(tmp_path, ["model=ae", f"seed={seed}"], roc_auc=0.7 + seed / 100, **controls)
    (group,) = summarize([tmp_path]).groups.to_dict("records")
    assert group["control"] == "mean_abs_z"
    assert group["over_control"] == pytest.approx(-0.09)
    controls = summarize([tmp_path]).controls.set_index("control")
    assert controls["roc_auc"].to_dict() == pytest.approx(
        {"mean_abs_z": 0.8, "random": 0.5, "oracle_best_column": 0.99}
    )
    assert set(controls["n"]) == {3}


def test_a_key_that_varies_is_a_column(tmp_path: Path) -> None:
    for size in (4, 8):
        for seed in (0, 1):
            write_run(tmp_path, ["model=ae", f"model.latent_size={size}", f"seed={seed}"], roc_auc=size / 10)
    summary = summarize([tmp_path], by=["model.latent_size"])
    assert list(summary.groups["model.latent_size"]) == [8, 4]
    assert list(summarize([tmp_path], sort="roc_auc").groups["settings"]) == [
        "model.latent_size=4",
        "model.latent_size=8",
    ]
    filtered = summarize([tmp_path], filters=["model.latent_size>4"])
    assert list(filtered.rows["settings"]) == ["", ""]  # it no longer varies
    assert len(summarize([tmp_path], filters=["model.latent_size=4", "seed!=0"]).rows) == 1
    assert (
        table(tmp_path, "--format", "csv")
        .splitlines()[0]
        .startswith("data,model,settings,task,solver,code,model.latent_size")
    )


def test_seeds_of_parts_are_repetitions_where_they_vary(tmp_path: Path) -> None:
    for split in (0, 1, 2):
        write_run(tmp_path, ["model=ae", f"protocol.split_seed={split}"], roc_auc=0.9)
    (group,) = summarize([tmp_path]).groups.to_dict("records")
    assert (group["n"], group["settings"]) == (3, "")
    write_run(tmp_path, ["model=ae"], roc_auc=0.9)  # no split seed at all: another way to draw
    assert len(summarize([tmp_path]).groups) == 4


def test_two_tasks_do_not_settle_an_order(runs: Path) -> None:
    ranks = summarize([runs]).over_tasks.set_index("solver")
    assert ranks.loc["pca", "mean_rank"] == 3
    assert ranks["not_separated_from_best"].all()
    assert ranks["holm_p"].dropna().min() > 0.05
    assert "ranks over groups of data" in table(runs)
    assert "p = 0.167, inconclusive, they may all rank the same" in table(runs)  # the same order twice, of six


def influence(folder: Path, **metrics: np.ndarray) -> None:
    (folder / INFLUENCES).write_bytes(safetensors.numpy.save(metrics))


def test_detectors_without_randomness_are_not_sure_of_an_order(tmp_path: Path) -> None:
    """Seeds that agree to the last digit say nothing about the test rows, which can leave an order open."""
    rng = np.random.default_rng(0)
    of_model = {model: rng.normal(size=256) * 0.015 / 16 for model in ("pca", "knn")}
    for model, auroc in (("pca", 0.5837), ("knn", 0.59)):
        for seed in range(2):
            task = ["protocol.split_seed=0", f"seed={seed}"]
            folder = write_run(tmp_path, [f"model={model}", *task], roc_auc=auroc, roc_auc_low=0.55, roc_auc_high=0.61)
    (pair,) = summarize([tmp_path]).pairs.to_dict("records")
    assert (pair["verdict"], pair["rows_known"]) == ("unknown", False)
    assert np.isnan(pair["probability"])
    assert ">0.999" not in table(tmp_path)
    read_influences.cache_clear()
    for folder in tmp_path.iterdir():
        influence(folder, roc_auc=of_model[folder.name.split("-")[1]].astype(np.float32))
    (pair,) = summarize([tmp_path]).pairs.to_dict("records")
    assert (pair["verdict"], pair["rows_known"]) == ("open", True)
    assert 0.5 < pair["probability"] < 0.9
    assert pair["low"] < -0.02
    assert np.isnan(pair["seeds_needed"])  # no number suffices
    group = summarize([tmp_path]).groups.iloc[0]
    assert group["roc_auc_high"] - group["roc_auc_low"] == pytest.approx(0.06, rel=0.01)  # not ± 0.0000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no safetensors",
        safetensors.numpy.save({"roc_auc": np.full(3, np.nan, np.float32)}),
        safetensors.numpy.save({"roc_auc": np.ones(3)}),
        safetensors.numpy.save({"roc_auc": np.ones((3, 2), np.float32)}),
        safetensors.numpy.save({"roc_auc": np.ones(3, np.float32)})[:-1],
        safetensors.numpy.save({"f1": np.ones(3, np.float32)}),
    ],
)
def test_influences_of_a_stranger_are_read_or_left(content: bytes, tmp_path: Path) -> None:
    (tmp_path / INFLUENCES).write_bytes(content)
    assert read_influences(tmp_path, "roc_auc") is None
    (tmp_path / INFLUENCES).write_bytes(safetensors.numpy.save({"x": np.ones(9), "roc_auc": np.ones(3, np.float32)}))
    read_influences.cache_clear()
    np.testing.assert_array_equal(read_influences(tmp_path, "roc_auc"), np.ones(3))


def test_opposite_orders_are_said_and_never_averaged(tmp_path: Path) -> None:
    better_on = {"nslkdd": 0.016, "ai4i": 0.026, "unswnb15": -0.031}
    for seed, off in enumerate((0.001, -0.001, 0.0, 0.0005, -0.0005)):
        for data, ahead in better_on.items():
            write_run(tmp_path, ["model=ae", f"data={data}", f"seed={seed}"], roc_auc=0.9 + ahead + off)
            write_run(tmp_path, ["model=knn", f"data={data}", f"seed={seed}"], roc_auc=0.9)
    (pair,) = summarize([tmp_path]).pairs.to_dict("records")
    assert (pair["a"], pair["better_on"], pair["worse_on"], pair["verdict"]) == ("ae", 2, 1, "opposite orders")
    (line,) = (line for line in table(tmp_path).splitlines() if "opposite orders" in line and "ae" in line)
    assert "3 (2 to 1)" in line
    assert ">0.999" not in line


def test_files_that_no_name_tells_apart_are_several_sources(tmp_path: Path) -> None:
    for i in range(6):
        for seed in range(2):
            path = tmp_path / f"my table {i}.csv"
            path.write_text(f"a,label\n{i},0\n")
            task = ["data=table", f"data.path={json.dumps(str(path))}", "data.label=label", f"seed={seed}"]
            write_run(tmp_path / "runs", ["model=ae", *task], roc_auc=0.9 + seed / 100)
            write_run(tmp_path / "runs", ["model=pca", *task], roc_auc=0.8 + seed / 90)
    summary = summarize([tmp_path / "runs"])
    assert set(summary.over_tasks["n_groups"]) == {6}
    (pair,) = summary.pairs.to_dict("records")
    assert pair["n_tasks"] == 6
    assert source_of("table data.path=a.csv protocol=unsupervised", "table") == "table data.path=a.csv"
    assert source_of("nslkdd protocol=unsupervised", "nslkdd") == "kddcup99"


def test_an_order_is_sure_among_all_pairs_or_equal_within_the_margin(runs: Path) -> None:
    pairs = summarize([runs]).pairs.set_index(["a", "b"])
    assert pairs.loc[("ae", "pca"), "verdict"] == "better"
    (equals,) = (row for pair, row in pairs.iterrows() if set(pair) == {"ae", "gan"})
    assert equals["verdict"] == "same"
    assert "no difference" in table(runs)
    assert (pairs["holm_p"] >= 2 * (1 - pairs["probability"]) - 1e-12).all()


@pytest.mark.parametrize("form", ["table", "csv", "markdown", "latex", "json"])
@pytest.mark.parametrize("arguments", [("--filter", "roc_auc>=0.88"), ("--sort=-roc_auc",)])
def test_a_choice_by_the_outcome_is_said_in_every_output(arguments: tuple[str, ...], form: str, runs: Path) -> None:
    result = CliRunner().invoke(app, ["summarize", str(runs), *arguments, "--format", form])
    assert result.exit_code == 0
    assert "on the test rows" in result.output
    plain = CliRunner().invoke(app, ["summarize", str(runs), "--filter", "seed<3", "--format", form])
    assert "on the test rows" not in plain.output.replace("over seeds, and over the test rows", "")


def test_a_weakened_control_is_named(tmp_path: Path) -> None:
    write_run(tmp_path, ["model=ae", "controls.nearest_rows=1"], roc_auc=0.9)
    write_run(tmp_path, ["model=ae", "seed=1"], roc_auc=0.9)
    assert "the control nearest neighbour had as few as 1 fit rows in 1 of 2 runs" in table(tmp_path)


def test_an_interval_of_a_share_ends_at_1(tmp_path: Path) -> None:
    for seed, share in enumerate((0.99, 0.2, 0.98, 0.97, 0.99)):
        write_run(tmp_path, ["model=ae", f"seed={seed}"], tpr_at_1pct_fpr=share)
    group = summarize([tmp_path], metrics=["tpr_at_1pct_fpr"]).groups.iloc[0]
    assert group["tpr_at_1pct_fpr_high"] == 1.0
    (line,) = (x for x in table(tmp_path, "--metric", "tpr_at_1pct_fpr").splitlines() if "0.8260 (" in x)
    assert "to 1.0000)" in line


def test_protocols_and_related_data_count_once_in_the_ranks(tmp_path: Path) -> None:
    # Over groups, ae is first as often as pca, since NSL-KDD and KDD Cup 99 count as one; over tasks it is first in
    # five of six.
    tasks = [
        (["data=nslkdd", "protocol=leave_family_out", f"protocol.family={family}"], 0.9, 0.8)
        for family in ("dos", "probe", "u2r", "r2l")
    ]
    tasks += [(["data=kddcup99"], 0.7, 0.9), (["data=unswnb15"], 0.9, 0.8)]
    for words, of_ae, of_pca in tasks:
        write_run(tmp_path, ["model=ae", *words], roc_auc=of_ae)
        write_run(tmp_path, ["model=pca", *words], roc_auc=of_pca)
    ranks = summarize([tmp_path]).over_tasks.set_index("solver")
    assert ranks["mean_rank"].to_dict() == {"ae": 1.5, "pca": 1.5}
    assert set(ranks["n_groups"]) == {2}
    assert set(ranks["n_tasks"]) == {6}
    assert "2 groups of related data, 6 tasks in all: p = 1.000, inconclusive" in table(tmp_path)
    only = summarize([tmp_path], filters=["data=nslkdd,kddcup99"])  # one group, however many tasks
    assert only.over_tasks.empty


def test_best_median_and_worst_over_the_settings_of_a_model(tmp_path: Path) -> None:
    for latent, value in ((4, 0.7), (8, 0.9), (16, 0.8), (32, 0.95)):
        for seed, off in ((0, -0.01), (1, 0.01)):
            words = ["model=ae", f"model.latent_size={latent}", f"seed={seed}"]
            write_run(tmp_path, words, roc_auc=value + off, test_fpr=value)
    write_run(tmp_path, ["model=pca"], roc_auc=0.99)
    (row,) = summarize([tmp_path]).sensitivity.to_dict("records")
    assert (row["task"], row["model"], row["n_settings"]) == ("nslkdd", "ae", 4)
    assert [row[name] for name in ("best", "median", "worst")] == pytest.approx([0.95, 0.85, 0.7])
    assert (row["best_settings"], row["worst_settings"]) == ("model.latent_size=32", "model.latent_size=4")
    (by_alarms,) = summarize([tmp_path], metrics=["test_fpr"]).sensitivity.to_dict("records")
    assert (by_alarms["best"], by_alarms["best_settings"]) == (pytest.approx(0.7), "model.latent_size=4")
    assert "sensitivity to settings, by AUROC" in table(tmp_path)
    assert json.loads(table(tmp_path, "--json"))["sensitivity"][0]["n_settings"] == 4
    assert summarize([tmp_path], filters=["model.latent_size=4,8"]).sensitivity.empty


def test_data_that_defaults_were_chosen_on_are_marked(tmp_path: Path) -> None:
    for data in ("adbench47-cardio", "shill"):
        for model in ("ae", "pca"):
            write_run(tmp_path, [f"model={model}", f"data={data}"], roc_auc=0.9)
    text = table(tmp_path)
    assert "adbench47-cardio (chosen on)" in text
    assert "shill (chosen on)" not in text
    assert "took part when the shipped defaults were chosen" in text
    assert "1 of the groups hold data that the shipped defaults were chosen on" in text


def test_who_misses_a_task_is_named_and_not_ranked(runs: Path) -> None:
    for folder in runs.glob("unswnb15-gan-*"):
        fail(folder)
    ranks = summarize([runs]).over_tasks.set_index("solver")
    assert list(ranks.index) == ["ae", "pca", "gan"]
    assert ranks["misses"].to_dict() == {"ae": "", "pca": "", "gan": "unswnb15"}
    assert pd.isna(ranks.loc["gan", "mean_rank"])
    assert "for want of a result: gan (unswnb15)" in table(runs)
    document = json.loads(table(runs, "--json"))
    assert [entry["misses"] for entry in document["over_tasks"]] == ["", "", "unswnb15"]
    for folder in runs.glob("nslkdd-pca-*"):
        fail(folder)
    assert summarize([runs]).over_tasks["mean_rank"].isna().all()  # there is no model to rank ae against
    assert "for want of a result: gan (unswnb15), pca (nslkdd)" in table(runs)


def test_variance_is_told_apart_where_seeds_vary_apart(tmp_path: Path) -> None:
    for split in range(3):
        for init in range(3):
            overrides = ["model=ae", f"protocol.split_seed={split}", f"init_seed={init}"]
            write_run(tmp_path, overrides, roc_auc=0.9 + split / 100 + init / 1000)
    variance = summarize([tmp_path]).variance.set_index("source")
    assert variance.loc["split", "sd"] == pytest.approx(0.01)
    assert variance.loc["initial weights", "sd"] == pytest.approx(0.001)
    assert variance.loc["their interplay", "sd"] == pytest.approx(0, abs=1e-6)
    assert (
        0.3 < variance.loc["split", "share_low"] < variance.loc["split", "share"] < variance.loc["split", "share_high"]
    )
    assert variance.loc["initial weights", "share_high"] > 0.1  # three draws tell little
    assert "where the variance of AUROC comes from" in table(tmp_path)


def test_pivot_has_a_column_for_each_dataset(runs: Path) -> None:
    text = table(runs, "--pivot", "data", "--metric", "roc_auc", "--format", "markdown")
    assert "| model | nslkdd | unswnb15 |" in text
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == 4
    assert "| data | model | 0 |" in table(runs, "--pivot", "seed", "--format", "markdown")  # grouped by it, too
    assert "n: 5; 0 failed, 0 missing" in text


def test_pivot_says_that_its_cells_are_means_of_unequal_numbers(runs: Path) -> None:
    fail(next(runs.glob("nslkdd-ae-s0-*")))
    assert "n: 4 to 5; 1 failed, 0 missing" in table(runs, "--pivot", "data", "--format", "markdown")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--metric", "roc_acu"], "did you mean roc_auc"),
        (["--by", "modle"], "did you mean model"),  # codespell:ignore
        (["--sort", "rnk"], "did you mean rank"),
        (["--filter", "modle=ae"], "did you mean model"),  # codespell:ignore
        (["--filter", "ae"], "such as model=ae,vae"),
        (["--filter", "roc_auc>high"], "a number after >"),
        (["--filter", "model=nothing"], "got none of 30"),
        (["--filter", "model=__import__('os').system('touch pwned')"], "got none of 30"),
    ],
)
def test_a_wrong_word_is_one_sentence(runs: Path, arguments: list[str], sentence: str) -> None:
    result = CliRunner().invoke(app, ["summarize", str(runs), *arguments])
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.output


def test_no_runs_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AdbenchError, match="expected at least one run"):
        summarize([tmp_path])


NASTY = "<script>|_&%$#{}~^\\`[x](y)@all"


def test_names_are_text_in_every_format() -> None:
    sheet = Sheet(NASTY, ["name", "n"], 1, [[NASTY, "1"]])
    markdown = as_markdown([sheet])
    assert "<script>" not in markdown
    assert "[x](y)" not in markdown
    assert "@all" not in markdown
    latex = as_latex([sheet])
    body = latex.split("\\midrule")[1]
    assert body.count("&") == 2  # the escaped one, and the one between the cells
    assert "$" not in body.replace("\\$", "")


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1) | st.sampled_from(["seed", "model", "runs_dir"]), DOCUMENTS, max_size=6))
def test_a_configuration_is_read_as_yaml_reads_it(document: dict[str, Any]) -> None:
    class NoAliases(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    for style in (None, True, False):
        text = yaml.dump(document, Dumper=NoAliases, sort_keys=False, default_flow_style=style)
        assert load_yaml(text) == yaml.safe_load(text) == document


@pytest.mark.parametrize("text", ["a: &x 1\nb: *x\n", "a: [*x]\n", "b: &y [1]\na: *y\n"])
def test_aliases_are_refused(text: str) -> None:
    with pytest.raises((ValueError, yaml.YAMLError)):
        load_yaml(text)


@pytest.mark.parametrize("name", ["solver", "task", "n", "rank", "over_control", "init_seed"])
def test_a_metric_cannot_take_the_place_of_a_column(runs: Path, name: str) -> None:
    write_run(runs, ["model=vae", "data=nslkdd"], **{name: 0.25})
    summary = summarize([runs])
    assert (summary.rows["status"] == "unreadable").sum() == 1
    assert set(summary.groups["n"]) == {0, 5}


@pytest.mark.parametrize("key", ["model", "status", "run", "task"])
def test_a_configuration_cannot_take_the_place_of_a_column(runs: Path, key: str) -> None:
    for seed, value in enumerate(("one", "other")):
        file = write_run(runs, ["model=vae", "data=nslkdd", f"seed={seed}"]) / "config.yaml"
        file.write_text(yaml.safe_dump(load_yaml(file.read_text()) | {key: value}))
    rows = summarize([runs]).rows
    assert (rows["status"] == "unreadable").sum() == 2
    assert set(rows["model"]) == {"?", "ae", "gan", "pca"}


def test_a_pattern_leaves_out_the_bounds_of_what_it_means(runs: Path) -> None:
    summary = summarize([runs], metrics=["roc_auc*"])
    assert summary.metrics == ("roc_auc",)
    assert summary.groups["roc_auc_low"].max() > 0.89, "the bound over seeds, not the mean of the runs' bounds, 0.5"
    assert summarize([runs], metrics=["roc_auc_low"]).metrics == ("roc_auc_low",)
    table(runs, "--metric", "*")


@pytest.mark.parametrize("by", ["data,data", "task", "solver", "model,settings,task,solver"])
def test_any_column_makes_groups_once(runs: Path, by: str) -> None:
    assert json.loads(table(runs, "--by", by, "--json"))["groups"][0]["n"] >= 5


@pytest.mark.parametrize("form", ["table", "csv", "markdown", "latex"])
def test_no_name_of_a_family_reaches_the_terminal_as_it_is(tmp_path: Path, form: str) -> None:
    write_run(tmp_path, ["model=ae"], **{"family/\x1b]0;title\x07\n\\input/recall": 0.5})
    output = table(tmp_path, "--metric", "family/*/recall", "--format", form)
    assert "\x1b" not in output
    assert "\x07" not in output
    assert "\n\\input" not in output


def test_huge_numbers_are_no_warning(tmp_path: Path) -> None:
    for seed in range(3):
        write_run(tmp_path, ["model=ae", f"seed={seed}"], roc_auc=1e308, training_gain=-1e308)
    assert max(map(len, table(tmp_path).splitlines())) < 300
    assert json.loads(table(tmp_path, "--json"))["groups"][0]["n"] == 3


def test_an_equal_sign_may_be_doubled(runs: Path) -> None:
    assert set(summarize([runs], filters=["model==ae"]).rows["model"]) == {"ae"}


@pytest.mark.parametrize("form", ["table", "csv", "markdown", "latex", "json"])
def test_the_name_of_a_folder_need_not_be_utf_8(tmp_path: Path, form: str) -> None:
    folder = write_run(tmp_path, ["model=ae"])
    try:
        folder.rename(os.fsdecode(os.fsencode(tmp_path) + b"/ae\xff"))
    except OSError:
        pytest.skip("a file system that takes no such name")
    write_run(tmp_path, ["model=pca"])
    output = table(tmp_path, "--format", form)
    assert "\udcff" not in output
    assert "pca" in output
