"""Classes that a name on the command line may have been meant for."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from types import NoneType
from typing import Any, get_args, get_type_hints

# Parameters that recipes need, each with a class that works without settings.
EXAMPLES = {"objective": "WeightedCrossEntropy", "teacher": "MovingAverage", "labeler": "ConfidenceThreshold"}

MOST_NAMED = 40


def classes_of(type_hint: Any) -> list[type]:
    """The classes in a type hint.

    Example:
        >>> from collections.abc import Callable
        >>> classes_of(Callable[[int], list] | None)
        [<class 'int'>, <class 'list'>]
    """
    if isinstance(type_hint, list | tuple):
        inside: Sequence[Any] = type_hint
    elif inspect.isclass(type_hint) and not get_args(type_hint):
        return [] if type_hint is NoneType else [type_hint]
    else:
        inside = get_args(type_hint)
    return [kind for each in inside for kind in classes_of(each)]


def hint_of(class_path: str, parameter: str) -> Any:
    """The type of a class's parameter; None where it is not known."""
    kind = class_at(class_path)
    try:
        return None if kind is None else get_type_hints(kind.__init__).get(parameter)  # type: ignore[misc]
    except Exception:  # A module of the user's may fail in any way; without a type there is no suggestion.
        return None


def class_at(class_path: str) -> type | None:
    """The class of a path; None where there is none, or where its module is not imported: a message imports nothing."""
    module, _, name = class_path.rpartition(".")
    try:
        found = getattr(sys.modules[module], name)
    except Exception:  # As above.
        return None
    return found if inspect.isclass(found) else None


def public_path(kind: type) -> str:
    """The shortest path by which a class is imported.

    Example:
        >>> from hardpix.data.errors import DataError
        >>> public_path(DataError)
        'hardpix.data.DataError'
    """
    parts = kind.__module__.split(".")
    for depth in range(1, len(parts) + 1):
        module = ".".join(parts[:depth])
        if getattr(sys.modules.get(module), kind.__name__, None) is kind:
            return f"{module}.{kind.__name__}"
    return f"{kind.__module__}.{kind.__qualname__}"


def subclasses(kinds: Sequence[type]) -> Iterator[type]:
    """Public classes below some others, as far as their modules are imported."""
    for kind in kinds:
        below: type
        for below in type.__subclasses__(kind):
            if "._" not in public_path(below) and "<locals>" not in below.__qualname__:
                yield below
            yield from subclasses([below])


def nearest_classes(name: str, type_hint: Any) -> str:
    """End of a message about a name or path that is that of no class: the nearest ones, or all if there are few.

    Args:
        name: as it was given.
        type_hint: of the setting.

    Example:
        >>> from hardpix.data import DataError
        >>> nearest_classes("DataErrer", ValueError)
        '; did you mean hardpix.data.DataError?'
    """
    known = {kind.__name__.lower(): kind for kind in subclasses(classes_of(type_hint))}
    short = name.rpartition(".")[2].lower()
    # A slip of a letter has one meaning.
    matches = get_close_matches(short, known, n=1, cutoff=0.9) or get_close_matches(short, known, n=3, cutoff=0.7)
    if close := [public_path(known[match]) for match in matches]:
        return f"; did you mean {' or '.join(close)}?"
    own = sorted({public_path(kind) for kind in known.values() if kind.__module__.startswith("hardpix.")})
    if own and len(own) <= MOST_NAMED:
        return f"; there are {', '.join(own)}"
    return "; a class of your own is named by its path, such as my_module.MyClass"


def name_the_class_first(key: str, base: type, parameter: str) -> str | None:
    """Advice where a parameter is given and the class that has it is not; None where no class below has it."""
    having = [kind for kind in subclasses([base]) if parameter in inspect.signature(kind).parameters]
    names = sorted({public_path(kind) for kind in having if kind.__module__.startswith("hardpix.")})
    if not names:
        return None
    return (
        f"{parameter} is a setting of {' and '.join(names)}: name the class, too, such as "
        f"--{key} {next((name for name in names if name.endswith(EXAMPLES['objective'])), names[0])}"
    )


def missing_parameters(key: str, names: Sequence[str]) -> str:
    """Message about parameters of a class that are missing, with an example for those of recipes.

    Example:
        >>> missing_parameters("model.recipe", ["teacher", "labeler"])
        'needs teacher and labeler; give them, such as --model.recipe.teacher MovingAverage --model.recipe.labeler \
ConfidenceThreshold'
    """
    them = "it" if len(names) == 1 else "them"
    example = " ".join(f"--{key}.{name} {EXAMPLES.get(name, 'VALUE')}" for name in names)
    said = f"needs {' and '.join(names)}; give {them}, such as {example}"
    if "objective" in names and key == "model.recipe":
        said += " (a recipe has its objective itself, and --model.objective goes without --model.recipe)"
    return said
