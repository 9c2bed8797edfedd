"""Connected regions of suspect labels, those that matter most first."""

from dataclasses import dataclass

import cv2
import numpy as np

from hardpix.metrics.label_pair import labeled
from hardpix.metrics.self_confidence import check_probabilities


@dataclass(frozen=True)
class SuspectRegion:
    """Connected pixels of one label that seem to be of one other class.

    Attributes:
        given: the class they are labeled as.
        suspected: the class they seem to be of.
        area: in pixels.
        box: first row, first column, and the row and column after the last.
        margin: mean of p_suspected − p_given.
        score: area · margin.

    Example:
        >>> region = SuspectRegion(given=0, suspected=1, area=40, box=(0, 0, 4, 10), margin=0.5, score=20.0)
        >>> region.score == region.area * region.margin
        True
    """

    given: int
    suspected: int
    area: int
    box: tuple[int, int, int, int]
    margin: float
    score: float


def suspect_regions(
    suspected: np.ndarray,
    probabilities: np.ndarray,
    target: np.ndarray,
    ignore_index: int = 255,
    min_area: int = 20,
) -> list[SuspectRegion]:
    """Suspect pixels of one image as regions of equal given and equal suspected class, ranked by how much they matter.

    Pixels that touch at a corner are connected. The score is Σ (p_suspected − p_given) over the region. As far as the
    probabilities can be believed, so many more pixels would carry the right label if the region were relabeled.

    Args:
        suspected: (H, W) as :func:`find_label_suspects` has it.
        probabilities: (C, H, W), as that function was given them.
        target: (H, W), likewise.
        ignore_index: likewise.
        min_area: smaller regions are left out.

    Returns:
        Regions by falling score; equal ones from the top of the image on.

    Raises:
        ValueError: shapes that do not fit; labels that are no integers or outside the classes; probabilities of another
            type; a suspect pixel without a label.

    Example:
        >>> probabilities = np.array([[[0.9, 0.25, 0.25]], [[0.1, 0.75, 0.75]]])
        >>> suspected, target = np.array([[-1, 1, 1]]), np.array([[0, 0, 0]])
        >>> suspect_regions(suspected, probabilities, target, min_area=2)
        [SuspectRegion(given=0, suspected=1, area=2, box=(0, 1, 1, 3), margin=0.5, score=1.0)]
    """
    classes = check_probabilities(probabilities, target)
    return regions_in(suspected, probabilities, *labeled(target, classes, ignore_index), min_area)


def regions_in(
    suspected: np.ndarray, probabilities: np.ndarray, truth: np.ndarray, valid: np.ndarray, min_area: int = 20
) -> list[SuspectRegion]:
    """The same of a truth that has been checked, as a :class:`LabelPair` holds it."""
    classes = check_probabilities(probabilities, truth)
    if suspected.shape != truth.shape or (suspected >= classes).any() or (suspected[~valid] >= 0).any():
        raise ValueError(
            f"expected suspected classes up to {classes - 1} of shape {truth.shape}, −1 at unlabeled pixels, found "
            f"others or the shape {suspected.shape}"
        )
    rows, columns = np.nonzero(suspected >= 0)
    given, guess = truth[rows, columns].astype(np.int64), suspected[rows, columns]
    top = 1 if probabilities.dtype.kind == "f" else np.iinfo(probabilities.dtype).max
    margin = probabilities[guess, rows, columns].astype(np.float64) - probabilities[given, rows, columns]
    pairs = given * classes + guess
    order = np.argsort(pairs, kind="stable")
    starts = np.flatnonzero(np.diff(pairs[order], prepend=-1))
    regions = []
    for pixels in np.split(order, starts[1:]):
        if len(pixels) >= max(min_area, 1):
            pair = divmod(int(pairs[pixels[0]]), classes)
            regions += _regions_of_pair(*pair, rows[pixels], columns[pixels], margin[pixels] / top, min_area)
    return sorted(regions, key=lambda region: (-region.score, region.box))


def _regions_of_pair(
    given: int, suspected: int, rows: np.ndarray, columns: np.ndarray, margin: np.ndarray, min_area: int
) -> list[SuspectRegion]:
    """Regions of the pixels of one given and one suspected class, drawn into the smallest box around them."""
    top, left = int(rows.min()), int(columns.min())
    mask = np.zeros((int(rows.max()) - top + 1, int(columns.max()) - left + 1), dtype=np.uint8)
    mask[rows - top, columns - left] = 1
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    scores = np.bincount(labels[rows - top, columns - left], weights=margin, minlength=len(stats))
    large = stats[:, cv2.CC_STAT_AREA] >= min_area
    large[0] = False
    regions = []
    for (x, y, width, height, area), score in zip(stats[large].tolist(), scores[large].tolist(), strict=True):
        box = (top + y, left + x, top + y + height, left + x + width)
        regions.append(SuspectRegion(given, suspected, area, box, score / area, score))
    return regions
