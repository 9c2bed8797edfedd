"""Skeletons, tubes and thin parts, against scikit-image, scipy and the report's thin parts."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage.draw import disk, ellipse_perimeter, line
from skimage.morphology import dilation, skeletonize

from hardpix.metrics.thin_parts import thin_parts as thin_parts_of_the_report
from hardpix.pixels import skeletons, thin_parts, tubes

FULL, CROSS = np.ones((3, 3)), ndimage.generate_binary_structure(2, 1)


def smooth_noise(seed: int, height: int = 41, width: int = 57, classes: int = 2, sigma: float = 2.0) -> np.ndarray:
    """Random blobs of classes."""
    noise = np.random.default_rng(seed).normal(size=(classes, height, width))
    return ndimage.gaussian_filter(noise, (0, sigma, sigma)).argmax(0)


def skeleton_of(mask: np.ndarray) -> np.ndarray:
    return skeletons(torch.from_numpy(np.where(mask, 0, 255))[None])[0].numpy()


def pieces_and_holes(mask: np.ndarray) -> tuple[int, int]:
    """8-connected pieces of a mask, and 4-connected pieces of what is not in it."""
    outside = ~np.pad(mask, 1)
    return ndimage.label(mask, FULL)[1], ndimage.label(outside, CROSS)[1]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**16), sigma=st.sampled_from([0.6, 1.0, 2.0, 4.0]))
def test_a_skeleton_lies_in_its_mask_and_has_its_pieces_and_holes(seed: int, sigma: float) -> None:
    mask = smooth_noise(seed, sigma=sigma) == 1
    found = skeleton_of(mask)
    assert not (found & ~mask).any()
    assert pieces_and_holes(found) == pieces_and_holes(mask)
    assert not ndimage.binary_erosion(found, FULL).any()
    assert np.array_equal(skeleton_of(found), found)


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.0])
def test_lines_are_no_broader_and_about_as_long_as_those_of_scikit_image(sigma: float) -> None:
    """Squares of four pixels are left at crossings alone, and fewer of them."""
    masks = [smooth_noise(seed, sigma=sigma) == 1 for seed in range(20)]
    own, other = ([thinned(mask) for mask in masks] for thinned in (skeleton_of, skeletonize))
    squares = [sum(ndimage.binary_erosion(one, np.ones((2, 2))).sum() for one in maps) for maps in (own, other)]
    lengths = [sum(one.sum() for one in maps) for maps in (own, other)]
    assert squares[0] <= squares[1]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.1)


@pytest.mark.parametrize("ends", [(0, 0, 0, 20), (0, 0, 15, 0), (2, 3, 18, 19), (2, 3, 18, 8), (17, 1, 4, 20)])
def test_lines_are_their_own_skeletons_as_those_of_scikit_image(ends: tuple[int, int, int, int]) -> None:
    mask = np.zeros((20, 23), bool)
    mask[line(*ends)] = True
    assert np.array_equal(skeleton_of(mask), mask)
    assert np.array_equal(skeletonize(mask), mask)


@pytest.mark.parametrize("width", [3, 5, 9])
def test_the_skeleton_of_a_bar_is_near_the_one_of_scikit_image(width: int) -> None:
    mask = np.zeros((30, 60), bool)
    mask[8 : 8 + width, 5:55] = True
    found, other = skeleton_of(mask), skeletonize(mask)
    assert ndimage.distance_transform_cdt(~other)[found].max() <= 1
    middle = np.zeros_like(mask)
    middle[8 + width // 2, 5 + width : 55 - width] = True
    assert found[middle].all()


def test_a_ring_stays_a_ring_and_a_disc_becomes_a_point() -> None:
    ring, disc = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    ring[ellipse_perimeter(20, 20, 12, 9)] = True
    ring = ndimage.binary_dilation(ring, FULL)
    disc[disk((20, 20), 8)] = True
    assert pieces_and_holes(skeleton_of(ring)) == (1, 2)
    assert skeleton_of(disc).sum() <= 3


def test_a_square_of_four_pixels_keeps_one() -> None:
    """The algorithm of Zhang and Suen removes all four."""
    mask = np.zeros((6, 6), bool)
    mask[2:4, 2:4] = True
    assert skeleton_of(mask).sum() == 1


def test_all_classes_and_images_at_once_are_each_alone() -> None:
    maps = np.stack([smooth_noise(seed, classes=4) for seed in range(3)])
    maps[:, 10:14, 5:40] = 255
    found = skeletons(torch.from_numpy(maps)).numpy()
    for labels, whole in zip(maps, found, strict=True):
        alone = [skeleton_of(labels == number) for number in range(4)]
        assert np.array_equal(np.any(alone, axis=0), whole)
    assert not found[maps == 255].any()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32])
def test_the_type_of_labels_makes_no_difference(dtype: torch.dtype) -> None:
    labels = torch.from_numpy(smooth_noise(1, classes=3))[None]
    labels[0, :5] = 255
    assert torch.equal(skeletons(labels.to(dtype)), skeletons(labels))
    assert torch.equal(thin_parts(labels.to(dtype), 2), thin_parts(labels, 2))


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 1, 9), (1, 9, 1), (3, 2, 2)])
@pytest.mark.parametrize("label", [0, 7, 255])
def test_small_maps_of_one_label(size: tuple[int, int, int], label: int) -> None:
    labels = torch.full(size, label)
    found = skeletons(labels)
    assert found.flatten(1).any(1).all() == (label != 255)
    assert not (found & (labels == 255)).any()
    assert torch.equal(tubes(found, labels, 20), labels != 255)
    assert not thin_parts(labels, 3).any()


@pytest.mark.parametrize("radius", [0, 1, 2, 3])
def test_a_tube_is_scikit_images_dilation_within_the_mask(radius: int) -> None:
    mask = smooth_noise(3) == 1
    skeleton = skeleton_of(mask)
    expected = skeleton
    for _ in range(radius):
        expected = dilation(expected)
    labels = torch.from_numpy(mask.astype(int))[None]
    found = tubes(torch.from_numpy(skeleton)[None], labels, radius)[0].numpy()
    assert np.array_equal(found, expected & mask)


@pytest.mark.parametrize("radius", [1, 2, 3, 5])
@pytest.mark.parametrize("sigma", [0.6, 2.0, 4.0])
def test_thin_parts_are_those_of_the_report(radius: int, sigma: float) -> None:
    maps = np.stack([smooth_noise(seed, classes=3, sigma=sigma) for seed in range(4)]).astype(np.uint8)
    maps[0, 3:9, 10:30] = maps[1, :, :4] = 255
    expected = np.stack([thin_parts_of_the_report(labels, radius) for labels in maps])
    assert expected.any()
    assert np.array_equal(thin_parts(torch.from_numpy(maps), radius).numpy(), expected)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: skeletons(torch.zeros(3, 4, dtype=torch.int64)), r"target\[None\]"),
        (lambda: skeletons(torch.zeros(1, 3, 4)), "integer class ids"),
        (lambda: tubes(torch.ones(1, 2, 2, dtype=torch.bool), torch.zeros(1, 2, 2, dtype=torch.int64), -1), "radius"),
        (lambda: thin_parts(torch.zeros(1, 2, 2, dtype=torch.int64), 0), "at least 1 pixel"),
    ],
)
def test_what_is_no_label_map_or_radius_is_refused(call: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()  # type: ignore[operator]
