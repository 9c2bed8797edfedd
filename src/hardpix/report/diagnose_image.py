"""Diagnosis of one image: read its files, count, draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hardpix.data import Problem
from hardpix.data.palette import Color
from hardpix.diagnosis.file_pairs import ImageFiles
from hardpix.diagnosis.image_findings import ImageFindings, describe_image
from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.readers import Reader
from hardpix.diagnosis.scores import Score
from hardpix.diagnosis.scores.error_kinds import KINDS
from hardpix.diagnosis.scores.own import naming
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.tally import Counts, add_counts, count_image, image_row
from hardpix.report.report_pictures import write_pictures


@dataclass(frozen=True)
class DiagnosedImage:
    """One image in a report."""

    stem: str
    size: tuple[int, int]
    findings: ImageFindings


@dataclass(frozen=True)
class PartialReport:
    """Some images of a report; their counts are summed already."""

    counts: Counts
    images: list[DiagnosedImage]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class PictureWriter:
    """Writer of the pictures of images, in one folder and one size.

    Attributes:
        out: folder of the report.
        class_colors: by class.
        longest_side: in pixels; None leaves pictures as they are.
        thumbnails_alone: no more than these.
    """

    out: Path
    class_colors: Sequence[Color]
    longest_side: int | None = 1024
    thumbnails_alone: bool = False

    def draw(self, number: int, maps: ImageMaps) -> None:
        """Write the pictures of the image of that number."""
        hardness = maps.hardness
        if hardness is not None and hardness.dtype.kind == "u":
            hardness = hardness / np.float32(np.iinfo(hardness.dtype).max)
        suspects = None if maps.suspects is None else maps.suspects.suspected >= 0
        write_pictures(
            self.out,
            number,
            class_colors=self.class_colors,
            kind_colors=[color for _, color, _ in KINDS.values()],
            image=maps.image,
            truth=maps.truth,
            prediction=maps.prediction,
            kinds=maps.kinds.map,
            hardness=hardness,
            suspects=suspects if suspects is not None and suspects.any() else None,
            longest_side=self.longest_side,
            thumbnail_alone=self.thumbnails_alone,
        )


def diagnose_image(
    number: int, maps: ImageMaps, scores: Sequence[Score], pictures: PictureWriter
) -> tuple[Counts, DiagnosedImage]:
    """Count, describe and draw one image."""
    with naming(f"the image {maps.stem}"):
        counts = count_image(scores, maps)
        row = image_row(scores, counts)
    pictures.draw(number, maps)
    size = (maps.truth.shape[0], maps.truth.shape[1])
    return counts, DiagnosedImage(maps.stem, size, describe_image(maps, row))


@dataclass(frozen=True)
class DiagnoseImages:
    """The work of a process: cases and their numbers in, a part of the report out."""

    reader: Reader
    settings: Settings
    scores: Sequence[Score]
    pictures: PictureWriter
    thresholds: np.ndarray | None = None

    def __call__(self, cases: Sequence[tuple[int, ImageFiles]]) -> PartialReport:
        total: Counts = []
        images, problems = [], []
        for number, case in cases:
            maps, found = self.reader.maps(case, self.settings, self.thresholds)
            problems += found
            counts, image = diagnose_image(number, maps, self.scores, self.pictures)
            with naming(f"the image {case.stem}"):
                total = add_counts(self.scores, total, counts)
            images.append(image)
        return PartialReport(total, images, tuple(problems))
