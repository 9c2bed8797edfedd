"""Objectives at drawn points: which are drawn, what they stand for, and what is resumed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import hardpix
from hardpix.objectives import (
    AtPoints,
    BorderCrossEntropy,
    BoundaryLoss,
    MultiScaleAgreement,
    NeighborAgreement,
    Objective,
    RegionDistillation,
    SideOutputs,
    SkeletonRecall,
    SoftClDice,
    Sum,
    WeightedCrossEntropy,
)
from hardpix.pixels import CountedPixels, PixelBatch
from hardpix.signals import Focal, HardnessLevel, Signal


class Kept(Objective):
    """An objective that keeps the batch that it was given."""

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        self.px = px
        return {"loss": px.masked(px.loss).sum()}


class Column(Signal):
    """The number of the pixel's column."""

    name = "column"

    def forward(self, px: PixelBatch) -> Tensor:
        return torch.arange(px.shape[2]).float().expand(px.shape)


def batch(
    size: tuple[int, int, int] = (2, 12, 16), classes: int = 3, ignored: float = 0.3, **sample: Any
) -> PixelBatch:
    generator = torch.Generator().manual_seed(0)
    images, height, width = size
    logits = torch.randn(images, classes, height, width, generator=generator)
    target = torch.randint(0, classes, size, generator=generator)
    target[torch.rand(size, generator=generator) < ignored] = 255
    return PixelBatch(logits.requires_grad_(), target, sample=sample)


def indices(at: PixelBatch, px: PixelBatch) -> Tensor:
    """Row by row (B, N) of the pixels that the points are centers of."""
    _, height, width = px.shape
    assert at.points is not None
    columns, rows = at.points[..., 0] * width - 0.5, at.points[..., 1] * height - 0.5
    torch.testing.assert_close(columns, columns.round(), rtol=0, atol=1e-4)
    torch.testing.assert_close(rows, rows.round(), rtol=0, atol=1e-4)
    return (rows.round() * width + columns.round()).long()


def test_unlabeled_and_untrusted_pixels_are_never_drawn_and_no_point_is_lost() -> None:
    """Drawn from all pixels, as by the authors, three in ten points would be."""
    trust = torch.rand(2, 12, 16, generator=torch.Generator().manual_seed(1))
    trust[trust < 0.3] = 0
    px = batch(target_weight=trust)
    objective = AtPoints(Kept(), points=40)
    for _ in range(20):
        objective(px)
        at = objective.objective.px
        assert at.valid.all()
        assert (at.sample["target_weight"] > 0).all()
        assert at.valid.shape == (2, 1, 40)


def test_the_most_uncertain_of_the_candidates_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    px, drawn = batch(), []
    draw = CountedPixels.draw

    def watched(self: CountedPixels, count: int, generator: torch.Generator) -> Tensor:
        drawn.append(draw(self, count, generator))
        return drawn[-1]

    monkeypatch.setattr(CountedPixels, "draw", watched)
    objective = AtPoints(Kept(), points=22, oversample=2.5)
    objective(px)
    fresh, candidates = drawn
    assert fresh.shape == (2, 22 - 16)
    assert candidates.shape == (2, 55)
    best = px.logits.detach().topk(2, dim=1).values
    margin = (best[:, 0] - best[:, 1]).flatten(1)
    found = indices(objective.objective.px, px)
    for b in range(2):
        assert sorted(found[b].tolist()) == sorted(
            fresh[b].tolist() + sorted(candidates[b].tolist(), key=lambda i: margin[b, i].item())[:16]
        )


def test_a_single_channel_is_uncertain_near_zero() -> None:
    logits = torch.linspace(-8, 8, 64).view(1, 1, 8, 8)
    objective = AtPoints(Kept(), points=6, uncertain=1, oversample=8)
    objective(PixelBatch(logits, torch.zeros(1, 8, 8, dtype=torch.long)))
    assert objective.objective.px.logits.abs().max() < 2


@pytest.mark.parametrize("way", ["signal", "published", "own"])
def test_any_signal_may_be_the_uncertainty(way: str) -> None:
    px, signal = batch(), Column()
    inner: Objective = Kept()
    if way == "own":
        inner = Sum({"kept": Kept(), "weighted": WeightedCrossEntropy(signal)})
    if way == "published":
        px.map(signal)
    objective = AtPoints(
        inner, points=10, oversample=12, uncertain=1, uncertainty=signal if way == "signal" else "column"
    )
    objective(px)
    kept = next(part for part in objective.modules() if isinstance(part, Kept))
    # The ten rightmost of 120 candidates are in the last two of 16 columns.
    assert (indices(kept.px, px) % 16 >= 14).all()


