"""Folder of images without labels, as a short way to name a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hardpix.training.streams import UNLABELED, Stream


def with_unlabeled(streams: Mapping[str, Stream], folder: str | None) -> dict[str, Stream]:
    """The streams, with the folder as that of unlabeled images; the stream keeps its other settings.

    Raises:
        ValueError: the stream has a folder already.

    Example:
        >>> with_unlabeled({"unlabeled": Stream(batch_size=4)}, "more")["unlabeled"].images
        'more'
    """
    if folder is None:
        return dict(streams)
    stream = streams.get(UNLABELED, Stream())
    if stream.images is not None:
        raise ValueError(
            f"expected one folder of images without labels, found two, {folder} as --data.unlabeled and "
            f"{stream.images} in --data.streams: give one of them; batch_size and the like go with either"
        )
    return {**streams, UNLABELED: replace(stream, images=folder)}
