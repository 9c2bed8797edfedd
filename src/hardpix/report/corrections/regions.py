"""Regions in which a network is sure of another class than the label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from hardpix.pixels.percent import percent
from hardpix.report.corrections.precision import bins_of, least_confidence

# Numbers of regions are written as 16 bits.
MOST_REGIONS = 65535


@dataclass(frozen=True)
class Evidence:
    """Maps of a network for one image, (H, W) each.

    Attributes:
        predicted: most probable class.
        confidence: its probability.
        own: probability of the label's class; anything without a label.
        level: map of a signal, such as learned hardness; None without one.
        agreed: whether all views of the image say the predicted class; None where there was one view.
    """

    predicted: np.ndarray
    confidence: np.ndarray
    own: np.ndarray
    level: np.ndarray | None = None
    agreed: np.ndarray | None = None


@dataclass(frozen=True)
class Rule:
    """Rule by which disagreements are taken for wrong labels.

    Attributes:
        thresholds: (C,) confidence from which a class is believed: the mean probability that the network gives to the
            class where it is the label (confident learning, arXiv 1911.00068). NaN for a class that is no label.
        confidence: least confidence, also where a class's own threshold is lower.
        min_area: smaller regions are left out, in pixels.
        border: a region that lies within so many rows and columns of its new class's labels is a displaced border.
        min_level: regions whose mean of the signal is lower are left out.
        most_given: regions to whose label the network gives a higher mean probability are left out.
        agreement: regions are left out where the views agree at a smaller share of the pixels.
        least_right: confidence from which a class is believed is also that from which the network is right in this
            share of the pixels where it says the class.
        precision: (C, bins) how often it is right, as :func:`precision_from` has it; None if nobody has counted.
    """

    thresholds: np.ndarray
    confidence: float = 0.5
    min_area: int = 20
    border: int = 2
    min_level: float = 0.0
    most_given: float = 1.0
    agreement: float = 0.0
    least_right: float = 0.0
    precision: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name in ("confidence", "most_given", "agreement", "least_right"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"expected {name} from 0 to 1, found {getattr(self, name)}")
        if self.min_area < 1 or self.border < 0:
            raise ValueError(f"expected min_area ≥ 1 and border ≥ 0 in pixels, found {self.min_area} and {self.border}")

    @property
    def levels(self) -> np.ndarray:
        """(C,) confidence from which each class is believed; infinite for one that never is."""
        levels = np.fmax(self.thresholds, self.confidence)
        if self.precision is not None:
            levels = np.maximum(levels, least_confidence(self.precision, self.least_right))
        return np.where(np.isnan(self.thresholds), np.inf, levels)


@dataclass(frozen=True)
class Region:
    """Connected pixels of one label that seem to be of one other class.

    Attributes:
        number: within its image, from 1 on, by falling score; its value in the map of changes.
        given: index of the class that they are labeled as.
        suggested: index of the class that they seem to be of.
        pixels: how many.
        box: first row, first column, and the row and column after the last.
        confidence: mean probability of the suggested class.
        margin: mean of that minus the probability of the given class.
        level: mean of the signal; None without one.
        agreement: share of the pixels at which all views say the suggested class; None of one view.
        right: how often the network is right where it says the suggested class as surely; None if nobody has counted.
    """

    number: int
    given: int
    suggested: int
    pixels: int
    box: tuple[int, int, int, int]
    confidence: float
    margin: float
    level: float | None = None
    agreement: float | None = None
    right: float | None = None

    @property
    def score(self) -> float:
        """Pixels that would be right after the correction, as far as the probabilities can be believed."""
        return self.pixels * self.margin

    def why(self, names: Sequence[str], level: float) -> str:
        """Why it is proposed, in words.

        Args:
            names: of the classes.
            level: confidence from which the suggested class is believed.

        Example:
            >>> region = Region(1, 0, 1, 40, (0, 2, 4, 12), 0.93, 0.92, agreement=0.8, right=0.86)
            >>> region.why(["road", "car"], 0.75)
            'sure of car: 93 %, believed from 75 %; road has 1 %; right in 86 % of such pixels; all views agree at 80 %'
        """
        new, old = names[self.suggested], names[self.given]
        reasons = [f"sure of {new}: {percent(self.confidence)}, believed from {percent(level)}"]
        reasons.append(f"{old} has {percent(max(self.confidence - self.margin, 0.0))}")
        if self.right is not None:
            reasons.append(f"right in {percent(self.right)} of such pixels")
        if self.agreement is not None:
            reasons.append(f"all views agree at {percent(self.agreement)}")
        return "; ".join(reasons)


def find_regions(
    target: np.ndarray, valid: np.ndarray, evidence: Evidence, rule: Rule
) -> tuple[list[Region], np.ndarray]:
    """Regions of one image, and the map of changes: (H, W) uint16 with the number of the region, 0 where there is none.

    Pixels that touch at a corner are connected. Pixels without a label are never part of a region.

    Args:
        target: (H, W) class indices.
        valid: (H, W) boolean, where they are labels.
        evidence: of the network.
        rule: what is taken for wrong.

    Example:
        >>> predicted, sure = np.array([[0, 1, 1, 1]]), np.full((1, 4), 0.9)
        >>> rule = Rule(np.array([0.7, 0.8]), min_area=2, border=0)
        >>> target = np.array([[0, 0, 0, 1]])
        >>> (region,), changes = find_regions(target, target < 255, Evidence(predicted, sure, 1 - sure), rule)
        >>> region.box, region.given, region.suggested, changes.tolist()
        ((0, 1, 1, 3), 0, 1, [[0, 1, 1, 0]])
    """
    predicted = evidence.predicted
    wrong = valid & (predicted != target) & (evidence.confidence >= rule.levels[predicted])
    classes = len(rule.thresholds)
    found: list[tuple[Region, np.ndarray]] = []
    for pair in np.unique(target[wrong].astype(np.int64) * classes + predicted[wrong]).tolist():
        given, suggested = divmod(pair, classes)
        found += _regions_of_pair(given, suggested, wrong, target, evidence, rule)
    found.sort(key=lambda each: (-each[0].score, each[0].box))
    changes = np.zeros(target.shape, dtype=np.uint16)
    regions = []
    for number, (region, pixels) in enumerate(found[:MOST_REGIONS], 1):
        changes[region.box[0] : region.box[2], region.box[1] : region.box[3]][pixels] = number
        regions.append(Region(**{**vars(region), "number": number}))
    return regions, changes


def _regions_of_pair(
    given: int, suggested: int, wrong: np.ndarray, target: np.ndarray, evidence: Evidence, rule: Rule
) -> list[tuple[Region, np.ndarray]]:
    """Regions of one given and one suggested class, each with its pixels within its box."""
    mask = wrong & (target == given) & (evidence.predicted == suggested)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    window = np.ones((2 * rule.border + 1,) * 2, dtype=np.uint8)
    near = cv2.dilate((target == suggested).astype(np.uint8), window).view(bool) if rule.border else np.False_
    far = np.bincount(labels[mask & ~near], minlength=len(stats))
    found = []
    for number, (left, top, width, height, pixels) in enumerate(stats.tolist()):
        if number == 0 or pixels < rule.min_area or not far[number]:
            continue
        box = (slice(top, top + height), slice(left, left + width))
        inside = labels[box] == number

        def mean(values: np.ndarray, box: tuple[slice, slice] = box, inside: np.ndarray = inside) -> float:
            return float(values[box][inside].mean(dtype=np.float64))

        confidence, own = mean(evidence.confidence), mean(evidence.own)
        level = None if evidence.level is None else mean(evidence.level)
        agreement = None if evidence.agreed is None else mean(evidence.agreed)
        if own > rule.most_given or (level is not None and level < rule.min_level):
            continue
        if agreement is not None and agreement < rule.agreement:
            continue
        right = None if rule.precision is None else float(rule.precision[suggested, bins_of(np.array(confidence))])
        corners = (top, left, top + height, left + width)
        region = Region(0, given, suggested, pixels, corners, confidence, confidence - own, level, agreement, right)
        found.append((region, inside))
    return found


def runs_of(changes: np.ndarray, region: Region) -> list[int]:
    """Pixels of a region as row, first column, length, row, …, within its box.

    Example:
        >>> changes = np.array([[0, 1, 1, 0, 1]], np.uint16)
        >>> runs_of(changes, Region(1, 0, 1, 3, (0, 1, 1, 5), 0.9, 0.8))
        [0, 0, 2, 0, 3, 1]
    """
    top, left, bottom, right = region.box
    inside = np.pad(changes[top:bottom, left:right] == region.number, ((0, 0), (1, 1)))
    steps = np.diff(inside.astype(np.int8), axis=1)
    (rows, starts), (_, ends) = np.nonzero(steps == 1), np.nonzero(steps == -1)
    return np.stack((rows, starts, ends - starts), axis=1).ravel().tolist()