def test_a_name_that_nobody_publishes() -> None:
    with pytest.raises(ValueError, match="published map 'hardness' as what makes points uncertain, found none"):
        AtPoints(WeightedCrossEntropy(), uncertainty="hardness")(batch())


def test_an_image_of_few_labels_is_used_whole() -> None:
    px = batch(target_weight=(torch.rand(2, 12, 16, generator=torch.Generator().manual_seed(1)) - 0.3).clamp(min=0))
    assert 100 < px.valid.sum((1, 2)).max() <= 192
    for signal in (None, Focal()):
        inner = WeightedCrossEntropy(signal)
        found, expected = AtPoints(inner, points=192)(px)["loss"], inner(px)["loss"]
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(
            *(torch.autograd.grad(loss, px.logits, retain_graph=True)[0] for loss in (found, expected))
        )


@pytest.mark.parametrize("signal", [None, Focal()], ids=["by weight", "by count"])
def test_uniform_points_estimate_the_loss_of_all_pixels(signal: Signal | None) -> None:
    """An image counts by its labeled pixels: alike, the nearly unlabeled one would have half of the say."""
    px = batch()
    px.target[1, 1:] = 255
    px.logits.data[1] += 6 * torch.nn.functional.one_hot(px.target[1].clamp(max=2), 3).permute(2, 0, 1)
    inner = WeightedCrossEntropy(signal)
    objective = AtPoints(inner, points=9, uncertain=0)
    with torch.no_grad():
        losses = torch.stack([objective(px)["loss"] for _ in range(600)])
        expected = inner(px)["loss"]
        each = torch.stack([inner(PixelBatch(px.logits[b : b + 1], px.target[b : b + 1]))["loss"] for b in range(2)])
    error = (losses.mean() - expected).abs()
    assert error < 3.5 * losses.std() / 600**0.5
    assert (each.mean() - expected).abs() > 10 * losses.std() / 600**0.5


def test_a_resumed_run_draws_as_an_uninterrupted_one() -> None:
    px, first = batch(), AtPoints(Kept(), points=5)
    draws = []
    for _ in range(4):
        first(px)
        draws.append(indices(first.objective.px, px))
        if len(draws) == 2:
            state = {name: value.clone() for name, value in first.state_dict().items()}
    assert not torch.equal(draws[2], draws[3])
    resumed = AtPoints(Kept(), points=5)
    resumed(px)
    resumed.load_state_dict(state)
    for expected in draws[2:]:
        resumed(px)
        assert torch.equal(indices(resumed.objective.px, px), expected)
    other = AtPoints(Kept(), points=5, seed=1)
    other(px)
    assert not torch.equal(indices(other.objective.px, px), draws[0])


def test_learned_hardness_says_where_and_learns_from_all_pixels() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 3, 1)))
    objective = AtPoints(WeightedCrossEntropy(), points=8, uncertainty=HardnessLevel())
    step = hardpix.TrainingStep(hardpix.tap(model, decoder="1"), objective)
    losses = step(torch.rand(2, 3, 12, 16), torch.randint(3, (2, 12, 16)))
    assert sorted(losses) == ["hardness", "loss", "segmentation"]
    losses["loss"].backward()
    assert all(p.grad is not None and p.grad.any() for p in objective.uncertainty.branch.parameters())


AROUND: list[Callable[[], Objective]] = [
    BorderCrossEntropy,
    BoundaryLoss,
    MultiScaleAgreement,
    NeighborAgreement,
    RegionDistillation,
    SideOutputs,
    SkeletonRecall,
    SoftClDice,
]


@pytest.mark.parametrize("make", AROUND)
def test_what_looks_at_neighbors_is_refused(make: Callable[[], Objective]) -> None:
    with pytest.raises(
        ValueError, match=f"found {make().__class__.__name__}, whose loss depends on a pixel's neighbors"
    ):
        AtPoints(Sum({"one": WeightedCrossEntropy(), "two": make()}))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"points": 0}, "points ≥ 1, found 0"),
        ({"oversample": 0.5}, "oversample ≥ 1"),
        ({"uncertain": 1.5}, "from 0 to 1, found 1.5"),
    ],
)
def test_settings_outside_of_their_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AtPoints(WeightedCrossEntropy(), **settings)
