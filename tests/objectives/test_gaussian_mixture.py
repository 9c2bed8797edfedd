"""Adaptive Gaussian mixture, against loops over the paper's formulas and known faults of the published code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import hardpix
from hardpix.objectives import GaussianMixture, Sum, WeightedCrossEntropy
from hardpix.pixels import PixelBatch, Taps


def random_px(seed: int = 0, classes: int = 4) -> PixelBatch:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, classes, 8, 12, generator=generator, dtype=torch.float64)
    features = torch.randn(3, 6, 4, 6, generator=generator, dtype=torch.float64)
    target = torch.randint(0, classes, (3, 8, 12), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.9] = 255
    target[0][target[0] == 1] = 255
    target[2] = 255
    tags = torch.tensor([[True, True, True, True], [True, True, False, True], [True, False, False, False]])
    for image in range(3):
        tags[image, target[image][target[image] != 255].unique()] = True
    image = torch.rand(3, 3, 8, 12, generator=generator, dtype=torch.float64) + 0.5
    image[1, :, :, 9:] = 0
    target[1, :, 9:] = 255
    return PixelBatch(logits, target, sample={"image": image, "tags": tags}, taps=Taps(embedding=features))


def by_loops(px: PixelBatch) -> dict[str, float]:
    """The four parts, pixel by pixel."""
    eps = 1e-6
    features = F.interpolate(px.taps.embedding, px.shape[1:], mode="bilinear", align_corners=False)
    p, classes = px.logits.softmax(1), px.logits.shape[1]
    absent, agreement, nearness = [], [], []
    of_class: dict[int, list[Tensor]] = {}
    for b in range(px.shape[0]):
        centers = {}
        for k in range(classes):
            if (mask := px.target[b] == k).any():
                centers[k] = features[b][:, mask].mean(1)
                of_class.setdefault(k, []).append(centers[k])
        near = {}
        for k, center in centers.items():
            d = (px.taps.embedding[b] - center[:, None, None]).abs().mean(0)
            near[k] = F.interpolate(torch.exp(-(d**2))[None, None], px.shape[1:], mode="bilinear")[0, 0]
        for y in range(px.shape[1]):
            for x in range(px.shape[2]):
                if (px.sample["image"][b, :, :, x] == 0).all():
                    continue
                lacking = [k for k in range(classes) if not px.sample["tags"][b, k]]
                absent.append(-sum((1 - p[b, k, y, x] + eps).log() for k in lacking))
                costs, right = [], []
                for k, r in near.items():
                    q, t = p[b, k, y, x], r[y, x]
                    costs.append(-t * (q + eps).log() - (1 - t) * (1 - q + eps).log())
                    right.append(-(t + eps).log() if px.target[b, y, x] == k else -(1 - t + eps).log())
                if near:
                    agreement.append(sum(costs) / len(near))
                if px.target[b, y, x] != 255:
                    nearness.append(sum(right) / len(near))
    means = [torch.stack(of_class[k]).mean(0) for k in sorted(of_class)]
    pairs = [(i, j) for i in range(len(means)) for j in range(i + 1, len(means))]
    alike = [torch.exp(-((means[i] - means[j]).abs().mean() ** 2)) for i, j in pairs]
    mean = lambda values: float(torch.stack([torch.as_tensor(v) for v in values]).mean())  # noqa: E731
    return {
        "absent": mean(absent),
        "agreement": 0.5 * mean(agreement),
        "nearness": 0.5 * mean(nearness),
        "centers": mean(alike),
    }


@pytest.mark.parametrize("seed", range(3))
def test_parts_are_those_of_the_formulas(seed: int) -> None:
    px = random_px(seed)
    found, expected = GaussianMixture()(px), by_loops(px)
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value, rel=1e-9), name
    assert found["loss"].item() == pytest.approx(sum(expected.values()))


def two_equal_images(distance: float) -> PixelBatch:
    """Two classes whose features lie so far apart, one labeled pixel each."""
    features = torch.tensor([0.0, distance]).view(1, 1, 1, 2).repeat(2, 1, 1, 1)
    return PixelBatch(torch.zeros(2, 2, 1, 2), torch.tensor([[[0, 1]], [[0, 1]]]), taps=Taps(embedding=features))


def test_the_center_of_two_equal_images_is_that_of_one() -> None:
    """The authors' code adds them up: centers twice as far apart."""
    px = two_equal_images(0.7)
    assert GaussianMixture()(px)["centers"].item() == pytest.approx(torch.tensor(-(0.7**2)).exp().item())


def test_one_class_has_no_pair_of_centers() -> None:
    px = replace(two_equal_images(0.7), target=torch.tensor([[[0, 255]], [[0, 0]]]))
    assert GaussianMixture()(px)["centers"] == 0


def test_nothing_is_absent_where_all_classes_are_there() -> None:
    px = two_equal_images(0.7)
    assert GaussianMixture()(px)["absent"] == 0
    tagged = replace(px, target=torch.tensor([[[0, 255]], [[255, 1]]]), sample={"tags": torch.ones(2, 2)})
    assert GaussianMixture()(tagged)["absent"] == 0


