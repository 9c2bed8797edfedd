"""Depth moves with its labels, and what is enlarged is nearer."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision import tv_tensors

from hardpix.data import EvaluationTransform, RandomScaledCrop, TrainingTransform

BOARD, FOCAL = 0.8, 100.0


@pytest.mark.parametrize("meters", [2.0, 5.0])
@pytest.mark.parametrize(("scale", "resolution"), [(0.5, 1.0), (1.0, 1.0), (2.0, 1.0), (1.0, 0.5), (2.0, 0.5)])
def test_what_is_enlarged_is_as_much_nearer(meters: float, scale: float, resolution: float) -> None:
    """A board of width w at distance z is f · w / z pixels wide, and f shrinks with the resolution."""
    width = round(FOCAL * BOARD / meters)
    target = torch.zeros(90, 90, dtype=torch.int64)
    target[:, 20 : 20 + width] = 1
    depth = torch.where(target == 1, meters, 50.0)
    depth[::3] = float("nan")
    sample = {"image": torch.zeros(3, 90, 90, dtype=torch.uint8), "target": target, "depth": depth}
    size = round(90 * scale * resolution)
    cut = RandomScaledCrop(size, (scale, scale), max_class_share=1, resolution=resolution)(sample)
    seen = int(cut["target"][size // 2].sum())
    near = cut["depth"][cut["target"] == 1]
    assert near.isnan().any()
    for found in near[near.isfinite()].tolist():
        assert found == pytest.approx(resolution * FOCAL * BOARD / seen, rel=1 / seen)
        assert found == pytest.approx(meters / scale)
    assert cut["depth"][cut["target"] == 0].nan_to_num(50 / scale).sub(50 / scale).abs().max() < 1e-4
    assert sample["depth"] is depth
    assert depth.nan_to_num(50.0).max() == 50


def labelled(target: torch.Tensor) -> dict[str, Any]:
    """A sample whose depth is (1 + label) / 8 meters."""
    return {
        "image": tv_tensors.Image(torch.zeros(3, *target.shape, dtype=torch.uint8)),
        "target": tv_tensors.Mask(target),
        "depth": tv_tensors.Mask((1 + target) / 8),
    }


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.3, 3), st.sampled_from([1.0, 0.7]), st.integers(0, 2**31))
def test_depth_stays_on_its_labels(height: int, width: int, scale: float, resolution: float, seed: int) -> None:
    """Crops, padding and flips move both alike."""
    torch.manual_seed(seed)
    sample = labelled(torch.randint(0, 9, (height, width)))
    transform = TrainingTransform((17, 23), scale=(scale, scale), resolution=resolution)
    for _ in range(3):
        seen = transform(sample)
        target, depth = seen["target"].as_subclass(torch.Tensor), seen["depth"].as_subclass(torch.Tensor)
        expected = torch.where(target == 255, float("nan"), (1 + target) / 8 / scale)
        torch.testing.assert_close(depth, expected, equal_nan=True)


def test_every_crop_has_its_own_factor() -> None:
    torch.manual_seed(0)
    jitter = RandomScaledCrop(30, (0.5, 2.0), max_class_share=1)
    factors = []
    for _ in range(100):
        cut = jitter(labelled(torch.full((20, 20), 7)))
        known = cut["depth"][cut["depth"].isfinite()]
        # 20 pixels that all lie in the crop, or as many as fit.
        across = int((cut["target"] == 7).sum(1).max())
        factors.append(1 / known[0].item())
        assert known.eq(known[0]).all()
        assert across == pytest.approx(min(30, 20 * factors[-1]), abs=1.5)
    assert min(factors) < 0.6
    assert max(factors) > 1.9


def test_evaluation_needs_no_depth_and_leaves_it_alone() -> None:
    sample = labelled(torch.randint(0, 9, (30, 50)))
    seen = EvaluationTransform(resolution=0.5)(sample)
    assert seen["depth"].equal(sample["depth"])
    del sample["depth"]
    assert EvaluationTransform(resolution=0.5)(sample)["image"].equal(seen["image"])


@pytest.mark.parametrize("resolution", [0.0, -1.0])
def test_resolutions_that_cannot_be(resolution: float) -> None:
    with pytest.raises(ValueError, match="expected resolution > 0"):
        RandomScaledCrop(4, resolution=resolution)
