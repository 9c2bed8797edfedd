"""FST against closed forms, and everything as it was after the steps ahead; what the authors leave behind shows."""

from __future__ import annotations

import copy
import runpy
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

import hardpix
from hardpix.data.batch_transforms import CutMix, StrongColor
from hardpix.labelers import ConfidenceThreshold, ConfidenceWeighted
from hardpix.labelers.thresholds import Floor
from hardpix.objectives import Objective, WeightedCrossEntropy
from hardpix.pixels import PixelBatch
from hardpix.recipes import FutureSelfTraining, SelfTraining
from hardpix.recipes.snapshot import Snapshot
from hardpix.teachers import MovingAverage
from hardpix.testing.bench import same_state
from processes import run_in_two_processes

SCRIPT = Path(__file__).with_name("future_in_two_processes.py")
SCENE = runpy.run_path(str(SCRIPT))
Future = Literal["deep", "wide"]


class HalfSquare(Objective):
    """½ ‖θ‖² of the network's parameters, whatever the pixels."""

    def bind(self, network: Any) -> HalfSquare:
        object.__setattr__(self, "learned", list(network.parameters()))
        return self

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        return {"loss": 0.5 * torch.stack([p.square().sum() for p in self.learned]).sum()}


class Nothing(Objective):
    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        return {"loss": 0 * px.logits.sum()}


def network(seed: int = 0, norm: bool = True) -> hardpix.TappedNetwork:
    torch.manual_seed(seed)
    body = [nn.Conv2d(3, 6, 3, padding=1), *([nn.BatchNorm2d(6), nn.Dropout(0.3)] if norm else []), nn.ReLU()]
    return hardpix.tap(nn.Sequential(nn.Sequential(*body), nn.Conv2d(6, 3, 1)), decoder="1")


