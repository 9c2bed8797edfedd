"""Faults of signals, objectives, labelers, recipes and metrics that ``hardpix.testing`` finds, one at a time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchmetrics import Metric

from hardpix.labelers import Labeler, PseudoLabels, known_trust, most_likely
from hardpix.networks import TappedNetwork
from hardpix.objectives import Objective, WeightedCrossEntropy, with_signal_losses
from hardpix.pixels import DatasetInfo, PixelBatch, at_least_float32
from hardpix.recipes import Recipe
from hardpix.signals import ClassBalance, HardnessLevel, Signal
from hardpix.teachers import MovingAverage, Teacher
from hardpix.testing import (
    check_labeler,
    check_metric,
    check_objective,
    check_recipe,
    check_signal,
    make_batch,
    tapped,
)


class Doubt(Signal):
    """A right signal, of which each fault is one change."""

    name = "doubt"

    def forward(self, px: PixelBatch) -> Tensor:
        return 1 - px.confidence


class Learned(Signal):
    """A right signal with a branch."""

    name = "learned"

    def __init__(self) -> None:
        super().__init__()
        self.branch: nn.Module | None = None

    def bind(self, network: TappedNetwork) -> Learned:
        if self.branch is None:
            self.branch = network.new_branch()
        return self

    def features(self, px: PixelBatch) -> Tensor:
        assert px.taps.features is not None
        return px.taps.features[0][0].detach()

    def forward(self, px: PixelBatch) -> Tensor:
        assert self.branch is not None
        scores = self.branch(((self.features(px),), {}), None)
        return torch.sigmoid(scores.squeeze(1).to(torch.promote_types(scores.dtype, torch.float32)))

    def loss(self, px: PixelBatch) -> Tensor | None:
        return (px.map(self) * px.valid).mean()


class NoName(Doubt):
    name = "signal"


class PathAsName(Doubt):
    name = "a/b"


class Negative(Doubt):
    def forward(self, px: PixelBatch) -> Tensor:
        return px.confidence - 1


class Infinite(Doubt):
    needs_target = True

    def forward(self, px: PixelBatch) -> Tensor:
        return 1 / px.loss


class MeanOfNothing(Doubt):
    needs_target = True

    def forward(self, px: PixelBatch) -> Tensor:
        return px.loss / px.loss[px.valid].mean()


class HalfMap(Doubt):
    def forward(self, px: PixelBatch) -> Tensor:
        return px.logits.detach().softmax(1).amax(1).to(px.logits.dtype)


class Float64(Doubt):
    def forward(self, px: PixelBatch) -> Tensor:
        return super().forward(px).double()


class Channel(Doubt):
    def forward(self, px: PixelBatch) -> Tensor:
        return super().forward(px)[:, None]


class Rounded(Doubt):
    def forward(self, px: PixelBatch) -> Tensor:
        return px.logits.detach().softmax(1).amax(1).float()


class HighLevel(Doubt):
    def level(self, px: PixelBatch) -> Tensor:
        return 2 + px.confidence


class HiddenNeed(Doubt):
    def forward(self, px: PixelBatch) -> Tensor:
        return px.true_probability


class NoNeed(Doubt):
    needs_target = True


class NeedsLabelsInTraining(Doubt):
    def forward(self, px: PixelBatch) -> Tensor:
        return px.true_probability if self.training else px.confidence


class ReadsNothing(Doubt):
    reads = frozenset({"depth"})


class ReadsInSilence(Doubt):
    reads = frozenset({"heat"})

    def forward(self, px: PixelBatch) -> Tensor:
        return px.sample.get("heat", px.confidence)


class ReadsInRiddles(Doubt):
    reads = frozenset({"heat"})

    def forward(self, px: PixelBatch) -> Tensor:
        if "heat" not in px.sample:
            raise ValueError("no map")
        return px.sample["heat"]


class ReadsAndSaysNothing(Doubt):
    def forward(self, px: PixelBatch) -> Tensor:
        return px.sample["heat"]


class FirstImage(Doubt):
    def forward(self, px: PixelBatch) -> Tensor:
        return super().forward(px) * torch.arange(1, 1 + len(px.logits))[:, None, None]


class Strides(Doubt):
    def forward(self, px: PixelBatch) -> Tensor:
        return super().forward(px) + float(px.logits.stride()[-1] == 1)


class Leaking(Learned):
    def features(self, px: PixelBatch) -> Tensor:
        assert px.taps.features is not None
        return px.taps.features[0][0]


class KeptFromNetwork(Learned):
    stops_gradient = False  # type: ignore[assignment]


class NeverTrained(Learned):
    def loss(self, px: PixelBatch) -> Tensor | None:
        return None


class NotTrainedWithoutLabels(Learned):
    def loss(self, px: PixelBatch) -> Tensor | None:
        return super().loss(px) if px.valid.any() else torch.zeros((), requires_grad=True)


class LossMap(Learned):
    def loss(self, px: PixelBatch) -> Tensor | None:
        return px.map(self)


class LossOfNothing(Learned):
    def loss(self, px: PixelBatch) -> Tensor | None:
        return px.map(self)[px.valid].mean()


class AnewEachTime(Learned):
    def bind(self, network: TappedNetwork) -> AnewEachTime:
        self.branch = network.new_branch()
        return self


class Unbound(Learned):
    def bind(self, network: TappedNetwork) -> Any:
        super().bind(network)


class KeepsNetwork(Learned):
    def bind(self, network: TappedNetwork) -> KeepsNetwork:
        super().bind(network)
        self.network = network
        return self

    def loss(self, px: PixelBatch) -> Tensor | None:
        own = super().loss(px)
        return own


class Counting(Doubt):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, px: PixelBatch) -> Tensor:
        self.seen += 1
        return super().forward(px)


class Forgetful(Doubt):
    """Its counts are in no state dictionary."""

    share = 0.0

    def prepare(self, info: DatasetInfo) -> None:
        self.share = info.class_counts[0] / sum(info.class_counts)

    def forward(self, px: PixelBatch) -> Tensor:
        return super().forward(px) * self.share


class Random(Doubt):
    def forward(self, px: PixelBatch) -> Tensor:
        return torch.rand(px.shape)


class Perplexity(Doubt):
    """exp(ℓ), which overflows where a network is sure and wrong."""

    needs_target = True

    def forward(self, px: PixelBatch) -> Tensor:
        return px.loss.exp()


class LogOdds(Doubt):
    """Exceeds float32 beyond logits of 1000 alone."""

    needs_target = True

    def forward(self, px: PixelBatch) -> Tensor:
        return px.loss.square().square().square().square()


class OfCounts(Doubt):
    """A weight of each class from its training pixels."""

    weights: Tensor

    def weigh(self, counts: Tensor) -> Tensor:
        return counts.sum() / counts.clamp(min=1)

    def prepare(self, info: DatasetInfo) -> None:
        self.register_buffer("weights", self.weigh(torch.tensor(info.class_counts, dtype=torch.float64)).float())

    def forward(self, px: PixelBatch) -> Tensor:
        return self.weights[px.logits.argmax(1)]


class NoPixelNoWeight(OfCounts):
    def weigh(self, counts: Tensor) -> Tensor:
        return counts.sum() / counts


class TooSteep(OfCounts):
    def weigh(self, counts: Tensor) -> Tensor:
        return (counts.sum() / counts.clamp(min=1)) ** 4


class SmallIntegers(OfCounts):
    def prepare(self, info: DatasetInfo) -> None:
        self.register_buffer("weights", self.weigh(torch.tensor(info.class_counts, dtype=torch.int32)).float())


class Nothing(Doubt):
    def forward(self, px: PixelBatch) -> Tensor:
        return torch.zeros(px.shape)


class Rounding(Doubt):
    """Doubt in whole numbers is none."""

    def forward(self, px: PixelBatch) -> Tensor:
        return (super().forward(px) / 2).round()


class SumOfAll(Doubt):
    """The probabilities of all classes are 1."""

    def forward(self, px: PixelBatch) -> Tensor:
        return at_least_float32(px.logits.detach()).softmax(1).sum(1)


class OverThePixels(Doubt):
    """Its mean is that of the whole batch by mistake."""

    def forward(self, px: PixelBatch) -> Tensor:
        return super().forward(px).mean(0, keepdim=True).mean().expand(px.shape)


FAULTY_SIGNALS = {
    Perplexity: r"logits of ±120: expected a finite map, found inf",
    LogOdds: r"logits of ±10000: expected a finite map, found inf",
    NoPixelNoWeight: r"class_counts \(0, 2, 3\): expected a finite map, found inf",
    TooSteep: r"class_counts \(1, 1000000, 1000000000000\): expected a finite map, found inf",
    SmallIntegers: r"class_counts \(1, 1000000, 1000000000000\): ",
    Nothing: "its map is 0 at every labeled pixel of every batch",
    Rounding: "its map is 0 at every labeled pixel of every batch",
    SumOfAll: r"its map is the same at all labeled pixels of each batch that was tried \(such as 1\), although",
    OverThePixels: "its map is the same at all labeled pixels",
    NoName: "its name: expected one of its own, .* found 'signal'",
    PathAsName: "its name: .* found 'a/b'",
    Negative: "an ordinary batch: expected a map ≥ 0, found -0",
    Infinite: "an ordinary batch: expected a finite map, found inf in",
    MeanOfNothing: "one pixel without a label: expected a finite map, found nan in 1 of 1 pixels",
    HalfMap: r"float16: expected a map in torch.float32, found torch.float16",
    Float64: r"ordinary batch: expected a map in torch.float32, found torch.float64",
    Channel: r"expected a map of shape \(2, 4, 5\) \(B, H, W",
    Rounded: "logits in bfloat16",
    HighLevel: "expected a level from 0 to 1",
    HiddenNeed: "needs_target is False, yet there is no map",
    NoNeed: "needs_target is True, yet there is a map",
    NeedsLabelsInTraining: "needs_target is False, yet there is no map",
    ReadsNothing: "'depth' is there, yet nothing asks for it",
    ReadsInSilence: "the map 'heat' is in reads, yet training goes on without it in silence",
    ReadsInRiddles: "without the map 'heat' expected an error in training that names it, found: no map",
    ReadsAndSaysNothing: "an ordinary batch: 'heat'",
    FirstImage: "the same images in another order",
    Strides: "the same tensors, transposed in memory",
    Leaking: "stops_gradient of Leaking is True, yet its loss has a gradient for the network",
    KeptFromNetwork: "stops_gradient of KeptFromNetwork is False, yet its loss has no gradient",
    NeverTrained: "nothing trains its parameters",
    NotTrainedWithoutLabels: "one pixel without a label: no gradient for branch",
    LossMap: r"expected a scalar loss of LossMap, found shape \(2, 4, 5\)",
    LossOfNothing: "one pixel without a label: expected a finite loss of LossOfNothing, found nan",
    AnewEachTime: "a second bind",
    Unbound: "must return the object itself",
    KeepsNetwork: "the network is a submodule",
    Counting: "evaluation changes the state",
    Forgetful: "what loads its state_dict must give what the original gives",
    Random: "labels in torch.uint8|asked again",
}


@pytest.mark.parametrize("kind", [Doubt, Learned, OfCounts])
def test_right_signals_pass_and_stay_as_they_are(kind: type[Signal]) -> None:
    signal = kind()
    check_signal(signal)
    check_signal(signal, num_classes=1)
    assert list(signal.parameters()) == []


@pytest.mark.parametrize("kind", FAULTY_SIGNALS, ids=lambda kind: kind.__name__)
def test_faulty_signals_do_not(kind: type[Signal]) -> None:
    with pytest.raises(AssertionError, match=f"(?s)^{kind.__name__}, .*{FAULTY_SIGNALS[kind]}"):
        check_signal(kind())


def test_a_sample_of_ones_own_is_what_the_signal_sees() -> None:
    class Tagged(Doubt):
        def forward(self, px: PixelBatch) -> Tensor:
            return super().forward(px) * px.sample["tags"][:, None, None]

    check_signal(Tagged(), sample=lambda size: {"tags": torch.arange(size[0], dtype=torch.float32)})


class Wrong(Objective):
    """Mean probability of the other classes: right, and of which each fault is one change."""

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        wrong = -torch.expm1(-px.loss) * px.valid
        return {"loss": wrong.sum() / px.valid.sum().clamp(min=1)}


class Bare(Wrong):
    def forward(self, px: PixelBatch) -> Any:
        return super().forward(px)["loss"]


class DividesByNothing(Wrong):
    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        return {"loss": px.loss[px.valid].mean()}


class Constant(Wrong):
    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        return super().forward(px) if px.valid.any() else {"loss": torch.zeros(())}


class PartsByPixel(Wrong):
    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        return {**super().forward(px), "part": px.loss}


class HalfLoss(Wrong):
    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        probability = px.logits.softmax(1).to(px.logits.dtype).gather(1, px.labels.clamp(0, 2)[:, None])[:, 0]
        return {"loss": ((1 - probability) * px.valid).sum() / px.valid.sum().clamp(min=1)}


class HeadWithoutGradient(Wrong):
    """Its parameter is left out where nothing is labeled."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        losses = super().forward(px)
        return {"loss": losses["loss"] * self.scale} if px.valid.any() else losses


