"""Known data sets: one YAML file each, with the layout of the folders, the classes and the format of depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from hardpix.data.class_files import TABLE_KEYS
from hardpix.data.classes import ClassTable
from hardpix.data.depth import METERS, DepthFormat
from hardpix.data.files import read_stems
from hardpix.data.maps import MAPS
from hardpix.data.pairs import ImagePaths
from hardpix.data.yaml_files import read_yaml

FOLDER = Path(__file__).parent / "presets"
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Preset:
    """A data set's name, its classes, and for each part (train, val, test) where its files lie below the root.

    A part is what `ImagePaths` takes: folders, endings, and as `stems` the text file that lists the part's stems, one a
    line. `depth_format` says how stored depth becomes meters.

    Example:
        >>> classes = ClassTable.from_names(["wall", "crack"])
        >>> preset = Preset("cracks", classes, {"train": {"images": "photos", "masks": "drawn"}})
        >>> preset.folders("cracks", "train").masks.as_posix()
        'cracks/drawn'
    """

    name: str
    classes: ClassTable
    parts: Mapping[str, Mapping[str, str]]
    depth_format: DepthFormat = METERS

    def folders(self, root: str | Path, part: str) -> ImagePaths:
        """Folders of one part's files in a copy of the data set.

        Raises:
            ValueError: the data set has no such part.
            DataError: the list of its stems cannot be read.
        """
        if part not in self.parts:
            raise ValueError(f"expected a part of {self.name}, one of {', '.join(self.parts)}, found {part!r}")
        found: dict[str, Any] = dict(self.parts[part])
        for key, value in found.items():
            if key == "stems":
                found[key] = read_stems(Path(root) / value)
            elif not key.endswith("suffix"):
                found[key] = Path(root) / value
        maps = {
            replace(kind, ending=found.pop(kind.suffix_setting or "", kind.ending)): found.pop(kind.folder, None)
            for kind in MAPS.values()
        }
        return ImagePaths(**found, maps=maps)


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
        raise ValueError(
            f"expected one of the presets {', '.join(preset_names())} or a YAML file, found {str(name)!r}: "
            "check the name"
        )
    return read_yaml(path, _as_preset)


def _as_preset(content: dict[str, Any]) -> Preset:
    keys = {"name", "depth_format", *PARTS, *TABLE_KEYS}
    if not {"name", "classes"} <= set(content) <= keys or content.keys().isdisjoint(PARTS):
        found = ", ".join(map(str, content)) or "nothing"
        raise ValueError(
            f"expected the keys name, classes, one or more of {', '.join(PARTS)}, and perhaps ignore_ids, "
            f"ignore_colors and depth_format, found {found}"
        )
    parts = {part: content[part] for part in PARTS if part in content}
    known = {field.name for field in fields(ImagePaths)} - {"maps"}
    known |= {name for kind in MAPS.values() for name in (kind.folder, kind.suffix_setting) if name is not None}
    for part, entries in parts.items():
        if (
            not isinstance(entries, dict)
            or not {"images"} <= set(entries) <= known
            or not all(isinstance(value, str) for value in entries.values())
        ):
            expected = f"images and perhaps {', '.join(sorted(known - {'images'}))}, each with a text"
            raise ValueError(f"expected {expected} under {part}, found {entries!r:.80}")
    table = {key: value for key, value in content.items() if key in TABLE_KEYS}
    return Preset(
        str(content["name"]), ClassTable.from_dict(table), parts, _as_depth_format(content.get("depth_format", {}))
    )


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
