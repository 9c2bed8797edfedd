"""The training step in other people's loops."""

import copy
import io
import pickle
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

import hardpix
from hardpix import TrainingStep
from hardpix.objectives import Objective, Sum, WeightedCrossEntropy, signals_in
from hardpix.pixels import PixelBatch
from hardpix.signals import ClassBalance, Focal, HardnessLevel, OnlineHard, Precomputed, Product

CLASSES = 3
Make = Callable[[], Objective]

OBJECTIVES: dict[str, Make] = {
    "cross-entropy": lambda: WeightedCrossEntropy(label_smoothing=0.1),
    "OHEM": lambda: WeightedCrossEntropy(OnlineHard(0.35)),
    "hardness": lambda: WeightedCrossEntropy(HardnessLevel(form="published")),
    "hardness light per image": lambda: WeightedCrossEntropy(
        HardnessLevel(kind="light", normalize="image", form="published")
    ),
    "graded hardness": lambda: WeightedCrossEntropy(HardnessLevel()),
    "graded hardness light per image": lambda: WeightedCrossEntropy(HardnessLevel(kind="light", normalize="image")),
    "product": lambda: WeightedCrossEntropy(Product([ClassBalance([3, 2, 1]), HardnessLevel()])),
    "sum": lambda: Sum({"hard": WeightedCrossEntropy(HardnessLevel()), "focal": WeightedCrossEntropy(Focal())}),
}


def make_model() -> nn.Sequential:
    torch.manual_seed(0)
    head = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(6, CLASSES, 1))
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), head)


def make_step(make: Make = OBJECTIVES["hardness"], model: nn.Module | None = None) -> TrainingStep:
    model = make_model() if model is None else model
    torch.manual_seed(1)
    return TrainingStep(hardpix.tap(model, decoder="1"), make())


def make_batch(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, CLASSES, (2, 6, 8), generator=generator)
    target[:, 0] = 255
    return torch.rand(2, 3, 6, 8, generator=generator), target


def train(
    step: Callable[..., dict[str, Tensor]],
    optimizer: torch.optim.Optimizer,
    steps: int = 3,
    clear_first: Callable[[], None] | None = None,
) -> list[float]:
    losses = []
    for seed in range(steps):
        if clear_first is not None:
            clear_first()
        loss = step(*make_batch(seed))["loss"]
        if clear_first is None:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def sgd(parameters: Iterable[nn.Parameter]) -> torch.optim.SGD:
    return torch.optim.SGD(parameters, lr=0.5)


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
def test_a_step_is_the_objective_on_the_networks_pixels(make: Make) -> None:
    step = make_step(make)
    image, target = make_batch()
    px = step.network.pixels(image, target)
    expected = step.objective(px)
    for signal in signals_in(step.objective):
        own = signal.loss(px)
        if own is not None:
            expected = {**expected, "loss": expected["loss"] + own, signal.name: own}
    found = step(image, target)
    assert {name: value.item() for name, value in found.items()} == {k: v.item() for k, v in expected.items()}


@pytest.mark.parametrize("make", OBJECTIVES.values(), ids=OBJECTIVES)
def test_training_moves_every_parameter(make: Make) -> None:
    """Also that nothing is cut off the graph: every parameter of network and branch has a gradient that is not 0."""
    step = make_step(make)
    before = {name: p.detach().clone() for name, p in step.named_parameters()}
    train(step, sgd(step.parameters()))
    assert all(not torch.equal(before[name], p) for name, p in step.named_parameters())


def test_depth_weight_and_progress_reach_the_objective() -> None:
    seen: list[PixelBatch] = []

    class Look(Objective):
        def forward(self, px: PixelBatch) -> dict[str, Tensor]:
            seen.append(px)
            return {"loss": px.loss.mean()}

    image, target = make_batch()
    depth, weight = torch.rand(2, 6, 8), torch.rand(2, 6, 8)
    make_step(Look)(image, target, depth=depth, weight=weight, progress=0.25)
    px = seen[0]
    assert px.sample["image"] is image
    assert px.target is target
    assert px.sample["depth"] is depth
    assert px.sample["weight"] is weight
    assert px.progress == 0.25


def test_targets_of_another_resolution_than_the_image() -> None:
    losses = make_step()(torch.rand(1, 3, 6, 8), torch.zeros(1, 12, 16, dtype=torch.long))
    assert losses["loss"].isfinite()


def test_a_foreign_id_is_one_error_that_names_it() -> None:
    image, target = make_batch()
    target[0, 1, 1] = 19
    with pytest.raises(ValueError, match=r"neither a class \(0 to 2\) nor ignore_index \(255\): from 19 to 19"):
        make_step()(image, target)


def test_a_model_that_was_not_tapped_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"found Sequential; write hardpix.tap\(model\)"):
        TrainingStep(make_model(), WeightedCrossEntropy())  # type: ignore[arg-type]


