"""Loss of networks that classify masks, as of Mask2Former (Cheng et al., CVPR 2022, arXiv 2112.01527)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from hardpix.objectives.mask_matching import ClassMasks, assign, mask_costs
from hardpix.objectives.seeded import Seeded
from hardpix.objectives.weighting import weight_map
from hardpix.pixels import PixelBatch, Queries, at_least_float32, process_mean, read_bilinear
from hardpix.pixels.eager import eager


class MaskClassification(Seeded):
    """Trains the queries of a network: one for each class of an image, all others for "no object".

    Each class with a labeled pixel in an image is a mask, and is matched to one query, so that the costs add up to the
    least (Hungarian method). The costs are −p(class), cross-entropy and Dice loss on N random points, each by its
    weight; p is the query's probability of the class. Then

        loss = w_class · Σ_q v_q ℓ_q / Σ_q v_q  +  Σ_m (w_mask · BCE_m + w_dice · Dice_m) / number of masks

    ℓ_q is the cross-entropy of a query over the classes and "no object", whose weight v is ``no_object_weight``, else
    1. BCE is the cross-entropy of a mask's N points, Dice = 1 − (2 Σ a b + 1) / (Σ a + Σ b + 1). Most points are where
    the network is unsure of the mask, as in :class:`AtPoints`. Earlier layers that the network
    returns have the same loss, each with a matching of its own (deep supervision). In transformers choose
    ``output_auxiliary_logits=True``.

    Labels are read bilinearly, "target_weight" of the sample weighs points. Draws are seeded by a counter of training
    steps that is part of every checkpoint.

    [ours], where the authors' code does otherwise:

    - Unlabeled pixels are no background. No point is drawn there, and none beside them reads their labels. An image
      without a labeled pixel teaches nothing, not even "no object".
    - Masks are continued at the frame as they are; there zeros around them make every edge uncertain.
    - The mean over queries is that of the joined batch of all processes, as the number of masks is.

    A class that is not labeled in an image is taken for absent there: with clicks or scribbles use another loss, such
    as ``WeightedCrossEntropy``.

    Args:
        class_weight: of the queries' cross-entropy, here and in the matching.
        mask_weight: of the masks' cross-entropy.
        dice_weight: of their Dice loss.
        no_object_weight: > 0, of queries without a mask.
        points: N.
        oversample: candidates for each point, ≥ 1.
        uncertain: share of the points chosen by uncertainty, −|logit| of the mask.
        seed: of the draws.
        across_processes: means are those of the joined batch of all processes that train together.

    Returns (from forward):
        "loss", of the last layer "classes", "masks" and "dice" without their weights, and "earlier", the sum of the
        losses of earlier layers, where there are some.

    Raises:
        ValueError: settings outside their range; a network that returns no queries, or of other classes.
        ModuleNotFoundError: scipy is missing.

    Example:
        >>> from hardpix.pixels import Taps
        >>> target = torch.tensor([[[0, 0, 1, 255]]])
        >>> masks = torch.tensor([[[[-50.0, -50.0, 50.0, 50.0]], [[50.0, 50.0, -50.0, 50.0]]]])
        >>> classes = torch.tensor([[[0.0, 50.0, 0.0], [50.0, 0.0, 0.0]]])
        >>> px = PixelBatch(torch.zeros(1, 2, 1, 4), target, taps=Taps(queries=(Queries(classes, masks),)))
        >>> torch.allclose(MaskClassification(points=50)(px)["classes"], torch.zeros(()))
        True
    """

    needs_neighbors = True

    def __init__(
        self,
        class_weight: float = 2.0,
        mask_weight: float = 5.0,
        dice_weight: float = 5.0,
        no_object_weight: float = 0.1,
        points: int = 12544,
        oversample: float = 3.0,
        uncertain: float = 0.75,
        seed: int = 0,
        across_processes: bool = True,
    ) -> None:
        super().__init__(seed)
        weights = {"class_weight": class_weight, "mask_weight": mask_weight, "dice_weight": dice_weight}
        for name, value in weights.items():
            if not value >= 0:
                raise ValueError(f"expected {name} ≥ 0, found {value}")
        if not no_object_weight > 0:
            raise ValueError(f"expected no_object_weight > 0 (0.1 in the paper), found {no_object_weight}")
        if points < 1:
            raise ValueError(f"expected points ≥ 1, found {points}")
        if not oversample >= 1:
            raise ValueError(f"expected oversample ≥ 1 (3 in the paper), found {oversample}")
        if not 0 <= uncertain <= 1:
            raise ValueError(f"expected uncertain, a share of the points, from 0 to 1, found {uncertain}")
        self.class_weight = class_weight
        self.mask_weight = mask_weight
        self.dice_weight = dice_weight
        self.no_object_weight = no_object_weight
        self.points = points
        self.oversample = oversample
        self.uncertain = uncertain
        self.across_processes = across_processes

    @eager
    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        if not px.taps.queries:
            raise ValueError(
                "MaskClassification needs a network that classifies masks and returns its queries, as MaskFormer, "
                "Mask2Former, OneFormer and EoMT of transformers do, found logits alone; train it by "
                "WeightedCrossEntropy"
            )
        generator = self.generator(self.count_step(), px.logits.device)
        with torch.autocast(px.logits.device.type, enabled=False):
            truth = ClassMasks(px, weight_map(px, None))
            sums = [self._layer(_wide(layer, px), truth, generator) for layer in px.taps.queries]
            counts = torch.stack([torch.stack([each.weights, each.number]) for each in sums])
            if self.across_processes and self.training:
                counts = process_mean(counts)
            layers = [self._means(each, *count.unbind()) for each, count in zip(sums, counts, strict=True)]
        weights = layers[0].new_tensor([self.class_weight, self.mask_weight, self.dice_weight])
        totals = torch.stack([(weights * layer).sum() for layer in layers])
        parts = dict(zip(("classes", "masks", "dice"), layers[0].unbind(), strict=True))
        return {"loss": totals.sum(), **parts, **({"earlier": totals[1:].sum()} if len(layers) > 1 else {})}

    def _layer(self, queries: Queries, truth: ClassMasks, generator: Generator) -> _Sums:
        """Sums of the losses of one layer, and what they are divided by."""
        image, query, of_class = self._match(queries, truth, generator)
        found = queries.classes.shape[2] - 1
        target = queries.classes.new_full(queries.classes.shape[:2], found, dtype=torch.int64)
        target[image, query] = of_class
        weight = torch.where(target == found, self.no_object_weight, 1.0) * (truth.pixels.number > 0)[:, None]
        weight = weight.to(queries.classes.dtype)
        entropy = F.cross_entropy(queries.classes.transpose(1, 2), target, reduction="none")
        masks = queries.masks[image, query]
        points = self._unsure_points(masks.detach(), image, truth, generator)
        with torch.no_grad():
            shares = truth.read(image, points, of_class[:, None])[..., 0].to(masks.dtype)
            trust = truth.trust(image, points).to(masks.dtype)
        logits = read_bilinear(masks[:, None], points)[:, 0]
        each = F.binary_cross_entropy_with_logits(logits, shares, reduction="none")
        inside = logits.sigmoid() * trust
        dice = 1 - (2 * (inside * shares).sum(1) + 1) / (inside.sum(1) + (trust * shares).sum(1) + 1)
        return _Sums(
            classes=(weight * entropy).sum(),
            weights=weight.sum(),
            masks=((each * trust).sum(1) / trust.sum(1).clamp(min=1e-30)).sum(),
            dice=dice.sum(),
            number=weight.new_tensor(len(image)),
        )

    @torch.no_grad()
    def _match(self, queries: Queries, truth: ClassMasks, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Image, query and class of each matched mask, (M,) each; images ascend."""
        every = torch.arange(len(queries.classes), device=queries.classes.device)
        points = truth.draw(every, self.points, generator)
        trust = truth.trust(every, points)
        logits = read_bilinear(queries.masks, points)
        found = []
        for b, present in enumerate(truth.present):
            classes = present.nonzero()[:, 0]
            if len(classes):
                shares = truth.read(every[b : b + 1], points[b : b + 1], classes[None])[0].to(logits.dtype)
                entropy, dice = mask_costs(logits[b], shares, trust[b].to(logits.dtype))
                costs = self.mask_weight * entropy + self.dice_weight * dice
                query, mask = assign(costs - self.class_weight * queries.classes[b].softmax(-1)[:, classes])
                # By class, so that draws do not depend on the order of the queries.
                order = mask.argsort()
                query, mask = query[order], mask[order]
                found.append(torch.stack([torch.full_like(query, b), query, classes[mask]]))
        image, query, of_class = torch.cat(found or [every.new_zeros(3, 0)], 1).unbind()
        return image, query, of_class

    @torch.no_grad()
    def _unsure_points(self, masks: Tensor, image: Tensor, truth: ClassMasks, generator: Generator) -> Tensor:
        """Points (M, N, 2) of masks (M, h, w), most of them where their logits are near 0."""
        unsure = int(self.uncertain * self.points)
        drawn = []
        if unsure:
            candidates = truth.draw(image, int(self.oversample * self.points), generator)
            best = read_bilinear(masks[:, None], candidates)[:, 0].abs().topk(unsure, 1, largest=False).indices
            drawn.append(candidates.gather(1, best[..., None].expand(-1, -1, 2)))
        if unsure < self.points:
            drawn.append(truth.draw(image, self.points - unsure, generator))
        return torch.cat(drawn, 1)

    def _means(self, sums: _Sums, weights: Tensor, number: Tensor) -> Tensor:
        """Losses of the classes, of the masks and of their Dice, (3,)."""
        masks = torch.stack([sums.masks, sums.dice]) / number.clamp(min=1)
        return torch.cat([(sums.classes / torch.where(weights > 0, weights, 1))[None], masks])


class _Sums(NamedTuple):
    """Sums of losses, and what divides them: Σ of the queries' weights, and the number of masks."""

    classes: Tensor
    weights: Tensor
    masks: Tensor
    dice: Tensor
    number: Tensor


def _wide(queries: Queries, px: PixelBatch) -> Queries:
    """The queries in float32 or float64."""
    found, expected = queries.classes.shape[-1] - 1, px.logits.shape[1]
    if found != expected:
        raise ValueError(f"expected queries of {expected} classes and 'no object', found {found} classes")
    return Queries(at_least_float32(queries.classes), at_least_float32(queries.masks))
