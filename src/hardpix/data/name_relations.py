"""Relations between the names of two folders, such as ``car0.jpg`` and ``car0_mask.png``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from hardpix.data.unread import file_type

# Share of the stems that a relation must explain to be taken for the rule of a folder.
NEARLY_ALL = 0.9


class Naming(NamedTuple):
    """Parts of a path around the stem: folder, what comes before the stem in the file's own name, and what after."""

    folder: str = ""
    before: str = ""
    after: str = ""


class Relation(NamedTuple):
    """One way in which files belong to stems.

    `near` is the naming of the files that the stems come from, None where these are right as they are. `far` is that
    of the other files. `readable` says whether their type is read, `same_case` whether letters agree in case.
    """

    near: Naming | None
    far: Naming
    readable: bool = True
    same_case: bool = True


# Relation → stem → file.
Explained = dict[Relation, dict[str, str]]


def relations(names_of: Mapping[str, str], others: Iterable[str], suffixes: Sequence[str]) -> Explained:
    """Relations that explain nearly all stems; where there is none, all that explain some of them.

    The time is linear in the number of names.

    Args:
        names_of: stem → path below its folder of the file that has it, without type.
        others: paths below the other folder, with type; those of folders end in "/".
        suffixes: types that are read there.

    Example:
        >>> found = relations({"1": "1", "2": "2"}, ["1_mask.png", "2_mask.png"], (".png",))
        >>> [(relation.far.after, files) for relation, files in found.items()]
        [('_mask', {'1': '1_mask.png', '2': '2_mask.png'})]
    """
    others = list(others)
    some: Explained = {}
    for near, keys in _readings(names_of):
        found = _relations(near, keys, others, suffixes)
        if all_of := {r: files for r, files in found.items() if len(files) >= NEARLY_ALL * len(names_of)}:
            best = max((r.readable, r.same_case) for r in all_of)
            return {r: files for r, files in all_of.items() if (r.readable, r.same_case) == best}
        some = some or found
    return some


def _readings(names_of: Mapping[str, str]) -> Iterator[tuple[Naming | None, dict[str, str]]]:
    """Stems as they are, then without the folder, the ending and the beginning that all of their files share."""
    yield None, {stem: stem for stem in names_of}
    if len(names_of) < 2:
        return
    parents, owns = zip(*(_split(name) for name in names_of.values()), strict=True)
    folder = _shared([parent.split("/") for parent in parents])
    ending = "".join(reversed(_shared([list(own[::-1]) for own in owns])))
    beginning = "".join(_shared([list(own) for own in owns]))
    ending = ending[next((k for k, letter in enumerate(ending) if not letter.isalnum()), len(ending)) :]
    while beginning and beginning[-1].isalnum():
        beginning = beginning[:-1]
    for naming in (Naming(folder="/".join(folder)), Naming(after=ending), Naming(before=beginning)):
        keys = {_without(name, naming): stem for stem, name in names_of.items()}
        if naming != Naming() and len(keys) == len(names_of) and not any(key.endswith("/") or not key for key in keys):
            yield naming, keys


def _shared(sequences: Sequence[list[str]]) -> list[str]:
    """The parts that all sequences begin with."""
    pairs = zip(min(sequences), max(sequences), strict=False)
    return [a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]


def _without(name: str, naming: Naming) -> str:
    parent, own = _split(name.removeprefix(f"{naming.folder}/") if naming.folder else name)
    own = own.removeprefix(naming.before).removesuffix(naming.after)
    return f"{parent}/{own}" if parent else own


def _relations(
    near: Naming | None, keys: Mapping[str, str], others: Iterable[str], suffixes: Sequence[str]
) -> Explained:
    by_folded: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        by_folded[key.lower()].append(key)
    lengths = sorted({len(_split(key)[1]) for key in keys}, reverse=True)
    found: Explained = {}
    for path in others:
        root, suffix = _split_type(path)
        for parent, own, far in _places(root, lengths):
            exact = f"{parent}/{own}" if parent else own
            folded = by_folded.get(exact.lower(), [])
            if exact in folded or len(folded) == 1:
                key = exact if exact in folded else folded[0]
                relation = Relation(near, far, suffix.lower() in suffixes, key == exact)
                found.setdefault(relation, {}).setdefault(keys[key], path)
                break
    return found


def _places(root: str, lengths: Sequence[int]) -> Iterator[tuple[str, str, Naming]]:
    """Folder, stem and naming that a path may have; the longest stem and the deepest folder first."""
    whole, own = _split(root)
    above = whole.split("/") if whole else []
    parents = [("/".join(above[:k]), "/".join(above[k:])) for k in range(len(above) + 1)]
    for folder, parent in parents:
        for length in lengths:
            if length == len(own) or (length < len(own) and _apart(own[length - 1], own[length])):
                yield parent, own[:length], Naming(folder, after=own[length:])
        for length in lengths:
            if length < len(own) and _apart(own[-length - 1], own[-length]):
                yield parent, own[-length:], Naming(folder, before=own[:-length])


def _apart(left: str, right: str) -> bool:
    """True if a name may be cut between two characters: the 1 of 10 is no stem, nor is the a of apple."""
    if not (left.isalnum() and right.isalnum()):
        return True
    return left.isdigit() != right.isdigit() or (left.islower() and right.isupper())


def _split(name: str) -> tuple[str, str]:
    parent, _, own = name.rpartition("/")
    return parent, own


def _split_type(path: str) -> tuple[str, str]:
    suffix = file_type(path)
    return path[: len(path) - len(suffix)], suffix
