"""Cross-entropy in which a signal says how much each pixel matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor

from hardpix.networks.binding import bound
from hardpix.objectives.auxiliary import head_loss, weighted_heads
from hardpix.objectives.base import Objective
from hardpix.objectives.weighting import counts_pixels, weight_map, weighted_means
from hardpix.pixels import PixelBatch, cross_entropy_map
from hardpix.signals import Signal

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class WeightedCrossEntropy(Objective):
    """Σ w ℓ / Σ w, plus the network's auxiliary heads.

    w is the signal's map, a constant for this loss unless the signal is differentiable; signals with ``normalizer``
    "count" divide by the number of valid pixels instead of Σ w. Auxiliary heads get plain cross-entropy. Where the
    sample has "target_weight", the share by which each label is trusted, it multiplies the weights of both.

    Args:
        signal: None weighs every pixel alike, plain cross-entropy.
        label_smoothing: from 0 to 1, of the segmentation loss alone: signals always see the plain loss.
        auxiliary_weight: weight of the auxiliary heads.
        across_processes: normalizers are those of the joined batch of all processes that train together, so that N
            processes have the gradients of one with the joined batch.

    Returns (from forward):
        The total as "loss", and its parts: "segmentation", and "auxiliary" where there are such heads. The loss of a
        signal that learns is added by the step (:func:`~hardpix.objectives.with_signal_losses`).

    Raises:
        ValueError: settings outside their range.
        RuntimeError: auxiliary heads that no gradient comes back from, as with reentrant checkpointing.

    Example:
        >>> px = PixelBatch(torch.zeros(1, 4, 1, 2), torch.tensor([[[3, 255]]]))
        >>> WeightedCrossEntropy()(px)["loss"]  # log 4
        tensor(1.3863)
    """

    def __init__(
        self,
        signal: Signal | None = None,
        label_smoothing: float = 0.0,
        auxiliary_weight: float = 0.4,
        across_processes: bool = True,
    ) -> None:
        super().__init__()
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"expected label_smoothing from 0 to 1, found {label_smoothing}")
        if auxiliary_weight < 0:
            raise ValueError(f"expected auxiliary_weight ≥ 0, found {auxiliary_weight}")
        self.signal = signal
        if signal is not None and signal.name in ("loss", "segmentation", "auxiliary"):
            raise ValueError(f"{signal.name!r} names a part of the loss already; give the signal another name")
        self.label_smoothing = label_smoothing
        self.auxiliary_weight = auxiliary_weight
        self.across_processes = across_processes

    def bind(self, network: TappedNetwork) -> Self:
        if self.signal is not None:
            bound(self.signal, network)
        return self

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        # In evaluation the processes' numbers of batches may differ, and a sum over processes would wait for ever.
        joined = self.across_processes and self.training
        weight = weight_map(px, self.signal)
        if self.label_smoothing:
            # The plain loss would keep a tensor as large as the logits; a signal that needs it has asked for it.
            loss = cross_entropy_map(px.logits, px.labels, px.ignore_index, label_smoothing=self.label_smoothing)
        else:
            loss = px.loss
        trusted = weight_map(px, None)
        if px.taps.auxiliary and self.auxiliary_weight:
            px.require_graph("auxiliary", self)
        terms = [(loss, weight, px.valid if counts_pixels(self.signal) else weight)]
        terms += [(head_loss(logits, px), trusted, trusted) for logits, _ in px.taps.auxiliary]
        segmentation, *heads = weighted_means(terms, joined)
        parts = {"segmentation": segmentation}
        if heads:
            parts["auxiliary"] = weighted_heads(px, self.auxiliary_weight, heads)
        return {"loss": torch.stack(list(parts.values())).sum(), **parts}
