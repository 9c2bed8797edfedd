"""Names as a terminal may show them: whoever names a file must not steer the terminal of whoever lists it."""

from __future__ import annotations

import unicodedata

# Controls of terminals, halves of characters (bytes that are no UTF-8), ends of lines and paragraphs.
_BAD = ("Cc", "Cs", "Zl", "Zp")
# Controls that let text run the other way.
_TURNING = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))


def printable(text: str, keep: str = "") -> str:
    r"""The text with control characters, and bytes that are no UTF-8, written as escapes.

    Args:
        text: such as the name of a file.
        keep: characters that stay, such as the ends of lines of a message.

    Example:
        >>> printable("a\x1b[31m\nb é"), printable("one\ntwo", keep="\n")
        ('a\\x1b[31m\\nb é', 'one\ntwo')
    """
    if text.isprintable():
        return text
    return "".join(c if c in keep or not _is_bad(c) else _escaped(c) for c in text)


def _is_bad(character: str) -> bool:
    return character in _TURNING or unicodedata.category(character) in _BAD


def _escaped(character: str) -> str:
    code = ord(character)
    # Python reads a byte that is no UTF-8 as U+DC00 and that byte.
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else character.encode("unicode_escape").decode()
