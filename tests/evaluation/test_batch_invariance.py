"""Tests of batch invariance: changed states and scores against mere counters and rounding."""

import threading
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from torch import nn

from adbench.errors import ScoresError
from adbench.evaluation.batch_invariance import Trial, try_rows
from adbench.evaluation.state import State

X = np.random.default_rng(0).normal(size=(400, 5))


class Plugin:
    """An object with attributes of many kinds."""

    shared: list[int] = []  # noqa: RUF012  # of the class, which is the mistake

    def __init__(self) -> None:
        self.array, self.nested, self.rng = np.arange(5.0), [1, {"x": np.float32(3)}], np.random.default_rng(0)
        self.lock, self.function, self.itself = threading.Lock(), lambda x: x + self.array[0], self
        self.net = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4))


def changed_by(plugin: Any, change: Any) -> str | None:
    before = State(plugin)
    change(plugin)
    return before.changed(State(plugin))


CHANGES = {
    "array": lambda plugin: plugin.array.__setitem__(2, 9.0),
    "nested": lambda plugin: plugin.nested[1].update(x=np.float32(4)),
    "rng": lambda plugin: plugin.rng.random(),
    "Plugin.shared": lambda plugin: plugin.shared.append(1),
    "new": lambda plugin: setattr(plugin, "new", 3),
    "net": lambda plugin: plugin.net.train()(torch.ones(5, 5)),  # its running statistics
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_named(name: str) -> None:
    plugin = Plugin()
    assert changed_by(plugin, lambda _: None) is None
    assert changed_by(plugin, lambda one: one.net.eval()(torch.ones(5, 5))) is None
    assert changed_by(plugin, CHANGES[name]) == name


@pytest.mark.parametrize(
    "model", [IsolationForest(n_estimators=10), LocalOutlierFactor(novelty=True, algorithm="kd_tree")]
)
def test_a_library_that_counts_its_look_ups_has_not_learned(model: Any) -> None:
    model.fit(X)
    assert changed_by(model, lambda one: one.score_samples(X[:50])) is None
    assert changed_by(model, lambda one: one.fit(X[:100])) is not None


def test_what_is_built_at_first_use_is_built_of_fit_rows() -> None:
    class Late:
        def score(self, x: Any) -> Any:
            self.centre = getattr(self, "centre", x.mean(axis=0))
            return np.abs(x - self.centre).sum(axis=1)

    late = Late()
    trial = try_rows(late, lambda one, rows: one.score(X[rows]), len(X), warm=lambda one: one.score(X[:8]))
    trial.require_same(late, late.score(X))


def require(found: Any, together: Any) -> None:
    """Require that recomputed results of rows equal those of all rows together."""
    rows = np.arange(len(together))
    Trial(rows, (found[:1], found[1:2], found), State(None), "score", "scoring", "detector").require_same(
        None, together
    )


def test_rounding_is_the_same_and_a_thousandth_of_the_spread_is_not() -> None:
    rng = np.random.default_rng(1)
    for size in (1e-6, 1.0, 1e9):
        scores = size * rng.lognormal(sigma=3, size=500)
        require(scores * (1 + 1e-6 * rng.normal(size=500)), scores)
        with pytest.raises(ScoresError, match="to be the same alone and among the other rows, got "):
            require(scores + 0.01 * (np.quantile(scores, 0.75) - np.quantile(scores, 0.25)), scores)
    constant = np.full(500, 5.0)
    require(constant + 1e-6, constant)
    nothing = 1e-30 * rng.random(500)  # squared rounding errors of reconstructed rows
    require(nothing[::-1], nothing)
    copies = np.where(np.arange(500) % 10 == 9, 5.0, 1e-8 * rng.random(500))  # distances between copies
    require(copies + 1e-8 * rng.random(500), copies)
    broken = np.where(np.arange(500) % 9 == 0, np.nan, np.arange(500.0))  # refused later with another message
    require(broken * (1 + 1e-7), broken)
    counts = rng.integers(0, 300, 500).astype(float)
    turned = counts.copy()
    turned[[100, 200]] += 1  # by rounding, for a score that counts rows below
    require(turned, counts)
    with pytest.raises(ScoresError):
        require(counts + (np.arange(500) == 0), counts)  # alone


def test_a_plugin_that_cannot_be_copied_is_looked_at_all_the_same() -> None:
    class Uncopied:
        def __deepcopy__(self, _: Any) -> Any:
            raise TypeError("a handle of a library")

        def score(self, x: Any) -> Any:
            self.high = max(getattr(self, "high", 0.0), float(x.max()))
            return x.sum(axis=1)

    plugin = Uncopied()
    trial = try_rows(plugin, lambda one, rows: one.score(X[rows]), len(X), warm=lambda one: one.score(X[:8] / 9))
    with pytest.raises(ScoresError, match="expected scoring to leave the detector as it was, got another 'high'"):
        trial.require_same(plugin, plugin.score(X))


@pytest.mark.parametrize("keeps", [True, False])
def test_a_batch_norm_is_named_though_a_row_alone_goes_through_it(keeps: bool) -> None:
    class Normed:
        def __init__(self) -> None:
            self.net = nn.BatchNorm1d(5, track_running_stats=keeps)

        def score(self, x: Any) -> Any:
            several = torch.from_numpy(np.concatenate([x, x]))  # a single row has no variance
            return self.net(several.float())[: len(x)].square().sum(dim=1).detach().numpy()

    plugin = Normed()
    trial = try_rows(plugin, lambda one, rows: one.score(X[rows]), len(X), warm=lambda one: one.score(X[:8]))
    with pytest.raises(ScoresError, match="BatchNorm is in training mode or without running statistics.*use LayerNorm"):
        trial.require_same(plugin, plugin.score(X))
    plugin.net.eval()
    if keeps:  # a row's score does not depend on others
        trial = try_rows(plugin, lambda one, rows: one.score(X[rows]), len(X), warm=lambda one: one.score(X[:8]))
        trial.require_same(plugin, plugin.score(X))
