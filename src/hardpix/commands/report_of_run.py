"""A report of what a network says of labeled images, written while it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from hardpix.data import ClassTable, Problem, SegmentationFolder
from hardpix.data.image_format import as_picture
from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores import Score
from hardpix.diagnosis.settings import Settings
from hardpix.report.diagnose_image import PartialReport, PictureWriter, diagnose_image
from hardpix.report.report_builder import Collector, finish_report
from hardpix.training.inference import Prediction


class ReportWriter:
    """A report of what a network says, image by image.

    Args:
        out: the place that `new_report` gave.
        classes: of the network.
        samples: the images, in the order in which they come, as `Prediction` numbers them.
        ignore_index: the id of unlabeled pixels.
        settings: of the diagnosis.
        scores: the figures.
        pictures: of every image, or else thumbnails alone.
    """

    def __init__(
        self,
        out: Path,
        classes: ClassTable,
        samples: Dataset,
        ignore_index: int,
        settings: Settings,
        scores: Sequence[Score],
        pictures: bool = True,
    ) -> None:
        self.out = out
        self.classes = classes
        self.samples = samples
        self.ignore_index = ignore_index
        self.settings = settings
        self.drawing = PictureWriter(out, classes.shown_colors, thumbnails_alone=not pictures)
        self.collector = Collector(settings, scores)

    def add(self, found: Prediction) -> None:
        """The next image."""
        assert found.target is not None
        number = len(self.collector.stems)
        maps = ImageMaps(
            truth=self._codes(torch.where(found.target == self.ignore_index, self.settings.ignore_index, found.target)),
            prediction=self._codes(found.prediction),
            settings=self.settings,
            stem=found.stem,
            class_names=self.classes.names,
            image=_picture(self.samples[number]["image"], found.target),
            confidence=found.confidence.numpy(),
            true_confidence=None if found.true_confidence is None else found.true_confidence.numpy(),
            hardness=None if found.level is None else found.level.numpy(),
        )
        counts, image = diagnose_image(number, maps, self.collector.scores, self.drawing)
        self.collector.add(PartialReport(counts, [image]))

    def finish(
        self,
        title: str,
        inputs: dict[str, str],
        against: Path | None = None,
        left_out: int = 0,
        problems: Sequence[Problem] = (),
        unused: Sequence[Problem] = (),
        doubts: Sequence[str] = (),
    ) -> list[str]:
        """Write the report; its sentences beside the doubts.

        Args:
            title: of the report.
            inputs: where truth and predictions come from.
            against: the report of another run on the same images.
            left_out: how many images could not be used.
            problems: why.
            unused: what other files were not used.
            doubts: in sentences, for the top of the report.
        """
        images = str(self.samples.folders.images) if isinstance(self.samples, SegmentationFolder) else None
        summary = finish_report(
            self.out,
            self.collector,
            self.classes,
            title=title,
            inputs={**inputs, "images": images},
            images_left_out=left_out,
            left_out=problems,
            unused=unused,
            against=against,
            doubts=doubts,
        )
        return [sentence["text"] for sentence in summary["sentences"][len(doubts) :]]

    def _codes(self, labels: Tensor) -> np.ndarray:
        kind = np.uint8 if self.settings.ignore_index == 255 else np.uint16
        return labels.numpy().astype(kind)


def _picture(image: Any, target: Tensor) -> np.ndarray | None:
    """The image of a sample as (H, W, 3) uint8, where it is one and has the size of its labels."""
    pixels = torch.as_tensor(image)
    if pixels.ndim != 3 or pixels.shape[1:] != target.shape:
        return None
    pixels = pixels.permute(1, 2, 0)
    return as_picture((pixels if pixels.is_floating_point() else pixels.to(torch.uint8)).numpy())
