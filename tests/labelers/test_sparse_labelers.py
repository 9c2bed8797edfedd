"""Labelers that complete clicks and points, by brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import label as parts_of
from torch import Tensor

from hardpix.labelers import ConfidenceThreshold, MixtureLabels, PointComponents, trust_beyond_labels
from hardpix.labelers.points import point_instances, regrouped
from hardpix.objectives import WeightedCrossEntropy
from hardpix.pixels import PixelBatch, Taps, component_ids, component_sizes
from hardpix.recipes import Supervised
from hardpix.testing import check_labeler, tapped


@pytest.mark.parametrize(
    "labeler",
    [MixtureLabels(), MixtureLabels(0.9, "adaptive"), PointComponents(smallest=1), PointComponents(smallest=3)],
)
def test_they_are_labelers(labeler: MixtureLabels | PointComponents) -> None:
    check_labeler(labeler)


def test_a_labeler_that_loses_given_labels_is_found() -> None:
    class Loses(ConfidenceThreshold):
        completes = True

    with pytest.raises(AssertionError, match="expected the labels that are there"):
        check_labeler(Loses(0.0))


def one_hot_logits(classes: Tensor) -> Tensor:
    return 5.0 * torch.nn.functional.one_hot(classes, 3).movedim(-1, 1)


def test_the_nearest_center_labels_a_pixel_and_nearness_is_its_trust() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 4, 6, 7, generator=generator)
    target = torch.full((2, 6, 7), 255)
    target[0, 1, 1], target[0, 4, 5], target[1, 2, 2] = 0, 2, 1
    px = PixelBatch(torch.zeros(2, 3, 6, 7), target, taps=Taps(embedding=features))
    found = MixtureLabels(threshold=0.4)(px)
    for image in range(2):
        clicked = [(y, x) for y in range(6) for x in range(7) if target[image, y, x] != 255]
        for y in range(6):
            for x in range(7):
                near = {}
                for row, column in clicked:
                    apart = (features[image, :, y, x] - features[image, :, row, column]).abs().mean()
                    near[int(target[image, row, column])] = float(torch.exp(-(apart**2)))
                best = max(near, key=near.__getitem__)
                expected = best if near[best] >= 0.4 else 255
                assert found.target[image, y, x] == expected
                assert found.weight[image, y, x].item() == pytest.approx(near[best] if expected != 255 else 0, abs=1e-6)


def random_scene() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    classes = torch.randint(0, 3, (2, 10, 12), generator=generator).repeat_interleave(2, 1).repeat_interleave(2, 2)
    points = torch.full_like(classes, 255)
    for _ in range(12):
        image, row, column = (int(torch.randint(n, (), generator=generator)) for n in classes.shape)
        points[image, row, column] = classes[image, row, column]
    points[0, 0, 0] = classes[0, 0, 0]  # the authors' code drops points at row or column 0
    return classes, points


def scipy_parts(classes: Tensor, image: int) -> list[np.ndarray]:
    found = []
    for k in range(3):
        numbered, count = parts_of(classes[image].numpy() == k, np.ones((3, 3)))
        found += [numbered == number for number in range(1, count + 1)]
    return found


def test_component_ids_are_those_of_scipy() -> None:
    classes, _ = random_scene()
    ids, sizes = component_ids(classes), component_sizes(classes)
    seen: set[int] = set()
    for image in range(2):
        for part in scipy_parts(classes, image):
            (number,) = ids[image][torch.from_numpy(part)].unique().tolist()
            assert number not in seen
            seen.add(number)
            assert (sizes[image][torch.from_numpy(part)] == part.sum()).all()
    assert component_ids(torch.full((1, 2, 2), 255)).tolist() == [[[-1, -1], [-1, -1]]]


@pytest.mark.parametrize("smallest", [1, 5, 20])
def test_parts_with_a_point_of_their_class_are_labeled(smallest: int) -> None:
    classes, points = random_scene()
    found = PointComponents(smallest)(PixelBatch(one_hot_logits(classes), points))
    for image in range(2):
        for part in map(torch.from_numpy, scipy_parts(classes, image)):
            inside = points[image][part]
            held = bool((inside != 255).any()) and int(part.sum()) >= smallest
            labeled = classes[image][part] if held else inside
            assert (found.target[image][part] == labeled).all()
            assert (found.weight[image][part] == (labeled != 255)).all()


def test_a_part_of_49_pixels_is_dropped_and_one_of_50_is_not() -> None:
    for count, expected in ((49, 1), (50, 50)):
        classes = torch.zeros(1, 1, 60, dtype=torch.long)
        classes[0, 0, :count] = 1
        points = torch.full_like(classes, 255)
        points[0, 0, 3] = 1
        found = PointComponents()(PixelBatch(one_hot_logits(classes), points))
        assert (found.target == 1).sum() == expected
        assert point_instances(classes, points).weight.sum() == (0 if count == 49 else 50)


def test_one_point_in_a_part_is_where_all_of_its_offsets_lead() -> None:
    """The authors' code leads to the centroid of the part, and to the point in the second step."""
    classes = torch.ones(1, 6, 9, dtype=torch.long)
    points = torch.full_like(classes, 255)
    points[0, 0, 2] = 1
    found = point_instances(classes, points)
    grid = torch.stack(torch.meshgrid(torch.arange(6.0), torch.arange(9.0), indexing="ij"))
    leads = (grid + found.offset[0]).flatten(1)
    assert (leads == torch.tensor([[0.0], [2.0]])).all()
    assert (found.number == 0).all()


