"""Loss of queries: against transformers' own on the same points, against loops, and with pixels that are unlabeled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.mask2former import modeling_mask2former as theirs

import hardpix
from hardpix.objectives import AtPoints, MaskClassification, WeightedCrossEntropy
from hardpix.objectives.mask_matching import ClassMasks, assign, mask_costs
from hardpix.pixels import PixelBatch, Queries, Taps
from networks.test_mask_classification import CLASSES, IMAGE, NETWORKS, mask2former

POINTS = 160
# Away from the frame, where theirs pads masks with zeros.
TABLE = 0.1 + 0.8 * torch.rand(3 * POINTS, 2, generator=torch.Generator().manual_seed(5))


def scene(height: int = 64, width: int = 64) -> Tensor:
    """Labels in blocks of 8 pixels, of two to four classes an image."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.randint(CLASSES, (2, height // 8, width // 8), generator=generator)
    coarse[1] = coarse[1] % 2
    return coarse.repeat_interleave(8, 1).repeat_interleave(8, 2)


def queries(seed: int = 0, layers: int = 2, size: tuple[int, int] = (16, 16)) -> tuple[Queries, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        Queries(
            torch.randn(2, 6, CLASSES + 1, generator=generator).requires_grad_(),
            (3 * torch.randn(2, 6, *size, generator=generator)).requires_grad_(),
        )
        for _ in range(layers)
    )


def batch(target: Tensor, layers: tuple[Queries, ...], **sample: Any) -> PixelBatch:
    logits = torch.zeros(len(target), CLASSES, *target.shape[1:])
    return PixelBatch(logits, target, sample=sample, taps=Taps(queries=layers))


def same_points(monkeypatch: pytest.MonkeyPatch, table: Tensor = TABLE) -> None:
    """Both losses read the points of the table, whatever they would have drawn."""

    def draw(self: ClassMasks, image: Tensor, count: int, generator: torch.Generator) -> Tensor:
        return table[:count].expand(len(image), -1, -1)

    monkeypatch.setattr(ClassMasks, "draw", draw)


