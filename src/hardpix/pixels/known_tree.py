"""The class tree of the data set, for modules that need it."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor

from hardpix.pixels.dataset_info import DatasetInfo
from hardpix.pixels.prepared import Prepared


class KnownTree(Prepared):
    """The number of each class's group at each level of the class tree, which comes with the data set.

    Args:
        user: name of what needs it, for errors.
        levels: number of levels that the tree must have.

    Raises:
        ValueError (from prepare): the class table has no tree, or one of fewer levels.
        RuntimeError (from forward): nobody has told the tree, or it is one of other classes.

    Example:
        >>> from hardpix.pixels import ClassTree
        >>> tree = ClassTree.from_groups({"vehicle": ["car", "bus"]}, ("car", "sky", "bus"))
        >>> known = KnownTree("an example")
        >>> known.prepare(DatasetInfo(tree.class_names, lambda: [1, 1, 1], tree=tree))
        >>> known(3)
        tensor([[0, 1, 0]])
    """

    same_on_every_process = True
    groups: Tensor

    def __init__(self, user: str, levels: int = 1) -> None:
        super().__init__()
        self.user = user
        self.levels = levels
        self.register_buffer("groups", torch.zeros(0, 0, dtype=torch.int64))

    def prepare(self, info: DatasetInfo) -> None:
        if info.tree is None:
            raise ValueError(
                f"expected a class tree for {self.user}, found none: write it into the class file under tree, such as "
                "tree: {vehicle: [car, bus]}, and give that file as --data.classes; in Python "
                "DatasetInfo(…, tree=hardpix.pixels.ClassTree.from_groups({'vehicle': ['car', 'bus']}, class_names))"
            )
        if len(info.tree.levels) < self.levels:
            raise ValueError(
                f"expected a class tree of {self.levels} levels for {self.user}, found {len(info.tree.levels)}: "
                "ask for fewer levels, or add groups of groups to the tree"
            )
        numbers = [level.of_class for level in info.tree.levels]
        self.groups = torch.tensor(numbers, dtype=torch.int64, device=self.groups.device)

    def forward(self, num_classes: int) -> Tensor:
        """(L, C) int64: level 1 first, whose groups are the smallest."""
        levels, known = self.groups.shape
        if levels == 0:
            raise RuntimeError(
                f"expected {self.user} to know the class tree, found none: call prepare(hardpix.pixels.DatasetInfo(…, "
                "tree=…)) first, as hardpix fit does"
            )
        if known != num_classes:
            raise RuntimeError(
                f"expected as many classes as the tree of {self.user} has, {known}, found {num_classes}: prepare it "
                "with the classes of this network"
            )
        return self.groups


def group_sums(values: Tensor, groups: Tensor) -> Tensor:
    """Sums over the classes of each group.

    Args:
        values: (B, C, H, W).
        groups: (C,) number of each class's group, 0 … P − 1.

    Returns:
        (B, P, H, W).

    Example:
        >>> group_sums(torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1), torch.tensor([0, 1, 0])).flatten()
        tensor([5., 2.])
    """
    images, _, height, width = values.shape
    sums = values.new_zeros(images, int(groups.max()) + 1, height, width)
    return sums.index_add(1, groups.to(values.device), values)


def parents_of(levels: Tensor) -> list[Tensor]:
    """For the classes, and for the groups of each level but the highest, the number of the group above.

    Args:
        levels: (L, C) number of each class's group at each level, the smallest groups first.

    Example:
        >>> parents_of(torch.tensor([[0, 0, 1, 2], [0, 0, 0, 1]]))
        [tensor([0, 0, 1, 2]), tensor([0, 0, 1])]
    """
    found = [levels[0]]
    for below, above in pairwise(levels):
        parents = torch.zeros(int(below.max()) + 1, dtype=levels.dtype, device=levels.device)
        found.append(parents.scatter(0, below, above))
    return found
