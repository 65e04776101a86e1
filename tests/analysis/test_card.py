"""Tests of a dataset's card: its counts and its warnings."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from adbench.analysis.dataset_card import card, describe
from adbench.cli.main import app
from adbench.data.base import Features, Table
from adbench.protocols.leaks import best_column, row_identity


def features(numeric: list[list[float]], codes: list[int], values: str) -> Features:
    x = np.array(numeric, dtype=np.float64).T
    return Features(x, tuple("abcdef"[: x.shape[1]]), np.array([codes], dtype=np.int32).T, {"k": tuple(values)})


def table(of: Features, label: list[int], is_test: list[int]) -> Table:
    kinds = np.where(np.array(label) == 1, "odd", "normal")
    return Table("tiny", of, np.array(label, dtype=np.int8), kinds, kinds, np.array(is_test, dtype=bool), {})


def test_rows_are_counted_within_and_across_the_parts() -> None:
    of = features([[1, 1, 1, 2, 1, 2, 3], [7, 7, 7, 7, 7, 7, 7]], [0, 0, 1, 0, 0, 0, 0], "xy")
    found = describe(table(of, [0, 0, 1, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1, 1]))
    assert found["parts"] == {
        "training": {
            "rows": 4,
            "anomalies": 1,
            "base_rate": 0.25,
            "families": {"normal": 3, "odd": 1},
            "duplicate_rows": 1,
        },
        "test": {
            "rows": 3,
            "anomalies": 2,
            "base_rate": 2 / 3,
            "families": {"normal": 1, "odd": 2},
            "duplicate_rows": 0,
        },
    }
    assert found["test_rows_also_in_training"] == 2
    assert found["rows_of_both_labels"] == 2
    assert found["constant_columns"] == ["b"]
    assert json.loads(json.dumps(found)) == found


def test_identity_is_that_of_the_rows() -> None:
    rng = np.random.default_rng(0)
    of = features(rng.integers(0, 3, (4, 500)).tolist(), rng.integers(0, 2, 500).tolist(), "xy")
    identity = row_identity(of)
    rows = [(*x, c) for x, c in zip(of.numeric.tolist(), of.codes[:, 0].tolist(), strict=True)]
    assert len(set(identity.tolist())) == len(set(rows)) == len(set(zip(identity.tolist(), rows, strict=True)))


def test_the_best_column_is_found_whichever_way_it_points() -> None:
    rng = np.random.default_rng(0)
    label = (rng.random(2000) < 0.3).astype(np.int8)
    noise = rng.normal(size=2000)
    low = features([noise.tolist(), (noise - 3 * label).tolist()], [0] * 2000, "x")
    found = best_column(low, label, np.arange(2000))
    assert (found["column"], found["anomalies_have"]) == ("b", "low values")
    assert found["roc_auc"] > 0.95
    telling = features([noise.tolist()], np.where(rng.random(2000) < 0.95, label, 1 - label).tolist(), "xy")
    found = best_column(telling, label, np.arange(2000))
    assert (found["column"], found["anomalies_have"]) == ("k", "values of their own")
    assert 0.9 < found["roc_auc"] < 0.98
    # A unique value per row reveals nothing about other rows' labels.
    unique = features([noise.tolist()], list(range(2000)), "".join(map(chr, range(1000, 3000))))
    assert best_column(unique, label, np.arange(2000))["roc_auc"] < 0.6


def test_the_best_column_is_looked_for_without_test_labels() -> None:
    of = features([[0, 1, 0, 1], [0, 0, 1, 1]], [0] * 4, "x")
    both = table(of, [0, 1, 0, 1], [0, 0, 1, 1])
    assert describe(both)["best_column"] == {
        "column": "a",
        "roc_auc": 1.0,
        "anomalies_have": "high values",
        "looked_at": "training part",
    }
    other_test = table(of, [0, 1, 1, 0], [0, 0, 1, 1])
    assert describe(other_test)["best_column"] == describe(both)["best_column"]
    one_class = describe(table(of, [0, 0, 0, 1], [0, 0, 1, 1]))
    assert one_class["best_column"]["looked_at"] == "whole table, whose training part has no anomaly"
    whole = describe(table(of, [0, 0, 0, 1], [0] * 4))
    assert whole["best_column"]["looked_at"] == "whole table, which has no test part"
    assert (list(whole["parts"]), whole["test_rows_also_in_training"]) == (["all rows"], None)


def test_a_column_that_nearly_solves_it_is_warned_of() -> None:
    label = [0] * 50 + [1] * 50
    solved = describe(table(features([list(range(100))], [0] * 100, "x"), label, [0] * 100))
    assert any("a ALONE tells anomalies from normal rows, AUROC 1.000" in warning for warning in solved["warnings"])
    hard = describe(table(features([[i % 50 for i in range(100)]], [0] * 100, "x"), label, [0] * 100))
    assert not any("AUROC" in warning for warning in hard["warnings"])


def test_the_card_of_nslkdd_has_the_published_numbers() -> None:
    found = card("nslkdd")
    assert {name: (part["rows"], part["anomalies"]) for name, part in found["parts"].items()} == {
        "training": (125_973, 58_630),
        "test": (22_544, 12_833),
    }
    assert found["parts"]["training"]["duplicate_rows"] == 16
    assert found["parts"]["test"]["duplicate_rows"] == 57
    assert found["test_rows_also_in_training"] == 664  # 610 of them under the same attack type
    assert found["constant_columns"] == ["num_outbound_cmds"]
    assert "Tavallaee" in found["citation"]


@pytest.mark.parametrize("as_json", [False, True])
def test_the_command_shows_a_table_of_ones_own(as_json: bool, tmp_path: Path) -> None:
    rows = "".join(f"{3 * i},{'a[red]b[/red]'},{int(i > 90)}\n" for i in range(100))
    (tmp_path / "rows.csv").write_text(f"amount,kind,y\n{rows}")
    arguments = ["data", "show", "table", f"data.path={tmp_path / 'rows.csv'}", "data.label=y"]
    result = CliRunner().invoke(app, [*arguments, *(["--json"] if as_json else [])])
    assert result.exit_code == 0, result.stderr
    if as_json:
        assert json.loads(result.stdout)["best_column"]["column"] == "amount"
    else:
        for words in ("amount, AUROC 1.000", "kind (1 values)", "constant", "0.0900", "warning: amount ALONE tells"):
            assert words in result.stdout
