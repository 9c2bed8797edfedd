"""Cross-entropy at the levels of a class tree (after Bertinetto et al., CVPR 2020, arXiv 1912.09393)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor

from hardpix.networks.binding import bound
from hardpix.objectives.base import Objective
from hardpix.objectives.weighting import weighted_means, weights_by
from hardpix.pixels import KnownTree, PixelBatch, at_least_float32
from hardpix.signals import Signal

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class TreeCrossEntropy(Objective):
    """Asks for the right group where the right class is missed: cross-entropy at each level above the classes.

    The probability of a group is the sum over its classes. With G_h(y) the group of the labeled class y at level h:

        ℓ_h = −log Σ_{k in G_h(y)} p_k
        loss = mean over the levels of Σ w ℓ_h / Σ w

    A car that is taken for a bus costs nothing here, one that is taken for sky costs as much as in cross-entropy. It
    does not tell the classes of a group apart and is therefore added to another loss:
    ``Sum({"segmentation": …, "tree": TreeCrossEntropy()}, weights={"tree": 0.4})``. The tree is that of the class
    table.

    The published loss weighs the conditional −log P(node | parent) at each level. As P(class) is the product of these,
    its losses and the sums of cross-entropy and of this one are the same up to the weights of the levels.

    Args:
        signal: the name of a map that an objective before this one in a ``Sum`` has published, such as "hardness"; or a
            signal of its own; None weighs every pixel alike.
        across_processes: normalizers are those of the joined batch of all processes that train together.

    Returns (from forward):
        "loss", and each level's own as "levels/1", whose groups are the smallest, "levels/2" …

    Raises:
        ValueError: the class table has no tree; a map that nobody has published.
        RuntimeError: a tree that nobody has told, or one of other classes.

    Example:
        >>> from hardpix.pixels import ClassTree, DatasetInfo
        >>> tree = ClassTree.from_groups({"vehicle": ["car", "bus"]}, ("car", "bus", "sky", "road"))
        >>> objective = TreeCrossEntropy()
        >>> objective.tree.prepare(DatasetInfo(tree.class_names, lambda: [1, 1, 1, 1], tree=tree))
        >>> objective(PixelBatch(torch.zeros(1, 4, 1, 2), torch.tensor([[[0, 255]]])))["loss"]  # log 2
        tensor(0.6931)
    """

    def __init__(self, signal: str | Signal | None = None, across_processes: bool = True) -> None:
        super().__init__()
        self.signal = signal
        if isinstance(self.signal, Signal) and self.signal.name == "loss":
            raise ValueError("'loss' names a part of the loss already; give the signal another name")
        self.across_processes = across_processes
        self.tree = KnownTree("TreeCrossEntropy")

    def bind(self, network: TappedNetwork) -> Self:
        if isinstance(self.signal, Signal):
            bound(self.signal, network)
        return self

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        groups = self.tree(px.logits.shape[1])
        weight, by_count = weights_by(px, self.signal, "what weighs the levels of the class tree")
        divisor = px.valid if by_count else weight
        losses = weighted_means(
            [(loss, weight, divisor) for loss in group_losses(px, groups)],
            # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
            joined=self.across_processes and self.training,
        )
        return {
            "loss": torch.stack(losses).mean(),
            **{f"levels/{level}": loss for level, loss in enumerate(losses, 1)},
        }


def group_losses(px: PixelBatch, groups: Tensor) -> list[Tensor]:
    """Cross-entropy (B, H, W) of the labeled class's group at each level, 0 where invalid; float32.

    Args:
        px: one batch.
        groups: (L, C) number of each class's group at each level.

    Example:
        >>> px = PixelBatch(torch.zeros(1, 3, 1, 1), torch.tensor([[[2]]]))
        >>> group_losses(px, torch.tensor([[0, 1, 1], [0, 0, 0]]))  # log 3/2, 0
        [tensor([[[0.4055]]]), tensor([[[0.]]])]
    """
    labels = torch.where(px.valid, px.labels, 0)
    with torch.autocast(px.logits.device.type, enabled=False):
        # Unlabeled pixels may be NaN, whose gradient no weight of 0 would stop.
        logits = at_least_float32(torch.where(px.valid[:, None], px.logits, 0))
        # Both terms are then near 0 where the network is sure, and nothing is lost in their difference.
        logits = logits - logits.detach().amax(1, keepdim=True)
        every = logits.logsumexp(1)
        losses = []
        for level in groups.to(logits.device):
            other = level[None, :, None, None] != level[labels][:, None]
            losses.append((every - logits.masked_fill(other, -torch.inf).logsumexp(1)).masked_fill(~px.valid, 0))
    return losses
