"""Weight maps that come with the data."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hardpix.objectives.weighting import weight_map
from hardpix.pixels import PixelBatch
from hardpix.signals import HardnessLevel, Precomputed
from testing import batch_of


@settings(max_examples=15)
@given(seed=st.integers(0, 2**16), floor=st.sampled_from([0.05, 0.1, 1.0]))
def test_an_exported_level_comes_back_as_the_hardness_that_was_learned(
    seed: int,
    floor: float,
    pixel_batch: Callable[..., PixelBatch],
    hardness_with_scores: Callable[..., HardnessLevel],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Through a 16-bit png, whose steps are 1 / 65535: to half a step."""
    px = pixel_batch(seed)
    scores = 3 * torch.randn(px.target.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    learned = hardness_with_scores(scores, floor=floor, form="published")
    path = tmp_path_factory.mktemp("png") / "level.png"
    for image in range(len(scores)):
        level = torch.sigmoid(scores[image]).numpy()
        Image.fromarray(np.round(65535 * level).astype(np.uint16)).save(path)
        read = torch.from_numpy(np.asarray(Image.open(path)).astype(np.float32) / 65535)
        alone = batch_of(px.logits[image : image + 1], px.target[image : image + 1], weight=read[None])
        torch.testing.assert_close(
            Precomputed(floor)(alone)[0].double(), learned(px)[image].detach(), rtol=0, atol=0.5 / 65535 + 1e-6
        )


def test_without_a_floor_the_weights_are_taken_as_they_are() -> None:
    weight = torch.tensor([[[0.0, 2.5, 7.0]]])
    px = batch_of(torch.zeros(1, 2, 1, 3), torch.tensor([[[0, 1, 255]]]), weight=weight)
    assert weight_map(px, Precomputed(floor=0)).tolist() == [[[0, 2.5, 0]]]
    assert Precomputed(floor=0)(px).tolist() == [[[0, 2.5, 7]]]


@pytest.mark.parametrize("filling", [float("nan"), float("inf")])
def test_what_the_map_holds_at_unlabelled_pixels_does_not_matter(filling: float) -> None:
    weight = torch.tensor([[[1.0, filling]]])
    px = batch_of(torch.zeros(1, 2, 1, 2), torch.tensor([[[1, 255]]]), weight=weight)
    assert weight_map(px, Precomputed(floor=0)).tolist() == [[[1, 0]]]


def test_no_map_and_a_negative_floor_are_errors(pixel_batch: Callable[..., PixelBatch]) -> None:
    with pytest.raises(RuntimeError, match="no weight map in the batch: pass weight="):
        Precomputed()(pixel_batch())
    with pytest.raises(ValueError, match=r"floor ≥ 0, found -0\.1"):
        Precomputed(-0.1)
