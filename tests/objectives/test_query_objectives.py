"""RIPU's two objectives against loops and finite differences; the faults of its code."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.objectives import NegativeLearning, NeighborAgreement, Objective
from hardpix.pixels import PixelBatch
from testing import batch_of


def drawn(size: tuple[int, int, int, int] = (2, 3, 6, 7)) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def blocks() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    target = torch.randint(0, 3, (2, 3, 4), generator=generator).repeat_interleave(2, 1).repeat_interleave(2, 2)
    target = target[:, :6, :7].clone()
    target[torch.rand(target.shape, generator=generator) < 0.2] = 255
    return target


def agreement_by_loop(logits: Tensor, target: Tensor, trust: Tensor) -> Tensor:
    shares = logits.softmax(1)
    total = weight = torch.zeros((), dtype=torch.float64)
    for b, y, x in torch.cartesian_prod(*map(torch.arange, target.shape)).tolist():
        around = (slice(max(0, y - 1), y + 2), slice(max(0, x - 1), x + 2))
        near, own = target[b][around], target[b, y, x]
        if own != 255 and ((near != own) & (near != 255)).any():
            mean = shares[b][:, *around].mean((1, 2))
            total = total + trust[b, y, x] * (shares[b, :, y, x] - mean).abs().sum()
            weight = weight + trust[b, y, x]
    return total / weight


def test_agreement_is_the_mean_distance_from_the_neighbors_beside_borders() -> None:
    logits, target = drawn().requires_grad_(), blocks()
    trust = torch.rand(target.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = NeighborAgreement()(batch_of(logits, target, target_weight=trust))["loss"]
    expected = agreement_by_loop(logits, target, trust)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in (found, expected)))


def test_agreement_of_a_constant_map_is_0() -> None:
    logits = torch.tensor([0.3, -2.0, 1.0])[None, :, None, None].expand(1, 3, 4, 5)
    assert NeighborAgreement()(batch_of(logits, blocks()[:1, :4, :5]))["loss"].abs() < 1e-6


def test_a_junction_is_a_border_and_the_frame_is_none() -> None:
    # 1|2|3: the Laplacian of the class numbers, 1 + 3 − 2·2, is 0 in the middle column. At the frame of an image of
    # class 1 it is not.
    def laplacian(target: Tensor) -> Tensor:
        kernel = torch.full((1, 1, 3, 3), -1.0)
        kernel[0, 0, 1, 1] = 8
        return F.conv2d(target[:, None].float(), kernel, padding=1)[:, 0] != 0

    junction = torch.tensor([1, 2, 3]).repeat(1, 5, 1)
    assert not laplacian(junction)[0, 2, 1]
    logits = torch.zeros(1, 4, 5, 3, dtype=torch.float64, requires_grad=True)
    alone = torch.full_like(junction, 255)
    alone[0, 2] = junction[0, 2]
    with torch.no_grad():
        logits[0, 0, 2, 1] = 3
    (gradient,) = torch.autograd.grad(NeighborAgreement()(batch_of(logits, alone))["loss"], logits)
    assert gradient[0, 0, 2, 1] != 0
    # Three pixels beside a border: the mean of their distances, by hand.
    shares = logits.detach().softmax(1)
    near = F.avg_pool2d(shares, 3, 1, 1, count_include_pad=False)
    expected = (shares - near).abs().sum(1)[0, 2].mean()
    torch.testing.assert_close(NeighborAgreement()(batch_of(logits, alone))["loss"], expected)

    one_class = torch.ones(1, 5, 3, dtype=torch.long)
    assert laplacian(one_class).any()
    # Not a number in the authors' code, which divides by 0 pixels where it finds none.
    found = NeighborAgreement()(batch_of(drawn((1, 4, 5, 3)).requires_grad_(), one_class))["loss"]
    assert found.item() == 0
    assert found.requires_grad


def negative_by_loop(logits: Tensor, threshold: float) -> Tensor:
    shares = logits.softmax(1).flatten()
    terms = [-torch.log(1 - p) for p in shares if p < threshold]
    return torch.stack(terms).mean()


def test_negative_learning_is_the_mean_over_what_is_nearly_ruled_out() -> None:
    logits = (3 * drawn()).requires_grad_()
    found = NegativeLearning(0.2)(PixelBatch(logits))["loss"]
    expected = negative_by_loop(logits, 0.2)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in (found, expected)))
    assert torch.autograd.gradcheck(lambda z: NegativeLearning(0.2)(PixelBatch(z))["loss"], (logits,))


def test_negative_learning_needs_no_label_and_leaves_padding_out() -> None:
    logits = 3 * drawn((1, 3, 4, 5))
    whole = NegativeLearning(0.2)(batch_of(logits, torch.full((1, 4, 5), 255)))["loss"]
    torch.testing.assert_close(whole, negative_by_loop(logits, 0.2))
    padded = F.pad(logits, (0, 2, 0, 3), value=9.0)
    padded[:, 0, 4:] = -9
    inside = F.pad(torch.ones(1, 4, 5, dtype=torch.bool), (0, 2, 0, 3))
    found = NegativeLearning(0.2)(PixelBatch(padded, sample={"inside": inside}))["loss"]
    torch.testing.assert_close(found, whole)


@pytest.mark.parametrize("make", [lambda: NegativeLearning(0.2), NeighborAgreement])
def test_padding_of_a_crop_changes_nothing(make: Callable[[], Objective]) -> None:
    logits, target = 3 * drawn((1, 3, 4, 5)), torch.tensor([[[0, 0, 1, 1, 2]] * 4])
    image = 1 + torch.rand(1, 3, 4, 5)
    whole = make()(PixelBatch(logits, target, sample={"image": image}))["loss"]
    around = (0, 2, 0, 3)
    # The network is sure of the first class there.
    there = F.pad(torch.zeros(1, 1, 4, 5), around, value=9.0) * torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1)
    padded = PixelBatch(
        F.pad(logits, around) + there,
        F.pad(target, around, value=255),
        sample={"image": F.pad(image, around)},
    )
    torch.testing.assert_close(make()(padded)["loss"], whole)


def test_negative_learning_is_0_where_no_class_is_ruled_out() -> None:
    # All p ≥ 0.05; the authors divide 0 by 0.
    logits = torch.zeros(1, 19, 2, 2, requires_grad=True)
    loss = NegativeLearning()(PixelBatch(logits))["loss"]
    assert loss.item() == 0
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_negative_learning_is_never_below_0() -> None:
    # The authors' −log(1 − p + 1e-6) is −1e-6 where p is 0.
    logits = torch.tensor([900.0, 0.0, 0.0]).view(1, 3, 1, 1).requires_grad_()
    loss = NegativeLearning()(PixelBatch(logits))["loss"]
    assert loss.item() == 0
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.isfinite().all()
    assert -math.log(1 + 1e-6) < 0


def test_faulty_settings_are_refused() -> None:
    for threshold in (0, 1, -0.1):
        with pytest.raises(ValueError, match="above 0 and below 1"):
            NegativeLearning(threshold)
