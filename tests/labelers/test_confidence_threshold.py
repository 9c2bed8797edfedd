"""Pseudo-labels against closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.labelers import ConfidenceThreshold, Labeler
from hardpix.objectives import WeightedCrossEntropy
from hardpix.pixels import PixelBatch
from hardpix.refiners import PAMR, Refiner
from hardpix.signals import Uniform
from testing import batch_of


def logits_of(*probabilities: float) -> Tensor:
    """Logits (1, 2, 1, W) whose class 1 has these probabilities."""
    p = torch.tensor(probabilities, dtype=torch.float64)
    return torch.stack([torch.zeros_like(p), torch.log(p / (1 - p))])[None, :, None]


def test_pixels_at_or_above_the_threshold_are_labeled() -> None:
    px = PixelBatch(logits_of(0.99, 0.5001, 0.01, 0.9))
    found = ConfidenceThreshold(px.confidence[0, 0, 3].item())(px)
    assert found.target.tolist() == [[[1, 255, 0, 1]]]
    assert found.weight.tolist() == [[[1, 0, 1, 1]]]
    assert (found.target.dtype, found.weight.dtype) == (torch.int64, torch.float32)


def test_share_is_that_of_each_image() -> None:
    px = PixelBatch(torch.cat([logits_of(0.99, 0.98, 0.4, 0.01), logits_of(0.6, 0.6, 0.6, 0.6)]))
    found = ConfidenceThreshold(0.968, mode="share")(px)
    assert found.target.tolist() == [[[1, 1, 0, 0]], [[1, 1, 1, 1]]]
    assert found.weight.tolist() == [[[0.75] * 4], [[0.0] * 4]]


@pytest.mark.parametrize("kind", ["target", "target_weight"])
@pytest.mark.parametrize("mode", ["pixel", "share"])
def test_padding_stays_unlabeled(mode: str, kind: str) -> None:
    """Neither labeled nor counted: 2 of 3 pixels are confident, not 3 of 4."""
    known = {
        "target": lambda: batch_of(logits_of(0.99, 0.6, 0.99, 0.99), torch.tensor([[[0, 1, 0, 255]]])),
        "target_weight": lambda: batch_of(
            logits_of(0.99, 0.6, 0.99, 0.99), target_weight=torch.tensor([[[1.0, 1, 1, 0]]])
        ),
    }[kind]()
    found = ConfidenceThreshold(0.9, mode)(known)
    share = torch.tensor(2 / 3).item()
    assert found.target.tolist() == ([[[1, 255, 1, 255]]] if mode == "pixel" else [[[1, 1, 1, 255]]])
    assert found.weight.tolist() == ([[[1, 0, 1, 0]]] if mode == "pixel" else [[[share, share, share, 0]]])


@pytest.mark.parametrize("mode", ["pixel", "share"])
def test_an_image_of_padding_has_no_label(mode: str) -> None:
    found = ConfidenceThreshold(0.5, mode)(batch_of(logits_of(0.9, 0.9), torch.full((1, 1, 2), 255)))
    assert found.target.tolist() == [[[255, 255]]]
    assert found.weight.tolist() == [[[0, 0]]]


def test_trust_that_is_known_multiplies() -> None:
    px = batch_of(logits_of(0.9, 0.9, 0.6), target_weight=torch.tensor([[[0.5, 0.25, 1.0]]]))
    assert ConfidenceThreshold(0.8)(px).weight.tolist() == [[[0.5, 0.25, 0]]]


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("mode", ["pixel", "share"])
def test_types_of_logits_change_nothing(mode: str, kind: torch.dtype) -> None:
    """Numbers that every type has; in half types a confidence of 0.9997 would be 1 and count at a threshold of 1."""
    logits = torch.tensor([[0.0, 0.0, 0.0], [8.0, -0.25, 2.0]], dtype=torch.float64)[None, :, None]
    expected = ConfidenceThreshold(1.0, mode)(PixelBatch(logits))
    found = ConfidenceThreshold(1.0, mode)(PixelBatch(logits.to(kind)))
    assert torch.equal(found.target, expected.target)
    assert torch.equal(found.weight, expected.weight)
    assert found.weight.dtype == torch.float32
    assert not found.weight.any()
    assert ConfidenceThreshold(0.9, mode)(PixelBatch(logits.to(kind))).target[0, 0, 0] == 1


def test_one_class_is_sure_everywhere() -> None:
    found = ConfidenceThreshold(1.0)(PixelBatch(torch.randn(2, 1, 3, 4)))
    assert not found.target.any()
    assert found.weight.all()


@pytest.mark.parametrize("mode", ["pixel", "share"])
def test_nothing_is_labeled_where_the_network_overflowed(mode: str) -> None:
    logits = logits_of(0.99, 0.99)
    logits[..., 1] = math.nan
    found = ConfidenceThreshold(0.0, mode)(PixelBatch(logits))
    assert found.target.tolist() == [[[1, 255]]]
    assert found.weight.tolist() == [[[1, 0]]]


def test_all_below_the_threshold_is_no_loss() -> None:
    student = logits_of(0.3, 0.7).requires_grad_()
    labels = ConfidenceThreshold()(PixelBatch(logits_of(0.9, 0.8)))
    assert labels.target.tolist() == [[[255, 255]]]
    batch = labels.into({"image": torch.zeros(1, 3, 1, 2)})
    px = batch_of(student, batch["target"], target_weight=batch["target_weight"])
    loss = WeightedCrossEntropy()(px)["loss"]
    loss.backward()
    assert loss.item() == 0
    assert not student.grad.any()


def test_no_gradient_reaches_the_teacher() -> None:
    logits = logits_of(0.99, 0.6).requires_grad_()
    found = ConfidenceThreshold(mode="share")(PixelBatch(logits))
    assert not found.weight.requires_grad


def test_share_divides_by_pixels_where_the_objective_counts_them() -> None:
    """DACS: the loss of pseudo-labels is ω times their mean cross-entropy; over the sum of weights ω cancels out."""
    teacher, student = logits_of(0.99, 0.9, 0.2, 0.6), logits_of(0.4, 0.5, 0.6, 0.7)
    labels = ConfidenceThreshold(0.968, mode="share")(PixelBatch(teacher))
    px = batch_of(student, labels.target, target_weight=labels.weight)
    mean = F.cross_entropy(student, torch.tensor([[[1, 1, 0, 1]]]))
    torch.testing.assert_close(WeightedCrossEntropy(Uniform("count"))(px)["loss"], 0.25 * mean)
    torch.testing.assert_close(WeightedCrossEntropy()(px)["loss"], mean)


class Swap(Refiner):
    """The other of two classes."""

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        assert probabilities.dtype in (torch.float32, torch.float64)
        assert image.shape[-2:] == probabilities.shape[-2:]
        return probabilities.flip(1)


def test_refined_probabilities_are_labeled() -> None:
    px = batch_of(logits_of(0.99, 0.6), image=torch.zeros(1, 3, 2, 4))
    found = ConfidenceThreshold(0.9, refiner=Swap())(px)
    assert found.target.tolist() == [[[0, 255]]]
    with pytest.raises(ValueError, match=r"expected the image in the batch, by which Swap refines"):
        ConfidenceThreshold(refiner=Swap())(PixelBatch(logits_of(0.9)))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64], ids=str)
def test_refining_by_the_image_is_that_of_the_refiner(kind: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 6, 7, generator=generator).to(kind)
    image = torch.randn(2, 3, 6, 7, generator=generator)
    refiner = PAMR(dilations=(1, 2), steps=3)
    expected = refiner(logits.float().softmax(1), image)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = ConfidenceThreshold(0.5, refiner=refiner)(batch_of(logits, image=image))
    sure = expected.amax(1) >= 0.5
    assert 0 < sure.sum() < sure.numel()
    assert torch.equal(found.target, torch.where(sure, expected.argmax(1), 255))


class Products(Refiner):
    """Probabilities as they are, by a product that autocast would compute in a half type."""

    def forward(self, probabilities: Tensor, image: Tensor) -> Tensor:
        classes = probabilities.shape[1]
        return torch.einsum("dc,bchw->bdhw", torch.eye(classes), probabilities)


def test_refiners_compute_in_float32_under_autocast() -> None:
    px = batch_of(logits_of(0.9003, 0.8997).float(), image=torch.zeros(1, 3, 1, 2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = ConfidenceThreshold(0.9, refiner=Products())(px)
    # In bfloat16 both would be 0.8984.
    assert found.target.tolist() == [[[1, 255]]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConfidenceThreshold(1.5), "from 0 to 1, found 1.5"),
        (lambda: ConfidenceThreshold(math.nan), "from 0 to 1, found nan"),
        (lambda: ConfidenceThreshold(mode="batch"), "found 'batch'"),
        (lambda: Uniform("sum"), "found 'sum'"),
    ],
)
def test_settings_outside_their_range_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_labeler_of_ones_own_must_say_how_it_labels() -> None:
    with pytest.raises(NotImplementedError, match="Labeler must return PseudoLabels"):
        Labeler()(PixelBatch(logits_of(0.5)))
