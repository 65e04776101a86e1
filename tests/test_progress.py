import io
import re

import pytest
from rich.console import Console

from adbench import progress
from adbench.runner import train


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
