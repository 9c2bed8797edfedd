"""Regions to label, and what the network takes them for."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO

import numpy as np

from hardpix.pixels import Picks

COLUMNS = (
    "rank",
    "image",
    "region",
    "top",
    "left",
    "bottom",
    "right",
    "row",
    "column",
    "pixels",
    "score",
    "class",
    "share",
    "confidence",
)


@dataclass(frozen=True)
class Region:
    """A window or a single pixel that a person should label.

    Attributes:
        number: within its image, from 1 on, by falling score.
        box: first row, first column, and the row and column after the last, within the image.
        center: row and column of the pixel that was picked.
        pixels: how many of the box are to be labeled: those that have no label yet.
        score: of the center.
        predicted: index of the class that most of these pixels are predicted as.
        share: of these pixels that are predicted so.
        confidence: mean probability of the predicted class, over these pixels.
    """

    number: int
    box: tuple[int, int, int, int]
    center: tuple[int, int]
    pixels: int
    score: float
    predicted: int
    share: float
    confidence: float


def regions_of(
    picks: Picks, radius: int, open_pixels: np.ndarray, predicted: np.ndarray, confidence: np.ndarray
) -> list[Region]:
    """The regions of an image's picks.

    Args:
        picks: as they were chosen, best first.
        radius: reach of a window; 0 for single pixels.
        open_pixels: (H, W) boolean, pixels without a label.
        predicted: (H, W) class indices.
        confidence: (H, W) probability of the predicted class.

    Example:
        >>> from hardpix.pixels import greedy_picks
        >>> unlabeled = np.array([[True, True, False, True]])
        >>> picks = greedy_picks(np.array([[0.1, 0.9, 0.8, 0.2]]), unlabeled, radius=1, apart=1, wanted=1)
        >>> (region,) = regions_of(picks, 1, unlabeled, np.array([[3, 3, 4, 4]]), np.full((1, 4), 0.5))
        >>> region.box, region.pixels, region.predicted, region.share
        ((0, 0, 1, 3), 2, 3, 1.0)
    """
    height, width = open_pixels.shape
    left_open = open_pixels.copy()
    regions = []
    for number, (row, column) in enumerate(picks.places.tolist(), 1):
        top, left = max(0, row - radius), max(0, column - radius)
        bottom, right = min(height, row + radius + 1), min(width, column + radius + 1)
        inside = (slice(top, bottom), slice(left, right))
        asked = left_open[inside]
        counts = np.bincount(predicted[inside][asked])
        regions.append(
            Region(
                number,
                (top, left, bottom, right),
                (row, column),
                int(asked.sum()),
                float(picks.scores[number - 1]),
                int(counts.argmax()),
                float(counts.max() / counts.sum()),
                float(confidence[inside][asked].mean(dtype=np.float64)),
            )
        )
        asked[...] = False
    return regions


def asked_mask(regions: Sequence[Region], open_pixels: np.ndarray) -> np.ndarray:
    """Pixels to label, (H, W) uint8: 255 there, else 0.

    Example:
        >>> region = Region(1, (0, 0, 1, 3), (0, 1), 2, 0.9, 3, 1.0, 0.5)
        >>> asked_mask([region], np.array([[True, True, False, True]]))
        array([[255, 255,   0,   0]], dtype=uint8)
    """
    mask = np.zeros(open_pixels.shape, np.uint8)
    for region in regions:
        top, left, bottom, right = region.box
        mask[top:bottom, left:right] = 255
    mask[~open_pixels] = 0
    return mask


def by_score(found: Mapping[str, Sequence[Region]]) -> list[tuple[str, Region]]:
    """All regions with the stems of their images, by falling score.

    Example:
        >>> one, other = (Region(1, (0, 0, 1, 1), (0, 0), 1, score, 0, 1.0, 0.5) for score in (0.2, 0.7))
        >>> [(stem, region.score) for stem, region in by_score({"a": [one], "b": [other]})]
        [('b', 0.7), ('a', 0.2)]
    """
    pairs = [(stem, region) for stem, regions in found.items() for region in regions]
    return sorted(pairs, key=lambda pair: -pair[1].score)


def regions_table(found: Mapping[str, Sequence[Region]], names: Sequence[str]) -> str:
    """Table of the regions as text, by falling score.

    Example:
        >>> region = Region(1, (0, 0, 1, 3), (0, 1), 2, 0.9, 1, 1.0, 0.5)
        >>> print(regions_table({"a": [region]}, ["road", "pole"]).splitlines()[1])
        1,a,1,0,0,1,3,0,1,2,0.9,pole,1.0000,0.5000
    """
    text = StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for rank, (stem, region) in enumerate(by_score(found), 1):
        row = [rank, stem, region.number, *region.box, *region.center, region.pixels, f"{region.score:.6g}"]
        table.writerow([*row, names[region.predicted], f"{region.share:.4f}", f"{region.confidence:.4f}"])
    return text.getvalue()
