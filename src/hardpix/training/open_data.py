"""The data of a training, found by the user's settings, checked and opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from hardpix.data import (
    MAPS,
    ClassTable,
    DataError,
    ImageFormat,
    ImagePaths,
    MapKind,
    ProblemReport,
    SegmentationFolder,
    check_folders,
)
from hardpix.data.class_rules import require_no_class
from hardpix.data.palette_reading import read_by
from hardpix.training.data_settings import DataSettings
from hardpix.training.dataset_split import described, open_split
from hardpix.training.labeled_choice import with_labeled_part
from hardpix.training.more_images import JoinedFolders
from hardpix.training.plan_split import plan_split
from hardpix.training.processes import is_first_process
from hardpix.training.sources import (
    Sources,
    in_depth_format,
    own_folders,
    own_sets,
    preset_folders,
    refuse,
    with_maps,
)
from hardpix.training.split_plan import SplitPlan
from hardpix.training.stream_images import open_streams, said_of_streams, stream_problems, validated_on_too
from hardpix.training.streams import stream_folders


@dataclass(frozen=True)
class OpenedData:
    """Data sets of a training, and what is known of them.

    Attributes:
        classes: of the masks.
        train_set, val_set: the samples.
        streams: further images by the name of their stream.
        image_format: how images are read, with a range that was measured.
        channels: of an image.
        map_kinds: of the maps that samples may hold.
        smallest: least height and least width of the training images.
        class_pixels: number of training pixels of each class; None where it is not known.
        val_sizes: height and width of each validation image; None where they are not known.
        lacking: by the key of a map that was asked for, stems of training images whose map is not known.
        labeled_share: of the training pixels, in images that have any label; None where it is not known.
        val_labeled_share: the same of validation.
    """

    classes: ClassTable
    train_set: Dataset
    val_set: Dataset
    streams: dict[str, SegmentationFolder]
    image_format: ImageFormat
    channels: int
    map_kinds: Mapping[str, MapKind]
    smallest: Sequence[int]
    class_pixels: list[int] | None = None
    val_sizes: tuple[tuple[int, int], ...] | None = None
    lacking: dict[str, tuple[str, ...]] = field(default_factory=dict)
    labeled_share: float | None = None
    val_labeled_share: float | None = None

    @property
    def folders(self) -> list[Path]:
        """The user's own folders that are read."""
        every = (*_parts(self.train_set), self.val_set, *self.streams.values())
        sets = [samples for samples in every if isinstance(samples, SegmentationFolder)]
        return [folder for samples in sets for folder in samples.folders.given.values()]

    @property
    def split(self) -> dict[str, Any] | None:
        """Folders and stems of each part by its name, as split.yaml has them; None for data sets of the user's own."""
        train, *more = _parts(self.train_set)
        if not isinstance(train, SegmentationFolder) or not isinstance(self.val_set, SegmentationFolder):
            return None
        further = {f"train_{number}": samples for number, samples in enumerate(more, start=2)}
        parts = {"train": train, **further, "val": self.val_set, **self.streams}
        return {name: described(samples) for name, samples in parts.items()}


def _parts(samples: Dataset) -> Sequence[Any]:
    return samples.parts if isinstance(samples, JoinedFolders) else [samples]


def open_sets(settings: DataSettings, train_set: Dataset | None, val_set: Dataset | None) -> OpenedData:
    """Data sets of the user's own, and the streams beside them.

    Raises:
        DataError: everything that is wrong with the files of the streams, in one list.
        ValueError: settings that contradict each other, or a data set without classes.
    """
    given = settings.labels.table()
    refuse("train_set", _of_folders(settings))
    train_set, val_set, classes = own_sets(train_set, val_set, given)
    require_no_class(settings.ignore_index, len(classes))
    channels, *smallest = train_set[0]["image"].shape[-3:]
    folders = stream_folders(settings.streams)
    if problems := stream_problems(folders, settings.image_format, settings.ignore_index):
        raise DataError.of(problems)
    streams = open_streams(folders, val_set, settings.image_format, settings.ignore_index)
    kinds = MAPS | getattr(train_set, "map_kinds", {})
    return OpenedData(classes, train_set, val_set, streams, settings.image_format, channels, kinds, smallest)


