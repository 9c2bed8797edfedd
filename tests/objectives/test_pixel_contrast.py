"""Pixel contrast as an objective: the whole against loops, and the faults that are known of such losses."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import hardpix
from hardpix.objectives import PixelContrast, Sum, WeightedCrossEntropy
from hardpix.objectives.groups import cells_at, groups_of, means_of_groups, region_embeddings
from hardpix.objectives.keys import Pool, draw_keys
from hardpix.pixels import PixelBatch
from hardpix.signals import HardnessLevel, OnlineHard, Signal
from testing import batch_of

CLASSES = 3
GRID = (4, 5)


class Given(nn.Module):
    """A projection head that hands on what comes."""

    def forward(self, embedding: Tensor) -> Tensor:
        return nn.functional.normalize(embedding, dim=1)


class Doubt(Signal):
    """1 − the confidence."""

    name = "doubt"

    def forward(self, px: PixelBatch) -> Tensor:
        return (1 - px.confidence) * px.valid


class Named(Doubt):
    """By another name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class Network:
    """As much of a tapped network as binding asks for."""

    num_classes = CLASSES
    embedding_channels = 6

    def parameters(self) -> Any:
        return iter([torch.zeros(1)])


def make_batch(seed: int = 0, images: int = 2, share: float = 0.8) -> PixelBatch:
    """Labels at twice the embedding's resolution, each cell of one class; some cells unlabeled."""
    generator = torch.Generator().manual_seed(seed)
    cells = torch.randint(0, CLASSES, (images, *GRID), generator=generator)
    cells[torch.rand(cells.shape, generator=generator) > share] = 255
    target = cells.repeat_interleave(2, 1).repeat_interleave(2, 2)
    logits = torch.randn(images, CLASSES, *target.shape[1:], generator=generator, dtype=torch.float64)
    embedding = torch.randn(images, 6, *GRID, generator=generator, dtype=torch.float64)
    return batch_of(logits.requires_grad_(), target, embedding=embedding.requires_grad_())


def bound(**settings: Any) -> PixelContrast:
    objective = PixelContrast(**{"channels": 6, "anchors": 20} | settings).bind(Network())  # type: ignore[arg-type]
    objective.head = Given()  # type: ignore[assignment]
    return objective.double()


def by_loops(rows: Tensor, classes: list[int], memory: list[tuple[Tensor, int]], temperature: float = 0.1) -> Tensor:
    """Every row is an anchor; every other row and every remembered one is a key."""
    losses = []
    for i, row in enumerate(rows):
        keys = [(rows[k], classes[k]) for k in range(len(rows)) if k != i] + memory
        positives = [key for key, label in keys if label == classes[i]]
        negatives = [key for key, label in keys if label != classes[i]]
        if not positives or not negatives:
            continue
        against = sum(torch.exp(row @ key / temperature) for key in negatives)
        each = [-torch.log(e / (e + against)) for e in (torch.exp(row @ key / temperature) for key in positives)]
        losses.append(torch.stack(each).mean())
    return torch.stack(losses).mean() if losses else rows.sum() * 0


def labelled_cells(px: PixelBatch) -> tuple[Tensor, list[int]]:
    assert px.taps.embedding is not None
    rows = nn.functional.normalize(px.taps.embedding, dim=1).permute(0, 2, 3, 1).reshape(-1, 6)
    labels = px.target[:, ::2, ::2].flatten()
    return rows[labels != 255], labels[labels != 255].tolist()


EVERYTHING = {"sampling": "random", "positives": 10_000, "negatives": 10_000}


