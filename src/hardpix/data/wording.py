"""Numbers and names in sentences on the screen."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun, whose plural ends in s unless it is given.

    Example:
        >>> counted(1, "epoch"), counted(2, "epoch"), counted(2, "class", "classes")
        ('1 epoch', '2 epochs', '2 classes')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"


def share_of(stems: Sequence[str], count: int) -> str:
    """Number and share of some of the images.

    Example:
        >>> share_of(["a"], 1), share_of(["a", "b"], 3)
        ('1 of 1 image (100 %)', '2 of 3 images (67 %)')
    """
    return f"{len(stems)} of {counted(count, 'image')} ({100 * len(stems) / count:.0f} %)"


def first_three(stems: Sequence[str]) -> str:
    """The first three of some stems, and how many more there are.

    Example:
        >>> first_three(["a", "b", "c", "d", "e"])
        'a, b, c and 2 more'
    """
    return ", ".join(stems[:3]) + (f" and {len(stems) - 3} more" if len(stems) > 3 else "")
