"""Rules of a class tree as fuzzy logic (LogicSeg, Li et al., ICCV 2023, arXiv 2309.13556)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor

from hardpix.objectives.auxiliary import head_loss, weighted_heads
from hardpix.objectives.base import Objective
from hardpix.objectives.class_tree.asymmetric import exclusive_loss_map
from hardpix.objectives.class_tree.group_scores import GroupScores
from hardpix.objectives.class_tree.violations import rule_violations
from hardpix.objectives.embedding import embedding_of
from hardpix.objectives.weighting import weight_map, weighted_means
from hardpix.pixels import KnownTree, PixelBatch, at_least_float32, parents_of, resize_bilinear

if TYPE_CHECKING:
    from hardpix.networks import TappedNetwork


class LogicRules(Objective):
    """Teaches classes and their groups with a score each, and asks that the scores keep the rules of the tree.

    The scores s of the classes are the sigmoids of the network's logits. The scores t of the groups come from one 1×1
    convolution on its embedding, which never runs at inference. x is how far a rule is violated, in product logic:

        composition     a class implies its group          s_k − s_k t_parent(k)
        decomposition   a group implies one of its classes t_v − t_v max s_k over its classes k
        exclusion       of a level only one holds          s_a s_b, a ≠ b, and the same for t; at hard pixels
        value of a rule = mean over its clauses of (Σ w x^p / Σ w)^(1/p), sums over labeled pixels
        loss = classification + weight · ρ · (composition + decomposition + exclusion)

    A pixel is hard unless exactly one score of the level is above 0.7 and all others are below 0.3. ρ rises from 0 to 1
    within `ramp`. Classification is the asymmetric loss (arXiv 2009.14119) of classes and groups, in place of
    cross-entropy, which auxiliary heads get. Weights w are the trust in labels ("target_weight" of the sample), else 1.

    [ours], where the authors' code does otherwise:

    - Unlabeled pixels take no part in the rules. All rules are seen at label resolution.
    - A class and itself are no pair; where no pixel is hard, exclusion is 0; no gradient is NaN.
    - What makes a pixel easy is asked of as many scores as a level has.
    - ρ goes by the share of the training, not by the number of forward passes.

    Args:
        levels: of the tree, from that of the smallest groups on, that have scores; 1 as published.
        weight: of the rules.
        power: p.
        auxiliary_weight: weight of the auxiliary heads.
        ramp: shares of the training at which ρ leaves 0 and reaches 1, by default steps 20,000 and 50,000 of 80,000;
            None for 1 all the time.
        across_processes: sums are those of the joined batch of all processes that train together.

    Returns (from forward):
        "loss"; "classification" and, where there are such heads, "auxiliary"; "composition", "decomposition" and
        "exclusion" without their weight.

    Raises:
        ValueError: settings outside their range; no tree, or one of fewer levels; no embedding; no progress for a ramp.
        RuntimeError: a forward before `bind`, or with a tree that nobody has told.

    Example:
        >>> import hardpix
        >>> from torch import nn
        >>> from hardpix.pixels import ClassTree, DatasetInfo
        >>> tree = ClassTree.from_groups({"vehicle": ["car", "bus"]}, ("car", "bus", "sky"))
        >>> network = hardpix.tap(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 3, 1)), embedding="1")
        >>> rules = LogicRules().bind(network)
        >>> rules.tree.prepare(DatasetInfo(tree.class_names, lambda: [1, 1, 1], tree=tree))
        >>> px = network.pixels(torch.rand(1, 3, 8, 8), torch.zeros(1, 8, 8, dtype=torch.long), progress=0.5)
        >>> sorted(rules(px))
        ['classification', 'composition', 'decomposition', 'exclusion', 'loss']
    """

    def __init__(
        self,
        levels: int = 1,
        weight: float = 0.2,
        power: float = 5,
        ramp: tuple[float, float] | None = (0.25, 0.625),
        auxiliary_weight: float = 0.4,
        across_processes: bool = True,
    ) -> None:
        super().__init__()
        if levels < 1 or min(weight, auxiliary_weight) < 0 or power < 1:
            raise ValueError(
                "expected levels ≥ 1, weight and auxiliary_weight ≥ 0 and power ≥ 1, found "
                f"{levels}, {weight}, {auxiliary_weight} and {power}"
            )
        if ramp is not None and not 0 <= ramp[0] < ramp[1] <= 1:
            raise ValueError(f"expected a ramp from one share of the training to a later one, found {ramp}")
        self.levels = levels
        self.weight = weight
        self.power = power
        self.ramp = ramp
        self.auxiliary_weight = auxiliary_weight
        self.across_processes = across_processes
        self.tree = KnownTree("LogicRules", levels)
        self.head: GroupScores | None = None

    def bind(self, network: TappedNetwork) -> Self:
        if self.head is None:
            like = next(network.parameters())
            head = GroupScores(network.embedding_channels, network.num_classes, self.levels)
            self.head = head.to(like.device, like.dtype)
        return self

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        if self.head is None:
            raise RuntimeError(
                "LogicRules has no scores of groups yet: give it to hardpix.TrainingStep, or call bind(network) first"
            )
        levels = self.tree(px.logits.shape[1])[: self.levels].to(px.logits.device)
        groups = self.head(embedding_of(px, self), levels)
        weight, parts = weight_map(px, None), dict[str, Tensor]()
        if px.taps.auxiliary and self.auxiliary_weight:
            px.require_graph("auxiliary", self)
        # In evaluation the processes' numbers of batches may differ, and a sum over them would wait for ever.
        joined = self.across_processes and self.training
        with torch.autocast(px.logits.device.type, enabled=False):
            # Unlabeled pixels may be NaN, whose gradient no weight of 0 would stop.
            enlarged = [at_least_float32(px.logits), *(resize_bilinear(each, px.shape[1:]) for each in groups)]
            logits = [torch.where(px.valid[:, None], each, 0) for each in enlarged]
            labels = torch.where(px.valid, px.labels, 0)
            loss = exclusive_loss_map(logits, [labels, *(level[labels] for level in levels)])
            terms = [(loss, weight, weight)]
            terms += [(head_loss(each, px), weight, weight) for each, _ in px.taps.auxiliary]
            parts["classification"], *heads = weighted_means(terms, joined)
            scores = [each.sigmoid() for each in logits]
            rules = rule_violations(scores, parents_of(levels), weight.to(loss.dtype), self.power, joined)
        violated = torch.stack(list(rules.values())).sum()
        if heads:
            parts["auxiliary"] = weighted_heads(px, self.auxiliary_weight, heads)
        total = sum(parts.values(), self.weight * self.strength(px.progress) * violated)
        return {"loss": total, **parts, **rules}

    def strength(self, progress: float | None) -> float:
        """ρ at a share of the training."""
        if self.ramp is None:
            return 1.0
        if progress is None:
            raise ValueError(
                "LogicRules needs the share of the training that is done for its ramp: give "
                "step(…, progress=done / all), or choose ramp=None"
            )
        start, end = self.ramp
        return min(1.0, max(0.0, (progress - start) / (end - start)))
