"""Contract of a labeler: labels out of predictions, and how far each is to be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from torch import Tensor

from hardpix.networks.binding import bound
from hardpix.pixels import PixelBatch, Prepared
from hardpix.refiners import Refiner

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


@dataclass(frozen=True)
class PseudoLabels:
    """Labels of a batch: class ids or ignore_index (B, H, W) int64, and their trust from 0 to 1 (B, H, W) float32.

    Example:
        >>> import torch
        >>> labels = PseudoLabels(torch.tensor([[[3, 255]]]), torch.tensor([[[0.5, 0.0]]]))
        >>> sorted(labels.into({"image": torch.zeros(1, 3, 1, 2)}))
        ['image', 'target', 'target_weight']
    """

    target: Tensor
    weight: Tensor

    def into(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """The batch with these labels, for any objective: "target_weight" multiplies the weights of losses."""
        return {**batch, "target": self.target, "target_weight": self.weight}


class Labeler(Prepared):
    """Labels of a batch from what a network, mostly a teacher, says of it. One of your own needs ``forward``.

    Padding is never labeled: a pixel that is ``ignore_index`` in the target of the batch, or has "target_weight" 0 in
    it, stays unlabeled, and another "target_weight" multiplies the trust: :func:`known_trust`. A batch without labels
    tells its padding by either of the two.

    A labeler of sparse labels, such as clicks, ``completes`` them: it needs a target, keeps the labels in it, and may
    label the other pixels. Padding is then what has "target_weight" 0, and the rows and columns along the frame in the
    mean color: :func:`trust_beyond_labels`.

    Args:
        refiner: corrects the probabilities by the image before they are turned into labels.

    Example:
        >>> import torch
        >>> class Everything(Labeler):
        ...     def forward(self, px):
        ...         return PseudoLabels(px.logits.argmax(1), torch.ones(px.shape))
        >>> Everything()(PixelBatch(torch.tensor([0.0, 1.0]).view(1, 2, 1, 1))).target
        tensor([[[1]]])
    """

    completes: ClassVar[bool] = False
    """True if it completes the labels of a target that must be there."""

    def __init__(self, refiner: Refiner | None = None) -> None:
        super().__init__()
        self.refiner = refiner

    def forward(self, px: PixelBatch) -> PseudoLabels:
        """Labels of the pixels of ``px``, without gradient."""
        raise NotImplementedError(f"{type(self).__name__} must return PseudoLabels in forward(px)")

    def bind(self, network: TappedNetwork) -> Self:
        """Build what depends on the network that learns; by default in every part that has a ``bind`` of its own."""
        for part in self.children():
            if callable(getattr(part, "bind", None)):
                bound(part, network)  # type: ignore[type-var]
        return self

    def end_step(self) -> None:
        """Take note of a step of the optimizer; by default in every part that has an ``end_step`` of its own."""
        self._tell("end_step")

    def end_epoch(self) -> None:
        """Take note of the end of an epoch; called once after each, and by default passed on like ``end_step``."""
        self._tell("end_epoch")

    def _tell(self, event: str) -> None:
        for part in self.children():
            if callable(method := getattr(part, event, None)):
                method()