def their_loss(target: Tensor, layers: tuple[Queries, ...], table: Tensor = TABLE, others: float = 0.1) -> Tensor:
    """The loss of transformers, of all layers; unlabeled pixels belong to no mask."""
    weights = {"loss_cross_entropy": 2.0, "loss_mask": 5.0, "loss_dice": 5.0}
    config = mask2former(train_num_points=POINTS, no_object_weight=others).config
    present = [sorted(set(labels.flatten().tolist()) - {255}) for labels in target]
    masks = [torch.stack([(labels == c).float() for c in ids]) for labels, ids in zip(target, present, strict=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "rand", lambda *shape, **_: table[: shape[1]].expand(shape[0], -1, -1).clone())
        found = theirs.Mask2FormerLoss(config, weights)(
            layers[0].masks,
            layers[0].classes,
            masks,
            [torch.tensor(ids) for ids in present],
            [{"masks_queries_logits": each.masks, "class_queries_logits": each.classes} for each in layers[1:]],
        )
    return sum(weight * loss for key, weight in weights.items() for name, loss in found.items() if key in name)


def gradients(loss: Tensor, layers: tuple[Queries, ...]) -> list[Tensor]:
    return list(torch.autograd.grad(loss, [value for each in layers for value in (each.classes, each.masks)]))


@pytest.mark.parametrize("others", [0.1, 1.0])
def test_where_all_is_labeled_it_is_the_loss_of_transformers(others: float, monkeypatch: pytest.MonkeyPatch) -> None:
    same_points(monkeypatch)
    target, layers = scene(), queries()
    expected = their_loss(target, layers, others=others)
    objective = MaskClassification(points=POINTS, no_object_weight=others)
    found = objective(batch(target, layers))
    torch.testing.assert_close(found["loss"], expected)
    torch.testing.assert_close(gradients(found["loss"], layers), gradients(expected, layers))
    last = objective(batch(target, layers[:1]))
    torch.testing.assert_close(last["loss"], 2 * last["classes"] + 5 * last["masks"] + 5 * last["dice"])
    torch.testing.assert_close(last["loss"] + found["earlier"], found["loss"])


@pytest.mark.parametrize("build", NETWORKS.values(), ids=NETWORKS)
def test_networks_of_transformers_have_that_loss(
    build: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    same_points(monkeypatch)
    px = hardpix.tap(build().eval()).pixels(IMAGE, scene())
    torch.testing.assert_close(
        MaskClassification(points=POINTS)(px)["loss"], their_loss(scene(), px.taps.queries), rtol=1e-4, atol=1e-4
    )


def test_earlier_layers_are_trained_where_the_network_returns_them(monkeypatch: pytest.MonkeyPatch) -> None:
    same_points(monkeypatch)
    px = hardpix.tap(mask2former(output_auxiliary_logits=True).eval()).pixels(IMAGE, scene())
    assert len(px.taps.queries) == 2
    found = MaskClassification(points=POINTS)(px)
    torch.testing.assert_close(found["loss"], their_loss(scene(), px.taps.queries), rtol=1e-4, atol=1e-4)
    assert found["earlier"] > 0


def test_unlabeled_pixels_have_no_part_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The right half unlabeled: the loss of the left half alone."""
    target, layers = scene(), queries(layers=1)
    target[:, :, 32:] = 255
    left = tuple(Queries(each.classes, each.masks[..., :8]) for each in layers)
    # Away from the cut, too, beyond which the masks of the whole image go on.
    same_points(monkeypatch, TABLE * torch.tensor([0.5, 1.0]))
    found = MaskClassification(points=POINTS)(batch(target, layers))["loss"]
    torch.testing.assert_close(found, their_loss(target[:, :, :32], left))


def test_a_mask_that_goes_on_over_unlabeled_pixels_is_not_punished() -> None:
    """As background, the authors' way, half of it is wrong."""
    target = torch.zeros(2, 64, 64, dtype=torch.long)
    layer = perfect(target)
    target[:, :, 32:] = 255
    found = MaskClassification(points=POINTS)(batch(target, (layer,)))["loss"]
    assert found < 1e-4
    assert their_loss(target, (layer,)) > 50


def test_no_point_is_drawn_where_nothing_is_labeled_or_trusted() -> None:
    target = scene()
    target[torch.rand(target.shape, generator=torch.Generator().manual_seed(1)) < 0.6] = 255
    trust = torch.rand(target.shape, generator=torch.Generator().manual_seed(2))
    trust = torch.where(trust < 0.4, 0, trust) * (target != 255)
    truth = ClassMasks(batch(target, queries()), trust)
    image = torch.tensor([0, 0, 0, 1])
    points = truth.draw(image, 4000, torch.Generator().manual_seed(0))
    assert points.shape == (4, 4000, 2)
    assert ((points >= 0) & (points <= 1)).all()
    column, row = (points * 64).long().clamp(max=63).unbind(-1)
    read = trust[image[:, None], row, column]
    # A pixel's last float32 number may round to the next pixel's first.
    assert (read > 0).float().mean() > 0.999
    torch.testing.assert_close(truth.trust(image, points), read)
    # Uniform: each half of the labeled pixels has its share of the points.
    inside = (trust[0, :, :32] > 0).sum() / (trust[0] > 0).sum()
    torch.testing.assert_close((column[:3] < 32).float().mean(), inside.float(), rtol=0, atol=0.02)
    assert not torch.equal(points[0], points[1])


def test_labels_are_read_bilinearly_from_labeled_pixels_alone() -> None:
    target = torch.tensor([[[0, 1, 255, 2]]])
    px = PixelBatch(torch.zeros(1, 3, 1, 4), target)
    truth = ClassMasks(px, px.valid.float())
    assert truth.present.tolist() == [[True, True, True]]
    points = torch.tensor([[[0.25, 0.5], [0.4375, 0.5], [0.7, 0.5], [0.0, 0.0]]])
    found = truth.read(torch.tensor([0]), points, torch.tensor([[0, 1, 2]]))
    # Halfway between 0 and 1; beside the unlabeled pixel 1 alone; 2 alone, not 0.3 of it; the frame.
    expected = torch.tensor([[[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]])
    torch.testing.assert_close(found, expected)


def test_an_image_without_a_label_teaches_nothing_and_the_other_as_if_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    same_points(monkeypatch)
    target, layers = scene(), queries()
    target[1] = 255
    objective = MaskClassification(points=POINTS)
    loss = objective(batch(target, layers))["loss"]
    alone = objective(batch(target[:1], tuple(Queries(each.classes[:1], each.masks[:1]) for each in layers)))["loss"]
    torch.testing.assert_close(loss, alone)
    assert all(not gradient[1].any() for gradient in gradients(loss, layers))
    nothing = objective(batch(torch.full_like(target, 255), layers))["loss"]
    assert nothing == 0
    assert all(not gradient.any() for gradient in gradients(nothing, layers))


def perfect(target: Tensor) -> Queries:
    """One certain query a class, at label resolution, and one of no object; masks of images in which none is 0."""
    one_hot = F.one_hot(target.clamp(max=CLASSES - 1), CLASSES).permute(0, 3, 1, 2) * (target != 255)[:, None]
    present = one_hot.flatten(2).any(2)
    classes = torch.full((len(target), CLASSES + 1, CLASSES + 1), -60.0)
    for b in range(len(target)):
        for q in range(CLASSES + 1):
            classes[b, q, q if q < CLASSES and present[b, q] else CLASSES] = 60.0
    return Queries(classes, torch.where(F.pad(one_hot, (0, 0, 0, 0, 0, 1)) == 1, 60.0, -60.0))


def test_a_perfect_network_has_no_loss_whatever_the_order_of_its_queries() -> None:
    """At pixels' centers: between them labels are shares, which no sure mask meets."""
    target = scene()
    layer = perfect(target)
    order = torch.randperm(CLASSES + 1, generator=torch.Generator().manual_seed(0))
    turned = Queries(layer.classes[:, order], layer.masks[:, order])
    for each in (layer, turned):
        with pytest.MonkeyPatch.context() as patch:
            centers = (torch.randint(64, (3 * POINTS, 2), generator=torch.Generator().manual_seed(8)) + 0.5) / 64
            same_points(patch, centers)
            found = MaskClassification(points=POINTS)(batch(target, (each,)))
        assert found["classes"] < 1e-6
        assert found["dice"] < 1e-5
        assert found["masks"] < 1e-6


def test_the_order_of_queries_changes_nothing() -> None:
    target, layers = scene(), queries()
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    turned = tuple(Queries(each.classes[:, order], each.masks[:, order]) for each in layers)
    objective = MaskClassification(points=POINTS).eval()
    torch.testing.assert_close(objective(batch(target, layers)), objective(batch(target, turned)))


def test_a_point_of_trust_w_counts_w_times() -> None:
    masks, shares = torch.randn(3, 4).double(), torch.rand(4, 2).double()
    trust = torch.tensor([1.0, 2.0, 0.0, 1.0]).double()
    twice = torch.tensor([0, 1, 1, 3])
    torch.testing.assert_close(
        mask_costs(masks, shares, trust), mask_costs(masks[:, twice], shares[twice], torch.ones(4).double())
    )


def test_the_cheapest_matching_of_all() -> None:
    costs = torch.rand(5, 3, generator=torch.Generator().manual_seed(0))
    rows, columns = assign(costs)
    least = min(sum(costs[q, k].item() for k, q in enumerate(chosen)) for chosen in permutations(range(5), 3))
    assert costs[rows, columns].sum().item() == pytest.approx(least)
    broken = costs.clone()
    broken[0], broken[1, 1] = torch.nan, torch.inf
    assert 0 not in assign(broken)[0]


def test_more_classes_than_queries() -> None:
    target, layers = scene(), tuple(Queries(each.classes[:, :2], each.masks[:, :2]) for each in queries())
    assert MaskClassification(points=20)(batch(target, layers))["loss"].isfinite()


def test_constant_masks_are_read_as_such_at_the_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zeros around the masks, as theirs, halve the logits at an edge."""
    corner = torch.zeros(3 * POINTS, 2)
    same_points(monkeypatch, corner)
    layer = Queries(torch.zeros(1, 1, CLASSES + 1), torch.full((1, 1, 4, 4), 8.0))
    found = MaskClassification(points=POINTS)(batch(torch.zeros(1, 8, 8, dtype=torch.long), (layer,)))
    torch.testing.assert_close(found["masks"], F.softplus(torch.tensor(-8.0)))


def test_a_resumed_run_draws_as_an_uninterrupted_one() -> None:
    px, first, second = batch(scene(), queries()), MaskClassification(points=9), MaskClassification(points=9)
    before = first(px)["loss"]
    second.load_state_dict(first.state_dict())
    after = first(px)["loss"]
    assert second(px)["loss"] == after != before


def test_networks_and_settings_that_do_not_fit() -> None:
    px = batch(scene(), queries())
    with pytest.raises(ValueError, match=r"needs a network that classifies masks.*found logits alone"):
        MaskClassification()(replace(px, taps=Taps()))
    with pytest.raises(ValueError, match="queries of 7 classes and 'no object', found 4"):
        MaskClassification()(replace(px, logits=torch.zeros(2, 7, 64, 64)))
    with pytest.raises(ValueError, match="found MaskClassification, whose loss depends on"):
        AtPoints(MaskClassification())
    for name, value in {
        "class_weight": -1,
        "no_object_weight": 0,
        "points": 0,
        "oversample": 0.5,
        "uncertain": 2,
    }.items():
        with pytest.raises(ValueError, match=name):
            MaskClassification(**{name: value})


def test_it_trains_and_other_losses_stand_beside_it() -> None:
    torch.manual_seed(0)
    target = scene()
    objective = hardpix.objectives.Sum({"masks": MaskClassification(points=300), "pixels": WeightedCrossEntropy()})
    step = hardpix.TrainingStep(hardpix.tap(mask2former(output_auxiliary_logits=True)), objective)
    optimizer = torch.optim.AdamW(step.parameters(), lr=3e-3)
    losses = []
    for _ in range(8):
        loss = step(IMAGE, target)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 1
