"""Evidence on the quality of predictions: counts of each image, kept in the folder of the results till the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset

from hardpix.cli.folder_lock import OWN
from hardpix.cli.output import Output
from hardpix.data import Transformed
from hardpix.data.whole_files import whole_file
from hardpix.estimators import Estimator, Evidence, TemperatureFit, confidence_bins, count_pixels, stack
from hardpix.estimators.evidence import BINS
from hardpix.signals import Signal
from hardpix.training.inference import Prediction, infer
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask


@dataclass(frozen=True)
class Asked:
    """A run, its network, and whose judgment counts: the signal of learned hardness, or a second run with its network.

    Attributes:
        folder: of the run.
        task: its network, on its device.
        estimator: whose evidence is counted.
        signal: learned hardness, where the estimator scores by it.
        second: the second run and its network, where the estimator scores by agreement.
    """

    folder: Run
    task: SegmentationTask
    estimator: Estimator
    signal: Signal | None = None
    second: tuple[Run, SegmentationTask] | None = None

    def look(self, samples: Dataset, places: Sequence[int], label: str) -> Iterator[tuple[Prediction, Tensor]]:
        """Predictions for some of the samples, each with the bins of its pixels' scores."""
        seen = Subset(Transformed(samples, self.folder.evaluation_transform()), places)
        first = infer(self.task, seen, signal=self.signal, logits=True, label=label)
        with closing(first):
            if self.second is None:
                for found in first:
                    yield found, self._bins(found)
                return
            run, task = self.second
            again = infer(task, Subset(Transformed(samples, run.evaluation_transform()), places), label=None)
            with closing(again):
                for found, other in zip(first, again, strict=True):
                    yield found, (found.prediction == other.prediction).long()

    def _bins(self, found: Prediction) -> Tensor:
        assert found.logits is not None
        if self.signal is None:
            return confidence_bins(found.logits)
        assert found.level is not None
        return (BINS * (1 - found.level.double())).floor().clamp(0, BINS - 1).long()


def labeled_file(number: int) -> str:
    """Path of the evidence of a labeled image.

    Example:
        >>> labeled_file(7).endswith("evidence/labeled/000007.npz")
        True
    """
    return f"{OWN}evidence/labeled/{number:06d}.npz"


def labeled_key(number: int) -> str:
    """Name of a labeled image among those of the output, which no other image has."""
    return f"//{number}"


def given_file(stem: str) -> str:
    """Path of the evidence of an image to estimate."""
    return f"{OWN}evidence/given/{stem}.npz"


def fit_temperature(asked: Asked, samples: Dataset) -> float:
    """The temperature that suits the labeled images best; 1 where the estimator takes probabilities as they are."""
    if not asked.estimator.calibrated:
        return 1.0
    fit = TemperatureFit(asked.task.ignore_index)
    seen = Transformed(samples, asked.folder.evaluation_transform())
    with closing(infer(asked.task, seen, logits=True, label="fitting the temperature")) as found_all:
        for found in found_all:
            assert found.logits is not None
            assert found.target is not None
            fit.add(found.logits, found.target)
    return fit.temperature


def count_labeled(asked: Asked, samples: Dataset, count: int, temperature: float, output: Output) -> Evidence:
    """Evidence of the labeled images, (N, …)."""
    remaining = [k for k in range(count) if labeled_key(k) not in output.notes]
    for k, (found, bins) in zip(remaining, asked.look(samples, remaining, "looking at labeled images"), strict=True):
        save(output.folder / labeled_file(k), counted(asked, found, bins, temperature))
        output.done(labeled_key(k))
    return stack([load(output.folder / labeled_file(k)) for k in range(count)])


def count_given(
    asked: Asked,
    samples: Dataset,
    stems: Sequence[str],
    temperature: float,
    output: Output,
    draw: Callable[[Prediction], None],
) -> None:
    """Keep evidence of the images to estimate, and draw each."""
    remaining = [k for k, stem in enumerate(stems) if stem not in output.notes]
    for found, bins in asked.look(samples, remaining, "estimating"):
        save(output.folder / given_file(found.stem), counted(asked, found, bins, temperature))
        draw(found)
        output.done(found.stem)


def counted(asked: Asked, found: Prediction, bins: Tensor, temperature: float) -> Evidence:
    """Evidence of one image."""
    assert found.logits is not None
    return count_pixels(
        found.logits,
        bins,
        None if found.target is None else torch.as_tensor(found.target),
        bin_count=asked.estimator.bin_count,
        temperature=temperature,
        ignore_index=asked.task.ignore_index,
    )


def save(file: Path, evidence: Evidence) -> None:
    """Write evidence as npz; folders are made as needed."""
    parts = {field.name: getattr(evidence, field.name) for field in fields(Evidence)}
    with whole_file(file) as written:
        np.savez_compressed(written, **{name: part for name, part in parts.items() if part is not None})


def load(file: Path) -> Evidence:
    """The evidence in a file of `save`."""
    with np.load(file) as parts:
        return Evidence(**{name: parts[name] for name in parts.files})
