"""Images for a trained network and their masks, as a user gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from hardpix.data import ClassTable
from hardpix.data.class_source import read_otherwise


@dataclass(frozen=True)
class GivenFiles:
    """Images for a trained network and their masks, and how they differ from those of the training.

    Attributes:
        images: folder of the images.
        masks: folder of their masks, if there are any.
        image_suffix: ending of the image file names that is no part of the stem; None for that of the run.
        mask_suffix: the same of the mask file names.
        label_map: ids in these masks → number of the run's class, or "ignore".
        threshold: numbers at or above it are the run's class 1, others class 0.
        palette: "colors" reads palette files by the colors of the run's classes, "ids" by their indices.
        max_pixels: height × width of the largest file that is read; None for that of the run.
    """

    images: Path
    masks: Path | None = None
    image_suffix: str | None = None
    mask_suffix: str | None = None
    label_map: Mapping[int, int | str] | None = None
    threshold: int | None = None
    palette: str | None = None
    max_pixels: int | None = None

    def classes_of(self, run: ClassTable) -> ClassTable:
        """The run's classes as these masks hold them.

        Raises:
            ValueError: settings that contradict each other, or that the run's classes rule out.

        Example:
            >>> given = GivenFiles(Path("images"), Path("masks"), label_map={0: 0, 255: 1})
            >>> given.classes_of(ClassTable.from_names(["back", "thing"])).ids
            ((0,), (255,))
        """
        return read_otherwise(run, self.label_map, self.threshold, self.palette)


# Settings of the data that the commands with a trained network have.
SETTINGS = tuple(field.name for field in fields(GivenFiles) if field.name not in ("images", "masks"))
