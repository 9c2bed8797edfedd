"""Faults of a user's folders, said in one list."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardpix.data.printable import printable

SHOWN_PER_KIND = 20
# A sentence of more letters that holds for more files of a kind is not repeated.
LONG, SAID_IN_FULL = 50, 3


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one file or folder; problems of one kind are listed together.

    `whole_folder` is true where it concerns how all files of a folder are read, so that leaving some out is no way on.

    Example:
        >>> problem = Problem("empty file", Path("a.png"), "an image", "0 bytes", "copy it again")
        >>> f"{problem.where}: expected {problem.expected}, found {problem.found}"
        'a.png: expected an image, found 0 bytes'
    """

    kind: str
    where: Path
    expected: str
    found: str
    advice: str
    whole_folder: bool = False


def unusable(path: str | Path, expected: str, found: str) -> Problem:
    """A file whose content is not what it should be."""
    return Problem("file that cannot be used", Path(path), expected, found, "replace or remove the file")


class DataError(ValueError):
    """The data cannot be used as they are; the message lists every problem, `problems` holds them one by one.

    `class_names` are those of the class table, if there is one all the same.

    Example:
        >>> problem = Problem("no mask", Path("a.png"), "a mask named a", "none", "add the mask or remove the image")
        >>> raise DataError.of([problem])
        Traceback (most recent call last):
        hardpix.data.errors.DataError: 1 problem in the data
        no mask (1)
          a.png: expected a mask named a, found none
          what to do: add the mask or remove the image
    """

    def __init__(self, message: str, problems: Iterable[Problem] = (), class_names: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)
        self.class_names = tuple(class_names)

    @classmethod
    def of(cls, problems: Iterable[Problem], class_names: Sequence[str] = ()) -> DataError:
        """The error that lists these problems."""
        problems = tuple(problems)
        title = f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in the data"
        return cls(f"{title}\n{describe(problems)}", problems, class_names)


def describe(problems: Iterable[Problem], shown: int = SHOWN_PER_KIND) -> str:
    """Problems grouped by kind: the first `shown` of each kind, how many more there are, and what to do.

    Example:
        >>> found = [Problem("empty file", Path(f"{k}.png"), "an image", "0 bytes", "copy it again") for k in range(9)]
        >>> print(describe(found, shown=1))
        empty file (9)
          0.png: expected an image, found 0 bytes
          … and 8 more
          what to do: copy it again
    """
    kinds: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        kinds[problem.kind].append(problem)
    lines = []
    for kind, group in kinds.items():
        lines.append(f"{kind} ({len(group)})")
        alike: Counter[tuple[str, str]] = Counter()
        for p in group[:shown]:
            alike[p.expected, p.found] += 1
            repeated = alike[p.expected, p.found] > SAID_IN_FULL and len(p.expected + p.found) > LONG
            lines.append(
                f"  {printable(str(p.where))}: "
                + ("the same" if repeated else f"expected {p.expected}, found {p.found}")
            )
        if len(group) > shown:
            lines.append(f"  … and {len(group) - shown} more")
        lines += [f"  what to do: {advice}" for advice in dict.fromkeys(p.advice for p in group[:shown])]
    return "\n".join(lines)
