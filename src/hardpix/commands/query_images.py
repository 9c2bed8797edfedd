"""First pass of a query: what each image offers, best first, and the maps that show why."""

from __future__ import annotations

from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Subset

from hardpix.cli.folder_lock import OWN
from hardpix.cli.output import Output
from hardpix.commands.query_score import QueryScore
from hardpix.data import SegmentationFolder, Transformed
from hardpix.data.whole_files import whole_file
from hardpix.pixels import Picks, greedy_picks
from hardpix.pixels.picks import within
from hardpix.pixels.shares import share_of
from hardpix.report.queries.regions import Region, regions_of
from hardpix.training.inference import infer
from hardpix.training.labeled_before import LabeledBefore
from hardpix.training.run import Run
from hardpix.training.task import SegmentationTask


@dataclass(frozen=True)
class Rule:
    """Rule by which regions are chosen.

    Attributes:
        radius: reach of a region in pixels; 0 asks for single pixels.
        apart: reach of the suppression around the center of a region.
        budget: share of the pixels to ask for, 0 to 1.
        most: share of its pixels that one image may give, where all images share one budget; None gives each image the
            budget of its own.
    """

    radius: int
    apart: int
    budget: float
    most: float | None = None

    def picks(self, score: np.ndarray, open_pixels: np.ndarray) -> Picks:
        """Everything that an image may have to give."""
        if self.most is None:
            return greedy_picks(score, open_pixels, self.radius, self.apart, pixels_of(score.size, self.budget))
        most = int(self.most * score.size)
        return within(greedy_picks(score, open_pixels, self.radius, self.apart, most), most)


def pixels_of(count: int, share: float) -> int:
    """The least number of pixels that is at least a share of them.

    Example:
        >>> pixels_of(50, 0.3)
        15
    """
    return int(share_of(torch.tensor(count), share))


def evidence_file(stem: str) -> str:
    """Place of what is kept of an image until all have been looked at."""
    return f"{OWN}evidence/{stem}.npz"


@dataclass(frozen=True, eq=False)
class Offer:
    """Regions that an image offers, and maps that show why.

    Attributes:
        regions: best first, more than are asked for in the end where all images share one budget.
        open_pixels: (H, W) boolean, pixels without a label that were not asked for before.
        predicted: (H, W) class indices.
        heat: (H, W) uint8, the score, 255 at the highest of the image.
    """

    regions: list[Region]
    open_pixels: np.ndarray
    predicted: np.ndarray
    heat: np.ndarray


def look(
    task: SegmentationTask,
    folder: Run,
    samples: SegmentationFolder,
    score: QueryScore,
    rule: Rule,
    before: LabeledBefore,
    output: Output,
) -> None:
    """Ask the network about every image, and keep what each offers. Notes count pixels and open ones."""
    transformed = Transformed(samples, folder.evaluation_transform())
    asked = infer(
        task, Subset(transformed, output.remaining), signal=score.of_run, score=score.of_scores, label="looking"
    )
    with closing(asked) as found_all:
        for found in found_all:
            values = score(found).numpy()
            open_pixels = before.open_pixels(found.stem, (values.shape[0], values.shape[1]))
            predicted, confidence = found.prediction.numpy(), found.confidence.numpy()
            picks = rule.picks(values, open_pixels)
            regions = regions_of(picks, rule.radius, open_pixels, predicted, confidence)
            highest = float(values.max()) or 1.0
            write_offer(
                output.folder / evidence_file(found.stem),
                Offer(regions, open_pixels, predicted, np.round(255 * values / highest).astype(np.uint8)),
            )
            output.done(found.stem, [values.size, int(open_pixels.sum())])


def write_offer(path: Path, offer: Offer) -> None:
    """Write what an image offers."""
    rows = [[*region.box, *region.center, *astuple(region)[3:]] for region in offer.regions]
    with whole_file(path) as file:
        np.savez_compressed(
            file,
            regions=np.array(rows, np.float64).reshape(-1, 11),
            open_pixels=np.packbits(offer.open_pixels),
            predicted=offer.predicted.astype(np.uint16),
            heat=offer.heat,
        )


def read_picks(path: Path) -> Picks:
    """Centers, scores and pixels alone, as the choice over all images needs them."""
    with np.load(path) as maps:
        rows = maps["regions"]
    return Picks(rows[:, 4:6].astype(np.int64), rows[:, 7].astype(np.float32), rows[:, 6].astype(np.int64))


def read_offer(path: Path, count: int) -> Offer:
    """Offer of an image with the best regions of it, as many as that."""
    with np.load(path) as maps:
        rows, predicted, heat = maps["regions"][:count].tolist(), maps["predicted"].astype(np.int64), maps["heat"]
        open_pixels = np.unpackbits(maps["open_pixels"], count=heat.size).reshape(heat.shape).astype(bool)
    regions = []
    for number, (top, left, bottom, right, row, column, pixels, score, predicted_as, share, sure) in enumerate(rows, 1):
        box = (int(top), int(left), int(bottom), int(right))
        center = (int(row), int(column))
        regions.append(Region(number, box, center, int(pixels), score, int(predicted_as), share, sure))
    return Offer(regions, open_pixels, predicted, heat)
