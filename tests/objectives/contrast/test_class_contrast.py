"""Contrast with classes as an objective, beside loops over cells, and the faults of the authors' code."""

from __future__ import annotations

import copy
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import hardpix
from hardpix.data.batch_transforms import ClassMix
from hardpix.labelers import ConfidenceThreshold
from hardpix.networks import TappedNetwork
from hardpix.objectives import ClassContrast, Sum, WeightedCrossEntropy
from hardpix.objectives.contrast import ClassStatistics
from hardpix.objectives.memory import Ring
from hardpix.pixels import PixelBatch
from hardpix.recipes import FutureSelfTraining, SelfTraining, TwoViews
from hardpix.signals import Focal, HardnessLevel
from hardpix.teachers import MovingAverage
from hardpix.testing import check_objective, check_recipe
from testing import batch_of

CLASSES, CHANNELS, GRID = 3, 6, (3, 4)
FORMS = ["distribution", "centroid", "bank"]


class Given(nn.Module):
    """A projection head that hands on what comes."""

    def forward(self, embedding: Tensor) -> Tensor:
        return nn.functional.normalize(embedding, dim=1)


class Network:
    """As much of a tapped network as binding asks for."""

    num_classes = CLASSES
    embedding_channels = CHANNELS

    def parameters(self) -> Any:
        return iter([torch.zeros(1)])


class Filled(ClassContrast):
    """A contrast that knows something of the classes before the first batch."""

    def bind(self, network: TappedNetwork) -> Filled:
        new = self.memory is None
        super().bind(network)
        if new:
            generator = torch.Generator().manual_seed(0)
            vectors = nn.functional.normalize(torch.randn(60, self.channels, generator=generator), dim=1)
            assert self.memory is not None
            self.memory.store(vectors, torch.arange(60) % 3)
            self.step += 1
        return self


def bound(**settings: Any) -> ClassContrast:
    objective = ClassContrast(**{"channels": CHANNELS} | settings).bind(Network())  # type: ignore[arg-type]
    objective.head = Given()  # type: ignore[assignment]
    return objective.double()


def make_batch(seed: int = 0, images: int = 2, **sample: Any) -> PixelBatch:
    """Labels at four times the embedding's resolution; a cell has 16 pixels, of which some are of another class."""
    generator = torch.Generator().manual_seed(seed)
    cells = torch.randint(0, CLASSES, (images, *GRID), generator=generator)
    target = cells.repeat_interleave(4, 1).repeat_interleave(4, 2)
    target[torch.rand(target.shape, generator=generator) < 0.2] = 255
    logits = torch.randn(images, CLASSES, *target.shape[1:], generator=generator, dtype=torch.float64)
    embedding = torch.randn(images, CHANNELS, *GRID, generator=generator, dtype=torch.float64)
    return batch_of(logits.requires_grad_(), target, embedding=embedding.requires_grad_(), **sample)


def cells(px: PixelBatch, weight: Tensor | None = None) -> tuple[Tensor, list[int], list[float]]:
    """Vectors, classes and mean weights of the cells of which three quarters have one class; by default the trust."""
    rows, classes, weights = [], [], []
    weight = px.sample.get("target_weight", torch.ones(px.shape)) if weight is None else weight
    normal = nn.functional.normalize(px.taps.embedding, dim=1)
    for b, y, x, k in product(range(len(px.labels)), range(GRID[0]), range(GRID[1]), range(CLASSES)):
        place = (b, slice(4 * y, 4 * y + 4), slice(4 * x, 4 * x + 4))
        same = (px.labels[place] == k) & (weight[place] > 0)
        if same.sum() >= 12:
            rows.append(normal[b, :, y, x])
            classes.append(k)
            weights.append(weight[place][same].mean().item())
    return torch.stack(rows), classes, weights


@pytest.mark.parametrize("against", FORMS)
@pytest.mark.parametrize("make", [lambda: ClassContrast, lambda: Filled], ids=["new", "filled"])
def test_it_is_what_an_objective_must_be(make: Any, against: Any) -> None:
    check_objective(make()(against=against, channels=4, signal=HardnessLevel()))


def test_with_its_regularizer_it_is_what_an_objective_must_be() -> None:
    check_objective(Filled(channels=4, diversity=0.5))


