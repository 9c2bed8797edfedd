"""Pooling by features: its identities, and a loop over cells."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import hardpix.refiners.feature_pooling as module
from hardpix.refiners import FeaturePooling

COLORS = nn.Identity()


def drawn(size: tuple[int, int] = (3, 5), dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, 4, *size, generator=generator, dtype=torch.float64).softmax(1)
    return maps.to(dtype), torch.randn(2, 6, *size, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.6])
@pytest.mark.parametrize("rows", [4, 4096])
def test_it_is_what_a_loop_over_cells_gives(threshold: float, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", rows)
    maps, image = drawn()
    found = FeaturePooling(COLORS, threshold)(maps, image).flatten(2)
    flat, g = maps.flatten(2), image.flatten(2)
    for b in range(2):
        for i in range(15):
            total, weights = torch.zeros(4, dtype=torch.float64), 0.0
            for j in range(15):
                cosine = float(g[b, :, i] @ g[b, :, j] / g[b, :, i].norm() / g[b, :, j].norm())
                if cosine >= threshold:
                    total, weights = total + cosine * flat[b, :, j], weights + cosine
            torch.testing.assert_close(found[b, :, i], total / weights)


def test_it_keeps_what_its_formula_keeps() -> None:
    maps, image = drawn()
    same = FeaturePooling(COLORS, 1 - 1e-9)(maps, image)
    torch.testing.assert_close(same, maps)
    alike = FeaturePooling(COLORS)(maps, image[:, :, :1, :1].expand_as(image))
    torch.testing.assert_close(alike, maps.mean((2, 3), keepdim=True).expand_as(maps))
    torch.testing.assert_close(FeaturePooling(COLORS)(maps, 7 * image), FeaturePooling(COLORS)(maps, image))
    found = FeaturePooling(COLORS)(maps, image)
    torch.testing.assert_close(found.sum(1), torch.ones(2, 3, 5, dtype=torch.float64))
    assert (found >= maps.amin((2, 3), keepdim=True)).all()
    assert (found <= maps.amax((2, 3), keepdim=True)).all()


def test_two_orthogonal_groups_get_their_means_and_keep_them() -> None:
    maps, _ = drawn((1, 4))
    image = torch.zeros(2, 6, 1, 4, dtype=torch.float64)
    image[:, 0, :, :2], image[:, 1, :, 2:] = 2, 5
    found = FeaturePooling(COLORS)(maps, image)
    for part in (slice(0, 2), slice(2, 4)):
        torch.testing.assert_close(found[..., part], maps[..., part].mean(3, keepdim=True).expand(2, 4, 1, 2))
    torch.testing.assert_close(FeaturePooling(COLORS)(found, image), found)


def test_a_cell_without_features_keeps_its_value() -> None:
    maps, image = drawn()
    image[0, :, 1, 2] = 0
    found = FeaturePooling(COLORS)(maps, image)
    assert found.isfinite().all()
    torch.testing.assert_close(found[0, :, 1, 2], maps[0, :, 1, 2])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("size", [(1, 1), (4, 9), (9, 2)])
def test_every_type_and_shape_and_a_coarser_grid(dtype: torch.dtype, size: tuple[int, int]) -> None:
    maps, image = drawn(size, dtype)
    found = FeaturePooling(nn.AvgPool2d(2, ceil_mode=True))(maps, image)
    assert found.dtype == torch.float32
    assert found.shape == maps.shape
    torch.testing.assert_close(found.sum(1), torch.ones(2, *size), rtol=0, atol=1e-2)


def test_gradients_reach_the_probabilities() -> None:
    maps, image = drawn((2, 3))
    refine = FeaturePooling(COLORS)
    assert torch.autograd.gradcheck(lambda given: refine(given, image), maps.requires_grad_())


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a threshold from 0 to below 1, found 1"):
        FeaturePooling(COLORS, 1)
    with pytest.raises(ValueError, match=r"expected features \(B, D, h, w\) of Flatten, found \(2, 90\)"):
        FeaturePooling(nn.Flatten())(*drawn())
