"""The mean teacher against closed forms in float64, in copies, checkpoints and two processes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import hardpix
from hardpix.networks import DDRNet23Slim, TappedNetwork
from hardpix.objectives import WeightedCrossEntropy
from hardpix.teachers import MovingAverage
from processes import run_in_two_processes

States = tuple[dict[str, list[dict[str, Tensor]]], ...]
SCRIPT = Path(__file__).with_name("two_processes.py")


class Model(nn.Module):
    """Batch norm, dropout, a frozen layer, one layer used twice under two names, and buffers of several types."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Conv2d(3, 4, 1).requires_grad_(False)
        self.norm = nn.BatchNorm2d(4)
        self.once = nn.Conv2d(4, 4, 1)
        self.again = self.once
        self.drop = nn.Dropout(0.5)
        self.head = nn.Conv2d(4, 2, 1)
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("mask", torch.tensor([0.0, -torch.inf, 0.1]))

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.drop(self.again(self.once(self.norm(self.frozen(image))))))


def make_student() -> TappedNetwork:
    torch.manual_seed(0)
    return hardpix.tap(Model().double())


def fill(student: TappedNetwork, value: float) -> None:
    with torch.no_grad():
        for parameter in student.parameters():
            if parameter.requires_grad:
                parameter.fill_(value)
        student.model.norm.running_mean.fill_(value)
        student.model.norm.running_var.fill_(value**2)
        student.model.steps.fill_(int(value))


def batch(seed: int = 0) -> dict[str, Tensor]:
    return {"image": torch.randn(2, 3, 5, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)}


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.99])
def test_weights_are_the_closed_form(momentum: float) -> None:
    """The mean of all students while the ramp lasts, then Σ m^(n−k) (1 − m) θ_k beside m^(n−r) times that mean."""
    student = make_student()
    frozen = student.model.frozen.weight.clone()
    teacher = MovingAverage(momentum).bind(student)
    values = torch.rand(40, generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 1
    for value in values.tolist():
        fill(student, value)
        teacher.update(student)
    ramp = sum(1 - 1 / (t + 1) <= momentum for t in range(len(values)))
    powers = momentum ** torch.arange(len(values) - ramp - 1, -1, -1, dtype=torch.float64)

    def average(numbers: Tensor) -> Tensor:
        return momentum ** len(powers) * numbers[:ramp].mean() + (1 - momentum) * (powers * numbers[ramp:]).sum()

    model = teacher.network.model
    for name, parameter in model.named_parameters():
        if not name.startswith("frozen"):
            torch.testing.assert_close(parameter, average(values).expand_as(parameter), rtol=1e-13, atol=0)
    torch.testing.assert_close(model.norm.running_mean, average(values).expand(4), rtol=1e-13, atol=0)
    torch.testing.assert_close(model.norm.running_var, average(values**2).expand(4), rtol=1e-13, atol=0)
    assert model.steps == int(values[-1])
    assert torch.equal(model.frozen.weight, frozen)
    assert torch.equal(model.mask, student.model.mask)
    assert teacher.updates == len(values)


def test_after_the_ramp_torch_averages_alike() -> None:
    student = make_student()
    teacher = MovingAverage(0.8).bind(student)
    for k in range(5):
        fill(student, k + 1.0)
        teacher.update(student)
    reference = AveragedModel(teacher.network.model, multi_avg_fn=get_ema_multi_avg_fn(0.8), use_buffers=False)
    reference.n_averaged += 1
    for seed in range(3):
        torch.manual_seed(seed)
        for parameter in student.parameters():
            parameter.data.normal_()
        teacher.update(student)
        reference.update_parameters(student.model)
    for name, parameter in reference.module.named_parameters():
        torch.testing.assert_close(dict(teacher.network.model.named_parameters())[name], parameter)


def test_nothing_of_a_teacher_is_learned_and_nothing_of_the_student_is_in_it() -> None:
    student = make_student()
    teacher = MovingAverage().bind(student)
    own = {id(parameter) for parameter in teacher.parameters()}
    assert own
    assert not own & {id(parameter) for parameter in student.parameters()}
    px = student.pixels(batch()["image"], teacher=teacher(batch()))
    (px.logits - px.teacher.logits).square().sum().backward()
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in teacher.parameters())
    assert student.model.head.weight.grad is not None
    assert not px.teacher.logits.requires_grad
    assert not px.teacher.cached("twice", lambda: px.teacher.logits * student.model.head.weight.sum()).requires_grad


