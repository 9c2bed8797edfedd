"""Streams of images beside the labeled ones, for recipes that want them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from rich.markup import escape
from torch.utils.data import Dataset
from torchvision import tv_tensors

from hardpix.data import (
    DataError,
    ImageFormat,
    ImagePaths,
    MapKind,
    Problem,
    SegmentationFolder,
    check_folders,
    describe,
    split_blocks,
    split_by_pattern,
)
from hardpix.data.labeled_part import labeled_part
from hardpix.data.pairs import folder_problems
from hardpix.data.same_files import same_files
from hardpix.data.sample import Sample
from hardpix.data.wording import counted
from hardpix.training.dataset_split import show
from hardpix.training.processes import is_first_process

UNLABELED = "unlabeled"


@dataclass
class Stream:
    """Images without labels, for recipes that want a stream of this name.

    Args:
        images: folder of the images, searched with its subfolders.
        image_suffix: ending of their file names that is no part of the stem.
        batch_size: images in a step, per process; by default that of the labeled images.
        crop_size: height and width of the crops; by default that of the labeled images.
        scale: range of the scale jitter; by default that of the labeled images.
        flip: chance of a horizontal flip; by default that of the labeled images.
        photometric: whether colors are jittered. A teacher is best asked about images as they are; what the network
            learns from is changed by the recipe.
    """

    images: str | None = None
    image_suffix: str = ""
    batch_size: int | None = None
    crop_size: tuple[int, int] | None = None
    scale: tuple[float, float] | None = None
    flip: float | None = None
    photometric: bool = False

    def __post_init__(self) -> None:
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"expected batch_size ≥ 1 of a stream, found {self.batch_size}")


@dataclass(frozen=True)
class Sources:
    """Folders of the labeled images, of those to validate on, of each stream, and of further labeled images.

    `remarks` are facts about the choice, in sentences.
    """

    training: ImagePaths
    validation: ImagePaths | None
    streams: dict[str, ImagePaths]
    more: tuple[ImagePaths, ...] = ()
    remarks: tuple[str, ...] = ()


def stream_folders(streams: Mapping[str, Stream]) -> dict[str, ImagePaths]:
    """The folders of the streams that name one.

    Raises:
        ValueError: a stream that is called "labeled".
    """
    if "labeled" in streams:
        raise ValueError("labeled is no name of a further stream: give these images as --data.images or by a preset")
    named = {name: stream for name, stream in streams.items() if stream.images is not None}
    return {name: ImagePaths(str(stream.images), image_suffix=stream.image_suffix) for name, stream in named.items()}


def with_labeled_part(
    sources: Sources, chosen: str | None, every: int | None, val_share: float, val_stems: str | None
) -> Sources:
    """The same with a part of the training images as the labeled ones; the rest are the unlabeled stream.

    What is held out of the training images is held out before: it has all its labels, and is in no stream.

    Raises:
        ValueError: the unlabeled stream has a folder already; nothing would be labeled, or unlabeled.
    """
    if UNLABELED in sources.streams:
        raise ValueError(
            "labeled_stems and labeled_every make the unlabeled stream of the other training images: leave "
            "--data.unlabeled and --data.streams.unlabeled.images out, or the choice of labeled ones"
        )
    training, validation = sources.training, sources.validation
    if folder_problems(training):
        return sources  # said where the folders are checked
    stems: Sequence[str] = tuple(training.files["images"])
    remarks = list(sources.remarks)
    if validation is None:
        split = split_by_pattern(stems, val_stems) if val_stems else split_blocks(stems, val_share)
        remarks.append(split.sentence)
        stems, validation = split.train, replace(training, stems=split.val)
    labeled, rest = labeled_part(stems, chosen, every)
    remarks.append(
        f"Labeled: {len(labeled)} of the {len(stems)} training images; the other {len(rest)} count as unlabeled."
    )
    unlabeled = replace(training.keeping(lambda kind: False), masks=None, stems=rest)
    streams = {**sources.streams, UNLABELED: unlabeled}
    return Sources(replace(training, stems=labeled), validation, streams, sources.more, tuple(remarks))


def said_of_streams(streams: Mapping[str, ImagePaths]) -> list[str]:
    """A sentence on the images of each stream that has a folder of its own."""
    return [
        f"Stream {name}: {counted(len(folders.files['images']), 'image')} of {folders.images}, without labels."
        for name, folders in streams.items()
        if folders.stems is None and not folder_problems(folders)
    ]


def stream_problems(streams: Mapping[str, ImagePaths], image_format: ImageFormat, ignore_index: int) -> list[Problem]:
    """Everything that is wrong with the files of the streams; doubts are said on screen."""
    problems: list[Problem] = []
    for name, folders in streams.items():
        report = check_folders(
            folders, image_format=image_format, ignore_index=ignore_index, progress=is_first_process()
        )
        problems += report.problems
        if report.warnings:
            show(f"[yellow]Warnings about the stream {escape(name)}[/yellow]", escape(describe(report.warnings)))
    return problems


def open_streams(
    streams: Mapping[str, ImagePaths], validation: Dataset, image_format: ImageFormat, ignore_index: int
) -> dict[str, SegmentationFolder]:
    """The images of each stream.

    Raises:
        DataError: some of them are images to validate on.
    """
    opened = {
        name: SegmentationFolder.of(folders, image_format=image_format, ignore_index=ignore_index)
        for name, folders in streams.items()
    }
    held_out = _paths(validation) if isinstance(validation, SegmentationFolder) else set()
    if found := validated_on_too({path for samples in opened.values() for path in _paths(samples)}, held_out):
        raise DataError.of(found)
    return opened


def validated_on_too(streams: Collection[Path], held_out: Collection[Path]) -> list[Problem]:
    """Images of streams that are images to validate on, by their path or their content."""
    advice = "take it out of the stream's folder: what is trained on cannot be scored"
    both = same_files({str(path): path for path in sorted(streams)}, held_out)
    return [
        Problem("image to train on and to validate on", Path(path), "an image of one of the two", "it in both", advice)
        for path in both
    ]


def _paths(samples: SegmentationFolder) -> set[Path]:
    return {path.resolve() for path in samples.files["images"].values()}


def _no_file(path: Path) -> np.ndarray:
    raise NotImplementedError("the trust of a stream's pixels comes with no file")


# Labelers tell by it what is padding: a crop of an image that is smaller than the crop.
TRUST = MapKind("target_weight", "target_weights", 0.0, _no_file)


class WithoutLabels(Dataset[Sample]):
    """Images whose every pixel may be labeled, by a "target_weight" of 1.

    Example:
        >>> WithoutLabels([{"image": torch.zeros(3, 1, 2)}])[0]["target_weight"]
        Mask([[1., 1.]])
    """

    def __init__(self, samples: Any) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        sample = self.samples[index]
        return sample | {TRUST.key: tv_tensors.Mask(torch.ones(sample["image"].shape[-2:]))}


def seed_of(name: str, seed: int) -> int:
    """The seed of a stream's draws: that of the run for labeled images, another one for every further stream."""
    if name == "labeled":
        return seed
    return int(np.random.SeedSequence([seed, crc32(name.encode())]).generate_state(1)[0])
