"""Known data sets: one YAML file each, with the layout of the folders, the classes and the format of depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from hardpix.data.class_files import TABLE_KEYS
from hardpix.data.classes import ClassTable
from hardpix.data.depth import METERS, DepthFormat
from hardpix.data.errors import DataError, Problem
from hardpix.data.files import read_stems
from hardpix.data.maps import MAPS
from hardpix.data.pairs import ImagePaths
from hardpix.data.yaml_files import read_yaml

FOLDER = Path(__file__).parent / "presets"
PARTS = ("train", "val", "test")
# Texts about a data set, beside its files and classes.
NOTES = ("about", "source", "license")


@dataclass(frozen=True)
class Preset:
    """A data set's name, its classes, and for each part (train, val, test) where its files lie below the root.

    A part is what `ImagePaths` takes: folders, endings, and `stems`. The stems are a text file that lists them, one a
    line, or a list of stems and patterns, such as `["area1", "area3?"]`. `depth_format` says how stored depth becomes
    meters.

    `about` is the data set in one line, `source` where to get it, `license` what its authors allow.

    Example:
        >>> classes = ClassTable.from_names(["wall", "crack"])
        >>> preset = Preset("cracks", classes, {"train": {"images": "photos", "masks": "drawn"}})
        >>> preset.folders("cracks", "train").masks.as_posix()
        'cracks/drawn'
    """

    name: str
    classes: ClassTable
    parts: Mapping[str, Mapping[str, Any]]
    depth_format: DepthFormat = METERS
    about: str = ""
    source: str = ""
    license: str = ""

    def folders(self, root: str | Path, part: str) -> ImagePaths:
        """Folders of one part's files in a copy of the data set.

        Raises:
            ValueError: the data set has no such part.
            DataError: the list of its stems cannot be read, or no image has one of them.
        """
        if part not in self.parts:
            raise ValueError(f"expected a part of {self.name}, one of {', '.join(self.parts)}, found {part!r}")
        found: dict[str, Any] = dict(self.parts[part])
        stems = found.pop("stems", None)
        for key, value in found.items():
            if not key.endswith("suffix"):
                found[key] = Path(root) / value
        maps = {
            replace(kind, ending=found.pop(kind.suffix_setting or "", kind.ending)): found.pop(kind.folder, None)
            for kind in MAPS.values()
        }
        every = ImagePaths(**found, maps=maps)
        if stems is None:
            return every
        listed = read_stems(Path(root) / stems) if isinstance(stems, str) else _matching(every, stems)
        return every if listed is None else replace(every, stems=listed)


def load_preset(name: str | Path) -> Preset:
    """A preset by name, or from a YAML file of one's own with the same keys.

    Raises:
        ValueError: no such preset or file.
        DataError: keys of the file that are missing or unknown, or values that are not what their keys stand for.

    Example:
        >>> preset = load_preset("camvid")
        >>> preset.classes.names[:3]
        ('sky', 'building', 'pole')
        >>> preset.folders("camvid", "val").masks.as_posix()
        'camvid/valannot'
    """
    path = FOLDER / f"{name}.yaml"
    if not path.is_file():
        path = Path(name)
    if not path.is_file():
        # The most similar come first, so that the list of all need not be read.
        near = get_close_matches(str(name).lower(), preset_names())
        ordered = [*near, *(each for each in preset_names() if each not in near)]
        advice = f"did you mean {' or '.join(near)}?" if near else "check the name"
        raise ValueError(
            f"expected one of the presets {', '.join(ordered)} or a YAML file, found {str(name)!r}: {advice}"
        )
    return read_yaml(path, _as_preset)


def _matching(paths: ImagePaths, wanted: Sequence[str]) -> tuple[str, ...] | None:
    """The stems of a list, whose patterns are matched with the images; None where there are no images at all.

    Raises:
        DataError: there are images, of which none matches.
    """
    if not any(_is_pattern(stem) for stem in wanted):
        return tuple(wanted)
    there = paths.files["images"]
    if not there:
        return None  # The folder is said to be missing, or empty, where it is looked at.
    named = {stem for stem in wanted if not _is_pattern(stem)}
    patterns = [stem for stem in wanted if _is_pattern(stem)]
    found = [stem for stem in there if stem in named or any(fnmatchcase(stem, pattern) for pattern in patterns)]
    if not found:
        expected, advice = f"images named {', '.join(wanted)}", "check the folder and the names of its files"
        first = ", ".join(list(there)[:3])
        raise DataError.of([Problem("no image of those names", paths.images, expected, f"{first} …", advice)])
    return tuple(found)


def _is_pattern(stem: str) -> bool:
    return any(letter in stem for letter in "*?[")


def _as_preset(content: dict[str, Any]) -> Preset:
    keys = {"name", "depth_format", *PARTS, *TABLE_KEYS, *NOTES}
    if not {"name", "classes"} <= set(content) <= keys or content.keys().isdisjoint(PARTS):
        found = ", ".join(map(str, content)) or "nothing"
        raise ValueError(
            f"expected the keys name, classes, one or more of {', '.join(PARTS)}, and perhaps ignore_ids, "
            f"ignore_colors, depth_format, {', '.join(NOTES)}, found {found}"
        )
    notes = {key: content[key] for key in NOTES if key in content}
    if not all(isinstance(note, str) for note in notes.values()):
        raise ValueError(f"expected a text each under {', '.join(NOTES)}, found {notes!r:.80}")
    parts = {part: content[part] for part in PARTS if part in content}
    known = {field.name for field in fields(ImagePaths)} - {"maps"}
    known |= {name for kind in MAPS.values() for name in (kind.folder, kind.suffix_setting) if name is not None}
    for part, entries in parts.items():
        if (
            not isinstance(entries, dict)
            or not {"images"} <= set(entries) <= known
            or not all(
                isinstance(value, str) or (key == "stems" and _are_stems(value)) for key, value in entries.items()
            )
        ):
            expected = (
                f"images and perhaps {', '.join(sorted(known - {'images'}))} (stems as a list, too), each with a text"
            )
            raise ValueError(f"expected {expected} under {part}, found {entries!r:.80}")
    table = {key: value for key, value in content.items() if key in TABLE_KEYS}
    depth_format = _as_depth_format(content.get("depth_format", {}))
    return Preset(str(content["name"]), ClassTable.from_dict(table), parts, depth_format, **notes)


def _are_stems(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(stem, str) for stem in value)


def _as_depth_format(settings: Any) -> DepthFormat:
    known = [field.name for field in fields(DepthFormat)]
    if not isinstance(settings, dict) or not set(settings) <= set(known):
        raise ValueError(f"expected some of {', '.join(known)} under depth_format, found {settings!r:.80}")
    return DepthFormat(**settings)


def preset_names() -> list[str]:
    """The data sets that `load_preset` knows by name.

    Example:
        >>> "camvid" in preset_names()
        True
    """
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))