class TestValue:
    @pytest.mark.parametrize("seed", range(4))
    def test_without_memory_it_is_that_of_loops(self, seed: int) -> None:
        px = make_batch(seed)
        found = bound(**EVERYTHING)(px)["loss"]
        expected = by_loops(*labelled_cells(px), memory=[])
        torch.testing.assert_close(found, expected)
        for a, b in zip(*(torch.autograd.grad(x, px.taps.embedding) for x in (found, expected)), strict=True):
            torch.testing.assert_close(a, b)

    @pytest.mark.parametrize("seed", range(3))
    def test_with_memory_it_is_that_of_loops_over_the_batch_and_what_came_before(self, seed: int) -> None:
        objective = bound(memory=50, remembered=100, **EVERYTHING)
        memory: list[tuple[Tensor, int]] = []
        for k in range(3):
            px = make_batch(10 * seed + k)
            found = objective(px)["loss"]
            rows, classes = labelled_cells(px)
            expected = by_loops(rows, classes, memory)
            torch.testing.assert_close(found, expected)
            (a,), (b,) = (torch.autograd.grad(x, px.taps.embedding) for x in (found, expected))
            torch.testing.assert_close(a, b)
            memory += [(row.detach(), label) for row, label in zip(rows, classes, strict=True)]
            labels = px.target[:, ::2, ::2]
            normal = nn.functional.normalize(px.taps.embedding.detach(), dim=1)
            for b_ in range(2):
                for c in range(CLASSES):
                    of_class = normal[b_][:, labels[b_] == c]
                    if of_class.shape[1]:
                        memory.append((nn.functional.normalize(of_class.mean(1), dim=0), c))

    def test_gradcheck(self) -> None:
        px = make_batch(1, images=1)
        objective = bound(**EVERYTHING).eval()
        assert objective(px)["loss"] > 0

        def loss(embedding: Tensor) -> Tensor:
            return objective(batch_of(px.logits.detach(), px.target, embedding=embedding))["loss"]

        assert torch.autograd.gradcheck(loss, [px.taps.embedding])

    def test_semi_hard_examples_are_a_tenth_of_each(self) -> None:
        generator = torch.Generator().manual_seed(0)
        classes = torch.arange(CLASSES).repeat_interleave(40)
        pool = Pool(torch.eye(120), [], classes)
        plans, negatives = draw_keys(pool, CLASSES, "semi-hard", 1000, 1000, generator)
        assert len(negatives.rows) == 120
        assert [(plan.farthest, plan.nearest) for plan in plans] == [(4, 8)] * 3
        plans, negatives = draw_keys(pool, CLASSES, "semi-hard", 2, 6, generator)
        # Each class leaves a third of them.
        assert len(negatives.rows) == 90
        assert [len(plan.positives.rows) for plan in plans] == [20] * 3
        assert [plan.farthest for plan in plans] == [2] * 3
        plans, negatives = draw_keys(pool, CLASSES, "hardest", 7, 11, generator)
        assert len(negatives.rows) == 120
        assert [(plan.farthest, plan.nearest) for plan in plans] == [(7, 11)] * 3
        plans, negatives = draw_keys(pool, CLASSES, "random", 7, 30, generator)
        assert len(negatives.rows) == 45
        assert [len(plan.positives.rows) for plan in plans] == [7] * 3

    def test_a_class_that_fills_the_pool_has_its_negatives_all_the_same(self) -> None:
        classes = torch.cat(
            [torch.tensor([0, 1]), torch.zeros(4900, dtype=torch.long), torch.ones(98, dtype=torch.long)]
        )
        pool = Pool(torch.eye(2), [torch.rand(4998, 2)], classes)
        found = []
        for seed in range(200):
            plans, negatives = draw_keys(pool, 2, "random", 8, 16, torch.Generator().manual_seed(seed))
            found.append(len(negatives.rows) - (plans[0].own_stop - plans[0].own_start))
        # 16 of the 99 others, about.
        assert sum(found) / len(found) == pytest.approx(16, abs=1)
        assert min(found) > 0

    def test_the_samplings_differ(self) -> None:
        px = make_batch(2, images=4)
        losses = {
            sampling: float(bound(sampling=sampling, positives=2, negatives=3)(px)["loss"].detach())
            for sampling in ("semi-hard", "hardest", "random")
        }
        assert losses["hardest"] > losses["random"]
        assert losses["semi-hard"] > losses["random"]


