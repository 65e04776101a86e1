"""Tests of each model's closed-form parts against values computed by hand."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence
from torch.nn.functional import mse_loss, softplus

from adbench.arrays.columns import Columns
from adbench.config.compose import compose
from adbench.config.instantiate import build
from adbench.models.adversarial.gan import GAN, fake_loss, real_loss
from adbench.models.autoencoders.ae import AE
from adbench.models.neural import log_error
from adbench.models.nn.gaussian import negative_log_likelihood
from adbench.models.nn.squared_error import mean_squared_error
from adbench.models.variational.vae import VAE, kl_to_standard_normal

X = torch.tensor([[0.0, 1.0, 3.0], [2.0, 0.0, 0.0]])


def shipped(model: str, *overrides: str) -> torch.nn.Module:
    """A model with its default arguments for rows of three columns."""
    torch.manual_seed(0)
    module: torch.nn.Module = build(
        compose([f"model={model}", *overrides])["model"], "model", columns=Columns.numbers(3)
    )
    return module


def zeroed(module: torch.nn.Module) -> torch.nn.Module:
    """The same networks with all weights 0, so that every output is 0."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    return module


def test_log_error_by_hand() -> None:
    errors = torch.tensor([0.0, 0.1, -0.3, 1e9])
    expected = [0.0, math.log(2), math.log(10), 2 * math.log(1e10)]
    assert log_error(errors, 0.1).tolist() == pytest.approx(expected, rel=1e-5)


def test_kl_by_hand() -> None:
    mu, logvar = torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, math.log(4)], [0.0, 0.0]])
    # 1/2 (1 + 1 - 1 - 0) + 1/2 (0 + 4 - 1 - ln 4); the standard normal is no distance from itself.
    assert kl_to_standard_normal(mu, logvar).tolist() == pytest.approx([0.5 + 1.5 - math.log(2), 0.0])


def test_kl_agrees_with_torch_distributions() -> None:
    torch.manual_seed(0)
    mu, logvar = torch.randn(7, 5), torch.randn(7, 5)
    q = Independent(Normal(mu, (0.5 * logvar).exp()), 1)
    prior = Independent(Normal(torch.zeros(7, 5), torch.ones(7, 5)), 1)
    torch.testing.assert_close(kl_to_standard_normal(mu, logvar), kl_divergence(q, prior))


def test_negative_log_likelihood_by_hand() -> None:
    parameters = torch.tensor([0.0, 5.0, 0.0, 0.0])  # means, then raw scales: 1 + softplus(0) = 1 + ln 2
    found = negative_log_likelihood(torch.tensor([1.0, 5.0]), parameters, 1.0)
    scale = 1 + math.log(2)
    constant = math.log(scale) + 0.5 * math.log(2 * math.pi)
    assert found.tolist() == pytest.approx([1 / (2 * scale**2) + constant, constant])


@pytest.mark.parametrize("shape", [(7,), (3, 7)])
def test_negative_log_likelihood_and_its_gradient_agree_with_torch_distributions(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x, parameters = torch.randn(*shape, 5), (4 * torch.randn(*shape, 10)).requires_grad_()
    weights = torch.randn(*shape, 5)
    ours = negative_log_likelihood(x, parameters, 0.1)
    mean, raw_scale = parameters.chunk(2, dim=-1)
    theirs = -Normal(mean, 0.1 + softplus(raw_scale)).log_prob(x)
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad((nll * weights).sum(), parameters)[0] for nll in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)
    with torch.no_grad():  # without the gradient it goes another way
        torch.testing.assert_close(negative_log_likelihood(x, parameters, 0.1), ours)


@pytest.mark.parametrize("shape", [(7, 5), (3, 7, 5)])
def test_mean_squared_error_and_its_gradient_agree_with_torch(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x, x_hat, weights = torch.randn(shape), torch.randn(shape, requires_grad=True), torch.randn(shape[:-2])
    ours, theirs = mean_squared_error(x_hat, x), mse_loss(x_hat, x, reduction="none").mean(dim=(-2, -1))
    torch.testing.assert_close(ours, theirs)
    gradients = [torch.autograd.grad((loss * weights).sum(), x_hat)[0] for loss in (ours, theirs)]
    torch.testing.assert_close(*gradients)
    with torch.no_grad():  # without the gradient it goes another way
        torch.testing.assert_close(mean_squared_error(x_hat, x), ours)


@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_mean_squared_error_is_taken_in_single_precision(low: torch.dtype) -> None:
    torch.manual_seed(0)
    x, x_hat = 200 * torch.randn(256, 118), (200 * torch.randn(256, 118)).to(low).requires_grad_()
    with torch.autocast("cpu", low):
        ours, theirs = mean_squared_error(x_hat, x), mse_loss(x_hat.float(), x)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, theirs)
    scaled = [torch.autograd.grad(65_536 * loss, x_hat)[0] for loss in (ours, theirs)]  # as 16-mixed begins
    torch.testing.assert_close(*scaled)


