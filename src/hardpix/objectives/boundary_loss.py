"""Boundary loss (Kervadec et al., MIDL 2019, arXiv 1812.07032)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hardpix.objectives.base import Objective
from hardpix.objectives.thin_classes import ThinClasses, pixels_of
from hardpix.objectives.weighting import weight_map, weighted_means
from hardpix.pixels import PixelBatch, at_least_float32, signed_distances


class BoundaryLoss(Objective):
    """Draws the borders of predictions to those of labels: each probability costs its distance to the class's border.

    With φ_c the signed distance in pixels to the border of class c, positive outside
    (:func:`hardpix.pixels.signed_distances`), and p_c the probability of the class:

        loss = mean over labeled pixels and classes of φ_c p_c

    Far from the true border false pixels cost most, and missed ones of broad things; the loss may be negative. It
    is added to another one, with a weight of about 0.01, since φ is in pixels: ``Sum({"segmentation": …, "boundary":
    BoundaryLoss()}, {"boundary": 0.01})``. The authors let that weight rise in training.

    [ours], where the authors' code does otherwise:

    - φ ends at ``reach``, so that the farthest pixels do not rule the loss, and distances need no other library.
    - Unlabeled pixels make no border and have no part in the mean; the trust in labels ("target_weight") weighs it.
    - All classes by default, the first one too: there need not be a background.

    Args:
        classes: names or ids; None for all.
        reach: largest distance in pixels, ≥ 1.
        across_processes: the mean is that of the joined batch of all processes that train together.

    Raises:
        ValueError: settings outside their range; names or ids that are no class.
        RuntimeError: names of classes that nobody has looked up.

    Example:
        >>> px = PixelBatch(torch.zeros(1, 2, 1, 4), torch.tensor([[[0, 0, 0, 1]]]))
        >>> BoundaryLoss()(px)["loss"]  # φ_0 = −2, −1, 0, 1 and φ_1 = 3, 2, 1, 0, all times 1/2
        tensor(0.2500)
    """

    needs_neighbors = True

    def __init__(
        self, classes: Sequence[int | str] | None = None, reach: int = 20, across_processes: bool = True
    ) -> None:
        super().__init__()
        if reach < 1:
            raise ValueError(f"expected reach ≥ 1, found {reach}")
        self.classes = None if classes is None else ThinClasses(classes)
        self.reach = reach
        self.across_processes = across_processes

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        every = torch.ones(px.logits.shape[1], dtype=torch.bool, device=px.logits.device)
        numbers = (every if self.classes is None else self.classes(px)).nonzero().squeeze(1)
        distance = signed_distances(pixels_of(every, px), numbers, self.reach, ignore_index=-1)
        with torch.autocast(px.logits.device.type, enabled=False):
            logits = at_least_float32(torch.where(px.valid[:, None], px.logits, 0))
            cost = (logits.softmax(1)[:, numbers] * distance).mean(1)
        weight = weight_map(px, None)
        # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
        (mean,) = weighted_means([(cost, weight, weight)], joined=self.across_processes and self.training)
        return {"loss": mean}
