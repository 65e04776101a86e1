"""Tests of data versions: other bytes are another task; the same bytes are one, at any path."""

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adbench.analysis.summary import Summary, summarize_runs
from adbench.analysis.tables import groups_sheet
from adbench.reporting.build import report
from adbench.results.record import DONE, FAILED, INCOMPLETE, Run
from adbench.results.versions import with_one_path
from adbench.runner.run import train


def digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


def a_run(model: str, seed: int, files: dict[str, str], status: str = DONE, value: float = 0.5, **data: Any) -> Run:
    """A run on these files, name -> content; none if it ended before reading them."""
    config = {"choices": {"data": "table", "model": model}, "data": {"path": "rows.csv"} | data, "seed": seed}
    environment = {"data_sha256": {name: digest(content) for name, content in files.items()}} if files else {}
    metrics = {"roc_auc": value, "control/mean_abs_z/roc_auc": value / 2} if status == DONE else {}
    folder = Path(f"{model}-{seed}-{'-'.join(files.values())}-{data}-{status}")
    return Run(folder, status, config, metrics, environment)


def by_version(summary: Summary) -> dict[tuple[str, str], Any]:
    return {(row["data"], row["model"]): row for row in summary.groups.to_dict("records")}


V1, V2 = {"rows.csv": "one"}, {"rows.csv": "two"}
NAMES = {"one": f"table@{digest('one')[:6]}", "two": f"table@{digest('two')[:6]}"}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ae", "knn"]),
            st.integers(0, 2),
            st.sampled_from(["one", "two", "three"]),
            st.sampled_from([DONE, DONE, FAILED]),
        ),
        min_size=1,
        max_size=18,
        unique_by=lambda of: of[:3],
    ),
    st.sampled_from([("data", "model", "settings"), ("model",), ("model", "data"), ("seed",)]),
)
@settings(max_examples=40, deadline=None)
def test_no_mean_rank_or_pair_is_over_several_versions(of_runs: list[Any], by: tuple[str, ...]) -> None:
    base = {"one": 0.1, "two": 0.5, "three": 0.8}  # far apart, so that a mean over two is recognisable
    runs = [
        a_run(model, seed, {"rows.csv": content}, status, base[content] + seed / 100 + (model == "ae") / 50)
        for model, seed, content, status in of_runs
    ]
    summary = summarize_runs(runs, by=by)
    if len({content for _, _, content, _ in of_runs}) == 1:
        assert set(summary.rows["data"]) == {"table"}
    for row in summary.groups.to_dict("records"):
        low, high = row.get("roc_auc", float("nan")), row.get("roc_auc", float("nan"))
        assert pd.isna(low) or any(at <= low and high < at + 0.1 for at in base.values())
    assert (summary.controls.empty) or summary.controls["roc_auc"].map(
        lambda mean: any(at / 2 <= mean < at / 2 + 0.05 for at in base.values())
    ).all()
    n_versions = summary.rows[summary.rows["status"] == DONE].groupby("data")["model"].nunique()
    for row in summary.pairs.to_dict("records"):
        assert row["n_tasks"] <= (n_versions > 1).sum()
        assert row["difference"] == pytest.approx(0.02)


def test_a_version_is_named_where_there_are_several_and_failures_before_reading_apart() -> None:
    runs = [a_run("knn", seed, V1, value=0.9) for seed in range(3)]
    summary = summarize_runs([*runs, a_run("knn", 3, {}, FAILED)])
    assert [(r["data"], r["n"], r["failed"]) for r in summary.groups.to_dict("records")] == [("table", 3, 1)]
    assert not any("sha256" in note for note in groups_sheet(summary).notes)
    more = [a_run(model, seed, V2, value=0.6) for model in ("knn", "pca") for seed in range(2)]
    summary = summarize_runs([*runs, *more, a_run("knn", 3, {}, FAILED), a_run("knn", 4, {}, INCOMPLETE)])
    found = by_version(summary)
    assert set(found) == {
        (NAMES["one"], "knn"),
        (NAMES["two"], "knn"),
        (NAMES["two"], "pca"),
        ("table@unknown", "knn"),
    }
    assert (found[NAMES["one"], "knn"]["n"], found[NAMES["one"], "knn"]["missing"]) == (3, 0)
    assert (found["table@unknown", "knn"]["n"], found["table@unknown", "knn"]["failed"]) == (0, 1)
    assert any("sha256" in note for note in groups_sheet(summary).notes)
    assert not any("do not agree" in note for note in groups_sheet(summary).notes)


