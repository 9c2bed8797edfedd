"""Folders and classes that the settings of a training mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from hardpix.data import ClassTable, DepthFormat, ImagePaths, Preset, load_preset
from hardpix.data.maps import with_settings


@dataclass(frozen=True)
class Sources:
    """Folders of the labeled images, of those to validate on, of each stream, and of further labeled images.

    `remarks` are facts about the choice, in sentences.
    """

    training: ImagePaths
    validation: ImagePaths | None
    streams: dict[str, ImagePaths]
    more: tuple[ImagePaths, ...] = ()
    remarks: tuple[str, ...] = ()


def preset_folders(
    preset: str, root: str | None, val_stems: str | None
) -> tuple[ImagePaths, ImagePaths | None, Preset]:
    """The folders of a known data set: those to train on, those to validate on if they are apart, and its preset.

    Raises:
        ValueError: no root.
    """
    if root is None:
        raise ValueError("preset goes with root, the folder of the data set: give it as --data.root")
    known = load_preset(preset)
    apart = val_stems is None and "val" in known.parts
    return known.folders(root, "train"), known.folders(root, "val") if apart else None, known


def own_folders(
    images: str | None,
    masks: str | None,
    val_images: str | None,
    val_masks: str | None,
    endings: Mapping[str, Any],
    val_stems: str | None,
) -> tuple[ImagePaths, ImagePaths | None]:
    """The folders to train on, and those to validate on if they are apart; `endings` are the suffixes of `ImagePaths`.

    Raises:
        ValueError: a folder that is missing, or settings that contradict each other.
    """
    if images is None or masks is None:
        raise ValueError(
            "no data: give --data.images and --data.masks, or --data.preset and --data.root, or data sets of your own"
        )
    training = ImagePaths(Path(images), Path(masks), **endings)
    if not val_images and not val_masks:
        return training, None
    if not (val_images and val_masks):
        raise ValueError("--data.val_images and --data.val_masks go together: give both or neither")
    refuse("val_images", {"val_stems": val_stems})
    return training, replace(training, images=Path(val_images), masks=Path(val_masks))


def own_sets(
    train_set: Dataset | None, val_set: Dataset | None, given: ClassTable | None
) -> tuple[Dataset, Dataset, ClassTable]:
    """Data sets of the user's own with their classes: those given, else the ``.classes`` of the training set.

    Raises:
        ValueError: one of the sets is missing, or there are no classes.
    """
    if train_set is None or val_set is None:
        raise ValueError("train_set and val_set go together: give both or neither")
    classes = getattr(train_set, "classes", None) if given is None else given
    if classes is None:
        raise ValueError(
            f"expected a train_set with .classes, the names of the classes, found none in {type(train_set).__name__}; "
            "set it there, or give the names as --data.classes"
        )
    return train_set, val_set, classes if isinstance(classes, ClassTable) else ClassTable.from_names(classes)


def with_maps(training: ImagePaths, asked: Mapping[str, bool | str | None]) -> ImagePaths:
    """The training folders with the maps that are asked for.

    Args:
        training: folders of images and masks, and of maps where a preset names them.
        asked: by the key of the maps another folder, the preset's (true), none (false), or the preset's if it names one
            (None, and keys that are left out).

    Raises:
        ValueError: there is no folder of maps for what is asked.

    Example:
        >>> with_maps(ImagePaths("images", "masks"), {"depth": "far"}).depth.as_posix()
        'far'
    """
    maps = dict(training.maps)
    for kind, folder in maps.items():
        place = asked.get(kind.key)
        if place is True and folder is None:
            raise ValueError(
                f"expected a folder of {kind.name}s, found --data.{kind.folder} true and no preset that names one: "
                f"give it as --data.{kind.folder} DIR"
            )
        if place is False:
            maps[kind] = None
        elif place and place is not True:
            maps[kind] = Path(place)
    return replace(training, maps=maps)


def in_depth_format(training: ImagePaths, given: DepthFormat | None, preset: DepthFormat | None) -> ImagePaths:
    """The training folders with the format in which their depth is stored: the given one, else the preset's.

    Raises:
        ValueError: a format is given, and no depth.
    """
    if given is not None and training.depth is None:
        raise ValueError(
            "depth_format goes with depth: give the folder of the depth maps as --data.depth, or leave it out"
        )
    kinds = with_settings(training.maps, given or preset)
    return replace(training, maps={kinds[kind.key]: folder for kind, folder in training.maps.items()})


def refuse(chosen: str, settings: dict[str, Any]) -> None:
    """Settings that would be of no effect beside another one.

    Raises:
        ValueError: some of them are given.

    Example:
        >>> refuse("train_set", {"images": None, "masks": "masks"})
        Traceback (most recent call last):
        ValueError: train_set goes without --data.masks: remove one of them
    """
    given = [f"--data.{name}" for name, value in settings.items() if value]
    if given:
        raise ValueError(f"{chosen} goes without {', '.join(given)}: remove one of them")