@pytest.mark.parametrize("trusted", [False, True])
def test_the_loss_is_the_mean_over_cells_by_the_statistics_of_all_batches_so_far(trusted: bool) -> None:
    objective = bound(temperature=0.5)
    seen: list[tuple[Tensor, list[int]]] = []
    for k in range(3):
        generator = torch.Generator().manual_seed(k)
        sample = {"target_weight": torch.rand(2, 12, 16, generator=generator).round(decimals=1)} if trusted else {}
        px = make_batch(k, **sample)
        rows, classes, trust = cells(px)
        assert 3 < len(rows) < 24
        seen.append((rows.detach(), classes))
        found = objective(px)["loss"]
        vectors = torch.cat([each for each, _ in seen])
        labels = torch.tensor([label for _, each in seen for label in each])
        mean = torch.stack([vectors[labels == c].mean(0) for c in range(CLASSES)])
        variance = torch.stack([vectors[labels == c].var(0, correction=0) for c in range(CLASSES)])
        losses = []
        for q, y in zip(rows, classes, strict=True):
            terms = [torch.exp(2 * q @ m + 2 * (q * q) @ v) for m, v in zip(mean, variance, strict=True)]
            losses.append(-2 * q @ mean[y] + torch.log(sum(terms)))
        expected = sum(w * loss for w, loss in zip(trust, losses, strict=True)) / sum(trust)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
        one, two = (torch.autograd.grad(each, px.taps.embedding)[0] for each in (found, expected))
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("pixels", "kept"), [(12, True), (11, False)])
def test_a_cell_is_kept_at_a_share_of_three_quarters(pixels: int, kept: bool) -> None:
    objective = bound()
    target = torch.full((1, 16), 255)
    target[0, :pixels] = 1
    target[0, pixels:14] = 2
    px = batch_of(torch.zeros(1, CLASSES, 4, 4), target.view(1, 4, 4), embedding=torch.ones(1, CHANNELS, 1, 1))
    objective(px)
    assert objective.memory.count.tolist() == [0, int(kept), 0]


def test_a_bank_takes_one_mean_of_each_class_a_batch() -> None:
    objective = bound(against="bank", bank=2)
    expected: list[list[Tensor]] = [[] for _ in range(CLASSES)]
    for k in range(3):
        px = make_batch(k)
        objective(px)
        rows, classes, _ = cells(px)
        for c in set(classes):
            expected[c].append(rows[torch.tensor(classes) == c].mean(0).detach())
    ring = objective.memory
    assert isinstance(ring, Ring)
    for c in range(CLASSES):
        number = len(expected[c])
        assert ring.written[c] == number
        for place in range(max(0, number - 2), number):
            torch.testing.assert_close(ring.entries[c, place % 2], expected[c][place])


def test_images_without_labels_and_evaluation_teach_nothing() -> None:
    objective = bound()
    objective(make_batch(0))
    before = copy.deepcopy(objective.state_dict())
    assert objective(make_batch(1, stream="unlabeled"))["loss"] > 0
    objective.eval()
    assert objective(make_batch(2))["loss"] > 0
    for name, value in objective.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_loss_begins_after_the_warmup_and_statistics_before() -> None:
    objective = bound(warmup=2)
    losses = [objective(make_batch(k))["loss"] for k in range(2)]
    losses.append(objective(make_batch(5, stream="unlabeled"))["loss"])
    assert objective.memory.count.sum() > 0
    losses.append(objective(make_batch(2))["loss"])
    assert [bool(loss > 0) for loss in losses] == [False, False, False, True]
    assert all(loss.requires_grad for loss in losses)


@pytest.mark.parametrize("against", FORMS)
def test_all_ignored_one_pixel_and_a_class_that_never_occurs(against: Any) -> None:
    objective = bound(against=against)
    px = make_batch(0)
    px.target[px.target == 2] = 255
    assert objective(px)["loss"].isfinite()
    for target in (torch.full((1, 1, 1), 255), torch.ones(1, 1, 1, dtype=torch.long), torch.full((1, 1, 1), 2)):
        embedding = torch.ones(1, CHANNELS, 1, 1, dtype=torch.float64, requires_grad=True)
        # Pseudo-labels of a class that no label has shown.
        loss = objective(batch_of(torch.zeros(1, CLASSES, 1, 1), target, embedding=embedding, stream="unlabeled"))[
            "loss"
        ]
        assert loss.isfinite()
        assert (loss > 0) == (target.item() == 1)
        assert torch.autograd.grad(loss, embedding)[0].isfinite().all()


