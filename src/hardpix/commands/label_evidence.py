"""Evidence on labels: what a network says of each pixel, kept until all images have been asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import numpy as np
from torch.utils.data import Subset

from hardpix.cli.output import Output
from hardpix.data import ClassTable, SegmentationFolder, Transformed
from hardpix.data.labels import Label
from hardpix.data.masks import read_mask
from hardpix.data.whole_files import whole_file
from hardpix.metrics import self_confidence_counts
from hardpix.report.corrections.precision import count_said
from hardpix.signals import Signal
from hardpix.training.inference import infer
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask


def look(
    task: SegmentationTask,
    folder: Run,
    samples: SegmentationFolder,
    signal: Signal | None,
    output: Output,
    scales: Sequence[float],
    flip: bool,
) -> None:
    """Ask the network about every image, at every scale, and keep what it says for when all have been asked."""
    assert samples.classes is not None
    transformed = Transformed(samples, folder.evaluation_transform())
    remaining = Subset(transformed, output.remaining)
    asked = infer(task, remaining, signal=signal, probabilities=True, scales=scales, flip=flip, label="looking")
    with closing(asked) as found_all:
        for found in found_all:
            assert found.target is not None
            assert found.probabilities is not None
            target, shares = found.target.numpy(), found.probabilities.float().numpy()
            inside = np.where(target == task.ignore_index, 0, target)[None]
            maps = {
                "target": target.astype(np.int32),
                "predicted": found.prediction.numpy().astype(np.int32),
                "confidence": found.confidence.numpy(),
                "own": np.take_along_axis(shares, inside, 0)[0],
            }
            if found.level is not None:
                maps["level"] = found.level.numpy()
            if found.agreed is not None:
                maps["agreed"] = found.agreed.numpy()
            with whole_file(output.folder / output.files[found.stem][0]) as file:
                np.savez(file, **maps)
            path = samples.files["masks"][found.stem]
            by_color = samples.classes.by_color
            stored = read_mask(path, by_color=by_color, max_pixels=samples.image_format.max_pixels)
            labeled = target != task.ignore_index
            predicted, confidence, given = (each[labeled] for each in (maps["predicted"], maps["confidence"], target))
            note = {
                "said": count_said(predicted, confidence, given, len(shares)).tolist(),
                "self_confidence": self_confidence_counts(shares, target, task.ignore_index).tolist(),
                "stored": [[label, count] for label, count in samples.classes.count(stored).items()],
            }
            output.done(found.stem, note)


def stored_as(classes: ClassTable, found: Sequence[Sequence[Any]]) -> list[Any]:
    """For each class the id or color that most pixels of the given masks have for it; None where none has any."""
    counts: list[Counter[Label]] = [Counter() for _ in classes.names]
    for label, count in [pair for image in found for pair in image]:
        # JSON has no tuples.
        stored = tuple(label) if isinstance(label, list) else label
        index = classes.index_of(stored)
        if index is not None and index >= 0:
            counts[index][stored] += count
    return [each.most_common(1)[0][0] if each else None for each in counts]