class TestKeys:
    @pytest.mark.parametrize("sampling", ["semi-hard", "hardest", "random"])
    def test_positives_are_of_the_class_and_negatives_are_not(self, sampling: str) -> None:
        generator = torch.Generator().manual_seed(0)
        anchors = torch.tensor([0, 0, 2, 2, 2])
        memory = torch.randint(-1, CLASSES, (40,), generator=generator)
        classes = torch.cat([anchors, memory])
        # A key's first channel says where it comes from.
        rows = torch.arange(45.0)[:, None]
        plans, negatives = draw_keys(Pool(rows[:5], [rows[5:]], classes), CLASSES, sampling, 4, 9, generator)  # type: ignore[arg-type]
        assert [(plan.start, plan.stop) for plan in plans] == [(0, 2), (2, 5)]
        for plan, label in zip(plans, (0, 2), strict=True):
            assert (classes[plan.positives.rows[:, 0].long()] == label).all()
            own = torch.zeros(len(negatives.rows), dtype=torch.bool)
            own[plan.own_start : plan.own_stop] = True
            assert torch.equal(classes[negatives.rows[:, 0].long()] == label, own)
        for keys in (negatives, *(plan.positives for plan in plans)):
            place = keys.rows[:, 0].long()
            assert torch.equal(keys.anchor, torch.where(place < 5, place, -1))
            assert (classes[place] >= 0).all()
            assert len(place.unique()) == len(place)

    def test_every_key_is_drawn_equally_often(self) -> None:
        classes = torch.cat([torch.tensor([0, 1]), torch.arange(2).repeat_interleave(torch.tensor([8, 24]))])
        rows = torch.arange(34.0)[:, None]
        generator = torch.Generator().manual_seed(0)
        counts = torch.zeros(2, 34)
        for _ in range(2000):
            plans, negatives = draw_keys(Pool(rows[:2], [rows[2:]], classes), 2, "random", 3, 4, generator)
            counts[0, negatives.rows[:, 0].long()] += 1
            counts[1, plans[1].positives.rows[:, 0].long()] += 1
        # The greater class has 25 of 34, so that 4 · 34 / 9 are drawn for it to have 4 others.
        assert counts[0].tolist() == pytest.approx([2000 * 16 / 34] * 34, abs=120)
        assert counts[1][classes == 1].tolist() == pytest.approx([2000 * 3 / 25] * 25, abs=75)


class TestKnownFaults:
    """Faults of the authors' public code; each of these fails where a loss has them."""

    def test_entries_are_of_the_class_they_are_stored_for(self) -> None:
        objective = bound(memory=100, remembered=100)
        px = make_batch(0)
        objective(px)
        rows, classes = labelled_cells(px)
        for c in range(CLASSES):
            stored = objective.pixel_ring.entries[c, : objective.pixel_ring.filled[c]]
            wanted = rows[[k for k, label in enumerate(classes) if label == c]].detach()
            assert sorted(map(tuple, stored.tolist())) == sorted(map(tuple, wanted.tolist()))

    def test_the_pointer_moves_by_as_many_as_were_stored(self) -> None:
        objective = bound(memory=1000, remembered=4)
        for k in range(3):
            objective(make_batch(k, share=1.0))
        assert (objective.pixel_ring.written == 3 * 2 * 4).all()
        real = objective.pixel_ring.entries[:, :24]
        assert (real.norm(dim=2) > 0.99).all()
        assert all(len({tuple(row) for row in rows.tolist()}) > 20 for rows in real)

    def test_the_class_with_id_0_is_remembered(self) -> None:
        objective = bound(memory=10)
        objective(make_batch(0))
        assert objective.pixel_ring.filled[0] > 0
        assert objective.region_ring.filled[0] > 0

    def test_rows_never_written_are_no_keys(self) -> None:
        px = make_batch(0)
        losses = []
        for size in (10, 5000):
            objective = bound(memory=size, remembered=2, **EVERYTHING)
            objective(make_batch(5))
            losses.append(objective(px)["loss"])
        torch.testing.assert_close(losses[0], losses[1])

    def test_only_an_anchor_itself_is_left_out_of_its_keys(self) -> None:
        """The same embedding twice, in two cells: it is a positive of the other one."""
        px = make_batch(0)
        with torch.no_grad():
            px.taps.embedding[:, :, :, 1] = px.taps.embedding[:, :, :, 0]
        torch.testing.assert_close(bound(**EVERYTHING)(px)["loss"], by_loops(*labelled_cells(px), memory=[]))

    def test_an_anchor_without_a_positive_does_not_count(self) -> None:
        px = make_batch(0)
        px.target[:] = 0
        px.target[0, :2, :2] = 1
        loss = bound(**EVERYTHING)(px)["loss"]
        assert math.isfinite(loss.item())
        torch.testing.assert_close(loss, by_loops(*labelled_cells(px), memory=[]))

    def test_unlabelled_pixels_are_nothing_where_their_id_is_a_classs_too(self) -> None:
        px = make_batch(0)
        twin = batch_of(px.logits, px.target.where(px.valid, 0), ignore_index=0, embedding=px.taps.embedding)
        expected = batch_of(px.logits, px.target.where(px.target != 0, 255), embedding=px.taps.embedding)
        objectives = [bound(memory=10, **EVERYTHING) for _ in range(2)]
        for objective, batch in zip(objectives, (twin, expected), strict=True):
            objective(batch)
            objective(batch)
        losses = [objective(batch)["loss"] for objective, batch in zip(objectives, (twin, expected), strict=True)]
        assert torch.equal(*losses)
        assert objectives[0].pixel_ring.filled.tolist() == objectives[1].pixel_ring.filled.tolist()
        assert objectives[0].pixel_ring.filled[0] == 0

    def test_a_batch_that_overflows_leaves_nothing_in_the_memory(self) -> None:
        objective = bound(memory=20)
        px = make_batch(0)
        with torch.no_grad():
            px.taps.embedding[0, 0, 0, 0] = torch.inf
        objective(px)
        assert objective.pixel_ring.entries.isfinite().all()
        assert objective(make_batch(1))["loss"].isfinite()


