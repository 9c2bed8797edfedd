"""Console that shows what control characters are in a name, and does not obey them."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from hardpix.data.printable import printable


class Terminal(Console):
    r"""A console of rich; control characters of the texts that it prints are written as escapes, but line ends.

    Example:
        >>> Terminal(highlight=False).print("a\x1b[2J.png")
        a\x1b[2J.png
    """

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text, keep="\n\t"), **options)
