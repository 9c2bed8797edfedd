"""From the folder to the network."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import transforms as v1
from torchvision import tv_tensors

from hardpix.data import EvaluationTransform, TrainingTransform, Transformed, collate, restore


def random_sample(height: int, width: int, stem: str = "a") -> dict[str, Any]:
    generator = torch.Generator().manual_seed(height * width)
    return {
        "image": tv_tensors.Image(torch.randint(0, 256, (3, height, width), generator=generator, dtype=torch.uint8)),
        "target": tv_tensors.Mask(torch.randint(0, 5, (height, width), generator=generator)),
        "depth": tv_tensors.Mask(torch.rand(height, width, generator=generator) + 1),
        "weight": tv_tensors.Mask(torch.rand(height, width, generator=generator)),
        "stem": stem,
    }


def normalized(image: torch.Tensor) -> torch.Tensor:
    """ImageNet's normalization by torchvision's older functions, through PIL."""
    pil = v1.ToPILImage()(image.as_subclass(torch.Tensor))
    return v1.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])(v1.ToTensor()(pil))


MAPS = ("target", "depth", "weight")


@pytest.mark.parametrize(("height", "width"), [(33, 64), (1, 1), (32, 70)])
def test_evaluation_keeps_the_picture_pads_it_and_leaves_the_labels_alone(height: int, width: int) -> None:
    sample = random_sample(height, width)
    seen = EvaluationTransform(divisor=32)(sample)
    image = seen["image"].as_subclass(torch.Tensor)
    assert (image.dtype, image.shape) == (torch.float32, (3, -(-height // 32) * 32, -(-width // 32) * 32))
    torch.testing.assert_close(image[:, :height, :width], normalized(sample["image"]))
    padding = torch.ones(image.shape[-2:], dtype=torch.bool)
    padding[:height, :width] = False
    assert image[:, padding].eq(0).all()
    assert all(seen[key].equal(sample[key]) for key in MAPS)
    assert tuple(seen["original_size"]) == tuple(seen["content_size"]) == (height, width)


@pytest.mark.parametrize(("resolution", "content"), [(0.5, (20, 41)), (1.5, (60, 123)), (0.02, (1, 2))])
def test_evaluation_at_another_resolution(resolution: float, content: tuple[int, int]) -> None:
    sample = random_sample(40, 82)
    sample["image"][:] = 128
    seen = EvaluationTransform(resolution, divisor=16)(sample)
    assert (tuple(seen["original_size"]), tuple(seen["content_size"])) == ((40, 82), content)
    assert tuple(seen["image"].shape[-2:]) == tuple(-(-side // 16) * 16 for side in content)
    grey = torch.tensor([(128 / 255 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (128 / 255 - 0.406) / 0.225])
    inside = seen["image"].as_subclass(torch.Tensor)[:, : content[0], : content[1]]
    torch.testing.assert_close(inside, grey[:, None, None].expand_as(inside))
    assert all(seen[key].equal(sample[key]) for key in MAPS)


@pytest.mark.parametrize(("resolution", "centres"), [(0.5, lambda k: 2 * k + 0.5), (2.0, lambda k: k / 2 - 0.25)])
def test_at_another_resolution_a_ramp_has_its_value_at_the_centre_of_each_pixel(
    resolution: float, centres: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    """The picture is 4 × its column; pixel k of 2 : 1 is centered between columns 2 k and 2 k + 1."""
    image = tv_tensors.Image((4 * torch.arange(60, dtype=torch.uint8)).expand(3, 48, 60))
    seen = EvaluationTransform(resolution, 1, mean=(0, 0, 0), std=(1, 1, 1))({"image": image})["image"]
    expected = 4 * centres(torch.arange(round(60 * resolution)))
    torch.testing.assert_close(255 * seen[0, 5, 2:-2].as_subclass(torch.Tensor), expected[2:-2])


@pytest.mark.parametrize("arguments", [(0.0,), (-1.0,), (1.0, 0)])
def test_evaluations_that_cannot_be(arguments: tuple) -> None:
    with pytest.raises(ValueError, match="expected resolution > 0 and divisor ≥ 1"):
        EvaluationTransform(*arguments)


def test_predictions_come_back_to_the_original_size() -> None:
    """A ramp over the content is a ramp over the original, up to half a pixel at its ends; padding leaves no trace."""
    logits = torch.full((2, 32, 64), 1e6)
    logits[:, :24, :48] = torch.linspace(0, 47, 48) + 0.5
    full = restore(logits, (24, 48), (48, 96))
    assert full.shape == (2, 48, 96)
    expected = ((torch.arange(96) + 0.5) / 2).clamp(0.5, 47.5)
    torch.testing.assert_close(full, expected.expand(2, 48, 96))
    assert restore(logits, (24, 48), (24, 48)).equal(logits[:, :24, :48])


def test_training_gives_crops_of_one_size_whose_labels_lie_on_their_pixels() -> None:
    """The target is written into the image; without photometric changes it can be read from it again."""
    torch.manual_seed(0)
    transform = TrainingTransform(
        (24, 40), scale=(1, 1), brightness=0, contrast=0, saturation=0, hue=0, mean=(0, 0, 0), std=(1, 1, 1)
    )
    flipped = 0
    for _ in range(12):
        sample = random_sample(50, 60)
        columns = torch.arange(60, dtype=torch.uint8).expand(50, 60)
        sample["image"] = tv_tensors.Image(torch.stack([sample["target"].to(torch.uint8), columns, columns]))
        seen = transform(sample)
        red, green, _ = (255 * seen["image"]).round().long()
        assert red.equal(seen["target"].as_subclass(torch.Tensor))
        assert seen["depth"].shape == seen["weight"].shape == seen["target"].shape == (24, 40)
        flipped += int(green[0, 0] > green[0, 1])
    assert 0 < flipped < 12


def test_photometric_distortion_changes_pixels_and_no_labels() -> None:
    torch.manual_seed(0)
    sample = random_sample(16, 16)
    plain = {"scale": (1, 1), "flip": 0.0, "max_class_share": 1.0}
    seen = [TrainingTransform(16, **plain)(sample) for _ in range(8)]  # type: ignore[arg-type]
    assert all(s["target"].equal(sample["target"]) for s in seen)
    assert len({s["image"].sum().item() for s in seen}) > 4
    off = TrainingTransform(16, **plain, brightness=0, contrast=0, saturation=0, hue=0)(sample)  # type: ignore[arg-type]
    torch.testing.assert_close(off["image"].as_subclass(torch.Tensor), normalized(sample["image"]))


def test_samples_of_a_data_set_pass_through() -> None:
    samples = [random_sample(4, 6, stem) for stem in "abc"]
    seen = Transformed(samples, lambda sample: {"stem": sample["stem"] * 2})
    assert len(seen) == 3
    assert [seen[k] for k in range(3)] == [{"stem": "aa"}, {"stem": "bb"}, {"stem": "cc"}]


def test_images_without_masks_pass_through() -> None:
    sample = {key: value for key, value in random_sample(20, 30).items() if key in ("image", "stem")}
    assert set(TrainingTransform(8)(sample)) == {"image", "stem"}
    assert set(EvaluationTransform()(sample)) == {"image", "stem", "original_size", "content_size"}


def test_samples_of_one_size_are_stacked() -> None:
    samples = [random_sample(4, 6, stem) for stem in "ab"]
    batch = collate(samples)
    assert batch["stem"] == ["a", "b"]
    for key in ("image", "target", "depth", "weight"):
        assert type(batch[key]) is torch.Tensor
        np.testing.assert_array_equal(batch[key], np.stack([np.asarray(sample[key]) for sample in samples]))


@pytest.mark.parametrize("without", [0, 1])
@pytest.mark.parametrize("entry", ["depth", "weight"])
def test_every_sample_has_the_same_entries(entry: str, without: int) -> None:
    samples = [random_sample(4, 6, stem) for stem in "ab"]
    del samples[without][entry]
    with pytest.raises(ValueError, match=f"same entries in every sample, found '{'ab'[without]}' without {entry}; "):
        collate(samples)


@pytest.mark.parametrize("name", ["target", "depth", "weight"])
@pytest.mark.parametrize("change", [lambda values: values[::2, ::2], lambda values: values[None]])
def test_a_map_of_another_size_than_its_image_is_refused(name: str, change: Callable) -> None:
    sample = random_sample(8, 6, "street")
    sample[name] = change(sample[name])
    found = re.escape(str(tuple(sample[name].shape)))
    with pytest.raises(ValueError, match=rf"the {name} of 'street' as \(height, width\) = \(8, 6\).*found {found}"):
        TrainingTransform(4)(sample)


def test_samples_of_several_sizes_are_padded_to_the_largest() -> None:
    sizes = [(33, 20), (10, 70)]
    samples = [random_sample(*size) for size in sizes]
    batch = collate(samples, ignore_index=-1)
    assert batch["image"].shape == (2, 3, 33, 70)
    for index, (height, width) in enumerate(sizes):
        outside = torch.ones(33, 70, dtype=torch.bool)
        outside[:height, :width] = False
        for key in ("image", *MAPS):
            assert batch[key][index][..., :height, :width].equal(samples[index][key].as_subclass(torch.Tensor))
        assert batch["image"][index][:, outside].eq(0).all()
        assert batch["target"][index][outside].eq(-1).all()
        assert batch["weight"][index][outside].eq(0).all()
        assert batch["depth"][index][outside].isnan().all()


@pytest.mark.parametrize("resolution", [0.5, 1.0])
def test_the_original_image_is_kept_normalized_at_its_own_size(resolution: float) -> None:
    image = torch.randint(0, 256, (3, 20, 30), dtype=torch.uint8)
    seen = EvaluationTransform(resolution, 32, (0.5, 0.25, 0.0), (1.0, 0.5, 2.0), keep_original=True)({"image": image})
    mean, std = torch.tensor([0.5, 0.25, 0.0])[:, None, None], torch.tensor([1.0, 0.5, 2.0])[:, None, None]
    torch.testing.assert_close(seen["original_image"].as_subclass(torch.Tensor), (image / 255 - mean) / std)
    assert seen["image"].shape == (3, 32, 32)
    assert "original_image" not in EvaluationTransform(resolution)({"image": image})
