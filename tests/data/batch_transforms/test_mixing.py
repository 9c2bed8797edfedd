"""CutMix and ClassMix: every pixel is the one's or the other's, in all entries alike, by masks found independently."""

import copy
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from hardpix.data.batch_transforms import ClassMix, CutMix, SeededTransform, paste

from .coded_batches import Batch, all_tell_the_target, coded_batch, same, seeds, sizes

MIXES = {"CutMix": lambda seed: CutMix(probability=0.7, seed=seed), "ClassMix": lambda seed: ClassMix(seed=seed)}


def pasted_pixels(mixed: Batch) -> Tensor:
    """Mask (B, H, W) of the pixels of the partner, told by the third channel of the image."""
    return mixed["image"][:, 2] == sum(b"other")


@pytest.mark.parametrize("make", MIXES.values(), ids=MIXES)
@given(sizes, seeds)
def test_every_pixel_is_the_ones_or_the_others_in_all_entries(make: Any, size: tuple[int, int, int], seed: int) -> None:
    batch, partner = coded_batch(size, seed), coded_batch(size, seed + 1, name="other")
    before = copy.deepcopy((batch, partner))
    mixed = make(seed)(batch, partner)
    assert all_tell_the_target(mixed)
    taken = pasted_pixels(mixed)
    assert mixed["image"].movedim(1, -1)[taken].equal(partner["image"].movedim(1, -1)[taken])
    assert mixed["image"].movedim(1, -1)[~taken].equal(batch["image"].movedim(1, -1)[~taken])
    assert mixed["stem"] == batch["stem"]
    assert mixed["tags"].equal(batch["tags"])
    assert {key: (value.dtype, value.shape) for key, value in mixed.items() if key != "stem"} == {
        key: (value.dtype, value.shape) for key, value in batch.items() if key != "stem"
    }
    assert same(batch, before[0]), "the batch that went in has been changed"
    assert same(partner, before[1]), "the partner has been changed"


@pytest.mark.parametrize("make", MIXES.values(), ids=MIXES)
@given(sizes, seeds)
def test_without_a_partner_each_image_takes_of_the_one_before_it(
    make: Any, size: tuple[int, int, int], seed: int
) -> None:
    batch = coded_batch(size, seed)
    before = {
        key: value[[number - 1 for number in range(size[0])]] if isinstance(value, Tensor) else value
        for key, value in batch.items()
    }
    assert same(make(seed)(batch), make(seed)(batch, before))


@given(sizes, seeds)
def test_cut_mix_pastes_one_box_of_the_areas_and_aspects_asked_for(size: tuple[int, int, int], seed: int) -> None:
    batch, partner = coded_batch(size, seed), coded_batch(size, seed + 1, name="other")
    _, height, width = size
    taken = pasted_pixels(CutMix(probability=1, area=(0.1, 0.3), aspect=(0.5, 2), seed=seed)(batch, partner))
    for mask in taken:
        ys, xs = mask.nonzero().unbind(1)
        tall, wide = int(ys.max() - ys.min()) + 1, int(xs.max() - xs.min()) + 1
        assert mask.sum() == tall * wide
        # Each side is one that the shares allow, rounded: the height's is √(s·r), s in 0.1…0.3 and r in 0.5…2.
        for side, length in ((tall, height), (wide, width)):
            assert max(1, math.floor(length * math.sqrt(0.05))) <= side <= max(1, math.ceil(length * math.sqrt(0.6)))
        if min(height, width) > 1:
            rounding = (height + width) / 2 + 1
            assert 0.1 * height * width - rounding <= tall * wide <= 0.3 * height * width + rounding


