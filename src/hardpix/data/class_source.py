"""The class table that a user's settings mean."""

from __future__ import annotations

from pathlib import Path

from hardpix.data.classes import ClassTable
from hardpix.data.presets import load_preset, preset_names
from hardpix.data.yaml_files import read_yaml


def class_table(classes: str | list[str] | None, label_map: dict[int, int | str] | None) -> ClassTable | None:
    """The class table that settings describe: a YAML file or the name of a preset, names, a label map, or nothing.

    Raises:
        ValueError: a label map beside a file or a preset, which have the ids themselves.
        FileNotFoundError: there is no such file.

    Example:
        >>> class_table("camvid", None).names[:2], class_table(None, {7: 0, 8: 1}).ids
        (('sky', 'building'), ((7,), (8,)))
    """
    if isinstance(classes, str):
        if label_map is not None:
            raise ValueError("label_map goes with names of classes, not with a file of them: write the ids in the file")
        if classes in preset_names():
            return load_preset(classes).classes
        if not Path(classes).is_file():
            raise FileNotFoundError(
                f"expected a YAML file of the class table, or one of the presets {', '.join(preset_names())}, found "
                f"none at {classes}"
            )
        return read_yaml(classes, ClassTable.from_dict)
    if label_map is not None:
        return ClassTable.from_label_map(label_map, classes)
    return ClassTable.from_names(classes) if classes is not None else None