class OneHot(Wrong):
    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        labels = nn.functional.one_hot(px.labels.where(px.labels != 255, 0), px.logits.shape[1]).movedim(-1, 1)
        missed = ((1 - at_least_float32(px.logits).softmax(1)) * labels).sum(1) * px.valid
        return {"loss": missed.sum() / px.valid.sum().clamp(min=1)}


class EveryPixel(Wrong):
    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        return {"loss": super().forward(px)["loss"] + at_least_float32(px.logits).logsumexp(1).mean()}


class CountsUnlabeled(Wrong):
    """Its divisor counts what is predicted at unlabeled pixels; no gradient shows it."""

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        found = (px.logits.argmax(1) == 0).sum().clamp(min=1)
        return {"loss": super().forward(px)["loss"] / found}


class WrongGradient(Wrong):
    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        loss = super().forward(px)["loss"]
        return {"loss": loss * (1 + loss.detach())}


class CountsInEvaluation(Wrong):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("step", torch.zeros(()))

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        self.step += 1
        return super().forward(px)


class Owner(Wrong):
    def bind(self, network: TappedNetwork) -> Owner:
        self.network = network
        return self


class InMemoryOrder(Wrong):
    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        return {"loss": super().forward(px)["loss"] * (1 + float(px.logits.stride()[-1] == 1))}


