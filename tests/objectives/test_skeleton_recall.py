"""Skeleton recall, against closed forms and a plain loop over pixels; classes that are found to be thin."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage.morphology import dilation, skeletonize
from torch import Tensor

import hardpix
from hardpix.objectives import SkeletonRecall, Sum, WeightedCrossEntropy
from hardpix.objectives.thin_classes import ThinClasses
from hardpix.pixels import DatasetInfo, PixelBatch
from hardpix.signals import HardnessLevel
from hardpix.testing import check_objective, tapped


def crossing_lines() -> Tensor:
    """Ground 0, a pole 1 of one column, a wire 2 of one row on the other side; part of the pole has no label."""
    target = torch.zeros(1, 20, 24, dtype=torch.int64)
    target[0, :, 5] = 1
    target[0, 7, 9:] = 2
    target[0, 11:14, 5] = 255
    return target


def reference(logits: Tensor, target: Tensor, classes: list[int], radius: int, trust: Tensor | None = None) -> float:
    """The authors' skeleton of scikit-image, broadened, within the mask; recall in numpy."""
    p = logits.double().softmax(1).detach().numpy()
    trust = np.ones(target.shape) if trust is None else trust.numpy()
    missed = []
    for number in classes:
        found = there = 0.0
        for image, labels in enumerate(target.numpy()):
            mask = labels == number
            tube = skeletonize(mask)
            for _ in range(radius):
                tube = dilation(tube)
            for row, column in np.argwhere(tube & mask):
                found += trust[image, row, column] * p[image, number, row, column]
                there += trust[image, row, column]
        if there:
            missed.append(1 - found / there)
    return float(np.mean(missed)) if missed else 0.0


@pytest.mark.parametrize("radius", [0, 2])
@pytest.mark.parametrize("classes", [[1], [2], [1, 2], [1, 2, 3]])
def test_on_lines_it_is_the_authors_recall(classes: list[int], radius: int) -> None:
    target = crossing_lines().repeat(2, 1, 1)
    target[1] = target[1].roll(3, 1)
    logits = torch.randn(2, 4, 20, 24, generator=torch.Generator().manual_seed(0))
    trust = torch.rand(2, 20, 24, generator=torch.Generator().manual_seed(1))
    px = PixelBatch(logits, target)
    objective = SkeletonRecall(classes, tube_radius=radius)
    assert objective(px)["loss"].item() == pytest.approx(reference(logits, target, classes, radius), rel=1e-5)
    assert objective(px)["classes"] == len(set(classes) - {3})
    trusted = PixelBatch(logits, target, sample={"target_weight": trust})
    expected = reference(logits, target, classes, radius, trust)
    assert objective(trusted)["loss"].item() == pytest.approx(expected, rel=1e-5)


def test_a_broad_bar_counts_as_much_as_a_thin_one_of_its_length() -> None:
    """The middle row of a bar, and one row more on either side; predicted there, the rest is not asked."""
    target = torch.zeros(1, 21, 40, dtype=torch.int64)
    target[0, 6:15] = 1
    logits = torch.zeros(1, 2, 21, 40)
    logits[0, 1, 9:12] = logits[0, 0, :9] = logits[0, 0, 12:] = 40.0
    found = SkeletonRecall([1], tube_radius=1)(PixelBatch(logits, target))["loss"].item()
    # At its ends the skeleton may turn to the corners of the bar.
    assert found < 0.15
    assert WeightedCrossEntropy()(PixelBatch(logits, target))["loss"] > 5


def test_false_pixels_and_classes_that_are_not_there_cost_nothing() -> None:
    target = crossing_lines()
    logits = torch.zeros(1, 4, 20, 24)
    logits[:, 3] = 2.0
    line = (target == 1)[:, None]
    right = torch.where(line & (torch.arange(4) == 1)[:, None, None], 50.0, logits)
    assert SkeletonRecall([1, 3])(PixelBatch(right, target))["loss"].item() == pytest.approx(0, abs=1e-6)
    assert SkeletonRecall([3])(PixelBatch(right.requires_grad_(), target))["loss"].requires_grad


@pytest.mark.parametrize("classes", [None, [0, 1, 2], ["class 0", "class 2"]])
@pytest.mark.parametrize("radius", [0, 2])
def test_it_is_an_objective(classes: list | None, radius: int) -> None:
    check_objective(SkeletonRecall(classes, tube_radius=radius))


