"""Tests of the script of published protocols: both cuts are read off the same runs."""

import pytest

from adbench.runner.run import train
from scripts.validate import published


def test_the_cut_without_ties_is_read_off_a_run_with_them(quick: list[str]) -> None:
    words = [*quick, "model=iforest", "model.n_trees=1", "threshold=top_fraction"]  # one tree: most rows tie
    with_ties, above = (train([*words, f"threshold.percentile={rule}"]) for rule in ("at_least", "above"))
    read_off = published.without_ties(with_ties)
    assert with_ties.metrics["recall"] > above.metrics["recall"] > 0
    for metric in ("precision", "recall", "f1", "roc_auc"):
        assert read_off[metric] == pytest.approx(above.metrics[metric])
