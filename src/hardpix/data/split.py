"""Holding out a part for validation without neighboring video frames on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from hardpix.data.files import natural_key, normal
from hardpix.data.wording import counted

# Share of what is left to train on that the borders of blocks may cost.
MOST_DROPPED = 0.2
CHANGED_BY = "others by --data.val_share, --data.val_stems or --data.val_images"


@dataclass(frozen=True)
class Split:
    """Stems to train on, stems held out, stems left out between the two, and a sentence for the screen that says so.

    Example:
        >>> split = split_by_pattern(["day_1", "night_1", "night_2"], "night_*")
        >>> split.val, split.sentence
        (('night_1', 'night_2'), 'Validation: the 2 images that match night_*; training: the other 1.')
    """

    train: tuple[str, ...]
    val: tuple[str, ...]
    dropped: tuple[str, ...]
    sentence: str


def split_blocks(stems: Sequence[str], share: float = 0.2, blocks: int = 4, gap: int | None = None) -> Split:
    """Hold out contiguous blocks of the naturally sorted stems.

    Neighboring frames of a video are nearly the same picture; drawn at random, validation would ask for pictures that
    training has seen. The blocks lie in the middle of equal stretches of the list. On either side of each block `gap`
    frames are used for neither part.

    Args:
        stems: at least two, in any order.
        share: of the stems to hold out, in (0, 1).
        blocks: how many blocks; fewer where there are fewer stems, or where their borders would cost more than a fifth
            of what is left to train on.
        gap: stems left out at each border of a block. By default one for every 200, from 1 to 5; none where there are
            fewer than 20, or where it would cost more than half of what is left to train on.

    Raises:
        ValueError: fewer than two stems, a share outside (0, 1), or a gap that leaves nothing to train on.

    Example:
        >>> split = split_blocks([f"{i}" for i in range(10)], blocks=1)
        >>> split.val
        ('4', '5')
    """
    if len(stems) < 2:
        raise ValueError(
            f"expected at least two images, one to train on and one to hold out, found {len(stems)}: add images, or "
            "validate on a folder of its own (val_images and val_masks)"
        )
    if not 0 < share < 1 or blocks < 1:
        raise ValueError(
            f"expected a share to hold out between 0 and 1, in at least one block, found {share} in {blocks}"
        )
    order = sorted(stems, key=natural_key)
    count = len(order)
    held_out = min(max(1, round(share * count)), count - 1)
    blocks = min(blocks, held_out)
    chosen = gap if gap is not None else min(max(1, count // 200), 5) if count >= 20 else 0
    if gap is None and chosen:
        # Each block has two borders: of few images, many blocks would leave too few to train on.
        blocks = max(1, min(blocks, int(MOST_DROPPED * (count - held_out)) // (2 * chosen)))
    val: list[int] = []
    spans = []
    for k in range(blocks):
        start, stop = k * count // blocks, (k + 1) * count // blocks
        length = (k + 1) * held_out // blocks - k * held_out // blocks
        first = start + (stop - start - length) // 2
        val += range(first, first + length)
        spans.append(f"{order[first]} to {order[first + length - 1]}" if length > 1 else order[first])
    while True:
        near = {i + step for i in val for step in range(-chosen, chosen + 1)}
        train = [order[i] for i in range(count) if i not in near]
        if gap is not None or not chosen or 2 * len(train) >= count - held_out:
            break
        chosen -= 1
    if not train:
        raise ValueError(
            f"expected a gap that leaves images to train on, found {chosen} around {blocks} blocks of {count} images"
        )
    dropped = [order[i] for i in range(count) if i in near.difference(val)]
    contiguous = f"Validation: {len(val)} of {counted(count, 'image')} in {counted(blocks, 'contiguous block')} of file"
    if chosen:
        kept_apart = " names, so that neighboring video frames do not leak"
        borders = "blocks" if blocks > 1 else "block"
        neighbors = f"; {len(dropped)} at the borders of the {borders} are used for neither."
    else:
        kept_apart = " names"
        neighbors = ", neighbors of the blocks among them: frames of a video may leak there."
    training = f"training: {counted(len(train), 'image')}{neighbors}"
    sentence = f"{contiguous}{kept_apart} ({'; '.join([*spans, CHANGED_BY])}); {training}"
    return Split(tuple(train), tuple(order[i] for i in val), tuple(dropped), sentence)


def split_by_pattern(stems: Sequence[str], patterns: str | Sequence[str]) -> Split:
    """Hold out the stems that match a pattern with * and ?, such as one sequence of a video data set.

    Raises:
        ValueError: a pattern matches nothing, or together they match everything.

    Example:
        >>> split_by_pattern(["a_1", "a_2", "b_1"], "a_*").train
        ('b_1',)
    """
    patterns = [normal(pattern) for pattern in ([patterns] if isinstance(patterns, str) else patterns)]
    order = sorted(stems, key=natural_key)
    for pattern in patterns:
        if not any(fnmatchcase(normal(stem), pattern) for stem in order):
            raise ValueError(
                f'expected a pattern that matches some of {len(order)} stems, found "{pattern}", which matches none; '
                f"the first stems are {', '.join(order[:3])}"
            )
    val = [stem for stem in order if any(fnmatchcase(normal(stem), pattern) for pattern in patterns)]
    train = [stem for stem in order if stem not in set(val)]
    if not train:
        raise ValueError(
            f"expected patterns that leave images to train on, found {patterns}, which match all {len(order)}"
        )
    matching = f"the {counted(len(val), 'image')} that {'matches' if len(val) == 1 else 'match'} {', '.join(patterns)}"
    sentence = f"Validation: {matching}; training: the other {len(train)}."
    return Split(tuple(train), tuple(val), (), sentence)
