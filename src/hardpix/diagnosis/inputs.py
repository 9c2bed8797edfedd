"""Which files are diagnosed together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hardpix.data import Problem
from hardpix.data.files import IMAGE_SUFFIXES, MAP_SUFFIXES, files_by_stem

PROBABILITY_SUFFIXES = (".npy", ".npz")
SUFFIXES: dict[str, tuple[str, ...]] = {
    "truth": IMAGE_SUFFIXES,
    "predictions": IMAGE_SUFFIXES,
    "images": IMAGE_SUFFIXES,
    "probabilities": PROBABILITY_SUFFIXES,
    "hardness": MAP_SUFFIXES,
}
NAMES = {
    "truth": "mask",
    "predictions": "prediction",
    "images": "image",
    "probabilities": "file of probabilities",
    "hardness": "hardness map",
}
NEEDED = ("truth", "predictions")


@dataclass(frozen=True)
class Case:
    """The files of one stem, by kind: "truth", "predictions", and what else there is; and why it lacks what it lacks.

    Example:
        >>> Case("a", {"truth": Path("t/a.png"), "predictions": Path("p/a.png")}).without("truth").files
        {'predictions': PosixPath('p/a.png')}
    """

    stem: str
    files: Mapping[str, Path]
    problems: tuple[Problem, ...] = ()

    def without(self, kind: str, *why: Problem) -> Case:
        """The same without one of its files."""
        files = {name: path for name, path in self.files.items() if name != kind}
        return Case(self.stem, files, (*self.problems, *why))


@dataclass(frozen=True)
class Inputs:
    """Folders of maps; what belongs together has the same stem, the path below the folder without file type.

    Attributes:
        folders: by kind, of which "truth" and "predictions" must be there.
        endings: by kind, what follows the stem in file names, such as "_gtFine_labelIds".
    """

    folders: Mapping[str, Path]
    endings: Mapping[str, str] = field(default_factory=dict)

    def pair(self) -> tuple[list[Case], list[Problem], list[Problem]]:
        """The stems that have truth and prediction, in natural order; why other masks have no prediction of their own;
        the files without a mask.

        Raises:
            FileNotFoundError: a folder that is not there.
        """
        for kind, folder in self.folders.items():
            if not folder.is_dir():
                raise FileNotFoundError(
                    f"expected a folder of {kind}, found {'a file' if folder.exists() else 'nothing'} at {folder}; "
                    f"check the path after --{kind}"
                )
        files = self._files
        cases, lost, alone = [], [], []
        for stem in files["truth"]:
            if _undecodable(stem):
                lost.append(_odd_name(files["truth"][stem][0]))
                continue
            found = {kind: by_stem[stem] for kind, by_stem in files.items() if stem in by_stem}
            problems = {}
            for kind in files:
                if kind not in found:
                    problems[kind] = _missing(found["truth"][0], kind, stem, self.folders[kind])
                elif len(found[kind]) > 1:
                    problems[kind] = _several(self.folders[kind] / stem, kind, found[kind])
            if decisive := [problems[kind] for kind in NEEDED if kind in problems]:
                # What else it lacks makes no difference.
                lost += decisive
                continue
            usable = {kind: paths[0] for kind, paths in found.items() if kind not in problems}
            cases.append(Case(stem, usable, tuple(problems.values())))
        for kind in [kind for kind in files if kind != "truth"]:
            stems = [stem for stem in files[kind] if stem not in files["truth"]]
            alone += [_alone(files[kind][stem][0], kind, stem, self.folders["truth"]) for stem in stems]
        return cases, lost, alone

    def count(self) -> int:
        """How many masks there are."""
        return len(self._files["truth"])

    def example(self, kind: str) -> str:
        """The first file of a kind in words, for a message."""
        first = next(iter(self._files[kind].values()), None)
        known = ", ".join(SUFFIXES[kind])
        return f"no {NAMES[kind]} ({known}) in {self.folders[kind]}" if first is None else str(first[0])

    def nested(self) -> dict[str, list[Path]]:
        """By kind, but for truth: the folders in the one given whose files have names of masks; such as OUT/labels."""
        found = {}
        for kind in [kind for kind in self.folders if kind != "truth"]:
            split = [stem.partition("/") for stem in self._files[kind]]
            below = dict.fromkeys(first for first, _, stem in split if stem in self._files["truth"])
            if below:
                found[kind] = [self.folders[kind] / first for first in below]
        return found

    @cached_property
    def _files(self) -> dict[str, dict[str, list[Path]]]:
        """By kind: stem → files."""
        return {
            kind: files_by_stem(
                folder,
                self.endings.get(kind, ""),
                suffixes=SUFFIXES[kind],
                skip=[other for other in self.folders.values() if other != folder],
            )
            for kind, folder in self.folders.items()
        }


def _several(where: Path, kind: str, paths: list[Path]) -> Problem:
    found = " and ".join(path.name for path in paths)
    return Problem("several files of one stem", where, f"one {NAMES[kind]}", found, "keep one")


def _missing(truth: Path, kind: str, stem: str, folder: Path) -> Problem:
    name = NAMES[kind]
    advice = f"add the {name}, or remove the mask"
    if kind not in NEEDED:
        advice = f"add the {name}; without it the image is diagnosed all the same"
    return Problem(f"no {name} for a mask", truth, f"one {name} {stem}.* in {folder}", "none", advice)


def _alone(path: Path, kind: str, stem: str, truth: Path) -> Problem:
    name = NAMES[kind]
    advice = f"add the mask, or leave the {name}: it is not used"
    article = "an" if name[0] in "aeiou" else "a"
    return Problem(f"no mask for {article} {name}", path, f"one mask {stem}.* in {truth}", "none", advice)


def _undecodable(stem: str) -> bool:
    """Whether the system could not tell the characters of a name."""
    return any("\udc80" <= character <= "\udcff" for character in stem)


def _odd_name(path: Path) -> Problem:
    shown = Path(str(path).encode("utf-8", "replace").decode())
    return Problem("name that is no text", shown, "file names in UTF-8", "bytes of another encoding", "rename the file")