def edge(name: str) -> PixelBatch:
    px = make_batch(3)
    if name == "nothing labelled":
        px.target[:] = 255
    elif name == "one image without a label":
        px.target[0] = 255
    elif name == "one class only":
        px.target[:] = 1
    elif name == "a class is absent":
        px.target[px.target == 2] = 0
    elif name == "one pixel":
        px.target[:] = 255
        px.target[1, 3, 3] = 2
    return px


@pytest.mark.parametrize(
    "name", ["nothing labelled", "one image without a label", "one class only", "a class is absent", "one pixel"]
)
@pytest.mark.parametrize("memory", [0, 20])
@pytest.mark.parametrize("sampling", ["semi-hard", "hardest", "random"])
def test_edges_are_finite(name: str, memory: int, sampling: str) -> None:
    objective = bound(memory=memory, sampling=sampling)
    for _ in range(2):
        px = edge(name)
        loss = objective(px)["loss"]
        (gradient,) = torch.autograd.grad(loss, px.taps.embedding)
        assert loss.isfinite()
        assert gradient.isfinite().all()
    if name in ("nothing labelled", "one class only") and not memory:
        assert loss == 0
        assert (gradient == 0).all()


class TestHard:
    def chosen(self, objective: PixelContrast, px: PixelBatch, monkeypatch: pytest.MonkeyPatch) -> Tensor:
        from hardpix.objectives import pixel_contrast

        seen: list[Tensor] = []
        monkeypatch.setattr(pixel_contrast, "cells_at", lambda maps, index: seen.append(index) or cells_at(maps, index))
        objective(px)
        return seen[0]

    def test_half_of_the_anchors_are_wrong_where_there_are_enough(self, monkeypatch: pytest.MonkeyPatch) -> None:
        px = make_batch(0, images=4, share=1.0)
        wrong = (px.logits.argmax(1) != px.target).reshape(4, GRID[0], 2, GRID[1], 2).any(4).any(2).flatten()
        labels = px.target[:, ::2, ::2]
        group = groups_of(labels, CLASSES).flatten()
        drawn = self.chosen(bound(anchors=2), px, monkeypatch)
        for g in range(4 * CLASSES):
            of_group = group == g
            hard, easy = int((wrong & of_group).sum()), int((~wrong & of_group).sum())
            found = int(wrong[drawn[group[drawn] == g]].sum())
            assert found == (1 if hard and easy else min(hard, 2))

    @pytest.mark.parametrize("by_name", [False, True])
    def test_a_signal_says_what_is_hard(self, by_name: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        px = make_batch(0, images=4, share=1.0)

        class Left(hardpix.signals.Signal):
            name = "left"

            def forward(self, px: PixelBatch) -> Tensor:
                column = torch.arange(px.target.shape[2], 0, -1, dtype=torch.float32)
                return column.expand(px.target.shape) * px.valid

        signal = Left()
        if by_name:
            px.map(signal)
        # Two hard ones and another.
        drawn = self.chosen(bound(anchors=3, hard="left" if by_name else signal), px, monkeypatch)
        group = groups_of(px.target[:, ::2, ::2], CLASSES).flatten()
        column = torch.arange(GRID[1]).expand(4, *GRID).flatten()
        for g in range(4 * CLASSES):
            members, found = column[group == g].double(), column[drawn[group[drawn] == g]].double()
            hard, easy = (members < members.mean()).sum(), (members >= members.mean()).sum()
            assert (found < members.mean()).sum() == min(hard, max(2, 3 - easy))

    def test_a_map_that_nobody_publishes_is_named(self) -> None:
        with pytest.raises(ValueError, match=r"expected a published map 'hardness' .* found none; put an objective"):
            bound(hard="hardness")(make_batch(0))

    def test_the_siblings_hardness_serves_both(self) -> None:
        model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(8, CLASSES, 1)))
        objective = Sum(
            {"cross_entropy": WeightedCrossEntropy(HardnessLevel()), "contrast": PixelContrast("hardness", anchors=4)}
        )
        step = hardpix.TrainingStep(hardpix.tap(model, decoder="1"), objective)
        losses = step(torch.rand(2, 3, 8, 8), torch.randint(0, CLASSES, (2, 8, 8)))
        assert [name for name in losses if "hardness" in name] == ["hardness"]
        losses["loss"].backward()
        branch = objective.objectives["cross_entropy"].signal.branch
        assert all(p.grad is not None for p in branch.parameters())

    def test_a_signal_of_its_own_learns_through_it(self) -> None:
        model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(8, CLASSES, 1)))
        signal = HardnessLevel()
        step = hardpix.TrainingStep(hardpix.tap(model, decoder="1"), PixelContrast(signal, anchors=4))
        losses = step(torch.rand(2, 3, 8, 8), torch.randint(0, CLASSES, (2, 8, 8)))
        assert set(losses) == {"loss", "contrast", "hardness"}
        losses["hardness"].backward()
        assert all(p.grad is not None for p in signal.branch.parameters())

    @pytest.mark.parametrize("signal", [OnlineHard(threshold=0.3), Doubt()], ids=["loss rank", "uncertainty"])
    def test_loss_rank_and_uncertainty_serve_too(self, signal: Signal, monkeypatch: pytest.MonkeyPatch) -> None:
        px = make_batch(0, images=4, share=1.0)
        # The largest of the four pixels of a cell.
        values = nn.functional.max_pool2d(px.map(signal).detach()[:, None].float(), 2).flatten()
        drawn = self.chosen(bound(anchors=2, hard=signal), px, monkeypatch)
        group = groups_of(px.target[:, ::2, ::2], CLASSES).flatten()
        for g in range(4 * CLASSES):
            members, found = values[group == g], values[drawn[group[drawn] == g]]
            hard, easy = (members > members.mean()).sum(), (members <= members.mean()).sum()
            assert (found > members.mean()).sum() == (1 if hard and easy else min(hard, 2))


