"""The doubt about masks of photographs that EXIF turns, where sizes do not tell how the masks lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hardpix.data.errors import Problem
from hardpix.data.images import orientation
from hardpix.data.mask_facts import MaskFacts, named, percent_of

# Orientations of EXIF that swap height and width.
ON_ITS_SIDE = (5, 6, 7, 8)


def fits_both_ways(image: Path, mask: Path, shape: tuple[int, int]) -> bool | None:
    """True where a mask of this shape fits a photograph as shown and as stored; None where nothing is turned.

    A mask with an orientation of its own says how it lies.

    Args:
        image: a photograph.
        mask: its mask.
        shape: height and width of both as shown.
    """
    turned = orientation(image)
    if turned == 1 or orientation(mask) != 1:
        return None
    return turned not in ON_ITS_SIDE or shape[0] == shape[1]


def masks_of_turned_images(folder: Path, masks: Mapping[str, MaskFacts], fits: Mapping[str, bool]) -> Problem | None:
    """A doubt: masks that may be drawn on photographs as stored, by a tool that does not know EXIF.

    One mask of a photograph on its side that fits it as shown tells it of all.

    Args:
        folder: of the masks.
        masks: stem → facts.
        fits: stem → `fits_both_ways`, of masks as large as their photograph.

    Example:
        >>> masks = {"a": MaskFacts(Path("a.png"), {0: 3, 1: 1}), "b": MaskFacts(Path("b.png"), {0: 4})}
        >>> masks_of_turned_images(Path("masks"), masks, {"a": True}).found
        'masks that fit both ways, of photographs that EXIF turns: 1 of 2 (a.png), 50 % of the pixels'
        >>> masks_of_turned_images(Path("masks"), masks, {"a": True, "b": False}) is None
        True
    """
    if not fits or not all(fits.values()):
        return None
    files = [masks[stem] for stem in fits]
    share = percent_of(sum(file.pixels for file in files), list(masks.values()))
    return Problem(
        "masks of photographs that EXIF turns",
        folder,
        "masks of which the size tells how they lie",
        f"masks that fit both ways, of photographs that EXIF turns: {len(files)} of {len(masks)} "
        f"({named(files, folder)}), {share} of the pixels",
        "nothing if they were drawn on the photographs as viewers show them, as they are read; if on the pixels as "
        "stored, by a tool that does not know EXIF, save these photographs without their orientation",
        whole_folder=True,
    )
