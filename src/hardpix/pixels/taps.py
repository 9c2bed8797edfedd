"""Tensors that a tap catches inside a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from hardpix.pixels.points import read_bilinear

Features = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Queries:
    """A class and a mask for each query, by one layer of a network that classifies masks.

    Attributes:
        classes: (B, Q, C + 1) logits, the last one "no object".
        masks: (B, Q, h, w) logits.

    Example:
        >>> import torch
        >>> Queries(torch.zeros(1, 5, 4), torch.zeros(1, 5, 2, 3)).masks.shape[1]
        5
    """

    classes: Tensor
    masks: Tensor


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
        queries: of a network that classifies masks, what its last layer says, and then its earlier ones, if returned.
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
    queries: tuple[Queries, ...] = ()

    def at(self, points: Tensor) -> Taps:
        """The maps at points (B, N, 2), bilinear, as (B, D, 1, N); without the decoder's inputs and the queries.

        Example:
            >>> import torch
            >>> taps = Taps(embedding=torch.tensor([[[[1.0], [3.0]]]]))
            >>> taps.at(torch.tensor([[[0.5, 0.5]]])).embedding
            tensor([[[[2.]]]])
        """
        return replace(
            self,
            features=None,
            queries=(),
            embedding=None if self.embedding is None else _read(self.embedding, points),
            auxiliary=tuple((_read(logits, points), share) for logits, share in self.auxiliary),
            stages={name: _read(stage, points) for name, stage in self.stages.items()},
        )


def _read(value: Tensor, points: Tensor) -> Tensor:
    """A map at points; what is no map stays as it is, to be refused by whoever needs one."""
    return read_bilinear(value, points)[:, :, None] if value.ndim == 4 else value


NO_TAPS = Taps()
