"""The class table that a user's settings mean."""

from __future__ import annotations

from pathlib import Path

from hardpix.data.classes import ClassTable
from hardpix.data.presets import load_preset, preset_names
from hardpix.data.yaml_files import read_yaml


def class_table(
    classes: str | list[str] | None,
    label_map: dict[int, int | str] | None,
    threshold: int | None = None,
    palette: str | None = None,
) -> ClassTable | None:
    """The class table that settings describe: a YAML file or the name of a preset, names, a label map, or nothing.

    Args:
        classes: file, preset or names.
        label_map: stored ids → number of the class, or "ignore".
        threshold: parts two classes.
        palette: "colors" to read palette files by their colors.

    Raises:
        ValueError: settings that contradict each other, such as a label map beside a file, which has the ids itself.
        FileNotFoundError: there is no such file.

    Example:
        >>> class_table("camvid", None).names[:2], class_table(None, {7: 0, 8: 1}).ids
        (('sky', 'building'), ((7,), (8,)))
    """
    if palette not in (None, "ids", "colors"):
        raise ValueError(f"expected palette to be ids or colors, found {palette!r:.80}")
    if threshold is not None and (label_map is not None or isinstance(classes, str)):
        raise ValueError("threshold goes with names of two classes or with none: leave out the label map or the file")
    if palette == "colors" and (label_map is not None or threshold is not None or isinstance(classes, list)):
        raise ValueError("palette colors goes with a class file that has colours, or with none: leave out the others")
    if isinstance(classes, str):
        table = _from_file(classes, label_map)
        return table if palette is None else read_by(table, palette)
    if threshold is not None:
        return ClassTable.from_threshold(threshold, classes)
    if label_map is not None:
        return ClassTable.from_label_map(label_map, classes)
    return ClassTable.from_names(classes) if classes is not None else None


def read_by(table: ClassTable, palette: str) -> ClassTable:
    """The same table, with palette files read by their ids or their colors."""
    return ClassTable.from_dict(table.to_dict() | {"palette": palette})


def _from_file(classes: str, label_map: dict[int, int | str] | None) -> ClassTable:
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
