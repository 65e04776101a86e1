"""Several seeds trained as one batched network, against one seed alone, PyOD, and the matrix multiplications alone.

Cost: the time of K fused seeds over that of one. Bound: the batched matrix multiplications of K hand-written networks
alone, forward and backward; share: the bound over the fused training; rows/s: of all seeds together. PyOD trains one
seed, with its defaults and, bare, without everything that our network does not have (see scripts/bench/peers.py). On
NSL-KDD's fit rows, interleaved in this process, medians, with one thread and with all cores.
"""

import os
from functools import partial
from math import nan
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from adbench.arrays.columns import Columns
from adbench.arrays.types import Matrix
from adbench.config.instantiate import build
from adbench.config.keys import Config
from adbench.models.neural import NeuralDetector
from adbench.training.stacking import stack
from adbench.training.trainer import Training
from scripts.bench.peers import Way, adbench, bare_pyod, pyod, setting
from scripts.bench.plain_networks import plain
from scripts.bench.training import fit_matrix, in_turn

MODELS = ("ae", "vae", "gan")
SEEDS = (1, 2, 4, 8, 16)
EPOCHS, REPETITIONS = 2, 3
PRODUCTS = {torch.ops.aten.mm.default: (0, 1), torch.ops.aten.addmm.default: (1, 2)}  # -> positions of the factors


def main() -> None:
    print(__doc__.splitlines()[0])
    x = fit_matrix()
    print(f"{len(x):,} rows, medians of {REPETITIONS} interleaved repetitions of {EPOCHS} epochs")
    print("model  threads  seeds  cost  cost a seed  bound's cost  share     rows/s  PyOD/seed  bare/seed  bare/bound")
    for threads in sorted({1, os.cpu_count() or 1}):
        for model in MODELS:
            compare(model, threads, x)


def compare(model: str, threads: int, x: Matrix) -> None:
    """Print one line per number of seeds. PyOD has no counterpart of gan."""
    config = setting(model, EPOCHS, f"trainer.threads={threads}")
    ways: dict[str, tuple[Way, Config]] = {"one": (adbench, config)}
    if model != "gan":
        ways |= {"PyOD": (pyod, setting(model, 1, f"trainer.threads={threads}")), "bare": (bare_pyod, config)}
    for k in SEEDS:
        ways |= {f"fused {k}": (partial(train_fused, k), config), f"bound {k}": (partial(multiply, k), config)}
    taken = in_turn(ways, x, REPETITIONS)
    one, of_pyod, of_bare = taken["one"], taken.get("PyOD", nan), taken.get("bare", nan)
    for k in SEEDS:
        fused, bound = taken[f"fused {k}"], taken[f"bound {k}"]
        print(
            f"{model:5}  {threads:7}  {k:5}  {fused / one:4.2f}  {fused / one / k:11.3f}  {bound / one:12.2f}  "
            f"{bound / fused:5.2f}  {k / fused:9,.0f}  {of_pyod * k / fused:9.2f}  {of_bare * k / fused:9.2f}  "
            f"{of_bare * k / bound:10.2f}",
            flush=True,
        )


def train_fused(k: int, config: Config, x: Matrix) -> int:
    """Train K seeds as one network; returns the rows processed per seed."""
    detectors = [build(config["model"], "model", columns=Columns.numbers(x.shape[1])) for _ in range(k)]
    return fit_fused(detectors, [x] * k, Training(build(config["trainer"], "trainer", seed=0)))


def fit_fused(detectors: list[NeuralDetector], xs: list[Matrix], training: Training) -> int:
    """Train detectors of one configuration together, each on its own rows; returns the rows of one."""
    if len(detectors) == 1:
        return training.fit(detectors[0], xs[0])
    seeds = list(range(len(detectors)))
    states = [(torch.Generator().manual_seed(seed).get_state(), seed) for seed in seeds]
    stacked = stack(detectors, [x.shape[1] for x in xs], states)
    return training.fit_stacked(stacked, xs, seeds)


def multiply(k: int, config: Config, x: Matrix) -> int:
    """Only the matrix products of a training of K networks."""
    batch_size, epochs = config["trainer"]["batch_size"], config["trainer"]["max_epochs"]
    operands = [(widen(a, k), widen(b, k)) for a, b in products_of_a_step(config, torch.from_numpy(x[:batch_size]))]
    n_steps = len(x) * epochs // batch_size
    for _ in range(n_steps):
        for a, b in operands:
            torch.bmm(a, b)
    return n_steps * batch_size


def products_of_a_step(config: Config, batch: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The operands of every matrix product, forward and backward, of one step of all objectives."""
    network = plain(config, batch.shape[1])
    with Products() as found:
        for loss, player in zip(network.losses(batch), network.players(), strict=True):
            loss.backward(inputs=player)
    return found.operands


class Products(TorchDispatchMode):
    """Records the operands of matrix products."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operands: list[tuple[Tensor, Tensor]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in PRODUCTS:
            first, second = PRODUCTS[func]
            self.operands.append((args[first].detach(), args[second].detach()))
        return func(*args, **(kwargs or {}))


def widen(matrix: Tensor, k: int) -> Tensor:
    """K copies with the matrix's memory layout: a transposed one stays transposed."""
    if matrix.is_contiguous():
        return matrix.repeat(k, 1, 1)
    return matrix.T.repeat(k, 1, 1).mT


if __name__ == "__main__":
    main()
