"""Check of a folder against a known data set: what of its layout is there, and what the first mask holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hardpix.data.errors import DataError
from hardpix.data.labels import Label
from hardpix.data.masks import read_mask
from hardpix.data.pairs import ImagePaths
from hardpix.data.presets import Preset

# Folders below the given one in which the data set is looked for, where it is not in the given one itself.
DEPTH = 2


@dataclass(frozen=True)
class PartFound:
    """Findings about one part of a known data set; every file is counted, and one mask is read.

    Attributes:
        part: its name, such as "train".
        missing: folders and lists that are not there.
        images: how many images it has.
        masks: how many masks.
        lacking: stems of images without a mask.
        mask: the first mask that belongs to an image.
        labels: how many pixels each id or color has in it.
        unknown: those of the labels that are neither a class nor unlabeled.
        error: why the list of stems, or the first mask, cannot be read.
    """

    part: str
    missing: tuple[Path, ...] = ()
    images: int = 0
    masks: int = 0
    lacking: tuple[str, ...] = ()
    mask: Path | None = None
    labels: Mapping[Label, int] = field(default_factory=dict)
    unknown: Mapping[Label, int] = field(default_factory=dict)
    error: str | None = None

    @property
    def complete(self) -> bool:
        """True where every image has its mask, and the first one holds labels of the data set alone."""
        flaws = (self.missing, self.lacking, self.unknown, self.error)
        return self.mask is not None and not any(flaws)


def look_for(preset: Preset, root: str | Path, part: str) -> PartFound:
    """Looks for one part of a known data set below a folder.

    Raises:
        ValueError: the data set has no such part.
        DataError: names of files that cannot be shown.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from hardpix.data import load_preset
        >>> with TemporaryDirectory() as folder:
        ...     found = look_for(load_preset("camvid"), folder, "train")
        >>> [path.name for path in found.missing], found.complete
        (['train', 'trainannot'], False)
    """
    missing: list[Path] = []
    error = None
    try:
        paths = preset.folders(root, part)
    except DataError as reason:
        # All files are counted where it is not known which belong to the part.
        entries = dict(preset.parts[part])
        listed = entries.pop("stems")
        paths = replace(preset, parts={part: entries}).folders(root, part)
        if isinstance(listed, str) and not (Path(root) / listed).exists():
            missing.append(Path(root) / listed)
        else:
            error = str(reason)
    paths = paths.keeping(lambda kind: False)
    missing = [path for path in dict.fromkeys(paths.given.values()) if not path.is_dir()] + missing
    images, masks = paths.files["images"], paths.files.get("masks", {})
    found = PartFound(
        part, tuple(missing), len(images), len(masks), tuple(stem for stem in images if stem not in masks), error=error
    )
    return _with_first_mask(found, preset, paths)


def _with_first_mask(found: PartFound, preset: Preset, paths: ImagePaths) -> PartFound:
    masks = paths.files.get("masks", {})
    first = next((masks[stem][0] for stem in paths.files["images"] if stem in masks), None)
    if first is None:
        return found
    try:
        stored = read_mask(first, by_color=preset.classes.by_color)
    except DataError as reason:
        return replace(found, mask=first, error=found.error or str(reason))
    labels, unknown = preset.classes.count(stored), preset.classes.unknown(stored)
    return replace(found, mask=first, labels=labels, unknown=unknown)


def missing_maps(preset: Preset, root: str | Path, part: str) -> list[Path]:
    """Folders of depth, or of other maps, that the data set has and the folder lacks."""
    entries = {key: value for key, value in preset.parts[part].items() if key != "stems"}
    paths = replace(preset, parts={part: entries}).folders(root, part)
    return [folder for folder in paths.maps.values() if folder is not None and not folder.is_dir()]


def found_elsewhere(preset: Preset, root: str | Path) -> Path | None:
    """The folder around or below another one that has the folders to train on; None where there is none.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from hardpix.data import load_preset
        >>> with TemporaryDirectory() as folder:
        ...     for name in ("train", "trainannot"):
        ...         Path(folder, "CamVid", name).mkdir(parents=True)
        ...     found_elsewhere(load_preset("camvid"), folder).name
        'CamVid'
    """
    part = preset.parts["train"] if "train" in preset.parts else next(iter(preset.parts.values()))
    folders = [part[key] for key in ("images", "masks") if key in part]
    if "." in folders:
        return None
    root = Path(root)
    nearby = [root.resolve().parent]
    for depth in range(1, DEPTH + 1):
        nearby += sorted(path for path in root.glob("/".join("*" * depth)) if path.is_dir())
    return next((place for place in nearby if all((place / folder).is_dir() for folder in folders)), None)
