"""Base class of trainable networks: several batches per Lightning step, one optimiser per loss."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import torch
from pytorch_lightning import Callback, LightningModule
from torch import Tensor
from torch.nn import Parameter
from torch.optim import Optimizer

from adbench.arrays.memmap import release_pages
from adbench.arrays.types import Matrix
from adbench.config.checks import require_positive
from adbench.training.flat_adam import FlatAdam
from adbench.training.member_state import Networks

# A loss, and the parameters it trains.
Loss = Callable[[Tensor], Tensor]
Objective = tuple[Loss, Iterable[Parameter]]

# Hooks around each optimiser step; called through Lightning, which is slower, only if a callback overrides one.
STEP_HOOKS = ("on_before_backward", "on_after_backward", "on_before_optimizer_step", "on_before_zero_grad")

# Rows scored at once on a CPU, few enough that intermediate results stay in its cache.
CACHED_ROWS = 1_024
DEVICE_ROWS = 8_192  # on any other device
RELEASE_ROWS = 2**16  # rows of a memory-mapped matrix read between releases of its pages


@dataclass(frozen=True)
class Steps:
    """Step settings of a module in one training."""

    decay_steps: int | None = None  # batches over which the learning rate decays to zero; None: constant
    batch_parts: int = 1  # parts into which a batch is split to fit the device's memory
    compiled: Mapping[str, Loss] = field(default_factory=dict)  # by name of the loss


class TrainableModule(LightningModule):
    """A network with one or several losses, trained by gradient descent. A subclass implements `objectives`.

    One Lightning step runs several batches under manual optimisation: for networks this small, Lightning's overhead per
    step exceeds the step itself. State that a network keeps between epochs belongs in buffers, which checkpoints
    include.

    Networks can be stacked and trained as one (see `adbench.training.stacking`) if their losses preserve leading
    dimensions, reduce the table's columns with `column_sum` or `column_mean`, and draw noise with `normal_like`.
    Otherwise set `stackable = False`.
    """

    automatic_optimization = False
    stackable: ClassVar[bool] = True  # False if its losses or layers do not allow it

    def __init__(self, learning_rate: float) -> None:
        super().__init__()
        require_positive("model.learning_rate", learning_rate)
        self.learning_rate = learning_rate
        self.members: Networks | None = None  # the stacked networks, if any
        self.steps = Steps()
        self.steps_done = 0  # batches over all epochs, for the decay of the learning rate
        self.rows_done = self.batches_done = 0  # in this epoch, per network
        self._losses: list[Tensor] = []  # of this epoch, one per step of Lightning: means over rows by batch, objective
        self._rows: list[int] = []  # rows of those batches

    def objectives(self) -> Sequence[Objective]:
        """The losses in the order of their steps on each batch, each with the parameters it trains."""
        raise NotImplementedError

    @property
    def row_dim(self) -> int:
        """The dimension of a batch that counts its rows: the first or, for stacked networks, the second."""
        return 0 if self.members is None else 1

    def column_sum(self, x: Tensor) -> Tensor:
        """The sum over the table's columns, shape (..., rows, features) -> (..., rows)."""
        return (x if self.members is None else self.members.only_own_columns(x)).sum(dim=-1)

    def column_mean(self, x: Tensor) -> Tensor:
        """The mean over the table's columns, shape (..., rows, features) -> (..., rows)."""
        if self.members is None or self.members.mask is None:
            return x.mean(dim=-1)
        return self.column_sum(x) / self.members.n_columns

    def normal_like(self, x: Tensor) -> Tensor:
        """Standard normal noise of this shape."""
        return torch.randn_like(x) if self.members is None else self.members.normal_like(x)

    def blocks(self, x: Matrix) -> Iterator[Tensor]:
        """Blocks of the rows of x on this detector's device, sized for speed; releases memory-mapped pages."""
        n_rows = CACHED_ROWS if self.device.type == "cpu" else DEVICE_ROWS
        for start in range(0, len(x), n_rows):
            yield torch.from_numpy(x[start : start + n_rows]).to(self.device)
            if start % RELEASE_ROWS == 0:
                release_pages(x)

    def setup(self, stage: str) -> None:
        """Create the stacked networks' generators, before a checkpoint is loaded."""
        if self.members is not None:
            self.members.start(self.trainer.strategy.root_device)

    def configure_optimizers(self) -> list[Optimizer]:
        """One fused Adam per objective: a single kernel for all parameters."""
        players = [list(parameters) for _, parameters in self.objectives()]
        if self._needs_lightning():
            return [torch.optim.Adam(parameters, lr=self.learning_rate, fused=True) for parameters in players]
        rates = [self.learning_rate] if self.members is None else self.members.learning_rates
        return [FlatAdam(parameters, rates) for parameters in players]

    def on_fit_start(self) -> None:
        """Give each process its own noise; weights start equal."""
        if self.trainer.world_size > 1:
            torch.manual_seed(torch.initial_seed() + self.global_rank)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the generator states of stacked networks."""
        if self.members is not None:
            checkpoint["networks"] = self.members.states()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the generator states of stacked networks."""
        if self.members is not None:
            self.members.restore(checkpoint["networks"])

    def on_train_epoch_start(self) -> None:
        """Reset the epoch's losses, and set the step count by the epoch: a resumed training does not begin at 0."""
        self._losses, self._rows, self.rows_done, self.batches_done = [], [], 0, 0
        if self.steps.decay_steps:
            self.steps_done = self.steps.decay_steps * self.current_epoch // (self.trainer.max_epochs or 1)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Leave the batches in place: they are gathered one at a time, on demand."""
        return batch

    def training_step(self, batches: Iterable[Tensor]) -> None:
        """Step every objective once on every batch, shape (rows, ..., columns), stacked (networks, rows, ..., columns).

        Lightning counts one step per optimiser, and runs the others only if it must.
        """
        objectives = [
            (self.steps.compiled.get(loss_of.__name__, loss_of), list(parameters))
            for loss_of, parameters in self.objectives()
        ]
        counted, plain = _as_list(self.optimizers()), _as_list(self.optimizers(use_pl_optimizer=False))
        needs_lightning, row = self._needs_lightning(), self.row_dim
        losses = []
        for i, batch in enumerate(batches):
            x = batch.to(self.device)
            optimizers = counted if needs_lightning or i == 0 else plain
            for (loss_of, parameters), optimizer in zip(objectives, optimizers, strict=True):
                if self.steps.decay_steps:  # assigned directly: a scheduler object would slow steps this short
                    self._set_learning_rate(optimizer)
                several = len(objectives) > 1
                if needs_lightning:
                    if several:
                        self.toggle_optimizer(optimizer)
                    loss = self._step(loss_of, x, optimizer, self.manual_backward)
                    if several:
                        self.untoggle_optimizer(optimizer)
                else:
                    # Gradients of the other players would be discarded, so they are not computed.
                    backward = partial(Tensor.backward, inputs=parameters) if several else Tensor.backward
                    loss = self._step(loss_of, x, optimizer, backward)
                losses.append(loss)
            self._rows.append(x.shape[row])
            self.rows_done += x.shape[row]
            self.batches_done += 1
            self.steps_done += 1
        # Stored as one tensor: small tensors between batches would fragment the memory.
        self._losses.append(torch.stack(losses))

    def _step(self, loss_of: Loss, x: Tensor, optimizer: Any, backward: Callable[[Tensor], None]) -> Tensor:
        """Make one step on one batch; returns its loss."""
        optimizer.zero_grad()
        losses = []
        parts, row = self.steps.batch_parts, self.row_dim
        for part in x.chunk(parts, dim=row) if parts > 1 else (x,):
            loss = loss_of(part) if parts == 1 else loss_of(part) * (part.shape[row] / x.shape[row])
            backward(loss.sum() if loss.ndim else loss)
            losses.append(loss.detach())
        optimizer.step()
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum(dim=0)

    def _set_learning_rate(self, optimizer: Any) -> None:
        left = 1 - self.steps_done / (self.steps.decay_steps or 1)
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * left

    def _needs_lightning(self) -> bool:
        """True if each step must go through Lightning: for other processes, scaled losses or a callback's hooks."""
        trainer = self.trainer
        listeners = (
            getattr(type(callback), hook) is not getattr(Callback, hook)
            for callback in trainer.callbacks  # type: ignore[attr-defined]
            for hook in STEP_HOOKS
        )
        return trainer.world_size > 1 or trainer.precision == "16-mixed" or any(listeners)

    def losses_by_network(self) -> dict[str, list[float]]:
        """Mean loss per row in this epoch so far, by objective and network (one if not stacked).

        Synchronises with the device: do not call it every step.
        """
        names = [loss_of.__name__ for loss_of, _ in self.objectives()]
        losses = torch.cat(self._losses).reshape(len(self._rows), len(names), -1)
        rows = torch.tensor(self._rows, dtype=losses.dtype, device=losses.device)
        means = torch.einsum("bon,b->on", losses, rows) / self.rows_done
        return dict(zip(names, means.tolist(), strict=True))

    def mean_losses(self) -> dict[str, float]:
        """Mean loss per objective, over networks."""
        return {name: sum(losses) / len(losses) for name, losses in self.losses_by_network().items()}


def _as_list(optimizers: Any) -> list[Any]:
    return optimizers if isinstance(optimizers, list) else [optimizers]
