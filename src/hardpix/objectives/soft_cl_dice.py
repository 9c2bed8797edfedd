"""Soft clDice (Shit et al., CVPR 2021, arXiv 2003.07311)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.objectives.base import Objective
from hardpix.objectives.thin_classes import ThinClasses
from hardpix.pixels import PixelBatch, at_least_float32, joined_sum


class SoftClDice(Objective):
    """Asks for unbroken lines, and for no others: one minus the harmonic mean of two overlaps of soft skeletons.

    With the probabilities P_c of a class, its mask M_c, and the soft skeletons S of both (:func:`soft_skeleton`):

        precision_c = (Σ S(P_c) M_c + ε) / (Σ S(P_c) + ε)
        sensitivity_c = (Σ S(M_c) P_c + ε) / (Σ S(M_c) + ε)
        loss = mean over the classes of 1 − 2 · precision_c · sensitivity_c / (precision_c + sensitivity_c)

    The authors add it in equal parts to a soft Dice loss. Gradients reach the network through the skeletons of its
    probabilities, which keep about ``7 · iterations`` maps of every class in memory.

    [ours], where the authors' code does otherwise:

    - Unlabeled pixels are like what is outside of the image: no window of an erosion or dilation holds them, and no
      sum. A line that runs through them is neither cut there nor made, and has no end where its labels end.
    - Classes without a labeled pixel in the batch do not count.
    - The trust in labels ("target_weight" of the sample) multiplies every term of the sums.

    Args:
        classes: names or ids; None: the classes that are thin by what has been seen in training
            (:class:`~hardpix.objectives.thin_classes.ThinClasses`).
        iterations: of the skeleton, at least half the width in pixels of the broadest line.
        smooth: ε > 0.
        thin_share: least share of a thin class's pixels that lie in parts of at most 6 pixels' width.
        across_processes: sums are those of the joined batch of all processes that train together.

    Returns (from forward):
        "loss", and for the log "classes", the number of classes that count.

    Raises:
        ValueError: settings outside their range; names or ids that are no class.
        RuntimeError: names of classes that nobody has looked up.

    Example:
        >>> drawn = torch.tensor([[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]])
        >>> logits = 40 * torch.stack([1 - drawn, drawn])[None].float()
        >>> px = PixelBatch(logits, torch.tensor([[[0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]]]))
        >>> SoftClDice(classes=[1], smooth=1e-6)(px)["loss"]  # precision 1, sensitivity 1/2
        tensor(0.3333)
    """

    needs_neighbors = True

    def __init__(
        self,
        classes: Sequence[int | str] | None = None,
        iterations: int = 5,
        smooth: float = 1.0,
        thin_share: float = 1 / 3,
        across_processes: bool = True,
    ) -> None:
        super().__init__()
        if iterations < 0 or smooth <= 0:
            raise ValueError(f"expected iterations ≥ 0 and smooth > 0, found {iterations} and {smooth}")
        self.classes = ThinClasses(classes, thin_share)
        self.iterations = iterations
        self.smooth = smooth
        self.across_processes = across_processes

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
        joined = self.across_processes and self.training
        numbers = self.classes(px, joined).nonzero().squeeze(1)
        valid = px.valid[:, None]
        with torch.autocast(px.logits.device.type, enabled=False):
            logits = at_least_float32(torch.where(valid, px.logits, 0))
            p = logits.softmax(1)[:, numbers]
            if len(numbers) == 0:
                return {"loss": p.sum(), "classes": p.new_zeros(())}
            mask = ((px.labels[:, None] == numbers[:, None, None]) & valid).to(p.dtype)
            trust = px.masked(torch.ones_like(p[:, 0]))[:, None]
            drawn = trust * soft_skeleton(p, valid, self.iterations)
            with torch.no_grad():
                true = trust * soft_skeleton(mask, valid, self.iterations)
            terms = (drawn * mask, drawn, true * p, true, trust * mask)
            sums = torch.stack([term.sum((0, 2, 3)) for term in terms])
        found, drawn_length, kept, true_length, there = joined_sum(sums) if joined else sums
        precision = (found + self.smooth) / (drawn_length + self.smooth)
        sensitivity = (kept + self.smooth) / (true_length + self.smooth)
        counts = there > 0
        number = counts.sum().to(p.dtype)
        missed = 1 - 2 * precision * sensitivity / (precision + sensitivity)
        return {"loss": (missed * counts).sum() / number.clamp(min=1), "classes": number}


def soft_skeleton(values: Tensor, valid: Tensor, iterations: int) -> Tensor:
    """Skeleton of maps from 0 to 1: what openings of the maps, eroded again and again, take away.

    Args:
        values: (B, K, H, W) from 0 to 1.
        valid: (B, 1, H, W) boolean; other pixels are in no window, as those outside of the image.
        iterations: number of erosions.

    Returns:
        (B, K, H, W) from 0 to 1, 0 outside of ``valid``.

    Example:
        >>> bar = torch.zeros(1, 1, 5, 5)
        >>> bar[:, :, 1:4] = 1
        >>> soft_skeleton(bar, torch.ones(1, 1, 5, 5, dtype=torch.bool), iterations=2)[0, 0].amax(1)
        tensor([0., 0., 1., 0., 0.])
    """
    values = values * valid
    skeleton = F.relu(values - _opened(values, valid))
    for _ in range(iterations):
        values = _eroded(values, valid)
        new = F.relu(values - _opened(values, valid))
        skeleton = skeleton + new * (1 - skeleton)
    return skeleton


def _opened(values: Tensor, valid: Tensor) -> Tensor:
    eroded = torch.where(valid, _eroded(values, valid), -torch.inf)
    return torch.where(valid, F.max_pool2d(eroded, 3, stride=1, padding=1), 0)


def _eroded(values: Tensor, valid: Tensor) -> Tensor:
    """Minimum over the cross of each pixel and its four neighbors; 0 where not valid."""
    inverse = torch.where(valid, -values, -torch.inf)
    rows = F.max_pool2d(inverse, (3, 1), stride=1, padding=(1, 0))
    columns = F.max_pool2d(inverse, (1, 3), stride=1, padding=(0, 1))
    return torch.where(valid, -torch.maximum(rows, columns), 0)
