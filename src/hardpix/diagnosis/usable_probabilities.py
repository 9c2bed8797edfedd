"""Probabilities that can be used, and the thresholds of confident learning that they give."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from hardpix.data import Problem
from hardpix.diagnosis.channel_order import channel_problem
from hardpix.diagnosis.examine import Examined
from hardpix.diagnosis.file_pairs import ImageFiles
from hardpix.diagnosis.parallel import in_chunks
from hardpix.diagnosis.probability_counts import ProbabilityCounts, count_probabilities
from hardpix.metrics import confident_thresholds


@dataclass(frozen=True)
class UsableProbabilities:
    """Probabilities as far as they can be used.

    Attributes:
        cases: all cases, without the probabilities that cannot be used.
        thresholds: of confident learning, by class; None without probabilities.
        problems: why some cannot be used.
        contradiction: why none is used, where their channels are in another order than the classes.
    """

    cases: list[ImageFiles]
    thresholds: np.ndarray | None
    problems: list[Problem]
    contradiction: Problem | None = None


def usable_probabilities(found: Examined, folder: Path | None) -> UsableProbabilities:
    """Hold the probabilities against masks and predictions; where classes were found, files are read for it again.

    Args:
        found: the files.
        folder: of the probabilities.
    """
    counts = _counted(found)
    problems = list(chain.from_iterable(counts.unusable.values()))
    cases = [case.without("probabilities") if case.stem in counts.unusable else case for case in found.cases]
    if folder is None or not isinstance(counts.channels, np.ndarray) or not isinstance(counts.confidence, np.ndarray):
        return UsableProbabilities(cases, None, problems)
    if contradiction := channel_problem(counts.channels, found.table.names, folder):
        cases = [case.without("probabilities") for case in cases]
        return UsableProbabilities(cases, None, [contradiction, *problems], contradiction)
    return UsableProbabilities(cases, confident_thresholds(counts.confidence), problems)


def _counted(found: Examined) -> ProbabilityCounts:
    cases = [case for case in found.cases if "probabilities" in case.files]
    if not found.found_classes or not cases:
        return found.probabilities
    total = ProbabilityCounts()
    count = partial(count_probabilities, reader=found.reader)
    for part in in_chunks(count, cases, found.workers, "reading probabilities"):
        total.add(part)
    return total