def test_a_filter_by_the_data_means_all_versions_or_one() -> None:
    runs = [a_run("knn", 0, V1), a_run("knn", 0, V2), a_run("pca", 0, V2)]
    assert set(summarize_runs(runs, filters=["data=table"]).rows["data"]) == set(NAMES.values())
    one = summarize_runs(runs, filters=[f"data={NAMES['one']}"])
    assert one.rows[["data", "model"]].values.tolist() == [["table", "knn"]]  # nothing left to distinguish it from
    assert len(summarize_runs(runs, filters=[f"data!={NAMES['one']}"]).rows) == 2


def test_versions_that_begin_alike_get_more_digits_and_several_files_are_one_version() -> None:
    contents = [{"rows.csv": "one"}, {"rows.csv": "two"}]
    runs = [a_run("knn", 0, files) for files in contents]
    for run, end in zip(runs, "ab", strict=True):
        run.environment["data_sha256"] = {"rows.csv": "0" * 63 + end}
    assert set(summarize_runs(runs).rows["data"]) == {f"table@{'0' * 63}{end}" for end in "ab"}
    two = [a_run("knn", 0, {"a.csv": "one", "b.csv": last}, path="*.csv") for last in ("two", "three")]
    assert len(set(summarize_runs(two).rows["data"])) == 2


def test_the_same_bytes_are_one_task_wherever_they_lie() -> None:
    runs = [a_run("knn", 0, V1), a_run("pca", 0, {"/home/rows.csv": "one"}, path="/home/rows.csv")]
    summary = summarize_runs(runs)
    assert set(summary.groups["task"]) == {"table"}
    assert not summary.groups["settings"].any()
    assert len(summary.pairs) == 1
    # Other bytes at a third path: the task is named by the shortest one.
    more = a_run("pca", 0, {"other.csv": "two"}, path="other.csv")
    assert set(summarize_runs([*runs, more]).groups["task"]) == {
        "table data.path=rows.csv",
        "table data.path=other.csv",
    }


def test_which_file_is_tested_is_not_forgotten() -> None:
    there = a_run("knn", 0, {"a.csv": "one", "b.csv": "two"}, path="a.csv", test_path="b.csv")
    back = a_run("pca", 0, {"b.csv": "two", "a.csv": "one"}, path="b.csv", test_path="a.csv")
    moved = a_run("pca", 1, {"x/a.csv": "one", "x/b.csv": "two"}, path="x/a.csv", test_path="x/b.csv")
    assert [run.config["data"]["path"] for run in with_one_path([there, back, moved])] == ["a.csv", "b.csv", "a.csv"]
    # Three files under two keys: the mapping is ambiguous.
    files = {"a.csv": "one", "b.csv": "two", "c.csv": "three"}
    runs = [a_run("knn", 0, files, path="a.csv", test_path=["b.csv", "c.csv"])]
    runs += [a_run("knn", 0, files, path=["a.csv", "b.csv"], test_path="c.csv")]
    assert with_one_path(runs) == runs


def test_a_file_that_was_replaced_between_two_runs(tmp_path: Path) -> None:
    words = ["model=knn", "data=table", f"data.path={tmp_path / 'rows.csv'}", "data.label=label", "target_fpr=0.2"]
    for content in range(2):
        frame = pd.DataFrame({"x": [(i * 7 + content) % 50 for i in range(200)], "y": range(200)})
        frame.assign(label=[int(i % 10 == 0) for i in range(200)]).to_csv(tmp_path / "rows.csv", index=False)
        train([*words, f"runs_dir={tmp_path / 'runs'}"])
    made = report([tmp_path / "runs"], tmp_path / "report.html", only="ranks")
    assert (made.n_finished, made.n_configurations) == (2, 2)
    page = (tmp_path / "report.html").read_text()
    assert page.count("ranks first of 1 configuration,") == 2
    assert "the bytes of these files changed between runs" in page