class LogOfProbability(Wrong):
    """−log p of a probability that is 0 where the network is sure and wrong."""

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        chosen = torch.where(px.valid, px.labels, 0)[:, None]
        probability = at_least_float32(px.logits).softmax(1).gather(1, chosen)[:, 0]
        return {"loss": torch.where(px.valid, -probability.log(), 0).sum() / px.valid.sum().clamp(min=1)}


class NotANumberAtCertainty(Wrong):
    """Its value is finite, and its gradient is not, where a probability is 0."""

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        right = torch.where(px.valid, px.true_probability, 1)
        return {"loss": (1 - right.sqrt()).sum() / px.valid.sum().clamp(min=1)}


class InSmallIntegers(Wrong):
    """Takes no data set of more than 2³¹ pixels."""

    def prepare(self, info: DatasetInfo) -> None:
        counts = torch.tensor(info.class_counts, dtype=torch.int32)
        self.register_buffer("share", counts / counts.sum())


class OfNothing(Wrong):
    """Its gradient is 0."""

    def forward(self, px: PixelBatch) -> dict[str, Tensor]:
        return {"loss": 0 * super().forward(px)["loss"]}


FAULTY_OBJECTIVES = {
    LogOfProbability: r"logits of ±120: expected a finite 'loss', found inf",
    NotANumberAtCertainty: r"logits of ±120: expected finite gradients",
    InSmallIntegers: r"class_counts \(1, 1000000, 1000000000000\): ",
    OfNothing: "an ordinary batch: every gradient of the loss is 0",
    Bare: "expected a dictionary with 'loss'|object is not",
    DividesByNothing: "one pixel without a label: expected a finite 'loss', found nan",
    Constant: "one pixel without a label: expected a 'loss' on the graph",
    PartsByPixel: "expected 'part' as a scalar tensor",
    HalfLoss: "float16: expected 'loss' in float32, found torch.float16",
    HeadWithoutGradient: "without a labeled pixel no gradient reaches objective.scale",
    OneHot: "pixels of the id 3 .*mask by px.valid",
    EveryPixel: "unlabeled pixels get a gradient",
    CountsUnlabeled: "other logits at unlabeled pixels",
    WrongGradient: "gradcheck in float64 .*Jacobian mismatch",
    CountsInEvaluation: "evaluation changes the state",
    Owner: "the network is a submodule",
    InMemoryOrder: "transposed in memory",
}