class TestWarmUp:
    def test_the_loss_begins_after_it_and_the_memory_fills_before(self) -> None:
        objective = bound(warmup=2, memory=20)
        losses = [objective(make_batch(k))["loss"] for k in range(4)]
        assert [bool(loss > 0) for loss in losses] == [False, False, True, True]
        assert all(loss.requires_grad for loss in losses)
        assert objective.pixel_ring.written.min() > 0

    def test_the_memory_is_read_after_its_own(self) -> None:
        for k in range(4):
            objective, without = bound(memory=20, memory_warmup=2, **EVERYTHING), bound(**EVERYTHING)
            for j in range(k):
                objective(make_batch(20 + j))
            px = make_batch(k)
            same = torch.equal(objective(px)["loss"], without(px)["loss"])
            assert same == (k < 2)


@pytest.mark.parametrize("warmup", [9, 10])
def test_a_warmup_as_long_as_the_training_is_said(warmup: int, recwarn: pytest.WarningsRecorder) -> None:
    objective = bound(warmup=warmup)
    for done in range(10):
        px = make_batch(done)
        px.progress = done / 10
        objective(px)
    said = [str(warning.message) for warning in recwarn if "never begin" in str(warning.message)]
    expected = "the contrast begins after 10 steps (warmup), and this training has about 10: it will never begin"
    assert [expected in text for text in said] == [True] * (warmup == 10)


