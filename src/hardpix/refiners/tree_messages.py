"""Message passing over a class tree, after LogicSeg (Li et al., ICCV 2023, arXiv 2309.13556)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hardpix.pixels import KnownTree, group_sums, parents_of
from hardpix.pixels.precision import at_least_float32
from hardpix.refiners.base import Refiner, require_one_size


class TreeMessages(Refiner):
    """Lets classes and their groups agree: each is raised by what speaks for it, and lowered by its rivals.

    s are the probabilities of the classes, t those of groups, sums over their classes. In each round, all from the
    values before it, at every level of the tree with its groups v as the parents of the level below:

        t_v += mean over the children k of v of  s_k (1 − s_k + s_k t_v)
        s_k += t_v (1 − t_v + t_v s_k)             with v the parent of k
        s_a −= mean over b ≠ a of  s_a s_b         the same for t

    Then negative values are 0, and a level whose largest value is above 1 is divided by it. The terms in brackets are
    the truth, in product logic, of "a class implies its group" and "a group implies one of its classes". At the end s
    is divided by its sum over the classes.

    [ours]: the authors' published code has no form of it that runs; this one follows what it shows. The tree is that
    of the class table, and the image is not looked at.

    Args:
        rounds: 0 leaves the probabilities as they are.

    Raises:
        ValueError: rounds below 0; the class table has no tree.
        RuntimeError: a tree that nobody has told, or one of other classes.

    Example:
        >>> from hardpix.pixels import ClassTree, DatasetInfo
        >>> tree = ClassTree.from_groups({"vehicle": ["car", "bus"]}, ("car", "bus", "sky"))
        >>> refine = TreeMessages()
        >>> refine.tree.prepare(DatasetInfo(tree.class_names, lambda: [1, 1, 1], tree=tree))
        >>> p = torch.tensor([0.36, 0.24, 0.40]).view(1, 3, 1, 1)  # sky alone is likeliest, a vehicle likelier
        >>> refine(p, torch.zeros(1, 3, 1, 1)).argmax(1).item()
        0
    """

    def __init__(self, rounds: int = 2) -> None:
        super().__init__()
        if rounds < 0:
            raise ValueError(f"expected rounds ≥ 0, found {rounds}")
        self.rounds = rounds
        self.tree = KnownTree("TreeMessages")

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        require_one_size(probabilities, image)
        maps = at_least_float32(probabilities)
        levels = self.tree(maps.shape[1]).to(maps.device)
        scores = [maps, *(group_sums(maps, groups) for groups in levels)]
        parents = parents_of(levels)
        for _ in range(self.rounds):
            scores = passed(scores, parents)
        total = scores[0].sum(1, keepdim=True)
        return torch.where(total > 0, scores[0] / torch.where(total > 0, total, 1), maps)


def passed(scores: Sequence[Tensor], parents: Sequence[Tensor]) -> list[Tensor]:
    """One round of messages, all of them from the scores as they come.

    Args:
        scores: (B, C, H, W) of the classes, then (B, P, H, W) of the groups of each level, from 0 to 1.
        parents: for each but the last, the number of the group above, (C,) or (P,).
    """
    raised = [score - _rivals(score) for score in scores]
    for level, above in enumerate(parents):
        s, t = scores[level], scores[level + 1][:, above]
        children = above.bincount(minlength=scores[level + 1].shape[1])[None, :, None, None]
        raised[level] = raised[level] + t * (1 - t + t * s)
        raised[level + 1] = raised[level + 1] + group_sums(s * (1 - s + s * t), above) / children
    positive = [score.clamp(min=0) for score in raised]
    return [score / score.amax(1, keepdim=True).clamp(min=1) for score in positive]


def _rivals(scores: Tensor) -> Tensor:
    """Mean over b ≠ a of s_a s_b; 0 where there is no other."""
    others = scores.sum(1, keepdim=True) - scores
    return scores * others / max(scores.shape[1] - 1, 1)
