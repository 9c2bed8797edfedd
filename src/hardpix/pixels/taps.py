"""Tensors that a tap catches inside a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

Features = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Taps:
    """Tensors from inside a network, for one forward; all of them are on the graph.

    A signal that must not reach the network detaches them.

    Attributes:
        features: positional and keyword arguments that the decoder was called with; None without a decoder, and where
            the network has overwritten them since (layers with ``inplace=True`` may).
        embedding: (B, D, h, w) that entered the last classifier.
        auxiliary: logits of auxiliary heads, (B, C, h, w), each with its weight relative to the other heads.
        stages: outputs of the modules that were named as stages.
        without_graph: which of "features", "embedding", "auxiliary" and the names of stages were caught where the
            network turns gradients off, as reentrant checkpointing does; see :meth:`PixelBatch.require_graph`.

    Example:
        >>> import torch
        >>> taps = Taps(embedding=torch.zeros(1, 8, 2, 3), auxiliary=((torch.zeros(1, 4, 2, 3), 0.5),))
        >>> taps.embedding.shape[1], taps.features, dict(taps.stages)
        (8, None, {})
    """

    features: Features | None = None
    embedding: Tensor | None = None
    auxiliary: tuple[tuple[Tensor, float], ...] = ()
    stages: Mapping[str, Tensor] = field(default_factory=dict)
    without_graph: frozenset[str] = frozenset()


NO_TAPS = Taps()