def test_evaluation_changes_nothing() -> None:
    objective = bound(memory=20)
    objective(make_batch(0))
    before = {name: value.clone() for name, value in objective.state_dict().items()}
    objective.eval()
    first, second = objective(make_batch(1))["loss"], objective(make_batch(1))["loss"]
    assert torch.equal(first, second)
    for name, value in objective.state_dict().items():
        assert torch.equal(before[name], value), name


def test_the_next_20_losses_after_a_checkpoint_are_those_of_the_uninterrupted_run() -> None:
    def fresh() -> tuple[hardpix.TrainingStep, torch.optim.Optimizer]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(8, CLASSES, 1)))
        objective = Sum(
            {
                "cross_entropy": WeightedCrossEntropy(HardnessLevel()),
                "contrast": PixelContrast("hardness", anchors=4, memory=7, positives=3, negatives=4, channels=6),
            }
        )
        step = hardpix.TrainingStep(hardpix.tap(model, decoder="1"), objective)
        return step, torch.optim.SGD(step.parameters(), lr=0.05, momentum=0.9)

    def train(step: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> list[Tensor]:
        losses = []
        for k in steps:
            generator = torch.Generator().manual_seed(k)
            image = torch.rand(2, 3, 8, 8, generator=generator)
            loss = step(image, torch.randint(0, CLASSES, (2, 8, 8), generator=generator))["loss"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        return losses

    step, optimizer = fresh()
    train(step, optimizer, range(5))
    checkpoint = io.BytesIO()
    torch.save({"step": step.state_dict(), "optimizer": optimizer.state_dict()}, checkpoint)
    expected = train(step, optimizer, range(5, 25))
    torch.manual_seed(99)
    step, optimizer = fresh()
    train(step, optimizer, range(3))
    saved = torch.load(io.BytesIO(checkpoint.getvalue()))
    step.load_state_dict(saved["step"])
    optimizer.load_state_dict(saved["optimizer"])
    torch.manual_seed(77)
    assert torch.equal(torch.stack(train(step, optimizer, range(5, 25))), torch.stack(expected))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"temperature": 0}, r"expected temperature > 0 \(0.1 in the paper\), found 0"),
        ({"anchors": 0}, "expected anchors ≥ 1, found 0"),
        ({"memory": -1}, "expected memory ≥ 0, found -1"),
        ({"sampling": "hard"}, "expected sampling 'semi-hard', 'hardest' or 'random', found 'hard'"),
        ({"labels": "nearest"}, "expected labels 'any' or 'majority', found 'nearest'"),
        ({"temperature": math.nan}, "expected temperature > 0"),
        ({"memory_warmup": 5}, "expected no memory_warmup without a memory, found 5; give memory too"),
        ({"hard": Named("loss")}, "a signal with a name other than 'loss' and 'contrast'.* found 'loss' of Named"),
        ({"hard": Named("contrast")}, "found 'contrast' of Named; rename it"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PixelContrast(**settings)


@pytest.mark.parametrize("labels", ["any", "majority"])
def test_labels_come_to_the_grid_by_the_rule_asked_for(labels: str) -> None:
    """A cell of three pixels of class 0 and one of class 1."""
    px = make_batch(0)
    px.target[:] = 0
    px.target[:, 0, 0] = 1
    objective = bound(labels=labels, memory=5)
    objective(px)
    assert objective.pixel_ring.filled.tolist() == [5, 2 if labels == "any" else 0, 0]


def test_the_seed_decides_on_the_draws() -> None:
    losses = [bound(anchors=3, seed=seed)(make_batch(1))["loss"].item() for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_in_evaluation_the_first_loss_is_that_of_training() -> None:
    px = make_batch(0)
    assert torch.equal(bound(**EVERYTHING).eval()(px)["loss"], bound(**EVERYTHING)(px)["loss"])
    assert bound(warmup=1).eval()(px)["loss"] == 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_networks_of_other_types(dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(8, CLASSES, 1))).to(dtype)
    step = hardpix.TrainingStep(hardpix.tap(model, decoder="1"), PixelContrast(anchors=4, memory=9))
    for _ in range(2):
        loss = step(torch.rand(2, 3, 8, 8, dtype=dtype), torch.randint(0, CLASSES, (2, 8, 8)))["loss"]
        loss.backward()
        assert loss.isfinite()
        assert model[0].weight.grad.isfinite().all()


def test_a_classifier_with_several_outputs_for_a_class() -> None:
    head = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 4 * CLASSES, 1), nn.PixelShuffle(2))
    step = hardpix.TrainingStep(
        hardpix.tap(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, stride=2), head), decoder="1"),
        PixelContrast(anchors=4, memory=9),
    )
    losses = [
        step(torch.rand(2, 3, 8, 8), torch.randint(0, CLASSES, (2, 8, 8), generator=torch.Generator().manual_seed(k)))
        for k in range(3)
    ]
    assert all(loss["loss"] > 0 for loss in losses)