def test_boxes_have_the_distribution_of_the_settings() -> None:
    boxes = CutMix().boxes(4000, 200, 100, torch.Generator().manual_seed(0))
    share = boxes.float().mean((1, 2))
    drawn = share > 0
    assert drawn.float().mean() == pytest.approx(0.5, abs=0.03)
    share = share[drawn]
    # Uniform between 0.02 and 0.4 has mean 0.21 and standard deviation 0.38/√12.
    assert share.mean() == pytest.approx(0.21, abs=0.01)
    assert share.std() == pytest.approx(0.38 / math.sqrt(12), abs=0.005)
    assert 0.015 < share.min() < 0.03
    assert 0.38 < share.max() < 0.41
    high = boxes.any(2).float().mean(1)[drawn]
    wide = boxes.any(1).float().mean(1)[drawn]
    ratio = (high / wide).log()
    assert ratio.mean() == pytest.approx(0, abs=0.05)
    assert 0.25 < ratio.exp().min() < 0.35
    assert 2.9 < ratio.exp().max() < 4
    # Every place alike: the center of mass of all boxes lies in the middle, and each edge is reached.
    usual = boxes[drawn].float().mean(0)
    assert usual.sum(1).dot(torch.arange(200.0)) / usual.sum() == pytest.approx(99.5, abs=2)
    assert usual.sum(0).dot(torch.arange(100.0)) / usual.sum() == pytest.approx(49.5, abs=1)
    for edge in (boxes[:, 0], boxes[:, -1], boxes[:, :, 0], boxes[:, :, -1]):
        assert edge.any()


def test_every_place_where_a_box_fits_is_as_likely() -> None:
    boxes = CutMix(probability=1, area=(0.01, 0.01)).boxes(4800, 3, 4, torch.Generator().manual_seed(0))
    assert boxes.sum((1, 2)).eq(1).all()
    # 400 for each of the 12 pixels, with a standard deviation of 19.
    assert ((boxes.sum(0) - 400).abs() < 100).all()


@pytest.mark.parametrize(("area", "inside"), [((1.0, 1.0), True), ((0.02, 0.4), False)])
def test_cut_mix_pastes_all_of_it_or_nothing_at_its_ends(area: tuple[float, float], inside: bool) -> None:
    batch, partner = coded_batch((3, 5, 7)), coded_batch((3, 5, 7), 1, name="other")
    mixed = CutMix(probability=float(inside), area=area)(batch, partner)
    expected = partner if inside else batch
    assert all(mixed[key].equal(expected[key]) for key in ("image", "target", "depth", "weight"))


@given(sizes, seeds, st.sampled_from([255, 0, -1]))
def test_class_mix_pastes_half_of_each_images_own_classes_and_no_ignored_pixel(
    size: tuple[int, int, int], seed: int, ignore_index: int
) -> None:
    batch, partner = coded_batch(size, seed), coded_batch(size, seed + 1, name="other")
    partner["target"] = torch.where(partner["target"] == 255, ignore_index, partner["target"])
    taken = pasted_pixels(ClassMix(ignore_index, seed)(batch, partner))
    for mask, target in zip(taken, partner["target"], strict=True):
        classes = set(target.flatten().tolist()) - {ignore_index}
        chosen = set(target[mask].tolist())
        assert chosen <= classes
        assert len(chosen) == math.ceil(len(classes) / 2)
        assert mask.equal(torch.isin(target, torch.tensor(sorted(chosen), dtype=torch.long)))


def test_class_mix_draws_every_class_and_every_image_for_itself() -> None:
    partner = {"image": torch.ones(300, 3, 1, 4), "target": torch.tensor([2, 7, 8, 11]).expand(300, 1, 4)}
    batch = {"image": torch.zeros(300, 3, 1, 4), "target": torch.zeros(300, 1, 4, dtype=torch.long)}
    taken = ClassMix()(batch, partner)["image"][:, 0, 0].bool()
    assert taken.sum(1).eq(2).all()
    # Six pairs of four classes; each with a chance of 1/6, ± 5 standard deviations of 300 draws.
    pairs = torch.unique(taken, dim=0, return_counts=True)[1]
    assert len(pairs) == 6
    assert ((pairs - 50).abs() < 5 * math.sqrt(300 * 5 / 36)).all()


def test_class_mix_of_unlabeled_pixels_alone_pastes_nothing() -> None:
    batch, partner = coded_batch((2, 3, 4)), coded_batch((2, 3, 4), 1, name="other")
    partner["target"] = torch.full((2, 3, 4), 255)
    assert same(ClassMix()(batch, partner), batch)