@pytest.mark.parametrize("shape", [(256, 80), (3, 5)])
def test_mean_squared_error_has_the_same_bits_stacked_and_alone(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x, x_hat = torch.randn(5, *shape), torch.randn(5, *shape, requires_grad=True)
    alone = torch.stack([mean_squared_error(one, other) for one, other in zip(x_hat, x, strict=True)])
    assert torch.equal(mean_squared_error(x_hat, x), alone)


def test_adversarial_losses_by_hand() -> None:
    undecided = torch.zeros(4, 1)
    assert real_loss(undecided).item() == fake_loss(undecided).item() == pytest.approx(math.log(2))
    # sigmoid(ln 3) = 3/4
    logits = torch.full((4, 1), math.log(3))
    assert real_loss(logits).item() == pytest.approx(-math.log(3 / 4))
    assert fake_loss(logits).item() == pytest.approx(-math.log(1 / 4))


def test_ae_loss_and_score_by_hand() -> None:
    ae = zeroed(shipped("ae", "model.error_scale=0.5"))
    assert isinstance(ae, AE)
    assert ae.loss(X).item() == pytest.approx(14 / 6)
    assert ae.score(X).tolist() == pytest.approx([math.log(1 + 4) + math.log(1 + 36), math.log(1 + 16)])


def test_vae_loss_by_hand() -> None:
    vae = zeroed(shipped("vae"))
    assert isinstance(vae, VAE)
    scale = 0.1 + math.log(2)  # min_scale + softplus(0); mu and logvar are 0, so the KL term is too
    constant = 3 * (math.log(scale) + 0.5 * math.log(2 * math.pi))
    assert vae.loss(X).item() == pytest.approx((10 + 4) / 2 / (2 * scale**2) + constant, rel=1e-5)
    assert vae.score(X).tolist() == pytest.approx([s / (2 * scale**2) + constant for s in (10, 4)], rel=1e-5)


def test_vae_loss_weighs_the_kl_term_by_beta() -> None:
    losses = []
    for beta in (0.0, 1.0):
        vae = shipped("vae", f"model.beta={beta}")
        assert isinstance(vae, VAE)
        torch.manual_seed(1)
        losses.append(vae.loss(X))
    mu, logvar = vae.encode(X)
    torch.testing.assert_close(losses[1] - losses[0], kl_to_standard_normal(mu, logvar).mean())


def test_vae_score_is_the_mean_over_its_draws() -> None:
    vae = shipped("vae", "model.n_samples=3")
    assert isinstance(vae, VAE)
    mu, logvar = vae.encode(X)
    total = torch.zeros(2)
    for draw in vae.noise[:, 0]:
        mean, raw_scale = vae.decoder(mu + torch.exp(0.5 * logvar) * draw).chunk(2, dim=1)
        total += Normal(mean, 0.1 + softplus(raw_scale)).log_prob(X).sum(dim=1)
    torch.testing.assert_close(vae.score(X), -total / 3)


def test_vae_survives_rows_far_outside_what_it_was_fitted_on() -> None:
    vae = shipped("vae")
    assert isinstance(vae, VAE)
    assert torch.isfinite(vae.score(torch.tensor([[1e12, -1e12, 0.0]]))).all()


def test_gan_losses_and_score_by_hand() -> None:
    gan = zeroed(shipped("gan", "model.error_scale=0.5", "model.reconstruction_share=0.75"))
    assert isinstance(gan, GAN)
    with torch.no_grad():  # the first feature is the row's first column; a row is never below 0 here
        gan.features[0].weight[0, 0] = 1.0
    assert gan.discriminator_loss(X).item() == pytest.approx(2 * math.log(2))
    n_features = gan.features[0].out_features
    latent = (2.0**2) / (2 * n_features)
    expected = math.log(2) + gan.contextual_weight * 14 / 6 + gan.latent_weight * latent
    assert gan.generator_loss(X).item() == pytest.approx(expected)
    residual = [(math.log(1 + 4) + math.log(1 + 36)) / 3, math.log(1 + 16) / 3]
    unlike = [0.0, math.log(1 + 16) / n_features]
    assert gan.score(X).tolist() == pytest.approx([0.75 * r + 0.25 * u for r, u in zip(residual, unlike, strict=True)])


def test_the_two_players_share_no_parameter_and_leave_none_out() -> None:
    gan = shipped("gan")
    assert isinstance(gan, GAN)
    (discriminator_loss, first), (_, second) = gan.objectives()
    players = [list(first), list(second)]
    ids = [id(parameter) for player in players for parameter in player]
    assert sorted(ids) == sorted(map(id, gan.parameters()))
    discriminator_loss(X).backward()
    assert all(parameter.grad is None for parameter in players[1])
    assert all(parameter.grad is not None for parameter in players[0])