def test_a_right_objective_passes() -> None:
    check_objective(Wrong())
    check_objective(Wrong(), num_classes=2)


@pytest.mark.parametrize("kind", FAULTY_OBJECTIVES, ids=lambda kind: kind.__name__)
def test_faulty_objectives_do_not(kind: type[Objective]) -> None:
    with pytest.raises(AssertionError, match=f"(?s)^{kind.__name__}, .*({FAULTY_OBJECTIVES[kind]})"):
        check_objective(kind())


def test_what_learns_from_unlabeled_pixels_and_has_no_gradient_may_say_so() -> None:
    check_objective(EveryPixel(), uses_unlabeled=True)
    check_objective(WrongGradient(), gradcheck=False)


class Sure(Labeler):
    """A right labeler, of which each fault is one change."""

    def labels(self, px: PixelBatch) -> tuple[Tensor, Tensor]:
        trust = known_trust(px)
        return torch.where(trust > 0, most_likely(px)[0], px.ignore_index), trust

    @torch.no_grad()
    def forward(self, px: PixelBatch) -> PseudoLabels:
        return PseudoLabels(*self.labels(px))


class LabelsPadding(Sure):
    def labels(self, px: PixelBatch) -> tuple[Tensor, Tensor]:
        return px.logits.argmax(1), torch.ones(px.shape)


