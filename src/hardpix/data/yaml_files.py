"""Reading of the YAML files that users write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from hardpix.data.errors import DataError

T = TypeVar("T")


def read_yaml(path: str | Path, made_into: Callable[[dict[str, Any]], T]) -> T:
    """The keys and values of a YAML file, made into something.

    Args:
        path: of the file.
        made_into: called with them, `dict` to leave them as they are; its ValueErrors become errors of the file.

    Raises:
        DataError: the file cannot be read, is no YAML, does not hold keys and values, or not those that `made_into`
            expects; the message begins with the path.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            content = yaml.safe_load(file)
        if not isinstance(content, dict):
            found = "an empty file" if content is None else f"{content!r:.80}"
            raise ValueError(f"expected keys with values, such as `name: value`, found {found}")
        return made_into(content)
    except yaml.YAMLError as error:
        raise DataError(f"{path}: expected YAML, found what cannot be read as such: {error}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: {error}") from error
