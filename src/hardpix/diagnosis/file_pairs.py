"""Files that are diagnosed together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hardpix.data import Problem
from hardpix.data.files import IMAGE_SUFFIXES, MAP_SUFFIXES, FolderListing, list_files, read_types
from hardpix.data.folder_problems import files_of_other_types, several_files
from hardpix.data.name_hints import NameHints, Side
from hardpix.data.unread import not_regular, type_names, unreadable_folders
from hardpix.diagnosis.shown_signal import HARDNESS, ShownSignal

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
}
# The setting that names the ending of the files of a kind.
SETTINGS = {"truth": "--truth_suffix", "predictions": "--prediction_suffix", "images": "--image_suffix"}
NEEDED = ("truth", "predictions")


@dataclass(frozen=True)
class ImageFiles:
    """The files of one stem, by kind: "truth", "predictions", and what else there is; and why it lacks what it lacks.

    Example:
        >>> ImageFiles("a", {"truth": Path("t/a.png"), "predictions": Path("p/a.png")}).without("truth").files
        {'predictions': PosixPath('p/a.png')}
    """

    stem: str
    files: Mapping[str, Path]
    problems: tuple[Problem, ...] = ()

    def without(self, kind: str, *why: Problem) -> ImageFiles:
        """The same without one of its files."""
        files = {name: path for name, path in self.files.items() if name != kind}
        return ImageFiles(self.stem, files, (*self.problems, *why))


@dataclass(frozen=True)
class Inputs:
    """Folders of maps; what belongs together has the same stem, the path below the folder without file type.

    Attributes:
        folders: by kind, of which "truth" and "predictions" must be there.
        endings: by kind, what follows the stem in file names, such as "_gtFine_labelIds".
        signal: the signal that the maps of the kind "hardness" are of.
    """

    folders: Mapping[str, Path]
    endings: Mapping[str, str] = field(default_factory=dict)
    signal: ShownSignal = HARDNESS

    def pair(self) -> tuple[list[ImageFiles], list[Problem], list[Problem]]:
        """Pair the files of all folders.

        Returns:
            The stems that have truth and prediction, in natural order; why other masks have no prediction of their
            own; the files without a mask.

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
        common = self._unpaired if "predictions" in files else None
        cases, lost, alone = [], [] if common is None else [common], []
        for stem in files["truth"]:
            if _undecodable(stem):
                lost.append(_odd_name(files["truth"][stem][0]))
                continue
            found = {kind: by_stem[stem] for kind, by_stem in files.items() if stem in by_stem}
            problems = {}
            for kind in files:
                if kind not in found:
                    problems[kind] = self._missing(kind, stem)
                elif len(found[kind]) > 1:
                    problems[kind] = several_files(self._side(kind), stem, found[kind])
            if decisive := [problems[kind] for kind in NEEDED if kind in problems]:
                # The case is dropped; its other problems are not worth listing.
                if common is None or "predictions" in found:
                    lost += decisive
                continue
            usable = {kind: paths[0] for kind, paths in found.items() if kind not in problems}
            cases.append(ImageFiles(stem, usable, tuple(problems.values())))
        for kind in [kind for kind in files if kind != "truth"]:
            if kind == "predictions" and common is not None and not cases:
                continue  # said of all at once
            # The files that a message on names has named already are not listed once more.
            named = {self.folders[kind] / file for file in self._hints[kind].explained()}
            stems = [stem for stem in files[kind] if stem not in files["truth"]]
            missing = [(stem, files[kind][stem][0]) for stem in stems]
            alone += [
                _alone(path, self._name(kind), stem, self.folders["truth"])
                for stem, path in missing
                if path not in named
            ]
        return cases, lost, [*alone, *self._unread()]

    def count(self) -> int:
        """Number of masks."""
        return len(self._files["truth"])

    def example(self, kind: str) -> str:
        """The first file of a kind in words, for a message."""
        first = next(iter(self._files[kind].values()), None)
        known = ", ".join(self._types(kind))
        return f"no {self._name(kind)} ({known}) in {self.folders[kind]}" if first is None else str(first[0])

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
    def _listings(self) -> dict[str, FolderListing]:
        """Everything in each of the folders, by kind."""
        return {
            kind: list_files(folder, skip=[other for other in self.folders.values() if other != folder])
            for kind, folder in self.folders.items()
        }

    @cached_property
    def _files(self) -> dict[str, dict[str, list[Path]]]:
        """By kind: stem → files."""
        return {
            kind: listing.by_stem(self.endings.get(kind, ""), self._types(kind))
            for kind, listing in self._listings.items()
        }

    @cached_property
    def _used(self) -> set[Path]:
        """All masks, and the files of other kinds that belong to one."""
        every, truth = self._files.values(), self._files["truth"]
        return {path for found in every for stem in truth.keys() & found.keys() for path in found[stem]}

    @cached_property
    def _hints(self) -> dict[str, NameHints]:
        """By kind, but for truth: the files that seem to belong to the masks which lack one."""
        truth = self._files["truth"]
        return {
            kind: NameHints(
                self._side("truth"),
                self._side(kind),
                {stem: paths[0] for stem, paths in truth.items() if stem not in found and not _undecodable(stem)},
                len(truth),
                self._listings[kind],
                self._used,
            )
            for kind, found in self._files.items()
            if kind != "truth"
        }

    @cached_property
    def _unpaired(self) -> Problem | None:
        """The one thing that keeps masks and predictions from pairing up; None if there is none.

        Where a folder of masks has several files for each prediction, such as ids and colors, the predictions tell.
        """
        found = self._hints["predictions"].common()
        truth, predicted = self._files["truth"], self._files["predictions"]
        if found is not None or len(truth) <= len(predicted) or truth.keys() & predicted.keys():
            return found
        lacking = {stem: paths[0] for stem, paths in predicted.items() if not _undecodable(stem)}
        sides = self._side("predictions"), self._side("truth")
        return NameHints(*sides, lacking, len(predicted), self._listings["truth"], ()).common()

    def _side(self, kind: str) -> Side:
        """One of the folders in the words of a message."""
        ending = self.endings.get(kind, "")
        return Side(self._name(kind), self.folders[kind], self._types(kind), SETTINGS.get(kind), ending)

    def _types(self, kind: str) -> tuple[str, ...]:
        """The file types that are looked for."""
        return read_types(self.endings.get(kind, "")) if SUFFIXES[kind] == IMAGE_SUFFIXES else SUFFIXES[kind]

    def _name(self, kind: str) -> str:
        """One file of a kind, in words."""
        return f"{self.signal.words} map" if kind == "hardness" else NAMES[kind]

    def _missing(self, kind: str, stem: str) -> Problem:
        name, hints = self._name(kind), self._hints[kind]
        advice = f"add the {name} ({type_names(self._types(kind))})"
        advice += ", or remove the mask" if kind in NEEDED else "; without it the image is diagnosed all the same"
        truth, expected = self._files["truth"][stem][0], self._side(kind).expected(stem)
        return Problem(
            f"no {name} for a mask", truth, expected, hints.found(stem), hints.advice_for(stem, otherwise=advice)
        )

    def _unread(self) -> list[Problem]:
        """Subfolders that cannot be read, and files of other types; a folder of several kinds once."""
        sides = [(self._side(kind), listing) for kind, listing in self._listings.items()]
        others = files_of_other_types(sides, self._used)
        cannot = {
            side.folder: [*unreadable_folders(listing), *not_regular(listing, side.suffixes)]
            for side, listing in reversed(sides)
        }
        return [problem for folder, found in others.items() for problem in (*cannot[folder], *found)]


def _alone(path: Path, name: str, stem: str, truth: Path) -> Problem:
    advice = f"add the mask, or leave the {name}: it is not used"
    article = "an" if name[0] in "aeiou" else "a"
    return Problem(f"no mask for {article} {name}", path, f"one mask {stem}.* in {truth}", "none", advice)


def _undecodable(stem: str) -> bool:
    """True if the system could not decode the characters of a name."""
    return any("\udc80" <= character <= "\udcff" for character in stem)


def _odd_name(path: Path) -> Problem:
    shown = Path(str(path).encode("utf-8", "replace").decode())
    return Problem("name that is no text", shown, "file names in UTF-8", "bytes of another encoding", "rename the file")
