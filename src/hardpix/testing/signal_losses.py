"""Properties of the losses of signals, and of their gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.objectives import signals_in
from hardpix.signals import Signal
from hardpix.testing.bench import Bench, in_type
from hardpix.testing.complaints import during, require


def check_losses(bench: Bench[Signal]) -> None:
    """Losses are None or finite scalars, with a gradient for each parameter of the signal and for no other one."""
    for what, dtype, make in bench.awkward():
        network = bench.network()
        signal = bench.bound(network)
        with in_type(dtype), during(what):
            px = make(network)
            losses = [(inside, inside.loss(px)) for inside in signals_in(signal)]
            learned = {id(parameter) for parameter in network.parameters()}
            for inside, own in losses:
                if own is not None:
                    _require_loss(inside, own)
                    _require_stopped(inside, own, network, ordinary=what == "an ordinary batch")
            reached = [own for _, own in losses if own is not None]
            found = px.map(signal)
            if signal.differentiable and found.requires_grad:
                reached.append(found.sum())
            own_parameters = [
                (path, parameter)
                for path, parameter in signal.named_parameters()
                if parameter.requires_grad and id(parameter) not in learned
            ]
            _require_gradients(own_parameters, reached)


def _require_loss(signal: Signal, loss: Tensor) -> None:
    require(loss.ndim == 0, f"expected a scalar loss of {type(signal).__name__}, found shape {tuple(loss.shape)}")
    require(bool(loss.isfinite()), f"expected a finite loss of {type(signal).__name__}, found {loss.item()}")
    require(
        loss.dtype == torch.float32,
        f"expected a loss of {type(signal).__name__} in float32, found {loss.dtype}: compute it outside of autocast",
    )


def _require_stopped(signal: Signal, loss: Tensor, network: torch.nn.Module, ordinary: bool) -> None:
    """A loss's gradient reaches the network if and only if ``stops_gradient`` is False."""
    gradients = torch.autograd.grad(loss, list(network.parameters()), allow_unused=True, retain_graph=True)
    reaches = any(gradient is not None and bool(gradient.any()) for gradient in gradients)
    name = type(signal).__name__
    require(
        not (signal.stops_gradient and reaches),
        f"stops_gradient of {name} is True, yet its loss has a gradient for the network: detach the taps and px.loss, "
        "or let stops_gradient be False",
    )
    require(
        signal.stops_gradient or reaches or not ordinary,
        f"stops_gradient of {name} is False, yet its loss has no gradient for the network: let it be True, so that its "
        "branch may have a learning rate of its own",
    )


def _require_gradients(parameters: list[tuple[str, torch.nn.Parameter]], losses: list[Tensor]) -> None:
    if not parameters:
        return
    require(bool(losses), f"nothing trains its parameters ({parameters[0][0]} …): give it a loss(px)")
    gradients = torch.autograd.grad(
        torch.stack(losses).sum(), [parameter for _, parameter in parameters], allow_unused=True
    )
    for (path, _), gradient in zip(parameters, gradients, strict=True):
        require(
            gradient is not None,
            f"no gradient for {path}: several processes wait for one in every step; where nothing is labeled let the "
            "loss be 0 on the graph, such as (values * px.valid).sum()",
        )
        require(gradient is not None and bool(gradient.isfinite().all()), f"expected finite gradients of {path}")