def voronoi(classes: Tensor, points: Tensor, seen: np.ndarray, within: bool) -> np.ndarray:
    """Nearest point of the class, and of the part, in squared distances; −1 where there is none."""
    at = np.argwhere(points.numpy() != 255)
    found = np.full(classes.shape, -1)
    parts = np.zeros(classes.shape, int)
    for k in range(3):
        numbered, _ = parts_of(classes.numpy() == k, np.ones((3, 3)))
        parts = np.where(numbered > 0, 1000 * k + numbered, parts)
    for y, x in np.ndindex(*classes.shape):
        fits = [n for n, (r, c) in enumerate(at) if points[r, c] == classes[y, x]]
        fits = [n for n in fits if not within or parts[tuple(at[n])] == parts[y, x]]
        if fits:
            found[y, x] = min(fits, key=lambda n: (((seen[:, y, x] - at[n]) ** 2).sum(), n))
    return found


def test_instances_are_voronoi_cells_inside_of_parts_and_mended_ones_by_offsets() -> None:
    classes, points = random_scene()
    grid = np.stack(np.meshgrid(np.arange(20.0), np.arange(24.0), indexing="ij"))
    offset = 3 * torch.randn(2, 2, 20, 24, generator=torch.Generator().manual_seed(2))
    first, mended = point_instances(classes, points, smallest=1), regrouped(classes, points, offset)
    for image in range(2):
        np.testing.assert_array_equal(first.number[image], voronoi(classes[image], points[image], grid, within=True))
        seen = (torch.from_numpy(grid).float() + offset[image]).numpy()
        np.testing.assert_array_equal(mended.number[image], voronoi(classes[image], points[image], seen, within=False))
        at = np.argwhere(points[image].numpy() != 255)
        there = mended.number[image] >= 0
        ends = (torch.from_numpy(grid).float() + mended.offset[image])[:, there]
        np.testing.assert_array_equal(ends.numpy(), at[mended.number[image][there].numpy()].T)


def test_padding_and_pixels_without_trust_are_never_labeled() -> None:
    image = torch.ones(1, 3, 1, 6)
    image[..., 4:] = 0
    target = torch.tensor([[[1, 255, 255, 255, 255, 255]]])
    sample = {"image": image, "target_weight": torch.tensor([[[0.5, 1.0, 0.0, 1.0, 1.0, 1.0]]])}
    px = PixelBatch(one_hot_logits(torch.ones(1, 1, 6, dtype=torch.long)), target, sample=sample)
    assert trust_beyond_labels(px).tolist() == [[[0.5, 1.0, 0.0, 1.0, 0.0, 0.0]]]
    found = PointComponents(smallest=1)(px)
    assert found.target.tolist() == [[[1, 1, 255, 255, 255, 255]]]  # the untrusted pixel parts the component
    mixture = MixtureLabels()(replace(px, taps=Taps(embedding=torch.zeros(1, 2, 1, 6))))
    assert mixture.target.tolist() == [[[1, 1, 255, 1, 255, 255]]]
    assert mixture.weight.tolist() == [[[0.5, 1.0, 0.0, 1.0, 0.0, 0.0]]]


def test_a_training_completes_its_own_clicks() -> None:
    recipe = Supervised(WeightedCrossEntropy(), labeler=MixtureLabels(0.0)).bind(tapped()).train()
    target = torch.full((2, 4, 5), 255)
    target[:, 1, 1], target[:, 3, 3] = 0, 2
    losses = recipe({"labeled": {"image": torch.rand(2, 3, 4, 5), "target": target}}, progress=0.0)
    losses["loss"].backward()
    assert losses["loss"] > 0


@pytest.mark.parametrize("make", [lambda: MixtureLabels(1.5), lambda: MixtureLabels(variance="x"),
                                  lambda: PointComponents(0)])  # fmt: skip
def test_settings_outside_their_range(make: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        make()  # type: ignore[operator]
