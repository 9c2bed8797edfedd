"""The class table that a user's settings mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hardpix.data.classes import ClassTable
from hardpix.data.palette_reading import read_by
from hardpix.data.presets import load_preset, preset_names
from hardpix.data.yaml_files import read_yaml


def class_table(
    classes: str | list[str] | None,
    label_map: dict[int, int | str] | None = None,
    threshold: int | None = None,
    palette: str | None = None,
) -> ClassTable | None:
    """The class table that settings describe: a YAML file or the name of a preset, names, a label map, or nothing.

    Args:
        classes: file, preset or names.
        label_map: stored ids → number of the class, or "ignore".
        threshold: parts two classes.
        palette: "colors" reads palette files by their colors, "ids" by their indices whatever colors they show.

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
        raise ValueError("palette colors goes with a class file that has colors, or with none: leave out the others")
    table: ClassTable | None = None
    if isinstance(classes, str):
        table = _from_file(classes, label_map)
    elif threshold is not None:
        table = ClassTable.from_threshold(threshold, classes)
    elif label_map is not None:
        table = ClassTable.from_label_map(label_map, classes)
    elif classes is not None:
        table = ClassTable.from_names(classes)
    return table if table is None or palette is None else read_by(table, palette)


def with_ignored(table: ClassTable, ignored: int) -> ClassTable:
    """The same table where one more id is unlabeled, and no class.

    Raises:
        ValueError: masks cannot hold the id, or no class is left.

    Example:
        >>> with_ignored(ClassTable.from_names(["other", "sky", "road"]), 0).ids
        ((1,), (2,))
    """
    if ignored < 0:
        raise ValueError(f"expected an ignore_index that masks can hold, 0 or more, found {ignored}")
    kept = [k for k, ids in enumerate(table.ids) if ids != (ignored,)]
    gone = [color for k, colors in enumerate(table.colors) if k not in kept for color in colors]
    return replace(
        table,
        names=tuple(table.names[k] for k in kept),
        tree=table.tree and table.tree.without([name for k, name in enumerate(table.names) if k not in kept]),
        ids=tuple(tuple(i for i in table.ids[k] if i != ignored) for k in kept),
        colors=tuple(table.colors[k] for k in kept if table.colors),
        ignore_ids=tuple(sorted({*table.ignore_ids, ignored})),
        ignore_colors=(*table.ignore_colors, *gone),
        assumed_ids=tuple(i for i in table.assumed_ids if i != ignored),
    )


def read_otherwise(
    classes: ClassTable, label_map: Mapping[int, int | str] | None, threshold: int | None, palette: str | None
) -> ClassTable:
    """The classes of a run, for masks that hold them in another way than those of the training.

    Args:
        classes: of the run.
        label_map: ids in these masks → number of the run's class, or "ignore".
        threshold: numbers at or above it are the run's class 1, others class 0.
        palette: "colors" reads palette files by the colors that the classes had in training, "ids" by their indices
            whatever colors they show, also with a label map or a threshold.

    Raises:
        ValueError: more than one of them, a label map for another number of classes, or colors that are not known.

    Example:
        >>> read_otherwise(ClassTable.from_names(["back", "thing"]), {0: 0, 255: 1}, None, None).ids
        ((0,), (255,))
    """
    if sum(given is not None for given in (label_map, threshold, palette if palette != "ids" else None)) > 1:
        raise ValueError("label_map, threshold and palette each say how masks are read: give one of them")
    if threshold is not None:
        if len(classes) != 2:
            raise ValueError(
                f"expected a run of two classes for a threshold, found {len(classes)} ({', '.join(classes.names)}): "
                "leave the threshold out, or give a label_map"
            )
        return replace(ClassTable.from_threshold(threshold, classes.names), palette=palette, tree=classes.tree)
    if label_map is not None:
        numbers = {index for index in label_map.values() if not isinstance(index, str)}
        if len(numbers) != len(classes):
            known = ", ".join(f"{index} {name}" for index, name in enumerate(classes.names))
            raise ValueError(f"expected a label_map to every class of the run ({known}), found {len(numbers)} numbers")
        return replace(ClassTable.from_label_map(label_map, classes.names), palette=palette, tree=classes.tree)
    return classes if palette is None else read_by(classes, palette)


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
