"""ADELE's labels by hand, its state in several processes and across a stop, and faults of the authors' code."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch

import hardpix
from hardpix.labelers import EarlyLearning, PseudoLabels
from hardpix.objectives import WeightedCrossEntropy
from hardpix.pixels import DatasetInfo, PixelBatch
from hardpix.recipes import Supervised
from hardpix.refiners import Refiner
from hardpix.signals import HardnessLevel, Signal
from hardpix.teachers import MovingAverage
from hardpix.testing import check_labeler
from processes import run_in_two_processes

from .labels_in_two_processes import batches


def seen(classes: list[int], given: list[int], sure: float = 0.9, number: int = 3) -> PixelBatch:
    """One image of one row, predicted with this probability."""
    rest = (1 - sure) / (number - 1)
    shares = torch.full((1, number, 1, len(classes)), rest)
    shares.scatter_(1, torch.tensor(classes)[None, None, None], sure)
    return PixelBatch(shares.log(), torch.tensor([[given]]))


def opened(*classes: int, number: int = 3, **settings: object) -> EarlyLearning:
    """A labeler that corrects labels to these classes."""
    labeler = EarlyLearning(**settings)  # type: ignore[arg-type]
    labeler.prepare(DatasetInfo(tuple(map(str, range(number))), lambda: [1] * number))
    labeler.corrected_from = torch.tensor([int(k in classes) for k in range(number)])
    return labeler.eval()


def test_labels_become_the_sure_predictions_of_classes_that_are_corrected() -> None:
    labeler = opened(1)
    found = labeler(seen([1, 1, 2, 0, 1, 0], [0, 1, 0, 2, 255, 0]))
    assert found.target.tolist() == [[[1, 1, 0, 2, 255, 0]]]
    assert found.weight.tolist() == [[[1, 1, 1, 1, 0, 1]]]


def test_nothing_is_corrected_before_its_time_or_without_certainty() -> None:
    px = seen([1, 1, 2], [0, 1, 2])
    for labeler in (opened(), opened(0, 2), opened(0, 1, 2, threshold=1.0), opened(0, 1, 2, threshold=0.9001)):
        assert labeler(px).target.tolist() == [[[0, 1, 2]]]
    assert opened(0, 1, 2, threshold=0.8999)(px).target.tolist() == [[[1, 1, 2]]]


def test_a_prediction_that_agrees_changes_nothing_and_correcting_twice_is_correcting_once() -> None:
    labeler, agreed = opened(0, 1, 2), seen([0, 1, 2], [0, 1, 2])
    assert torch.equal(labeler(agreed).target, agreed.labels)
    px = seen([1, 0, 1, 2, 2], [0, 0, 1, 1, 2])
    once = labeler(px).target
    assert torch.equal(labeler(PixelBatch(px.logits, once)).target, once)
    assert not torch.equal(once, px.labels)


def test_classes_of_other_images_are_given_only_where_that_is_wanted() -> None:
    """Class 1 is among the labels of the second image alone."""
    one, other = seen([1, 0], [0, 0]), seen([1, 1], [0, 1])
    px = PixelBatch(torch.cat((one.logits, other.logits)), torch.cat((one.labels, other.labels)))
    assert opened(1)(px).target.tolist() == [[[0, 0]], [[1, 1]]]
    assert opened(1, within_image=False)(px).target.tolist() == [[[1, 0]], [[1, 1]]]


class Left(Signal):
    """The left pixel alone is hard."""

    name = "left"

    def forward(self, px: PixelBatch) -> torch.Tensor:
        return torch.linspace(1, 0, px.shape[2]).expand(px.shape)


def test_with_a_signal_what_is_hard_and_sure_is_corrected() -> None:
    for settings, expected in (({}, [1, 1, 0]), ({"min_level": 0}, [1, 1, 1]), ({"threshold": 0.95}, [0, 1, 0])):
        labeler = opened(1, signal=Left(), **settings)
        assert labeler(seen([1, 1, 1], [0, 1, 0])).target.tolist() == [[expected]]


def test_learned_hardness_of_a_labeler_learns_from_the_given_labels() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.Conv2d(8, 3, 1))
    labeler = opened(0, 1, 2, threshold=0.0, signal=HardnessLevel(), min_level=0)
    recipe = Supervised(WeightedCrossEntropy(), MovingAverage(), labeler).bind(hardpix.tap(model, decoder="1"))
    batch = {"image": torch.rand(1, 3, 8, 8), "target": torch.randint(0, 3, (1, 8, 8))}
    losses = recipe({"labeled": batch}, progress=0.0)
    given = recipe.network.pixels(**batch)
    torch.testing.assert_close(losses["labeler/hardness"], labeler.signal.loss(given))
    agreed = PixelBatch(given.logits, given.logits.argmax(1), taps=given.taps)
    assert not torch.allclose(losses["labeler/hardness"], labeler.signal.loss(agreed))
    torch.testing.assert_close(losses["loss"], losses["segmentation"] + losses["labeler/hardness"])
    losses["loss"].backward()
    assert all(weights.grad is not None for weights in labeler.signal.parameters())


def test_trust_of_the_batch_stays() -> None:
    px = seen([1, 1, 1], [0, 1, 0])
    px = PixelBatch(px.logits, px.labels, sample={"target_weight": torch.tensor([[[0.5, 1.0, 0.0]]])})
    assert opened(1)(px).weight.tolist() == [[[0.5, 1.0, 0.0]]]


class Swap(Refiner):
    def forward(self, probabilities: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        return probabilities.flip(1)


def test_refined_predictions_correct_and_the_networks_own_are_counted() -> None:
    px = seen([2, 2], [0, 2])
    px = PixelBatch(px.logits, px.labels, sample={"image": torch.zeros(1, 3, 1, 2)})
    labeler = opened(0, refiner=Swap()).train()
    assert labeler(px).target.tolist() == [[[0, 0]]]
    assert labeler.counts.tolist() == [[0, 0, 1], [1, 0, 1], [0, 0, 2]]


def test_iou_is_that_with_the_given_labels_whatever_was_corrected() -> None:
    """The authors' medical variant measures against corrected labels, with which the network agrees."""
    labeler = opened(0, 1, 2).train()
    for _ in range(2):
        corrected = labeler(seen([1, 1, 1, 0], [0, 0, 1, 0])).target
        assert corrected.tolist() == [[[1, 1, 1, 0]]]
        labeler.end_epoch()
    np.testing.assert_allclose(labeler.iou(), [[1 / 3, 1 / 3, np.nan]] * 2)