def test_a_signal_weighs_the_cells_and_decides_what_they_are_divided_by() -> None:
    px = make_batch(0)
    objective = bound(signal=Focal(2.0))
    found = objective(px)["loss"].item()
    plain = bound()
    rows, classes, weights = cells(px, (1 - px.true_probability.detach()) ** 2)
    plain(px)
    losses = plain._compare(rows, torch.tensor(classes))
    # Focal divides by the number of what is labeled.
    expected = (torch.tensor(weights) * losses).mean().item()
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"against": "mean"}, "expected against 'distribution'"),
        ({"temperature": 0.0}, "temperature > 0"),
        ({"bank": 0}, "bank and channels ≥ 1"),
        ({"against": "bank", "diversity": 1.0}, "no diversity with a bank"),
    ],
)
def test_settings_that_are_none(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClassContrast(**settings)
    with pytest.raises(RuntimeError, match="call bind"):
        ClassContrast()(make_batch())


@pytest.mark.parametrize("recipe", [SelfTraining, TwoViews])
@pytest.mark.parametrize("against", FORMS)
def test_in_self_training_one_contrast_learns_from_labels_and_compares_all(recipe: Any, against: Any) -> None:
    def make() -> SelfTraining:
        contrast = Sum({"contrast": ClassContrast(against, channels=4)}, {"contrast": 0.1})
        return recipe(
            WeightedCrossEntropy(HardnessLevel()),
            MovingAverage(),
            ConfidenceThreshold(0.3, mode="share"),
            ClassMix(),
            both=contrast,
            ramp=0.5,
        )

    check_recipe(make())
    torch.manual_seed(0)
    made = make().bind(hardpix.tap(nn.Sequential(nn.Conv2d(3, 5, 1), nn.Conv2d(5, CLASSES, 1)), decoder="1"))
    labeled = {"image": torch.rand(2, 3, 6, 8), "target": torch.randint(0, CLASSES, (2, 6, 8))}
    labeled["target"][0, 0] = 255
    losses = made({"labeled": labeled, "unlabeled": {"image": torch.rand(2, 3, 6, 8)}}, 0.25)
    contrast = made.both.objectives["contrast"]
    number = (contrast.memory.count if isinstance(contrast.memory, ClassStatistics) else contrast.memory.written).sum()
    assert number == (88 if against != "bank" else CLASSES)
    parts = {name: each.item() for name, each in losses.items() if name.endswith("both/contrast/contrast")}
    assert len(parts) == (2 if recipe is SelfTraining else 3)
    assert min(parts.values()) > 0
    streams = {"labeled": 1.0, "unlabeled": made.weight_at(0.25)}
    if recipe is TwoViews:
        streams = {"labeled": 1.0, "first": made.weight_at(0.25) / 2, "second": made.weight_at(0.25) / 2}
    signal = made.objective.signal.name
    expected = losses[f"labeled/{signal}"].item()
    for name, weight in streams.items():
        expected += weight * (losses[f"{name}/segmentation"] + 0.1 * losses[f"{name}/both/contrast/contrast"]).item()
    assert losses["loss"].item() == pytest.approx(expected, rel=1e-5)


def test_a_teacher_that_is_sure_of_nothing_leaves_the_labeled_part() -> None:
    recipe = SelfTraining(
        WeightedCrossEntropy(),
        MovingAverage(),
        ConfidenceThreshold(0.968, mode="share"),
        both=ClassContrast(channels=4),
    )
    torch.manual_seed(0)
    recipe.bind(hardpix.tap(nn.Sequential(nn.Conv2d(3, 5, 1), nn.Conv2d(5, CLASSES, 1)), decoder="1"))
    labeled = {"image": torch.rand(2, 3, 6, 8), "target": torch.randint(0, CLASSES, (2, 6, 8))}
    losses = recipe({"labeled": labeled, "unlabeled": {"image": torch.rand(2, 3, 6, 8)}}, 0.5)
    assert losses["unlabeled/loss"] == 0
    assert losses["loss"] == losses["labeled/loss"] > 0


def test_future_steps_teach_the_statistics_nothing() -> None:
    """They are undone: of one step with three ahead there is what one step stores."""
    counts = []
    for recipe in (SelfTraining, FutureSelfTraining):
        torch.manual_seed(0)
        made = recipe(
            WeightedCrossEntropy(), MovingAverage(), ConfidenceThreshold(0.3), both=ClassContrast(channels=4)
        ).bind(hardpix.tap(nn.Sequential(nn.Conv2d(3, 5, 1), nn.Conv2d(5, CLASSES, 1)), decoder="1"))
        made.use_optimizer(torch.optim.SGD([p for p in made.parameters() if p.requires_grad], lr=0.1))
        labeled = {"image": torch.rand(2, 3, 6, 8), "target": torch.randint(0, CLASSES, (2, 6, 8))}
        made({"labeled": labeled, "unlabeled": {"image": torch.rand(2, 3, 6, 8)}}, 0.5)
        counts.append(made.both.memory.count.sum().item())
    assert counts == [96, 96]
