"""``hardpix data``: the known data sets, all that is known of one, and whether a folder holds it."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from hardpix.cli.arguments import checked_input, run_command
from hardpix.cli.errors import UsageError
from hardpix.cli.terminal import Terminal
from hardpix.commands.check_report import class_name
from hardpix.data import Preset, load_preset, preset_names
from hardpix.data.files import file_name, read_types
from hardpix.data.preset_check import PartFound, found_elsewhere, look_for, missing_maps
from hardpix.data.wording import counted
from hardpix.pixels.percent import percent

USAGE = """usage: hardpix data list | show NAME | check NAME DIR

  list            the data sets that hardpix knows by name, with classes and license
  show NAME       folders, ids and colors of the classes, source and license of one
  check NAME DIR  what of a data set is in a folder, and what is missing

NAME may be a YAML file of your own, too. hardpix data check --help explains more. To train on a data set:
  hardpix fit --data.preset NAME --data.root DIR"""
# Labels of a mask, and stems, that are named on screen.
MOST_NAMED = 8
NEEDED = ("train", "val")


def data(words: list[str]) -> object:
    """Run one of the actions of ``hardpix data``.

    Returns:
        What it returns, an exit code for ``check``.

    Raises:
        UsageError: no such action, or too few or too many words.
    """
    if words and words[0] in ("-h", "--help"):
        print(USAGE)
        raise SystemExit(0)
    action, *rest = words or [""]
    if action not in ACTIONS:
        near = get_close_matches(action, ACTIONS, n=1)
        advice = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"expected {', '.join(ACTIONS)}, found {action or 'nothing'}{advice}\n\n{USAGE}")
    command, names = ACTIONS[action]
    given = list(takewhile(lambda word: not word.startswith("-"), rest))
    asked = [word.partition("=")[0] for word in rest]
    lacking = [name for name in names[len(given) :] if f"--{name}" not in asked]
    if len(given) > len(names) or (lacking and not {"-h", "--help"} & set(asked)):
        expected = " ".join(["hardpix data", action, *(WORDS[name] for name in names)])
        found = f"no {WORDS[lacking[0]]}" if lacking else " ".join(given[len(names) :])
        raise UsageError(f"expected {expected}, found {found}")
    options = [word for pair in zip(names, given, strict=False) for word in (f"--{pair[0]}", pair[1])]
    return run_command(command, f"data {action}", [*options, *rest[len(given) :]])


def list_presets() -> None:
    """List the data sets that hardpix knows by name."""
    table = Table("name", "classes", "license", "what it is")
    for name in preset_names():
        preset = load_preset(name)
        table.add_row(name, str(len(preset.classes)), *(escape(text) for text in (preset.license, preset.about)))
    _terminal().print(table)


def show_preset(name: str) -> None:
    """Show what hardpix knows of a data set: hardpix data show NAME.

    Args:
        name: Name of the data set, or YAML file of your own.
    """
    console = _terminal()
    with checked_input():
        preset = load_preset(name)
    console.print(escape(preset.name + (f": {preset.about}" if preset.about else "")), style="bold")
    for what in ("source", "license"):
        if text := getattr(preset, what):
            console.print(escape(f"{what}: {text}"))
    for part in preset.parts:
        console.print(escape(f"{part}: {layout_of(preset, part)}"))
    classes = preset.classes
    table = Table("id", "color", "class")
    for index, name_of_class in enumerate(classes.names):
        colors = ", ".join(map(str, classes.colors[index])) if classes.colors else ""
        table.add_row(", ".join(map(str, classes.ids[index])), colors, escape(name_of_class))
    unlabeled = [", ".join(map(str, several)) for several in (classes.ignore_ids, classes.ignore_colors)]
    if any(unlabeled):
        table.add_row(*unlabeled, "unlabeled")
    console.print(table)
    console.print(escape(f"hardpix data check {name} DIR says whether a folder holds it"))


def layout_of(preset: Preset, part: str) -> str:
    """The files of a part below the root, in words.

    Example:
        >>> layout_of(load_preset("bdd100k"), "val")
        'images images/10k/val/STEM.*, masks labels/sem_seg/masks/val/STEM.*'
        >>> layout_of(load_preset("loveda"), "val")
        'images Val/*/images_png/STEM.*, masks Val/*/masks_png/STEM.*'
    """
    entries = preset.parts[part]
    said = []
    for what in [key for key in entries if key != "stems" and not key.endswith("_suffix")]:
        ending = entries.get({"images": "image_suffix", "masks": "mask_suffix"}.get(what, f"{what}_suffix"), "")
        name = file_name("*/STEM" if "/" in ending else "STEM", ending)
        typed = ending.lower().endswith(read_types(ending))
        said.append(f"{what} {(Path(entries[what]) / name).as_posix()}{'' if typed else '.*'}")
    if isinstance(listed := entries.get("stems"), str):
        said.append(f"stems as listed in {listed}")
    elif listed:
        more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
        said.append(f"stems {', '.join(listed[:MOST_NAMED])}{more}")
    return ", ".join(said)


def check_folder(name: str, root: Path) -> int:
    """Say what of a known data set is in a folder: hardpix data check NAME DIR.

    Folders and lists that are there or missing, the number of images and masks of each part, and the classes of the
    first mask. The exit code is 0 if all that a training needs is there, and 1 if not. hardpix check --preset NAME
    --root DIR reads every file.

    Args:
        name: Name of the data set, or YAML file of your own.
        root: Folder of the data set.

    Returns:
        The exit code.
    """
    console = _terminal()
    with checked_input():
        preset = load_preset(name)
        if not root.is_dir():
            found = "a file" if root.exists() else "nothing"
            raise NotADirectoryError(f"expected the folder of {preset.name}, found {found} at {root}: check the path")
        parts = [look_for(preset, root, part) for part in preset.parts]
    console.print(escape(f"{preset.name} in {root}"), style="bold")
    for part in parts:
        for line in _said(preset, root, part):
            console.print(escape(line))
    needed = [part for part in parts if part.part in NEEDED] or parts
    if all(part.complete for part in needed):
        console.print(escape(f"To train on it: hardpix fit --data.preset {name} --data.root {root}"))
        return 0
    elsewhere = found_elsewhere(preset, root) if needed[0].missing else None
    advice = f"hardpix data show {name} has the layout"
    if elsewhere is not None:
        advice = f"its folders are in {elsewhere}: give that one"
    console.print(escape(f"It cannot be trained on as it is: {advice}"))
    return 1


def _said(preset: Preset, root: Path, found: PartFound) -> list[str]:
    """Lines on one part."""
    of_use = "" if found.part in NEEDED else " (not needed for a training)"
    if found.missing and not found.images and not found.masks:
        names = ", ".join(str(path) for path in found.missing)
        return [f"{found.part}: not there{of_use}; missing: {names}"]
    lines = [f"{found.part}: {counted(found.images, 'image')}, {counted(found.masks, 'mask')}"]
    lines += [f"  missing: {path}{of_use}" for path in found.missing]
    if found.lacking and found.masks:
        images = counted(len(found.lacking), "image")
        lines.append(f"  {images} without a mask: {_some(list(found.lacking))}")
    if found.images and found.masks and found.mask is None:
        lines.append("  no mask has the name of an image")
    if found.error is not None:
        lines.append(f"  {found.error}")
    if found.labels:
        lines.append(f"  first mask {found.mask}: {_shares(preset, found)}")
    if found.unknown:
        share = percent(sum(found.unknown.values()) / sum(found.labels.values()))
        unknown = _some([str(label) for label in found.unknown])
        lines.append(
            f"  {unknown} ({share} of its pixels) is no id or color of {preset.name}: other masks are expected"
        )
    for folder in missing_maps(preset, root, found.part):
        lines.append(f"  missing: {folder}; train without it: --data.depth false")
    return lines


def _shares(preset: Preset, found: PartFound) -> str:
    """The classes of the first mask, the most frequent first."""
    whole = sum(found.labels.values())
    counts: dict[str, int] = {}
    for label, count in found.labels.items():
        name = class_name(label, preset.classes) if label not in found.unknown else "unknown"
        counts[name] = counts.get(name, 0) + count
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return _some([f"{name} {percent(count / whole)}" for name, count in ordered])


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _terminal() -> Terminal:
    return Terminal(highlight=False, soft_wrap=True)


WORDS = {"name": "NAME", "root": "DIR"}
ACTIONS: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "list": (list_presets, ()),
    "show": (show_preset, ("name",)),
    "check": (check_folder, ("name", "root")),
}