def open_folders(settings: DataSettings) -> OpenedData:
    """Folders of the user's own or of a known data set, every file checked.

    Raises:
        DataError: everything that is wrong with the files, in one list.
        ValueError: settings that contradict each other.
    """
    sources, classes = sources_of(settings)
    plan = plan_sources(settings, sources, classes)
    split = open_split(plan, settings.ignore_index)
    image_format = split.train.image_format
    train_set = JoinedFolders([split.train, *split.more]) if split.more else split.train
    return OpenedData(
        classes=split.classes,
        train_set=train_set,
        val_set=split.val,
        streams=open_streams(sources.streams, split.val, image_format, settings.ignore_index),
        image_format=image_format,
        channels=image_format.channels,
        map_kinds=train_set.map_kinds,
        smallest=split.smallest,
        class_pixels=split.class_pixels,
        val_sizes=split.val_sizes,
        lacking=split.lacking,
        labeled_share=plan.labeled_share,
        val_labeled_share=plan.val.labeled_share,
    )


def sources_of(settings: DataSettings) -> tuple[Sources, ClassTable | None]:
    """The folders of all parts, and the classes where they are known.

    Raises:
        ValueError: settings that contradict each other.
    """
    folders, maps, parts = settings.folders, settings.maps, settings.parts
    classes, stored = settings.labels.table(), None
    training: ImagePaths
    if settings.preset.preset is not None:
        refuse("preset", asdict(folders))
        training, validation, known = preset_folders(settings.preset.preset, settings.preset.root, parts.val_stems)
        classes = classes or read_by(known.classes, settings.labels.palette or known.classes.palette)
        stored = known.depth_format
    else:
        refuse("images", {"root": settings.preset.root})
        where = (folders.images, folders.masks, folders.val_images, folders.val_masks)
        training, validation = own_folders(*where, folders.endings, parts.val_stems)
    training = in_depth_format(with_maps(training, maps.asked), maps.depth_format, stored)
    if settings.more:
        refuse("more", {"weights": maps.weights})
    more = tuple(pair.folders for pair in settings.more)
    sources = Sources(training, validation, stream_folders(settings.streams), more)
    if parts.labeled_stems is not None or parts.labeled_every is not None:
        chosen, every = parts.labeled_stems, parts.labeled_every
        sources = with_labeled_part(sources, chosen, every, parts.val_share, parts.val_stems)
    return sources, classes


def plan_sources(
    settings: DataSettings,
    sources: Sources,
    classes: ClassTable | None,
    check: Callable[..., ProblemReport] = check_folders,
) -> SplitPlan:
    """Check all files, and choose the images of each part; what forbids a training is in the plan.

    Args:
        settings: of the data.
        sources: their folders, as `sources_of` finds them.
        classes: what the masks should hold; found if None.
        check: reads the files of one part, as `check_folders` does.

    Raises:
        DataError: a part that has no folder of masks.
    """
    problems = stream_problems(sources.streams, settings.image_format, settings.ignore_index)
    plan = plan_split(
        sources.training,
        sources.validation,
        classes,
        val_share=settings.parts.val_share,
        val_stems=settings.parts.val_stems,
        image_format=settings.image_format,
        ignore_index=settings.ignore_index,
        palette=settings.labels.palette,
        label_map=settings.labels.label_map,
        more=sources.more,
        progress=is_first_process(),
        check=check,
    )
    plan = replace(plan, remarks=(*sources.remarks, *plan.remarks, *said_of_streams(sources.streams)))
    if not problems:
        of_streams = [paths[0] for folders in sources.streams.values() for paths in folders.files["images"].values()]
        problems = validated_on_too(of_streams, plan.val.images.values() if plan.val.stems else ())
    if not problems:
        return plan
    if plan.error is None:
        return replace(plan, error=DataError.of(problems, plan.classes.names))
    if isinstance(plan.error, DataError):
        return replace(plan, error=DataError.of([*plan.error.problems, *problems], plan.error.class_names))
    return plan


def _of_folders(settings: DataSettings) -> dict[str, Any]:
    """The settings that are about folders of files alone, in the order in which messages name them."""
    parts, labels, maps, seen = settings.parts, settings.labels, settings.maps, settings.image_format
    return {
        **asdict(settings.folders),
        **asdict(settings.preset),
        "val_stems": parts.val_stems,
        "label_map": labels.label_map,
        "threshold": labels.threshold,
        "palette": labels.palette,
        "labeled_stems": parts.labeled_stems,
        "labeled_every": parts.labeled_every,
        "depth": maps.depth,
        "depth_format": maps.depth_format,
        "weights": maps.weights,
        "more": settings.more,
        "bands": seen.bands,
        "value_range": seen.value_range,
    }
