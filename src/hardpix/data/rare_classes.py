"""Rare class sampling (DAFormer, Hoyer et al., CVPR 2022, arXiv 2111.14887), for the places of crops."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def rarity(class_counts: Sequence[int], temperature: float) -> Tensor:
    """Logarithms of the chances of classes, but for a constant: (1 − f_c) / T, with f_c the share of class c's pixels.

    Args:
        class_counts: training pixels of each class.
        temperature: T > 0; smaller ones draw the rarest class almost alone, larger ones all classes alike.

    Returns:
        (C,) float64, whose softmax over the classes to choose from is the chance of each.

    Raises:
        ValueError: a temperature that is not above 0; counts below 0, or none above it.

    Example:
        >>> rarity([90, 10], temperature=0.4).softmax(0)  # e^0.25 and e^2.25
        tensor([0.1192, 0.8808], dtype=torch.float64)
    """
    counts = torch.as_tensor(class_counts, dtype=torch.float64)
    if not temperature > 0 or counts.sum() <= 0 or counts.min() < 0:
        raise ValueError(f"expected a temperature above 0 and pixel counts ≥ 0, found {temperature} and {class_counts}")
    return (1 - counts / counts.sum()) / temperature


def rare_pixel(target: Tensor, rarity: Tensor) -> tuple[int, int] | None:
    """Row and column of a random pixel of one of the classes in a target, drawn by their rarity; None without labels.

    Args:
        target: (H, W) class ids; what is no class counts as unlabeled.
        rarity: (C,) as the function of that name has it.

    Example:
        >>> rare_pixel(torch.tensor([[0, 0, 255], [0, 1, 0]]), torch.tensor([0.0, 100.0]))
        (1, 1)
    """
    known = (target >= 0) & (target < len(rarity))
    present = target[known].unique()
    if len(present) == 0:
        return None
    drawn = present[torch.multinomial(rarity[present].softmax(0), 1)]
    row, column = divmod(_one_of((target == drawn).flatten().nonzero().flatten()), target.shape[1])
    return row, column


def _one_of(places: Tensor) -> int:
    return int(places[torch.randint(len(places), ())])
