"""Settings of the data of a training, in groups whose entries have the names that users know."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hardpix.data import ClassTable, DepthFormat, ImageFormat
from hardpix.data.class_source import class_table
from hardpix.training.augmentation import Augmentation
from hardpix.training.more_images import LabeledImages
from hardpix.training.streams import Stream


@dataclass(frozen=True)
class FolderSettings:
    """The user's folders, and the endings of the file names in them."""

    images: str | None
    masks: str | None
    val_images: str | None
    val_masks: str | None
    image_suffix: str
    mask_suffix: str
    depth_suffix: str

    @property
    def endings(self) -> dict[str, str]:
        """The endings, as arguments of `ImagePaths`."""
        return {name: value for name, value in vars(self).items() if name.endswith("_suffix")}


@dataclass(frozen=True)
class PresetSettings:
    """The name of a known data set, and its folder."""

    preset: str | None
    root: str | None


@dataclass(frozen=True)
class PartSettings:
    """The images to hold out, and those of the others that count as labeled."""

    val_share: float
    val_stems: str | None
    labeled_stems: str | None
    labeled_every: int | None


@dataclass(frozen=True)
class LabelSettings:
    """The classes, and the way in which masks hold them."""

    classes: str | list[str] | None
    label_map: dict[int, int | str] | None
    threshold: int | None
    palette: str | None

    def table(self) -> ClassTable | None:
        """The class table; None where it is that of a preset, or is to be found.

        Raises:
            ValueError, FileNotFoundError: settings that contradict each other, or a file that is not there.
        """
        return class_table(self.classes, self.label_map, self.threshold, self.palette)


@dataclass(frozen=True)
class MapSettings:
    """Folders of maps beside the images."""

    depth: bool | str | None
    depth_format: DepthFormat | None
    weights: str | None

    @property
    def asked(self) -> dict[str, bool | str | None]:
        """By the key of a map its folder, or true for that of the preset; depth has to be asked for.

        Example:
            >>> MapSettings(None, None, None).asked
            {'depth': False, 'weight': None}
        """
        return {"depth": self.depth or False, "weight": self.weights}


@dataclass(frozen=True)
class DataSettings:
    """Everything by which the data of a training is found and read."""

    folders: FolderSettings
    preset: PresetSettings
    parts: PartSettings
    labels: LabelSettings
    maps: MapSettings
    image_format: ImageFormat
    ignore_index: int
    streams: Mapping[str, Stream]
    more: Sequence[LabeledImages] = ()


@dataclass(frozen=True)
class ViewSettings:
    """The images as a network sees them, in training and elsewhere.

    Raises:
        ValueError: a resolution or a divisor that is none.
    """

    resolution: float
    crop_size: tuple[int, int] | None
    divisor: int
    augment: Augmentation
    sparse: bool | None = None

    def __post_init__(self) -> None:
        if self.resolution <= 0 or self.divisor < 1:
            own = "1 is the images' own, 0.5 half of it"
            raise ValueError(
                f"expected resolution > 0 ({own}) and divisor ≥ 1, found {self.resolution} and {self.divisor}"
            )


@dataclass(frozen=True)
class BatchSettings:
    """The number of images in a batch, and the way in which they are drawn and read.

    Raises:
        ValueError: an empty batch, or fewer workers than none.
    """

    batch_size: int
    val_batch_size: int | None
    workers: int | None
    seed: int

    def __post_init__(self) -> None:
        if self.batch_size < 1 or (self.workers is not None and self.workers < 0):
            raise ValueError(f"expected batch_size ≥ 1 and workers ≥ 0, found {self.batch_size} and {self.workers}")
        if self.val_batch_size is not None and self.val_batch_size < 1:
            raise ValueError(f"expected val_batch_size ≥ 1, found {self.val_batch_size}")

    @property
    def processes(self) -> int:
        """Number of processes that read ahead: by default one for each core, up to 8."""
        return min(os.cpu_count() or 1, 8) if self.workers is None else self.workers