def test_an_embedding_that_is_no_map() -> None:
    px = make_batch(0)
    px.taps = replace(px.taps, embedding=px.taps.embedding.flatten(2).transpose(1, 2))
    with pytest.raises(ValueError, match=r"an embedding \(B, D, h, w\), found \(2, 20, 6\): name a convolution"):
        bound()(px)


def test_more_anchors_than_the_embedding_has_cells() -> None:
    with pytest.raises(ValueError, match="the embedding has cells, 4 × 5, found 21; ask for fewer, train on larger"):
        bound(anchors=21)(make_batch(0))


def test_a_network_whose_embedding_is_not_known() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.rand(CLASSES, 3))

        def forward(self, image: Tensor) -> Tensor:
            return torch.einsum("kc,bchw->bkhw", self.weight, image)

    with pytest.raises(ValueError, match=r"the embedding of Odd is not known: .* a module that is a Conv2d"):
        hardpix.TrainingStep(hardpix.tap(Odd()), PixelContrast())


def test_unbound() -> None:
    with pytest.raises(RuntimeError, match="no projection head yet"):
        PixelContrast()(make_batch(0))


def test_the_head_is_no_part_of_the_network() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(8, CLASSES, 1)))
    names = set(model.state_dict())
    step = hardpix.TrainingStep(hardpix.tap(model, decoder="1"), PixelContrast(anchors=4, memory=3))
    step(torch.rand(1, 3, 8, 8), torch.randint(0, CLASSES, (1, 8, 8)))["loss"].backward()
    # The loss reaches the network's layers up to the embedding, and the head.
    assert model[0].weight.grad.abs().sum() > 0
    assert step.objective.head.layers[0].weight.grad.abs().sum() > 0
    hardpix.untap(model)
    assert set(model.state_dict()) == names


def test_groups_are_class_by_image() -> None:
    labels = torch.tensor([[[0, 2]], [[1, 255]]])
    values = torch.tensor([[[1.0, 3.0]], [[5.0, 9.0]]])
    assert groups_of(labels, 3).tolist() == [[[0, 4]], [[3, -1]]]
    assert means_of_groups(values, groups_of(torch.tensor([[[0, 0]], [[0, 255]]]), 3)).tolist() == [
        [[2.0, 2.0]],
        [[5.0, 0.0]],
    ]


def test_regions_are_mean_directions() -> None:
    px = make_batch(4)
    maps = nn.functional.normalize(px.taps.embedding.detach(), dim=1)
    labels = px.target[:, ::2, ::2]
    rows, classes = region_embeddings(maps, labels, CLASSES)
    expected = [
        (nn.functional.normalize(maps[b][:, labels[b] == c].mean(1), dim=0), c)
        for c in range(CLASSES)
        for b in range(2)
        if (labels[b] == c).any()
    ]
    torch.testing.assert_close(rows, torch.stack([row for row, _ in expected]))
    assert classes.tolist() == [c for _, c in expected]
    rows, classes = region_embeddings(maps, torch.full_like(labels, 255), CLASSES)
    assert rows.shape == (0, maps.shape[1])
    assert classes.shape == (0,)
