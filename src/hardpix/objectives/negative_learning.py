"""Learning of what a pixel is not (negative learning of RIPU, Xie et al., CVPR 2022)."""

from __future__ import annotations

import torch
from torch import Tensor

from hardpix.objectives.base import Objective
from hardpix.objectives.weighting import weighted_means
from hardpix.pixels import PixelBatch, at_least_float32


class NegativeLearning(Objective):
    """Mean of −log(1 − p) over all classes of all pixels that a network nearly rules out, labeled or not.

    A class is nearly ruled out where p is below the threshold; which ones these are is a constant. RIPU (arXiv
    2111.12940) adds it to the cross-entropy of the few labeled pixels of its target images, with weight 1. Labels say
    what a pixel is, and this says what the others are not. It needs no labels. Padding
    has no part in it (``px.inside``).

    [ours], where the authors' code does otherwise: −log(1 − p) itself, which is 0 at p = 0; theirs is that of
    1 − p + 10⁻⁶, below 0 there. 0 where no class is nearly ruled out; theirs is not a number.

    Args:
        threshold: probability below which a class is nearly ruled out, above 0 and below 1.
        across_processes: the mean is that of the joined batch of all processes that train together.

    Raises:
        ValueError: a threshold outside its range.

    Example:
        >>> px = PixelBatch(torch.tensor([0.8, 0.18, 0.02]).log().view(1, 3, 1, 1))
        >>> NegativeLearning()(px)["loss"]  # −log 0.98
        tensor(0.0202)
    """

    def __init__(self, threshold: float = 0.05, across_processes: bool = True) -> None:
        super().__init__()
        if not 0 < threshold < 1:
            raise ValueError(f"expected threshold above 0 and below 1, found {threshold}")
        self.threshold = threshold
        self.across_processes = across_processes

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        with torch.autocast(px.logits.device.type, enabled=False):
            shares = at_least_float32(px.logits).softmax(1)
            ruled_out = shares.detach() < self.threshold
            ruled_out = ruled_out & px.inside[:, None]
            # Elsewhere 1 − p may be 0, whose gradient would be infinite times 0.
            loss = -torch.log1p(-torch.where(ruled_out, shares, 0))
        weight = ruled_out.to(loss.dtype)
        # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
        (mean,) = weighted_means([(loss, weight, weight)], joined=self.across_processes and self.training)
        return {"loss": mean}
