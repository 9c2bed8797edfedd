"""Holding out blocks of neighboring frames."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpix.data import split_blocks, split_by_pattern


@given(
    count=st.integers(2, 700),
    share=st.floats(0.01, 0.6),
    blocks=st.integers(1, 8),
    gap=st.one_of(st.none(), st.integers(0, 2)),
)
def test_blocks_are_disjoint_contiguous_and_apart(count: int, share: float, blocks: int, gap: int | None) -> None:
    stems = [f"f{n}" for n in range(count)]
    try:
        split = split_blocks(stems[::-1], share, blocks, gap)
    except ValueError as error:
        assert "gap" in str(error)  # noqa: PT017
        assert gap
        return
    assert sorted([*split.train, *split.val, *split.dropped]) == sorted(stems)
    train, val = ({int(stem[1:]) for stem in part} for part in (split.train, split.val))
    assert train
    assert val
    assert len(val) == min(max(1, round(share * count)), count - 1)
    starts = [n for n in val if n - 1 not in val]
    assert len(starts) <= blocks
    if gap is None:
        # Where that leaves at least half of the rest, neighbors of held-out stems are not trained on.
        wanted = 0 if count < 20 else min(5, max(1, count // 200))
        distance = min(abs(t - v) for t in train for v in val)
        assert distance > wanted or 2 * (len(train) - 2 * blocks) < count - len(val)
        assert ("do not leak" in split.sentence) == (distance > 1)
    elif gap:
        assert min(abs(t - v) for t in train for v in val) > gap
    else:
        assert not split.dropped


def test_blocks_are_spread_over_the_list() -> None:
    split = split_blocks([f"{n:03}" for n in range(100)], share=0.2, blocks=4)
    assert [int(stem) for stem in split.val] == [*range(10, 15), *range(35, 40), *range(60, 65), *range(85, 90)]


def test_the_sentence_says_what_was_held_out() -> None:
    split = split_blocks([f"v{n}" for n in range(400)], share=0.1, blocks=1)
    assert len(split.dropped) == 4
    for part in ("40 of 400 images", "1 contiguous block ", "v180 to v219", "training: 356", "4 at the borders"):
        assert part in split.sentence


def test_few_images_are_used_and_not_left_out() -> None:
    """Borders cost at most a fifth of what is not held out: two stems a block where the gap is one."""
    for count, dropped, blocks in ((10, 0, 2), (20, 2, 1), (30, 4, 2), (50, 8, 4)):
        split = split_blocks([f"v{n}" for n in range(count)])
        assert (len(split.val), len(split.dropped)) == (round(0.2 * count), dropped)
        assert 5 * len(split.dropped) <= count - len(split.val)
        assert f" in {blocks} contiguous block" in split.sentence
        assert "--data.val_share, --data.val_stems or --data.val_images" in split.sentence


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((["a"],), "at least two images, one to train on and one to hold out, found 1: add images"),
        ((["a", "b"], 0.0), "between 0 and 1, in at least one block, found 0.0 in 4"),
        ((["a", "b"], 1.0), "found 1.0 in 4"),
        ((["a", "b", "c"], 0.3, 1, 2), "a gap"),
        ((["a", "b"], 0.5, 0), "found 0.5 in 0"),
    ],
)
def test_splits_that_cannot_be(arguments: tuple, found: str) -> None:
    with pytest.raises(ValueError, match=found):
        split_blocks(*arguments)


def test_patterns() -> None:
    stems = ["B_2", "A_10", "A_9", "B_1", "C/x"]
    split = split_by_pattern(stems, ["A_*", "C/?"])
    assert (split.train, split.val) == (("B_1", "B_2"), ("A_9", "A_10", "C/x"))
    assert split.sentence == "Validation: the 3 images that match A_*, C/?; training: the other 2."
    with pytest.raises(ValueError, match=r'found "Z\*", which matches none; the first stems are A_9, A_10, B_1'):
        split_by_pattern(stems, "Z*")
    with pytest.raises(ValueError, match="match all 5"):
        split_by_pattern(stems, "*")