def test_a_class_without_a_click_in_the_crop_is_not_absent_if_its_image_has_one() -> None:
    px = replace(two_equal_images(0.7), target=torch.tensor([[[0, 255]], [[0, 255]]]))
    assert GaussianMixture()(px)["absent"].item() == pytest.approx(0.693147, abs=1e-5)
    tagged = replace(px, sample={"tags": torch.tensor([[True, True], [True, False]])})
    assert GaussianMixture()(tagged)["absent"].item() == pytest.approx(0.693147 / 2, abs=1e-5)


def test_sure_and_right_costs_nothing() -> None:
    features = torch.tensor([0.0, 50.0]).view(1, 1, 1, 2)
    logits = torch.tensor([[40.0, -40.0], [-40.0, 40.0]]).view(1, 2, 1, 2)
    found = GaussianMixture()(PixelBatch(logits, torch.tensor([[[0, 1]]]), taps=Taps(embedding=features)))
    assert found["loss"].item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("tagged", [False, True])
def test_without_a_label_it_is_0_on_the_graph(tagged: bool) -> None:
    """The authors' code has the mean of an empty set: NaN."""
    px = random_px()
    leaf = px.taps.embedding.clone().requires_grad_()
    sample = {} if not tagged else {"tags": torch.zeros(3, 4)}
    px = replace(px, target=torch.full((3, 8, 12), 255), taps=Taps(embedding=leaf), sample=sample)
    px.logits.requires_grad_()
    losses = GaussianMixture()(px)
    assert all(value == 0 for value in losses.values())
    for gradient in torch.autograd.grad(losses["loss"], [leaf, px.logits]):
        assert (gradient == 0).all()


def test_an_image_without_labels_changes_no_mean_over_the_others() -> None:
    px = random_px()
    two = replace(
        px,
        logits=px.logits[:2],
        target=px.target[:2],
        taps=Taps(embedding=px.taps.embedding[:2]),
        sample={"image": px.sample["image"][:2]},
    )
    three = replace(px, sample={"image": px.sample["image"]})
    torch.testing.assert_close(GaussianMixture()(three), GaussianMixture()(two))


def test_the_gradient_of_agreement_reaches_both_sides_or_the_prediction_alone() -> None:
    for stop in (False, True):
        px = random_px()
        leaf = px.taps.embedding.clone().requires_grad_()
        px = replace(px, logits=px.logits.requires_grad_(), taps=Taps(embedding=leaf))
        agreement = GaussianMixture(stop_gradient=stop)(px)["agreement"]
        of_logits, of_features = torch.autograd.grad(agreement, [px.logits, leaf], allow_unused=True)
        assert of_logits.abs().sum() > 0
        assert (of_features is None) == stop


def test_features_of_padding_have_no_part() -> None:
    px = random_px()
    other = px.taps.embedding.clone()
    other[1, :, :, 5:] += 100.0  # the cell that padded pixels alone look at
    changed = replace(px, taps=Taps(embedding=other))
    logits = px.logits.clone()
    logits[1, :, :, 9:] = 7.0
    torch.testing.assert_close(GaussianMixture()(replace(px, logits=logits)), GaussianMixture()(px))
    assert GaussianMixture()(changed)["nearness"].item() == pytest.approx(GaussianMixture()(px)["nearness"].item())


def test_trust_weighs_the_labels() -> None:
    px = random_px()
    trust = torch.rand(px.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    once = GaussianMixture()(replace(px, sample={**px.sample, "target_weight": trust}))["nearness"]
    half = GaussianMixture()(replace(px, sample={**px.sample, "target_weight": trust / 2}))["nearness"]
    plain = GaussianMixture()(px)["nearness"]
    torch.testing.assert_close(once, half)
    assert once.item() != pytest.approx(plain.item())


@pytest.mark.parametrize("settings", [{"variance": "learned"}])
def test_settings_outside_their_range(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected variance"):
        GaussianMixture(**settings)


def test_tags_of_another_shape_are_refused() -> None:
    px = replace(random_px(), sample={"tags": torch.ones(3, 5)})
    with pytest.raises(ValueError, match=r"expected tags of shape \(3, 4\)"):
        GaussianMixture()(px)


@pytest.mark.parametrize(
    "make", [WeightedCrossEntropy, lambda: Sum({"a": WeightedCrossEntropy(), "b": GaussianMixture()})]
)
def test_unlabeled_pixels_are_learned_from_the_clicks(make: Callable[[], Any]) -> None:
    """Three colors, one click each; both learn it, and the mixture is no worse."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 16, 1), torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Conv2d(16, 3, 1))
    )
    step = hardpix.TrainingStep(hardpix.tap(model, decoder="1"), make())
    truth = torch.arange(3).repeat_interleave(4).view(1, 1, 12).repeat(2, 8, 1)
    image = 3 * F.one_hot(truth, 3).movedim(-1, 1).float() + 0.2 * torch.rand(2, 3, 8, 12)
    clicks = torch.full_like(truth, 255)
    clicks[:, 3, 1::4] = truth[:, 3, 1::4]
    optimizer = torch.optim.Adam(step.parameters(), 0.03)
    for _ in range(60):
        optimizer.zero_grad()
        step(image, clicks)["loss"].backward()
        optimizer.step()
    assert (model(image).argmax(1) == truth).float().mean() > 0.98
