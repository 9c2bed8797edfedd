"""Score by which pixels are chosen to be labeled: signals of class scores, and one of the run, multiplied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from hardpix.commands.signal_maps import mined_signal
from hardpix.objectives import signals_in
from hardpix.pixels import box_mean
from hardpix.signals import Entropy, Margin, Product, RegionImpurity, Signal, WindowMean
from hardpix.training.inference import Prediction
from hardpix.training.task import SegmentationTask

RIPU = ("RegionImpurity", "Entropy")


@dataclass(frozen=True)
class QueryScore:
    """Product of what class scores say at the image's own size, and of what a signal of the run says.

    Attributes:
        names: of the factors.
        of_scores: signal that looks at class scores alone; None without one.
        of_run: signal of the run, which looks into the network; None without one.
        window: reach of the window that the run's signal is averaged over; 0 for single pixels.
    """

    names: tuple[str, ...]
    of_scores: Signal | None
    of_run: Signal | None
    window: int

    def __call__(self, found: Prediction) -> torch.Tensor:
        """The score of every pixel, (H, W) float32 ≥ 0."""
        score = torch.ones(found.prediction.shape) if found.score is None else found.score
        if found.level is not None:
            score = score * (box_mean(found.level, self.window) if self.window else found.level)
        return score


def query_score(task: SegmentationTask, names: Sequence[str], window: int, reach: int) -> QueryScore:
    """The score that is a product of the signals of these names, by default RIPU's: impurity × entropy.

    A score of windows takes the mean of each signal over the window; impurity speaks of windows already.

    Args:
        task: of the run.
        names: classes or names of signals: RegionImpurity, Entropy, Margin, or one of the run.
        window: reach of the regions; 0 for single pixels.
        reach: of the window of the impurity.

    Raises:
        ValueError: a signal of no such name, twice, two of the run, or one that images alone do not give.
    """
    made = _of_class_scores(window, reach)
    short = {"region_impurity": "RegionImpurity", "entropy": "Entropy", "margin": "Margin"}
    chosen = [short.get(name, name) for name in names]
    if twice := [name for name in chosen if chosen.count(name) > 1]:
        raise ValueError(f"expected each signal once, found {twice[0]} {chosen.count(twice[0])} times (--signal)")
    others = [name for name in chosen if name not in made]
    of_run = {
        name: type(each).__name__ for each in signals_in(task.recipe) for name in (type(each).__name__, each.name)
    }
    if unknown := [name for name in others if name not in of_run]:
        raise ValueError(
            f"expected a signal of class scores ({', '.join(made)}) or of the run "
            f"({', '.join(dict.fromkeys(of_run.values())) or 'it has none'}) as --signal, found {unknown[0]!r}"
        )
    if len(others) > 1:
        raise ValueError(f"expected at most one signal of the run, found {' and '.join(others)}: leave one out")
    of_network = mined_signal(task, others[0], None) if others else None
    factors = [made[name] for name in chosen if name in made]
    return QueryScore(tuple(chosen), Product(factors) if factors else None, of_network, window)


def _of_class_scores(window: int, reach: int) -> dict[str, Signal]:
    if not window:
        return {"RegionImpurity": RegionImpurity(reach), "Entropy": Entropy(), "Margin": Margin()}
    return {
        "RegionImpurity": RegionImpurity(reach),
        "Entropy": WindowMean(Entropy(), window),
        "Margin": WindowMean(Margin(), window),
    }