def test_counts_are_those_of_a_loop_and_of_training_alone() -> None:
    logits, target = batches(2)
    labeler = EarlyLearning()
    labeler.eval()(PixelBatch(logits, target))
    assert labeler.counts.sum() == 0
    labeler.train()(PixelBatch(logits, target))
    labeler.end_epoch()
    predicted = logits.argmax(1)
    valid = target != 255
    for k in range(3):
        hit = (valid & (target == k) & (predicted == k)).sum()
        either = (valid & ((target == k) | (predicted == k))).sum()
        assert labeler.iou()[0, k] == pytest.approx(float(hit / either))


def trained(epochs: int = 12, number: int = 3) -> EarlyLearning:
    """Class 1 follows 0.8 (1 − exp(−t / 2)), class 0 rises all the time, class 2 is never hit."""
    labeler = EarlyLearning()
    labeler.prepare(DatasetInfo(("road", "pole", "bird"), lambda: [1, 1, 1]))
    for epoch in range(1, epochs + 1):
        hits = np.array([100 * epoch, round(1e5 * 0.8 * (1 - np.exp(-epoch / 2))), 0])
        labeler.counts = torch.from_numpy(np.stack((hits, [10**5] * 3, hits)))
        labeler.end_epoch()
    return labeler


def test_a_class_is_corrected_from_the_epoch_after_its_curve_has_slowed_down() -> None:
    """1 − exp(−(e − 1) / 2) exceeds 0.9 at e = 6; the epoch after that is the seventh."""
    labeler = trained()
    assert labeler.corrected_from.tolist() == [0, 7, 0]
    assert labeler.news() == ["labels of pole are corrected from epoch 7 on"]
    assert labeler.news() == []
    assert trained(5).corrected_from.tolist() == [0, 0, 0]
    kept = trained(6)
    kept.counts = torch.tensor([[700, 0, 0], [10**5] * 3, [700, 0, 0]])
    kept.end_epoch()
    assert kept.corrected_from.tolist() == [0, 7, 0]


def test_a_class_without_a_curve_is_named() -> None:
    (_, said) = trained(15).news()
    assert said.startswith("labels are not corrected to bird: no learning curve can be fitted")


def test_state_goes_on_in_another_labeler_within_an_epoch() -> None:
    one = EarlyLearning()
    for epoch in range(8):
        one(PixelBatch(*batches(epoch)))
        one.end_epoch()
    one(PixelBatch(*batches(8)))
    other = EarlyLearning()
    other.prepare(DatasetInfo(("a", "b", "c"), lambda: [1, 1, 1]))
    other.load_state_dict(deepcopy(one.state_dict()))
    for labeler in (one, other):
        labeler(PixelBatch(*batches(9)))
        labeler.end_epoch()
    assert one.corrected_from.any()
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_a_change_of_type_rounds_nothing() -> None:
    labeler = trained(5)
    assert torch.equal(labeler.half().history, trained(5).history)


@pytest.mark.parametrize("settings", [{"threshold": 1.5}, {"slowed": 1.0}, {"slowed": -0.1}])
def test_settings_outside_their_range(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected threshold from 0 to 1 and slowed"):
        EarlyLearning(**settings)


def test_images_without_labels_stay_without() -> None:
    found = opened(1)(PixelBatch(torch.zeros(1, 3, 1, 2)))
    assert isinstance(found, PseudoLabels)
    assert found.target.tolist() == [[[255, 255]]]


@pytest.mark.parametrize("labeler", [EarlyLearning(), opened(0, 1, 2), opened(1, within_image=False)])
def test_it_is_a_labeler(labeler: EarlyLearning) -> None:
    check_labeler(labeler)


@pytest.mark.slow
def test_two_processes_have_the_state_of_one(tmp_path: Path) -> None:
    ranks = run_in_two_processes(Path(__file__).with_name("labels_in_two_processes.py"), tmp_path)
    whole = EarlyLearning()
    for epoch, states in enumerate(zip(*ranks, strict=True)):
        whole(PixelBatch(*batches(epoch)))
        whole.end_epoch()
        for state in states:
            for name, value in whole.state_dict().items():
                assert torch.equal(value, state[name]), (epoch, name)
    assert whole.corrected_from.any()
