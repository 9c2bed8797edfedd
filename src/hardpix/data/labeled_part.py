"""Training images of which a part alone counts as labeled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from hardpix.data.files import natural_key, normal, read_stems


def labeled_part(
    stems: Sequence[str], chosen: str | None = None, every: int | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Stems that count as labeled, and the rest, whose masks are never looked at.

    Args:
        stems: of the training images.
        chosen: pattern with * and ?, or the path of a text file with one stem a line.
        every: one in so many images of each sequence, beginning with its first. Stems of one sequence differ in their
            last number alone; those without a number go by their folder.

    Raises:
        ValueError: both are given, none is labeled, or none is left.

    Example:
        >>> labeled_part(["a_1", "a_2", "a_3", "b_7", "b_8"], every=2)
        (('a_1', 'a_3', 'b_7'), ('a_2', 'b_8'))
    """
    if (chosen is None) == (every is None):
        raise ValueError("expected labeled_stems or labeled_every, found both or neither: give one of the two")
    if every is not None:
        labeled, how = _every(stems, every), f"labeled_every {every}"
    elif chosen is not None and Path(chosen).is_file():
        listed = set(read_stems(chosen))
        if missing := sorted(listed - set(stems)):
            raise ValueError(
                f"expected stems of training images in {chosen}, found {len(missing)} that are none: "
                f"{', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}; write paths below the folder, without "
                f"ending and file type, such as {next(iter(stems), 'frame_1')}"
            )
        labeled, how = listed, f"labeled_stems {chosen}"
    else:
        pattern = normal(str(chosen))
        labeled, how = {stem for stem in stems if fnmatchcase(normal(stem), pattern)}, f'labeled_stems "{chosen}"'
    if not labeled or len(labeled) == len(stems):
        found = "none" if not labeled else f"all {len(stems)}"
        raise ValueError(
            f"expected a part of the training images to count as labeled, found {found} of them by {how}: give a "
            f"pattern or a text file of stems such as {', '.join(stems[:3])}, or leave it out where all are labeled"
        )
    return tuple(stem for stem in stems if stem in labeled), tuple(stem for stem in stems if stem not in labeled)


def _every(stems: Sequence[str], every: int) -> set[str]:
    if every < 2:
        raise ValueError(f"expected labeled_every ≥ 2, found {every}: leave it out where all images are labeled")
    sequences: dict[str, list[str]] = {}
    for stem in sorted(stems, key=natural_key):
        before = re.match(r"(.*?)[0-9]+[^0-9/]*$", stem)
        sequences.setdefault(stem.rpartition("/")[0] + "/" if before is None else before[1], []).append(stem)
    return {stem for sequence in sequences.values() for stem in sequence[::every]}