def test_bind_again_changes_nothing() -> None:
    student = make_student()
    teacher = MovingAverage().bind(student)
    network = teacher.network
    fill(student, 7.0)
    assert teacher.bind(student) is teacher
    assert teacher.network is network
    assert not torch.equal(network.model.head.weight, student.model.head.weight)


def test_the_layer_with_two_names_stays_one() -> None:
    student = make_student()
    teacher = MovingAverage(0.5).bind(student)
    assert teacher.network.model.once is teacher.network.model.again
    for value in (1.0, 2.0, 4.0):
        fill(student, value)
        teacher.update(student)
    # 1, (1 + 2) / 2, (1.5 + 4) / 2: a weight that was averaged twice would be another one.
    assert teacher.network.model.again.weight.unique().tolist() == [2.75]


def test_teacher_sees_in_evaluation_mode_whatever_it_is_told() -> None:
    student = make_student().train()
    teacher = MovingAverage().bind(student).train()
    assert teacher.training
    assert not any(module.training for module in teacher.network.modules())
    before = {name: value.clone() for name, value in teacher.network.state_dict().items()}
    one, other = teacher(batch()).logits, teacher(batch()).logits
    assert torch.equal(one, other)
    for name, value in teacher.network.state_dict().items():
        assert torch.equal(value, before[name]), name
    expected = copy.deepcopy(student.model).eval()(batch()["image"])
    torch.testing.assert_close(one, expected.detach(), rtol=0, atol=0)


@pytest.mark.parametrize("seed", [0, 1])
def test_copies_go_ways_of_their_own(seed: int) -> None:
    student = make_student()
    teacher = MovingAverage(0.5).bind(student)
    fill(student, 1.0)
    teacher.update(student)
    other = copy.deepcopy(teacher)
    fill(student, 3.0)
    (teacher if seed else other).update(student)
    moved, stayed = (teacher, other) if seed else (other, teacher)
    assert moved.network.model.head.weight.unique().tolist() == [2.0]
    assert stayed.network.model.head.weight.unique().tolist() == [1.0]
    # Each copy's hooks belong to its own tap.
    network = hardpix.tap(nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.Conv2d(4, 2, 1))), decoder="1")
    follower = MovingAverage().bind(network)
    px = follower({"image": torch.rand(1, 3, 4, 4)})
    assert px.taps.embedding.shape == (1, 4, 4, 4)


def test_state_holds_the_teacher_once_and_goes_on_from_it() -> None:
    student = make_student()
    teacher = MovingAverage(0.9).bind(student)
    for value in (1.0, 2.0, 3.0):
        fill(student, value)
        teacher.update(student)
    state = copy.deepcopy(teacher.state_dict())
    assert state.keys() == {f"network.{name}" for name in student.state_dict()} | {"_extra_state"}
    resumed = MovingAverage(0.9).bind(make_student())
    resumed.load_state_dict(state)
    for one in (teacher, resumed):
        fill(student, 9.0)
        one.update(student)
    for name, value in teacher.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
    # (1 + 2 + 3 + 9) / 4: the ramp goes on too.
    torch.testing.assert_close(resumed.network.model.head.bias[0].item(), 3.75)


def test_state_is_read_without_running_code(tmp_path: Path) -> None:
    teacher = MovingAverage().bind(make_student())
    torch.save(teacher.state_dict(), tmp_path / "state.pt")
    teacher.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))


