"""Connectivity as an objective: the formula against loops, faults of published forms, and the answer of its head."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import hardpix
from hardpix.objectives import Connectivity, Sum, WeightedCrossEntropy, connectivity_of
from hardpix.pixels import DatasetInfo, PixelBatch, Taps

STEPS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if (row, column) != (0, 0)]
CLASSES = 3


class Given(nn.Module):
    """A network whose embedding is the image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.classifier = nn.Conv2d(channels, CLASSES, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.classifier(image)


def made(classes: Sequence[int | str] | None = (1, 2), channels: int = 8 * CLASSES, **settings: Any) -> Connectivity:
    """With a head that repeats the embedding, whose channels are then the connections."""
    network = hardpix.tap(Given(channels).double(), embedding="classifier")
    objective = Connectivity(None if classes is None else list(classes), **settings).bind(network)
    with torch.no_grad():
        objective.head.weight.copy_(torch.eye(8 * CLASSES, channels)[:, :, None, None])
        objective.head.bias.zero_()
    return objective.eval()


def batch(size: tuple[int, int, int] = (2, 4, 5), label: int | None = None, ignored: float = 0.2) -> PixelBatch:
    generator = torch.Generator().manual_seed(0)
    images, height, width = size
    embedding = 2 * torch.randn(images, 8 * CLASSES, height, width, generator=generator, dtype=torch.float64)
    target = torch.randint(0, CLASSES, size, generator=generator)
    target[torch.rand(size, generator=generator) < ignored] = 255
    if label is not None:
        target[:] = label
    trust = torch.rand(size, generator=generator, dtype=torch.float64)
    logits = torch.randn(images, CLASSES, height, width, generator=generator, dtype=torch.float64)
    taps = Taps(embedding=embedding.requires_grad_())
    return PixelBatch(logits, target, sample={"target_weight": trust}, taps=taps)


def by_loops(px: PixelBatch, classes: Sequence[int]) -> dict[str, float]:
    """The parts, one pair and one pixel after the other, of connections (B, C, 8, H, W)."""
    s = px.taps.embedding.detach().unflatten(1, (CLASSES, 8)).sigmoid()
    trust = px.sample["target_weight"]
    images, height, width = px.shape
    terms: dict[str, list[tuple[float, float]]] = {n: [] for n in ("connections", "votes", "mask", "edges", "dice")}

    def entropy(p: float, truth: bool) -> float:
        return -math.log(p if truth else 1 - p)

    for c in classes:
        for b in range(images):
            both = claimed = true = 0.0
            for y in range(height):
                for x in range(width):
                    label, weight = px.target[b, y, x].item(), trust[b, y, x].item()
                    if label == 255:
                        continue
                    votes, truths = [], []
                    for k, (row, column) in enumerate(STEPS):
                        there = (b, y + row, x + column)
                        if not (0 <= y + row < height and 0 <= x + column < width) or px.target[there] == 255:
                            continue
                        votes.append((s[b, c, k, y, x] * s[b, c, 7 - k, y + row, x + column]).item())
                        truths.append(label == px.target[there].item() == c)
                        pair = weight * trust[there].item()
                        terms["connections"].append((pair, entropy(s[b, c, k, y, x].item(), truths[-1])))
                        terms["votes"].append((pair, entropy(votes[-1], truths[-1])))
                    if label == c and not any(truths):
                        continue
                    best = max(votes, default=0.0)
                    terms["mask"].append((weight, entropy(best, label == c)))
                    both, claimed = both + weight * best * (label == c), claimed + weight * best
                    true += weight * (label == c)
                    if any(truths) and not all(truths):
                        terms["edges"].append((weight, entropy(min(votes), False)))
            if true:
                terms["dice"].append((1.0, 1 - 2 * both / (claimed + true)))
    return {
        name: sum(w * v for w, v in found) / sum(w for w, _ in found) if found else 0.0 for name, found in terms.items()
    }


@pytest.mark.parametrize("size", [(2, 4, 5), (1, 6, 2), (2, 1, 7), (1, 7, 1), (1, 1, 1)])
@pytest.mark.parametrize("classes", [[1, 2], [0], [2, 0, 1]])
def test_parts_are_those_of_loops(size: tuple[int, int, int], classes: list[int]) -> None:
    px = batch(size)
    found = made(classes)(px)
    expected = by_loops(px, sorted(classes))
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value, rel=1e-9, abs=1e-12), name
    total = sum(expected.values()) - 0.8 * expected["votes"]
    assert found["loss"].item() == pytest.approx(total, rel=1e-9, abs=1e-12)
    assert found["classes"].item() == len(classes)


def test_the_loss_passes_gradcheck() -> None:
    objective, px = made(), batch((1, 3, 4))

    def loss(embedding: Tensor) -> Tensor:
        px.taps = Taps(embedding=embedding)
        return objective(px)["loss"]

    assert torch.autograd.gradcheck(loss, px.taps.embedding)


