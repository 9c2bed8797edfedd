"""First pass of confident learning, in which the order of the channels is compared with the predictions, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hardpix.data import DataError, Problem
from hardpix.diagnosis.channel_order import count_channels
from hardpix.diagnosis.file_pairs import ImageFiles
from hardpix.diagnosis.readers import Reader
from hardpix.metrics import self_confidence_counts


@dataclass
class ProbabilityCounts:
    """Counts of the probabilities of some cases, summed.

    Attributes:
        confidence: (2, C) of `self_confidence_counts`.
        channels: (C, C) of `count_channels`.
        unusable: by stem, why its probabilities cannot be used.
    """

    confidence: np.ndarray | int = 0
    channels: np.ndarray | int = 0
    unusable: dict[str, tuple[Problem, ...]] = field(default_factory=dict)

    def add(self, other: ProbabilityCounts) -> None:
        """Add those of further cases."""
        self.confidence = self.confidence + other.confidence
        self.channels = self.channels + other.channels
        self.unusable |= other.unusable

    def add_case(self, case: ImageFiles, reader: Reader, truth: np.ndarray, prediction: np.ndarray) -> None:
        """Add those of one case, whose label maps are class indices."""
        try:
            probabilities = reader.probabilities(case, truth.shape)
        except DataError as error:
            self.unusable[case.stem] = error.problems
            return
        self.confidence = self.confidence + self_confidence_counts(probabilities, truth, np.iinfo(truth.dtype).max)
        self.channels = self.channels + count_channels(probabilities, prediction)


def count_probabilities(cases: Sequence[ImageFiles], reader: Reader) -> ProbabilityCounts:
    """Read the labels again for their sake: where classes were not known before all files had been read."""
    total = ProbabilityCounts()
    for case in cases:
        total.add_case(case, reader, *reader.labels(case))
    return total