class TrustsTwice(Sure):
    def labels(self, px: PixelBatch) -> tuple[Tensor, Tensor]:
        target, trust = super().labels(px)
        return target, 2 * trust


class OneTooMany(Sure):
    def labels(self, px: PixelBatch) -> tuple[Tensor, Tensor]:
        target, trust = super().labels(px)
        return torch.where(target < 255, 3, target), trust


class SmallLabels(Sure):
    def labels(self, px: PixelBatch) -> tuple[Tensor, Tensor]:
        target, trust = super().labels(px)
        return target.byte(), trust


class FirstOnly(Sure):
    def labels(self, px: PixelBatch) -> tuple[Tensor, Tensor]:
        target, trust = super().labels(px)
        target[1:], trust[1:] = 255, 0
        return target, trust


class OnGraph(Sure):
    def forward(self, px: PixelBatch) -> PseudoLabels:
        target, trust = self.labels(px)
        return PseudoLabels(target, trust * px.logits.float().softmax(1).amax(1))


class NeedsTarget(Sure):
    def labels(self, px: PixelBatch) -> tuple[Tensor, Tensor]:
        return px.labels, px.valid.float()


class CountsCalls(Sure):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def labels(self, px: PixelBatch) -> tuple[Tensor, Tensor]:
        self.calls += 1
        return super().labels(px)


class Unprepared(Sure):
    """Divides by the pixels of a class that never occurs, so that the trust is no number."""

    def prepare(self, info: DatasetInfo) -> None:
        counts = torch.tensor(info.class_counts, dtype=torch.float64)
        self.rarity = (counts.min() / counts).float()

    def labels(self, px: PixelBatch) -> tuple[Tensor, Tensor]:
        target, trust = super().labels(px)
        return target, trust * self.rarity[px.logits.argmax(1)]


class AfterPrepare(Unprepared):
    """Right: the same with a class that never occurs."""

    def prepare(self, info: DatasetInfo) -> None:
        counts = torch.tensor(info.class_counts, dtype=torch.float64).clamp(min=1)
        self.rarity = (counts.min() / counts).float()


class Overflows(Sure):
    """Trusts by the exponential of a logit."""

    def labels(self, px: PixelBatch) -> tuple[Tensor, Tensor]:
        target, trust = super().labels(px)
        odds = at_least_float32(px.logits).amax(1).exp()
        return target, trust * odds / (1 + odds)


class LabelsNothing(Sure):
    """Asks for more than certainty."""

    def labels(self, px: PixelBatch) -> tuple[Tensor, Tensor]:
        target, trust = super().labels(px)
        sure = px.confidence > 1
        return torch.where(sure, target, px.ignore_index), trust * sure


