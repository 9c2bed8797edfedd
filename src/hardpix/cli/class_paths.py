"""Class paths in settings, looked at without importing anything."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from hardpix.cli.own_modules import spec_of


def class_paths(settings: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every class path in nested settings, with the place where it stands.

    Example:
        >>> list(class_paths({"network": {"class_path": "my.Net", "init_args": {"head": {"class_path": "my.Head"}}}}))
        [('network', 'my.Net'), ('network.head', 'my.Head')]
    """
    if isinstance(settings, dict):
        if "class_path" in settings:
            yield place, str(settings["class_path"])
        for key, below in settings.items():
            # The options of a command line have no init_args in them.
            inside = key in ("init_args", "dict_kwargs")
            yield from class_paths(below, place if inside else f"{place}.{key}".lstrip("."))
    elif isinstance(settings, list):
        for number, below in enumerate(settings):
            yield from class_paths(below, f"{place}[{number}]")


def files_of(path: str) -> list[Path]:
    """Files and folders of the modules that a class path would import, outermost first; none where there are none.

    Example:
        >>> [file.name for file in files_of("json.decoder.JSONDecoder")]
        ['__init__.py', 'decoder.py']
    """
    found: list[Path] = []
    name, search = "", None
    for part in path.split("."):
        name = f"{name}.{part}" if name else part
        try:
            spec = spec_of(name) if search is None else PathFinder.find_spec(name, search)
        except (ImportError, ValueError, AttributeError):
            break
        if spec is None:
            break
        search = None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)
        if spec.origin and Path(spec.origin).is_file():
            found.append(Path(spec.origin))
        else:
            found += [Path(folder) for folder in search or []]
        if search is None:
            break
    return found
