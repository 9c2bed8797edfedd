"""A class table as users write it in YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hardpix.data.labels import as_colors, as_ids
from hardpix.data.palette import Color

READING_KEYS = ("threshold", "palette", "assumed_ids", "palette_seen", "ids_made_up", "tree")
# Keys that are read in both spellings. Files are written with the second one, which every version reads.
SPELLINGS = {"color": "colour", "ignore_colors": "ignore_colours"}
TABLE_KEYS = {"classes", "ignore_ids", "ignore_colors", "ignore_colours", *READING_KEYS}
CLASS_KEYS = {"name", "id", "color", "colour"}
EXAMPLE = "{name: road, id: 7}"
PaletteSeen = Mapping[int, Color] | Sequence[tuple[int, Color]]


def arguments_from(table: Mapping[str, Any]) -> dict[str, Any]:
    """The keys and values of a class table → arguments of `ClassTable`, which looks at the ids and colors themselves.

    Raises:
        ValueError: a key is missing, unknown or there in both spellings; there is no list of classes.

    Example:
        >>> arguments_from({"classes": [{"name": "road", "id": 7}], "ignore_ids": [0]})
        {'names': ['road'], 'ids': [7], 'colors': [], 'ignore_ids': [0], 'ignore_colors': ()}
    """
    if "classes" not in table or not set(table) <= TABLE_KEYS:
        found = ", ".join(map(str, table)) or "nothing"
        more = ", ".join(("ignore_ids", "ignore_colors", *READING_KEYS))
        raise ValueError(f"expected the keys classes and perhaps {more}, found {found}")
    entries = table["classes"]
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise ValueError(f"expected a list of classes, such as [{EXAMPLE}], found {entries!r:.80}")
    for entry in entries:
        if not isinstance(entry, Mapping) or not {"name", "id"} <= set(entry) <= CLASS_KEYS:
            raise ValueError(
                f"expected name, id and perhaps color for each class, such as {EXAMPLE}, found {entry!r:.80}"
            )
    entries = [_in_one_spelling(entry) for entry in entries]
    table = _in_one_spelling(table)
    colored = [entry["colour"] for entry in entries if "colour" in entry]
    if 0 < len(colored) < len(entries):
        raise ValueError(f"expected a color for every class or for none, found {len(colored)} of {len(entries)}")
    return {
        "names": [entry["name"] for entry in entries],
        "ids": [entry["id"] for entry in entries],
        "colors": colored,
        "ignore_ids": table.get("ignore_ids"),
        "ignore_colors": table.get("ignore_colours", ()),
        **{key: table[key] for key in READING_KEYS if key in table},
    }


def _in_one_spelling(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The same with the keys that files are written with."""
    for american, british in SPELLINGS.items():
        if american in entry and british in entry:
            raise ValueError(f"expected {american} once, found {american} and {british}: leave out one of the two")
    return {SPELLINGS.get(key, key): value for key, value in entry.items()}


def as_name(name: Any) -> str:
    """The name of a class, as written by users → a text.

    Raises:
        ValueError: something else than a text or a number.
    """
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise ValueError(f"expected a name for each class (in quotes if it is a word such as no), found {name!r:.80}")
    return str(name)


def as_palette(entry: Any) -> tuple[tuple[int, Color], ...]:
    """A mapping of indices to colors, as written by users, or its pairs → pairs.

    Raises:
        ValueError: something else.

    Example:
        >>> as_palette({1: [255, 0, 0]})
        ((1, (255, 0, 0)),)
    """
    pairs = list(entry.items()) if isinstance(entry, Mapping) else entry
    if not isinstance(pairs, list | tuple) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        raise ValueError(f"expected a color for each index under palette_seen, found {entry!r:.80}")
    return tuple(sorted((as_ids(index)[0], as_colors(color)[0]) for index, color in pairs))


def written(table: Any) -> dict[str, Any]:
    """A class table as plain lists and numbers, which `arguments_from` reads; what is as by default is left out."""
    classes: list[dict[str, Any]] = [
        {"name": name, "id": _one_or_list(list(ids))} for name, ids in zip(table.names, table.ids, strict=True)
    ]
    for entry, colors in zip(classes, table.colors, strict=False):
        entry["colour"] = _one_or_list([list(color) for color in colors])
    found: dict[str, Any] = {
        "classes": classes,
        "ignore_ids": list(table.ignore_ids),
        "ignore_colours": [list(color) for color in table.ignore_colors],
    }
    if table.threshold is not None:
        found["threshold"] = table.threshold
    if table.palette is not None:
        found["palette"] = table.palette
    if table.assumed_ids:
        found["assumed_ids"] = list(table.assumed_ids)
    if table.palette_seen:
        found["palette_seen"] = {index: list(color) for index, color in table.palette_seen}
    if table.ids_made_up:
        found["ids_made_up"] = True
    if table.tree is not None:
        found["tree"] = table.tree.groups
    return found


def _one_or_list(values: list) -> Any:
    return values[0] if len(values) == 1 else values
