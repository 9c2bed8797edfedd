"""Two parts of the data, one to train on and one to validate on, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hardpix.data import (
    ClassTable,
    ImageFormat,
    ImagePaths,
    Problem,
    ProblemReport,
    Split,
    split_blocks,
    split_by_pattern,
)
from hardpix.data.mask_palettes import colors_by_index
from hardpix.data.unlabeled import unlabeled_line
from hardpix.data.unlabeled_classes import settled


@dataclass(frozen=True)
class Part:
    """Images for one purpose: their folders, what the files of these hold, and the stems that are used."""

    folders: ImagePaths
    report: ProblemReport
    stems: tuple[str, ...] = ()

    @property
    def class_pixels(self) -> list[int]:
        """Number of pixels of each class."""
        return self.report.class_pixels(self.stems)

    @property
    def labeled_share(self) -> float:
        """Share of the pixels that have a class, in the images that have any; 0 where none has."""
        labeled = pixels = 0
        for stem in self.stems:
            if count := sum(self.report.class_pixels([stem])):
                labeled += count
                pixels += self.report.sizes[stem][0] * self.report.sizes[stem][1]
        return labeled / max(1, pixels)

    @property
    def images(self) -> dict[str, Path]:
        """The image of each stem."""
        return {stem: self.folders.files["images"][stem][0] for stem in self.stems}

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Height and width of each image."""
        return tuple(self.report.sizes[stem] for stem in self.stems)


@dataclass(frozen=True)
class SplitPlan:
    """The two parts of the data, and everything that is to be said of them before a training starts.

    Attributes:
        train, val: the parts. Where validation has no folders of its own, both have the folders and the report of one.
            Without `error` they have stems, and the report of `train` has classes.
        apart: true where validation has folders of its own.
        image_format: as asked for, with the range that was measured in the training images.
        error: why no training can start; None if one can.
        doubts: doubts about files.
        cautions: further doubts, in sentences.
        remarks: facts, in sentences.
    """

    train: Part
    val: Part
    apart: bool
    image_format: ImageFormat
    error: ValueError | None = None
    doubts: tuple[Problem, ...] = ()
    cautions: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    more: tuple[Part, ...] = ()
    """Further images to train on, with folders of their own; none of them is held out."""
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By the key of a map that was asked for, the stems of training images whose map is not known."""

    @property
    def trained_on(self) -> tuple[Part, ...]:
        """All parts that are trained on."""
        return (self.train, *self.more)

    @property
    def class_pixels(self) -> list[int]:
        """Number of pixels of each class in all that is trained on."""
        return [sum(counts) for counts in zip(*(part.class_pixels for part in self.trained_on), strict=True)]

    @property
    def labeled_share(self) -> float:
        """Share of the pixels that have a class in all that is trained on, in the images that have any."""
        labeled = [sum(part.class_pixels) for part in self.trained_on]
        pixels = [count / part.labeled_share for part, count in zip(self.trained_on, labeled, strict=True) if count]
        return sum(labeled) / max(1.0, sum(pixels))

    @property
    def classes(self) -> ClassTable:
        """The classes of the masks as a run keeps them: with colors of palettes and unlabeled ids as in training."""
        assert self.train.report.classes is not None
        masks = list(self.train.report.masks.values())
        table = settled(self.train.report.classes, masks)
        seen = colors_by_index(masks)
        return table.with_palette_seen(seen) if seen else table

    @property
    def unlabeled(self) -> str:
        """A sentence on the share of unlabeled pixels; empty where there is none."""
        named = {"training": self.train, "validation": self.val} if self.apart else {"": self.train}
        assert self.train.report.classes is not None
        if self.more:
            named = {"training": self.train, "validation": self.val} if self.apart else {"": self.train}
            named |= {str(part.folders.masks): part for part in self.more}
        masks = {name: list(part.report.masks.values()) for name, part in named.items()}
        return unlabeled_line(masks, self.train.report.classes)


def split_stems(stems: Sequence[str], val_share: float, val_stems: str | None) -> Split:
    """The stems to train on and those that are held out: by a pattern where there is one, else blocks of file names.

    Raises:
        ValueError: nothing would be left to train or to validate on.
    """
    return split_by_pattern(stems, val_stems) if val_stems else split_blocks(stems, val_share)
