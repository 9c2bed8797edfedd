"""Numbers and names in sentences on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from hardpix.pixels.percent import percent


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, in the singular where it is one.

    Example:
        >>> counted(1, "image"), counted(1200, "image"), counted(2, "class", "classes")
        ('1 image', '1200 images', '2 classes')
    """
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def plural(noun: str) -> str:
    """The plural of a noun, which may have another one after it.

    Example:
        >>> plural("mask"), plural("file of probabilities")
        ('masks', 'files of probabilities')
    """
    first, of, second = noun.partition(" of ")
    return f"{first}s{of}{second}"


def share_of(stems: Sequence[str], count: int) -> str:
    """Number and share of some of the images.

    Example:
        >>> share_of(["a"], 1), share_of(["a", "b"], 3)
        ('1 of 1 image (100 %)', '2 of 3 images (66.7 %)')
    """
    return f"{len(stems)} of {counted(count, 'image')} ({percent(len(stems) / count)})"


def first_three(stems: Sequence[str]) -> str:
    """The first three of some stems, and how many more there are.

    Example:
        >>> first_three(["a", "b", "c", "d", "e"])
        'a, b, c and 2 more'
    """
    return ", ".join(stems[:3]) + (f" and {len(stems) - 3} more" if len(stems) > 3 else "")
