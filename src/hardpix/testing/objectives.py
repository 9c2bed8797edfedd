"""Properties of objectives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from hardpix.networks import TappedNetwork
from hardpix.objectives import Objective, signals_in, with_signal_losses
from hardpix.pixels import PixelBatch, Queries
from hardpix.step import TrainingStep
from hardpix.testing.batches import tapped
from hardpix.testing.bench import IGNORED, Bench, check_bind, check_copies, in_type, restrided
from hardpix.testing.complaints import during, named, require


def check_objective(
    objective: Objective,
    *,
    num_classes: int = 3,
    sample: Callable[[tuple[int, int, int]], Mapping[str, Any]] | None = None,
    gradcheck: bool = True,
    uses_unlabeled: bool = False,
    network: Callable[[int], TappedNetwork] = tapped,
) -> None:
    """Hold an objective against what every objective must be.

    - It returns a dictionary of finite scalars, "loss" among them. So it does for images of any shape, one pixel,
      batches without a label or with a single class, and logits of half types.
    - The same holds for a network that is sure (logits of ±120 and ±10⁴). It holds for classes of 1 to 10¹² training
      pixels, and for one that never occurs.
    - Some gradient of it is not 0.
    - Where nothing is labeled its gradients reach the same parameters as ever: several processes wait for them.
    - In float64 its gradient is that of finite differences (``torch.autograd.gradcheck``), by the logits, the
      embedding, the auxiliary logits and the stages. Maps of signals that are constants for the loss are held fixed.
    - Logits of unlabeled pixels change nothing and get no gradient. Ids out of range count as unlabeled: on a GPU the
      step's own error about them comes only after the objective has seen them.
    - Labels of any integer type and tensors laid out otherwise give the same losses.
    - ``bind`` may be called twice; copies, pickles and loaded states give the same losses; evaluation changes no state.

    Args:
        objective: not bound to a network yet. It stays as it is; copies are tried.
        num_classes: of the network and the labels that it is tried on, at least 2.
        sample: makes further entries of the sample for a batch of a size (B, H, W); by default each map that one of its
            signals reads is random.
        gradcheck: False for a loss that is no differentiable function of the logits.
        uses_unlabeled: True for a loss that learns from unlabeled pixels on purpose, such as one of entropy.
        network: makes the network that it is tried on from a number of classes, the same in every call, for a loss that
            needs another one than :func:`hardpix.testing.tapped`.

    Raises:
        AssertionError: what does not hold, and what to do.

    Example:
        >>> class OneMinusTrueProbability(Objective):
        ...     def forward(self, px):
        ...         return {"loss": ((1 - px.true_probability) * px.valid).sum() / px.valid.sum()}
        >>> check_objective(OneMinusTrueProbability())
        Traceback (most recent call last):
        ...
        AssertionError: OneMinusTrueProbability, one pixel without a label: expected a finite 'loss', found nan
    """
    bench = Bench(objective, num_classes, sample, network)
    with named(type(objective).__name__):
        _check_losses(bench)
        _check_reached(bench)
        _check_ids(bench)
        if not uses_unlabeled:
            _check_unlabeled(bench)
        _check_forms(bench)
        if gradcheck:
            _check_gradient(bench)
        check_bind(bench)
        check_copies(bench, lambda bound, px: {name: value.detach() for name, value in bound(px).items()})


def _check_losses(bench: Bench[Objective]) -> None:
    for what, dtype, make in bench.awkward():
        for training in (False, True) if what == "an ordinary batch" else (False,):
            network = bench.network()
            objective = bench.bound(network).train(training)
            with in_type(dtype), during(what):
                px = make(network)
                losses = with_signal_losses(objective, px)
                _require_losses(losses)
                losses["loss"].backward()
                for path, parameter in (*objective.named_parameters(), *network.named_parameters()):
                    require(
                        parameter.grad is None or bool(parameter.grad.isfinite().all()),
                        f"expected finite gradients, found others of {path}",
                    )
                require(
                    not training or _some_gradient(objective, network),
                    "every gradient of the loss is 0: nothing would be learned",
                )
    for what, prepared in bench.surprising():
        with during(what):
            network = bench.network()
            losses = with_signal_losses(prepared(network), bench.batch(network))
            _require_losses(losses)


def _some_gradient(*modules: torch.nn.Module) -> bool:
    gradients = [parameter.grad for module in modules for parameter in module.parameters()]
    return any(gradient is not None and bool(gradient.any()) for gradient in gradients)


def _require_losses(losses: dict[str, Tensor]) -> None:
    require(isinstance(losses, dict) and "loss" in losses, f"expected a dictionary with 'loss', found {losses!r}")
    for name, value in losses.items():
        require(isinstance(value, Tensor) and value.ndim == 0, f"expected {name!r} as a scalar tensor, found {value!r}")
        require(bool(value.isfinite()), f"expected a finite {name!r}, found {value.item()}")
        require(
            value.dtype == torch.float32,
            f"expected {name!r} in float32, found {value.dtype}: compute from at_least_float32(px.logits), outside of "
            "autocast",
        )
    require(
        losses["loss"].requires_grad,
        "expected a 'loss' on the graph: where nothing is labeled it may be 0, as a sum over no pixel, but must not "
        "be a constant",
    )


def _check_reached(bench: Bench[Objective]) -> None:
    """A batch without labels must send gradients to the parameters that any other batch sends them to."""
    reached: list[set[str]] = []
    for label in (None, IGNORED):
        network = bench.network()
        objective = bench.bound(network).train()
        step = torch.nn.ModuleDict({"objective": objective, "network": network})
        with during("no labeled pixel, in training"):
            with_signal_losses(objective, bench.batch(network, label=label))["loss"].backward()
        reached.append({path for path, parameter in step.named_parameters() if parameter.grad is not None})
    missing = sorted(reached[0] - reached[1])
    require(
        not missing,
        f"without a labeled pixel no gradient reaches {', '.join(missing)}: several processes wait for one in every "
        "step; let each part of the loss be 0 on the graph",
    )


def _check_ids(bench: Bench[Objective]) -> None:
    network = bench.network()
    step = TrainingStep(network, bench.bound(network))
    px = bench.batch(network)
    assert px.target is not None
    foreign = px.target.masked_fill(~px.valid, bench.num_classes)
    sample = dict(px.sample)
    image = sample.pop("image")
    try:
        step(image, foreign, progress=px.progress, teacher=px.teacher, **sample)
    except ValueError as error:
        require("neither a class" in str(error), f"ids out of range: expected the step's own error, found: {error}")
    else:
        raise AssertionError("ids out of range: expected an error of the training step, found none")
    expected = step.objective(px)["loss"].detach()
    for number in (bench.num_classes, -1):
        with during(f"pixels of the id {number} (expected them to count as unlabeled: mask by px.valid)"):
            found = step.objective(replace(px, target=px.target.masked_fill(~px.valid, number)))["loss"]
            torch.testing.assert_close(found.detach(), expected, rtol=0, atol=0)


def _check_unlabeled(bench: Bench[Objective]) -> None:
    network = bench.network()
    px = bench.batch(network)
    objective = _with_fixed_maps(bench.bound(network), px)
    unlabeled = ~px.valid[:, None]
    logits = px.logits.detach().requires_grad_()
    expected = objective(replace(px, logits=logits))["loss"]
    if not expected.requires_grad:
        return
    (gradient,) = torch.autograd.grad(expected, logits, allow_unused=True)
    require(
        gradient is None or not bool((gradient * unlabeled).any()),
        "unlabeled pixels get a gradient: leave them out by px.valid, or say uses_unlabeled=True if they must",
    )
    for filling in (-30.0, 1e4):
        with during("other logits at unlabeled pixels (expected the same loss: leave these pixels out by px.valid)"):
            other = logits.detach().clone()
            other[:, :1].masked_fill_(unlabeled, filling)
            found = objective(replace(px, logits=other))["loss"]
            torch.testing.assert_close(found.detach(), expected.detach(), rtol=1e-6, atol=1e-7)


def _check_forms(bench: Bench[Objective]) -> None:
    network = bench.network()
    objective = bench.bound(network)
    px = bench.batch(network)
    assert px.target is not None
    expected = _values(objective(px))
    for dtype in (torch.uint8, torch.int16, torch.int32):
        with during(f"labels in {dtype}"):
            found = _values(objective(replace(px, target=px.target.to(dtype))))
            torch.testing.assert_close(found, expected, rtol=0, atol=0)
    with during("the same tensors, transposed in memory"):
        turned = replace(px, logits=restrided(px.logits), target=restrided(px.target), taps=_map_taps(px, restrided))
        torch.testing.assert_close(_values(objective(turned)), expected)


def _values(losses: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach() for name, value in losses.items()}


def _check_gradient(bench: Bench[Objective]) -> None:
    """The gradient by finite differences in float64."""
    network = bench.network()
    px = bench.batch(network, (2, 2, 3))
    objective = _with_fixed_maps(bench.bound(network), px).double()
    places: list[Tensor] = []

    def as_input(tensor: Any) -> Any:
        """Take a tensor for an input."""
        if isinstance(tensor, Tensor) and tensor.is_floating_point():
            places.append(tensor.detach().double().clone())
        return tensor

    as_input(px.logits)
    _map_taps(px, as_input, inputs_of_branches=False)

    def loss(*inputs: Tensor) -> Tensor:
        rest = iter(inputs)
        logits = next(rest)
        taps = _map_taps(px, lambda tensor: next(rest), inputs_of_branches=False)
        return objective(replace(px, logits=logits, taps=taps))["loss"]

    with during("gradcheck in float64 (.float() rounds: take hardpix.pixels.at_least_float32)"):
        torch.autograd.gradcheck(loss, tuple(place.requires_grad_() for place in places))


def _map_taps(px: PixelBatch, change: Callable[[Any], Any], inputs_of_branches: bool = True) -> Any:
    """The taps with changed tensors, always in the same order; those that branches see too, or as they are."""
    embedding = px.taps.embedding
    return replace(
        px.taps,
        features=change(px.taps.features) if inputs_of_branches else px.taps.features,
        embedding=None if embedding is None else change(embedding),
        auxiliary=tuple((change(logits), share) for logits, share in px.taps.auxiliary),
        stages={name: change(stage) for name, stage in px.taps.stages.items()},
        queries=tuple(Queries(change(layer.classes), change(layer.masks)) for layer in px.taps.queries),
    )


def _with_fixed_maps(objective: Objective, px: PixelBatch) -> Objective:
    """The objective, its signals' maps those of one batch where they are constants for the loss."""
    for signal in signals_in(objective):
        if not signal.differentiable:
            signal.forward = _constant(px.map(signal).detach())  # type: ignore[assignment]
    return objective


def _constant(values: Tensor) -> Callable[[PixelBatch], Tensor]:
    return lambda px: values.to(torch.promote_types(px.logits.dtype, torch.float32))
