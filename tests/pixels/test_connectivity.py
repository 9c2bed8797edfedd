"""Connectivity against loops over pixels, and its identities."""

import pytest
import torch
from torch import Tensor

from hardpix.pixels import best_votes, both_weights, connectivity, log_votes

# The order of the paper's followers, written down once more: upper left, upper, … lower right.
STEPS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if (row, column) != (0, 0)]
SIZES = [(2, 5, 7), (1, 7, 2), (1, 1, 9), (1, 9, 1), (1, 1, 1), (3, 2, 2)]


def drawn(size: tuple[int, int, int], classes: int = 3, ignored: float = 0.2) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, classes, size, generator=generator)
    labels[torch.rand(size, generator=generator) < ignored] = 255
    return labels


def by_loops(target: Tensor, classes: list[int]) -> tuple[Tensor, Tensor]:
    images, height, width = target.shape
    connected = torch.zeros(images, len(classes), 8, height, width, dtype=torch.bool)
    pairs = torch.zeros(images, 8, height, width, dtype=torch.bool)
    for b, y, x, k in torch.cartesian_prod(*map(torch.arange, (images, height, width, 8))).reshape(-1, 4).tolist():
        row, column = y + STEPS[k][0], x + STEPS[k][1]
        if not (0 <= row < height and 0 <= column < width):
            continue
        one, other = target[b, y, x].item(), target[b, row, column].item()
        pairs[b, k, y, x] = 255 not in (one, other)
        for number, label in enumerate(classes):
            connected[b, number, k, y, x] = one == other == label
    return connected, pairs


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("classes", [[1], [0, 1], [2, 0, 1], []])
def test_targets_are_those_of_loops(size: tuple[int, int, int], classes: list[int]) -> None:
    target = drawn(size)
    for found, expected in zip(
        connectivity(target, torch.tensor(classes, dtype=torch.long)), by_loops(target, classes), strict=True
    ):
        assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_any_type_of_integers_and_any_number_of_unlabeled_pixels_will_do(dtype: torch.dtype) -> None:
    target = drawn((2, 5, 7))
    ids = torch.tensor([0, 2])
    for found, expected in zip(connectivity(target.to(dtype), ids), connectivity(target, ids), strict=True):
        assert torch.equal(found, expected)
    other = torch.where(target == 255, 7, target)
    for found, expected in zip(connectivity(other, ids, 7), connectivity(target, ids), strict=True):
        assert torch.equal(found, expected)


def test_the_ignored_class_is_never_connected_even_if_it_is_asked_for() -> None:
    connected, pairs = connectivity(torch.full((1, 3, 4), 255), torch.tensor([255, 0]))
    assert not connected.any()
    assert not pairs.any()


def test_targets_are_symmetric() -> None:
    target = drawn((2, 6, 5))
    connected, pairs = connectivity(target, torch.arange(3))
    for k, (row, column) in enumerate(STEPS):
        for maps in (connected, pairs[:, None]):
            # Rolled around, what came in from the other side is outside of the image in one of the two.
            back = maps[:, :, 7 - k].roll((-row, -column), (2, 3))
            inside = torch.ones(6, 5, dtype=torch.bool)
            inside[[y for y in range(6) if not 0 <= y + row < 6]] = False
            inside[:, [x for x in range(5) if not 0 <= x + column < 5]] = False
            assert torch.equal(maps[:, :, k] & inside, back & inside)
            assert not (maps[:, :, k] & ~inside).any()


def test_a_full_mask_has_eight_neighbors_inside_five_at_the_frame_and_three_in_the_corners() -> None:
    connected, _ = connectivity(torch.ones(1, 4, 4, dtype=torch.long), torch.tensor([1]))
    expected = [[3, 5, 5, 3], [5, 8, 8, 5], [5, 8, 8, 5], [3, 5, 5, 3]]
    assert connected.sum(2)[0, 0].tolist() == expected
    assert not connectivity(torch.zeros(1, 4, 4, dtype=torch.long), torch.tensor([1]))[0].any()


