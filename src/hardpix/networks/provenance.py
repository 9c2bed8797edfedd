"""Provenance of a network's outputs: those that a layer's own result became."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.graph import Node

from hardpix.pixels import resize_bilinear
from hardpix.pixels.precision import at_least_float32

# Operations with weights. Behind one, a map is another layer's result.
_LAYERS = ("Convolution", "Addmm", "MmBackward", "BmmBackward")


def made_from(maps: Sequence[Tensor], result: Tensor) -> list[int]:
    """Positions of the maps that a layer's result became without passing another layer, the nearest alone.

    A resize, a crop or an activation lies between; the graph of autograd shows it, so no value is looked at.

    Example:
        >>> layer = torch.nn.Conv2d(1, 2, 1)
        >>> first, second = layer(torch.ones(1, 1, 4, 4)), layer(torch.ones(1, 1, 4, 4))
        >>> made_from([second, resize_bilinear(first, (8, 8)), torch.ones(1, 2, 8, 8)], first)
        [1]
    """
    if result.grad_fn is None:
        return []
    steps = [None if each.grad_fn is None else _steps(each.grad_fn, result.grad_fn) for each in maps]
    fewest = min((count for count in steps if count is not None), default=None)
    return [k for k, count in enumerate(steps) if count is not None and count == fewest]


def equal_to(maps: Sequence[Tensor], result: Tensor) -> list[int]:
    """Positions of the maps that hold the result's values, resized to their size where it is another."""
    found = []
    for k, each in enumerate(maps):
        if each.shape[:2] == result.shape[:2]:
            expected = resize_bilinear(at_least_float32(result), (each.shape[2], each.shape[3]))
            if torch.allclose(at_least_float32(each), expected, rtol=1e-3, atol=1e-5):
                found.append(k)
    return found


def _steps(start: Node, end: Node) -> int | None:
    """Operations between two nodes of a graph, None where no path without weights leads there."""
    level, seen, steps = {start}, {start}, 0
    while level:
        if end in level:
            return steps
        below: set[Node] = set()
        for node in level:
            inputs = [node_below for node_below, _ in node.next_functions if node_below is not None]
            weighted = any("AccumulateGrad" in each.name() for each in inputs)
            if not weighted and not node.name().startswith(_LAYERS):
                below.update(inputs)
        level = below - seen
        seen |= level
        steps += 1
    return None
