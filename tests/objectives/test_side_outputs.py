"""Side outputs: the formula against loops over cells, and what they leave of the network."""

from __future__ import annotations

import copy
import io
import math
import pickle
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import hardpix
from hardpix.networks import DDRNet, DDRNet23Slim
from hardpix.objectives import SideOutputs, Sum, WeightedCrossEntropy, with_signal_losses
from hardpix.pixels import PixelBatch
from hardpix.signals import ClassBalance, Focal, HardnessLevel, OnlineHard, Precomputed, Product, Signal
from testing import batch_of

CLASSES = 4
WIDTHS = {"stem": 5, "neck": 7}
Make = Callable[[], Signal]


class Model(nn.Module):
    """Two stages, at half and at a third of the size or so, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTHS["stem"], 3, stride=2, padding=1)
        self.neck = nn.Conv2d(WIDTHS["stem"], WIDTHS["neck"], 3, stride=2)
        self.head = nn.Sequential(nn.Tanh(), nn.Conv2d(WIDTHS["neck"], CLASSES, 1))

    def forward(self, image: Tensor) -> Tensor:
        return self.head(F.interpolate(self.neck(self.stem(image)), image.shape[-2:]))


class ByCount(Signal):
    """The data's own weights, divided by the number of pixels."""

    name: ClassVar[str] = "by count"
    normalizer = "count"

    def forward(self, px: PixelBatch) -> Tensor:
        assert px.sample["weight"] is not None
        return px.sample["weight"] * px.valid


def network(**options: Any) -> hardpix.TappedNetwork:
    torch.manual_seed(0)
    return hardpix.tap(Model().double(), **{"decoder": "head", "stages": list(WIDTHS), **options})


def bound(*arguments: Any, **settings: Any) -> SideOutputs:
    torch.manual_seed(1)
    return SideOutputs(*arguments, **settings).bind(network()).double()


