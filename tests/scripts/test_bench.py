"""Tests of the speed scripts: they compare the same work, and run."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from adbench.arrays.columns import Columns
from adbench.config.instantiate import build
from scripts.bench import fused as bench_fused
from scripts.bench import gpu as bench_gpu
from scripts.bench import peers
from scripts.bench import scaling as bench_scaling
from scripts.bench.plain_networks import NETWORKS, plain

N_COLUMNS = 20


@pytest.mark.parametrize("model", NETWORKS)
def test_the_hand_written_network_has_the_losses_and_gradients_of_the_detector(model: str) -> None:
    config = peers.setting(model, 1)
    detector = build(config["model"], "model", columns=Columns.numbers(N_COLUMNS))
    network = plain(config, N_COLUMNS)
    for own, theirs in zip(network.parameters(), detector.parameters(), strict=True):
        own.data.copy_(theirs.data)
    x = torch.rand(32, N_COLUMNS)
    torch.manual_seed(1)
    differences = []
    objectives = [(loss_of, list(parameters)) for loss_of, parameters in detector.objectives()]
    for loss, player, (loss_of, trained) in zip(network.losses(x), network.players(), objectives, strict=True):
        loss.backward(inputs=player)
        torch.manual_seed(1)
        expected = loss_of(x)
        expected.backward(inputs=trained)
        differences.append((expected - loss).item())
        for own, theirs in zip(player, trained, strict=True):
            torch.testing.assert_close(own.grad, theirs.grad)
    constant = N_COLUMNS * 0.5 * np.log(2 * np.pi) if model == "vae" else 0.0  # of a normal density, without gradient
    assert differences == pytest.approx([constant] * len(differences), abs=1e-4)


@pytest.mark.parametrize("way", [peers.adbench, peers.hand_written, peers.deepod_style])
@pytest.mark.parametrize("model", NETWORKS)
def test_every_way_goes_through_all_rows_in_every_epoch(model: str, way: peers.Way) -> None:
    assert way(peers.setting(model, 2), np.random.default_rng(0).random((300, 6), dtype=np.float32)) == 600


@pytest.mark.filterwarnings("ignore")  # PyOD's own
@pytest.mark.parametrize("model", bench_scaling.MODELS)
def test_pyod_trains_as_many_parameters(model: str) -> None:
    """Except the standard deviations of the vae's columns, which `bare_pyod` accounts for, raising otherwise."""
    pytest.importorskip("pyod")
    x = np.random.default_rng(0).random((600, N_COLUMNS), dtype=np.float32)
    assert peers.bare_pyod(peers.setting(model, 1), x) == peers.pyod(peers.setting(model, 1), x) == 512  # not the last


def test_the_bound_counts_every_multiplication_of_a_step() -> None:
    operands = bench_fused.products_of_a_step(peers.setting("ae", 1), torch.rand(8, N_COLUMNS))
    forward = [(N_COLUMNS, 256), (256, 128), (128, 16), (16, 128), (128, 256), (256, N_COLUMNS)]
    assert [(a.shape[1], b.shape[1]) for a, b in operands[:6]] == forward
    assert len(operands) == 3 * len(forward) - 1  # the rows themselves have no gradient
    a, b = operands[-1]
    torch.testing.assert_close(bench_fused.widen(a, 3)[2] @ bench_fused.widen(b, 3)[2], a @ b)


def test_scaling_writes_its_table_and_pictures_and_keeps_the_other_axes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for axis in ("rows", "columns"):
        monkeypatch.setattr(sys, "argv", ["scaling.py", "--quick", "--axes", axis, "--out", str(tmp_path)])
        bench_scaling.main()
    measured = pd.read_csv(tmp_path / "speed.csv")
    assert set(measured["axis"]) == {"rows", "columns"}
    assert (measured["us_per_row"] > 0).all()
    assert {path.name for path in tmp_path.glob("*.png")} == {"speed-rows.png", "speed-columns.png"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_without_a_cuda_device_one_sentence_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        bench_gpu.main()
    assert stopped.value.code == 2
    expected = "expected a CUDA device, got none; run make bench-gpu on a machine with one\n"
    assert capsys.readouterr() == ("", expected)
