"""Settings of streams of images beside the labeled ones, for recipes that want them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hardpix.data import ImagePaths

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


def stream_folders(streams: Mapping[str, Stream]) -> dict[str, ImagePaths]:
    """The folders of the streams that name one.

    Raises:
        ValueError: a stream that is called "labeled".
    """
    if "labeled" in streams:
        raise ValueError("labeled is no name of a further stream: give these images as --data.images or by a preset")
    named = {name: stream for name, stream in streams.items() if stream.images is not None}
    return {name: ImagePaths(str(stream.images), image_suffix=stream.image_suffix) for name, stream in named.items()}
