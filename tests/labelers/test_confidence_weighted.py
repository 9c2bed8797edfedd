"""CW-BASS, its thresholds, and trust by hardness, against closed forms and brute force; known faults are refused."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import hardpix
from hardpix.labelers import AskedSignal, ConfidenceThreshold, ConfidenceWeighted, TrustedBy
from hardpix.labelers.thresholds import (
    ByHardness,
    ClassFloor,
    EntropyPercentile,
    Fixed,
    Floor,
    FreeMatch,
    Seen,
    Sigmoid,
    SoftMatch,
    Threshold,
)
from hardpix.objectives import WeightedCrossEntropy, losses_of_signals, signals_in
from hardpix.pixels import DatasetInfo, PixelBatch
from hardpix.recipes import SelfTraining, Supervised
from hardpix.signals import Focal, HardnessLevel, Signal, Uniform
from hardpix.teachers import Frozen, MovingAverage
from testing import batch_of


def batch(confidence: Tensor, classes: Tensor | None = None, number: int = 2) -> PixelBatch:
    """Pixels (B, H, W) of these classes, each with this probability; the other classes share the rest."""
    classes = torch.zeros(confidence.shape, dtype=torch.int64) if classes is None else classes
    rest = ((1 - confidence) / (number - 1))[:, None].expand(-1, number, -1, -1).clone()
    return PixelBatch(rest.scatter(1, classes[:, None], confidence[:, None]).log())


def seen(confidence: Tensor, classes: Tensor | None = None, number: int = 2, known: Tensor | None = None) -> Seen:
    px = batch(confidence, classes, number)
    return Seen(px.logits.argmax(1), px.confidence, px.valid if known is None else known, px)


def row(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[None, None]


class Hard(Signal):
    """Levels that are given."""

    name = "hard"

    def __init__(self, *levels: float) -> None:
        super().__init__()
        self.levels = torch.tensor(levels)[None, None]

    def forward(self, px: PixelBatch) -> Tensor:
        return self.levels

    def level(self, px: PixelBatch) -> Tensor:
        return self.levels


class TestSigmoid:
    def test_it_is_almost_constant_with_the_authors_settings(self) -> None:
        found = Sigmoid().of(torch.tensor([0.0, 0.5, 0.9, 1.0], dtype=torch.float64))
        expected = [0.3, 0.3, 0.6 / (1 + math.exp(-0.2)), 0.6 / (1 + math.exp(-0.25))]
        assert found.tolist() == pytest.approx(expected)
        assert found[-1].item() == pytest.approx(0.33731, abs=1e-5)

    def test_the_mean_is_that_of_pixels_which_may_be_labeled(self) -> None:
        """0.9 and 0.6: scale 1, slope 10 → T = σ(2.5) = 0.924; with the padding of 0.5 it would be σ(1.67) = 0.84."""
        rule = Sigmoid(scale=1, slope=10, lowest=0, highest=1)
        known = torch.tensor([[[True, True, False]]])
        assert rule(seen(row(0.9, 0.6, 0.5), known=known))[0, 0, :2].tolist() == [0, 0]
        assert rule(seen(row(0.9, 0.6, 0.5)))[0, 0, :2].tolist() == [1, 0]

    def test_equal_is_not_enough(self) -> None:
        px = seen(row(0.75))
        rule = Sigmoid(scale=2 * px.confidence.item(), slope=0, lowest=0, highest=1)
        assert not rule(px).any()


class TestFloor:
    def test_it_follows_the_mean_by_an_average(self) -> None:
        rule, expected = Floor(momentum=0.9), 0.6
        for mean in (0.7, 0.95, 0.99):
            kept = rule(seen(row(mean - 0.01, mean + 0.01)))
            expected = 0.9 * expected + 0.1 * mean
            assert rule.running.item() == pytest.approx(expected, abs=1e-6)
            assert kept.all() == (mean - 0.01 > 0.95 * expected)

    def test_a_network_that_grows_sure_is_asked_for_more_as_the_sigmoid_rule_does_not(self) -> None:
        floor, sigmoid = Floor(momentum=0.5), Sigmoid()
        for _ in range(50):
            floor(seen(row(0.99, 0.99, 0.99, 0.99)))
        px = seen(row(0.6, 0.99, 0.99, 0.99))
        assert floor(px).tolist() == [[[0, 1, 1, 1]]]
        assert sigmoid(px).all()

    def test_nothing_moves_in_evaluation_nor_by_a_batch_of_padding(self) -> None:
        rule = Floor()
        rule.eval()(seen(row(0.99)))
        rule.train()(seen(row(0.99), known=torch.zeros(1, 1, 1, dtype=torch.bool)))
        assert rule.running.item() == torch.tensor(0.6).item()


class TestClassFloor:
    def test_thresholds_are_those_of_a_loop_over_pixels(self) -> None:
        rng = np.random.default_rng(0)
        rule = ClassFloor(momentum=0.9, class_momentum=0.8, lowest=0.1)
        f, mu, counts = 0.6, np.zeros(3), np.zeros(3)
        for _ in range(6):
            classes = rng.choice(3, (2, 5, 20), p=[0.7, 0.27, 0.03])
            confidence = np.clip(rng.uniform(0.45, 0.99, classes.shape) - 0.1 * classes, 0.4, 1)
            px = seen(torch.from_numpy(confidence), torch.from_numpy(classes), 3)
            kept = rule(px).numpy()
            f = 0.9 * f + 0.1 * confidence.mean()
            for k in range(3):
                own = confidence[classes == k]
                if len(own) >= 10:
                    mu[k] = own.mean() if counts[k] == 0 else 0.8 * mu[k] + 0.2 * own.mean()
                    counts[k] += len(own)
            known = counts >= 100
            largest = mu[known].max() if known.any() else 1.0
            least = np.array([0.95 * f * mu[k] / largest if known[k] else 0.95 * f for k in range(3)])
            assert np.array_equal(kept > 0, confidence > np.clip(least, 0.1, 0.95)[classes])
        assert counts[2] < 100 <= counts[1]

    def test_a_class_that_never_occurs_has_the_floor_alone(self) -> None:
        rule = ClassFloor()
        for _ in range(30):
            rule(seen(torch.full((1, 2, 10), 0.9), number=4))
        assert rule.counts.tolist() == [600, 0, 0, 0]
        assert rule.eval()(seen(row(0.8, 0.2 + 0.6), torch.tensor([[[0, 3]]]), 4)).isfinite().all()


class TestEntropyPercentile:
    @pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.7, 0.8, 1.0])
    def test_the_share_with_the_lowest_entropy_is_kept(self, share: float) -> None:
        logits = torch.randn(1, 4, 5, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        px = PixelBatch(logits)
        known = torch.rand(1, 5, 6, generator=torch.Generator().manual_seed(4)) < 0.8
        found = EntropyPercentile(share)(Seen(logits.argmax(1), px.confidence, known, px))
        p = logits.softmax(1).numpy()
        entropy = -(p * np.log(p)).sum(1)
        order = sorted(entropy[known.numpy()])
        # None share one of the 65536 steps in which the rule counts.
        assert min(np.diff(order)) > 2 * math.log(4) / 65535
        kept = math.ceil(round(share * len(order), 9))
        expected = entropy <= order[kept - 1] if kept else np.zeros_like(known)
        np.testing.assert_array_equal(found.numpy()[known], expected[known.numpy()])

    def test_ties_are_kept(self) -> None:
        """The authors' code drops H ≥ the percentile: with equal entropies all pixels, and its loss is NaN."""
        confidence = row(0.9, 0.9, 0.9, 0.9)
        assert EntropyPercentile(0.5)(seen(confidence)).tolist() == [[[1, 1, 1, 1]]]
        labels = ConfidenceWeighted(EntropyPercentile(0.5), power=0)(batch(confidence))
        px = PixelBatch(torch.zeros(1, 2, 1, 4), labels.target, sample={"target_weight": labels.weight})
        assert WeightedCrossEntropy(Uniform(normalizer="count"))(px)["loss"].item() == pytest.approx(math.log(2))

    def test_few_kept_pixels_do_not_weigh_more(self) -> None:
        """The loss is the mean over the kept pixels; the authors multiply it by all / kept, here 2."""
        labels = ConfidenceWeighted(EntropyPercentile(0.5), power=0)(batch(row(0.9, 0.6, 0.95, 0.5)))
        assert labels.weight.tolist() == [[[1, 0, 1, 0]]]
        logits = torch.tensor([[1.0, 0.0, 3.0, 0.0], [0.0] * 4]).view(1, 2, 1, 4)
        px = PixelBatch(logits, labels.target, sample={"target_weight": labels.weight})
        expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-3))) / 2
        for objective in (WeightedCrossEntropy(Uniform(normalizer="count")), WeightedCrossEntropy()):
            assert objective(px)["loss"].item() == pytest.approx(expected)

    def test_padding_takes_no_part(self) -> None:
        known = torch.tensor([[[True, True, False, False]]])
        kept = EntropyPercentile(0.5)(seen(row(0.9, 0.6, 0.99, 0.99), known=known))
        assert kept[known].tolist() == [1, 0]
        assert (
            not EntropyPercentile(0.5)(seen(row(0.9, 0.6), known=torch.zeros(1, 1, 2, dtype=torch.bool))).isnan().any()
        )


