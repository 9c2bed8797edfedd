"""Labels that a pool of images has from earlier rounds, and what was asked for before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from hardpix.cli.results import read_record
from hardpix.data import ClassTable, Problem, SegmentationFolder
from hardpix.data.images import image_size
from hardpix.data.masks import read_mask
from hardpix.data.wording import counted, first_three, share_of
from hardpix.pixels.percent import percent
from hardpix.training.fingerprint import identity
from hardpix.training.given_files import GivenFiles
from hardpix.training.inference import console, open_folder
from hardpix.training.run import Run

ASKED = "ask"


@dataclass(frozen=True)
class LabeledBefore:
    """Masks of earlier rounds by stem, and masks of what earlier rounds asked for.

    Attributes:
        masks: by stem; images without one have no label.
        classes: of the masks.
        ignore_index: marks unlabeled pixels.
        max_pixels: of the largest file that is read.
        asked: by stem, masks that are not 0 where a label was asked for.
        problems: with masks that are not used, and images that are left out for them.
    """

    masks: Mapping[str, Path]
    classes: ClassTable
    ignore_index: int
    max_pixels: int
    asked: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    problems: Sequence[Problem] = ()

    def open_pixels(self, stem: str, size: tuple[int, int]) -> np.ndarray:
        """Pixels of an image that may be asked for, (H, W) boolean: without a label, and not asked for before."""
        found = np.ones(size, bool)
        if stem in self.masks:
            stored = read_mask(self.masks[stem], by_color=self.classes.by_color, max_pixels=self.max_pixels)
            found &= self.classes.indices(stored, self.ignore_index) == self.ignore_index
        for path in self.asked.get(stem, ()):
            found &= read_mask(path, max_pixels=self.max_pixels) == 0
        return found

    @property
    def files(self) -> list[list[Any]]:
        """All files with their sizes and times, for a fingerprint."""
        paths = [*self.masks.values(), *(path for found in self.asked.values() for path in found)]
        return [identity(path) for path in paths]


def labeled_before(
    folder: Run, samples: SegmentationFolder, given: GivenFiles, asked: Sequence[Path]
) -> tuple[SegmentationFolder, LabeledBefore]:
    """Labels and questions of earlier rounds, and the images without those whose masks cannot be used.

    Args:
        folder: of the run.
        samples: images of the pool.
        given: with the masks, if there are any.
        asked: folders that ``hardpix query`` wrote before.

    Raises:
        ValueError: no mask or no earlier question is of an image of the pool; one of another size.
        DataError: no mask can be used.
    """
    classes = samples.classes
    assert classes is not None
    masks: dict[str, Path] = {}
    problems: Sequence[Problem] = ()
    if given.masks is not None:
        paths = folder.folders(given)
        there = paths.files["masks"]
        with_mask = [stem for stem in samples.stems if stem in there]
        if not with_mask:
            found = counted(len(there), "mask")
            raise ValueError(
                f"expected masks of images of the pool in {given.masks} (--masks), found {found}, none of them of the "
                f"name of an image such as {samples.stems[0]}: check the folder, and --mask_suffix if names have an "
                "ending; leave --masks out where nothing is labeled yet"
            )
        labeled, report = open_folder(
            replace(paths, stems=tuple(with_mask)), classes, samples.ignore_index, samples.image_format
        )
        masks, problems = dict(labeled.files["masks"]), report.everything
        if others := [stem for stem in there if stem not in set(with_mask)]:
            of = counted(len(there), "mask")
            share = percent(len(others) / len(there))
            verb = "is" if len(others) == 1 else "are"
            console.print(
                f"{len(others)} of {of} ({share}) {verb} of no image of the pool ({first_three(others)}): not used"
            )
        faulty = set(with_mask) - masks.keys()
        if faulty:
            samples = SegmentationFolder.of(
                replace(samples.folders, stems=tuple(stem for stem in samples.stems if stem not in faulty)),
                classes,
                image_format=samples.image_format,
                ignore_index=samples.ignore_index,
            )
        if unlabeled := [stem for stem in samples.stems if stem not in masks]:
            console.print(f"{share_of(unlabeled, len(samples))} have no mask yet, and no label")
    earlier = _asked(samples, asked)
    return samples, LabeledBefore(
        masks, classes, samples.ignore_index, samples.image_format.max_pixels, earlier, problems
    )


def _asked(samples: SegmentationFolder, folders: Sequence[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for folder in folders:
        record = read_record(folder)
        if record is None or record.get("command") != "query":
            raise ValueError(f"expected a folder that hardpix query wrote as --asked, found another one: {folder}")
        paths = {stem: folder / ASKED / f"{stem}.png" for stem in samples.stems}
        there = {stem: path for stem, path in paths.items() if path.is_file()}
        if not there:
            raise ValueError(
                f"expected questions about images of the pool in {folder} (--asked), found none of an image such as "
                f"{samples.stems[0]}: leave the folder out"
            )
        other = [stem for stem, path in there.items() if image_size(path) != image_size(samples.files["images"][stem])]
        if other:
            raise ValueError(
                f"expected questions as large as their images in {folder} (--asked), found "
                f"{share_of(other, len(there))} of another size ({first_three(other)}): ask about the same images"
            )
        for stem, path in there.items():
            found.setdefault(stem, []).append(path)
    return found
