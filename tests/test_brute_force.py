"""Maps, losses and scores against loops over pixels in Python numbers, on random batches of every awkward kind."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from hardpix.metrics import SegmentationScores, confusion_matrix, thin_part_counts
from hardpix.objectives import WeightedCrossEntropy
from hardpix.pixels import PixelBatch, border_band, cross_entropy_map, distance_to_border, weighted_mean
from hardpix.signals import ClassBalance, Focal, OnlineHard, Product

LABEL_TYPES = [torch.uint8, torch.int8, torch.int16, torch.uint16, torch.int32, torch.int64]
FLOAT_TYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
EXAMPLES = settings(max_examples=300)


@dataclass
class Drawn:
    logits: Tensor
    target: Tensor
    prediction: Tensor
    ignore_index: int

    @property
    def classes(self) -> int:
        return self.logits.shape[1]

    @property
    def px(self) -> PixelBatch:
        return PixelBatch(self.logits, self.target, self.ignore_index)

    def labelled(self) -> list[tuple[tuple[int, int, int], int]]:
        """Place and class of every labeled pixel."""
        ids = self.target.long().tolist()
        return [
            ((b, y, x), ids[b][y][x])
            for b, y, x in np.ndindex(*self.target.shape)
            if ids[b][y][x] != self.ignore_index and 0 <= ids[b][y][x] < self.classes
        ]

    def losses(self, smoothing: float = 0.0) -> dict[tuple[int, int, int], float]:
        """−Σ q log p of every labeled pixel, from the logits as they are in their type."""
        found = {}
        for (b, y, x), label in self.labelled():
            scores = self.logits[b, :, y, x].tolist()
            top = max(scores)
            log_sum = top + math.log(math.fsum(math.exp(score - top) for score in scores))
            own = (1 - smoothing) * (log_sum - scores[label])
            found[b, y, x] = own + smoothing / len(scores) * math.fsum(log_sum - score for score in scores)
        return found


@st.composite
def batches(draw: st.DrawFn) -> Drawn:
    """Non-square, of one pixel or row, wholly ignored, of one class, in half types, with unsigned and short labels."""
    shape = draw(st.integers(1, 2)), draw(st.integers(1, 7)), draw(st.integers(1, 7))
    classes = draw(st.sampled_from([1, 2, 3, 6]))
    kind = draw(st.sampled_from(LABEL_TYPES))
    limits = torch.iinfo(kind)
    marks = [mark for mark in (255, -1, -100, 65535, 0) if limits.min <= mark <= limits.max]
    ignore_index = draw(st.sampled_from(marks))
    unlabelled = draw(st.sampled_from([0.0, 0.3, 1.0]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    # Blocks, so that there are borders, and what is thin and what is not.
    block = draw(st.integers(1, 3))
    coarse = torch.randint(0, classes, (shape[0], 7, 7), generator=generator)
    target = coarse.repeat_interleave(block, 1).repeat_interleave(block, 2)[:, : shape[1], : shape[2]].contiguous()
    prediction = torch.where(
        torch.rand(shape, generator=generator) < 0.3, torch.randint(0, classes, shape, generator=generator), target
    )
    target[torch.rand(shape, generator=generator) < unlabelled] = ignore_index
    # From sure to lost: softmaxes of 0, of 1, and ties.
    scale = draw(st.sampled_from([0.0, 1.0, 30.0]))
    logits = scale * torch.randn(shape[0], classes, *shape[1:], generator=generator)
    if draw(st.booleans()):
        # As views, too.
        logits = logits.to(memory_format=torch.channels_last)
        target = target.transpose(1, 2).contiguous().transpose(1, 2)
    floats = draw(st.sampled_from(FLOAT_TYPES))
    return Drawn(logits.to(floats).requires_grad_(), target.to(kind), prediction.to(kind), ignore_index)


def near(expected: float) -> object:
    return pytest.approx(expected, rel=1e-5, abs=1e-5)


@EXAMPLES
@given(drawn=batches(), smoothing=st.sampled_from([0.0, 0.1, 1.0]))
def test_cross_entropy_map(drawn: Drawn, smoothing: float) -> None:
    found = cross_entropy_map(drawn.logits, drawn.target, drawn.ignore_index, label_smoothing=smoothing)
    expected = torch.zeros(drawn.target.shape, dtype=torch.float64)
    for place, loss in drawn.losses(smoothing).items():
        expected[place] = loss
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


@EXAMPLES
@given(drawn=batches(), smoothing=st.sampled_from([0.0, 0.1]))
def test_plain_and_smoothed_means(drawn: Drawn, smoothing: float) -> None:
    losses = drawn.losses(smoothing)
    found = WeightedCrossEntropy(label_smoothing=smoothing)(drawn.px)["loss"]
    assert found.item() == near(math.fsum(losses.values()) / max(len(losses), 1))
    found.backward()
    assert drawn.logits.grad is not None
    assert drawn.logits.grad.isfinite().all()


@EXAMPLES
@given(drawn=batches(), seed=st.integers(0, 99))
def test_weighted_mean(drawn: Drawn, seed: int) -> None:
    values, weights = torch.rand(2, *drawn.target.shape, generator=torch.Generator().manual_seed(seed)) - 0.3
    values, weights = values.to(drawn.logits.dtype), weights.clamp(min=0).to(drawn.logits.dtype)
    pairs = list(zip(values.flatten().tolist(), weights.flatten().tolist(), strict=True))
    total = math.fsum(weight for _, weight in pairs)
    expected = math.fsum(value * weight for value, weight in pairs) / total if total else 0.0
    assert weighted_mean(values, weights).item() == pytest.approx(expected, rel=1e-5, abs=1e-6)


@EXAMPLES
@given(
    drawn=batches(),
    share=st.integers(0, 100),
    threshold=st.sampled_from([0.0, 0.5, 0.7, 1.0]),
    per=st.sampled_from(["batch", "image"]),
)
def test_online_hard_keeps_a_share_of_the_hardest(drawn: Drawn, share: int, threshold: float, per: str) -> None:
    """By sorting the probabilities that the library has, which the losses above vouch for: ties are exact so."""
    probability = drawn.px.true_probability.detach().float()
    expected = torch.zeros(drawn.target.shape)
    groups = [range(len(drawn.target))] if per == "batch" else [[image] for image in range(len(drawn.target))]
    for group in groups:
        places = [place for place, _ in drawn.labelled() if place[0] in group]
        ranked = sorted(probability[place].item() for place in places)
        number = -(-len(places) * share // 100)
        last = ranked[number - 1] if number else -1.0
        for place in places:
            own = probability[place].item()
            expected[place] = float(own < float(np.float32(threshold)) or own <= last)
    found = OnlineHard(threshold, share / 100, per=per)(drawn.px)  # type: ignore[arg-type]
    assert torch.equal(found, expected)


@EXAMPLES
@given(drawn=batches(), gamma=st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0]))
def test_focal_loss_and_its_gradient(drawn: Drawn, gamma: float) -> None:
    """The gradient by the chain rule: of (1 − p)^γ ℓ by ℓ, times p_k − [k = y]."""
    losses = drawn.losses()
    found = WeightedCrossEntropy(Focal(gamma))(drawn.px)["loss"]
    terms = [(-math.expm1(-loss)) ** gamma * loss for loss in losses.values()]
    assert found.item() == near(math.fsum(terms) / max(len(losses), 1))
    found.backward()
    assert drawn.logits.grad is not None
    expected = torch.zeros(drawn.logits.shape, dtype=torch.float64)
    for ((b, y, x), label), loss in zip(drawn.labelled(), losses.values(), strict=True):
        wrong = -math.expm1(-loss)
        slope = wrong**gamma + (gamma * wrong ** (gamma - 1) * math.exp(-loss) * loss if wrong else 0.0)
        probability = drawn.logits[b, :, y, x].detach().double().softmax(0)
        probability[label] = -wrong
        expected[b, :, y, x] = slope * probability / len(losses)
    tolerance = {torch.float16: 2e-3, torch.bfloat16: 2e-2}.get(drawn.logits.dtype, 2e-4)
    torch.testing.assert_close(drawn.logits.grad.double(), expected, rtol=tolerance, atol=tolerance)


@EXAMPLES
@given(drawn=batches(), seed=st.integers(0, 99))
def test_class_balance_alone_and_times_focal(drawn: Drawn, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(1, 10**9, drawn.classes).tolist()
    share = [sum(counts) / (count * drawn.classes) for count in counts]
    pairs = [(share[label], loss) for (_, label), loss in zip(drawn.labelled(), drawn.losses().values(), strict=True)]
    total = math.fsum(weight for weight, _ in pairs)
    found = WeightedCrossEntropy(ClassBalance(counts))(drawn.px)["loss"]
    assert found.item() == near(math.fsum(w * loss for w, loss in pairs) / total if total else 0.0)
    product = WeightedCrossEntropy(Product([ClassBalance(counts), Focal()]))(drawn.px)["loss"]
    terms = [weight * math.expm1(-loss) ** 2 * loss for weight, loss in pairs]
    assert product.item() == pytest.approx(math.fsum(terms) / max(len(pairs), 1), rel=1e-4, abs=1e-5)


@EXAMPLES
@given(drawn=batches())
def test_confusion_and_iou(drawn: Drawn) -> None:
    pairs = [(label, int(drawn.prediction[place])) for place, label in drawn.labelled()]
    found = confusion_matrix(drawn.prediction, drawn.target, drawn.classes, drawn.ignore_index)
    scores = SegmentationScores(drawn.classes, drawn.ignore_index)
    scores.update(drawn.prediction, drawn.target)
    computed = scores.compute()
    assert computed["class_iou"].shape == (drawn.classes,)
    ious = []
    for k in range(drawn.classes):
        assert [int(n) for n in found[k]] == [pairs.count((k, other)) for other in range(drawn.classes)]
        hits, union = pairs.count((k, k)), sum(k in pair for pair in pairs)
        ious.append(hits / union if union else math.nan)
    np.testing.assert_allclose(computed["class_iou"].numpy(), ious)
    known = [iou for iou in ious if not math.isnan(iou)]
    np.testing.assert_allclose(computed["miou"].item(), sum(known) / len(known) if known else math.nan)


@EXAMPLES
@given(drawn=batches(), radius=st.integers(1, 3))
def test_border_band_and_distance(drawn: Drawn, radius: int) -> None:
    labels = dict(drawn.labelled())
    band = border_band(drawn.target, radius, drawn.ignore_index)
    distance = distance_to_border(drawn.target, radius, drawn.ignore_index)
    for b, y, x in np.ndindex(*drawn.target.shape):
        steps = [
            max(abs(y - other_y), abs(x - other_x))
            for (image, other_y, other_x), label in labels.items()
            if image == b and (b, y, x) in labels and label != labels[b, y, x]
        ]
        nearest = min([*steps, radius + 1])
        assert bool(band[b, y, x]) == (nearest <= radius)
        assert int(distance[b, y, x]) == nearest


def disc(radius: int) -> list[tuple[int, int]]:
    steps = range(-radius, radius + 1)
    return [(dy, dx) for dy in steps for dx in steps if dy * dy + dx * dx <= radius * radius]


def thin_places(labels: dict[tuple[int, int], int], size: tuple[int, int], radius: int) -> set[tuple[int, int]]:
    """Labeled pixels that no disc of a single class covers; outside, the pixels of the edge go on."""

    def classes_around(y: int, x: int) -> set[int]:
        inside = ((min(max(y + dy, 0), size[0] - 1), min(max(x + dx, 0), size[1] - 1)) for dy, dx in disc(radius))
        return {labels[place] for place in inside if place in labels}

    rows, columns = (range(-radius, side + radius) for side in size)
    pure = {(y, x) for y in rows for x in columns if len(classes_around(y, x)) < 2}
    return {(y, x) for y, x in labels if not any((y + dy, x + dx) in pure for dy, dx in disc(radius))}


@EXAMPLES
@given(drawn=batches(), radius=st.integers(1, 2))
def test_thin_parts(drawn: Drawn, radius: int) -> None:
    true = {place[1:]: label for place, label in drawn.labelled() if place[0] == 0}
    guess = {place: int(drawn.prediction[0][place]) for place in true}
    size = drawn.target.shape[1], drawn.target.shape[2]
    thin, drawn_thin = (thin_places(labels, size, radius) for labels in (true, guess))
    expected = np.zeros((3, drawn.classes), dtype=np.int64)
    for place, label in true.items():
        found = guess[place]
        expected[0, label] += place in thin and found == label
        expected[1, label] += place in thin
        beside = any(
            other in thin and true[other] == found
            for other in ((place[0] + dy, place[1] + dx) for dy, dx in disc(radius))
        )
        expected[2, found] += found != label and (place in drawn_thin or beside)
    maps = drawn.prediction[0].numpy(), drawn.target[0].numpy()
    counts = thin_part_counts(*maps, drawn.classes, drawn.ignore_index, radii=[radius])
    np.testing.assert_array_equal(counts[:, 0], expected)