FAULTY_LABELERS = {
    Unprepared: r"class_counts \(0, 2, 3\): expected a trust from 0 to 1",
    Overflows: r"logits of ±120: expected a trust from 0 to 1",
    LabelsNothing: "it labels no pixel of any batch that was tried",
    LabelsPadding: 'padding: expected no label where the batch has "target_weight" 0',
    TrustsTwice: "expected a trust from 0 to 1",
    OneTooMany: r"expected classes or 255, found \[3\]",
    SmallLabels: "expected labels in int64",
    FirstOnly: "another order",
    OnGraph: "expected a trust without gradient",
    NeedsTarget: "an ordinary batch, without a target: expected a target",
    CountsCalls: "evaluation changes the state",
}


@pytest.mark.parametrize("kind", FAULTY_LABELERS, ids=lambda kind: kind.__name__)
def test_faulty_labelers_do_not_pass(kind: type[Labeler]) -> None:
    check_labeler(Sure())
    check_labeler(AfterPrepare())
    with pytest.raises(AssertionError, match=f"(?s)^{kind.__name__}, .*{FAULTY_LABELERS[kind]}"):
        check_labeler(kind())


def test_a_labeler_that_is_checked_stays_as_it_is() -> None:
    labeler = CountsCalls().train()
    with pytest.raises(AssertionError, match="evaluation changes the state"):
        check_labeler(labeler)
    assert labeler.calls == 0
    assert labeler.training


class Plain(Recipe):
    """A right recipe, of which each fault is one change."""

    def forward(self, batches: Any, progress: float) -> dict[str, Tensor]:
        return {"loss": self.pixels(batches["labeled"], progress).loss.mean()}


class NoLoss(Plain):
    def forward(self, batches: Any, progress: float) -> dict[str, Tensor]:
        return {"segmentation": super().forward(batches, progress)["loss"]}


class MeanOfNone(Plain):
    def forward(self, batches: Any, progress: float) -> dict[str, Tensor]:
        px = self.pixels(batches["labeled"], progress)
        return {"loss": px.loss[px.valid].mean()}


class Detached(Plain):
    def forward(self, batches: Any, progress: float) -> dict[str, Tensor]:
        return {"loss": super().forward(batches, progress)["loss"].detach().requires_grad_()}


class Taught(Plain):
    """Its teacher gets a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.teacher = Teacher()
        self.teacher.head = nn.Conv2d(3, 3, 1)

    def forward(self, batches: Any, progress: float) -> dict[str, Tensor]:
        own = self.teacher.head(batches["labeled"]["image"]).square().mean()
        return {"loss": super().forward(batches, progress)["loss"] + own}


class LeftOut(Plain):
    """Its scale has no gradient where nothing is labeled."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, batches: Any, progress: float) -> dict[str, Tensor]:
        losses = super().forward(batches, progress)
        labeled = (batches["labeled"]["target"] != 255).any()
        return {"loss": losses["loss"] * self.scale} if labeled else losses


class HeadAnew(Plain):
    def bind(self, network: TappedNetwork) -> HeadAnew:
        self.head = nn.Linear(1, 1)
        return super().bind(network)


class HiddenCount(Plain):
    """Its steps are in no state dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def forward(self, batches: Any, progress: float) -> dict[str, Tensor]:
        return {"loss": (1 + self.steps) * super().forward(batches, progress)["loss"]}

    def end_step(self) -> None:
        self.steps += 1


class CountsForwards(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("forwards", torch.zeros(()))

    def forward(self, batches: Any, progress: float) -> dict[str, Tensor]:
        self.forwards += 1
        return super().forward(batches, progress)


class DeploysModel(Plain):
    @property
    def deployed(self) -> Any:
        return self.network.model


class SignalsForgotten(Plain):
    """Its objective's signal has a loss, which nobody adds."""

    def __init__(self) -> None:
        super().__init__()
        self.objective = WeightedCrossEntropy(HardnessLevel())

    def losses(self, px: PixelBatch) -> dict[str, Tensor]:
        return self.objective(px)

    def forward(self, batches: Any, progress: float) -> dict[str, Tensor]:
        return self.losses(self.pixels(batches["labeled"], progress))


class SignalsRemembered(SignalsForgotten):
    """Right: the same with the signals' losses."""

    def losses(self, px: PixelBatch) -> dict[str, Tensor]:
        return with_signal_losses(self.objective, px)


