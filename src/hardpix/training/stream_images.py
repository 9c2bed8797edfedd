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
from hardpix.training.dataset_split import show
from hardpix.training.processes import is_first_process


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
    """Images of streams that are images to validate on."""
    advice = "take it out of the stream's folder: what is trained on cannot be scored"
    both = {path.resolve() for path in streams} & {path.resolve() for path in held_out}
    return [
        Problem("image to train on and to validate on", path, "an image of one of the two", "it in both", advice)
        for path in sorted(both)
    ]


def _paths(samples: SegmentationFolder) -> set[Path]:
    return {path.resolve() for path in samples.files["images"].values()}
