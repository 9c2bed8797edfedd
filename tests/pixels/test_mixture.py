"""Centers of labeled classes and nearness to them, by loops over images and pixels."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import norm
from torch import Tensor

from hardpix.pixels import PixelBatch, Taps
from hardpix.pixels.mixture import class_centers, distances_to_centers, mixture_of
from hardpix.pixels.padding import padding_of


def random_case(cells: tuple[int, int], size: tuple[int, int], classes: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 5, *cells, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, classes, (2, *size), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.6] = -1
    labels[1][labels[1] == 1] = -1
    return features, labels


@pytest.mark.parametrize(("cells", "size"), [((3, 4), (12, 15)), ((4, 4), (4, 4)), ((1, 1), (2, 3)), ((6, 8), (3, 4))])
def test_centers_are_means_over_the_resized_features(cells: tuple[int, int], size: tuple[int, int]) -> None:
    features, labels = random_case(cells, size)
    features.requires_grad_()
    resized = F.interpolate(features, size, mode="bilinear", align_corners=False)
    expected = torch.zeros(2, 3, 5, dtype=torch.float64)
    for image in range(2):
        for k in range(3):
            if (labels[image] == k).any():
                expected[image, k] = resized[image][:, labels[image] == k].mean(1)
    found, counts = class_centers(features, labels, 3)
    torch.testing.assert_close(found, expected)
    assert counts.tolist() == [[(image == k).sum().item() for k in range(3)] for image in labels]
    of = torch.randn(found.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    one, other = (
        torch.autograd.grad((of * value).sum(), features, retain_graph=True)[0] for value in (found, expected)
    )
    torch.testing.assert_close(one, other)


def test_distances_are_mean_absolute_differences() -> None:
    features, labels = random_case((3, 4), (12, 15))
    centers, _ = class_centers(features, labels, 3)
    expected = (features[:, None] - centers[..., None, None]).abs().mean(2)
    torch.testing.assert_close(distances_to_centers(features, centers), expected)


def batch(features: Tensor, labels: Tensor, logits: Tensor | None = None, **sample: Tensor) -> PixelBatch:
    logits = torch.zeros(len(labels), 2, *labels.shape[1:]) if logits is None else logits
    return PixelBatch(logits, labels, sample=sample, taps=Taps(embedding=features))


def test_nearness_is_a_gaussian_of_the_distance_and_1_at_the_center() -> None:
    features = torch.tensor([2.0, 2.5, 3.0, 1e4]).view(1, 1, 1, 4)
    near = mixture_of(batch(features, torch.tensor([[[0, 255, 255, 255]]])), "test").nearness[0, 0, 0]
    # exp(−d²) is a normal density of variance 1/2, over its height.
    density = norm(2.0, 0.5**0.5)
    expected = torch.tensor([density.pdf(value) / density.pdf(2.0) for value in (2.0, 2.5, 3.0, 1e4)])
    torch.testing.assert_close(near, expected.float())


def test_adaptive_variance_is_the_mean_square_distance_weighed_by_the_probability() -> None:
    features = torch.tensor([2.0, 2.5, 3.0, 5.0]).view(1, 1, 1, 4)
    logits = torch.tensor([[1.0, 0.0, -1.0, 0.5], [0.0, 0.0, 0.0, 0.0]]).view(1, 2, 1, 4)
    px = batch(features, torch.tensor([[[0, 255, 255, 255]]]), logits)
    p, d = logits.softmax(1)[0, 0, 0], features.flatten() - 2
    variance = (p * d**2).sum() / p.sum()
    found = mixture_of(px, "test", adaptive=True).nearness[0, 0, 0]
    torch.testing.assert_close(found, torch.exp(-(d**2) / (2 * variance)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rounds", [1, 2])
@pytest.mark.parametrize("adaptive", [False, True])
def test_rounds_move_the_centers_to_means_weighed_by_nearness(rounds: int, adaptive: bool) -> None:
    """Pixel by pixel; the image's last two columns are padding, and image 1 lacks class 1."""
    features, labels = random_case((3, 4), (6, 8), classes=2)
    labels[labels == -1] = 255
    image = torch.rand(2, 3, 6, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64) + 0.5
    image[:, :, :, 6:], labels[:, :, 6:] = 0, 255
    logits = torch.randn(2, 2, 6, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    px = batch(features, labels, logits, image=image)
    found = mixture_of(px, "test", adaptive=adaptive, rounds=rounds)
    resized = F.interpolate(features, (6, 8), mode="bilinear")
    p = F.adaptive_avg_pool2d(torch.where(image[:, :1] == 0, 0, logits.softmax(1)), (3, 4))
    for b in range(2):
        for k in range(2):
            if not (labels[b] == k).any():
                assert not found.nearness[b, k].any()
                continue
            center = resized[b][:, labels[b] == k].mean(1)
            torch.testing.assert_close(found.centers[b, k], center)
            for number in range(rounds + 1):
                d = (features[b] - center[:, None, None]).abs().mean(0)
                double = 2 * (p[b, k] * d**2).sum() / p[b, k].sum() if adaptive else 1.0
                near = F.interpolate(torch.exp(-(d**2) / double)[None, None], (6, 8), mode="bilinear")[0, 0]
                if number < rounds:
                    weights, total = torch.zeros(5, dtype=torch.float64), 0.0
                    for y in range(6):
                        for x in range(6):
                            weight = float(labels[b, y, x] == k) if labels[b, y, x] != 255 else float(near[y, x])
                            weights += weight * resized[b, :, y, x]
                            total += weight
                    center = weights / total
            torch.testing.assert_close(found.nearness[b, k], near, rtol=1e-4, atol=1e-5)


def test_moved_centers_have_no_gradient() -> None:
    """The only pixel that is labeled is as near as the center lets it be: all gradient is that of the features."""
    features = torch.tensor([0.0, 0.6]).view(1, 1, 1, 2).requires_grad_()
    near = mixture_of(batch(features, torch.tensor([[[0, 255]]])), "test", rounds=1).nearness[0, 0, 0]
    share = torch.exp(torch.tensor(-(0.6**2)))
    center = 0.6 * share / (1 + share)
    torch.testing.assert_close(near, torch.exp(-((torch.tensor([0.0, 0.6]) - center) ** 2)).detach())
    near[1].backward()
    slope = -2 * (0.6 - center) * torch.exp(-((0.6 - center) ** 2))
    torch.testing.assert_close(features.grad.flatten(), torch.stack([torch.tensor(0.0), slope]))


def test_rounds_bring_a_center_to_the_cluster_of_its_click() -> None:
    """The click is at the rim of its cluster, 0 to 0.2; without rounds the other end of it is as far as it was."""
    features = torch.tensor([0.0, 0.05, 0.1, 0.15, 0.2, 5.0]).view(1, 1, 1, 6)
    px = batch(features, torch.tensor([[[0, 255, 255, 255, 255, 255]]]))
    far = [mixture_of(px, "test", rounds=rounds).nearness[0, 0, 0, 4].item() for rounds in (0, 1)]
    assert far[0] == pytest.approx(0.960789, abs=1e-5)
    assert far[1] > 0.988


def test_classes_that_an_image_lacks_have_no_nearness() -> None:
    features, labels = torch.zeros(2, 1, 1, 1), torch.tensor([[[0, 255]], [[255, 255]]])
    mixture = mixture_of(batch(features, labels), "test")
    assert mixture.present.tolist() == [[True, False], [False, False]]
    assert mixture.nearness[:, :, 0, 0].tolist() == [[1.0, 0.0], [0.0, 0.0]]
    assert mixture.labeled.tolist() == [True, False]


def test_padding_does_not_look_like_a_class_to_its_neighbors() -> None:
    """The authors' code sets d = 0 in padding: nearness 1, which resizing spreads into the image."""
    features = torch.tensor([0.0, 9.0, 9.0, 9.0]).view(1, 1, 1, 4)
    image = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]).expand(1, 3, 1, 8)
    labels = torch.tensor([[[0, 255, 255, 255, 255, 255, 255, 255]]])
    px = batch(features, labels, image=image.expand(1, 3, 1, 8))
    px = replace(px, sample={"image": torch.cat([image, image], 2)}, logits=px.logits.repeat(1, 1, 2, 1),
                 target=labels.repeat(1, 2, 1))  # fmt: skip
    mixture = mixture_of(px, "test")
    assert mixture.padding[0].tolist() == [[False] * 4 + [True] * 4] * 2
    assert mixture.nearness[0, 0, 0, 3] < 1e-6


def test_padding_of_a_normalized_image_of_8_bits() -> None:
    image = torch.rand(2, 3, 6, 8) + 0.5
    image[0, :, 4:] = 0.5 / 255 / 0.225
    image[1, :, :, :2] = 0
    found = padding_of(image)
    assert found[0].sum() == 2 * 8
    assert found[1].sum() == 6 * 2
    assert padding_of(torch.zeros(1, 3, 2, 2)).all()


def test_a_network_without_an_embedding_is_told_to_name_it() -> None:
    px = PixelBatch(torch.zeros(1, 2, 1, 2), torch.zeros(1, 1, 2, dtype=torch.long))
    with pytest.raises(ValueError, match=r"test needs the embedding .* none was caught: name the convolution"):
        mixture_of(px, "test")
