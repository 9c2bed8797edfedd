"""Which files of several folders belong together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hardpix.data.depth_problems import no_depth
from hardpix.data.errors import Problem
from hardpix.data.files import IMAGE_SUFFIXES, MAP_SUFFIXES, files_by_stem, normal

NAMES = {"images": "image", "masks": "mask", "depth": "depth map", "weights": "weight map"}


@dataclass(frozen=True)
class Folders:
    """Where images, masks and further maps lie; what belongs together has the same stem.

    A stem is the path below the folder, without file type and without the ending that `image_suffix`, `mask_suffix` or
    `depth_suffix` names, such as "_leftImg8bit" and "_gtFine_labelIds". With a file type (".jpg", ".png") they separate
    images from masks that share a folder. `stems` is the part of the data to use; None is all of them.

    Example:
        >>> folders = Folders("leftImg8bit", "gtFine", image_suffix="_leftImg8bit", mask_suffix="_gtFine_labelIds")
        >>> folders.masks.name
        'gtFine'
    """

    images: Path
    masks: Path | None = None
    depth: Path | None = None
    weights: Path | None = None
    image_suffix: str = ""
    mask_suffix: str = ""
    depth_suffix: str = ""
    stems: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("images", "masks", "depth", "weights"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, Path(getattr(self, name)))
        if self.stems is not None:
            object.__setattr__(self, "stems", tuple(normal(stem) for stem in self.stems))

    @cached_property
    def files(self) -> dict[str, dict[str, list[Path]]]:
        """For images, masks, depth and weights as far as given: stem → files, in the order of `stems` or naturally."""
        every = {
            name: files_by_stem(
                folder,
                self._endings[name],
                suffixes=IMAGE_SUFFIXES if name in ("images", "masks") else MAP_SUFFIXES,
                skip=[other for other in self.given.values() if other != folder],
            )
            for name, folder in self.given.items()
        }
        if self.stems is None:
            return every
        return {name: {stem: found[stem] for stem in self.stems if stem in found} for name, found in every.items()}

    @property
    def given(self) -> dict[str, Path]:
        """The folders that there are, by name."""
        return {name: folder for name in self._endings if (folder := getattr(self, name)) is not None}

    @property
    def _endings(self) -> dict[str, str]:
        return {"images": self.image_suffix, "masks": self.mask_suffix, "depth": self.depth_suffix, "weights": ""}


def folder_problems(folders: Folders) -> list[Problem]:
    """Folders that are missing, hold no images, or do not tell images from masks: nothing further can be looked at."""
    problems = [
        Problem(
            "folder that does not exist", path, "a folder", "a file" if path.exists() else "nothing", "check the path"
        )
        for path in folders.given.values()
        if not path.is_dir()
    ]
    if problems:
        return problems
    if folders.masks == folders.images and folders.mask_suffix == folders.image_suffix:
        advice = 'say how their names end, such as image_suffix ".jpg" and mask_suffix ".png"'
        found = "one folder for both"
        return [Problem("images and masks alike", folders.images, "masks that can be told from images", found, advice)]
    if folders.stems is None and not folders.files["images"]:
        ending = f' that end in "{folders.image_suffix}"' if folders.image_suffix else ""
        expected = f"files of {', '.join(IMAGE_SUFFIXES)}{ending}"
        advice = "check the path, and image_suffix if the names have an ending"
        return [Problem("folder without images", folders.images, expected, "none", advice)]
    return []


def pairing_problems(folders: Folders) -> list[Problem]:
    """Stems without a partner, and stems with several files, before a single file is opened.

    An image may do without depth, as long as not all of them do.
    """
    problems = []
    files = folders.files
    stems = tuple(files["images"]) if folders.stems is None else folders.stems
    for kind, found in files.items():
        folder, what = folders.given[kind], NAMES[kind]
        for stem in stems:
            paths = found.get(stem, [])
            if len(paths) > 1:
                names = " and ".join(path.name for path in paths)
                problems.append(Problem("several files of one stem", folder / stem, f"one {what}", names, "keep one"))
            elif not paths and kind == "images":
                advice = "check the stems: paths below the folder, without ending and file type"
                problems.append(Problem("no image of that stem", folder / stem, "an image", "none", advice))
            elif not paths and kind != "depth" and stem in files["images"]:
                advice = f"add the {what}s under the same stems, or remove the images"
                image = files["images"][stem][0]
                problems.append(
                    Problem(f"no {what} for an image", image, f"a {what} {stem}.* in {folder}", "none", advice)
                )
    if folders.depth is not None and files["images"] and files["images"].keys().isdisjoint(files["depth"]):
        problems.append(no_depth(folders.depth, f"{next(iter(files['images']))}{folders.depth_suffix}"))
    return problems
