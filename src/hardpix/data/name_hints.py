"""Advice where files do not pair up: the file that is there, and the setting that makes it the right one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from shlex import quote

from hardpix.data.errors import Problem
from hardpix.data.files import FolderListing, file_name, normal
from hardpix.data.name_relations import NEARLY_ALL, Naming, Relation, relations
from hardpix.data.unread import file_type, type_names
from hardpix.data.wording import plural

SHOWN = 3
LOSSY = (".jpg", ".jpeg")


@dataclass(frozen=True)
class Side:
    """One of two folders whose files belong together.

    Attributes:
        what: one of its files in a word, such as "mask".
        folder: where they are.
        suffixes: the types that are read.
        setting: what names the ending of its files, such as "--data.mask_suffix"; None if nothing does.
        ending: the ending that is set.
    """

    what: str
    folder: Path
    suffixes: Sequence[str]
    setting: str | None = None
    ending: str = ""

    def expected(self, stem: str) -> str:
        """The file that a stem should have.

        Example:
            >>> Side("mask", Path("masks"), (".png", ".tif"), "--data.mask_suffix", "_mask").expected("a")
            'a mask a_mask.* in masks'
        """
        typed = self.ending.lower().endswith(tuple(self.suffixes))
        article = "an" if self.what[0] in "aeiou" else "a"
        return f"{article} {self.what} {file_name(stem, self.ending)}{'' if typed else '.*'} in {self.folder}"


class NameHints:
    """Files of a folder that seem to belong to stems which lack one there.

    Args:
        near: the folder that the stems come from.
        far: the folder in which they lack a file.
        lacking: stem → the file that it comes from.
        total: number of all stems.
        listing: what there is in the folder of `far`.
        used: files that belong to something already.

    Example:
        >>> near = Side("image", Path("images"), (".jpg",))
        >>> far = Side("mask", Path("masks"), (".png",), "--data.mask_suffix")
        >>> listing = FolderListing((("car_mask.png", Path("masks/car_mask.png")),))
        >>> hints = NameHints(near, far, {"car": Path("images/car.jpg")}, 1, listing, ())
        >>> hints.common().advice
        'give --data.mask_suffix _mask'
    """

    def __init__(
        self,
        near: Side,
        far: Side,
        lacking: Mapping[str, Path],
        total: int,
        listing: FolderListing,
        used: Iterable[Path],
    ) -> None:
        self.near, self.far, self.lacking, self.total = near, far, lacking, total
        taken = set(used)
        names_of = {
            stem: normal(path.relative_to(near.folder).with_suffix("").as_posix()) for stem, path in lacking.items()
        }
        others = [name for name, path in listing.files if path not in taken]
        others += [f"{name}/" for name in listing.folders if name.lower().endswith(tuple(far.suffixes))]
        self.relations = relations(names_of, others, far.suffixes) if lacking else {}
        self._by_stem: dict[str, tuple[str, Relation]] = {}
        for relation, files in sorted(self.relations.items(), key=lambda item: (-len(item[1]), item[0].far)):
            for stem, file in files.items():
                self._by_stem.setdefault(stem, (file, relation))

    def common(self) -> Problem | None:
        """The one thing that keeps nearly all stems from pairing up; None if there is none."""
        found = [relation for relation in self.relations if self._explains_nearly_all(relation)]
        if not found:
            return None
        # Beside files that can be read as what is looked for, pictures of it are none.
        lossless = [relation for relation in found if self._types(relation).isdisjoint(LOSSY)]
        found = lossless if lossless and self.far.what != "image" else found
        files = self.relations[found[0]]
        plural = f"{self.far.what}s"
        first = [f"{files[stem]} for {path.name}" for stem, path in self.lacking.items() if stem in files][:SHOWN]
        more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
        of = f"{len(files)} of {self.total} {self.near.what}s"
        more_ways = "another way" if len(found) == 2 else f"{len(found) - 1} other ways"
        others = f", and files named in {more_ways}" if len(found) > 1 else ""
        others += "" if found[0].same_case else ", which differ in upper and lower case"
        ways = list(dict.fromkeys(self.advice(relation) for relation in sorted(found, key=lambda r: r.far)))
        advice = f"either {'; or '.join(ways)}" if len(ways) > 1 else ways[0]
        return Problem(
            f"{plural} that are named otherwise than the {self.near.what}s",
            self.far.folder,
            self.far.expected(next(stem for stem in self.lacking if stem in files)),
            f"{', '.join(first)}{more} ({of}{others})",
            advice,
        )

    def found(self, stem: str) -> str:
        """The file that is there instead of that of a stem, in words."""
        if stem not in self._by_stem:
            return "none"
        file, relation = self._by_stem[stem]
        if file.endswith("/"):
            why = "a folder"
        elif not relation.readable:
            why = f"of a type that is not read as {self.far.what}"
        else:
            why = "named otherwise" if relation.same_case else "which differs in upper and lower case"
        return f"{file}, {why}"

    def advice_for(self, stem: str, otherwise: str) -> str:
        """Advice on a stem; `otherwise` where nothing is known."""
        return self.advice(self._by_stem[stem][1]) if stem in self._by_stem else otherwise

    def explained(self) -> set[str]:
        """Paths below the folder of all files that seem to belong to a stem."""
        return {file for files in self.relations.values() for file in files.values()}

    def advice(self, relation: Relation) -> str:
        """Steps that make the files of a relation the right ones."""
        what = self.far.what
        steps: list[str] = []
        settings: list[str] = []
        near, far = relation.near, relation.far
        if near is not None:
            near, far = _with_longer_stems(near, far)
        files = self.relations[relation].values()
        for_all = self._explains_nearly_all(relation)
        if not relation.readable and any(file.endswith("/") for file in files):
            steps.append(f"put a file in place of the folder, or rename the folder that has the name of a {what}")
        elif not relation.readable:
            types = type_names(sorted(self._types(relation))) or "a file without type"
            known = type_names(self.far.suffixes)
            steps.append(
                f"convert the {plural(what)} to {known.split(', ')[0]}, because {types} is not read ({known} are)"
            )
        if near is not None:
            suffix = next(iter(self.lacking.values())).suffix
            steps += _moves(self.near, near, suffix, for_all)
            settings += _settings(self.near, near, suffix, for_all)
        suffix = file_type(next(iter(files))) if relation.readable else self.far.suffixes[0]
        steps += _moves(self.far, far, suffix, for_all)
        settings += _settings(self.far, far, suffix, for_all)
        # One after another, as a command line takes them.
        steps += [f"give {' '.join(settings)}"] if settings else []
        if not relation.same_case:
            steps.append(f"rename the files so that {what} and {self.near.what} agree in upper and lower case")
        return " and ".join(steps) or f"name the {what} as its {self.near.what}"

    def _types(self, relation: Relation) -> set[str]:
        """The file types of a relation, in small letters."""
        return {file_type(file).lower() for file in self.relations[relation].values()}

    def _explains_nearly_all(self, relation: Relation) -> bool:
        return len(self.relations[relation]) >= NEARLY_ALL * self.total


def _with_longer_stems(near: Naming, far: Naming) -> tuple[Naming, Naming]:
    """Leaves to the stem what the endings of both sides begin with: _19_image and _19_mask end in _image and _mask.

    Few files may share by chance what tells others apart.
    """
    both = takewhile(lambda letters: letters[0] == letters[1], zip(near.after, far.after, strict=False))
    cut = max((k for k, (letter, _) in enumerate(both) if not letter.isalnum()), default=0)
    return near._replace(after=near.after[cut:]), far._replace(after=far.after[cut:])


def _value(side: Side, naming: Naming, suffix: str) -> str:
    """The ending under which files of a naming and a type are looked for."""
    known = tuple(side.suffixes)
    # A type is named where one was, and where the ending alone ("_x.jpg") would pass for one.
    typed = side.ending.lower().endswith(known) or naming.after.lower().endswith(known)
    after = naming.after + (suffix if typed else "")
    return f"{naming.before}*{after}" if naming.before else after


def _settings(side: Side, naming: Naming, suffix: str, for_all: bool) -> list[str]:
    """The setting with that ending; `for_all`: nearly all files have it."""
    value = _value(side, naming, suffix)
    if value in ("", side.ending) or side.setting is None or not for_all:
        return []
    return [f"{side.setting}{'=' if value.startswith('-') else ' '}{quote(value)}"]


def _moves(side: Side, naming: Naming, suffix: str, for_all: bool) -> list[str]:
    """Steps that no setting of an ending does; `for_all`: nearly all files have the naming."""
    value = _value(side, naming, suffix)
    steps = []
    if naming.folder and for_all:
        steps.append(f"give {side.folder / naming.folder} as the folder of the {plural(side.what)}")
    elif naming.folder:
        steps.append(f"lay the {plural(side.what)} out in the same subfolders, which are part of the stem")
    if value == side.ending:
        return steps
    if side.setting is None or not for_all:
        after = value.partition("*")[2] if naming.before else value
        around = " and ".join(part for part in (naming.before, after) if part)
        rename = (
            f"take {around} off the names of these {plural(side.what)}"
            if around
            else f"rename these {plural(side.what)}"
        )
        all_end_so = f" ({side.setting} is for all {plural(side.what)} at once)" if side.setting else ""
        return [*steps, rename + all_end_so]
    return steps if value else [*steps, f"leave {side.setting} out"]
