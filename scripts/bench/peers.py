"""Other ways of training the networks of ae, vae and gan: by hand, in the manner of DeepOD, by PyOD.

A way of training takes a composed configuration and rows of shape (rows, columns), trains fresh weights with its
sizes, batch size, epochs and learning rate, and returns the rows processed over all epochs. Only `adbench` itself
trains a detector of `adbench.models`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from adbench.arrays.columns import Columns
from adbench.arrays.types import Matrix
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.config.keys import Config
from adbench.training.trainer import Training
from scripts.bench.plain_networks import plain

Way = Callable[[Config, Matrix], int]


def setting(model: str, epochs: int, *overrides: str) -> Config:
    """The default configuration of a model with a fixed number of epochs."""
    return compose([f"model={model}", f"trainer.max_epochs={epochs}", "trainer.min_steps=0", *overrides])


def adbench(config: Config, x: Matrix) -> int:
    """Train as a run does."""
    training = Training(build(config["trainer"], "trainer", seed=0))
    return build(config["model"], "model", columns=Columns.numbers(x.shape[1])).fit(x, training)


def hand_written(config: Config, x: Matrix) -> int:
    """A well-written loop without a framework: rows of one tensor in random order, fused Adam, no logging."""
    network, rows = plain(config, x.shape[1]), torch.from_numpy(x)
    players, epochs = network.players(), config["trainer"]["max_epochs"]
    optimizers = [torch.optim.Adam(player, lr=config["model"]["learning_rate"], fused=True) for player in players]
    # Skips the gradients of parameters that a loss reaches but does not train.
    inputs = players if len(players) > 1 else [None]
    for _ in range(epochs):
        for batch in torch.randperm(len(rows)).split(config["trainer"]["batch_size"]):
            for loss, optimizer, own in zip(network.losses(rows[batch]), optimizers, inputs, strict=True):
                optimizer.zero_grad()
                loss.backward(inputs=own)
                optimizer.step()
    return len(x) * epochs


def deepod_style(config: Config, x: Matrix) -> int:
    """The loop of DeepOD 0.4.1 (deepod/core/base_model.py, `_training`) around the same networks.

    A DataLoader collates row by row, Adam is not fused, and each step waits for its loss.
    """
    network, device = plain(config, x.shape[1]), torch.device("cpu")
    optimizers = [torch.optim.Adam(player, lr=config["model"]["learning_rate"]) for player in network.players()]
    loader = DataLoader(TensorDataset(torch.from_numpy(x)), batch_size=config["trainer"]["batch_size"], shuffle=True)
    network.train()
    for _ in range(config["trainer"]["max_epochs"]):
        total_loss = 0.0
        for (batch,) in loader:
            for loss, optimizer in zip(network.losses(batch.float().to(device)), optimizers, strict=True):
                network.zero_grad()
                loss.backward()
                optimizer.step()
                total_loss += loss.item()
    return len(x) * config["trainer"]["max_epochs"]


def pyod(config: Config, x: Matrix) -> int:
    """PyOD's own `fit` of ae and vae, with PyOD's defaults for all other arguments.

    Hence each row is standardised when fetched, with dropout, weight decay and, for ae, batch normalisation. Scoring
    all rows at the end of `fit` is not counted.
    """
    return _pyod_fit(pyod_detector(config), config, x)


def bare_pyod(config: Config, x: Matrix) -> int:
    """PyOD with all of that turned off, which leaves exactly our layers and unchanged rows."""
    detector = pyod_detector(config, preprocessing=False, optimizer_params={}, batch_norm=False, dropout_rate=0.0)
    n_rows = _pyod_fit(detector, config, x)
    expected = n_parameters(plain(config, x.shape[1])) - _scale_parameters(config, x.shape[1])
    if n_parameters(detector.model) != expected:
        raise AssertionError(
            f"expected {expected} parameters, got {n_parameters(detector.model)}; compare other layers"
        )
    return n_rows


def _pyod_fit(detector: Any, config: Config, x: Matrix) -> int:
    """Fit; the rows of the last, smaller batch, which PyOD's loader drops, do not count."""
    detector.decision_function = lambda rows: np.zeros(len(rows))
    detector.fit(x)
    batch_size = config["trainer"]["batch_size"]
    return len(x) // batch_size * batch_size * config["trainer"]["max_epochs"]


def pyod_detector(config: Config, **settings: Any) -> Any:
    """PyOD's unfitted detector with the same layers, batch size, epochs and learning rate. Needs the extra `bench`."""
    from pyod.models.auto_encoder import AutoEncoder
    from pyod.models.vae import VAE

    model, trainer = config["model"], config["trainer"]
    hidden, code = model["hidden_sizes"], model["latent_size"]
    kind, layers = {
        "ae": (AutoEncoder, {"hidden_neuron_list": [*hidden, code]}),
        "vae": (
            VAE,
            {"encoder_neuron_list": hidden, "decoder_neuron_list": hidden[::-1], "latent_dim": code},
        ),
    }[config["choices"]["model"]]
    return kind(
        **layers,
        lr=model["learning_rate"],
        epoch_num=trainer["max_epochs"],
        batch_size=trainer["batch_size"],
        verbose=0,
        device=torch.device("cpu"),
        **settings,
    )


def n_parameters(network: nn.Module) -> int:
    """The number of parameters of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


def _scale_parameters(config: Config, n_features: int) -> int:
    """Parameters of the decoder's standard deviations, which PyOD's smaller vae lacks."""
    return (config["model"]["hidden_sizes"][0] + 1) * n_features if config["choices"]["model"] == "vae" else 0
