"""Mean squared error with a hand-written gradient, halving autograd's passes over memory."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def mean_squared_error(x_hat: Tensor, x: Tensor) -> Tensor:
    """Mean over rows and columns, shape (..., rows, columns) -> (...); x needs no gradient.

    Computed in at least single precision, also under mixed precision.
    """
    x_hat, x = (tensor.to(torch.promote_types(tensor.dtype, torch.float32)) for tensor in (x_hat, x))
    if torch.is_grad_enabled() and not torch.compiler.is_compiling():  # a compiler fuses this itself
        mean: Tensor = _MeanSquaredError.apply(x_hat, x)  # type: ignore[no-untyped-call]
        return mean
    return (x_hat - x).square().mean(dim=-1).mean(dim=-1)


class _MeanSquaredError(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_hat: Tensor, x: Tensor) -> Tensor:
        error = x_hat - x
        ctx.save_for_backward(error)
        return error.square().mean(dim=-1).mean(dim=-1)  # rows first: bitwise equal stacked and unstacked

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (error,) = ctx.saved_tensors
        by_error = 2 * gradient / (error.shape[-2] * error.shape[-1])
        return error * by_error[..., None, None], None