class TestFreeMatch:
    def test_it_is_the_published_rule(self) -> None:
        """p̃ is the mean of probabilities over all pixels, which CW-BASS-v2 takes over those predicted as the class."""
        rule, tau, share = FreeMatch(momentum=0.5), 1 / 2, np.array([0.5, 0.5])
        confidence, classes = np.array([0.9, 0.8, 0.8, 0.6]), np.array([0, 0, 0, 1])
        for _ in range(4):
            kept = rule(seen(torch.tensor(confidence)[None, None], torch.tensor(classes)[None, None]))[0, 0]
            first = np.where(classes == 0, confidence, 1 - confidence)
            tau = (tau + confidence.mean()) / 2
            share = (share + np.array([first.mean(), 1 - first.mean()])) / 2
            assert kept.tolist() == (confidence >= (tau * share / share.max())[classes]).tolist()
        # The mean over predicted pixels, 0.6 of class 1, would ask for 0.5 and more of 0.78 × 0.6 / 0.83.
        assert (tau * share / share.max())[1] < 0.4

    def test_clamped(self) -> None:
        rule = FreeMatch(lowest=0.7).eval()
        assert rule(seen(row(0.6, 0.8))).tolist() == [[[0, 1]]]


class TestSoftMatch:
    def test_below_the_mean_the_share_falls_like_a_narrowed_gaussian(self) -> None:
        """One σ below the mean it is exp(−2) with n = 2; CW-BASS-v2, which widens, has exp(−1/8)."""
        rule = SoftMatch().eval()
        rule.mean, rule.variance = torch.tensor([0.8]), torch.tensor([0.01])
        assert rule(seen(row(0.7, 0.8, 0.95)))[0, 0].tolist() == pytest.approx([math.exp(-2), 1, 1], rel=1e-4)

    def test_mean_and_variance_are_averages_of_those_of_batches(self) -> None:
        rule, mean, variance = SoftMatch(momentum=0.9), 1 / 2, 1.0
        rng = np.random.default_rng(1)
        for _ in range(5):
            confidence = rng.uniform(0.5, 1, (2, 3, 4))
            rule(seen(torch.from_numpy(confidence)))
            mean = 0.9 * mean + 0.1 * confidence.mean()
            variance = 0.9 * variance + 0.1 * confidence.var(ddof=1)
        assert rule.mean.item() == pytest.approx(mean, rel=1e-5)
        assert rule.variance.item() == pytest.approx(variance, rel=1e-5)

    def test_one_pixel_has_no_spread(self) -> None:
        assert SoftMatch(momentum=0)(seen(row(0.9))).tolist() == [[[1]]]


