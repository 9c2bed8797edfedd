"""Files of several folders that belong together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from hardpix.data.depth_problems import no_depth
from hardpix.data.errors import Problem
from hardpix.data.files import IMAGE_SUFFIXES, MAP_SUFFIXES, FolderListing, list_files, normal
from hardpix.data.name_hints import NameHints, Side
from hardpix.data.unread import other_types, type_names, unreadable_folders

NAMES = {"images": "image", "masks": "mask", "depth": "depth map", "weights": "weight map"}
SUFFIXES = {"images": IMAGE_SUFFIXES, "masks": IMAGE_SUFFIXES, "depth": MAP_SUFFIXES, "weights": MAP_SUFFIXES}
SETTINGS = {"images": "image_suffix", "masks": "mask_suffix", "depth": "depth_suffix"}


@dataclass(frozen=True)
class Folders:
    """Where images, masks and further maps lie; what belongs together has the same stem.

    A stem is the path below the folder, without file type and without the ending that `image_suffix`, `mask_suffix` or
    `depth_suffix` names, such as "_leftImg8bit" and "_gtFine_labelIds". With a file type (".jpg", ".png") they separate
    images from masks that share a folder. A star stands for the stem where something comes before it: "mask_*".
    `stems` is the part of the data to use; None is all of them.

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
    def listings(self) -> dict[str, FolderListing]:
        """Everything in each of the folders, by name."""
        return {
            name: list_files(folder, skip=[other for other in self.given.values() if other != folder])
            for name, folder in self.given.items()
        }

    @cached_property
    def files(self) -> dict[str, dict[str, list[Path]]]:
        """For images, masks, depth and weights as far as given: stem → files, in the order of `stems` or naturally."""
        every = {name: listing.by_stem(self._endings[name], SUFFIXES[name]) for name, listing in self.listings.items()}
        if self.stems is None:
            return every
        return {name: {stem: found[stem] for stem in self.stems if stem in found} for name, found in every.items()}

    @cached_property
    def used(self) -> set[Path]:
        """All images, and the files of other kinds that belong to one."""
        images = self.files["images"]
        return {
            path for found in self.files.values() for stem, paths in found.items() if stem in images for path in paths
        }

    @cached_property
    def hints(self) -> dict[str, NameHints]:
        """Files that are there instead, for each kind of file that images lack."""
        images = self.files["images"]
        return {
            kind: NameHints(
                self.side("images"),
                self.side(kind),
                {stem: paths[0] for stem, paths in images.items() if stem not in found},
                len(images),
                self.listings[kind],
                self.used,
            )
            for kind, found in self.files.items()
            if kind != "images"
        }

    def side(self, name: str) -> Side:
        """One of the folders in the words of a message."""
        setting = None if name == "weights" else f"--data.{SETTINGS[name]}"
        return Side(NAMES[name], self.given[name], SUFFIXES[name], setting, self._endings[name])

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
        if "*" in folders.image_suffix:
            ending = f' named "{folders.image_suffix}"'
        expected = f"files of {', '.join(IMAGE_SUFFIXES)}{ending}"
        advice = "check the path, and image_suffix if the names have an ending"
        problem = Problem("folder without images", folders.images, expected, "none", advice)
        others = [found for found in unread_files(folders) if found.where == folders.images]
        return [problem, *others, *_unreadable(folders)]
    if folders.masks is not None and (common := folders.hints["masks"].common()):
        return [common, *_unreadable(folders)]
    return []


def pairing_problems(folders: Folders) -> list[Problem]:
    """Stems without a partner, and stems with several files, before a single file is opened.

    An image may do without depth, as long as not all of them do.
    """
    problems = _unreadable(folders)
    files = folders.files
    stems = tuple(files["images"]) if folders.stems is None else folders.stems
    for kind, found in files.items():
        folder, what = folders.given[kind], NAMES[kind]
        common = None if kind in ("images", "depth") else folders.hints[kind].common()
        problems += [] if common is None else [common]
        for stem in stems:
            paths = found.get(stem, [])
            if len(paths) > 1:
                several = " and ".join(path.name for path in paths)
                advice = "keep one"
                if kind in SETTINGS and len({path.suffix for path in paths}) > 1:
                    types = " or ".join(dict.fromkeys(path.suffix for path in paths))
                    advice += f", or say of which type the {what}s are: --data.{SETTINGS[kind]} {types}"
                problems.append(Problem("several files of one stem", folder / stem, f"one {what}", several, advice))
            elif not paths and kind == "images":
                advice = "check the stems: paths below the folder, without ending and file type"
                problems.append(Problem("no image of that stem", folder / stem, "an image", "none", advice))
            elif not paths and kind != "depth" and common is None and stem in files["images"]:
                hints = folders.hints[kind]
                types = type_names(SUFFIXES[kind])
                advice = hints.advice_for(stem, f"add the {what}s ({types}) under the same stems, or remove the images")
                image, expected = files["images"][stem][0], folders.side(kind).expected(stem)
                problems.append(Problem(f"no {what} for an image", image, expected, hints.found(stem), advice))
    if folders.depth is not None and files["images"] and files["images"].keys().isdisjoint(files["depth"]):
        none = no_depth(folders.depth, f"{next(iter(files['images']))}{folders.depth_suffix}")
        named = folders.hints["depth"].common()
        problems.append(none if named is None else replace(none, advice=named.advice))
    return problems


def unread_files(folders: Folders) -> list[Problem]:
    """Files of types that are not read, a problem for each folder."""
    found: dict[Path, list[Problem]] = {}
    for kind, listing in folders.listings.items():
        side = folders.side(kind)
        found.setdefault(side.folder, other_types(side.folder, side.what, listing, side.suffixes, folders.used))
    return [problem for problems in found.values() for problem in problems]


def _unreadable(folders: Folders) -> list[Problem]:
    listings = folders.listings.values()
    return list(dict.fromkeys(problem for listing in listings for problem in unreadable_folders(listing)))
