"""Settings that say how masks are meant, written as a command line takes them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from hardpix.data.classes import ClassTable
from hardpix.data.errors import Problem

# A label map of more ids is written in a file.
MOST_MAPPED = 24


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


def either(
    as_class: Mapping[int, int | str],
    unlabeled: Mapping[int, int | str],
    what: str,
    option: str,
    classes: ClassTable | None = None,
) -> str:
    """Two label maps, for ids that are a class and for ids that are unlabeled.

    Args:
        as_class: the first of them.
        unlabeled: the second one.
        what: the ids.
        option: what the command's options of the data begin with.
        classes: how the masks are read now. Those of a trained network can be neither more nor fewer.

    Example:
        >>> from hardpix.data import ClassTable
        >>> run = ClassTable(["sky", "road"], [0, 1], learned=True)
        >>> either({0: 0, 1: 1, 255: 2}, {0: 0, 1: 1, 255: "ignore"}, "255", "--", run)
        "if 255 is unlabeled, say --label_map '{0: 0, 1: 1, 255: ignore}'; the run has no further class for it"
    """
    count = len({index for index in as_class.values() if index != "ignore"})
    more = classes is not None and count > len(classes)
    if classes is not None and classes.learned:
        if more:
            return f"if {what} is unlabeled, say {label_map(unlabeled, option)}; the run has no further class for it"
        return f"if {what} is a class, say {label_map(as_class, option)}; if it is unlabeled, say " + label_map(
            unlabeled, option
        )
    names = f" (where names of classes are given, with {count} names)" if more else ""
    return (
        f"if {what} is a class, say {label_map(as_class, option)}{names}; if it is unlabeled, say "
        f"{label_map(unlabeled, option)}; in a class file, write it under the class's id or under ignore_ids"
    )


def meanings(mapping: Mapping[int, int | str], names: Sequence[str]) -> str:
    """The first five entries of a label map in words.

    Example:
        >>> meanings({0: 0, 128: "ignore", 255: 1}, ["back", "thing"])
        '0 is back, 128 is unlabeled, 255 is thing'
    """
    each = [f"{i} is {names[k] if isinstance(k, int) else 'unlabeled'}" for i, k in sorted(mapping.items())]
    return ", ".join(each[:5]) + (" …" if len(each) > 5 else "")


def named_map(mapping: Mapping[int, int | str], names: Sequence[str], option: str) -> str:
    """A label map, with the condition under which it is right.

    Example:
        >>> named_map({0: 0, 2: 1}, ["back", "thing"], "--")
        "if 0 is back, 2 is thing, say --label_map '{0: 0, 2: 1}'"
    """
    return f"if {meanings(mapping, names)}, say {label_map(mapping, option)}"


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

    def own(found: re.Match[str]) -> str:
        # An option with settings of its own, such as --depth_format.scale, is known by its first word.
        return f"--{found[1]}" if found[1].partition(".")[0] in options else f"hardpix fit's {found[1]}"

    return SETTING.sub(own, text)


def with_own_settings(problem: Problem, options: Collection[str]) -> Problem:
    """A problem with the settings of another command than ``hardpix fit`` (see `own_settings`)."""
    return replace(problem, advice=own_settings(problem.advice, options))
