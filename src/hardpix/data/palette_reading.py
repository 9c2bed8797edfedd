"""Class tables that read palette files another way: by their indices, or by the colors that they show."""

from __future__ import annotations

from dataclasses import replace

from hardpix.data.classes import ClassTable


def read_by(table: ClassTable, palette: str | None) -> ClassTable:
    """The same classes, with palette files read by their ids or their colors.

    Args:
        table: the classes. Colors that it lacks are those of the palettes that a run learned from, if it knows them.
        palette: "ids" takes the indices whatever colors they have, "colors" the colors, None the indices as long as no
            color contradicts them.

    Raises:
        ValueError: the colors of classes are not known, or their ids are made up.

    Example:
        >>> table = ClassTable(["sky", "road"], [0, 1], palette_seen={0: (9, 9, 255), 1: (99, 9, 99)})
        >>> read_by(table, "colors").colors
        (((9, 9, 255),), ((99, 9, 99),))
    """
    if palette == "colors":
        return _by_color(table)
    if table.ids_made_up:
        raise ValueError(
            f"expected masks of colors, by which the classes were found ({', '.join(table.names[:3])} …), found "
            "palette ids, while their ids are numbers of hardpix's own: leave palette out, or say by a label_map "
            "which id is which class"
        )
    return replace(table, palette=palette)


def colors_are_known(table: ClassTable) -> bool:
    """True where palette files can be read by their colors: each class has some, and no two share one.

    Example:
        >>> colors_are_known(ClassTable.from_names(["sky", "road"]))
        False
    """
    try:
        _by_color(table)
    except ValueError:
        return False
    return True


def _by_color(table: ClassTable) -> ClassTable:
    if table.colors:
        return replace(table, palette="colors")
    seen = dict(table.palette_seen)
    if missing := [name for name, ids in zip(table.names, table.ids, strict=True) if not seen.keys() & set(ids)]:
        raise ValueError(
            "expected a color for every class where palette is colors, from the class table or the palettes of the "
            f"training, found none for {', '.join(missing)}: add them to the table, or save the masks with its ids"
        )
    colors = tuple(tuple(seen[i] for i in ids if i in seen) for ids in table.ids)
    ignored = tuple(seen[i] for i in table.ignore_ids if i in seen)
    return replace(table, colors=colors, ignore_colors=ignored, palette="colors")
