"""Windows of a sample: labels move with their pixels."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import interpolate
from torchvision import tv_tensors

from hardpix.data import RandomScaledCrop
from hardpix.data.crop import cut_image, cut_map, largest_share

IGNORE = 9999


def place_sample(height: int, width: int) -> dict[str, Any]:
    """A sample in which the image's red and green, the target, depth and weight all tell the pixel's row and column."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image = torch.stack([rows, columns, torch.full_like(rows, 200)]).to(torch.uint8)
    code = rows * 100 + columns
    return {
        "image": tv_tensors.Image(image),
        "target": tv_tensors.Mask(code),
        "depth": tv_tensors.Mask(code.float() + 0.5),
        "weight": tv_tensors.Mask(code.float() / 8192),
        "stem": "x",
    }


@given(st.integers(1, 60), st.integers(1, 60), st.tuples(st.integers(1, 70), st.integers(1, 70)), st.integers(0, 2**31))
def test_at_scale_1_everything_still_tells_the_same_place(
    height: int, width: int, size: tuple[int, int], seed: int
) -> None:
    torch.manual_seed(seed)
    sample = place_sample(height, width)
    cut = RandomScaledCrop(size, (1, 1), max_class_share=1, ignore_index=IGNORE, fill=(250, 251, 252))(sample)
    assert {key: tuple(cut[key].shape[-2:]) for key in cut if key != "stem"} == dict.fromkeys(
        ("image", "target", "depth", "weight"), size
    )
    inside = cut["target"] != IGNORE
    assert inside.sum() == min(height, size[0]) * min(width, size[1])
    red, green, blue = cut["image"].long()
    assert (red * 100 + green)[inside].equal(cut["target"][inside])
    assert blue[inside].eq(200).all()
    assert cut["depth"][inside].equal(cut["target"][inside] + 0.5)
    assert cut["weight"][inside].equal(cut["target"][inside] / 8192)
    assert [channel[~inside].unique().tolist() for channel in (red, green, blue)] == (
        [[], [], []] if inside.all() else [[250], [251], [252]]
    )
    assert cut["depth"][~inside].isnan().all()
    assert cut["weight"][~inside].eq(0).all()
    assert sample["target"].equal(place_sample(height, width)["target"]), "the sample that went in has been changed"


