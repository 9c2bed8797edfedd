"""Known data sets: one YAML file each, with the layout of the folders and the classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from hardpix.data.classes import ClassTable
from hardpix.data.pairs import Folders

FOLDER = Path(__file__).parent / "presets"
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Preset:
    """A data set's name, its classes, and for each part (train, val, test) where its files lie below the root."""

    name: str
    classes: ClassTable
    parts: Mapping[str, Mapping[str, str]]

    def folders(self, root: str | Path, part: str) -> Folders:
        """Where one part's files lie in a copy of the data set.

        Raises:
            ValueError: the data set has no such part.
        """
        if part not in self.parts:
            raise ValueError(f"expected a part of {self.name}, one of {', '.join(self.parts)}, found {part!r}")
        entries = self.parts[part].items()
        return Folders(**{key: value if key.endswith("suffix") else Path(root) / value for key, value in entries})  # type: ignore[arg-type]


def load_preset(name: str | Path) -> Preset:
    """A preset by name, or from a YAML file of one's own with the same keys.

    Raises:
        ValueError: no such preset or file, or keys that are missing or unknown.

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
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or "name" not in content:
        raise ValueError(f"expected keys such as name, train and classes in {path}, found {content!r:.80}")
    parts = {part: content.pop(part) for part in PARTS if part in content}
    known = {field.name for field in fields(Folders)}
    for part, entries in parts.items():
        if not isinstance(entries, dict) or "images" not in entries or not set(entries) <= known:
            expected = f"images and perhaps {', '.join(sorted(known - {'images'}))}"
            raise ValueError(f"expected {expected} under {part} in {path}, found {entries!r:.80}")
    return Preset(content.pop("name"), ClassTable.from_dict(content), parts)


def preset_names() -> list[str]:
    """The data sets that `load_preset` knows by name."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))
