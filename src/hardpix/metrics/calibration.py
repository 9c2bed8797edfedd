"""Calibration: is a network right as often as its confidence says?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from hardpix.metrics.counting import CountingMetric, declared
from hardpix.metrics.error_histogram import count_values
from hardpix.metrics.fixed_point import LEVELS
from hardpix.metrics.label_pair import label_pair


def reliability_diagram(histogram: np.ndarray, bins: int = 15) -> dict[str, np.ndarray]:
    """Mean confidence and share of right pixels in equally wide bins of confidence.

    Bin m of M holds the confidences above (m − 1)/M and up to m/M; the first one holds 0 as well.

    Args:
        histogram: (2, 65536) counts of right and of wrong pixels at each confidence (of the predicted class), as
            :func:`error_histogram` has them.
        bins: M, ≥ 1.

    Returns:
        "count" (M,) int64; "confidence" and "accuracy" (M,) float64, NaN in an empty bin.

    Raises:
        ValueError: fewer than one bin; a histogram of another shape.

    Example:
        >>> from hardpix.metrics import error_histogram
        >>> confidence, prediction = np.array([[0.9, 1.0, 0.4]]), np.array([[0, 1, 1]])
        >>> counts = error_histogram(confidence, prediction, np.array([[0, 0, 1]]), num_classes=2)
        >>> reliability_diagram(counts, bins=2)["accuracy"]
        array([1. , 0.5])
    """
    if bins < 1 or histogram.shape != (2, LEVELS):
        raise ValueError(
            f"expected at least 1 bin and a histogram of shape {(2, LEVELS)}, found {bins} and {histogram.shape}"
        )
    count, confidence, right = bin_sums(histogram, bins)
    with np.errstate(invalid="ignore"):
        return {"count": count, "confidence": confidence / count / (LEVELS - 1), "accuracy": right / count}


def calibration_error(histogram: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error: Σ_m n_m/N · |accuracy_m − confidence_m| over :func:`reliability_diagram`.

    Source: Naeini et al., AAAI 2015; bins as in Guo et al., arXiv 1706.04599.

    Returns:
        From 0 (the network is as often right as it says) to 1; NaN where there is no pixel.

    Example:
        >>> from hardpix.metrics import error_histogram
        >>> confidence, prediction = np.array([[0.8, 1.0, 0.4]]), np.array([[0, 1, 1]])
        >>> counts = error_histogram(confidence, prediction, np.array([[0, 0, 1]]), num_classes=2)
        >>> round(calibration_error(counts, bins=2), 4)
        0.4667
    """
    diagram = reliability_diagram(histogram, bins)
    count = diagram["count"]
    if count.sum() == 0:
        return float("nan")
    gap = np.abs(diagram["accuracy"] - diagram["confidence"])
    return float(np.where(count > 0, gap, 0) @ count / count.sum())


def bin_sums(histogram: np.ndarray, bins: int) -> np.ndarray:
    """(3, bins) int64: pixels, the sum of their values in steps of 1/65535, and pixels of the histogram's first row.

    Sums of whole numbers, so that a mean does not depend on the order in which pixels were counted.
    """
    levels = np.arange(LEVELS)
    place = np.maximum((levels * bins + LEVELS - 2) // (LEVELS - 1) - 1, 0)
    sums = np.zeros((3, bins), dtype=np.int64)
    for row, counts in zip(sums, (histogram.sum(0), histogram.sum(0) * levels, histogram[0]), strict=True):
        # No bincount: it adds weights as floats, which sums over a data set would outgrow.
        np.add.at(row, place, counts)
    return sums


def _histograms(
    confidence: np.ndarray,
    prediction: np.ndarray,
    target: np.ndarray,
    *parts: np.ndarray,
    num_classes: int,
    ignore_index: int,
    masks: Sequence[str],
) -> np.ndarray:
    pair = label_pair(prediction, target, num_classes, ignore_index)
    chosen = dict(zip(masks, parts, strict=True))
    return np.stack([count_values(confidence, pair, mask) for mask in (None, *chosen.values())])


def _scores(histograms: np.ndarray, bins: int, masks: Sequence[str]) -> dict[str, Any]:
    scores: dict[str, Any] = {}
    for prefix, histogram in zip(["", *(f"{name}_" for name in masks)], histograms, strict=True):
        scores[f"{prefix}ece"] = calibration_error(histogram, bins)
        scores |= {f"{prefix}{name}": values for name, values in reliability_diagram(histogram, bins).items()}
    return scores


class Calibration(CountingMetric):
    """Expected calibration error and reliability diagram over a whole set of images, also on parts of the images.

    Args:
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
        bins: number of equally wide bins.
        masks: names of the parts that are counted by themselves, such as "border" and "thin".

    Shapes (of update):
        confidence (B, H, W) of the predicted class: floats from 0 to 1, or uint16 or uint8 whose largest number means
        1; prediction (B, H, W) class ids; target (B, H, W) class ids or ``ignore_index``; masks, a mapping from every
        name to (B, H, W) boolean. Counted on the CPU, wherever they are.

    Returns (from compute):
        Dict of tensors: "ece", scalar; "count", "confidence", "accuracy" of the :func:`reliability_diagram`, (bins,);
        and the same of each mask, "border_ece", "border_count" … All float64, the counts int64.

    Example:
        >>> import torch
        >>> scores = Calibration(num_classes=2, masks=("border",))
        >>> maps = torch.tensor([[[0.9, 0.6]]]), torch.tensor([[[0, 1]]]), torch.tensor([[[0, 0]]])
        >>> scores.update(*maps, masks={"border": torch.tensor([[[False, True]]])})
        >>> {name: round(value.item(), 4) for name, value in scores.compute().items() if name.endswith("ece")}
        {'ece': 0.35, 'border_ece': 0.6}
    """

    count, score = staticmethod(_histograms), staticmethod(_scores)
    shape = staticmethod(lambda masks: (1 + len(masks), 2, LEVELS))
    masks: tuple[str, ...]

    @declared
    def __init__(
        self, num_classes: int, ignore_index: int = 255, bins: int = 15, masks: Sequence[str] = (), **kwargs: Any
    ) -> None: ...

    def update(
        self, confidence: Tensor, prediction: Tensor, target: Tensor, masks: Mapping[str, Tensor] | None = None
    ) -> None:
        """Count one batch.

        Raises:
            ValueError: other masks than those named; shapes that differ; a confidence of another type or outside 0 to
                1; ids outside the classes. Nothing of the batch is counted then.
        """
        masks = masks or {}
        if set(masks) != set(self.masks):
            raise ValueError(f"expected masks named {sorted(self.masks)}, found {sorted(masks)}")
        self.count_batch(confidence, prediction, target, *(masks[name] for name in self.masks))
