"""Batches at points: reading against torch's own and against loops; the whole batch at its pixels' centers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.objectives import Objective, Sum, WeightedCrossEntropy, with_signal_losses
from hardpix.pixels import CountedPixels, PixelBatch, pixel_centers, read_bilinear, read_nearest, resize_bilinear
from hardpix.signals import ClassBalance, Focal, HardnessLevel, OnlineHard, RegionImpurity
from hardpix.teachers.ensemble import EnsembleBatch
from hardpix.testing.batches import make_batch, tapped


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_loops(maps: Tensor, points: Tensor, where: Tensor) -> Tensor:
    """Bilinear reading, pixel by pixel: the weight of a pixel is (1 − |dx|)(1 − |dy|), frames are repeated."""
    images, channels, height, width = maps.shape
    found = torch.zeros(images, channels, points.shape[1], dtype=torch.float64)
    for b in range(images):
        for n, (x, y) in enumerate(points[b].tolist()):
            column, row = (min(max(s * size - 0.5, 0), size - 1) for s, size in ((x, width), (y, height)))
            terms = [
                (max(0, 1 - abs(column - j)) * max(0, 1 - abs(row - i)), i, j)
                for i in range(height)
                for j in range(width)
            ]
            read = [term for term in terms if where[b, term[1], term[2]] and term[0] > 0]
            read = read or [term for term in terms if term[0] > 0]
            found[b, :, n] = sum(w * maps[b, :, i, j] for w, i, j in read) / sum(w for w, _, _ in read)
    return found


def test_reading_and_its_gradient_are_those_of_grid_sample() -> None:
    maps = random(2, 3, 5, 7, seed=1).requires_grad_()
    points = random(2, 40, 2, seed=2)
    points[:, :4] = torch.tensor([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.5, 1.0]], dtype=torch.float64)
    expected = F.grid_sample(maps, 2 * points[:, None] - 1, padding_mode="border", align_corners=False)[:, :, 0]
    found = read_bilinear(maps, points)
    torch.testing.assert_close(found, expected)
    one, other = (torch.autograd.grad((values**2).sum(), maps)[0] for values in (found, expected))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("labeled", [1.0, 0.6, 0.0])
def test_pixels_that_are_left_out_have_no_part(labeled: float) -> None:
    maps, points, where = random(2, 3, 4, 5, seed=1), random(2, 60, 2, seed=2), random(2, 4, 5, seed=3) < labeled
    torch.testing.assert_close(read_bilinear(maps, points, where), by_loops(maps, points, where))


def test_a_constant_map_is_constant_everywhere() -> None:
    """Zeros around the map, as the authors have them, leave a quarter in a corner and a half at an edge."""
    maps, points = torch.ones(1, 1, 3, 4), torch.tensor([[[0.0, 0.0], [1.0, 1.0], [0.5, 0.0], [0.3, 0.4]]])
    assert read_bilinear(maps, points).flatten().tolist() == [1.0] * 4
    theirs = F.grid_sample(maps, 2 * points[:, None] - 1, align_corners=False).flatten()
    torch.testing.assert_close(theirs, torch.tensor([0.25, 0.25, 0.5, 1.0]))


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (2, 1021), (1021, 2), (3, 4099)])
def test_at_a_center_the_pixel_is_read_alone_in_any_size(size: tuple[int, int]) -> None:
    """(i + 0.5) / W · W − 0.5 is not i in float32, and the neighbor may be NaN, or of no label."""
    height, width = size
    numbers = torch.arange(height * width)
    values = numbers.float().masked_fill(numbers % 2 == 1, torch.nan).view(1, 1, *size)
    points = pixel_centers(numbers, size)[None]
    assert torch.equal(read_bilinear(values, points).nan_to_num(-1).flatten(), values.nan_to_num(-1).flatten())
    assert torch.equal(read_nearest(numbers.view(1, *size), points).flatten(), numbers)


def test_labels_trust_and_depth_are_those_of_the_pixel_around_the_point() -> None:
    px = make_batch(reads=["depth", "target_weight"])
    points = random(2, 50, 2, seed=4).float()
    at = px.at(points)
    assert at.shape == (2, 1, 50)
    for b in range(2):
        for n, (x, y) in enumerate(points[b].tolist()):
            row, column = int(y * 4), int(x * 5)
            assert at.labels[b, 0, n] == px.labels[b, row, column]
            for name in ("depth", "target_weight"):
                expected = px.sample[name][b, row, column]
                assert at.sample[name][b, 0, n].equal(expected) or (
                    expected.isnan() and at.sample[name][b, 0, n].isnan()
                )
    assert (at.labels == 255).any()
    assert at.sample["depth"].isnan().any()
    assert at.sample["image"].shape == (2, 3, 1, 50)


def test_logits_beside_unlabeled_pixels_are_read_without_them() -> None:
    px = make_batch()
    px = replace(px, logits=torch.where(px.valid[:, None], px.logits, torch.nan).detach().requires_grad_())
    points = random(2, 80, 2, seed=5)
    at = px.at(points)
    assert at.loss.isfinite().all()
    expected = by_loops(px.logits.detach().double(), points, px.valid)
    valid = at.valid[:, 0]
    torch.testing.assert_close(
        at.logits[:, :, 0].detach().movedim(1, 2)[valid].double(), expected.movedim(1, 2)[valid], rtol=1e-5, atol=1e-5
    )
    (gradient,) = torch.autograd.grad(at.loss.sum(), px.logits)
    assert gradient.isfinite().all()
    assert not gradient.movedim(1, -1)[~px.valid].any()


def test_coarser_heads_and_embeddings_are_read_at_their_own_size() -> None:
    px = make_batch()
    coarse = torch.randn(2, 3, 2, 3, generator=torch.Generator().manual_seed(0))
    taps = replace(px.taps, auxiliary=((coarse, 0.5),), embedding=coarse, stages={"a": coarse, "tokens": coarse[0]})
    px = replace(px, taps=taps)
    at = px.at(all_centers(px))
    expected = resize_bilinear(coarse, (4, 5)).flatten(2)[:, :, None]
    for found in (at.taps.auxiliary[0][0], at.taps.embedding, at.taps.stages["a"]):
        torch.testing.assert_close(found, expected)
    assert at.taps.auxiliary[0][1] == 0.5
    assert at.taps.stages["tokens"] is taps.stages["tokens"]
    assert at.taps.features is None


def all_centers(px: PixelBatch) -> Tensor:
    images, height, width = px.shape
    return pixel_centers(torch.arange(height * width), (height, width)).expand(images, -1, -1)


OBJECTIVES: dict[str, Callable[[], Objective]] = {
    "smoothed": lambda: WeightedCrossEntropy(label_smoothing=0.1),
    "focal": lambda: WeightedCrossEntropy(Focal()),
    "balance": lambda: WeightedCrossEntropy(ClassBalance([4, 2, 1])),
    "OHEM": lambda: WeightedCrossEntropy(OnlineHard(0.9, min_kept=0.3)),
    "hardness": lambda: WeightedCrossEntropy(HardnessLevel()),
    "neighbors": lambda: WeightedCrossEntropy(RegionImpurity()),
}


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
def test_at_every_center_a_loss_and_its_gradients_are_those_of_the_batch(make: Callable[[], Objective]) -> None:
    """Also of signals that look at the decoder's inputs, at neighbors, or at the whole batch's order."""
    network = tapped()
    objective = make().bind(network)
    results = []
    for read in (False, True):
        network.zero_grad()
        px = make_batch(network, reads=["target_weight"])
        loss = objective(px.at(all_centers(px)) if read else px)["loss"]
        loss.backward()
        results.append([loss.detach(), *(p.grad.clone() for p in network.parameters() if p.grad is not None)])
    torch.testing.assert_close(*results)


def test_maps_that_were_published_before_are_there_by_name() -> None:
    px, signal = make_batch(), Focal()
    values = px.map(signal)
    at = px.at(all_centers(px))
    assert at.publishers["focal"] is signal
    torch.testing.assert_close(at.maps["focal"].flatten(1), values.flatten(1))
    torch.testing.assert_close(at.map(signal).flatten(1), values.flatten(1))
    with pytest.raises(ValueError, match="two signals are named 'focal'"):
        at.map(Focal())


def test_a_signal_that_learns_does_so_on_all_pixels() -> None:
    network = tapped()
    objective = Sum({"a": WeightedCrossEntropy(HardnessLevel())}).bind(network)
    px = make_batch(network)
    expected = with_signal_losses(objective, px)["hardness"]
    objective(px.at(random(2, 3, 2)))
    (signal,) = (part for part in objective.modules() if isinstance(part, HardnessLevel))
    torch.testing.assert_close(signal.loss(px), expected)


def test_teachers_are_read_at_the_same_points() -> None:
    px = make_batch()
    points = random(2, 9, 2)
    assert px.teacher is not None
    torch.testing.assert_close(px.at(points).teacher.logits, px.teacher.at(points).logits)
    several = EnsembleBatch(px.teacher.logits, members={"one": px.teacher})
    at = replace(px, teacher=several).at(points).teacher
    torch.testing.assert_close(at.members["one"].logits, px.teacher.at(points).logits)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (torch.rand(1, 4, 2), r"shape \(2, N, 2\), N ≥ 1, found \(1, 4, 2\)"),
        (torch.rand(2, 4, 3), r"found \(2, 4, 3\)"),
        (torch.rand(2, 0, 2), r"N ≥ 1, found \(2, 0, 2\)"),
        (torch.ones(2, 4, 2, dtype=torch.long), r"floating-point shares from 0 to 1, found torch.int64"),
        (torch.full((2, 4, 2), 3.0), r"found 3 to 3 \(100 % .* divide pixel coordinates"),
        (torch.full((2, 4, 2), torch.nan), "found nan to nan"),
    ],
)
def test_what_are_no_points(points: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_batch().at(points)


def test_pixels_are_found_by_their_number() -> None:
    where = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(0)) < 0.4
    where[1] = False
    pixels = CountedPixels(where)
    for b in range(3):
        expected = where[b].flatten().nonzero().flatten()
        assert pixels.number[b] == len(expected)
        assert torch.equal(pixels.at(torch.arange(35).expand(3, -1))[b, : len(expected)], expected)


def test_each_pixel_that_counts_is_drawn_as_often_and_no_other_ever() -> None:
    where = torch.tensor([[[True, False, True, True]], [[False, False, True, False]]])
    drawn = CountedPixels(where).draw(30_000, torch.Generator().manual_seed(0))
    shares = torch.stack([drawn[b].bincount(minlength=4) / 30_000 for b in range(2)])
    expected = torch.tensor([[1 / 3, 0, 1 / 3, 1 / 3], [0, 0, 1, 0]])
    # Three standard deviations of a share are 0.0082.
    torch.testing.assert_close(shares, expected, rtol=0, atol=0.0082)
    assert (shares[~where[:, 0]] == 0).all()