def batches(images: int = 4, seed: int = 0) -> dict[str, dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    labeled = {
        "image": torch.rand(images, 3, 8, 10, generator=generator),
        "target": torch.randint(0, 3, (images, 8, 10), generator=generator),
    }
    return {"labeled": labeled, "unlabeled": {"image": torch.rand(images, 3, 8, 10, generator=generator)}}


def recipe(future: Future = "deep", students: int = 3, **settings: Any) -> FutureSelfTraining:
    labeler = ConfidenceWeighted(Floor(start=0.3))
    return FutureSelfTraining(
        WeightedCrossEntropy(),
        MovingAverage(0.9),
        labeler,
        StrongColor(),
        future=future,
        students=students,
        **settings,
    )


def adam(made: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW([p for p in made.parameters() if p.requires_grad], lr=0.05)


def step(made: SelfTraining, optimizer: torch.optim.Optimizer, given: dict[str, Any]) -> dict[str, Tensor]:
    made.use_optimizer(optimizer)
    losses = made(given, 0.5)
    optimizer.zero_grad()
    losses["loss"].backward()
    optimizer.step()
    made.end_step()
    return losses


@pytest.mark.parametrize("students", [1, 3, 5])
def test_students_of_a_quadratic_loss_are_powers(students: int) -> None:
    """θ_k = (1 − η)^k θ, of which the teacher keeps an average with m = 0.9 from its first value on."""
    made = FutureSelfTraining(
        HalfSquare(), MovingAverage(0.9), ConfidenceThreshold(0.0), unlabeled=Nothing(), students=students
    ).bind(network(norm=False))
    made.teacher.updates = 10**6
    start = [p.detach().clone() for p in made.network.parameters()]
    optimizer = torch.optim.SGD(made.network.parameters(), lr=0.2)
    made.use_optimizer(optimizer)
    made(batches(), 0.5)
    share = 1.0
    for k in range(1, students + 1):
        share = 0.9 * share + 0.1 * 0.8**k
    for parameter, first, taught in zip(made.network.parameters(), start, made.teacher.parameters(), strict=True):
        assert torch.equal(parameter, first)
        torch.testing.assert_close(taught, share * first)


@pytest.mark.parametrize("future", ["deep", "wide"])
def test_without_a_rate_the_teacher_nears_the_network_by_powers_of_its_momentum(future: Future) -> None:
    made = recipe(future, students=2).bind(network(norm=False))
    made.teacher.updates = 10**6
    with torch.no_grad():
        for parameter in made.teacher.parameters():
            parameter.add_(1.0)
    step(made, torch.optim.SGD(made.network.parameters(), lr=0.0), batches())
    updates = 3 if future == "deep" else 2
    for own, taught in zip(made.network.parameters(), made.teacher.parameters(), strict=True):
        torch.testing.assert_close(taught - own, torch.full_like(own, 0.9**updates))


def test_without_students_it_is_self_training_step_for_step() -> None:
    plain = SelfTraining(
        WeightedCrossEntropy(), MovingAverage(0.9), ConfidenceWeighted(Floor(start=0.3)), StrongColor()
    ).bind(network())
    made = recipe(students=0).bind(network())
    runs = []
    for each in (plain, made):
        torch.manual_seed(1)
        optimizer = adam(each)
        losses = [step(each, optimizer, batches(seed=k))["loss"].item() for k in range(3)]
        runs.append((losses, copy.deepcopy(each.state_dict())))
    assert runs[0][0] == runs[1][0]
    assert same_state(runs[0][1], runs[1][1])


def trained(future: Future, given: dict[str, Any]) -> tuple[FutureSelfTraining, torch.optim.Optimizer]:
    """After two steps, so that the optimizer has a state."""
    torch.manual_seed(3)
    made = recipe(future, students=3).bind(network())
    optimizer = adam(made)
    for _ in range(2):
        step(made, optimizer, given)
    return made, optimizer


def optimizer_state(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [
        value.clone() for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)
    ]


@pytest.mark.parametrize("future", ["deep", "wide"])
def test_all_but_the_teacher_is_as_it_was(future: Future) -> None:
    given = batches()
    made, optimizer = trained(future, given)
    for parameter in made.network.parameters():
        parameter.grad = torch.ones_like(parameter)
    gradients = [p.grad for p in made.network.parameters()]
    before, kept = copy.deepcopy(made.state_dict()), optimizer_state(optimizer)
    draws, rates = torch.get_rng_state(), copy.deepcopy([group["lr"] for group in optimizer.param_groups])
    made.look_ahead(given, 0.5)
    changed = [
        name
        for name, value in made.state_dict().items()
        if isinstance(value, Tensor) and not torch.equal(value, before[name])
    ]
    assert changed
    assert all(name.startswith("teacher.") for name in changed)
    assert all(torch.equal(one, two) for one, two in zip(optimizer_state(optimizer), kept, strict=True))
    assert torch.equal(torch.get_rng_state(), draws)
    assert [group["lr"] for group in optimizer.param_groups] == rates
    # They are those of a batch before, which accumulated gradients add to.
    assert all(p.grad is g and (g == 1).all() for p, g in zip(made.network.parameters(), gradients, strict=True))


def restore_parameters_alone(self: Snapshot) -> None:
    """As the authors do."""
    with torch.no_grad():
        for name, parameter in self.module.named_parameters():
            if name in self._state:
                parameter.copy_(self._state[name])
    for parameter, gradient in self._gradients:
        parameter.grad = gradient


@pytest.mark.parametrize("future", ["deep", "wide"])
@pytest.mark.parametrize("whole", [True, False], ids=["all restored", "parameters alone"])
def test_the_real_step_is_that_of_a_run_without_steps_ahead_but_with_the_same_teacher(
    future: Future, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Momentum, statistics of batch norm and draws of students that are no more would lead the authors' elsewhere."""
    given = batches()
    made, optimizer = trained(future, given)
    plain, plain_optimizer = copy.deepcopy((made, optimizer))
    draws = torch.get_rng_state()
    if not whole:
        monkeypatch.setattr(Snapshot, "restore", restore_parameters_alone)
    seen: list[dict[str, Any]] = []
    ahead = made.look_ahead

    def look_ahead(*arguments: Any) -> None:
        ahead(*arguments)
        seen.append(copy.deepcopy(made.teacher.state_dict()))

    made.look_ahead = look_ahead  # type: ignore[method-assign]
    step(made, optimizer, given)
    plain.students = 0
    plain.teacher.load_state_dict(seen[0])
    torch.set_rng_state(draws)
    step(plain, plain_optimizer, given)
    assert same_state(made.network.state_dict(), plain.network.state_dict()) == whole
    assert same_state(made.state_dict(), plain.state_dict()) == whole


def test_one_wide_student_is_one_deep_student() -> None:
    given, runs = batches(), []
    for future in ("deep", "wide"):
        torch.manual_seed(1)
        made = recipe(future, students=1).bind(network())  # type: ignore[arg-type]
        optimizer = adam(made)
        for _ in range(3):
            step(made, optimizer, given)
        runs.append(copy.deepcopy(made.state_dict()))
    assert same_state(*runs)


def test_wide_students_are_averaged_from_one_start() -> None:
    """On parts of 4 images by twos, as by hand."""
    given = batches()
    made = recipe("wide", students=7).bind(network(norm=False))
    made.augment = None
    made.teacher.updates = 10**6
    optimizer = torch.optim.SGD(made.network.parameters(), lr=0.5)
    made.use_optimizer(optimizer)
    hand = copy.deepcopy(made)
    start = copy.deepcopy(made.teacher.state_dict())
    made.look_ahead(given, 0.5)
    students = []
    for k in range(2):
        student = copy.deepcopy(hand)
        student.students = 0
        part = {name: {key: value[k::2] for key, value in batch.items()} for name, batch in given.items()}
        student(part, 0.5)["loss"].backward()
        students.append([(p - 0.5 * p.grad).detach() for p in student.network.parameters()])
    names = [name for name, _ in made.teacher.named_parameters()]
    for name, one, two in zip(names, *students, strict=True):
        torch.testing.assert_close(made.teacher.state_dict()[name], 0.9 * start[name] + 0.1 * (one + two) / 2)


def test_half_types_see_each_students_weights() -> None:
    """Autocast keeps half copies of weights for all of its block; steps apart have blocks of their own."""
    given = batches()
    made = recipe("deep", students=3).bind(network())
    made.use_optimizer(torch.optim.SGD(made.network.parameters(), lr=0.5))
    apart = copy.deepcopy(made)
    torch.manual_seed(5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made(given, 0.5)
    torch.manual_seed(5)
    optimizer = torch.optim.SGD(apart.network.parameters(), lr=0.5)
    apart.students = 0
    for _ in range(3):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = apart(given, 0.5)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        apart.teacher.update(apart.network)
    for (name, found), expected in zip(made.teacher.named_parameters(), apart.teacher.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=0, msg=name)


def test_nothing_is_tried_in_evaluation() -> None:
    made = recipe().bind(network()).eval()
    before = copy.deepcopy(made.state_dict())
    made(batches(), 0.5)
    assert same_state(before, made.state_dict())


def test_nothing_labeled_and_a_teacher_that_is_sure_of_nothing() -> None:
    given = batches()
    given["labeled"]["target"] = torch.full((4, 8, 10), 255)
    made = FutureSelfTraining(WeightedCrossEntropy(), MovingAverage(), ConfidenceThreshold(1.0), CutMix()).bind(
        network()
    )
    loss = step(made, adam(made), given)["loss"]
    assert loss.item() == 0
    assert all(value.isfinite().all() for value in made.state_dict().values() if isinstance(value, Tensor))


def test_without_the_optimizer_nothing_is_tried_in_silence() -> None:
    with pytest.raises(RuntimeError, match=r"call recipe.use_optimizer\(optimizer\)"):
        recipe().bind(network())(batches(), 0.5)


@pytest.mark.parametrize("settings", [{"students": -1}, {"future": "past"}])
def test_settings_outside_their_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected future 'deep' or 'wide' and students ≥ 0"):
        recipe(**settings)


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    return run_in_two_processes(SCRIPT, tmp_path_factory.mktemp("future"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule", ["Fixed", "Sigmoid", "Floor", "ClassFloor", "FreeMatch", "SoftMatch", "EntropyPercentile"]
)
def test_two_processes_are_one_with_the_joined_batch(rule: str, ranks: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Weights, teacher and thresholds, after three steps with two students each."""
    expected = SCENE["train"](rule, rank=None)
    for found in ranks:
        assert found[rule].keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(
                found[rule][name], value, rtol=1e-4, atol=1e-5, msg=lambda text, n=name: n + text
            )
    for name in expected:
        if name.startswith(("teacher.", "labeler.")):
            assert torch.equal(ranks[0][rule][name], ranks[1][rule][name]), name