RULES: dict[str, Callable[[], Threshold]] = {
    "fixed": Fixed,
    "sigmoid": Sigmoid,
    "floor": Floor,
    "classes": ClassFloor,
    "EntropyPercentile": EntropyPercentile,
    "FreeMatch": FreeMatch,
    "SoftMatch": SoftMatch,
}


@pytest.mark.parametrize("make", RULES.values(), ids=RULES)
class TestEveryRule:
    def test_classes_in_another_order_change_nothing(self, make: Callable[[], Threshold]) -> None:
        generator = torch.Generator().manual_seed(0)
        logits = 3 * torch.randn(2, 4, 9, 13, generator=generator)
        order = torch.tensor([2, 0, 3, 1])
        one, two = ConfidenceWeighted(make()), ConfidenceWeighted(make())
        for _ in range(4):
            first, second = one(PixelBatch(logits)), two(PixelBatch(logits[:, order]))
        labeled = second.target != 255
        assert torch.equal(labeled, first.target != 255)
        assert torch.equal(order[second.target[labeled]], first.target[labeled])
        torch.testing.assert_close(first.weight, second.weight)

    def test_pixels_that_overflowed_are_neither_labeled_nor_counted(self, make: Callable[[], Threshold]) -> None:
        generator = torch.Generator().manual_seed(0)
        logits = 5 * torch.randn(2, 3, 4, 6, generator=generator)
        spoiled = torch.cat([logits, torch.full((2, 3, 4, 1), math.nan)], 3)
        one, two = ConfidenceWeighted(make()), ConfidenceWeighted(make())
        expected, found = one(PixelBatch(logits)), two(PixelBatch(spoiled))
        assert torch.equal(found.target[..., :-1], expected.target)
        assert (found.target[..., -1] == 255).all()
        torch.testing.assert_close(found.weight[..., :-1], expected.weight)
        for name, value in one.state_dict().items():
            torch.testing.assert_close(two.state_dict()[name], value)

    def test_padding_alone_labels_nothing_and_moves_nothing(self, make: Callable[[], Threshold]) -> None:
        labeler = ConfidenceWeighted(make())
        labeler(PixelBatch(torch.zeros(1, 3, 1, 1)))
        before = {name: value.clone() for name, value in labeler.state_dict().items()}
        found = labeler(batch_of(torch.randn(1, 3, 2, 5), torch.full((1, 2, 5), 255)))
        assert (found.target == 255).all()
        assert not found.weight.any()
        for name, value in labeler.state_dict().items():
            assert torch.equal(value, before[name]), name

    def test_its_state_stays_in_float32(self, make: Callable[[], Threshold]) -> None:
        rule = make()
        rule(seen(torch.full((1, 4, 40), 0.9)))
        assert {value.dtype for value in rule.half().buffers()} <= {torch.float32, torch.int64}

    def test_its_state_is_restored_before_it_has_seen_anything(self, make: Callable[[], Threshold]) -> None:
        trained, loaded = make(), make()
        for value in (0.6, 0.95):
            trained(seen(torch.full((1, 4, 40), value), number=3))
        loaded.load_state_dict(trained.state_dict())
        px = seen(torch.linspace(0.4, 0.99, 60).view(1, 6, 10), number=3)
        assert torch.equal(loaded.eval()(px), trained.eval()(px))


