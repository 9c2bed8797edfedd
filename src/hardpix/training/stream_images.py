"""Images of the streams: everything that is wrong with them, and the data sets of those that can be used."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from rich.markup import escape
from torch.utils.data import Dataset

from hardpix.data import (
    DataError,
    ImageFormat,
    ImagePaths,
    Problem,
    SegmentationFolder,
    check_folders,
    describe,
)
from hardpix.data.pairs import folder_problems
from hardpix.data.same_files import same_files
from hardpix.data.wording import counted
from hardpix.training.dataset_split import show
from hardpix.training.processes import is_first_process


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