def test_a_missing_target_weight_counts_as_one() -> None:
    size = (2, 6, 7)
    batch, partner = coded_batch(size), coded_batch(size, 1, name="other")
    del partner["target_weight"]
    mixed = CutMix(probability=1)(batch, partner)
    taken = pasted_pixels(mixed)
    assert mixed["target_weight"][taken].eq(1).all()
    assert mixed["target_weight"][~taken].equal(batch["target_weight"][~taken])
    mixed = CutMix(probability=1)(partner, batch)
    own = pasted_pixels(mixed)
    assert mixed["target_weight"][own].eq(1).all()
    assert mixed["target_weight"][~own].equal(batch["target_weight"][~own])
    plain = {"image": batch["image"], "target": batch["target"]}
    assert "target_weight" not in CutMix(probability=1)(plain, partner)


def test_entries_that_only_the_partner_has_are_left_out() -> None:
    batch, partner = coded_batch((1, 4, 4)), coded_batch((1, 4, 4), 1, name="other")
    del batch["depth"]
    assert "depth" not in CutMix(probability=1)(batch, partner)


@pytest.mark.parametrize("make", MIXES.values(), ids=MIXES)
@pytest.mark.parametrize("size", [(1, 4, 5), (2, 5, 5), (2, 4, 6)])
def test_a_partner_of_another_size_is_refused(make: Any, size: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"expected a partner of the batch's own size, \(2, 3, 4, 5\), found") as error:
        make(0)(coded_batch((2, 4, 5)), coded_batch(size))
    assert str((size[0], 3, *size[1:])) in str(error.value)


def test_what_the_partner_lacks_is_refused_by_name() -> None:
    batch, partner = coded_batch((2, 4, 5)), coded_batch((2, 4, 5), 1)
    del partner["depth"], partner["logits"]
    with pytest.raises(ValueError, match="found a partner without depth and logits"):
        CutMix()(batch, partner)
    del partner["target"]
    with pytest.raises(ValueError, match="give a labeled batch as the partner"):
        ClassMix()(batch, partner)
    with pytest.raises(ValueError, match="expected the partner's logits in the shape of the batch's"):
        CutMix()(batch, coded_batch((2, 4, 5)) | {"logits": torch.zeros(2, 3, 4, 5)})


@pytest.mark.parametrize("key", ["target", "depth", "weight", "target_weight"])
@pytest.mark.parametrize("value", [torch.zeros(2, 2, 2), [1, 2]])
def test_maps_that_do_not_lie_on_the_image_are_refused_not_kept_in_place(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"expected the batch's {key} as \(B, H, W\) = \(2, 4, 5\)"):
        CutMix()(coded_batch((2, 4, 5)) | {key: value})


@pytest.mark.parametrize("batch", [{}, {"image": [1]}, {"image": torch.zeros(3, 4, 5)}])
def test_a_batch_without_an_image_is_refused(batch: Batch) -> None:
    with pytest.raises(ValueError, match="expected a batch whose image is a tensor"):
        CutMix()(batch)


@pytest.mark.parametrize(
    "settings",
    [{"probability": 1.1}, {"area": (0, 0.4)}, {"area": (0.5, 0.4)}, {"area": (0.5, 1.1)}, {"aspect": (1.5, 2)}],
)
def test_settings_outside_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected 0 ≤ probability ≤ 1"):
        CutMix(**settings)


def test_gradients_go_where_the_pixels_came_from() -> None:
    own, other = (torch.zeros(1, 3, 1, 4, requires_grad=True) for _ in range(2))
    mask = torch.tensor([[[True, False, False, True]]])
    paste({"image": own}, {"image": other}, mask)["image"].sum().backward()
    assert other.grad is not None
    assert own.grad is not None
    assert other.grad.equal(mask[:, None].expand_as(other).float())
    assert own.grad.equal(1 - other.grad)


@pytest.mark.parametrize("make", MIXES.values(), ids=MIXES)
def test_half_types_stay(make: Any) -> None:
    batch = coded_batch((2, 4, 4))
    batch["image"] = batch["image"].bfloat16()
    transform: SeededTransform = make(0)
    assert transform(batch)["image"].dtype == torch.bfloat16