class TestTrust:
    def test_it_is_a_power_of_the_confidence_where_labels_are_kept(self) -> None:
        found = ConfidenceWeighted(Fixed(0.7), power=2)(batch(row(0.9, 0.6, 0.8)))
        assert found.target.tolist() == [[[0, 255, 0]]]
        assert found.weight[0, 0].tolist() == pytest.approx([0.81, 0, 0.64])

    @pytest.mark.parametrize("power", [0.0, 1.0, 2.5])
    def test_the_loss_is_divided_by_the_number_of_labels(self, power: float) -> None:
        """So that 0.9 times the confidence is 0.9^power times the loss."""
        labels = ConfidenceWeighted(Fixed(0.7), power=power)(batch(row(0.9, 0.6, 0.8)))
        logits = torch.randn(1, 2, 1, 3, dtype=torch.float64)
        px = batch_of(logits, labels.target, target_weight=labels.weight)
        losses = -logits.log_softmax(1)[0, 0, 0]
        expected = (0.9**power * losses[0] + 0.8**power * losses[2]) / 2
        found = WeightedCrossEntropy(Uniform("count"))(px)["loss"]
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)

    def test_certainty_makes_the_power_meaningless(self) -> None:
        sure = PixelBatch(torch.tensor([[1e4, -1e4]]).view(1, 2, 1, 1))
        assert {ConfidenceWeighted(power=power)(sure).weight.item() for power in (0, 1, 3)} == {1.0}

    def test_it_decays_with_the_epochs_which_a_constant_factor_does_not(self) -> None:
        labeler = ConfidenceWeighted(Fixed(0.7), power=0, decay=0.9)
        found = []
        for _ in range(4):
            found.append(labeler(batch(row(0.9))).weight.item())
            labeler.end_epoch()
        assert found == pytest.approx([1, 0.9, 0.81, 0.729])
        other = ConfidenceWeighted(Fixed(0.7), power=0, decay=0.9)
        other.load_state_dict(labeler.state_dict())
        assert other(batch(row(0.9))).weight.item() == pytest.approx(0.9**4)

    def test_a_teacher_that_is_sure_of_nothing_is_no_loss(self) -> None:
        labels = ConfidenceWeighted(Fixed(0.9))(batch(row(0.6, 0.7)))
        logits = torch.randn(1, 2, 1, 2, requires_grad=True)
        loss = WeightedCrossEntropy(Uniform("count"))(batch_of(logits, labels.target, target_weight=labels.weight))
        loss["loss"].backward()
        assert loss["loss"].item() == 0
        assert not logits.grad.any()