def sure(px: PixelBatch, size: float = 200.0) -> PixelBatch:
    """The batch with the connections of its labels, by loops."""
    images, height, width = px.shape
    embedding = torch.full_like(px.taps.embedding.detach(), -size).unflatten(1, (CLASSES, 8))
    for b, y, x, k in torch.cartesian_prod(*map(torch.arange, (images, height, width, 8))).tolist():
        row, column = y + STEPS[k][0], x + STEPS[k][1]
        if 0 <= row < height and 0 <= column < width and px.target[b, y, x] == px.target[b, row, column] < 255:
            embedding[b, px.target[b, y, x], k, y, x] = size
    px.taps = Taps(embedding=embedding.flatten(1, 2).requires_grad_())
    return px


def test_the_truth_costs_nothing() -> None:
    found = made([0, 1, 2])(sure(batch((2, 6, 7))))
    assert {name: value.item() for name, value in found.items() if name != "classes"} == pytest.approx(
        dict.fromkeys(("loss", "connections", "votes", "mask", "edges", "dice"), 0.0), abs=1e-12
    )


def test_the_frame_of_a_full_mask_is_no_edge() -> None:
    assert made([1])(batch((1, 4, 4), label=1))["edges"].item() == 0


def test_edges_are_divided_by_their_number_so_that_certain_ones_still_have_a_gradient() -> None:
    """Divided by a sum of predictions, a vote that grows would be rewarded for growing."""
    px = batch((1, 3, 3), label=0)
    px.target[0, 0, :2] = 1
    embedding = torch.full_like(px.taps.embedding.detach(), 3.0).requires_grad_()
    px.taps = Taps(embedding=embedding)
    loss = made([1])(px)["edges"]
    vote = torch.tensor(3.0).sigmoid().item() ** 2
    assert loss.item() == pytest.approx(-math.log(1 - vote), rel=1e-6)
    [gradient] = torch.autograd.grad(loss, embedding)
    assert (gradient >= 0).all()
    assert gradient.max() > 0


@pytest.mark.parametrize("label", [255, 0, 1])
def test_nothing_labeled_and_one_class_are_finite(label: int) -> None:
    px = batch(label=label)
    found = made()(px)
    found["loss"].backward()
    assert all(value.isfinite() for value in found.values())
    assert px.taps.embedding.grad.isfinite().all()
    if label == 255:
        assert found["loss"].item() == 0
        assert not px.taps.embedding.grad.any()


def test_a_batch_without_thin_classes_has_a_gradient_of_zero_for_every_weight() -> None:
    objective = made(None).train()
    found = objective(batch((2, 20, 20), label=1))
    found["loss"].backward()
    assert found["classes"].item() == found["loss"].item() == 0
    assert all(p.grad is not None and not p.grad.any() for p in objective.parameters())


def test_thin_classes_are_found_and_names_are_looked_up() -> None:
    px = batch((1, 20, 20), label=0, ignored=0)
    px.target[:, 10] = 2
    thin = made(None)(px)
    assert thin["classes"].item() == 1
    torch.testing.assert_close(thin["loss"], made([2])(px)["loss"])
    named = made(["line"])
    named.classes.prepare(DatasetInfo(("ground", "other", "line"), lambda: [1, 1, 1]))
    torch.testing.assert_close(named(px)["loss"], thin["loss"])


def test_many_classes_and_half_types() -> None:
    classes = 40
    torch.manual_seed(0)
    network = hardpix.tap(
        nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, classes, 1)).bfloat16(), embedding="1"
    )
    step = hardpix.TrainingStep(network, Connectivity(list(range(classes))))
    losses = step(torch.rand(2, 3, 6, 8).bfloat16(), torch.randint(0, classes, (2, 6, 8)))
    losses["loss"].backward()
    assert losses["classes"].item() == classes
    assert losses["loss"].dtype == torch.float32
    assert all(p.grad.isfinite().all() for p in step.objective.parameters())


def test_a_coarse_embedding_is_enlarged_to_the_labels() -> None:
    px = batch((1, 8, 8))
    coarse = torch.randn(1, 8 * CLASSES, 4, 4, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    px.taps = Taps(embedding=coarse.requires_grad_())
    found = made()(px)
    px.taps = Taps(embedding=nn.functional.interpolate(coarse, (8, 8), mode="bilinear"))
    torch.testing.assert_close(found, made()(px))


def test_in_training_it_leaves_the_network_as_it_is() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, CLASSES, 1))
    names = list(model.state_dict())
    objective = Sum({"plain": WeightedCrossEntropy(), "connectivity": Connectivity([1])})
    step = hardpix.TrainingStep(hardpix.tap(model, embedding="1"), objective)
    step(torch.rand(2, 3, 6, 8), torch.randint(0, CLASSES, (2, 6, 8)))["loss"].backward()
    assert list(model.state_dict()) == names
    assert all(p.grad is not None and p.grad.isfinite().all() for p in step.parameters())
    head = step.objective.objectives["connectivity"].head
    head.register_forward_pre_hook(lambda module, args: pytest.fail("the head ran"))
    step.eval().network(torch.rand(1, 3, 6, 8))