def test_teacher_of_another_stride_speaks_at_the_resolution_of_the_labels() -> None:
    student = hardpix.tap(nn.Conv2d(3, 2, 3, stride=4, padding=1))
    teacher = MovingAverage().bind(student)
    image = torch.rand(1, 3, 16, 24)
    assert teacher({"image": image}).logits.shape == (1, 2, 16, 24)
    target = torch.zeros(1, 8, 12, dtype=torch.long)
    px = teacher({"image": image, "target": target, "weight": torch.ones(1, 8, 12), "stem": ["a"]})
    assert px.logits.shape == (1, 2, 8, 12)
    assert px.target is not None
    assert set(px.sample) == {"image", "weight", "stem"}
    assert px.ignore_index == student.ignore_index


def test_compiled_forward_is_the_plain_one() -> None:
    student = hardpix.tap(DDRNet23Slim(2))
    step = hardpix.TrainingStep(student, WeightedCrossEntropy())
    teacher = MovingAverage().bind(student)
    image = {"image": torch.rand(1, 3, 64, 64)}
    compiled = torch.compile(teacher, backend="eager")
    for _ in range(2):
        torch.testing.assert_close(compiled(image).logits, teacher(image).logits)
        loss = step(image["image"], torch.zeros(1, 64, 64, dtype=torch.long))["loss"]
        loss.backward()
        torch.optim.SGD(step.parameters(), lr=0.1).step()
        teacher.update(student)


ERRORS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "momentum": (lambda: MovingAverage(1.0), ValueError, "from 0 to below 1, found 1.0"),
    "not bound": (lambda: MovingAverage()(batch()), RuntimeError, "MovingAverage.bind"),
    "another student": (
        lambda: MovingAverage().bind(make_student()).update(hardpix.tap(nn.Conv2d(3, 2, 1))),
        ValueError,
        "found 15 that differ, such as model.bias",
    ),
    "another shape": (
        lambda: MovingAverage().bind(hardpix.tap(nn.Conv2d(3, 2, 1))).update(hardpix.tap(nn.Conv2d(3, 4, 1))),
        ValueError,
        "found 2 that differ, such as model.bias",
    ),
    "half type": (
        lambda: MovingAverage().bind(make_student().bfloat16()).update(make_student().bfloat16()),
        ValueError,
        r"expected weights in float32, found model\.\w+\.weight in torch.bfloat16",
    ),
}


@pytest.mark.parametrize(("act", "kind", "message"), ERRORS.values(), ids=ERRORS)
def test_unusable_is_refused(act: Callable[[], object], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        act()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> States:
    return run_in_two_processes(SCRIPT, tmp_path_factory.mktemp("processes"))


@pytest.mark.slow
def test_two_processes_have_exactly_one_teacher(ranks: States) -> None:
    for one, other in zip(ranks[0]["teachers"], ranks[1]["teachers"], strict=True):
        for name, value in one.items():
            assert torch.equal(value, other[name]), name


@pytest.mark.slow
def test_the_teacher_of_two_processes_averages_the_first_one(
    ranks: States,
) -> None:
    """m = 0, 1/2, 2/3 and then the 0.7 of the script."""
    students = ranks[0]["students"]
    # Statistics of batch norm of the two differ before an update, or there would be nothing to test.
    assert not torch.equal(students[0]["model.1.running_mean"], ranks[1]["students"][0]["model.1.running_mean"])
    for name in ("model.0.weight", "model.1.running_mean", "model.1.running_var", "model.2.bias"):
        expected = students[0][name]
        for momentum, student in zip((1 / 2, 2 / 3, 0.7), students[1:], strict=True):
            expected = momentum * expected + (1 - momentum) * student[name]
        torch.testing.assert_close(ranks[0]["teachers"][-1][f"network.{name}"], expected, rtol=1e-12, atol=1e-15)
