"""IoU from the easiest tenth of the pixels to the hardest."""

from typing import Any

import numpy as np

from hardpix.metrics.counting import HardnessMetric, declared
from hardpix.metrics.fixed_point import LEVELS, sixteen_bits
from hardpix.metrics.label_pair import LabelPair, label_pair

HARDNESS_BINS = 4096

# As wide as the arcsine of the root makes them: a few steps of 1/65535 near 0 and near 1, where the maps of sure
# networks pile up, and 0.0004 in the middle. Equal bins would hold half of the pixels in one.
_BIN_OF_LEVEL = np.minimum(
    (np.arcsin(np.sqrt(np.arange(LEVELS) / (LEVELS - 1))) * (2 / np.pi * HARDNESS_BINS)).astype(np.int32),
    HARDNESS_BINS - 1,
)


def hardness_counts(
    hardness: np.ndarray, prediction: np.ndarray, target: np.ndarray, num_classes: int, ignore_index: int = 255
) -> np.ndarray:
    """True positives, false positives and false negatives in each of 4096 bins of hardness.

    A wrong pixel is a false positive of the class that was predicted and a false negative of the true one, both at its
    own hardness. The state of a data set has 3 · 4096 · C numbers (1.8 MiB for 19 classes) whatever its size. States of
    parts add up to that of the whole.

    Args:
        hardness: (H, W) from 0 to 1: uint16 (65535 means 1), uint8 (255 means 1) or floats.
        prediction: (H, W) class ids from 0 to C − 1.
        target: (H, W) class ids or ``ignore_index``.
        num_classes: C.
        ignore_index: the id of unlabeled pixels, which are not counted.

    Returns:
        (3, 4096, C) int64: true positives, false positives, false negatives.

    Raises:
        ValueError: shapes that differ; labels that are no integers or outside the classes; a map of another type, or
            numbers outside 0 to 1 in labeled pixels.

    Example:
        >>> hardness = np.array([[0.0, 1.0, 0.2]])
        >>> counts = hardness_counts(hardness, np.array([[0, 1, 1]]), np.array([[0, 0, 255]]), num_classes=2)
        >>> [kind.sum(0).tolist() for kind in counts]
        [[1, 0], [0, 1], [1, 0]]
    """
    return count_hardness(hardness, label_pair(prediction, target, num_classes, ignore_index))


def count_hardness(hardness: np.ndarray, pair: LabelPair) -> np.ndarray:
    """The same of a pair of label maps that has been checked."""
    guess, truth, valid, num_classes = pair
    start = (_BIN_OF_LEVEL * np.int32(num_classes))[sixteen_bits(hardness, valid)]
    right, wrong = valid & (guess == truth), valid & (guess != truth)
    of_wrong = start[wrong]
    keys = (start[right] + truth[right], of_wrong + guess[wrong], of_wrong + truth[wrong])
    counts = [np.bincount(key, minlength=HARDNESS_BINS * num_classes) for key in keys]
    return np.stack(counts).reshape(3, HARDNESS_BINS, num_classes).astype(np.int64)


def iou_by_hardness(counts: np.ndarray, parts: int = 10) -> dict[str, np.ndarray]:
    """IoU and accuracy in equal parts of the pixels, from the least hard to the hardest: deciles for ten parts.

    The pixels of one bin count as equally hard. Where a cut falls inside a bin, they are dealt to the parts on both
    sides in random order, of which the mean is taken. So every part has the same number of pixels, also where half of a
    map is 0, and the parts add up to the whole. Against cuts of the unbinned map, only pixels that share a bin with a
    cut can be in another part (a bin is at most 0.0004 wide).

    Args:
        counts: (3, bins, C) as :func:`hardness_counts` has them.
        parts: how many, ≥ 1.

    Returns:
        Float64 arrays: "class_iou" (parts, C), NaN for a class that is in neither truth nor prediction there; "miou"
        (parts,), the mean over the other classes; "accuracy" (parts,), the share of right pixels; "hardness" (parts,),
        the value from 0 to 1 at which the part begins. All NaN where there is no pixel.

    Raises:
        ValueError: fewer than one part.

    Example:
        >>> hardness = np.array([[0, 1, 2, 3]], dtype=np.uint16)
        >>> counts = hardness_counts(hardness, np.array([[0, 1, 0, 0]]), np.array([[0, 1, 0, 1]]), num_classes=2)
        >>> iou_by_hardness(counts, parts=2)["class_iou"]
        array([[1. , 1. ],
               [0.5, 0. ]])
    """
    if parts < 1:
        raise ValueError(f"expected at least 1 part, found {parts}")
    pixels = (counts[0] + counts[2]).sum(1)
    end = pixels.cumsum()
    total = int(end[-1])
    # In pixels times parts, so that the cuts are integers and a bin beyond a cut has no share of rounding's making.
    cuts = np.arange(parts + 1)[:, None] * total
    overlap = np.minimum(end * parts, cuts[1:]) - np.maximum((end - pixels) * parts, cuts[:-1])
    shares = overlap.clip(0) / (np.maximum(pixels, 1) * parts)
    lowest = np.searchsorted(_BIN_OF_LEVEL, (shares > 0).argmax(1))
    hits, false_positives, false_negatives = (shares @ kind.astype(np.float64) for kind in counts)
    with np.errstate(invalid="ignore"):
        iou = hits / (hits + false_positives + false_negatives)
        known = ~np.isnan(iou)
        return {
            "class_iou": iou,
            "miou": np.where(known, iou, 0).sum(1) / known.sum(1),
            "accuracy": hits.sum(1) / (hits + false_negatives).sum(1),
            "hardness": np.where(total > 0, lowest / (LEVELS - 1), np.nan),
        }


class HardnessDeciles(HardnessMetric):
    """IoU by tenths of the pixels, from the least hard to the hardest, over a whole set of images.

    Args:
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
        parts: how many equal parts; deciles for 10.

    Shapes (of update):
        hardness (B, H, W) floats from 0 to 1, or uint16 or uint8 whose largest number means 1; prediction (B, H, W)
        class ids; target (B, H, W) class ids or ``ignore_index``. Counted on the CPU, wherever they are.

    Returns (from compute):
        Dict of float64 tensors: those of :func:`iou_by_hardness`.

    Example:
        >>> import torch
        >>> scores = HardnessDeciles(num_classes=2, parts=2)
        >>> scores.update(torch.tensor([[[0.1, 0.9]]]), torch.tensor([[[0, 1]]]), torch.tensor([[[0, 0]]]))
        >>> scores.compute()["miou"]
        tensor([1., 0.], dtype=torch.float64)
    """

    count, score = staticmethod(hardness_counts), staticmethod(iou_by_hardness)
    shape = staticmethod(lambda num_classes: (3, HARDNESS_BINS, num_classes))

    @declared
    def __init__(self, num_classes: int, ignore_index: int = 255, parts: int = 10, **kwargs: Any) -> None: ...
