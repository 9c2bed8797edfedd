"""Declaration of a per-pixel map that comes with the images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from inspect import signature
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from hardpix.data.errors import Problem
from hardpix.data.files import MAP_SUFFIXES, list_files
from hardpix.data.unread import type_names

TAKEN = ("image", "images", "target", "mask", "masks", "stem", "progress")


class MapFacts(NamedTuple):
    """Findings about one map file: what is wrong, what is doubtful, and facts that `MapKind.summary` tells.

    `known` is false where the file says nothing, so that its image is one without such a map.
    """

    problems: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()
    seen: Any = None
    known: bool = True


@dataclass(frozen=True)
class MapKind:
    """A kind of map with one number a pixel: its names, its files, and how it moves with its image.

    Pairing, checks, crops, flips, padding and batches go by this declaration alone. A subclass may say more of the
    numbers: how they change with the zoom (`moved`) and what can be wrong with them (`look`).

    Args:
        key: name in samples and batches, and the keyword by which the training step gets it.
        folder: name of its folder among those of a data set.
        fill: number where there is no image, and everywhere for images that have no such map.
        read: a file → (H, W) array. A reader with a parameter `max_pixels` is told the largest size.
        needed: an image without it is an error.
        training_only: validation and inference never load it.
        dtype: type of the numbers in a sample; an integer type for ids.
        ending: what follows the stem in file names (see `ImagePaths`).
        suffix_setting: setting that gives `ending`, if there is one, such as "depth_suffix".

    Crops take the nearest pixel, so that ids stay ids.

    Raises:
        ValueError: a name that is taken, or a fill that the type cannot hold.

    Example:
        >>> from hardpix.data.images import read_numbers
        >>> superpixels = MapKind("superpixel", "superpixels", 0, read_numbers, dtype=torch.int64)
        >>> superpixels.name, superpixels.moved(torch.tensor([3]), scale=2.0)
        ('superpixel map', tensor([3]))
    """

    key: str
    folder: str
    fill: float
    read: Callable[[Path], np.ndarray]
    needed: bool = True
    training_only: bool = False
    dtype: torch.dtype = torch.float32
    ending: str = ""
    suffix_setting: str | None = None

    def __post_init__(self) -> None:
        if not self.key.isidentifier() or {self.key, self.folder} & set(TAKEN):
            raise ValueError(
                f"expected a key that is a Python name, and neither key nor folder among {', '.join(TAKEN)}, found "
                f"{self.key!r} and {self.folder!r}: choose another one"
            )
        if not self.dtype.is_floating_point and (isnan(self.fill) or self.fill != int(self.fill)):
            raise ValueError(
                f"expected a whole number as fill of {self.key} maps, which are {self.dtype}, found {self.fill}: "
                "choose one, or a floating-point dtype"
            )

    @property
    def name(self) -> str:
        """One of the files in messages, such as "depth map"."""
        return f"{self.key} map"

    @property
    def shown_fill(self) -> str:
        """`fill` in messages."""
        return "NaN" if isnan(self.fill) else f"{self.fill:g}"

    def limited(self, max_pixels: int) -> MapKind:
        """The same kind, which refuses files of more pixels if its reader can."""
        if "max_pixels" not in signature(self.read).parameters:
            return self
        read: Callable[..., np.ndarray] = self.read
        return replace(self, read=partial(read, max_pixels=max_pixels))

    def moved(self, values: Tensor, scale: float) -> Tensor:
        """The numbers as they are where the image is enlarged `scale` times."""
        return values

    def look(self, path: Path, values: np.ndarray) -> MapFacts:
        """Check what one file holds, (H, W)."""
        return MapFacts()

    def summary(self, seen: Sequence[Any]) -> str | None:
        """Sentence on the maps of the training images, from the facts that `look` saw in each."""
        return None

    def nothing_known(self, folder: Path) -> Problem:
        """Problem of a folder in which `look` found no file to say anything."""
        expected, advice = f"known numbers in at least one {self.name}", f"check the files, or leave {self.key} out"
        return Problem(f"no known {self.key}", folder, expected, "none", advice)

    def no_file(self, folder: Path, stem: str) -> Problem:
        """Problem of a folder without a file for any image, the first of which has this stem."""
        expected = f"a {self.name} ({type_names(MAP_SUFFIXES)}) of at least one image, such as {stem}{self.ending}.png"
        others = [file for _, file in list_files(folder).files]
        found = f"others, such as {min(others).relative_to(folder)} ({len(others)} in all)" if others else "no file"
        advice = "check the folder"
        if self.suffix_setting is not None:
            advice += f", and {self.suffix_setting} if the names have an ending"
        return Problem(f"no {self.name} for any image", folder, expected, found, advice)


def by_key(kinds: Iterable[MapKind]) -> dict[str, MapKind]:
    """Kinds by the key of their maps.

    Raises:
        ValueError: two kinds of one key or one folder.
    """
    kinds = list(kinds)
    for names in ([kind.key for kind in kinds], [kind.folder for kind in kinds]):
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"expected kinds of maps that differ in key and folder, found {twice[0]!r} twice")
    return {kind.key: kind for kind in kinds}
