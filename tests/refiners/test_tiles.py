"""Tiles: they cover an image once, and local refiners give what they give for the whole image."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardpix.refiners import PAMR, PAR, Affinity, LocalAffinity, Tiled, tiles


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 17), st.integers(0, 9))
def test_tiles_cover_every_pixel_once_with_all_of_the_margin_that_the_image_has(
    height: int, width: int, side: int, overlap: int
) -> None:
    numbers = np.arange(height * width).reshape(height, width)
    seen = np.zeros((height, width), int)
    for tile in tiles(height, width, side, overlap):
        seen[tile.kept] += 1
        np.testing.assert_array_equal(numbers[tile.read][tile.inner], numbers[tile.kept])
        for kept, read, length in zip(tile.kept, tile.read, (height, width), strict=True):
            assert read.start == max(0, kept.start - overlap)
            assert read.stop == min(length, kept.stop + overlap)
            assert kept.stop - kept.start <= side
    assert (seen == 1).all()


@pytest.mark.parametrize("refine", [PAMR((1, 3), 2), PAR((1, 2), 3), PAMR((2,), 0)])
@pytest.mark.parametrize("tile", [1, 5, 8, 100])
def test_local_refiners_give_what_the_whole_image_gives(refine: LocalAffinity, tile: int) -> None:
    generator = torch.Generator().manual_seed(0)
    maps, image = (
        torch.rand(2, 3, 19, 26, generator=generator).softmax(1),
        torch.rand(2, 3, 19, 26, generator=generator),
    )
    tiled = Tiled(refine, tile)
    assert tiled.overlap == refine.steps * max(refine.dilations)
    torch.testing.assert_close(tiled(maps, image), refine(maps, image), rtol=0, atol=1e-6)


def test_an_overlap_below_the_reach_shows() -> None:
    generator = torch.Generator().manual_seed(0)
    maps, image = torch.rand(1, 3, 20, 20, generator=generator), torch.rand(1, 3, 20, 20, generator=generator)
    refine = PAMR((1, 3), 2)
    assert (Tiled(refine, 8, overlap=5)(maps, image) - refine(maps, image)).abs().max() > 1e-4
    assert Tiled(refine, 8, overlap=5).reach is None
    assert Tiled(refine, 8).reach == 6


def test_a_refiner_of_the_whole_image_needs_an_overlap() -> None:
    with pytest.raises(ValueError, match="expected an overlap for Affinity, whose result depends on the whole image"):
        Tiled(Affinity())
    maps = torch.rand(1, 2, 20, 20)
    assert Tiled(Affinity(cell=2), 8, overlap=4)(maps, torch.rand(1, 3, 20, 20)).shape == maps.shape
    with pytest.raises(ValueError, match="expected tile ≥ 1"):
        Tiled(PAMR(), 0)
