"""Decision along the paths of a class tree: first the group, then the class in it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from hardpix.pixels import KnownTree, group_sums
from hardpix.pixels.precision import at_least_float32
from hardpix.refiners.base import Refiner, require_one_size


class TreePath(Refiner):
    """Decides for a class by its groups, too: three votes for kinds of vehicles outweigh one larger one for sky.

    The probability of a group is the sum over its classes. With G_h(k) the group of class k at level h of the tree:

        "path"     p'_k = p_k · Π_h P(G_h(k)), divided by its sum over the classes
        "inside"   from the highest level down, the likeliest group of those within the last one; p'_k = p_k / P(group)
                   in the last group, else 0

    "path" is the decision argmax_k log p_k + Σ_h log P(G_h(k)), [ours]. What "inside" gives is the probability of a
    class given its group. The tree is that of the class table, and the image is not looked at.

    Args:
        mode: "path" or "inside".

    Raises:
        ValueError: another mode; the class table has no tree.
        RuntimeError: a tree that nobody has told, or one of other classes.

    Example:
        >>> from hardpix.pixels import ClassTree, DatasetInfo
        >>> tree = ClassTree.from_groups({"vehicle": ["car", "bus"]}, ("car", "bus", "sky"))
        >>> refine = TreePath("inside")
        >>> refine.tree.prepare(DatasetInfo(tree.class_names, lambda: [1, 1, 1], tree=tree))
        >>> p = torch.tensor([0.36, 0.24, 0.40]).view(1, 3, 1, 1)  # sky alone is likeliest, a vehicle likelier
        >>> refine(p, torch.zeros(1, 3, 1, 1)).flatten()
        tensor([0.6000, 0.4000, 0.0000])
    """

    def __init__(self, mode: Literal["path", "inside"] = "path") -> None:
        super().__init__()
        if mode not in ("path", "inside"):
            raise ValueError(f"expected mode 'path' or 'inside', found {mode!r}")
        self.mode = mode
        self.tree = KnownTree("TreePath")

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        require_one_size(probabilities, image)
        maps = at_least_float32(probabilities)
        levels = self.tree(maps.shape[1]).to(maps.device)
        if self.mode == "path":
            votes = [group_sums(maps, groups)[:, groups] for groups in levels]
            maps = torch.stack([maps, *votes]).prod(0)
        else:
            for groups in levels.flip(0):
                # Before it, classes outside of the last group are 0 already.
                likeliest = group_sums(maps, groups).argmax(1, keepdim=True)
                maps = torch.where(groups[None, :, None, None] == likeliest, maps, 0)
        total = maps.sum(1, keepdim=True)
        return maps / torch.where(total > 0, total, 1)
