"""Maps that signals look at, against torch's own softmax and cross-entropy."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.pixels import PixelBatch
from hardpix.signals import Signal
from testing import batch_of


def random_batch(dtype: torch.dtype = torch.float64) -> PixelBatch:
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, 4, 3, 5, generator=generator, dtype=torch.float64)
    target = torch.randint(0, 4, (2, 3, 5), generator=generator)
    target[0, :2] = 255
    return batch_of(logits.to(dtype), target)


class Counted(Signal):
    name = "counted"
    calls = 0

    def forward(self, px: PixelBatch) -> Tensor:
        self.calls += 1
        return px.valid.float() * self.calls


class Learned(Signal):
    def __init__(self) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(0.5))

    def forward(self, px: PixelBatch) -> Tensor:
        return px.valid * self.value


def test_maps_of_the_batch_are_torchs_own() -> None:
    px = random_batch()
    probability = px.logits.softmax(1)
    expected_true = probability.gather(1, px.target.clamp(max=3)[:, None])[:, 0]
    assert torch.equal(px.valid, px.target != 255)
    torch.testing.assert_close(px.loss, F.cross_entropy(px.logits, px.target, ignore_index=255, reduction="none"))
    torch.testing.assert_close(px.true_probability, expected_true * px.valid)
    torch.testing.assert_close(px.confidence, probability.amax(1))


def test_certain_pixels_neither_overflow_nor_vanish() -> None:
    logits = torch.tensor([1e38, -1e38, 0.0]).view(1, 3, 1, 1).expand(1, 3, 1, 2)
    px = batch_of(logits, torch.tensor([[[0, 1]]]))
    assert px.confidence.tolist() == [[[1, 1]]]
    assert px.true_probability.tolist() == [[[1, 0]]]
    torch.testing.assert_close(px.loss, torch.tensor([[[0, 2e38]]]))


def test_loss_and_probability_are_on_the_graph_and_confidence_is_not() -> None:
    px = random_batch()
    px.logits.requires_grad_()
    assert px.loss.requires_grad
    assert px.true_probability.requires_grad
    assert not px.confidence.requires_grad


def test_who_asks_first_without_gradients_takes_them_from_nobody() -> None:
    px, own = random_batch(), Learned()
    px.logits.requires_grad_()
    with torch.no_grad():
        assert px.true_probability.shape == px.map(own).shape
    assert px.loss.requires_grad
    assert px.true_probability.requires_grad
    assert px.map(own).requires_grad


def test_without_gradients_nothing_is_on_the_graph() -> None:
    px = random_batch()
    px.logits.requires_grad_()
    with torch.no_grad():
        px = batch_of(px.logits, px.target)
    assert not px.loss.requires_grad
    assert not px.map(Learned()).requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_types_give_the_float32_maps_of_the_rounded_logits(dtype: torch.dtype) -> None:
    half = random_batch(dtype)
    full = batch_of(half.logits.float(), half.target)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = [half.loss, half.true_probability, half.confidence]
    for values, expected in zip(inside, [full.loss, full.true_probability, full.confidence], strict=True):
        assert values.dtype == torch.float32
        assert torch.equal(values, expected)


def test_maps_are_computed_once_a_batch_and_published_by_name() -> None:
    px, signal, twin = random_batch(), Counted(), Counted()
    assert px.loss is px.loss
    assert px.map(signal) is px.map(signal)
    assert signal.calls == 1
    assert px.maps["counted"] is px.map(signal)
    assert px.publishers["counted"] is signal
    with pytest.raises(ValueError, match="two signals are named 'counted', a Counted and a Counted"):
        px.map(twin)
    assert px.maps["counted"] is px.map(signal)
    assert random_batch().maps == {}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"logits": torch.zeros(4, 3, 5)}, r"logits of shape \(B, C, H, W\), found \(4, 3, 5\)"),
        ({"target": torch.zeros(2, 1, 3, 5).long()}, r"target of shape \(2, 3, 5\).*found \(2, 1, 3, 5\)"),
        ({"target": torch.zeros(2, 5, 3).long()}, r"target of shape \(2, 3, 5\).*found \(2, 5, 3\)"),
        ({"target": torch.zeros(2, 3, 5)}, r"integer class ids in target, found torch.float32; call target.long\(\)"),
        ({"target": torch.zeros(2, 3, 5).bool()}, "integer class ids in target, found torch.bool"),
        ({"depth": torch.zeros(2, 3, 4)}, r"depth of shape \(2, 3, 5\).*found \(2, 3, 4\)"),
        ({"weight": torch.zeros(2, 1, 3, 5)}, r"weight of shape \(2, 3, 5\).*found \(2, 1, 3, 5\)"),
    ],
)
def test_shapes_that_do_not_belong_together_are_errors(wrong: dict[str, Tensor], message: str) -> None:
    given = {"logits": torch.zeros(2, 4, 3, 5), "target": torch.zeros(2, 3, 5, dtype=torch.long), **wrong}
    with pytest.raises(ValueError, match=message):
        batch_of(**given)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf")])
def test_odd_logits_of_unlabelled_pixels_leave_no_trace_in_the_maps(odd: float) -> None:
    logits = torch.zeros(1, 3, 1, 2)
    logits[..., 1] = odd
    px = batch_of(logits, torch.tensor([[[1, 255]]]))
    third = torch.tensor([[[1 / 3, 0.0]]])
    torch.testing.assert_close(px.confidence[px.valid], torch.tensor([1 / 3]))
    torch.testing.assert_close(px.true_probability, third)
    torch.testing.assert_close(px.loss, torch.tensor([[[torch.tensor(3.0).log(), 0.0]]]))


class WithChannel(Signal):
    name = "mine"

    def forward(self, px: PixelBatch) -> Tensor:
        return px.valid.float().unsqueeze(1)


def test_a_signals_map_of_another_shape_is_an_error_that_names_it() -> None:
    px = random_batch()
    message = r"map of shape \(2, 3, 5\).*signal mine \(WithChannel\), found \(2, 1, 3, 5\)"
    with pytest.raises(ValueError, match=message):
        px.map(WithChannel())
    assert not px.maps


@pytest.mark.parametrize(
    ("dtype", "classes", "ignore_index", "labels", "valid"),
    [
        (torch.uint8, 4, -1, [0, 255], [True, False]),
        (torch.int8, 4, 255, [3, -1], [True, False]),
        (torch.uint8, 300, 255, [100, 255], [True, False]),
        (torch.uint16, 300, 65535, [299, 65535], [True, False]),
    ],
)
def test_short_and_unsigned_ids_are_what_they_say(
    dtype: torch.dtype, classes: int, ignore_index: int, labels: list[int], valid: list[bool]
) -> None:
    px = batch_of(torch.zeros(1, classes, 1, 2), torch.tensor([[labels]]).to(dtype), ignore_index=ignore_index)
    assert px.valid.tolist() == [[valid]]
    torch.testing.assert_close(px.loss, torch.tensor([[[float(classes), 1.0]]]).log())


def test_what_is_inside_is_given_or_seen_in_the_image_and_a_label_always_is() -> None:
    image = torch.rand(1, 3, 4, 6) + 1
    image[..., 4:] = 0
    image[:, :, 1, 2] = 0
    logits, target = torch.zeros(1, 2, 4, 6), torch.full((1, 4, 6), 255)
    expected = torch.ones(1, 4, 6, dtype=torch.bool)
    expected[..., 4:] = False
    assert torch.equal(PixelBatch(logits, sample={"image": image}).inside, expected)
    target[0, 2, 5] = 1
    assert torch.equal(PixelBatch(logits, target, sample={"image": image}).inside, expected | (target == 1))
    given = torch.rand(1, 4, 6) > 0.5
    assert torch.equal(PixelBatch(logits, target, sample={"image": image, "inside": given}).inside, given)
    assert PixelBatch(logits, target).inside.all()
