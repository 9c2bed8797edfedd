"""Averages over alike cells: constants and ranges are preserved, which the published form does not do."""

from __future__ import annotations

import pytest
import torch

from hardpix.refiners import Affinity
from hardpix.refiners.affinity import affinity_mean, affinity_of


def random_maps(size: tuple[int, int] = (5, 6), seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 3, *size, generator=generator).softmax(1), torch.randn(2, 4, *size, generator=generator)


def test_affinity_and_mean_are_those_of_loops() -> None:
    maps, features = random_maps()
    weights = affinity_of(features, 0.7)
    found = affinity_mean(maps, weights)
    for image in range(2):
        cells = [(y, x) for y in range(5) for x in range(6)]
        for i, (y, x) in enumerate(cells):
            dots = [float(features[image, :, y, x] @ features[image, :, r, c]) for r, c in cells]
            row = [1 / (1 + torch.e ** (-dot / 0.7)) for dot in dots]
            torch.testing.assert_close(weights[image, i], torch.tensor(row))
            for k in range(3):
                values = [float(maps[image, k, r, c]) for r, c in cells]
                mean = sum(w * v for w, v in zip(row, values, strict=True)) / sum(row)
                assert found[image, k, y, x].item() == pytest.approx(mean, rel=1e-5)


def test_constants_and_ranges_are_preserved_unlike_by_distributed_mass() -> None:
    maps, features = random_maps()
    weights = affinity_of(features)
    constant = torch.full((2, 1, 5, 6), 0.3)
    torch.testing.assert_close(affinity_mean(constant, weights), constant)
    found = affinity_mean(maps, weights)
    assert found.max() <= maps.max()
    assert found.min() >= maps.min()
    published = constant.flatten(2) @ (weights / weights.sum(2, keepdim=True))
    assert (published - 0.3).abs().max() > 0.01


def test_the_identity_changes_nothing() -> None:
    maps, _ = random_maps()
    torch.testing.assert_close(affinity_mean(maps, torch.eye(30).expand(2, 30, 30)), maps)


@pytest.mark.parametrize("size", [(5, 6), (16, 17), (1, 1), (3, 40)])
def test_probabilities_stay_such(size: tuple[int, int]) -> None:
    maps, image = random_maps(size)
    refined = Affinity(cell=4)(maps, image[:, :3])
    assert refined.shape == maps.shape
    torch.testing.assert_close(refined.sum(1), torch.ones(2, *size))


def test_unlike_halves_do_not_mix() -> None:
    image = torch.cat([torch.full((1, 3, 8, 8), -3.0), torch.full((1, 3, 8, 8), 3.0)], 3)
    mask = (image[:, :1] > 0).float()
    maps = torch.cat([1 - mask, mask], 1)
    torch.testing.assert_close(Affinity(cell=1)(maps, image), maps)


@pytest.mark.parametrize("settings", [{"cell": 0}, {"temperature": 0.0}])
def test_settings_outside_their_range(settings: dict) -> None:
    with pytest.raises(ValueError, match="expected cell"):
        Affinity(**settings)
