"""A folder of results that says how far it has come, and that the same command goes on with."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from hardpix.cli.folder_lock import OWN, taken
from hardpix.cli.problem_list import NAME, write_problems
from hardpix.cli.results import RECORD, all_ours, read_record, require_free, require_no_links, write_whole
from hardpix.data.errors import Problem

# A line for each image that is done.
NOTES = f"{OWN}notes.jsonl"


class Output:
    """The images of a folder of results that are done, each with a note of the command's own.

    Args:
        folder: of the results.
        files: by stem, the paths within it that an image has.
        shared: further paths, that belong to no image.
    """

    def __init__(self, folder: Path, files: Mapping[str, list[str]], shared: Iterable[str] = ()) -> None:
        self.folder, self.files, self.shared = folder, files, list(shared)
        self.notes: dict[str, Any] = {}
        self.before = 0
        self._file: IO[str] | None = None

    @property
    def remaining(self) -> list[int]:
        """Places of the images that are not done, in the order of the stems."""
        return [k for k, stem in enumerate(self.files) if stem not in self.notes]

    def done(self, stem: str, note: Any = None) -> None:
        """Note that the files of an image are there, with what the command needs of it at the end, as JSON has it."""
        assert self._file is not None
        # In one piece, and given to the system at once: a kill leaves a line that ends, or none.
        self._file.write(json.dumps([stem, note]) + "\n")
        self._file.flush()
        self.notes[stem] = note

    def every(self) -> list[str]:
        """Paths of all files within the folder."""
        return sorted({*self.shared, *(file for files in self.files.values() for file in files)})

    def open(self, go_on: bool) -> None:
        """Take over what an earlier command has done, or begin anew."""
        path = self.folder / NOTES
        if go_on and path.is_file():
            for line in path.read_text(encoding="ascii", errors="replace").splitlines(keepends=True):
                if not line.endswith("\n"):
                    continue
                with suppress(ValueError, TypeError, RecursionError):
                    stem, note = json.loads(line)
                    files = self.files.get(stem)
                    if files is not None and all((self.folder / file).is_file() for file in files):
                        self.notes[stem] = note
        self.before = len(self.notes)
        write_whole(path, "".join(json.dumps([stem, note]) + "\n" for stem, note in self.notes.items()))
        self._file = path.open("a", encoding="ascii")

    def close(self) -> None:
        """Write no more."""
        if self._file is not None:
            self._file.close()


@contextmanager
def output_folder(
    output: Output,
    inputs: Iterable[Path],
    overwrite: bool,
    made_by: Mapping[str, Any],
    fingerprint: str,
    problems: Sequence[Problem] = (),
) -> Iterator[Output]:
    """The folder that results go to, for one process alone while the block lasts.

    Its record says what made it, which files are to come, and whether it is finished. Where an earlier command of the
    same fingerprint was interrupted, this one goes on after the images that are done. Results that do not come again
    are removed at the end, so that none of another network stays among the new ones. Where an error comes before the
    first image is done, nothing stays of it.

    Args:
        output: the folder and its files.
        inputs: folders that are read.
        overwrite: whether earlier results, which are the files in the record of a folder, may be replaced.
        made_by: what is recorded.
        fingerprint: of everything that the results depend on.
        problems: with files that are left out; written to problems.csv if there are any.

    Raises:
        ValueError: the folder is one that is read, lies in one, or holds one; or a result would lie in another, as
            those of a.jpg and of a folder a.png would.
        FileExistsError: it holds something that is not an earlier result, or that may not be replaced; or a link in the
            place of a file or folder of the results.
        FolderInUse: another process writes to it.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     output = Output(Path(folder) / "out", {"a": ["labels/a.png"]})
        ...     with output_folder(output, [], False, {"command": "predict"}, "1f"):
        ...         write_whole(output.folder / "labels" / "a.png", "")
        ...         output.done("a")
        ...     json.loads((output.folder / RECORD).read_text())
        {'command': 'predict', 'fingerprint': '1f', 'finished': True, 'files': ['labels/a.png']}
    """
    out, inputs = output.folder, list(inputs)
    _require_free(out, inputs, overwrite, fingerprint)
    made = [folder for folder in out.parents if not folder.exists()]
    with _nothing_left(made), taken(out):
        go_on = _require_free(out, inputs, overwrite, fingerprint)
        earlier = read_record(out)
        ours = set() if earlier is None else set(earlier["files"])
        files = sorted([*output.every(), *[NAME] * bool(problems)])
        assert all_ours(files), f"a place that commands do not write to: {files}"
        _require_apart(files)
        require_no_links(out, [RECORD, NOTES, *files, *ours])
        if in_the_way := [file for file in files if file not in ours and (out / file).exists()]:
            raise FileExistsError(
                f"expected only earlier results to be replaced in {out}, found {len(in_the_way)} other files in their "
                f"place, such as {in_the_way[0]}; give another folder, or move them"
            )
        record = {**made_by, "fingerprint": fingerprint}
        _write_record(out, {**record, "finished": False, "files": sorted({*files, *ours})})
        if problems:
            (out / NAME).unlink(missing_ok=True)
            write_problems(out / NAME, problems)
        output.open(go_on)
        if output.before:
            print(f"{output.before} of {len(output.files)} images in {out} were done before", file=sys.stderr)
        try:
            yield output
        except BaseException as error:
            output.close()
            if isinstance(error, Exception) and not output.notes and earlier is None:
                _remove(out, [*files, RECORD, NOTES])
                raise
            done, total = len(output.notes), len(output.files)
            print(f"{done} of {total} images are in {out}; the same command goes on with the others", file=sys.stderr)
            raise
        output.close()
        for file in ours.difference(files):
            if (out / file).is_file():
                (out / file).unlink()
        _write_record(out, {**record, "finished": True, "files": files})
        (out / NOTES).unlink(missing_ok=True)


@contextmanager
def _nothing_left(folders: Iterable[Path]) -> Iterator[None]:
    """Folders are removed again where an error leaves them empty; inner ones come first."""
    try:
        yield
    except Exception:
        for folder in folders:
            with suppress(OSError):
                folder.rmdir()
        raise


def _remove(out: Path, files: Iterable[str]) -> None:
    for file in files:
        (out / file).unlink(missing_ok=True)
    inside = {folder for file in files for folder in (out / file).parents if folder.is_relative_to(out)} - {out}
    for folder in sorted(inside, reverse=True):
        with suppress(OSError):
            folder.rmdir()


def _require_apart(files: Collection[str]) -> None:
    """No file has the name of a folder that another file lies in."""
    folders = {str(folder) for file in files for folder in Path(file).parents}
    if both := sorted(folders.intersection(files)):
        more = f" and {len(both) - 3} more" if len(both) > 3 else ""
        raise ValueError(
            "expected images whose results have own names, found names that would be both a file and a folder: "
            f"{', '.join(both[:3])}{more}, as of an image a.jpg beside a folder a.png: rename the image or the folder"
        )


def _require_free(out: Path, inputs: Iterable[Path], overwrite: bool, fingerprint: str) -> bool:
    """True where the folder holds the beginning of the same results."""
    earlier = read_record(out)
    unfinished = (earlier or {}).get("finished") is False
    go_on = unfinished and (earlier or {}).get("fingerprint") == fingerprint
    what = "results"
    if unfinished and not go_on:
        what = "results (those in it are of a command that was interrupted, with other images, settings or weights)"
    require_free(out, inputs, overwrite or go_on, replaceable=earlier is not None, what=what)
    return go_on


def _write_record(out: Path, record: Mapping[str, Any]) -> None:
    write_whole(out / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
