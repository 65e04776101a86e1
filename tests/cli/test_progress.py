import io
import re

import pytest
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from rich.console import Console

from adbench.cli.display import run_progress as progress
from adbench.runner.run import Reporter, train


def test_training_shows_steps_losses_speed_and_time_left(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "REFRESHES_PER_SECOND", 10_000)
    screen = io.StringIO()
    with progress.RichReporter(Console(file=screen, force_terminal=True, width=160)) as reporter:
        run = train(["model=gan", *quick, "trainer.batches_per_step=1"], reporter=reporter)
    assert run.status == "done", run.error
    shown = screen.getvalue()
    batches = 2 * -(-int(run.metrics["n_fit"]) // 256)
    line = rf"epoch [12]/2  step \d+/{batches}  discriminator_loss [\d.]+  generator_loss [\d.]+  [\d,]+ rows/s"
    assert re.search(line, shown)
    assert "evaluate" in shown


def test_a_resumed_training_starts_its_bar_where_it_was(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "REFRESHES_PER_SECOND", 10_000)
    overrides = ["model=ae", *quick, "trainer.batches_per_step=1", "trainer.checkpoint_seconds=0"]

    class Stopping(Reporter):
        def note(self, sentence: str) -> None:
            raise AssertionError(sentence)

        def callbacks(self) -> list[Callback]:
            return [Stop()]

    class Stop(Callback):
        def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
            if trainer.current_epoch == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(overrides, reporter=Stopping())
    screen = io.StringIO()
    with progress.RichReporter(Console(file=screen, force_terminal=True, width=160)) as reporter:
        run = train(overrides, reporter=reporter)
    assert run.status == "done", run.error
    assert "adbench: resumed after epoch 1 of 2" in screen.getvalue()
    steps = [int(step) for step in re.findall(r"epoch 2/2  step (\d+)/", screen.getvalue())]
    per_epoch = -(-int(run.metrics["n_fit"]) // 256)
    assert per_epoch < min(steps) <= max(steps) <= 2 * per_epoch
    assert "epoch 1/2" not in screen.getvalue()