class TestHardness:
    def test_trust_falls_with_hardness(self) -> None:
        found = TrustedBy(ConfidenceThreshold(0.7), Hard(0.0, 0.25, 1.0, 0.0))(batch(row(0.9, 0.9, 0.9, 0.6)))
        assert found.target.tolist() == [[[0, 0, 0, 255]]]
        assert found.weight[0, 0].tolist() == pytest.approx([1, 0.75, 0, 0])

    def test_the_threshold_rises_with_hardness(self) -> None:
        """c ≥ T + (1 − T) h: 0.8, 0.9 and never."""
        rule = ByHardness(Hard(0.0, 0.0, 0.5, 0.5, 1.0), Fixed(0.8))
        assert rule(seen(row(0.79, 0.81, 0.89, 0.91, 1 - 1e-9))).tolist() == [[[0, 1, 0, 1, 0]]]

    def test_a_signal_without_a_level_is_a_multiple_of_the_average(self) -> None:
        class Twice(Signal):
            name = "twice"

            def forward(self, px: PixelBatch) -> Tensor:
                return torch.full(px.shape, 2.0)

        assert AskedSignal(Twice())(batch(row(0.9))).item() == pytest.approx(2 / 3)

    def test_a_signal_that_needs_labels_is_refused(self) -> None:
        with pytest.raises(ValueError, match="found Focal, which needs labels"):
            TrustedBy(ConfidenceThreshold(), Focal())

    @pytest.mark.parametrize("inside", ["trust", "threshold"])
    def test_learned_hardness_learns_once_from_labels_and_is_asked_as_an_average(self, inside: str) -> None:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3, padding=1), torch.nn.Conv2d(6, 3, 1))
        signal = HardnessLevel(form="graded")
        labeler = {
            "trust": lambda: TrustedBy(ConfidenceThreshold(0.0), signal, momentum=0.5),
            "threshold": lambda: ConfidenceWeighted(ByHardness(signal, Fixed(0.0), momentum=0.5)),
        }[inside]()
        # Its weights in the objective are a branch of their own.
        objective = WeightedCrossEntropy(HardnessLevel(form="graded"))
        recipe = SelfTraining(objective, MovingAverage(0.5), labeler).bind(hardpix.tap(model, decoder="1"))
        assert signals_in(labeler) == [signal]
        given = {"image": torch.rand(2, 3, 6, 8), "target": torch.randint(0, 3, (2, 6, 8))}
        batches = {"labeled": given, "unlabeled": {"image": torch.rand(2, 3, 6, 8)}}
        losses = recipe(batches, 0.5)
        px = recipe.network.pixels(**given)
        torch.testing.assert_close(losses["labeler/hardness"], signal.loss(px))
        parts = ("labeled/loss", "labeler/loss", "unlabeled/loss")
        torch.testing.assert_close(losses["loss"], torch.stack([losses[name] for name in parts]).sum())
        losses["loss"].backward()
        assert all(p.grad is not None and p.grad.any() for p in signal.parameters())
        weights, expected = list(signal.parameters()), None
        for step in range(3):
            with torch.no_grad():
                for parameter in weights:
                    parameter.add_(1.0)
            recipe.end_step()
            # The first update copies, and the others are halfway.
            now = weights[0].detach().clone()
            expected = now if expected is None else (expected + now) / 2
            copies = [p for name, p in labeler.named_parameters() if ".average." in f".{name}"]
            torch.testing.assert_close(copies[0], expected)
            assert not any(p.requires_grad for p in copies), step
        assert {name for name in recipe.state_dict() if "average.network" in name}

    def test_a_foreign_teacher_is_refused_where_hardness_learns(self) -> None:
        model = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3, padding=1), torch.nn.Conv2d(6, 3, 1))
        labeler = TrustedBy(ConfidenceThreshold(), HardnessLevel())
        recipe = Supervised(WeightedCrossEntropy(), Frozen(torch.nn.Conv2d(3, 3, 1)), labeler)
        with pytest.raises(ValueError, match=r"TrustedBy asks HardnessLevel .* such as MovingAverage, found Frozen"):
            recipe.bind(hardpix.tap(model, decoder="1"))

    def test_nothing_learns_where_no_signal_does(self) -> None:
        px = batch_of(torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1, dtype=torch.int64))
        assert losses_of_signals(TrustedBy(ConfidenceThreshold(), Hard(0.5)), px) == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Fixed(1.5), "value from 0 to 1, found 1.5"),
        (lambda: Sigmoid(lowest=0.9), "lowest ≤ highest"),
        (lambda: Sigmoid(slope=-1), "slope ≥ 0"),
        (lambda: Floor(momentum=2), "momentum from 0 to 1, found 2"),
        (lambda: ClassFloor(class_momentum=-1), "class_momentum"),
        (lambda: FreeMatch(momentum=math.nan), "found nan"),
        (lambda: SoftMatch(narrow=0), "narrow > 0"),
        (lambda: ConfidenceWeighted(power=-1), "power ≥ 0"),
        (lambda: ConfidenceWeighted(decay=0), "decay above 0"),
    ],
)
def test_settings_outside_their_range_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_threshold_of_ones_own_must_say_how_much_it_keeps() -> None:
    with pytest.raises(NotImplementedError, match="Threshold must say how much"):
        Threshold()(seen(row(0.9)))


def test_classes_for_which_a_threshold_was_made_are_those_of_the_data() -> None:
    rule = FreeMatch()
    rule.prepare(DatasetInfo(("road", "car", "pole"), lambda: [3, 2, 1]))
    assert rule.shares.tolist() == pytest.approx([1 / 3] * 3)