def test_a_batch_without_the_weight_map_that_a_signal_needs_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="found no weight map in the batch"):
        make_step(lambda: WeightedCrossEntropy(Precomputed()))(*make_batch())


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_changes_no_state(training: bool) -> None:
    model = make_model()
    model[1] = nn.Sequential(nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, CLASSES, 1))
    step = make_step(model=model).train(training)
    before = copy.deepcopy(step.state_dict())
    step(*make_batch())
    unchanged = [torch.equal(value, before[name]) for name, value in step.state_dict().items()]
    # In training the running statistics of both batch norms move, which shows that the comparison can fail.
    assert unchanged.count(False) == (6 if training else 0)


# An optimizer that knows the whole step brings silence; these are the ways of doing so.


class WritesToData(torch.optim.Optimizer):
    """As optimizers outside torch do; the version of the tensors stays as it was."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        super().__init__(parameters, {})

    def step(self, closure: object = None) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data -= 0.1 * parameter.grad


OPTIMIZERS: dict[str, Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]] = {
    "SGD": sgd,
    "SGD foreach": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, foreach=True),
    "SGD fused": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, fused=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.01),
    "AdamW foreach": lambda p: torch.optim.AdamW(p, lr=0.01, foreach=True),
    "AdamW fused": lambda p: torch.optim.AdamW(p, lr=0.01, fused=True),
    "writes to data": WritesToData,
    "Adam without decay": lambda p: torch.optim.Adam(p, lr=0.01, foreach=False),
}


@pytest.fixture
def no_warnings() -> Iterable[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_branch_in_no_optimizer_warns_once(optimizer: Callable) -> None:
    model = make_model()
    step = make_step(model=model)
    with pytest.warns(UserWarning, match=r"in no optimizer. Build the optimizer from step.parameters\(\)") as caught:
        train(step, optimizer(model.parameters()), steps=130)
    assert len(caught) == 1


@pytest.mark.parametrize("set_to_none", [True, False])
def test_gradients_that_are_cleared_before_each_forward_warn_all_the_same(set_to_none: bool) -> None:
    model = make_model()
    step = make_step(model=model)
    with pytest.warns(UserWarning, match="in no optimizer") as caught:
        train(step, sgd(model.parameters()), steps=64, clear_first=lambda: step.zero_grad(set_to_none))
    assert len(caught) == 1


@pytest.mark.usefixtures("no_warnings")
@pytest.mark.parametrize("alpha", [0.01, 0.0])
def test_gradients_that_are_cleared_before_each_forward_do_not_warn_by_themselves(alpha: float) -> None:
    step = make_step(lambda: WeightedCrossEntropy(HardnessLevel(alpha=alpha, form="published")))
    train(step, sgd(step.parameters()), steps=64, clear_first=step.zero_grad)


class AsksTheDevice(TorchDispatchMode):
    """Counts what makes the host wait for a value."""

    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += function.overloadpacket in (torch.ops.aten._local_scalar_dense, torch.ops.aten.equal)
        return function(*args, **(kwargs or {}))


def test_the_watch_asks_the_device_at_powers_of_two_and_not_at_all_once_it_knows() -> None:
    step = make_step()
    optimizer = sgd(step.parameters())
    asked = []
    for seed in range(20):
        with AsksTheDevice() as mode:
            step.zero_grad()
            step(*make_batch(seed))["loss"].backward()
        asked.append(mode.count > 0)
        if seed > 5:
            optimizer.step()
    # The network moves from the seventh step on.
    assert [number for number, found in enumerate(asked, start=1) if found] == [4, 8]


@pytest.mark.usefixtures("no_warnings")
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_branch_in_the_optimizer_does_not_warn(optimizer: Callable) -> None:
    step = make_step()
    train(step, optimizer(step.parameters()), steps=64)


@pytest.mark.usefixtures("no_warnings")
def test_a_warm_up_too_slow_for_float32_does_not_warn() -> None:
    step = make_step()
    branch = list(step.objective.parameters())
    optimizer = torch.optim.SGD([{"params": step.network.parameters(), "lr": 1e-2}, {"params": branch, "lr": 1e-12}])
    train(step, optimizer, steps=40)
    optimizer.param_groups[1]["lr"] = 0.1
    train(step, optimizer, steps=90)


@pytest.mark.usefixtures("no_warnings")
def test_accumulated_gradients_do_not_warn() -> None:
    step = make_step()
    optimizer = sgd(step.parameters())
    for seed in range(64):
        step(*make_batch(seed))["loss"].backward()
        if seed % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()


@pytest.mark.usefixtures("no_warnings")
def test_evaluation_and_a_network_that_never_moves_do_not_warn() -> None:
    step = make_step()
    optimizer = sgd(step.objective.parameters())
    for seed in range(64):
        step.eval()
        step(*make_batch(seed))
        step.train()
        train(step, optimizer, steps=1)


@pytest.mark.usefixtures("no_warnings")
def test_a_frozen_backbone_does_not_warn() -> None:
    step = make_step()
    step.network.model[0].requires_grad_(False)
    train(step, torch.optim.AdamW([p for p in step.parameters() if p.requires_grad]), steps=64)


def test_a_frozen_backbone_and_a_forgotten_branch_warn() -> None:
    step = make_step()
    step.network.model[0].requires_grad_(False)
    with pytest.warns(UserWarning, match="in no optimizer"):
        train(step, sgd(step.network.model[1].parameters()), steps=64)


@pytest.mark.usefixtures("no_warnings")
def test_a_frozen_branch_does_not_warn() -> None:
    model = make_model()
    step = make_step(model=model)
    step.objective.requires_grad_(False)
    train(step, sgd(model.parameters()), steps=64)


@pytest.mark.usefixtures("no_warnings")
@pytest.mark.parametrize("alternate", [False, True])
def test_two_optimizers_do_not_warn(alternate: bool) -> None:
    model = make_model()
    step = make_step(model=model)
    optimizers = [sgd(model.parameters()), torch.optim.AdamW(step.objective.parameters(), fused=True)]
    for seed in range(65):
        step(*make_batch(seed))["loss"].backward()
        for optimizer in optimizers[seed % 2 :][:1] if alternate else optimizers:
            optimizer.step()
            optimizer.zero_grad()


@pytest.mark.usefixtures("no_warnings")
def test_a_branch_that_is_not_to_learn_does_not_warn() -> None:
    step = make_step(lambda: WeightedCrossEntropy(HardnessLevel(alpha=0, form="published")))
    train(step, sgd(step.parameters()), steps=65)


COPIES: dict[str, Callable[[TrainingStep], TrainingStep]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda step: pickle.loads(pickle.dumps(step)),
}


@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("trained", [0, 2])
def test_a_copy_is_its_own_and_trains_the_same(duplicate: Callable, trained: int) -> None:
    step = make_step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(step, sgd(step.parameters()), steps=trained)
        twin = duplicate(step)
        assert not {id(p) for p in step.parameters()} & {id(p) for p in twin.parameters()}
        assert train(twin, sgd(twin.parameters())) == train(step, sgd(step.parameters()))
    model = twin.network.model
    fresh = duplicate(step)
    with pytest.warns(UserWarning, match="in no optimizer"):
        train(fresh, sgd(fresh.network.parameters()), steps=64)
    assert model is not fresh.network.model


def test_a_checkpoint_goes_on_where_it_stopped() -> None:
    step = make_step()
    train(step, sgd(step.parameters()))
    file = io.BytesIO()
    torch.save(step.state_dict(), file)
    file.seek(0)
    resumed = make_step()
    resumed.load_state_dict(torch.load(file))
    assert train(resumed, sgd(resumed.parameters())) == train(step, sgd(step.parameters()))


def test_a_copy_of_a_compiled_step_is_its_own() -> None:
    """step.compile() leaves a compiled call on the module; a copy that took it along would run the original."""
    step = make_step(lambda: WeightedCrossEntropy(HardnessLevel(form="published")))
    step.compile(backend="eager")
    twin = copy.deepcopy(step)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    # Zero weights: zero logits, whose loss is log C, less the share α of it that the hardness adds.
    expected = torch.tensor(CLASSES).log() * (1 - 0.01)
    torch.testing.assert_close(twin(*make_batch())["loss"].detach(), expected)


@pytest.mark.parametrize("name", ["hardness", "product", "OHEM"])
def test_compiled_steps_have_the_losses_of_plain_ones(name: str) -> None:
    """Two graphs, before and after the check of the target, and none that is compiled again for a later step."""
    graphs = []

    def count(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable:
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    plain, compiled = make_step(OBJECTIVES[name]), make_step(OBJECTIVES[name])
    expected = train(plain, sgd(plain.parameters()))
    assert train(torch.compile(compiled, backend=count), sgd(compiled.parameters())) == pytest.approx(
        expected, rel=1e-6
    )
    assert len(set(expected)) == 3
    assert len(graphs) == 2


@pytest.mark.parametrize("name", ["sum", "OHEM"])
def test_graphs_with_a_compiled_backward_have_the_losses_of_plain_ones(name: str) -> None:
    torch.compiler.reset()
    plain, compiled = make_step(OBJECTIVES[name]), make_step(OBJECTIVES[name])
    expected = train(plain, sgd(plain.parameters()))
    found = train(torch.compile(compiled, backend="aot_eager"), sgd(compiled.parameters()))
    assert found == pytest.approx(expected, rel=1e-6)


def test_untap_gives_the_trained_model_back() -> None:
    model = make_model()
    names = list(model.state_dict())
    step = make_step(model=model)
    before = copy.deepcopy(model.state_dict())
    train(step, sgd(step.parameters()))
    assert hardpix.untap(model) is model
    assert list(model.state_dict()) == names
    assert all(not torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