@pytest.mark.parametrize("scale", [0.5, 0.8, 1.6, 2.0])
def test_at_other_scales_image_and_label_differ_by_less_than_a_pixel(scale: float) -> None:
    torch.manual_seed(0)
    for _ in range(5):
        cut = RandomScaledCrop((33, 47), (scale, scale), max_class_share=1, ignore_index=IGNORE)(place_sample(90, 95))
        inside = cut["target"] != IGNORE
        for size, place in ((33, cut["target"] // 100), (47, cut["target"] % 100)):
            assert int(place.max() - place.min()) == pytest.approx((size - 1) / scale, abs=1.5)
        inside[:2] = inside[-2:] = False  # the blurred border of the padding
        inside[:, :2] = inside[:, -2:] = False
        padding = tuple(int(v) for v in (~inside[2:-2, 2:-2]).sum(dim=(0, 1)).reshape(1))
        assert padding == (0,)
        for channel, place in ((0, cut["target"] // 100), (1, cut["target"] % 100)):
            assert (cut["image"][channel] - place)[inside].abs().max() <= 1


def ramp_sample(height: int, width: int) -> dict[str, Any]:
    """Red is 4 × the column, green 4 × the row; the target is 100 × the row + the column."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image = torch.stack([4 * columns, 4 * rows, torch.zeros_like(rows)]).to(torch.uint8)
    return {"image": tv_tensors.Image(image), "target": tv_tensors.Mask(rows * 100 + columns)}


def centres(first: int, length: int, count: int) -> np.ndarray:
    """Centers of `count` pixels that share out `length` source pixels from `first` on.

    The unit is a source pixel, whose own center is a whole number. Pixel k of the result is centered (k + ½) / count of
    the way along the stretch, which begins half a pixel before its first center.
    """
    return first + (np.arange(count) + 0.5) * length / count - 0.5


# Top, left, height and width in an image of 48 × 60, and the size they come to.
WINDOWS = [
    ((0, 0, 48, 60), (24, 30)),
    ((0, 0, 12, 10), (24, 20)),
    ((7, 9, 20, 40), (20, 40)),
    ((7, 9, 20, 40), (40, 80)),
    ((7, 9, 20, 40), (10, 20)),
    ((3, 8, 40, 48), (10, 12)),
    ((3, 8, 10, 12), (40, 48)),
    ((10, 2, 24, 36), (36, 54)),
    ((4, 5, 33, 47), (21, 40)),
    ((10, 10, 1, 1), (5, 5)),
]


@pytest.mark.parametrize(("window", "size"), WINDOWS)
def test_labels_come_from_under_the_centre_of_each_pixel(window: tuple, size: tuple[int, int]) -> None:
    top, left, height, width = window
    cut = cut_map(ramp_sample(48, 60)["target"], window, size, IGNORE)
    # The source pixel around a center: halves, on the border of two, go to the later one.
    rows = np.floor(centres(top, height, size[0]) + 0.5)
    columns = np.floor(centres(left, width, size[1]) + 0.5)
    np.testing.assert_array_equal(cut, rows[:, None] * 100 + columns)


@pytest.mark.parametrize(("window", "size"), WINDOWS)
def test_a_ramp_stays_the_ramp_at_the_centre_of_each_pixel(window: tuple, size: tuple[int, int]) -> None:
    """A bilinear filter gives a linear picture's value at the very center, away from the ends of the window."""
    top, left, height, width = window
    cut = cut_image(ramp_sample(48, 60)["image"], window, size, (0, 0, 0)).long().numpy()
    for channel, first, length, count in ((0, left, width, size[1]), (1, top, height, size[0])):
        place = centres(first, length, count)
        reach = max(1, length / count)  # of the filter, to either side
        inside = (place - reach >= first - 0.5) & (place + reach <= first + length - 0.5)
        found = cut[channel].T if channel == 1 else cut[channel]
        assert (found == found[0]).all()
        # Whole numbers are rounded to. Shrunk by no whole factor, pixels lie unevenly under the filter, which is then
        # off by up to 0.06 source pixels; an error of half a pixel would make 2.
        rounding = 0.5 if count >= length or length % count == 0 else 0.75
        np.testing.assert_allclose(found[0][inside], 4 * place[inside], atol=rounding)
        assert inside.any() or length == 1


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_a_drawn_crop_has_image_and_label_at_the_same_place(scale: float) -> None:
    """The label tells which source pixel the center lies in; the image, 4 × its place, how far off its middle."""
    torch.manual_seed(0)
    off = {0.5: {-2}, 1.0: {0}, 2.0: {-1, 1}}[scale]
    for _ in range(10):
        cut = RandomScaledCrop((12, 16), (scale, scale), max_class_share=1, ignore_index=IGNORE)(ramp_sample(48, 60))
        inner = (slice(2, -2), slice(2, -2))
        columns, rows = (cut["image"][channel].long()[inner] for channel in (0, 1))
        label = cut["target"][inner]
        assert set((columns - 4 * (label % 100)).flatten().tolist()) == off
        assert set((rows - 4 * (label // 100)).flatten().tolist()) == off


@pytest.mark.parametrize("size", [(5, 7), (10, 14), (3, 4), (1, 1), (13, 9)])
def test_maps_take_the_nearest_pixel_as_torch_does(size: tuple[int, int]) -> None:
    values = torch.rand(5, 7)
    expected = interpolate(values[None, None], size, mode="nearest-exact")[0, 0]
    assert cut_map(values, (0, 0, 5, 7), size, -1.0).equal(expected)


def test_images_are_resized_as_pillow_does() -> None:
    from PIL import Image

    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    for size in ((20, 33), (80, 90)):
        ours = cut_image(torch.from_numpy(image).permute(2, 0, 1), (0, 0, 40, 60), size, (0, 0, 0))
        theirs = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
        assert np.abs(ours.permute(1, 2, 0).numpy().astype(int) - theirs).max() <= 1


def test_every_place_and_the_whole_range_of_scales_are_drawn() -> None:
    torch.manual_seed(1)
    crop = RandomScaledCrop(2, (1, 1), max_class_share=1, ignore_index=IGNORE)
    corners = {int(crop(place_sample(4, 5))["target"][0, 0]) for _ in range(300)}
    assert corners == {100 * row + column for row in range(3) for column in range(4)}
    small = {tuple((crop(place_sample(1, 1))["target"] != IGNORE).nonzero()[0].tolist()) for _ in range(60)}
    assert small == {(0, 0), (0, 1), (1, 0), (1, 1)}
    wide = RandomScaledCrop(20, (0.5, 2.0), max_class_share=1, ignore_index=IGNORE)
    spans = [int(t.max() // 100 - t.min() // 100) for t in (wide(place_sample(90, 90))["target"] for _ in range(200))]
    assert min(spans) <= 11
    assert max(spans) >= 35


def half_and_half() -> dict[str, Any]:
    """Left and right half of one class each, a tenth of each without a label."""
    target = torch.zeros(20, 80, dtype=torch.int64)
    target[:, 40:] = 1
    target[::10] = 255
    return {"image": tv_tensors.Image(torch.zeros(3, 20, 80, dtype=torch.uint8)), "target": tv_tensors.Mask(target)}


def share(target: torch.Tensor) -> float:
    """The largest class's share of the labeled pixels, by a loop."""
    labelled = [v for v in target.flatten().tolist() if v != 255]
    return max((labelled.count(v) for v in set(labelled)), default=0) / len(labelled) if labelled else 1.0


def test_no_class_holds_more_than_its_share_where_a_place_can_be_found() -> None:
    torch.manual_seed(0)
    free = [share(RandomScaledCrop(20, (1, 1), max_class_share=1)(half_and_half())["target"]) for _ in range(40)]
    capped = RandomScaledCrop(20, (1, 1), max_class_share=0.75, attempts=100)
    assert sum(s > 0.75 for s in free) > 20
    assert max(share(capped(half_and_half())["target"]) for _ in range(40)) <= 0.75


def test_the_least_one_sided_of_the_tried_places_is_taken() -> None:
    """With an unreachable cap more attempts come closer to one half."""
    torch.manual_seed(0)
    means = [
        np.mean([share(RandomScaledCrop(20, (1, 1), 0.01, n)(half_and_half())["target"]) for _ in range(40)])
        for n in (1, 4, 30)
    ]
    assert means[0] > means[1] + 0.05 > means[2] + 0.1


@given(st.integers(0, 2**31), st.integers(1, 6), st.sampled_from([255, 0, 2, -1]))
def test_shares_against_a_loop(seed: int, side: int, ignore_index: int) -> None:
    drawn = torch.randint(0, 3, (side, 4), generator=torch.Generator().manual_seed(seed))
    target = torch.where(drawn == 2, ignore_index, drawn)
    kept = [v for v in target.flatten().tolist() if v != ignore_index]
    expected = max(kept.count(v) for v in kept) / len(kept) if kept else 1.0
    assert largest_share(target, ignore_index) == pytest.approx(expected)


@pytest.mark.parametrize("target", [torch.full((4, 4), 255), torch.zeros(4, 4, dtype=torch.int64)])
def test_without_labels_or_with_one_class_a_crop_still_comes_out(target: torch.Tensor) -> None:
    sample = {"image": tv_tensors.Image(torch.zeros(3, 4, 4, dtype=torch.uint8)), "target": tv_tensors.Mask(target)}
    assert RandomScaledCrop(2, (1, 1))(sample)["target"].equal(target[:2, :2])


@pytest.mark.parametrize(
    "arguments", [(0,), (4, (0.0, 1.0)), (4, (2.0, 1.0)), (4, (1.0, 1.0), 0.0), (4, (1.0, 1.0), 0.5, 0)]
)
def test_settings_that_cannot_be(arguments: tuple) -> None:
    with pytest.raises(ValueError, match="expected crop_size ≥ 1"):
        RandomScaledCrop(*arguments)
