"""Positives and negatives of each anchor, drawn from the batch's anchors and from a memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from hardpix.objectives.info_nce import Keys, OneClass
from hardpix.objectives.sampling import sort_by_group_at_random

Sampling = Literal["semi-hard", "hardest", "random"]

# The nearest tenth of the negatives and the farthest tenth of the positives are semi-hard.
SEMI_HARD = 0.1


@dataclass(frozen=True)
class Pool:
    """Everything that keys can be drawn from: the anchors first, then the entries of memories, each with its class.

    Classes of −1 stand for entries that are none. The rows stay where they are; :meth:`take` gathers those drawn.
    """

    anchors: Tensor
    memories: list[Tensor]
    classes: Tensor

    def take(self, index: Tensor) -> Keys:
        """The keys at (K,) positions; no gradient reaches them here, the loss knows which of them are anchors."""
        rows = torch.empty(len(index), self.anchors.shape[1], dtype=self.anchors.dtype, device=index.device)
        start = 0
        for source in (self.anchors.detach(), *self.memories):
            inside = ((index >= start) & (index < start + len(source))).nonzero().squeeze(1)
            rows[inside] = source[index[inside] - start].to(rows.dtype)
            start += len(source)
        return Keys(rows, torch.where(index < len(self.anchors), index, -1))


def draw_keys(
    pool: Pool, num_classes: int, sampling: Sampling, positives: int, negatives: int, generator: Generator
) -> tuple[list[OneClass], Keys]:
    """Draw the keys of a batch.

    All classes share one uniform draw of negatives, out of which each leaves those of its own class. It is so large
    that the class which leaves most has about as many as are asked for. "random" takes them as they are. "semi-hard"
    draws ten times as many, of which the loss takes the nearest tenth for each anchor: about a random draw out of the
    nearest tenth of all. "hardest" takes everything, and the loss the nearest. The same goes for the positives, drawn
    for each class, of which the farthest count.

    Args:
        pool: anchors class after class, and what is remembered.
        num_classes: C.
        sampling: see above.
        positives: of an anchor.
        negatives: of an anchor.
        generator: of the draws.

    Returns:
        The classes that have anchors, with their positives, and the negatives.
    """
    everything = pool.classes.numel()
    share = SEMI_HARD if sampling == "semi-hard" else 1.0
    wanted = everything if sampling == "hardest" else math.ceil(negatives / share)
    wanted_positives = everything if sampling == "hardest" else math.ceil(positives / share)

    there = (pool.classes >= 0).nonzero().squeeze(1)
    by_class, classes = sort_by_group_at_random(pool.classes[there], generator)
    by_class = there[by_class]
    of_anchors = torch.bincount(pool.classes[: len(pool.anchors)], minlength=num_classes).tolist()
    of_pool = torch.bincount(classes, minlength=num_classes).tolist()
    most = max((keys for anchors, keys in zip(of_anchors, of_pool, strict=True) if anchors), default=0)
    size = math.ceil(wanted * len(there) / max(len(there) - most, 1))
    shared, of_shared = by_class, classes
    if size < len(there):
        among = torch.randperm(len(there), generator=generator, device=there.device)[:size].sort().values
        shared, of_shared = by_class[among], classes[among]
    of_negatives = torch.bincount(of_shared, minlength=num_classes).tolist()
    plans = []
    start = first = own = 0
    for anchors, keys, same in zip(of_anchors, of_pool, of_negatives, strict=True):
        if anchors:
            drawn = min(keys, wanted_positives)
            others = len(shared) - same
            if sampling == "hardest":
                farthest, nearest = min(positives, drawn), min(negatives, others)
            else:
                farthest, nearest = math.ceil(share * drawn), math.ceil(share * others)
            plans.append(
                OneClass(
                    start=start,
                    stop=start + anchors,
                    positives=pool.take(by_class[first : first + drawn]),
                    own_start=own,
                    own_stop=own + same,
                    nearest=nearest,
                    farthest=farthest,
                )
            )
        start, first, own = start + anchors, first + keys, own + same
    return plans, pool.take(shared)
