"""Distance in a class tree of what is predicted from what is true (as in Bertinetto et al., arXiv 1912.09393)."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score
from hardpix.diagnosis.scores.tree_levels import GROUP
from hardpix.diagnosis.settings import Settings

MEANING = "1 for a class of the same group; the height of the lowest group that holds both classes"


class TreeDistance(Score):
    """Mean distance of wrong pixels, by their true class."""

    def __init__(self, settings: Settings) -> None:
        farthest = len(settings.groups) + 1
        range_ = f"{MEANING}, at most {farthest}"
        self.distances = tree_distances(settings.groups)
        self.columns = (
            self._column({"set"}, f"Mean over the classes of the mean over their wrong pixels: {range_}."),
            self._column({"class"}, f"Mean over the class's wrong pixels: {range_}."),
            self._column({"image"}, f"Mean over the wrong pixels: {range_}."),
        )

    @staticmethod
    def _column(of: set[Any], about: str) -> Column:
        return Column("tree_distance", "Tree distance of errors", of, "", "low", about, GROUP)

    def count(self, maps: ImageMaps) -> np.ndarray:
        """(2, C): the sum of the distances, and the wrong pixels, of each true class."""
        wrong = np.where(np.eye(maps.num_classes, dtype=bool), 0, maps.confusion)
        return np.stack([(wrong * self.distances).sum(1), wrong.sum(1)])

    def compute(self, counts: np.ndarray) -> dict[str, Any]:
        return {"tree_distance": counts[0] / np.where(counts[1] > 0, counts[1], np.nan)}

    def compute_image(self, counts: np.ndarray) -> dict[str, Any]:
        return {"tree_distance": self.compute(counts.sum(1, keepdims=True))["tree_distance"][0]}


def tree_distances(groups: tuple[tuple[str, ...], ...]) -> np.ndarray:
    """(C, C) int64: 0 for a class itself, else 1 + the number of levels at which two classes are in different groups.

    That is the height of the lowest group that holds both; above all levels is one group of all classes.

    Args:
        groups: at each level, the name of each class's group.

    Example:
        >>> tree_distances((("vehicle", "vehicle", "sky"),))
        array([[0, 1, 2],
               [1, 0, 2],
               [2, 2, 0]])
    """
    names = np.array(groups)
    apart = (names[:, :, None] != names[:, None]).sum(0)
    return np.where(np.eye(names.shape[1], dtype=bool), 0, 1 + apart).astype(np.int64)