def make_batch(
    size: tuple[int, int] = (12, 18),
    grids: tuple[tuple[int, int], tuple[int, int]] = ((6, 9), (3, 6)),
    share: float = 0.7,
    seed: int = 0,
) -> PixelBatch:
    """Stages that want a gradient; some pixels unlabeled, and a whole corner of them."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, CLASSES, (2, *size), generator=generator)
    target[torch.rand(target.shape, generator=generator) > share] = 255
    target[0, : size[0] // 2, : size[1] // 2] = 255

    def random(channels: int, grid: tuple[int, int]) -> Tensor:
        return torch.randn(2, channels, *grid, generator=generator, dtype=torch.float64).requires_grad_()

    px = batch_of(random(CLASSES, size), target, weight=torch.rand(target.shape, generator=generator).double())
    px.taps = replace(
        px.taps, stages={stage: random(WIDTHS[stage], grid) for stage, grid in zip(WIDTHS, grids, strict=True)}
    )
    return px


def head_of(objective: SideOutputs, stage: str) -> nn.Module:
    return objective.heads[f"/{stage.replace('.', '/')}"]


def by_loops(px: PixelBatch, logits: Tensor, weight: Tensor, rule: str, by_count: bool) -> Tensor:
    """Σ w ℓ over Σ w or over the number of labeled cells, cell by cell and pixel by pixel."""
    sizes = list(zip(px.target.shape[1:], logits.shape[2:], strict=True))
    enlarged = [-(-side // cells) * cells for side, cells in sizes]
    in_batch = Counter(px.target.flatten().tolist())
    total, divisor = logits.new_zeros(()), 0.0
    for b in range(len(logits)):
        inside: dict[tuple[int, int], list[tuple[int, float]]] = {}
        for row, column in np.ndindex(*enlarged):
            pixel = (row * sizes[0][0] // enlarged[0], column * sizes[1][0] // enlarged[1])
            cell = (row * sizes[0][1] // enlarged[0], column * sizes[1][1] // enlarged[1])
            inside.setdefault(cell, []).append((int(px.target[b][pixel]), float(weight[b][pixel])))
        for (i, j), pixels in inside.items():
            counts = Counter(label for label, _ in pixels if label != 255)
            if not counts:
                continue
            most = max(counts, key=lambda c: (counts[c], -c))
            label = most if rule == "majority" else min(counts, key=lambda c: (in_batch[c], c))
            w = np.mean([value for of, value in pixels if of == label])
            total = total + w * -torch.log_softmax(logits[b, :, i, j], 0)[label]
            divisor += 1.0 if by_count else float(w)
    return total / divisor


@pytest.mark.parametrize("signal", [None, Precomputed(floor=0.0), ByCount()], ids=["none", "precomputed", "by count"])
@pytest.mark.parametrize("rule", ["majority", "any"])
@pytest.mark.parametrize("grids", [((6, 9), (3, 6)), ((5, 7), (1, 1)), ((12, 18), (24, 5))], ids=str)
def test_is_the_mean_over_stages_of_loops_over_cells(
    signal: Signal | None, rule: str, grids: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    px, objective = make_batch(grids=grids), bound(signal, labels=rule)
    losses = objective(px)
    weight = px.valid.double() if signal is None else signal(px).detach()
    expected = {
        stage: by_loops(px, head_of(objective, stage)(features), weight, rule, by_count=isinstance(signal, ByCount))
        for stage, features in px.taps.stages.items()
    }
    assert losses.keys() == {"loss", "stages/stem", "stages/neck"}
    for stage, value in expected.items():
        torch.testing.assert_close(losses[f"stages/{stage}"], value)
    mean = (expected["stem"] + expected["neck"]) / 2
    torch.testing.assert_close(losses["loss"], mean)
    leaves = [*px.taps.stages.values(), *objective.parameters()]
    for found, wanted in zip(*(torch.autograd.grad(loss, leaves) for loss in (losses["loss"], mean)), strict=True):
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("signal", [None, Focal(1.5), Precomputed()], ids=["none", "focal", "precomputed"])
def test_gradients_are_those_of_finite_differences(signal: Signal | None) -> None:
    px, objective = make_batch((4, 6), ((2, 3), (1, 2))), bound(signal)

    def loss(logits: Tensor, *stages: Tensor) -> Tensor:
        batch = batch_of(logits, px.target, weight=px.sample["weight"])
        batch.taps = replace(batch.taps, stages=dict(zip(WIDTHS, stages, strict=True)))
        return objective(batch)["loss"] + 0 * logits.sum()

    assert torch.autograd.gradcheck(loss, (px.logits, *px.taps.stages.values()))


def test_weights_are_constants_unless_the_signal_is_differentiable() -> None:
    def gradient(signal: Signal) -> Tensor | None:
        px = make_batch()
        return torch.autograd.grad(bound(signal)(px)["loss"], px.logits, allow_unused=True)[0]

    class Doubt(Signal):
        def forward(self, px: PixelBatch) -> Tensor:
            return (1 - px.true_probability) * px.valid

    assert gradient(Doubt()) is None
    focal = gradient(Focal())
    assert focal is not None
    assert focal.any()


def test_a_stage_at_label_size_with_equal_weights_is_cross_entropy() -> None:
    px, objective = make_batch(grids=((12, 18), (6, 9))), bound()
    logits = head_of(objective, "stem")(px.taps.stages["stem"])
    expected = F.cross_entropy(logits, px.target, ignore_index=255)
    torch.testing.assert_close(objective(px)["stages/stem"], expected)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_scale_of_weights_does_not_matter(scale: float) -> None:
    px, objective = make_batch(), bound(Precomputed(floor=0.0))
    one = objective(px)["loss"]
    px.sample["weight"] = scale * px.sample["weight"]
    fresh = batch_of(px.logits, px.target, weight=px.sample["weight"], stages=px.taps.stages)
    torch.testing.assert_close(objective(fresh)["loss"], one, rtol=1e-6, atol=0)


NAMED: dict[str, Make] = {
    "hardness": lambda: HardnessLevel(form="published"),
    "graded hardness": HardnessLevel,
    "focal": Focal,
    "class_balance": lambda: ClassBalance([4, 3, 2, 1]),
    "online_hard": lambda: OnlineHard(0.5),
    "product": lambda: Product([HardnessLevel(form="published"), Focal()]),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_siblings_map_by_name_is_that_siblings_signal(name: str) -> None:
    """In value and in every gradient; a shared signal's own loss is the first one's."""
    results = []
    for by_name in (True, False):
        tapped = network()
        torch.manual_seed(1)
        signal = NAMED[name]()
        side = SideOutputs(signal.name if by_name else signal)
        step = hardpix.TrainingStep(tapped, Sum({"a": WeightedCrossEntropy(signal), "side": side}, {"side": 0.4}))
        step.double()
        generator = torch.Generator().manual_seed(3)
        image = torch.rand(2, 3, 12, 18, generator=generator, dtype=torch.float64)
        losses = step(image, torch.randint(0, CLASSES, (2, 12, 18), generator=generator))
        losses["loss"].backward()
        gradients = {key: p.grad for key, p in step.named_parameters()}
        results.append(({key: value.item() for key, value in losses.items()}, gradients))
    (one, of_one), (other, of_other) = results
    assert one == other
    assert of_one.keys() == of_other.keys()
    assert all(torch.equal(of_one[key], of_other[key]) for key in of_one)


def test_a_map_that_was_put_there_by_hand_is_a_constant_and_counts_where_there_are_labels() -> None:
    px = make_batch()
    hand = px.logits.sigmoid().sum(1).detach().requires_grad_()
    px.maps["mine"] = hand
    objective = bound("mine")
    loss = objective(px)["stages/stem"]
    expected = by_loops(
        px, head_of(objective, "stem")(px.taps.stages["stem"]), hand.detach(), "majority", by_count=False
    )
    torch.testing.assert_close(loss, expected)
    assert torch.autograd.grad(loss, hand, allow_unused=True)[0] is None


def test_an_own_signal_learns_by_its_own_loss_alone_and_is_logged_by_its_name() -> None:
    tapped, signal = network(), HardnessLevel(alpha=0.5, form="published")
    objective = SideOutputs(signal).bind(tapped).double()
    image, target = torch.rand(2, 3, 12, 18).double(), torch.randint(0, CLASSES, (2, 12, 18))
    px = tapped.pixels(image, target)
    losses = with_signal_losses(objective, px)
    assert with_signal_losses(objective, px)["loss"].item() == losses["loss"].item()
    assert losses.keys() == {"loss", "stages/stem", "stages/neck", "hardness"}
    stages = (losses["stages/stem"] + losses["stages/neck"]) / 2
    torch.testing.assert_close(losses["loss"], stages + losses["hardness"])
    assert losses["hardness"].item() < 0
    branch = list(signal.parameters())
    expected = torch.autograd.grad(signal.loss(tapped.pixels(image, target)), branch)
    for found, wanted in zip(torch.autograd.grad(losses["loss"], branch), expected, strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("make", [lambda: None, Focal, ByCount], ids=["none", "focal", "by count"])
@pytest.mark.parametrize("training", [True, False])
def test_all_ignored_is_a_zero_on_the_graph(make: Callable[[], Signal | None], training: bool) -> None:
    px, objective = make_batch(), bound(make()).train(training)
    px.target.fill_(255)
    losses = objective(px)
    assert all(value.item() == 0 for value in losses.values())
    losses["loss"].backward()
    for leaf in (*objective.parameters(), *px.taps.stages.values()):
        assert leaf.grad is not None
        assert (leaf.grad == 0).all()


def test_an_image_without_labels_leaves_no_trace() -> None:
    px, objective = make_batch(), bound(Precomputed()).eval()
    px.target[1] = 255
    whole = objective(px)["loss"]
    first = batch_of(px.logits[:1], px.target[:1], weight=px.sample["weight"][:1])
    first.taps = replace(first.taps, stages={stage: features[:1] for stage, features in px.taps.stages.items()})
    torch.testing.assert_close(objective(first)["loss"], whole)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -1e30])
def test_what_unlabelled_cells_hold_leaves_no_trace(odd: float) -> None:
    """By heads that see no neighbors."""
    px, objective = make_batch(grids=((12, 18), (12, 18))), bound(Precomputed()).eval()
    for head in objective.heads.values():
        head[0] = nn.Conv2d(head[0].in_channels, head[0].out_channels, 1).double()
    dirty = batch_of(px.logits, px.target, weight=px.sample["weight"])
    unlabelled = (px.target == 255)[:, None]
    dirty.taps = replace(
        dirty.taps,
        stages={s: x.detach().masked_fill(unlabelled, odd).requires_grad_() for s, x in px.taps.stages.items()},
    )
    found, expected = objective(dirty)["loss"], objective(px)["loss"]
    torch.testing.assert_close(found, expected)
    gradients = (
        torch.autograd.grad(loss, list(b.taps.stages.values())) for loss, b in ((found, dirty), (expected, px))
    )
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_one_channel_is_two_classes() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 1, 1))
    step = hardpix.TrainingStep(hardpix.tap(model, stages=["0"]), SideOutputs())
    image, target = torch.rand(2, 3, 6, 8), torch.randint(2, (2, 6, 8))
    target[0, :3] = 255
    losses = step(image, target)
    [head] = step.objective.heads.values()
    torch.testing.assert_close(losses["loss"], F.cross_entropy(head(model[0](image)), target, ignore_index=255))
    losses["loss"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in step.objective.parameters())


@pytest.mark.parametrize("images", [1, 2])
def test_a_stage_of_one_pixel_trains(images: int) -> None:
    class Pooled(Model):
        def forward(self, image: Tensor) -> Tensor:
            context = self.neck(F.adaptive_avg_pool2d(self.stem(image), 3))
            return self.head(context.expand(-1, -1, *image.shape[-2:]))

    step = hardpix.TrainingStep(hardpix.tap(Pooled(), stages=["neck"]), SideOutputs(Focal()))
    target = torch.tensor([1, 1, 1, 2, 255, 255]).reshape(1, 2, 3).expand(images, 2, 3)
    losses = step(torch.rand(images, 3, 2, 3), target)
    losses["loss"].backward()
    assert 0 < losses["loss"].item() < math.inf
    assert all(p.grad.isfinite().all() for p in step.objective.parameters())


def test_half_types_are_reduced_in_float32() -> None:
    px, objective = make_batch(), bound(Precomputed(floor=0.0)).float()
    px = batch_of(px.logits.float(), px.target, weight=px.sample["weight"].float(), stages=px.taps.stages)
    px.taps = replace(
        px.taps,
        stages={stage: features.detach().float().requires_grad_() for stage, features in px.taps.stages.items()},
    )
    with torch.autocast("cpu", torch.bfloat16):
        losses = objective(px)
        logits = {stage: head_of(objective, stage)(features) for stage, features in px.taps.stages.items()}
    assert all(value.dtype == torch.float32 for value in losses.values())
    for stage, rounded in logits.items():
        assert rounded.dtype == torch.bfloat16
        weight = (px.sample["weight"] * px.valid).double()
        expected = by_loops(px, rounded.double(), weight, "majority", by_count=False)
        torch.testing.assert_close(losses[f"stages/{stage}"].double(), expected, rtol=1e-5, atol=0)
    losses["loss"].backward()
    assert all(features.grad.isfinite().all() for features in px.taps.stages.values())


def test_a_network_in_a_half_type_gets_heads_in_it() -> None:
    tapped = hardpix.tap(Model().bfloat16(), stages=list(WIDTHS))
    step = hardpix.TrainingStep(tapped, SideOutputs())
    loss = step(torch.rand(2, 3, 12, 18).bfloat16(), torch.randint(0, CLASSES, (2, 12, 18)))["loss"]
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(p.grad.dtype == torch.bfloat16 and p.grad.isfinite().all() for p in step.objective.parameters())


def train(step: nn.Module, steps: int = 3) -> list[float]:
    optimizer, losses = torch.optim.SGD(step.parameters(), lr=0.1), []
    for seed in range(steps):
        generator = torch.Generator().manual_seed(seed)
        image = torch.rand(2, 3, 12, 18, generator=generator, dtype=torch.float64)
        loss = step(image, torch.randint(0, CLASSES, (2, 12, 18), generator=generator))["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def make_step(seed: int = 0) -> hardpix.TrainingStep:
    tapped = network()
    torch.manual_seed(seed)
    objective = Sum({"plain": WeightedCrossEntropy(HardnessLevel()), "side": SideOutputs("hardness")})
    return hardpix.TrainingStep(tapped, objective).double()


def test_training_moves_every_parameter_and_leaves_a_plain_network() -> None:
    step = make_step()
    model = step.network.model
    shapes = {name: tuple(value.shape) for name, value in Model().state_dict().items()}
    before = {name: p.detach().clone() for name, p in step.named_parameters()}
    train(step)
    assert all(not torch.equal(before[name], p) for name, p in step.named_parameters())
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == shapes
    Model().load_state_dict(model.state_dict())
    assert hardpix.untap(model) is model
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_inference_runs_no_head() -> None:
    step, plain = make_step().eval(), network().eval()
    for head in step.objective.objectives["side"].heads.values():
        head.register_forward_pre_hook(lambda module, args: pytest.fail("a head ran"))
    image = torch.rand(1, 3, 12, 18).double()
    assert torch.equal(step.network(image).logits, plain(image).logits)
    assert torch.equal(step.network.model(image), plain.model(image))


def test_a_checkpoint_goes_on_where_it_stopped() -> None:
    step = make_step()
    train(step)
    torch.save(step.state_dict(), file := io.BytesIO())
    file.seek(0)
    resumed = make_step(seed=5)
    resumed.load_state_dict(torch.load(file))
    assert train(resumed) == train(step)


def test_copies_and_pickles_train_alike_and_alone() -> None:
    step = make_step()
    twins = [copy.deepcopy(step), pickle.loads(pickle.dumps(step))]
    expected = train(step)
    assert [train(twin) for twin in twins] == [expected, expected]


def test_compiled_steps_have_the_losses_of_plain_ones() -> None:
    graphs = []

    def count(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable:
        graphs.append(graph)
        return graph.forward

    torch.compiler.reset()
    expected = train(make_step())
    assert train(torch.compile(make_step(), backend=count)) == pytest.approx(expected, rel=1e-9)
    # Before and after the check of the target.
    assert len(graphs) == 2


def test_its_heads_are_in_the_optimizers_group_of_heads() -> None:
    task_module = pytest.importorskip("hardpix.training.task")
    task = task_module.SegmentationTask(CLASSES, Model(), SideOutputs(HardnessLevel()), "head", stages=["stem"])
    task.trainer = type("Trainer", (), {"estimated_stepping_batches": 10})()
    groups = {g["name"]: g["params"] for g in task.configure_optimizers()["optimizer"].param_groups}
    heads = list(task.recipe.objective.heads.parameters())
    assert len(heads) == 5
    assert {id(p) for p in groups["heads"]} == {id(p) for p in heads}


class TestDDRNet:
    def build(self, **options: Any) -> DDRNet:
        torch.manual_seed(0)
        return DDRNet(CLASSES, width=8, pooling_width=8, head_width=8, **options)

    def test_both_branches_are_known_each_scale_once(self) -> None:
        step = hardpix.TrainingStep(hardpix.tap(self.build()), SideOutputs())
        out = step.network(torch.rand(1, 3, 128, 256))
        assert {stage: 256 // features.shape[-1] for stage, features in out.taps.stages.items()} == {
            "third.0.context": 16,
            "fourth.context": 32,
            "fourth.detail": 8,
        }

    def test_of_a_third_stage_in_parts_it_is_the_last(self) -> None:
        step = hardpix.TrainingStep(hardpix.tap(self.build(third_stage_parts=2)), SideOutputs())
        assert step.objective.stages == ("third.1.context", "fourth.context", "fourth.detail")

    def test_nothing_more_is_caught_until_it_is_asked_for(self) -> None:
        plain = hardpix.tap(self.build())
        assert hardpix.TrainingStep(plain, WeightedCrossEntropy(HardnessLevel())).network.stages == ()
        assert plain(torch.rand(1, 3, 64, 64)).taps.stages == {}

    def test_named_stages_stand_and_none_are_none(self) -> None:
        named = hardpix.TrainingStep(hardpix.tap(self.build(), stages=["detail"]), SideOutputs())
        assert named.objective.stages == ("detail",)
        with pytest.raises(ValueError, match="no stages of DDRNet are known"):
            SideOutputs().bind(hardpix.tap(self.build(), stages=[]))

    def test_a_network_tapped_anew_is_caught_anew(self) -> None:
        model, objective = self.build(), SideOutputs()
        image, target = torch.rand(2, 3, 64, 96), torch.zeros(2, 64, 96, dtype=torch.long)
        hardpix.TrainingStep(hardpix.tap(model), objective)
        heads = dict(objective.named_parameters())
        again = hardpix.TrainingStep(hardpix.tap(model), objective)
        assert again(image, target)["loss"] > 0
        assert all(p is heads[name] for name, p in objective.named_parameters())

    def test_a_network_that_was_compiled_since_it_was_tapped_is_refused(self) -> None:
        network = hardpix.tap(self.build())
        network.model.compile(backend="eager")
        with pytest.raises(RuntimeError, match="Tap the model before compiling"):
            SideOutputs().bind(network)

    @pytest.mark.parametrize("auxiliary", [True, False])
    def test_it_trains_with_hardness_every_weight_that_has_a_loss(self, auxiliary: bool) -> None:
        objective = Sum({"plain": WeightedCrossEntropy(HardnessLevel()), "side": SideOutputs("hardness")})
        step = hardpix.TrainingStep(hardpix.tap(self.build(auxiliary=auxiliary)), objective)
        image, target = torch.rand(2, 3, 128, 192), torch.randint(0, CLASSES, (2, 128, 192))
        losses = step(image, target)
        losses["loss"].backward()
        assert ("plain/auxiliary" in losses) == auxiliary
        assert [name for name, p in step.named_parameters() if p.grad is None] == []
        assert all(p.grad.isfinite().all() for p in step.parameters())


class TestErrors:
    def test_no_stages(self) -> None:
        with pytest.raises(ValueError, match=r"no stages of Model are known.*stages=\['…'\]\); .*'stem' \(Conv2d\)"):
            SideOutputs().bind(network(stages=None))

    def test_no_stages_on_the_command_line(self) -> None:
        task = pytest.importorskip("hardpix.training.task")
        with pytest.raises(ValueError, match=r"no stages of Model are known.*--model\.stages"):
            task.SegmentationTask(CLASSES, Model(), SideOutputs(), decoder="head")
        with pytest.raises(ValueError, match=r"stage 'third\.0' to return a tensor, found tuple.*--model\.stages"):
            task.SegmentationTask(CLASSES, DDRNet23Slim(CLASSES), SideOutputs(), stages=["third.0"])

    def test_not_bound(self) -> None:
        with pytest.raises(RuntimeError, match=r"no heads yet: give it to hardpix.TrainingStep"):
            SideOutputs()(make_batch())

    def test_a_map_that_nobody_publishes(self) -> None:
        px = make_batch()
        px.map(Focal())
        message = r"a published map 'hardness' as what weighs the side outputs, found focal; put .* signal="
        with pytest.raises(ValueError, match=message):
            bound("hardness")(px)

    @pytest.mark.parametrize(("wrap", "kind"), [(lambda x: (x, x), "tuple"), (lambda x: [x], "list")])
    def test_a_stage_that_is_no_tensor_is_named(self, wrap: Any, kind: str) -> None:
        class Splits(nn.Module):
            def forward(self, features: Tensor) -> Any:
                return wrap(features)

        class Split(Model):
            def __init__(self) -> None:
                super().__init__()
                self.split = Splits()

            def forward(self, image: Tensor) -> Tensor:
                return self.head(F.interpolate(self.neck(self.split(self.stem(image))[0]), image.shape[-2:]))

        with pytest.raises(TypeError, match=f"stage 'split' to return a tensor, found {kind}"):
            SideOutputs().bind(hardpix.tap(Split(), stages=["split"]))

    def test_a_stage_of_tokens_is_named(self) -> None:
        class Tokens(Model):
            def __init__(self) -> None:
                super().__init__()
                self.flat = nn.Flatten(2)

            def forward(self, image: Tensor) -> Tensor:
                self.flat(self.stem(image))
                return super().forward(image)

        with pytest.raises(ValueError, match=r"maps \(B, D, h, w\) at the stage 'flat', found shape \(1, 5, 1024\)"):
            SideOutputs().bind(hardpix.tap(Tokens(), stages=["flat"]))

    def test_channels_that_come_last_are_seen(self) -> None:
        """A head that was made for the rows of a blank image meets others in training."""

        class Last(nn.Module):
            def forward(self, features: Tensor) -> Tensor:
                return features.permute(0, 2, 3, 1)

        class ChannelsLast(Model):
            def __init__(self) -> None:
                super().__init__()
                self.last = Last()

            def forward(self, image: Tensor) -> Tensor:
                self.last(self.stem(image))
                return super().forward(image)

        step = hardpix.TrainingStep(hardpix.tap(ChannelsLast(), stages=["last"]), SideOutputs())
        with pytest.raises(RuntimeError, match=r"32 channels at the stage 'last'.* found shape \(1, 24, 36, 5\); name"):
            step(torch.rand(1, 3, 48, 72), torch.zeros(1, 48, 72, dtype=torch.long))

    def test_stages_of_another_network(self) -> None:
        px = make_batch()
        del px.taps.stages["neck"]
        with pytest.raises(RuntimeError, match=r"7 channels at the stage 'neck'.* found nothing; .*bind the objective"):
            bound()(px)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"labels": "nearest"}, "labels 'majority' or 'any', found 'nearest'"),
            ({"channels": 0}, "channels ≥ 1, found 0"),
        ],
    )
    def test_settings(self, settings: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            SideOutputs(**settings)

    def test_a_signal_by_the_name_of_a_part(self) -> None:
        class Odd(Signal):
            name: ClassVar[str] = "loss"

        with pytest.raises(ValueError, match="'loss' names a part of the loss already"):
            SideOutputs(Odd())
