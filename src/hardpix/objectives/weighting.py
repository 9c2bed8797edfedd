"""Weighting of a loss by a signal's map, alike in every objective."""

from collections.abc import Sequence

import torch
from torch import Tensor

from hardpix.pixels import PixelBatch, process_mean, weighted_mean
from hardpix.signals import Signal


def weight_map(px: PixelBatch, signal: Signal | None) -> Tensor:
    """Map of a signal (B, H, W) where there is a label, a constant unless the signal is differentiable.

    Without a signal every pixel counts alike.

    Example:
        >>> sample = {"target_weight": torch.tensor([[[0.5, 1.0, 1.0]]])}
        >>> px = PixelBatch(torch.zeros(1, 2, 1, 3), torch.tensor([[[1, 0, 255]]]), sample=sample)
        >>> weight_map(px, None)
        tensor([[[0.5000, 1.0000, 0.0000]]])
    """
    if signal is None:
        return px.masked(torch.ones(px.shape, device=px.logits.device))
    return px.masked(px.map(signal) if signal.differentiable else px.map(signal).detach())


def weights_by(px: PixelBatch, signal: Signal | str | None, purpose: str) -> tuple[Tensor, bool]:
    """Weights (B, H, W) by a signal or by the name of a published map, and whether losses are divided by a count.

    Raises:
        ValueError: nobody has published a map of that name, which is wanted as ``purpose``.
    """
    if not isinstance(signal, str):
        return weight_map(px, signal), counts_pixels(signal)
    weight = published_map(px, signal, purpose, "signal")
    publisher = px.publishers.get(signal)
    if not isinstance(publisher, Signal):
        return px.masked(weight.detach()), False
    return weight_map(px, publisher), counts_pixels(publisher)


def counts_pixels(signal: Signal | None) -> bool:
    """True if losses weighed by a signal are divided by the number of labeled pixels instead of Σ w."""
    return signal is not None and signal.normalizer == "count"


def weighted_means(terms: Sequence[tuple[Tensor, Tensor, Tensor]], joined: bool) -> list[Tensor]:
    """Σ w ℓ / Σ d of every (ℓ, w, d): losses, their weights, and what is added up to divide by.

    Args:
        terms: d is w itself for a weighted mean, or the mask of labeled pixels.
        joined: whether the divisors are those of the joined batch of all processes, which are asked once for all terms.
    """
    divisors = torch.stack([divisor.sum(dtype=loss.dtype) for loss, _, divisor in terms])
    if joined:
        divisors = process_mean(divisors)
    return [
        weighted_mean(loss, weight, normalizer=divisor)
        for (loss, weight, _), divisor in zip(terms, divisors, strict=True)
    ]


def published_map(px: PixelBatch, name: str, purpose: str, argument: str) -> Tensor:
    """The map that an objective before this one has published under the name.

    Raises:
        ValueError: nobody has; ``purpose`` says what the map is wanted for, ``argument`` where a signal may be given.
    """
    if name not in px.maps:
        found = ", ".join(px.maps) or "none"
        raise ValueError(
            f"expected a published map {name!r} as {purpose}, found {found}; put an objective with that signal before "
            f"this one in a Sum, or give the signal itself as {argument}="
        )
    return px.maps[name]
