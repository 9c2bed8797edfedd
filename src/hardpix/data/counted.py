"""Counts in words."""


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
