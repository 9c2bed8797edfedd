"""Whether a network is as often right as it says."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from hardpix.metrics.counting import images_of
from hardpix.metrics.error_histogram import error_histogram
from hardpix.metrics.fixed_point import LEVELS


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


class Calibration(Metric):
    """Expected calibration error and reliability diagram over a whole set of images, also on parts of the images.

    Args:
        num_classes: C.
        ignore_index: the id of unlabelled pixels.
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
        >>> scores = Calibration(num_classes=2, masks=("border",))
        >>> maps = torch.tensor([[[0.9, 0.6]]]), torch.tensor([[[0, 1]]]), torch.tensor([[[0, 0]]])
        >>> scores.update(*maps, masks={"border": torch.tensor([[[False, True]]])})
        >>> {name: round(value.item(), 4) for name, value in scores.compute().items() if name.endswith("ece")}
        {'ece': 0.35, 'border_ece': 0.6}
    """

    full_state_update = False
    histograms: Tensor

    def __init__(
        self, num_classes: int, ignore_index: int = 255, bins: int = 15, masks: Sequence[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.bins = bins
        self.masks = tuple(masks)
        empty = torch.zeros(1 + len(self.masks), 2, LEVELS, dtype=torch.int64)
        self.add_state("histograms", empty, dist_reduce_fx="sum")

    def update(
        self, confidence: Tensor, prediction: Tensor, target: Tensor, masks: Mapping[str, Tensor] | None = None
    ) -> None:
        """Count one batch."""
        masks = masks or {}
        if set(masks) != set(self.masks):
            raise ValueError(f"expected masks named {sorted(self.masks)}, found {sorted(masks)}")
        added = torch.zeros_like(self.histograms, device="cpu")
        for values, guess, truth, *parts in images_of(
            confidence, prediction, target, *(masks[name] for name in self.masks)
        ):
            for place, part in enumerate([None, *parts]):
                counts = error_histogram(values, guess, truth, self.num_classes, self.ignore_index, part)
                added[place] += torch.from_numpy(counts)
        self.histograms += added.to(self.histograms.device)

    def compute(self) -> dict[str, Tensor]:
        """The scores of all batches so far."""
        scores: dict[str, Tensor] = {}
        for prefix, histogram in zip(["", *(f"{name}_" for name in self.masks)], self.histograms.cpu(), strict=True):
            error = calibration_error(histogram.numpy(), self.bins)
            scores[f"{prefix}ece"] = torch.tensor(error, dtype=torch.float64)
            for name, values in reliability_diagram(histogram.numpy(), self.bins).items():
                scores[f"{prefix}{name}"] = torch.from_numpy(values)
        return scores