class SignalsTimesNothing(SignalsForgotten):
    def losses(self, px: PixelBatch) -> dict[str, Tensor]:
        losses = with_signal_losses(self.objective, px)
        return {"loss": losses["segmentation"] + 0 * losses["hardness"]}


class IdleHead(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 2)


class TeacherLeftBehind(Plain):
    """A teacher is asked, and never updated."""

    def __init__(self) -> None:
        super().__init__()
        self.teacher = MovingAverage()

    def forward(self, batches: Any, progress: float) -> dict[str, Tensor]:
        seen = self.teacher(batches["labeled"])
        px = self.pixels(batches["labeled"], progress)
        apart = (px.logits - seen.logits).square() * px.valid[:, None]
        return {"loss": px.loss.mean() + apart.mean()}


class TeacherFollows(TeacherLeftBehind):
    """Right: the teacher follows after every other step."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def end_step(self) -> None:
        self.steps += 1
        if self.steps % 2 == 0:
            self.teacher.update(self.network)


class TeacherTooEarly(TeacherLeftBehind):
    def forward(self, batches: Any, progress: float) -> dict[str, Tensor]:
        if self.training:
            self.teacher.update(self.network)
        return super().forward(batches, progress)


class EpochsUntold(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.labeler = CountsEpochs()


class CountsEpochs(Sure):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("epochs", torch.zeros(()))

    def end_epoch(self) -> None:
        self.epochs += 1


class EpochsTold(EpochsUntold):
    """Right: its labeler hears of the ends of epochs."""

    def end_epoch(self) -> None:
        self.labeler.end_epoch()


class SureOfNothing(Plain):
    def forward(self, batches: Any, progress: float) -> dict[str, Tensor]:
        px = self.pixels(batches["labeled"], progress)
        chosen = torch.where(px.valid, px.labels, 0)[:, None]
        probability = px.logits.softmax(1).gather(1, chosen)[:, 0]
        return {"loss": torch.where(px.valid, -probability.log(), 0).mean()}


FAULTY_RECIPES = {
    SignalsForgotten: r"nothing trains \d of its own parameters \(objective.signal.branch.* by with_signal_losses",
    SignalsTimesNothing: "every gradient of HardnessLevel's own parameters is 0",
    IdleHead: r"nothing trains 2 of its own parameters \(head.weight, head.bias\)",
    TeacherLeftBehind: r"nothing updates teacher \(MovingAverage\): call its update\(self.network\) in end_step",
    TeacherTooEarly: r"teacher \(MovingAverage\).update is called in forward",
    EpochsUntold: r"nothing tells labeler \(CountsEpochs\) of the end of an epoch",
    SureOfNothing: "a network that is sure .*: expected a finite 'loss', found inf",
    NoLoss: r"expected a 'loss' among the losses, found \['segmentation'\]",
    MeanOfNone: "no labeled pixel: expected a finite 'loss', found nan",
    Detached: "no gradient reaches the network",
    Taught: r"a gradient reaches the teacher \(teacher.head.weight",
    LeftOut: "without a labeled pixel no gradient reaches scale",
    HeadAnew: "a second bind",
    HiddenCount: "what loads its state_dict must go on as the original does",
    CountsForwards: "evaluation changes the state",
    DeploysModel: "expected a tapped network as deployed",
}


@pytest.mark.parametrize("kind", FAULTY_RECIPES, ids=lambda kind: kind.__name__)
def test_faulty_recipes_do_not_pass(kind: type[Recipe]) -> None:
    with pytest.raises(AssertionError, match=f"(?s)^{kind.__name__}, .*{FAULTY_RECIPES[kind]}"):
        check_recipe(kind())


@pytest.mark.parametrize("kind", [Plain, SignalsRemembered, TeacherFollows, EpochsTold])
def test_right_recipes_pass(kind: type[Recipe]) -> None:
    check_recipe(kind())


def test_a_recipe_is_prepared_before_it_is_tried() -> None:
    class Balanced(SignalsRemembered):
        def __init__(self) -> None:
            super().__init__()
            self.objective = WeightedCrossEntropy(ClassBalance())

    check_recipe(Balanced())


class Right(Metric):
    """Share of right pixels, which has no fault."""

    full_state_update = False

    def __init__(self, ignore_index: int = 255) -> None:
        super().__init__()
        self.ignore_index = ignore_index
        for name in ("right", "seen"):
            self.add_state(f"{name} {ignore_index}", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def count(self, name: str, number: Tensor) -> None:
        state = f"{name} {self.ignore_index}"
        setattr(self, state, getattr(self, state) + number)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        prediction, target = prediction.long(), target.long()
        valid = target != self.ignore_index
        self.count("right", (valid & (prediction == target)).sum())
        self.count("seen", valid.sum())

    def compute(self) -> dict[str, Tensor]:
        right, seen = (getattr(self, f"{name} {self.ignore_index}") for name in ("right", "seen"))
        return {"accuracy": right / seen}


def accuracy(prediction: Tensor, target: Tensor) -> dict[str, Tensor]:
    return {"accuracy": (prediction == target)[target != 255].double().mean()}


class MeanOfBatches(Right):
    """The mean of the batches' scores."""

    def update(self, prediction: Tensor, target: Tensor) -> None:
        valid = target != 255
        if valid.any():
            self.count("right", (10**9 * (prediction == target)[valid].double().mean()).long())
            self.count("seen", torch.tensor(10**9))


