"""Boundary loss, against scipy's distances and the authors' formula."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from hardpix.objectives import BoundaryLoss
from hardpix.pixels import DatasetInfo, PixelBatch, distance_to, signed_distances
from hardpix.testing import check_objective


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 25), st.integers(1, 25)),
    seed=st.integers(0, 2**16),
    share=st.sampled_from([0.0, 0.01, 0.1, 0.7, 1.0]),
    reach=st.sampled_from([1, 2, 5, 12, 50]),
)
def test_distances_are_those_of_scipy_up_to_the_reach(size: tuple, seed: int, share: float, reach: int) -> None:
    mask = np.random.default_rng(seed).random((2, *size)) < share
    found = distance_to(torch.from_numpy(mask), reach).numpy()
    for one, image in zip(found, mask, strict=True):
        expected = distance_transform_edt(~image) if image.any() else np.full(size, np.inf)
        np.testing.assert_allclose(one, np.minimum(expected, reach), rtol=1e-6)


def phi(labels: np.ndarray, number: int, reach: int) -> np.ndarray:
    """The authors' signed distances of one class, by scipy, with what is unlabeled on neither side."""
    own, others = labels == number, (labels != number) & (labels != 255)
    if not own.any():
        return np.zeros(labels.shape)
    outside = np.minimum(distance_transform_edt(~own), reach)
    inside = np.minimum(distance_transform_edt(~others), reach) if others.any() else np.full(labels.shape, reach)
    return np.where(own, 1 - inside, outside)


def random_case(size: tuple[int, int, int] = (3, 19, 27)) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    noise = torch.nn.functional.avg_pool2d(torch.randn(size[0], 3, *size[1:], generator=generator), 5, 1, 2)
    target = noise.argmax(1)
    target[0, :4] = 255
    target[1] = 2
    return torch.randn(size[0], 4, *size[1:], generator=generator), target


@pytest.mark.parametrize("classes", [[0], [1, 2], [0, 1, 2, 3], [3, 0]])
@pytest.mark.parametrize("reach", [1, 4, 100])
def test_signed_distances_are_those_of_the_authors(classes: list[int], reach: int) -> None:
    _, target = random_case()
    found = signed_distances(target, torch.tensor(classes), reach).numpy()
    expected = np.stack([[phi(labels, number, reach) for number in classes] for labels in target.numpy()])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("size", [(3, 19, 27), (2, 1, 9), (2, 9, 1), (2, 1, 1)])
@pytest.mark.parametrize("classes", [None, [1, 2]])
def test_it_is_the_mean_of_distance_times_probability(size: tuple, classes: list[int] | None) -> None:
    logits, target = random_case(size)
    trust = torch.rand(target.shape, generator=torch.Generator().manual_seed(1))
    p = logits.double().softmax(1).numpy()
    names = classes or [0, 1, 2, 3]
    cost = np.stack([[p[b, k] * phi(target[b].numpy(), k, 6) for k in names] for b in range(len(p))]).mean(1)
    weight = trust.numpy() * (target.numpy() != 255)
    expected = (cost * weight).sum() / weight.sum() if weight.any() else 0
    px = PixelBatch(logits, target, sample={"target_weight": trust})
    assert BoundaryLoss(classes, reach=6)(px)["loss"].item() == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_it_is_least_for_the_labels_themselves() -> None:
    _, target = random_case()
    target = target.where(target != 255, 0)
    right = 50 * torch.nn.functional.one_hot(target, 4).movedim(-1, 1).float()
    losses = [
        BoundaryLoss(reach=30)(PixelBatch(right.roll(by, -1), target))["loss"].item() for by in (0, 1, -1, 3, -3, 9)
    ]
    assert losses[0] < min(losses[1:])
    assert max(losses[1:3]) < min(losses[3:])


@pytest.mark.parametrize("classes", [None, [0, 1], ["class 2"]])
def test_it_is_an_objective(classes: list | None) -> None:
    check_objective(BoundaryLoss(classes, reach=3))


def test_names_are_looked_up_and_what_is_out_of_range_is_refused() -> None:
    logits, target = random_case()
    named = BoundaryLoss(["car"])
    with pytest.raises(RuntimeError, match="found their names alone"):
        named(PixelBatch(logits, target))
    assert named.classes is not None
    named.classes.prepare(DatasetInfo(("a", "b", "car", "d"), lambda: [1, 1, 1, 1]))
    px = PixelBatch(logits, target)
    assert torch.equal(named(px)["loss"], BoundaryLoss([2])(px)["loss"])
    with pytest.raises(ValueError, match="reach ≥ 1"):
        BoundaryLoss(reach=0)
    with pytest.raises(ValueError, match="at least 1 pixel"):
        distance_to(torch.ones(2, 2, dtype=torch.bool), 0)
