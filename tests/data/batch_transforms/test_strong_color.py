"""Strong color: only colors change, image by image, as closed forms and other libraries say; padding stays."""

import colorsys
from collections import Counter
from collections.abc import Callable
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from scipy.ndimage import gaussian_filter
from torch import Tensor

from hardpix.data import collate
from hardpix.data.batch_transforms import StrongColor, strong_color
from hardpix.data.transforms import IMAGENET_MEAN, IMAGENET_STD, Normalize

from .coded_batches import seeds, sizes

MEAN, STD = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD))
NONE: dict[str, Any] = {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0}
GRAY = torch.tensor([0.2989, 0.587, 0.114])[:, None, None]  # of ITU-R BT.601


def drawn(size: tuple[int, int, int] = (1, 9, 11), seed: int = 0, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Colors in a range."""
    shape = (size[0], 3, *size[1:])
    return low + (high - low) * torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def changed(colors: Tensor, transform: StrongColor) -> Tensor:
    """Colors in 0…1 → colors."""
    return transform({"image": (colors - MEAN) / STD})["image"] * STD + MEAN


def one_change(seed: int, **strength: float) -> StrongColor:
    return StrongColor(jitter=1, grayscale=0, blur=0, seed=seed, **(NONE | strength))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["brightness", "contrast", "saturation"])
def test_jitter_blends_with_black_the_mean_gray_or_each_pixels_gray(kind: str, seed: int) -> None:
    colors = drawn()
    gray = (colors * GRAY).sum(1, keepdim=True)
    base = {"brightness": torch.zeros(()), "contrast": gray.mean(), "saturation": gray}[kind]
    found = changed(colors, one_change(seed, **{kind: 0.5}))
    inside = (found > 0.001) & (found < 0.999) & ((colors - base).abs() > 0.1)
    factors = ((found - base) / (colors - base))[inside]
    factor = factors.median()
    assert 0.5 <= factor <= 1.5
    assert factor != 1
    torch.testing.assert_close(found, (base + factor * (colors - base)).clamp(0, 1), rtol=0, atol=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_jitter_of_the_hue_turns_every_pixel_alike(seed: int) -> None:
    colors = drawn()
    found = changed(colors, one_change(seed, hue=0.25))
    before = [colorsys.rgb_to_hsv(*pixel) for pixel in colors[0].flatten(1).T.tolist()]
    after = [colorsys.rgb_to_hsv(*pixel) for pixel in found[0].flatten(1).T.tolist()]
    turn = (after[0][0] - before[0][0] + 0.5) % 1 - 0.5
    assert 0.001 < abs(turn) <= 0.25
    expected = torch.tensor([colorsys.hsv_to_rgb((h + turn) % 1, s, v) for h, s, v in before])
    torch.testing.assert_close(found[0].flatten(1).T, expected, rtol=0, atol=1e-3)


def test_factors_are_uniform() -> None:
    colors = torch.full((500, 3, 1, 1), 0.4)
    factors = changed(colors, one_change(0, brightness=0.5))[:, 0, 0, 0] / 0.4
    assert factors.min() == pytest.approx(0.5, abs=0.02)
    assert factors.max() == pytest.approx(1.5, abs=0.02)
    assert factors.mean() == pytest.approx(1, abs=5 / (12 * 500) ** 0.5)


def test_every_order_of_the_four_jitters_is_drawn_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def noted(name: str) -> Callable[[Tensor, float], Tensor]:
        def change(colors: Tensor, factor: float) -> Tensor:
            order.append(name)
            return colors

        return change

    monkeypatch.setattr(strong_color, "CHANGES", tuple(map(noted, "bcs")))
    monkeypatch.setattr(strong_color.F, "adjust_hue", noted("h"))
    changed(torch.full((2400, 3, 1, 1), 0.4), StrongColor(jitter=1, grayscale=0, blur=0))
    counts = Counter("".join(order[place : place + 4]) for place in range(0, len(order), 4))
    assert set(counts) == {"".join(letters) for letters in permutations("bcsh")}
    # 100 of each are expected, with a standard deviation just below 10.
    assert all(50 < count < 150 for count in counts.values())


def test_gray_images_have_equal_channels_of_the_luma() -> None:
    colors = drawn()
    found = changed(colors, StrongColor(jitter=0, grayscale=1, blur=0))
    torch.testing.assert_close(found, (colors * GRAY).sum(1, keepdim=True).expand_as(colors), rtol=0, atol=2e-4)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.0])
def test_blur_is_gaussian(sigma: float) -> None:
    colors = drawn((1, 15, 20))
    found = changed(colors, StrongColor(jitter=0, grayscale=0, blur=1, sigma=(sigma, sigma)))
    radius = int(np.ceil(3 * sigma))
    expected = gaussian_filter(colors[0].double().numpy(), (0, sigma, sigma), mode="mirror", radius=(0, radius, radius))
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=0, atol=1e-5)


def test_each_image_draws_for_itself_and_as_often_as_asked() -> None:
    colors = drawn((1, 4, 4), low=0.2, high=0.8).expand(600, 3, 4, 4)
    batch = {"image": (colors - MEAN) / STD}

    def share(**chances: float) -> float:
        image = StrongColor(**({"jitter": 0, "grayscale": 0, "blur": 0} | chances))(batch)["image"]  # type: ignore[arg-type]
        return (image != batch["image"]).flatten(1).any(1).float().mean().item()

    # Five standard deviations of 600 draws are at most 0.1.
    assert share() == 0
    assert share(jitter=0.8) == pytest.approx(0.8, abs=0.1)
    assert share(grayscale=0.2) == pytest.approx(0.2, abs=0.1)
    assert share(blur=0.5) == pytest.approx(0.5, abs=0.1)
    assert share(jitter=0.5, blur=0.5) == pytest.approx(0.75, abs=0.1)
    jittered = StrongColor(jitter=1, grayscale=0, blur=0)(batch)["image"]
    assert len(jittered.unique(dim=0)) == 600


@given(sizes, seeds)
def test_colors_stay_colors_and_everything_else_stays(size: tuple[int, int, int], seed: int) -> None:
    image = (drawn(size, seed) - MEAN) / STD
    batch = {"image": image.clone(), "target": torch.zeros(size), "stem": ["x"] * size[0]}
    seen = StrongColor(jitter=1, grayscale=0.5, blur=1, seed=seed)(batch)
    assert {key: seen[key] is value for key, value in batch.items()} == {"image": False, "target": True, "stem": True}
    assert batch["image"].equal(image), "the batch that went in has been changed"
    colors = seen["image"] * STD + MEAN
    assert seen["image"].shape == image.shape
    assert colors.isfinite().all()
    assert colors.min() >= -1e-5
    assert colors.max() <= 1 + 1e-5


STRONG: dict[str, Any] = {"jitter": 1, "grayscale": 1, "blur": 1}


def test_padding_of_collate_and_of_crops_stays_the_mean_color() -> None:
    small, large = drawn((1, 5, 6))[0], drawn((1, 8, 9), 1)[0]
    batch = collate([{"image": (colors - MEAN) / STD} for colors in (small, large)])
    seen = StrongColor(**STRONG)(batch)["image"]
    assert seen[0, :, 5:].eq(0).all()
    assert seen[0, :, :, 6:].eq(0).all()
    assert seen[0, :, :5, :6].ne(batch["image"][0, :, :5, :6]).all()
    assert seen[1].ne(batch["image"][1]).all()
    # Crops pad bytes, on every side, by the color that is nearest to the mean.
    crop = torch.randint(0, 256, (3, 8, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    fill = torch.tensor([124, 116, 104], dtype=torch.uint8)[:, None, None]
    inside = torch.zeros(8, 9, dtype=torch.bool)
    inside[2:6, 1:7] = True
    image = Normalize()({"image": torch.where(inside, crop, fill)})["image"].as_subclass(Tensor)
    seen = StrongColor(**STRONG)({"image": image[None]})["image"][0]
    assert seen[:, ~inside].equal(image[:, ~inside])
    assert seen[:, inside].ne(image[:, inside]).all()


def test_rows_of_the_mean_color_inside_an_image_and_shorter_ones_at_its_edge_are_no_padding() -> None:
    colors = drawn((1, 7, 7))
    colors[..., 3, :] = MEAN[..., 0]
    colors[..., 0, :6] = MEAN[..., 0]
    seen = StrongColor(jitter=1, grayscale=0, blur=0)({"image": (colors - MEAN) / STD})["image"]
    assert seen[..., 3, :].abs().min() > 0.01
    assert seen[..., 0, :6].abs().min() > 0.01


def test_the_normalization_is_undone_and_done_again() -> None:
    colors = drawn((3, 6, 7))
    mean, std = (0.5, 0.4, 0.3), (0.1, 0.2, 0.3)
    own, other = (torch.tensor(values)[:, None, None] for values in (mean, std))
    found = StrongColor(mean=mean, std=std, seed=2)({"image": (colors - own) / other})["image"] * other + own
    torch.testing.assert_close(found, changed(colors, StrongColor(seed=2)), rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_stay(dtype: torch.dtype) -> None:
    image = ((drawn((2, 6, 7)) - MEAN) / STD).to(dtype)
    seen = StrongColor(**STRONG)({"image": image})["image"]
    assert seen.dtype == dtype
    exact = StrongColor(**STRONG)({"image": image.float()})["image"]
    torch.testing.assert_close(seen.float(), exact, rtol=0.01, atol=0.01)


def test_images_that_are_not_normalized_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected normalized images, found torch.uint8"):
        StrongColor()({"image": torch.zeros(1, 3, 4, 4, dtype=torch.uint8)})
    with pytest.raises(ValueError, match=r"found colors from \S+ to \S+ instead of 0 to 1; give StrongColor the mean"):
        StrongColor()({"image": 255 * drawn()})


@pytest.mark.parametrize(
    "settings", [{"jitter": 1.5}, {"blur": -0.1}, {"hue": 0.6}, {"brightness": -1}, {"sigma": (0, 1)}]
)
def test_settings_outside_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected"):
        StrongColor(**settings)