class OneNameOfStates(Metric):
    """Its states are named alike for all settings, and a collection takes them for one."""

    full_state_update = False

    def __init__(self, ignore_index: int = 255) -> None:
        super().__init__()
        self.ignore_index = ignore_index
        self.add_state("right", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("seen", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        valid = target != self.ignore_index
        self.right += (valid & (prediction == target)).sum()
        self.seen += valid.sum()

    def compute(self) -> dict[str, Tensor]:
        return {"accuracy": self.right / self.seen}


class InTheTypeOfTheMaps(Right):
    """Compares in the type that the ids came in, in which −1 is 255."""

    def update(self, prediction: Tensor, target: Tensor) -> None:
        valid = target != torch.tensor(-1).to(target.dtype)
        super().update(prediction[valid], target[valid])
        self.count("seen", (~valid).sum())


class SeesUnlabeled(Right):
    def compute(self) -> dict[str, Tensor]:
        return {**super().compute(), "zeros": getattr(self, "zeros 255")}

    def __init__(self) -> None:
        super().__init__()
        self.add_state("zeros 255", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, prediction: Tensor, target: Tensor) -> None:
        super().update(prediction, target)
        self.count("zeros", (prediction == 0).sum())


class FullState(Right):
    full_state_update = True


class NotReset(Right):
    def __init__(self) -> None:
        super().__init__()
        self.images = 0

    def update(self, prediction: Tensor, target: Tensor) -> None:
        super().update(prediction, target)
        self.images += len(target)

    def compute(self) -> dict[str, Tensor]:
        return {**super().compute(), "images": torch.tensor(self.images)}


def test_a_right_metric_passes() -> None:
    check_metric(Right(), accuracy, others=[Right(0)])


@pytest.mark.parametrize(
    ("metric", "others", "message"),
    [
        (MeanOfBatches(), [], "accuracy of two batches beside the reference"),
        (OneNameOfStates(), [OneNameOfStates(0)], "in a MetricCollection beside other settings"),
        (SeesUnlabeled(), [], "other predictions at unlabeled pixels"),
        (InTheTypeOfTheMaps(), [], "ids in torch.uint8"),
        (NotReset(), [], "two merged halves"),
        (FullState(), [], "merge_state .*full_state_update = False"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_faulty_metrics_do_not(metric: Metric, others: list[Metric], message: str) -> None:
    with pytest.raises(AssertionError, match=f"^{type(metric).__name__}, {message}"):
        check_metric(metric, accuracy, others=others)


def test_a_reference_must_say_something_that_the_metric_says() -> None:
    with pytest.raises(AssertionError, match="at least one score of the reference"):
        check_metric(Right(), lambda prediction, target: {})
    with pytest.raises(AssertionError, match=r"the reference's scores \['recall'\], found \['accuracy'\]"):
        check_metric(Right(), lambda prediction, target: {"recall": 0})


def test_the_small_network_and_its_batches_are_the_same_every_time_and_leave_the_generator_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, two = make_batch(tapped()), make_batch()
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(one.logits, two.logits)
    assert one.taps.embedding is not None
    assert set(one.taps.stages) == {"encoder"}
    assert len(one.taps.auxiliary) == 1
    assert one.teacher is not None
    assert not one.teacher.logits.requires_grad
