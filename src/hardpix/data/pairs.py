"""Files of several folders that belong together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from hardpix.data.errors import Problem
from hardpix.data.files import MAP_SUFFIXES, FolderListing, list_files, normal, read_types
from hardpix.data.folder_problems import files_of_other_types, several_files
from hardpix.data.maps import MAPS, MapKind, by_key
from hardpix.data.name_hints import NameHints, Side
from hardpix.data.unread import not_regular, type_names, unreadable_folders
from hardpix.data.wording import plural


@dataclass(frozen=True, init=False)
class ImagePaths:
    """Folders of images, masks and further maps; files that belong together have the same stem.

    A stem is the path below the folder, without file type and without the ending that `image_suffix`, `mask_suffix` or
    `depth_suffix` names, such as "_leftImg8bit" and "_gtFine_labelIds". With a file type (".jpg", ".png") they separate
    images from masks that share a folder. A star stands for the stem where something comes before it: "mask_*", or
    "masks/*" for a/masks/1.png beside a/images/1.png.
    `stems` is the part of the data to use; None is all of them.

    `maps` has the folder of each kind of map, None where the data have none. The library's kinds are always among them;
    `depth`, `weights` and `depth_suffix` are short for theirs. A folder given so replaces the one in `maps`, and None
    takes it away.

    Raises:
        ValueError: two kinds of maps of one key or folder.

    Example:
        >>> folders = ImagePaths("leftImg8bit", "gtFine", image_suffix="_leftImg8bit", mask_suffix="_gtFine_labelIds")
        >>> folders.masks.name
        'gtFine'
        >>> [kind.key for kind in ImagePaths("images", depth="far").kinds]
        ['depth']
    """

    images: Path
    masks: Path | None
    image_suffix: str
    mask_suffix: str
    stems: tuple[str, ...] | None
    maps: Mapping[MapKind, Path | None] = field(hash=False)

    def __init__(
        self,
        images: str | Path,
        masks: str | Path | None = None,
        depth: str | Path | None = "",
        weights: str | Path | None = "",
        image_suffix: str = "",
        mask_suffix: str = "",
        depth_suffix: str = "",
        stems: Sequence[str] | None = None,
        maps: Mapping[MapKind, str | Path | None] | None = None,
    ) -> None:
        kinds = MAPS | by_key(maps or {})
        places = {kind.key: folder for kind, folder in (maps or {}).items()}
        places |= {key: folder for key, folder in (("depth", depth), ("weight", weights)) if folder != ""}
        if depth_suffix:
            kinds["depth"] = replace(kinds["depth"], ending=depth_suffix)
        by_key(kinds.values())  # refuses a folder's name that the library has for another kind
        given: dict[str, object] = {
            "images": Path(images),
            "masks": None if masks is None else Path(masks),
            "image_suffix": image_suffix,
            "mask_suffix": mask_suffix,
            "stems": None if stems is None else tuple(normal(stem) for stem in stems),
            "maps": {kinds[key]: None if (at := places.get(key)) is None else Path(at) for key in kinds},
        }
        for name, value in given.items():
            object.__setattr__(self, name, value)

    @property
    def kinds(self) -> list[MapKind]:
        """The kinds of maps that there is a folder of."""
        return [kind for kind, folder in self.maps.items() if folder is not None]

    @property
    def depth(self) -> Path | None:
        """The folder of the depth maps."""
        return self._map_folder("depth")

    @property
    def weights(self) -> Path | None:
        """The folder of the weight maps."""
        return self._map_folder("weight")

    def _map_folder(self, key: str) -> Path | None:
        return next(folder for kind, folder in self.maps.items() if kind.key == key)

    def keeping(self, condition: Callable[[MapKind], bool]) -> ImagePaths:
        """The same folders without those of maps that do not meet a condition."""
        return replace(self, maps={kind: folder if condition(kind) else None for kind, folder in self.maps.items()})

    @cached_property
    def listings(self) -> dict[str, FolderListing]:
        """Everything in each of the folders, by name."""
        return {
            name: list_files(folder, skip=[other for other in self.given.values() if other != folder])
            for name, folder in self.given.items()
        }

    @cached_property
    def files(self) -> dict[str, dict[str, list[Path]]]:
        """For images, masks and maps as far as given: stem → files, in the order of `stems` or naturally."""
        every = {name: self.listings[name].by_stem(side.ending, side.suffixes) for name, side in self.sides.items()}
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
                self.sides["images"],
                self.sides[kind],
                {stem: paths[0] for stem, paths in images.items() if stem not in found},
                len(images),
                self.listings[kind],
                self.used,
            )
            for kind, found in self.files.items()
            if kind != "images"
        }

    @cached_property
    def sides(self) -> dict[str, Side]:
        """Each of the folders in the words of a message, by name."""
        sides = {
            "images": Side(
                "image", self.images, read_types(self.image_suffix), "--data.image_suffix", self.image_suffix
            )
        }
        if self.masks is not None:
            sides["masks"] = Side(
                "mask", self.masks, read_types(self.mask_suffix), "--data.mask_suffix", self.mask_suffix
            )
        for kind, folder in self.maps.items():
            if folder is not None:
                setting = None if kind.suffix_setting is None else f"--data.{kind.suffix_setting}"
                sides[kind.folder] = Side(kind.name, folder, MAP_SUFFIXES, setting, kind.ending)
        return sides

    @property
    def given(self) -> dict[str, Path]:
        """The folders that there are, by name."""
        return {name: side.folder for name, side in self.sides.items()}


def folder_problems(folders: ImagePaths) -> list[Problem]:
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
        expected = f"files of {', '.join(folders.sides['images'].suffixes)}{ending}"
        advice = "check the path, and image_suffix if the names have an ending"
        problem = Problem("folder without images", folders.images, expected, "none", advice)
        others = [found for found in unread_files(folders) if found.where == folders.images]
        return [problem, *others, *unreadable(folders)]
    if folders.masks is not None and (common := folders.hints["masks"].common()):
        return [common, *unreadable(folders)]
    return []


def pairing_problems(folders: ImagePaths, *, chosen: bool = False) -> list[Problem]:
    """Stems without a partner, and stems with several files, before a single file is opened.

    An image may do without a map that is not needed, as long as not all of them do.

    Args:
        folders: the files.
        chosen: the stems were chosen among files that were checked, so that what cannot be read has been said.
    """
    problems = [] if chosen else unreadable(folders)
    files = folders.files
    optional = {kind.folder for kind in folders.kinds if not kind.needed}
    stems = tuple(files["images"]) if folders.stems is None else folders.stems
    for kind, found in files.items():
        side = folders.sides[kind]
        folder, what = side.folder, side.what
        common = None if kind == "images" or kind in optional else folders.hints[kind].common()
        problems += [] if common is None else [common]
        for stem in stems:
            paths = found.get(stem, [])
            if len(paths) > 1:
                problems.append(_several(side, stem, paths))
            elif not paths and kind == "images":
                advice = "check the stems: paths below the folder, without ending and file type"
                problems.append(Problem("no image of that stem", folder / stem, "an image", "none", advice))
            elif not paths and kind not in optional and common is None and stem in files["images"]:
                hints = folders.hints[kind]
                types = type_names(side.suffixes)
                advice = hints.advice_for(
                    stem, f"add the {plural(what)} ({types}) under the same stems, or remove the images"
                )
                image, expected = files["images"][stem][0], side.expected(stem)
                problems.append(Problem(f"no {what} for an image", image, expected, hints.found(stem), advice))
    for map_kind, map_folder in folders.maps.items():
        name = map_kind.folder
        if map_folder is not None and name in optional and files["images"].keys().isdisjoint(files[name]):
            first = next(iter(files["images"]), None)
            if first is not None:
                none, named = map_kind.no_file(map_folder, first), folders.hints[name].common()
                problems.append(none if named is None else replace(none, advice=named.advice))
    return problems


def files_of_one_stem(folders: ImagePaths, kind: str) -> list[Problem]:
    """Stems that several files of a kind, such as "masks", have."""
    side = folders.sides[kind]
    return [_several(side, stem, paths) for stem, paths in folders.files[kind].items() if len(paths) > 1]


def _several(side: Side, stem: str, paths: Sequence[Path]) -> Problem:
    advice = "keep one"
    if side.setting is not None and len({path.suffix for path in paths}) > 1:
        types = " or ".join(dict.fromkeys(path.suffix for path in paths))
        advice += f", or say of which type the {plural(side.what)} are: {side.setting} {types}"
    return several_files(side, stem, paths, advice)


def unread_files(folders: ImagePaths) -> list[Problem]:
    """Files of types that are not read, a problem for each folder; and links to folders that are not followed."""
    sides = [(folders.sides[kind], listing) for kind, listing in folders.listings.items()]
    return [problem for problems in files_of_other_types(sides, folders.used).values() for problem in problems]


def unreadable(folders: ImagePaths) -> list[Problem]:
    """Subfolders without the right to read them, and what is named like a file to be read and is none."""
    listings = [(listing, folders.sides[kind].suffixes) for kind, listing in folders.listings.items()]
    found = [[*unreadable_folders(listing), *not_regular(listing, suffixes)] for listing, suffixes in listings]
    return list(dict.fromkeys(problem for problems in found for problem in problems))