def test_it_goes_with_learned_hardness_and_another_objective() -> None:
    objective = Sum(
        objectives={"segmentation": WeightedCrossEntropy(HardnessLevel()), "skeleton": SkeletonRecall([1])},
        weights={"skeleton": 0.5},
    )
    step = hardpix.TrainingStep(tapped(), objective)
    target = torch.randint(0, 3, (2, 8, 12), generator=torch.Generator().manual_seed(0))
    losses = step(torch.rand(2, 3, 8, 12), target)
    expected = losses["segmentation/loss"] + 0.5 * losses["skeleton/loss"] + losses["hardness"]
    torch.testing.assert_close(losses["loss"], expected)


def thin_by_opening(target: np.ndarray, number: int, radius: int) -> float:
    """Share of a class that scipy's opening by a disc removes."""
    steps = np.arange(-radius, radius + 1)
    disc = steps[:, None] ** 2 + steps**2 <= radius**2
    mask = np.pad(target == number, radius + 1, mode="edge")
    kept = ndimage.binary_opening(mask, disc)
    return float((mask & ~kept)[radius + 1 : -radius - 1, radius + 1 : -radius - 1].sum() / (target == number).sum())


def test_thin_classes_are_those_that_an_opening_removes() -> None:
    target = torch.zeros(1, 60, 60, dtype=torch.int64)
    target[0, 5:55, 10:14] = 1  # a pole
    target[0, 20:45, 30:55] = 2  # a car
    target[0, 10:20, 40:42] = 2  # its aerial
    shares = [thin_by_opening(target[0].numpy(), number, radius=3) for number in range(3)]
    assert shares[1] == 1
    assert 0 < shares[2] < 1 / 3
    px = PixelBatch(torch.zeros(1, 4, 60, 60), target)
    assert ThinClasses()(px).tolist() == [False, True, False, False]
    assert ThinClasses(thin_share=shares[2] - 0.01)(px).tolist() == [False, True, True, False]
    assert ThinClasses(thin_share=shares[2] + 0.01)(px).tolist() == [False, True, False, False]


def test_what_is_thin_is_learned_from_all_labels_seen_in_training_and_kept() -> None:
    narrow, broad = (torch.zeros(1, 30, 30, dtype=torch.int64) for _ in range(2))
    narrow[0, :, 10:12] = 1
    broad[0, 2:28, 2:28] = 1
    logits = torch.zeros(1, 2, 30, 30)
    corners = round(thin_by_opening(broad[0].numpy(), 1, radius=3) * 26**2)
    classes = ThinClasses()
    assert classes(PixelBatch(logits, narrow)).tolist() == [False, True]
    assert classes(PixelBatch(logits, broad)).tolist() == [False, False]
    for _ in range(9):
        classes(PixelBatch(logits, narrow))
    fresh = ThinClasses()
    fresh.load_state_dict(classes.state_dict())
    for known in (classes.eval(), fresh.eval()):
        assert known(PixelBatch(logits, broad)).tolist() == [False, False]  # 600 and 2 · 20 of 1952
        assert known(PixelBatch(logits, narrow)).tolist() == [False, True]
        assert known.seen.tolist() == [[0, 600 + corners], [10 * 840 + 900 - 676, 600 + 676]]


def test_names_are_looked_up_and_kept() -> None:
    px = PixelBatch(torch.zeros(1, 4, 20, 24), crossing_lines())
    named = SkeletonRecall(["pole", 2])
    with pytest.raises(RuntimeError, match="give ids, or call prepare"):
        named(px)
    named.classes.prepare(DatasetInfo(("ground", "pole", "wire", "sky"), lambda: [1, 1, 1, 1]))
    assert named.classes(px).tolist() == [False, True, True, False]
    loaded = SkeletonRecall(["pole", 2])
    loaded.load_state_dict(named.state_dict())
    assert loaded.classes(px).tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"classes": []}, "list of classes"),
        ({"classes": "pole"}, "list of classes"),
        ({"tube_radius": -1}, "tube_radius ≥ 0"),
        ({"thin_share": 0.0}, "thin_share above 0"),
    ],
)
def test_settings_outside_their_range_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SkeletonRecall(**settings)


def test_classes_that_are_none_are_refused() -> None:
    px = PixelBatch(torch.zeros(1, 4, 20, 24), crossing_lines())
    with pytest.raises(ValueError, match=r"from 0 to 3, as the network has, found \[4\]"):
        SkeletonRecall([4])(px)
    with pytest.raises(ValueError, match="found mast; there are ground, pole"):
        ThinClasses(["mast"]).prepare(DatasetInfo(("ground", "pole"), lambda: [1, 1]))