class TestProbabilities:
    def test_the_truth_is_given_back_but_for_pixels_without_a_neighbor_of_their_class(self) -> None:
        px = sure(batch((2, 6, 7), ignored=0))
        found = made([0, 1, 2]).probabilities(px)
        torch.testing.assert_close(found.sum(1), torch.ones(2, 6, 7, dtype=torch.float64))
        alone = torch.ones(2, 6, 7, dtype=torch.bool)
        for b, y, x in torch.cartesian_prod(*map(torch.arange, (2, 6, 7))).tolist():
            for row, column in STEPS:
                if 0 <= y + row < 6 and 0 <= x + column < 7 and px.target[b, y, x] == px.target[b, y + row, x + column]:
                    alone[b, y, x] = False
        assert torch.equal(found.argmax(1)[~alone], px.target[~alone])
        torch.testing.assert_close(found.movedim(1, -1)[alone], px.logits.softmax(1).movedim(1, -1)[alone])

    def test_others_have_what_is_left_in_the_shares_of_the_network(self) -> None:
        px = batch((1, 1, 2), ignored=0)
        # Both pixels give sigmoid 0.9 to the connection of class 1 between them.
        px.taps = Taps(embedding=torch.full_like(px.taps.embedding.detach(), math.log(9)))
        found = made([1]).probabilities(px)
        p = px.logits.softmax(1)
        torch.testing.assert_close(found[:, 1], torch.full((1, 1, 2), 0.81, dtype=torch.float64))
        torch.testing.assert_close(found[:, 0], 0.19 * p[:, 0] / (p[:, 0] + p[:, 2]))

    def test_claims_of_several_classes_are_divided_by_their_sum(self) -> None:
        px = batch((1, 1, 2), ignored=0)
        embedding = torch.zeros(1, CLASSES, 8, 1, 2, dtype=torch.float64)
        embedding[:, 1], embedding[:, 2] = 40.0, math.log(9)
        px.taps = Taps(embedding=embedding.flatten(1, 2))
        found = made([1, 2]).probabilities(px)[0, :, 0, 0]
        torch.testing.assert_close(found, torch.tensor([0, 1 / 1.81, 0.81 / 1.81], dtype=torch.float64))

    def test_thin_classes_are_those_of_training_and_labels_do_not_matter(self) -> None:
        objective, px = made(None), batch((1, 20, 20), label=0, ignored=0)
        px.target[:, 10] = 2
        objective.train()(px)
        objective.eval()
        bare = PixelBatch(px.logits, taps=px.taps)
        torch.testing.assert_close(objective.probabilities(bare), made([2]).probabilities(bare))
        assert not torch.equal(objective.probabilities(bare), px.logits.softmax(1))
        unlabeled = PixelBatch(px.logits, torch.full_like(px.target, 255), taps=px.taps)
        assert torch.equal(objective.probabilities(unlabeled), objective.probabilities(bare))

    def test_padding_is_no_neighbor(self) -> None:
        px = batch((1, 4, 6))
        inside = torch.zeros(1, 4, 6, dtype=torch.bool)
        inside[:, :, :4] = True
        found = made().probabilities(PixelBatch(px.logits, sample={"inside": inside}, taps=px.taps))
        cut = PixelBatch(px.logits[..., :4], taps=Taps(embedding=px.taps.embedding[..., :4]))
        torch.testing.assert_close(found[..., :4], made().probabilities(cut))

    def test_one_pixel_and_no_thin_class_have_the_network_s_answer(self) -> None:
        px = batch((1, 1, 1))
        found = made([0, 1, 2]).probabilities(px)
        torch.testing.assert_close(found, px.logits.softmax(1))
        px = batch()
        torch.testing.assert_close(made(None).probabilities(px), px.logits.softmax(1))


def test_one_such_objective_is_found_and_none_or_two_are_refused() -> None:
    one = Connectivity([1])
    assert connectivity_of(Sum({"plain": WeightedCrossEntropy(), "lines": one})) is one
    for found, objective in (("none", WeightedCrossEntropy()), ("2", Sum({"a": one, "b": Connectivity([0])}))):
        with pytest.raises(ValueError, match=f"found {found} of them: leave --connectivity out"):
            connectivity_of(objective)


def test_not_bound_and_settings() -> None:
    with pytest.raises(RuntimeError, match="no connections yet"):
        Connectivity([1])(batch())
    with pytest.raises(ValueError, match="vote_weight ≥ 0, found -1"):
        Connectivity(vote_weight=-1)
    px = batch()
    px.taps = Taps()
    with pytest.raises(ValueError, match="Connectivity needs the embedding"):
        made()(px)
