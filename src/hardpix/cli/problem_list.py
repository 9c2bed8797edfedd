"""The whole list of problems as a file, where the screen shows the first of each kind."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hardpix.cli.errors import UsageError
from hardpix.data.errors import SHOWN_PER_KIND, DataError, Problem
from hardpix.data.printable import printable

# Among the results of a command.
NAME = "problems.csv"
COLUMNS = ("kind", "where", "expected", "found", "advice")


def problems_file(words: Sequence[str]) -> tuple[Path | None, list[str]]:
    """The file that ``--problems`` gives, and the other words of a command line.

    Raises:
        UsageError: no name, or that of something that exists.

    Example:
        >>> problems_file(["--run", "r", "--problems", "new.csv"])
        (PosixPath('new.csv'), ['--run', 'r'])
    """
    given, rest, remaining = None, [], iter(words)
    for word in remaining:
        option, equals, value = word.partition("=")
        if option == "--problems":
            given = value if equals else next(remaining, "")
        else:
            rest.append(word)
    if given is None:
        return None, rest
    if not given or Path(given).is_symlink() or Path(given).exists():
        raise UsageError(f"expected a new file for the list of problems, found {given or 'nothing'} after --problems")
    return Path(given), rest


def problems_of(error: BaseException) -> tuple[Problem, ...]:
    """Problems of the files that an error comes from; none if it has another cause."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DataError) and cause.problems:
            return cause.problems
        cause = cause.__cause__ or cause.__context__
    return ()


def is_long(problems: Sequence[Problem]) -> bool:
    """True where the screen does not show all of a kind."""
    return max(Counter(problem.kind for problem in problems).values(), default=0) > SHOWN_PER_KIND


def write_problems(path: Path, problems: Sequence[Problem]) -> None:
    """Write a new table, one row a problem; folders are made as needed.

    Raises:
        FileExistsError: there is a file of that name.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_problems(Path(folder) / "a.csv", [Problem("empty", Path("a.png"), "an image", "none", "copy it")])
        ...     print((Path(folder) / "a.csv").read_text())
        kind,where,expected,found,advice
        empty,a.png,an image,none,copy it
        <BLANKLINE>
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows([printable(str(getattr(problem, name))) for name in COLUMNS] for problem in problems)