def test_flipping_an_image_permutes_the_neighbors() -> None:
    target = drawn((2, 5, 7))
    connected, _ = connectivity(target, torch.arange(3))
    flipped, _ = connectivity(target.flip(2), torch.arange(3))
    assert torch.equal(flipped, connected[:, :, [2, 1, 0, 4, 3, 7, 6, 5]].flip(4))


@pytest.mark.parametrize("size", SIZES)
def test_decoding_gives_the_mask_without_pixels_that_have_no_neighbor_of_their_class(
    size: tuple[int, int, int],
) -> None:
    target = drawn(size)
    connected, pairs = connectivity(target, torch.arange(3))
    sure = torch.where(connected, 200.0, -200.0)
    votes, _ = log_votes(sure)
    assert torch.equal((votes.exp() > 0.5) & pairs[:, None], connected)
    alone = by_loops(target, [0, 1, 2])[0].any(2)
    assert torch.equal(best_votes(sure, pairs) > 0.5, alone)


def test_votes_are_products_of_both_ways() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(2, 3, 8, 4, 5, generator=generator, dtype=torch.float64)
    votes, against = log_votes(logits)
    s = logits.sigmoid()
    pairs = torch.zeros(2, 8, 4, 5, dtype=torch.bool)
    best = torch.zeros(2, 3, 4, 5, dtype=torch.float64)
    for y, x, k in torch.cartesian_prod(*map(torch.arange, (4, 5, 8))).tolist():
        row, column = y + STEPS[k][0], x + STEPS[k][1]
        if 0 <= row < 4 and 0 <= column < 5:
            expected = s[:, :, k, y, x] * s[:, :, 7 - k, row, column]
            torch.testing.assert_close(votes[:, :, k, y, x].exp(), expected)
            torch.testing.assert_close(against[:, :, k, y, x].exp(), 1 - expected)
            if (y + x) % 3:
                pairs[:, k, y, x] = True
                best[:, :, y, x] = torch.maximum(best[:, :, y, x], expected)
    torch.testing.assert_close(best_votes(logits, pairs), best)


def test_two_pixels_that_both_deny_a_connection_do_not_vote_for_it() -> None:
    """As products of raw scores, two strongly negative ones would."""
    votes, _ = log_votes(torch.full((8, 1, 2), -30.0))
    assert votes[4, 0, 0].exp() < 1e-20


@pytest.mark.parametrize("size", [120.0, 1e4])
def test_certain_votes_are_finite_with_finite_gradients(size: float) -> None:
    signs = 2.0 * torch.randint(0, 2, (1, 8, 4, 5), generator=torch.Generator().manual_seed(2)) - 1
    logits = (size * signs).requires_grad_()
    votes, against = log_votes(logits)
    (votes.sum() + against.sum()).backward()
    assert votes.isfinite().all()
    assert against.isfinite().all()
    assert logits.grad.isfinite().all()


def test_votes_pass_gradcheck() -> None:
    logits = torch.randn(2, 8, 3, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert torch.autograd.gradcheck(log_votes, logits.requires_grad_())


def test_weights_of_pairs_are_products() -> None:
    weight = torch.rand(2, 4, 3, generator=torch.Generator().manual_seed(4))
    found = both_weights(weight)
    for y, x, k in torch.cartesian_prod(*map(torch.arange, (4, 3, 8))).tolist():
        row, column = y + STEPS[k][0], x + STEPS[k][1]
        inside = 0 <= row < 4 and 0 <= column < 3
        expected = weight[:, y, x] * weight[:, row, column] if inside else torch.zeros(2)
        assert torch.equal(found[:, k, y, x], expected)


def test_axes_and_types_are_asked_for() -> None:
    with pytest.raises(ValueError, match="expected"):
        connectivity(torch.zeros(3, 4, dtype=torch.long), torch.tensor([1]))
    with pytest.raises(ValueError, match="integer"):
        connectivity(torch.zeros(1, 3, 4), torch.tensor([1]))
