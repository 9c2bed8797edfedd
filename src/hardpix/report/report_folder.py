"""The folder of a report: new, empty, or an earlier report, and away from what is read."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hardpix.cli.folder_lock import OWN, taken
from hardpix.cli.results import RECORD, read_json, require_free, require_no_links, write_whole
from hardpix.data.whole_files import says_where

# Version of the report's data; raise it when a figure changes its meaning.
FORMAT = 2
# A new report is written here, inside its folder, until it is whole.
PLACE = f"{OWN}new"
# A new report that is whole, while its files take the place of an earlier one's.
WHOLE = f"{OWN}whole"
FOLDERS = ("scripts", "data", "thumbnails", "pictures", "against")
PICTURES = ("image.jpg", "truth.png", "prediction.png", "kinds.png", "hardness.png", "suspects.png", "labels.js")

# Paths that a report may hold; anything else in its folder is somebody's own.
_OURS = re.compile(
    r"index\.html|report\.css|plotly\.min\.js|summary\.json|classes\.csv|problems\.csv|images\.parquet|hardpix\.json"
    r"|scripts/[a-z_]+\.js|data/(summary|images)\.js|data/details/\d{4,}\.js|thumbnails/\d{6,}\.(jpg|png)"
    r"|(against/)?pictures/\d{6,}/(" + "|".join(map(re.escape, PICTURES)) + ")"
)
_OUR_FOLDERS = re.compile(r"scripts|data(/details)?|thumbnails|against|(against/)?pictures(/\d{6,})?")


def require_room(out: Path, inputs: Iterable[Path] = (), overwrite: bool = False) -> None:
    """Refuse a folder that `prepare_report` would refuse; nothing is written.

    Raises:
        ValueError: the folder is one that is read, lies in one, or holds one.
        FileExistsError: it holds something that is not a report, or a report that may not be replaced, or links in the
            place of its folders.
    """
    require_free(out, inputs, overwrite, replaceable=is_report(out) or is_report(out / WHOLE), what="report")
    if out.exists():
        # Links in the place of files are removed, those in the place of folders would be followed.
        names = [path.relative_to(out).as_posix() for path in _within(out)]
        inside = [path.relative_to(out).as_posix() for path in (out / WHOLE).rglob("*")]
        require_no_links(out, [PLACE, WHOLE, *inside, *filter(_OUR_FOLDERS.fullmatch, names)])


def prepare_report(out: Path, inputs: Iterable[Path] = (), overwrite: bool = False) -> None:
    """Make the folder of a report, and empty it of an earlier one.

    Args:
        out: the folder.
        inputs: folders that are read.
        overwrite: whether an earlier report may be replaced. Files in its folder that no report writes stay.

    Raises:
        ValueError: the folder is one that is read, lies in one, or holds one.
        FileExistsError: it holds something that is not a report, or a report that may not be replaced.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     prepare_report(Path(folder) / "report")
        ...     is_report(Path(folder) / "report")
        True
    """
    require_room(out, inputs, overwrite)
    if out.exists():
        _empty(out)
    write_whole(out / RECORD, json.dumps({"command": "diagnose"}) + "\n")


@contextmanager
def new_report(out: Path, inputs: Iterable[Path] = (), overwrite: bool = False) -> Iterator[Path]:
    """The place to write a report to; when the block ends without an error it takes an earlier one's place.

    Until then the earlier report stays as it is. The place lies inside the folder, so that nothing is copied. Files in
    the folder that no report writes stay.

    Args:
        out: the folder.
        inputs: folders that are read.
        overwrite: whether an earlier report may be replaced.

    Raises:
        ValueError, FileExistsError: as `prepare_report`.
        FolderInUse: another process writes to the folder.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with new_report(Path(folder) / "report") as place:
        ...         _ = (place / "index.html").write_text("page")
        ...     sorted(path.name for path in (Path(folder) / "report").iterdir())
        ['hardpix.json', 'index.html']
    """
    place, inputs = out / PLACE, list(inputs)
    require_room(out, inputs, overwrite)
    with taken(out):
        if (out / WHOLE).is_dir():
            # A process was killed in the middle.
            _take_place(out)
        require_room(out, inputs, overwrite)
        shutil.rmtree(place, ignore_errors=True)
        prepare_report(place)
        try:
            with says_where(out):
                yield place
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        place.rename(out / WHOLE)
        (out / RECORD).unlink(missing_ok=True)
        _empty(out)
        _take_place(out)


def _take_place(out: Path) -> None:
    """Move a whole report into the folder that it is in. Its record comes last: half a move is no report."""
    for path in sorted((out / WHOLE).iterdir(), key=lambda path: path.name == RECORD):
        if path.name in FOLDERS or _OURS.fullmatch(path.name):
            _move(path, out / path.name)
    shutil.rmtree(out / WHOLE)


def _move(source: Path, target: Path) -> None:
    if source.is_dir() and target.is_dir():
        for path in source.iterdir():
            _move(path, target / path.name)
    else:
        source.replace(target)


def is_report(folder: Path) -> bool:
    """True if a folder holds a report, by its record."""
    try:
        record = read_json(folder / RECORD)
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("command") == "diagnose"


def require_report(folder: Path) -> None:
    """Refuse what is no report.

    Raises:
        FileNotFoundError: there is none in that folder.
    """
    if not is_report(folder) or not (folder / "data" / "summary.js").exists():
        raise FileNotFoundError(f"expected the folder of a report to compare with, found none at {folder}")


def _empty(out: Path) -> None:
    folders = []
    for path in list(_within(out)):
        if path.is_dir() and not path.is_symlink():
            folders.append(path)
        elif _OURS.fullmatch(path.relative_to(out).as_posix()):
            path.unlink()
    for folder in reversed(folders):  # a folder comes before what it holds
        if not any(folder.iterdir()):
            folder.rmdir()


def _within(out: Path) -> Iterator[Path]:
    """Files and folders in the folder itself and in a report's own folders; links are not followed."""
    for path in sorted(out.iterdir()):
        if path.name in FOLDERS and path.is_dir() and not path.is_symlink():
            yield path
            yield from sorted(path.rglob("*"))
        elif not path.is_dir() or path.is_symlink():
            yield path
