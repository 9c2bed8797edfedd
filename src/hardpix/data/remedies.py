"""Settings that say how masks are meant, written as a command line takes them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from hardpix.data.errors import Problem

# A label map of more ids is written in a file.
MOST_MAPPED = 24

# Said where a label map has a class more than the table.
MORE_NAMES = "; names of classes, where they are given, must then have one more"


def label_map(mapping: Mapping[int, int | str], option: str = "--data.") -> str:
    """A label map as an option of a command line.

    Args:
        mapping: stored ids → number of the class, or "ignore".
        option: what the command's options of the data begin with.

    Example:
        >>> print(label_map({255: 1, 0: 0}))
        --data.label_map '{0: 0, 255: 1}'
    """
    inside = ", ".join(f"{stored}: {index}" for stored, index in sorted(mapping.items()))
    return f"{option}label_map '{{{inside}}}'"


def either(as_class: Mapping[int, int | str], unlabeled: Mapping[int, int | str], what: str, option: str) -> str:
    """Two label maps, for ids that are a class and for ids that are unlabeled."""
    return (
        f"if {what} is a class, say {label_map(as_class, option)}; if it is unlabeled, say "
        f"{label_map(unlabeled, option)}; in a class file, write it under the class's id or under ignore_ids"
    )


# A setting of a training, as messages name it; those of the data have the same names in other commands.
SETTING = re.compile(r"--(?:data\.)?((?<=data\.)[a-z_]+(?:\.[a-z_]+)*|(?:model|trainer)\.[a-z_]+(?:\.[a-z_]+)*)")


def own_settings(text: str, options: Collection[str]) -> str:
    """A message of another command than ``hardpix fit``, with settings as it names them.

    Args:
        text: the message, in which they begin with --data, --model or --trainer.
        options: names of the options that the command has; the others are said to be those of hardpix fit.

    Example:
        >>> own_settings("say --data.bands [1, 2] or --data.depth far", {"bands"})
        "say --bands [1, 2] or hardpix fit's depth far"
        >>> own_settings("name it as --model.decoder", {"bands"})
        "name it as hardpix fit's model.decoder"
    """
    return SETTING.sub(lambda found: f"--{found[1]}" if found[1] in options else f"hardpix fit's {found[1]}", text)


def with_own_settings(problem: Problem, options: Collection[str]) -> Problem:
    """A problem with the settings of another command than ``hardpix fit`` (see `own_settings`)."""
    return replace(problem, advice=own_settings(problem.advice, options))
