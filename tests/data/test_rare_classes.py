"""Crops around rare classes: chances by the formula, places by counting."""

import numpy as np
import pytest
import torch
from torchvision import tv_tensors

from hardpix.data import RandomScaledCrop, SeededDataset, Transformed
from hardpix.data.rare_classes import rare_pixel, rarity


def chances(counts: list[int], temperature: float) -> np.ndarray:
    """Equation 6 of the paper in numpy."""
    share = np.array(counts) / sum(counts)
    weights = np.exp((1 - share) / temperature)
    return weights / weights.sum()


@pytest.mark.parametrize("temperature", [0.05, 0.3, 10.0])
def test_classes_are_drawn_by_the_formula_and_pixels_alike(temperature: float) -> None:
    target = torch.zeros(6, 10, dtype=torch.int64)
    target[2, 3:7] = 1
    target[4, 4] = 2
    target[0] = 255
    log_chances = rarity([500, 300, 150, 50], temperature)
    torch.manual_seed(0)
    places = [rare_pixel(target, log_chances) for _ in range(4000)]
    found = np.bincount([int(target[place]) for place in places if place is not None], minlength=3) / len(places)
    # The fourth class is not in the image.
    expected = chances([500, 300, 150, 50], temperature)[:3]
    np.testing.assert_allclose(found, expected / expected.sum(), atol=0.03)
    columns = [place[1] for place in places if place is not None and place[0] == 2 and 3 <= place[1] < 7]
    counts = np.bincount(columns, minlength=7)[3:]
    assert counts.max() < 1.5 * counts.min()


def test_a_small_temperature_does_not_overflow() -> None:
    target = torch.tensor([[0, 1]])
    assert rare_pixel(target, rarity([99, 1], 1e-6)) == (0, 1)
    assert rare_pixel(target[:, :1], rarity([99, 1], 1e-6)) == (0, 0)


@pytest.mark.parametrize("label", [255, -1, 2])
def test_without_a_label_there_is_no_place(label: int) -> None:
    assert rare_pixel(torch.full((2, 3), label), rarity([1, 1], 1.0)) is None
    crop = RandomScaledCrop(2, rare_crops=1.0, rarity=rarity([1, 1], 1.0), max_class_share=1)
    sample = {
        "image": tv_tensors.Image(torch.zeros(3, 2, 3, dtype=torch.uint8)),
        "target": tv_tensors.Mask(torch.full((2, 3), label)),
    }
    assert crop(sample)["target"].shape == (2, 2)


def one_sign(height: int = 40, width: int = 50, row: int = 3, column: int = 44) -> dict:
    target = torch.zeros(height, width, dtype=torch.int64)
    target[row, column] = 1
    return {
        "image": tv_tensors.Image(torch.zeros(3, height, width, dtype=torch.uint8)),
        "target": tv_tensors.Mask(target),
    }


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_that_share_of_the_crops_holds_the_rare_pixel(share: float) -> None:
    """And of the others as many as lie there by chance."""
    size, sample = 12, one_sign()
    crop = RandomScaledCrop(
        size, (1, 1), max_class_share=1, rare_crops=share, rarity=rarity([1999, 1], 0.01) if share else None
    )
    torch.manual_seed(1)
    found = [crop(sample)["target"] for _ in range(1500)]
    held = np.mean([bool((target == 1).any()) for target in found])
    by_chance = (4 / 29) * (6 / 39)  # tops 0 to 3 of 29, lefts 33 to 38 of 39
    assert held == pytest.approx(share + (1 - share) * by_chance, abs=0.04)
    assert all((target != 255).all() for target in found), "a window reaches beyond the image"


def test_the_pixel_is_anywhere_in_the_window() -> None:
    crop = RandomScaledCrop(8, (1, 1), max_class_share=1, rare_crops=1.0, rarity=rarity([1999, 1], 0.01))
    torch.manual_seed(2)
    sample = one_sign(row=20, column=25)
    places = np.array([(crop(sample)["target"] == 1).nonzero()[0].tolist() for _ in range(1600)])
    counts = np.stack([np.bincount(places[:, axis], minlength=8) for axis in (0, 1)])
    assert counts.shape == (2, 8)
    assert counts.min() > 140
    assert counts.max() < 265


@pytest.mark.parametrize("size", [12, (60, 20), 90])
@pytest.mark.parametrize("place", [(0, 0), (39, 49), (20, 0)])
def test_windows_of_any_size_hold_it(size: int, place: tuple[int, int]) -> None:
    crop = RandomScaledCrop(size, (1, 1), rare_crops=1.0, rarity=rarity([1999, 1], 0.01))
    sample = one_sign(row=place[0], column=place[1])
    torch.manual_seed(3)
    for _ in range(30):
        assert (crop(sample)["target"] == 1).sum() == 1


def test_draws_go_by_the_seed_the_epoch_and_the_index_and_none_is_made_without_the_setting() -> None:
    def samples(**settings: object) -> SeededDataset:
        transform = RandomScaledCrop(12, max_class_share=1, **settings)  # type: ignore[arg-type]
        return SeededDataset(Transformed([one_sign()] * 3, transform), seed=7)

    rare = {"rare_crops": 0.5, "rarity": rarity([1999, 1], 0.01)}
    one, other, plain, none = samples(**rare), samples(**rare), samples(), samples(rare_crops=0.0)
    targets = [one[index, epoch]["target"] for epoch in range(4) for index in range(3)]
    again = [other[index, epoch]["target"] for epoch in reversed(range(4)) for index in reversed(range(3))]
    assert all(torch.equal(a, b) for a, b in zip(targets, reversed(again), strict=True))
    assert not all(torch.equal(targets[0], target) for target in targets)
    assert all(torch.equal(plain[k, 2]["target"], none[k, 2]["target"]) for k in range(3))


def test_what_is_out_of_range_is_refused() -> None:
    for settings in ({"rare_crops": 1.5, "rarity": torch.zeros(2)}, {"rare_crops": 0.5}):
        with pytest.raises(ValueError, match="rare_crops from 0 to 1"):
            RandomScaledCrop(4, **settings)
    for counts, temperature in (([1, 2], 0.0), ([0, 0], 1.0), ([-1, 3], 1.0)):
        with pytest.raises(ValueError, match="temperature above 0 and pixel counts"):
            rarity(counts, temperature)
