"""What all neural detectors share: written once, here."""

import copy
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Self

import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.nn import Parameter

from adbench.checks import require_positive
from adbench.models.detector import SCORING_ROWS, Arrays, Matrix, Scores, Training

# One loss, and the parameters that it trains.
Objective = tuple[Callable[[Tensor], Tensor], Iterable[Parameter]]

# Rows scored at once on a processor: so few that what comes between two layers stays in its cache.
CACHED_ROWS = 1_024


class NeuralDetector(LightningModule):
    """A detector trained by gradient descent. A subclass gives its networks, `loss(batch)` and `score(x)`.

    One Lightning step runs several batches under manual optimisation: for networks this small Lightning's work
    around a step costs more than the step itself. A subclass with several losses, such as a GAN, overrides
    `objectives` instead of the step. What it keeps from one epoch to the next belongs in buffers, where a checkpoint
    finds it.
    """

    automatic_optimization = False

    def __init__(self, learning_rate: float) -> None:
        super().__init__()
        require_positive("model.learning_rate", learning_rate)
        self.learning_rate = learning_rate
        self.decay_steps: int | None = None  # batches over which the learning rate falls to zero; None: it stays
        self.steps_done = 0  # batches in all epochs, where the learning rate falls
        self.rows_done = self.batches_done = 0  # in this epoch
        self._losses: list[Tensor] = []  # of this epoch, one a batch and objective, each a sum over rows

    def loss(self, x: Tensor) -> Tensor:
        """The mean loss of a batch, shape (rows, features) -> ()."""
        raise NotImplementedError

    def score(self, x: Tensor) -> Tensor:
        """One score a row, shape (rows, features) -> (rows,)."""
        raise NotImplementedError

    def objectives(self) -> Sequence[Objective]:
        """The losses in the order in which they step on each batch, each with the parameters it trains."""
        return [(self.loss, self.parameters())]

    def fit(self, x: Matrix, training: Training) -> int:
        """Train on the rows of x; returns the number of rows gone through, all epochs together."""
        return training.fit(self, x)

    @torch.inference_mode()
    def score_rows(self, x: Matrix) -> Scores:
        """One score a row, shape (rows,), in float32 arithmetic whatever the precision of the training."""
        self.eval()
        blocks = torch.from_numpy(x).split(CACHED_ROWS if self.device.type == "cpu" else SCORING_ROWS)
        scores = [self.score(block.to(self.device)).double().cpu() for block in blocks]
        return torch.cat(scores).numpy()

    def untrained(self) -> Self:
        """The same initial weights, which a later `fit` of this one does not change."""
        return copy.deepcopy(self)

    def arrays(self) -> Arrays:
        """All weights and buffers."""
        return {name: tensor.cpu().numpy() for name, tensor in self.state_dict().items()}

    def restore(self, arrays: Arrays) -> Self:
        """Take back what `arrays` gave."""
        self.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        return self

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """One Adam an objective, fused: a single kernel for all parameters."""
        return [torch.optim.Adam(parameters, lr=self.learning_rate, fused=True) for _, parameters in self.objectives()]

    def on_fit_start(self) -> None:
        """Give each process noise of its own; their weights start equal."""
        if self.trainer.world_size > 1:
            torch.manual_seed(torch.initial_seed() + self.global_rank)

    def on_train_epoch_start(self) -> None:
        """Forget the losses of the epoch before, and count on from it: a resumed training begins at a later one."""
        self._losses, self.rows_done, self.batches_done = [], 0, 0
        if self.decay_steps:
            self.steps_done = self.decay_steps * self.current_epoch // (self.trainer.max_epochs or 1)

    def training_step(self, batches: Sequence[Tensor]) -> None:
        """Step every objective once on every batch; a batch has shape (rows, features)."""
        optimizers = self.optimizers()
        players = list(
            zip(self.objectives(), optimizers if isinstance(optimizers, list) else [optimizers], strict=True)
        )
        for batch in batches:
            for (loss_of, _), optimizer in players:
                if self.decay_steps:  # an assignment: a scheduler object would slow steps this short
                    optimizer.param_groups[0]["lr"] = self.learning_rate * (1 - self.steps_done / self.decay_steps)
                if len(players) > 1:
                    self.toggle_optimizer(optimizer)
                loss = loss_of(batch)
                optimizer.zero_grad()
                self.manual_backward(loss)
                optimizer.step()
                if len(players) > 1:
                    self.untoggle_optimizer(optimizer)
                self._losses.append(loss.detach() * len(batch))
            self.rows_done += len(batch)
            self.batches_done += 1
            self.steps_done += 1

    def mean_losses(self) -> dict[str, float]:
        """Each objective's mean loss a row in this epoch so far. Waits for the device: do not ask every step."""
        names = [loss_of.__name__ for loss_of, _ in self.objectives()]
        sums = torch.stack(self._losses).reshape(-1, len(names)).sum(dim=0)
        return dict(zip(names, (sums / self.rows_done).tolist(), strict=True))


def mlp(sizes: Sequence[int], activation: type[nn.Module]) -> nn.Sequential:
    """Linear layers of these widths, the activation between them, none after the last."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), activation()]
    return nn.Sequential(*layers[:-1])


def log_error(error: Tensor, scale: float) -> Tensor:
    """log(1 + (error / scale)^2), elementwise.

    Up to a constant the negative log-likelihood of a Cauchy distribution of this scale around the reconstruction:
    quadratic for errors below the scale, and beyond it so slow that no single column decides a row's score.
    """
    return torch.log1p((error / scale).square())
