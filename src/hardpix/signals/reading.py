"""Signals that read a map of the sample."""

from __future__ import annotations

from hardpix.signals.base import Signal


def signals_that_read(key: str) -> list[str]:
    """Names of the library's signals that read the maps of this key.

    Example:
        >>> signals_that_read("depth")
        ['DepthPrivileged']
    """
    library = __name__.partition(".")[0] + "."
    kinds = [Signal]
    for kind in kinds:
        kinds += kind.__subclasses__()
    # `reads` may be a property, which only an instance answers.
    readers = [kind for kind in kinds if isinstance(kind.reads, frozenset) and key in kind.reads]
    return [kind.__name__ for kind in readers if kind.__module__.startswith(library)]
