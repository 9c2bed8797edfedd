"""Adaptive Gaussian mixture for sparse labels (Wu et al., CVPR 2023)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from hardpix.objectives.base import Objective
from hardpix.objectives.weighting import weight_map, weighted_means
from hardpix.pixels import PixelBatch, at_least_float32, joined_sum
from hardpix.pixels.eager import eager
from hardpix.pixels.mixture import EPSILON, Mixture, mixture_of


class GaussianMixture(Objective):
    """Teaches unlabeled pixels by their features' nearness to those of the few labeled ones of their image (AGMM).

    With v_k the mean feature of the pixels labeled k in an image, d_k = mean over channels of |f − v_k|, and

        r_k = exp(−d_k² / 2σ_k²)

    resized to the labels, the total is the sum of four parts, in which K are the classes labeled in the image:

        absent      mean over pixels of Σ over classes that the image lacks of −log(1 − p_k)
        agreement   ½ mean over pixels of Σ_{k∈K} BCE(p_k, target r_k) / |K|; the gradient reaches both
        nearness    ½ mean over labeled pixels of Σ_{k∈K} BCE(r_k, target 1[y = k]) / |K|
        centers     mean over pairs of classes of exp(−d²), d between their centers in the batch

    It is added to the cross-entropy of the labeled pixels: ``Sum({"segmentation": WeightedCrossEntropy(), "mixture":
    GaussianMixture()})``. Logarithms are those of x + 1e-6. Labels may be clicks, scribbles, blocks or boxes. f is the
    embedding that enters the network's last classifier.

    "tags" of the sample, (B, C) booleans, say which classes an image has. ``hardpix fit`` takes them from the whole
    mask of each image before it is cropped; without tags they are the classes labeled in the batch. Crops of images
    with sparse labels need the tags: a class without a click in the crop may be in it.

    [ours], where the authors' code does otherwise:

    - The center of a class in the batch is the mean of its centers in the images; there it is their sum.
    - Padding has the nearness of its features, and no part in any mean; there it has nearness 1, which resizing spreads
      to its neighbors.
    - Without a labeled pixel the loss is 0; there it is NaN. Images without a label have no part in "agreement".
    - σ_k² = Σ p_k d_k² / Σ p_k over an image's cells, without gradient, is the variance "adaptive": the name asks for
      it, and the published code has it switched off. "fixed" is that code, 2σ² = 1.
    - The trust in labels ("target_weight") weighs "nearness".

    Args:
        variance: "fixed" or "adaptive".
        stop_gradient: stops the gradient of "agreement" at r, so that features do not give way to wrong predictions.
        across_processes: means and centers are those of the joined batch of all processes that train together.
        rounds: of expectation and maximization [ours]: in each, the centers become means over all pixels, weighed by
            their nearness. One or two bring the centers from a few clicks to the middle of the class's features in the
            image. "centers" stays that of the labeled pixels.

    Raises:
        ValueError: settings outside their range; no embedding, which must be named to the tap.
        RuntimeError: an embedding that no gradient comes back from, as with reentrant checkpointing.

    Example:
        >>> import hardpix
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 2, 1)))
        >>> step = hardpix.TrainingStep(hardpix.tap(model, decoder="1"), GaussianMixture())
        >>> clicks = torch.full((2, 8, 8), 255)
        >>> clicks[:, 1, 1], clicks[:, 6, 5] = 0, 1
        >>> sorted(step(torch.rand(2, 3, 8, 8), clicks))
        ['absent', 'agreement', 'centers', 'loss', 'nearness']
    """

    def __init__(
        self,
        variance: Literal["fixed", "adaptive"] = "fixed",
        stop_gradient: bool = False,
        across_processes: bool = True,
        rounds: int = 0,
    ) -> None:
        super().__init__()
        if variance not in ("fixed", "adaptive"):
            raise ValueError(f"expected variance 'fixed' or 'adaptive', found {variance!r}")
        if rounds < 0:
            raise ValueError(f"expected rounds ≥ 0, found {rounds}")
        self.variance = variance
        self.rounds = rounds
        self.stop_gradient = stop_gradient
        self.across_processes = across_processes

    @eager
    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
        joined = self.across_processes and self.training
        mixture = mixture_of(px, self, adaptive=self.variance == "adaptive", rounds=self.rounds)
        near, tags = mixture.nearness, tags_of(px, mixture)
        classes = torch.arange(tags.shape[1], device=tags.device)[:, None, None]
        with torch.autocast(px.logits.device.type, enabled=False):
            p = at_least_float32(px.logits).softmax(1)
            absent = torch.where(tags[..., None, None], 0, -(1 - p + EPSILON).log()).sum(1)
            agreement = _over_present(_binary(p, near.detach() if self.stop_gradient else near), mixture)
            nearness = _over_present(_binary(near, (px.labels[:, None] == classes).to(near.dtype)), mixture)
            known, labeled = (
                (~mixture.padding & images[:, None, None]).to(p.dtype) for images in (tags.any(1), mixture.labeled)
            )
            trusted = weight_map(px, None).to(p.dtype)
            terms = [(absent, known, known), (agreement, labeled, labeled), (nearness, trusted, trusted)]
            means = weighted_means(terms, joined)
            parts = {
                "absent": means[0],
                "agreement": 0.5 * means[1],
                "nearness": 0.5 * means[2],
                "centers": _alike(mixture, joined),
            }
        return {"loss": torch.stack(list(parts.values())).sum(), **parts}


def tags_of(px: PixelBatch, mixture: Mixture) -> Tensor:
    """(B, C) boolean: the classes that each image is known to have."""
    given = px.sample.get("tags")
    if given is None:
        return mixture.present
    if tuple(given.shape) != tuple(mixture.present.shape):
        raise ValueError(
            f"expected tags of shape {tuple(mixture.present.shape)} (images, classes), found {tuple(given.shape)}"
        )
    return given.bool() | mixture.present


def _binary(probability: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of two outcomes, of probabilities (B, C, H, W)."""
    hit, miss = (probability + EPSILON).log(), (1 - probability + EPSILON).log()
    return -target * hit - (1 - target) * miss


def _over_present(costs: Tensor, mixture: Mixture) -> Tensor:
    """Mean over the classes labeled in the image, (B, C, H, W) → (B, H, W)."""
    present = mixture.present[..., None, None]
    return torch.where(present, costs, 0).sum(1) / present.sum(1).clamp(min=1)


def _alike(mixture: Mixture, joined: bool) -> Tensor:
    """Mean of exp(−d²) over pairs of classes, d the distance of their centers in the batch."""
    images = mixture.present.to(mixture.centers.dtype)[..., None]
    sums = torch.cat([(mixture.centers * images).sum(0), images.sum(0)], 1)
    sums = joined_sum(sums) if joined else sums
    count = sums[:, -1].detach()
    centers = sums[:, :-1] / count.clamp(min=1)[:, None]
    first, second = torch.combinations((count > 0).nonzero()[:, 0]).unbind(1)
    apart = (centers[first] - centers[second]).abs().mean(1)
    return (-apart.square()).exp().sum() / max(len(first), 1)
