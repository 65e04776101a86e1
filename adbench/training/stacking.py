"""Stacking of several detectors' weights, so that one step of the stacked network is a step of each.

For networks this small, the overhead around the arithmetic costs as much as the arithmetic; stacked networks share it.
"""

import copy
from collections.abc import Sequence

import torch
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor, nn
from torch.nn.functional import linear

from adbench.arrays.types import Matrix
from adbench.training.member_state import Networks
from adbench.training.module import TrainableModule

# The library multiplies smaller matrices by another algorithm when batched, which rounds differently.
_FEW_ROWS = 16
_CHECKED_ROWS = 64
_ROUNDING = 1e-4  # tolerance of a gradient, relative to its largest entry


class CannotStackError(Exception):
    """The detectors cannot be trained as one (the message says why)."""


class StackedLinear(nn.Module):
    """`nn.Linear` of several networks, shape (networks, rows, ..., in) -> (networks, rows, ..., out).

    columns: the number of columns of each network's table. Sizes that depend on it are padded with zeros to the widest;
    the padding's gradients stay zero as long as no loss reads the missing columns.
    """

    def __init__(self, layers: Sequence[nn.Linear], columns: Sequence[int]) -> None:
        super().__init__()
        if any(layer.bias is None for layer in layers):
            raise CannotStackError("some of their layers have no bias")
        self.weight = nn.Parameter(_widened([layer.weight for layer in layers], columns))
        self.bias = nn.Parameter(_widened([layer.bias for layer in layers], columns)[:, None])

    def forward(self, x: Tensor) -> Tensor:
        """Apply each network's weights to its own rows."""
        if x.shape[1] < _FEW_ROWS or self.weight.shape[1] == 1:
            layers = zip(x.unbind(), self.weight.unbind(), self.bias[:, 0].unbind(), strict=True)
            return torch.stack([linear(rows, weight, bias) for rows, weight, bias in layers])
        if x.ndim > 3:  # windows
            return self(x.flatten(1, -2)).unflatten(1, x.shape[1:-1])
        return torch.baddbmm(self.bias, x, self.weight.transpose(1, 2))


def stack(
    detectors: Sequence[TrainableModule], columns: Sequence[int], random_states: Sequence[tuple[Tensor, int]]
) -> TrainableModule:
    """Stack copies of detectors into one whose batches have shape (detectors, rows, columns of the widest).

    random_states: see `Networks`. Raises CannotStackError for layers with parameters other than linear ones, and for
    detectors that differ in more than their weights, learning rates and numbers of columns.
    """
    first = detectors[0]
    if any(type(detector) is not type(first) for detector in detectors):
        raise CannotStackError("they are different models")
    stacked = copy.deepcopy(first)
    for name, module in first.named_modules():
        layers = [dict(detector.named_modules()).get(name) for detector in detectors]
        if any(type(layer) is not type(module) for layer in layers):
            raise CannotStackError("they have different layers")
        if isinstance(module, nn.Linear):
            parent, _, child = name.rpartition(".")
            setattr(stacked.get_submodule(parent), child, StackedLinear(layers, columns))  # type: ignore[arg-type]
        elif next(module.parameters(recurse=False), None) is not None:
            raise CannotStackError(f"{type(module).__name__} has weights that cannot be stacked")
    rates = [detector.learning_rate for detector in detectors]
    stacked.members = Networks(rates, list(random_states), list(columns))
    return stacked


@torch.no_grad()
def unstack(stacked: TrainableModule, detectors: Sequence[TrainableModule]) -> None:
    """Copy the stacked weights back to each detector."""
    assert stacked.members is not None
    columns = stacked.members.columns
    for i, detector in enumerate(detectors):
        for name, module in detector.named_modules():
            if isinstance(module, nn.Linear):
                layer = stacked.get_submodule(name)
                assert isinstance(layer, StackedLinear)
                for own, wide in ((module.weight, layer.weight[i]), (module.bias, layer.bias[i, 0])):
                    own.copy_(wide[_places(own.shape, wide.shape, columns[i], max(columns))])


def _widened(tensors: Sequence[Tensor], columns: Sequence[int]) -> Tensor:
    """Stack tensors, padded with zeros to the widest in each dimension."""
    shape = [max(sizes) for sizes in zip(*(tensor.shape for tensor in tensors), strict=True)]
    wide = tensors[0].new_zeros(len(tensors), *shape)
    for target, tensor, n_columns in zip(wide, tensors, columns, strict=True):
        target[_places(tensor.shape, target.shape, n_columns, max(columns))] = tensor.detach()
    return wide


def _places(own: Sequence[int], wide: Sequence[int], n_columns: int, widest: int) -> tuple[Tensor, ...]:
    """Index of one network's own tensor in the padded one.

    A size below the padded one is a multiple of the number of columns: one or more kinds of numbers per column, kind
    by kind.
    """
    places = []
    for size, wide_size in zip(own, wide, strict=True):
        kinds, column = torch.arange(size) // n_columns, torch.arange(size) % n_columns
        if size != wide_size and (size % n_columns or size // n_columns * widest != wide_size):
            raise CannotStackError("their layers differ in size, and not by the number of their columns")
        places.append(torch.arange(size) if size == wide_size else kinds * widest + column)
    return tuple(torch.meshgrid(*places, indexing="ij"))


def require_equal_gradients(
    stacked: TrainableModule, detectors: Sequence[TrainableModule], xs: Sequence[Matrix]
) -> None:
    """Raise CannotStackError unless a first step has the same gradients stacked as for each detector alone.

    A loss can mix networks in many ways: by a sum over a fixed dimension, by its own noise, by differing settings.
    xs: rows of each detector, padded to the widest.
    """
    assert stacked.members is not None
    columns, states = stacked.members.columns, stacked.members.random_states
    stacked.members.start(torch.device("cpu"))
    batch = torch.stack([torch.from_numpy(x[:_CHECKED_ROWS]) for x in xs])
    with isolate_rng(include_cuda=False):
        try:
            together = _gradients(stacked, batch)
        except Exception as error:
            # A user's loss can raise anything.
            raise CannotStackError(f"its loss takes one network at a time ({error})") from None
        for i, detector in enumerate(detectors):
            torch.set_rng_state(states[i][0])
            alone = _gradients(detector, batch[i, ..., : columns[i]])
            for wide, own in zip(together, alone, strict=True):
                place = _places(own.shape, wide.shape[-own.dim() :], columns[i], max(columns))
                found = wide[i].reshape(wide.shape[-own.dim() :])[place]
                # Relative to the largest entry: small entries from cancellation carry the rounding of large terms.
                if (found - own).abs().max() > _ROUNDING * own.abs().max():
                    raise CannotStackError("a step of one is not the same alone; see TrainableModule about stacking")


def _gradients(detector: TrainableModule, batch: Tensor) -> list[Tensor]:
    """The gradients of every objective with respect to its parameters."""
    gradients: list[Tensor] = []
    for loss_of, parameters in detector.objectives():
        loss = loss_of(batch)
        expected = batch.shape[: detector.row_dim]
        if loss.shape != expected:
            raise ValueError(f"expected a loss of shape {tuple(expected)}, got {tuple(loss.shape)}")
        gradients += torch.autograd.grad(loss.sum(), list(parameters))
    return gradients
