"""Plain and channel-wise distillation against loops, closed forms and torch."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import hardpix
from hardpix.objectives import ChannelDistillation, Distillation, Objective, Sum, WeightedCrossEntropy
from hardpix.pixels import PixelBatch
from hardpix.signals import ClassBalance, Focal, HardnessLevel
from hardpix.teachers import Frozen
from testing import batch_of

OBJECTIVES: dict[str, Callable[[], Objective]] = {"pixels": Distillation, "channels": ChannelDistillation}


def draw(seed: int = 0, shape: tuple[int, ...] = (2, 3, 4, 5)) -> Tensor:
    return 3 * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def taught(student: Tensor, teacher: Tensor, target: Tensor | None = None, **sample: Tensor) -> PixelBatch:
    return batch_of(student, target, teacher=PixelBatch(teacher), **sample)


def labels(ignored: float = 0.3) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    target = torch.randint(0, 3, (2, 4, 5), generator=generator)
    target[torch.rand(2, 4, 5, generator=generator) < ignored] = 255
    return target


def shares(scores: list[float], temperature: float) -> list[float]:
    top = max(scores)
    powers = [math.exp((score - top) / temperature) for score in scores]
    return [power / sum(powers) for power in powers]


def kl(teacher: list[float], student: list[float], temperature: float) -> float:
    p, q = shares(teacher, temperature), shares(student, temperature)
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_pixels_are_those_of_a_loop(temperature: float) -> None:
    student, teacher, target = draw(0), draw(1), labels()
    trust = torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    total = weights = 0.0
    for image, row, column in (target != 255).nonzero().tolist():
        weight = trust[image, row, column].item()
        own, others = (each[image, :, row, column].tolist() for each in (student, teacher))
        total += weight * temperature**2 * kl(others, own, temperature)
        weights += weight
    found = Distillation(temperature)(taught(student, teacher, target, target_weight=trust))["loss"]
    assert found.item() == pytest.approx(total / weights, rel=1e-12)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_channels_are_those_of_a_loop(temperature: float) -> None:
    student, teacher, target = draw(0), draw(1), labels()
    trust = torch.ones(2, 4, 5)
    trust[:, :, 0] = 0
    total = 0.0
    for image in range(2):
        inside = (target[image] != 255) & (trust[image] > 0)
        for channel in range(3):
            own, others = (each[image, channel][inside].tolist() for each in (student, teacher))
            total += temperature**2 * kl(others, own, temperature)
    px = taught(student, teacher, target, target_weight=trust)
    assert ChannelDistillation(temperature)(px)["loss"].item() == pytest.approx(total / 6, rel=1e-12)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_without_labels_they_are_those_of_torch(temperature: float) -> None:
    student, teacher = draw(0), draw(1)

    def reference(axis: int) -> Tensor:
        own, others = ((each / temperature).log_softmax(axis) for each in (student.flatten(2), teacher.flatten(2)))
        return temperature**2 * F.kl_div(own, others, log_target=True, reduction="sum")

    px = taught(student, teacher)
    torch.testing.assert_close(Distillation(temperature)(px)["loss"], reference(1) / (2 * 4 * 5))
    torch.testing.assert_close(ChannelDistillation(temperature)(px)["loss"], reference(2) / (2 * 3))


@pytest.mark.parametrize(("temperature", "expected"), [(1.0, 0.130812), (4.0, 0.149457)])
def test_published_closed_forms(temperature: float, expected: float) -> None:
    """Logits (ln 3, 0) of the teacher and (0, 0) of the student, over two classes or two positions."""
    teacher = torch.tensor([math.log(3), 0.0])
    for objective, shape in ((Distillation, (1, 2, 1, 1)), (ChannelDistillation, (1, 1, 1, 2))):
        px = taught(torch.zeros(shape), teacher.view(shape))
        assert objective(temperature)(px)["loss"].item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
def test_the_teacher_itself_has_no_loss_and_no_gradient(make: Callable[[], Objective]) -> None:
    logits = draw().requires_grad_()
    loss = make()(taught(logits, logits.detach(), labels()))["loss"]
    loss.backward()
    assert loss.item() == 0
    torch.testing.assert_close(logits.grad, torch.zeros_like(logits), rtol=0, atol=1e-15)


@pytest.mark.parametrize("side", ["student", "teacher"])
def test_offsets_of_pixels_and_of_channels_cancel_out(side: str) -> None:
    given = {"student": draw(0), "teacher": draw(1)}
    before = taught(**given, target=labels())
    for objective, shape in ((Distillation(2.0), (2, 1, 4, 5)), (ChannelDistillation(), (2, 3, 1, 1))):
        after = taught(**given | {side: given[side] + draw(5, shape)}, target=labels())
        torch.testing.assert_close(objective(after)["loss"], objective(before)["loss"])


def test_of_one_position_nothing_is_learned() -> None:
    assert ChannelDistillation()(taught(draw(0, (2, 3, 1, 1)), draw(1, (2, 3, 1, 1))))["loss"].item() == 0


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
def test_gradients_are_those_of_differences(make: Callable[[], Objective]) -> None:
    objective, teacher, target = make(), draw(1), labels()
    assert torch.autograd.gradcheck(
        lambda logits: objective(taught(logits, teacher, target))["loss"], draw(0).requires_grad_()
    )


@pytest.mark.parametrize("strange", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
def test_nothing_depends_on_what_has_no_label(make: Callable[[], Objective], strange: float) -> None:
    target = labels()
    target[1] = 255
    outside = (target == 255)[:, None].expand(2, 3, 4, 5)
    plain, odd = draw(0).requires_grad_(), draw(0).masked_fill(outside, strange).requires_grad_()
    expected = make()(taught(plain, draw(1), target))["loss"]
    found = make()(taught(odd, draw(1).masked_fill(outside, strange), target))["loss"]
    expected.backward()
    found.backward()
    assert found.item() == expected.item() > 0
    assert torch.equal(odd.grad, plain.grad)
    assert not odd.grad[outside].any()


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
def test_nothing_labeled_is_a_zero_on_the_graph(make: Callable[[], Objective]) -> None:
    logits = draw().requires_grad_()
    loss = make()(taught(logits, draw(1), torch.full((2, 4, 5), 255)))["loss"]
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_an_image_without_positions_does_not_count() -> None:
    target = labels(0.0)
    target[1] = 255
    both = ChannelDistillation()(taught(draw(0), draw(1), target))["loss"]
    one = ChannelDistillation()(taught(draw(0)[:1], draw(1)[:1], target[:1]))["loss"]
    torch.testing.assert_close(both, one)


def test_a_class_that_the_teacher_rules_out_has_no_part() -> None:
    teacher = draw(1)
    teacher[:, 2] = -math.inf
    student = draw(0).requires_grad_()
    loss = Distillation()(taught(student, teacher))["loss"]
    # Far below the others instead of infinitely far.
    torch.testing.assert_close(loss, Distillation()(taught(student, teacher.clamp(min=-600)))["loss"])
    loss.backward()
    assert student.grad.isfinite().all()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
def test_half_types_are_computed_in_float32(make: Callable[[], Objective], kind: torch.dtype) -> None:
    student, teacher = draw(0).to(kind), draw(1).to(kind)
    expected = make()(taught(student.float(), teacher.float(), labels()))["loss"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = make()(taught(student, teacher, labels()))["loss"]
    assert found.dtype == torch.float32
    assert found.item() == expected.item()
    mixed = make()(taught(student.float(), teacher, labels()))["loss"]
    assert mixed.item() == expected.item()


def test_a_signal_weighs_the_pixels() -> None:
    px = taught(draw(0), draw(1), labels())
    each = F.kl_div(draw(0).log_softmax(1), draw(1).log_softmax(1), log_target=True, reduction="none").sum(1)
    signal = ClassBalance([4, 3, 2])
    weight = signal.weights.double()[px.target.clamp(max=2)] * px.valid
    assert len(weight.unique()) == 4
    torch.testing.assert_close(Distillation(signal=signal)(px)["loss"], (weight * each).sum() / weight.sum())
    focal = px.map(Focal(2.0)).double()
    by_count = (focal * each * px.valid).sum() / px.valid.sum()
    px = taught(draw(0), draw(1), labels())
    torch.testing.assert_close(Distillation(signal=Focal(2.0))(px)["loss"], by_count)
    shared = Sum({"ce": WeightedCrossEntropy(Focal(2.0)), "kd": Distillation(signal="focal")})
    torch.testing.assert_close(shared(taught(draw(0), draw(1), labels()))["kd/loss"], by_count)
    with pytest.raises(ValueError, match="published map 'hardness' as what weighs the distillation, found none"):
        Distillation(signal="hardness")(taught(draw(0), draw(1)))


def test_learned_hardness_weighs_unlabeled_pixels_too() -> None:
    network = hardpix.tap(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.Conv2d(4, 3, 1))), decoder="1")
    objective = Distillation(signal=HardnessLevel()).bind(network)
    image = torch.rand(2, 3, 4, 5)
    px = network.pixels(image, teacher=PixelBatch(draw(1).float()))
    loss = objective(px)["loss"]
    assert loss.item() > 0
    assert px.map(objective.signal).unique().numel() > 1


REFUSED: dict[str, tuple[Callable[[Objective], object], str]] = {
    "no teacher": (
        lambda o: o(PixelBatch(draw())),
        r"needs what a teacher says .* found none: .*--model.recipe.teacher",
    ),
    "other classes": (
        lambda o: o(taught(draw(0), draw(1, (2, 4, 4, 5)))),
        "expects a teacher of the student's 3 classes, found one of 4",
    ),
    "other pixels": (
        lambda o: o(taught(draw(0), draw(1, (2, 3, 4, 6)))),
        r"for the student's pixels, \(2, 3, 4, 5\), found \(2, 3, 4, 6\)",
    ),
}


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
@pytest.mark.parametrize(("act", "message"), REFUSED.values(), ids=REFUSED)
def test_unusable_teachers_are_refused(
    act: Callable[[Objective], object], message: str, make: Callable[[], Objective]
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        act(make())
    assert str(caught.value).startswith(type(make()).__name__)


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
@pytest.mark.parametrize("kind", [Distillation, ChannelDistillation])
def test_temperatures_are_positive(kind: type[Distillation | ChannelDistillation], temperature: float) -> None:
    with pytest.raises(ValueError, match="expected temperature > 0"):
        kind(temperature)


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
def test_a_student_comes_to_say_what_its_teacher_says(make: Callable[[], Objective]) -> None:
    """Without any label, by the step of one's own loop."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 3, 1))
    teacher = Frozen(copy.deepcopy(model))
    nn.init.zeros_(model[0].weight)
    network, objective = hardpix.tap(model), make()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    image = torch.randn(2, 3, 8, 8)
    losses = []
    for _ in range(60):
        loss = objective(network.pixels(image, teacher=teacher({"image": image})))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 100
