"""Facts of a data set that are known before training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from hardpix.pixels.class_tree import ClassTree


@dataclass(frozen=True)
class DatasetInfo:
    """Facts of a training set that signals and other modules may prepare for.

    Attributes:
        class_names: one a class.
        count_pixels: counts the training pixels of each class; called when somebody asks, since it may take a while.
        ignore_index: the id of unlabeled pixels.
        tree: groups of the classes; None where the class table has none.
        image_std: numbers that the channels of images, from 0 to 1, are divided by; None where it is not known.

    Example:
        >>> DatasetInfo(("road", "pole"), lambda: [9, 1]).class_counts
        (9, 1)
    """

    class_names: tuple[str, ...]
    count_pixels: Callable[[], Sequence[int]]
    ignore_index: int = 255
    tree: ClassTree | None = None
    image_std: tuple[float, ...] | None = None

    @cached_property
    def class_counts(self) -> tuple[int, ...]:
        """Number of training pixels of each class."""
        return tuple(self.count_pixels())
