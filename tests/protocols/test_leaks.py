"""Tests of leakage checks: a copy of the label is refused, a lucky small table is not, the rest is a warning."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from adbench.cli.main import app
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.data import nslkdd
from adbench.data.base import Features, Table
from adbench.errors import ConfigError, DataError
from adbench.evaluation.ranking import placement_values
from adbench.protocols.leaks import COPY_VALUES, best_column, label_copies, leaks_of
from adbench.results.record import read_run
from adbench.runner.run import train


def table_of(column: np.ndarray, label: np.ndarray, is_test: np.ndarray | None = None) -> Table:
    kinds = np.where(label == 1, "odd", "normal")
    numeric = np.asfortranarray(np.column_stack([column, np.arange(len(label)) % 7]).astype(float))
    features = Features(numeric, ("x", "other"), np.empty((len(label), 0), np.int32), {})
    test = np.zeros(len(label), dtype=bool) if is_test is None else is_test
    return Table(
        name="t",
        features=features,
        label=label.astype(np.int8),
        family=kinds,
        attack=kinds,
        is_test=test,
        fingerprints={},
    )


def copies_in(column: np.ndarray, label: np.ndarray) -> dict[str, int]:
    table = table_of(column, label)
    return label_copies(table.features, table.label, np.arange(len(label)))


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 1000),
    n_kinds=st.integers(1, 20),
    n_normal=st.integers(1, 20),
    share=st.sampled_from([0.02, 0.1, 0.5, 0.9]),
    n=st.sampled_from([500, 9000]),
)
def test_a_copy_of_the_label_is_found_whatever_its_values_are(
    seed: int, n_kinds: int, n_normal: int, share: float, n: int
) -> None:
    rng = np.random.default_rng(seed)
    label = np.zeros(n, dtype=int)
    label[rng.permutation(n)[: max(5, int(share * n))]] = 1
    values = rng.permutation(10**6)[: n_kinds + n_normal]
    copy = values[np.where(label == 1, rng.integers(0, n_kinds, n), n_kinds + rng.integers(0, n_normal, n))]
    assert "x" in copies_in(copy, label)
    wrong = label.copy()  # with one wrong row in 250 it is still a copy, with one in ten not
    for one in (0, 1):
        of_one = np.flatnonzero(label == one)
        wrong[of_one[: len(of_one) // 250]] = 1 - one
    assert copies_in(wrong, label) == {"x": 2}
    for one in (0, 1):
        of_one = np.flatnonzero(label == one)
        missed = label.copy()
        missed[of_one[: -(-len(of_one) // 10)]] = 1 - one
        assert copies_in(missed, label) == {}


@settings(deadline=None, max_examples=60)
@given(n=st.integers(6, 49), n_anomalies=st.integers(1, 3), seed=st.integers(0, 99))
def test_a_measurement_that_separates_in_a_small_table_is_no_copy(n: int, n_anomalies: int, seed: int) -> None:
    label = (np.arange(n) < n_anomalies).astype(int)
    measured = np.round(np.random.default_rng(seed).normal(size=n), 3) + 100 * label
    assert copies_in(measured, label) == {}
    assert copies_in(label, label) == {}, "too few anomalies to prove anything"
    (warning, *_) = leaks_of(table_of(measured, label), np.arange(n)).warnings()
    assert "x ALONE tells anomalies from normal rows, AUROC 1.000" in warning


def test_many_values_are_no_copy_and_get_a_loud_line() -> None:
    label = (np.arange(4000) % 10 == 0).astype(int)
    assert copies_in(np.arange(4000) % 60 + 100 * label, label) == {}, f"more than {COPY_VALUES} values"
    assert copies_in(np.arange(4000) % 25 + 100 * label, label) == {"x": 25 + 5}
    found = leaks_of(table_of(np.random.default_rng(0).normal(size=4000) + 100 * label, label), np.arange(4000))
    assert "ALONE" in next(found.warnings())


@pytest.mark.parametrize("n", [300, 30_000])
def test_the_best_column_has_its_own_auroc_though_it_is_chosen_by_a_sample(n: int) -> None:
    rng = np.random.default_rng(0)
    label = (rng.random(n) < 0.2).astype(np.int8)
    numeric = np.asfortranarray(rng.normal(size=(n, 6)) + label[:, None] * np.linspace(0, 1.5, 6))
    features = Features(numeric, tuple("abcdef"), np.empty((n, 0), np.int32), {})
    found = best_column(features, label, np.arange(n))
    assert found["column"] == "f"
    assert found["roc_auc"] == pytest.approx(placement_values(numeric[:, 5], label).roc_auc, abs=1e-12)


def test_a_run_that_validates_is_told_nothing_of_the_test_file() -> None:
    rng = np.random.default_rng(0)
    n = 4000
    label, is_test = (rng.random(n) < 0.2).astype(int), np.arange(n) % 2 == 0
    noise = rng.normal(size=n)
    table = table_of(np.where(is_test, 100 * label + noise, noise), label, is_test)
    twins = table.take(np.concatenate([np.arange(n), np.flatnonzero(~is_test)]))
    twins = replace(twins, is_test=np.append(is_test, np.ones(n // 2, dtype=bool)))
    validating = build(compose(["protocol=labelled_validation"])["protocol"], "protocol")
    other = replace(twins, label=np.where(twins.is_test, rng.permutation(twins.label), twins.label).astype(np.int8))
    assert validating(twins, 0).warnings == validating(other, 0).warnings == ()
    testing = build(compose(["protocol=one_class"])["protocol"], "protocol")
    assert "2,000 of 4,000 test rows occur in the training part" in testing(twins, 0).warnings[0]
    assert "rows share their features with a row of the other label" in testing(other, 0).warnings[-1]


def write_rows(path: Path, copied: bool) -> None:
    rng = np.random.default_rng(0)
    lines = ["a,b,kind,y"]
    for i in range(200):
        odd = i % 10 == 0
        kind = (("dos", "probe")[i % 20 == 0] if odd else "fine") if copied else "xyz"[i % 3]
        lines.append(f"{rng.normal():.4f},{rng.normal() + 50 * odd:.4f},{kind},{int(odd)}")
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("copied", [True, False])
def test_train_refuses_a_copy_and_says_the_rest_on_stderr_in_the_panel_and_in_the_record(
    copied: bool, tmp_path: Path
) -> None:
    write_rows(tmp_path / "rows.csv", copied)
    keys = [f"data.path={tmp_path / 'rows.csv'}", "data.label=y", "data.drop=[a]", f"runs_dir={tmp_path / 'runs'}"]
    arguments = ["train", "model=knn", "data=table", "target_fpr=0.1", *keys]
    result = CliRunner().invoke(app, arguments)
    if copied:
        assert result.exit_code == 2
        for words in ("the column kind, whose 3 values", "data.drop=[a,kind]", "data.family=kind"):
            assert words in result.stderr
        return
    warning = "b ALONE tells anomalies from normal rows, AUROC 1.000"
    assert f"adbench: warning: {warning}" in result.stderr
    assert "data.drop=[a,b] shows what is left" in result.stderr
    assert f"warning: {warning}" in result.stdout
    (folder,) = (tmp_path / "runs").iterdir()
    assert [warning in one for one in read_run(folder).environment["warnings"]] == [True]
    # Warnings are repeated from the cache.
    again = CliRunner().invoke(app, [*arguments, "--force", "--json"])
    assert warning in again.stderr
    assert json.loads(again.stdout)["status"] == "done"


def test_a_copy_in_the_test_file_alone_is_refused_too() -> None:
    label = (np.arange(400) % 8 == 0).astype(int)
    table = table_of(label * 3, label, is_test=np.arange(400) >= 200)
    table = replace(table, label=np.where(table.is_test, label, 0).astype(np.int8))
    table = table.take(np.flatnonzero(table.is_test | (label == 0)))
    with pytest.raises(
        DataError,
        match=r"the column x, whose 2 values .* leave it out with data.drop=\[x\]; .* measured=\[x\] keeps it$",
    ):
        build(compose([])["protocol"], "protocol")(table, 0)


def test_a_measurement_that_tells_the_label_is_kept_by_the_users_word(tmp_path: Path) -> None:
    path = tmp_path / "temperatures.csv"
    lines = [f"{60 + i % 15 if i < 100 else 15 + i % 15},{i * i % 13},{int(i < 100)}" for i in range(1500)]
    path.write_text("\n".join(["temp,other,y", *lines]))
    words = ["model=pca", "data=table", f"data.path={path}", "data.label=y", "data.normal=0", f"runs_dir={tmp_path}"]
    words.append(f"cache={tmp_path / 'cache'}")
    with pytest.raises(DataError, match=r"the column temp, .* measured=\[temp\] keeps it$"):
        train(words)
    run = train([*words, "measured=[temp]"])
    assert run.status == "done"
    assert any("temp ALONE tells anomalies" in warning for warning in run.environment["warnings"])
    with pytest.raises(DataError, match="the column temp"):  # neither the run nor its cached rows are reused by others
        train(words)
    with pytest.raises(ConfigError, match="expected measured to list columns of table, got 'tmp'; did you mean temp"):
        train([*words, "measured=[tmp]"])


def test_a_bundled_dataset_says_what_it_left_out_already_and_nothing_of_a_key_that_it_has_not(
    quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = nslkdd.load

    def load(folder: str | None = None, test: str = "test+", drop: list[str] | None = None) -> Table:
        table = honest(folder, test, drop)
        kinds = np.asfortranarray(np.column_stack([table.features.codes, table.attack.codes]), np.int32)
        vocabularies = table.features.vocabularies | {"attack_cat": tuple(map(str, table.attack.values))}
        return replace(table, features=replace(table.features, codes=kinds, vocabularies=vocabularies))

    monkeypatch.setattr(nslkdd, "load", load)
    monkeypatch.setattr(load, "__module__", "adbench.data.nslkdd")
    with pytest.raises(
        DataError,
        match=r"the column attack_cat, whose .* data\.drop=\[land,attack_cat\]; if .* measured=\[attack_cat\]",
    ):
        train(["model=pca", "data.drop=[land]", *quick])


def test_a_part_without_anomalies_is_refused_before_anything_is_trained(quick: list[str], tmp_path: Path) -> None:
    arguments = ["train", "model=pca", "protocol=labelled_validation", "data.test=both", *quick]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert (
        "expected normal and anomalous test rows of the part test-21 of nslkdd, got 0 anomalies in 0" in result.stderr
    )
    assert "data.test=test+" in result.stderr
    assert not list((tmp_path / "runs").glob("*"))
    label = (np.arange(400) % 8 == 0).astype(int)
    table = table_of(np.arange(400) % 3, label, is_test=np.arange(400) >= 200)
    table = replace(table, subsets={"easy": table.is_test & (label == 0)})
    with pytest.raises(DataError, match="of the part easy of t, got 0 anomalies in 175 rows"):
        build(compose([])["protocol"], "protocol")(table, 0)


def test_gaps_are_marked_where_fit_rows_have_some(tmp_path: Path) -> None:
    def lines(gap: int) -> str:
        return "".join(f"{'' if i == gap else i % 13},{i % 5},{int(i % 4 == 0)}\n" for i in range(200))

    head = "a,b,y\n"
    for in_train, in_test, marked in ((9, 9, True), (9, -1, True), (-1, 9, False), (-1, -1, False)):
        (tmp_path / "train.csv").write_text(head + lines(in_train))
        (tmp_path / "test.csv").write_text(head + lines(in_test) + "3,3,0\n")
        paths = [
            f"data.{key}={tmp_path / name}" for key, name in {"path": "train.csv", "test_path": "test.csv"}.items()
        ]
        keys = ["data=table", "data.label=y", "data.missing=impute", "protocol.calibration_fraction=0.01", *paths]
        config = compose(keys)
        split = build(config["protocol"], "protocol")(build(config["data"], "data"), 0)
        names = ("a", "b", "a is missing") if marked else ("a", "b")
        assert split.fit.numeric_names == split.test.numeric_names == names
        said = [
            one for one in split.warnings if one.startswith("1 test rows say 'a is missing', which no fit row does")
        ]
        assert len(said) == (not marked and in_test >= 0)
