"""Losses of depth, against closed forms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from hardpix.pixels import depth_loss

NAN = float("nan")
KINDS = ("berhu", "l1", "scale_invariant")


def residuals(values: list[float]) -> tuple[Tensor, Tensor]:
    """A prediction and a depth whose r = log d̂ − log d are these; between them pixels of unknown depth."""
    prediction = torch.tensor([[[x for r in values for x in (r + math.log(3.0), 99.0)]]], dtype=torch.float64)
    depth = torch.tensor([[[3.0, NAN] * len(values)]], dtype=torch.float64)
    return prediction, depth


def test_l1() -> None:
    assert float(depth_loss(*residuals([1.0, -3.0, 0.5]), "l1")) == pytest.approx(4.5 / 3)


def test_berhu_is_l1_up_to_a_fifth_of_the_largest_and_square_beyond() -> None:
    # c = 0.4: 0.3 as it is, (1 + 0.16) / 0.8 and (4 + 0.16) / 0.8.
    assert float(depth_loss(*residuals([0.3, 1.0, -2.0]), "berhu")) == pytest.approx((0.3 + 1.45 + 5.2) / 3)


def test_scale_invariant_forgives_half_of_a_wrong_scale() -> None:
    # Eigen: mean of r² less half of the squared mean.
    assert float(depth_loss(*residuals([1.0, 3.0]), "scale_invariant")) == pytest.approx(5 - 0.5 * 4)
    assert float(depth_loss(*residuals([2.0, 2.0, 2.0]), "scale_invariant")) == pytest.approx(2.0)


def test_scale_invariant_looks_at_each_image_alone() -> None:
    one, two = residuals([1.0, 3.0]), residuals([-4.0, 0.0])
    both = [torch.cat(pair) for pair in zip(one, two, strict=True)]
    assert float(depth_loss(*both, "scale_invariant")) == pytest.approx((3.0 + (8 - 0.5 * 4)) / 2)


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_prediction_costs_nothing(kind: str) -> None:
    prediction, depth = residuals([0.0, 0.0])
    loss = depth_loss(prediction.requires_grad_(), depth, kind)
    loss.backward()
    assert loss.item() == 0
    assert prediction.grad.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_gradcheck(kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    depth = 1 + torch.rand(2, 3, 4, generator=generator, dtype=torch.float64)
    depth[0, 0] = NAN
    prediction = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64).requires_grad_()
    if kind == "berhu":
        # c is a constant of the graph: the largest residual must not move.
        prediction.data[1, 2, 3] = 9.0
        mask = torch.ones_like(prediction).index_put_(
            (torch.tensor(1), torch.tensor(2), torch.tensor(3)), torch.tensor(0.0, dtype=torch.float64)
        )
        inner = (prediction.detach() * mask).requires_grad_()
        constant = prediction.detach() * (1 - mask)
        assert torch.autograd.gradcheck(lambda x: depth_loss(x * mask + constant, depth, kind), inner)
    else:
        assert torch.autograd.gradcheck(lambda x: depth_loss(x, depth, kind), prediction)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unknown", [NAN, 0.0, -1.0, math.inf])
def test_unknown_depth_costs_nothing_and_stays_on_the_graph(kind: str, unknown: float) -> None:
    prediction = torch.randn(1, 2, 3, requires_grad=True)
    loss = depth_loss(prediction, torch.full((1, 2, 3), unknown), kind)
    loss.backward()
    assert loss.item() == 0
    assert not prediction.grad.any()


def test_half_types_are_computed_in_float32() -> None:
    prediction, depth = torch.randn(1, 40, 40).bfloat16(), torch.rand(1, 40, 40) + 1
    with torch.autocast("cpu", torch.bfloat16):
        loss = depth_loss(prediction, depth)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, depth_loss(prediction.float(), depth))


def test_another_kind() -> None:
    with pytest.raises(ValueError, match="expected a depth loss 'berhu', 'l1', 'scale_invariant', found 'l2'"):
        depth_loss(*residuals([1.0]), "l2")
