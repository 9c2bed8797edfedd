"""Pixel, region and image losses of MGD: what must not matter, values by loops, and the faults of the authors' code."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from hardpix.objectives import ImageDistillation, LabelDistillation, Objective, RegionDistillation
from hardpix.pixels import PixelBatch, Taps
from hardpix.teachers import EnsembleBatch
from testing import batch_of

CLASSES, CHANNELS = 4, 5
OBJECTIVES: list[Objective] = [LabelDistillation(), ImageDistillation(), RegionDistillation()]


def seen(seed: int, images: int = 2, size: tuple[int, int] = (14, 21), channels: int = CHANNELS) -> PixelBatch:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, CLASSES, *size, generator=generator, dtype=torch.float64)
    embedding = torch.randn(images, channels, *size, generator=generator, dtype=torch.float64)
    return PixelBatch(logits, taps=Taps(embedding=embedding))


def taught(student: PixelBatch, teacher: PixelBatch, target: Tensor | None = None) -> PixelBatch:
    logits, embedding = student.logits.requires_grad_(), student.taps.embedding.requires_grad_()
    return batch_of(logits, target, embedding=embedding, teacher=teacher)


def with_embedding(px: PixelBatch, embedding: Tensor) -> PixelBatch:
    return replace(px, taps=Taps(embedding=embedding))


def ensemble(**members: PixelBatch) -> EnsembleBatch:
    return EnsembleBatch(next(iter(members.values())).logits, members=members)


class TestLabels:
    def test_of_members_it_is_the_sum_of_their_cross_entropies(self) -> None:
        wide, deep, student = seen(0), seen(1), seen(2)
        expected = sum(F.cross_entropy(student.logits, each.logits.argmax(1)) for each in (wide, deep))
        px = taught(student, ensemble(wide=wide, deep=deep))
        torch.testing.assert_close(LabelDistillation()(px)["loss"], expected)
        twice = taught(student, ensemble(wide=wide, deep=wide))
        torch.testing.assert_close(
            LabelDistillation()(twice)["loss"], 2 * F.cross_entropy(student.logits, wide.logits.argmax(1))
        )

    def test_without_a_label_in_labeled_images_nothing_is_learned(self) -> None:
        student, teacher = seen(0), seen(1)
        target = torch.full(student.shape, 255)
        target[0, :5] = 1
        found = LabelDistillation()(taught(student, teacher, target))["loss"]
        expected = F.cross_entropy(student.logits[:1, :, :5], teacher.logits[:1, :, :5].argmax(1))
        torch.testing.assert_close(found, expected)

    def test_a_member_that_says_nan_is_not_learned_from(self) -> None:
        student, wide, deep = seen(0), seen(1), seen(2)
        wide.logits[1] = torch.nan
        loss = LabelDistillation()(taught(student, ensemble(wide=wide, deep=deep)))["loss"]
        first, second = (F.cross_entropy(student.logits, e.logits.argmax(1), reduction="none") for e in (wide, deep))
        torch.testing.assert_close(loss, (first[0].sum() + second.sum()) / second.numel())


class TestImages:
    def test_it_is_that_of_loops_divided_by_the_images(self) -> None:
        student, teacher = seen(0, images=3), seen(1, images=3)
        expected = 0.0
        for b in range(3):
            for k in range(CLASSES):
                expected += abs(student.logits[b, k].mean() - teacher.logits[b, k].mean()).item() / 3
        assert ImageDistillation()(taught(student, teacher))["loss"].item() == pytest.approx(expected)
        # The sum over the batch would be twice as much.
        twice = [replace(px, logits=torch.cat([px.logits, px.logits])) for px in (student, teacher)]
        assert ImageDistillation()(batch_of(twice[0].logits, teacher=twice[1]))["loss"].item() == pytest.approx(
            expected
        )

    def test_the_places_of_pixels_do_not_matter(self) -> None:
        student, teacher = seen(0), seen(1)
        order = torch.randperm(14 * 21, generator=torch.Generator().manual_seed(2))
        moved = replace(teacher, logits=teacher.logits.flatten(2)[..., order].view_as(teacher.logits))
        assert ImageDistillation()(taught(student, student))["loss"] == 0
        one, two = (ImageDistillation()(taught(student, each))["loss"] for each in (teacher, moved))
        torch.testing.assert_close(one, two)

    def test_pixels_without_a_label_and_images_of_such_take_no_part(self) -> None:
        student, teacher = seen(0), seen(1)
        target = torch.full(student.shape, 255)
        target[0, :5] = 1
        student.logits[0, :, 5:] = torch.nan
        px = taught(student, teacher, target)
        loss = ImageDistillation()(px)["loss"]
        means = [each.logits[0, :, :5].mean((1, 2)) for each in (student, teacher)]
        torch.testing.assert_close(loss, (means[0] - means[1]).abs().sum())
        assert torch.autograd.grad(loss, px.logits)[0].isfinite().all()


class TestRegions:
    def test_it_is_that_of_loops(self) -> None:
        student, teacher = seen(0), seen(1, channels=9)
        terms = []
        for b in range(2):
            matrices = []
            for px in (student, teacher):
                # 14 × 21 cells in 7 × 7 regions of 2 × 3.
                regions = [
                    px.taps.embedding[b, :, 2 * y : 2 * y + 2, 3 * x : 3 * x + 3].mean((1, 2))
                    for y in range(7)
                    for x in range(7)
                ]
                matrices.append([[F.cosine_similarity(i, j, dim=0) for j in regions] for i in regions])
            terms += [(matrices[0][i][j] - matrices[1][i][j]) ** 2 for i in range(49) for j in range(49)]
        found = RegionDistillation()(taught(student, teacher))["loss"]
        torch.testing.assert_close(found, torch.stack(terms).mean())

    def test_lengths_and_a_common_rotation_do_not_matter(self) -> None:
        student, generator = seen(0, size=(7, 7)), torch.Generator().manual_seed(3)
        embedding = student.taps.embedding.detach().clone()
        lengths = 0.1 + torch.rand(2, 1, 7, 7, generator=generator, dtype=torch.float64)
        rotation = torch.linalg.qr(torch.randn(CHANNELS, CHANNELS, generator=generator, dtype=torch.float64))[0]
        rotated = torch.einsum("bdhw,de->behw", embedding, rotation)
        for other in (embedding, embedding * lengths, rotated, rotated * lengths):
            loss = RegionDistillation()(taught(student, with_embedding(student, other)))["loss"]
            assert loss.item() == pytest.approx(0, abs=1e-20)
        scaled = embedding * torch.tensor([3.0, 1, 1, 1, 1], dtype=torch.float64).view(-1, 1, 1)
        assert RegionDistillation()(taught(student, with_embedding(student, scaled)))["loss"] > 1e-3

    def test_a_region_of_zeros_is_finite(self) -> None:
        student, teacher = seen(0), seen(1)
        student.taps.embedding[0, :, :2, :3] = 0
        teacher.taps.embedding[1] = 0
        px = taught(student, teacher)
        loss = RegionDistillation()(px)["loss"]
        (gradient,) = torch.autograd.grad(loss, px.taps.embedding)
        assert loss.isfinite()
        assert gradient.isfinite().all()
        assert gradient.abs().max() < 1
        # A cosine without an epsilon is NaN.
        unit = student.taps.embedding / student.taps.embedding.norm(dim=1, keepdim=True)
        assert unit.isnan().any()

    def test_regions_without_a_label_take_no_part(self) -> None:
        student, teacher = seen(0, images=1), seen(1, images=1)
        target = torch.full(student.shape, 255)
        target[:, :4] = 0
        found = RegionDistillation()(taught(student, teacher, target))["loss"]
        vectors = [F.avg_pool2d(px.taps.embedding[:, :, :4], (2, 3)).flatten(2)[0] for px in (student, teacher)]
        own, others = (F.normalize(v, dim=0).T @ F.normalize(v, dim=0) for v in vectors)
        assert own.shape == (14, 14)
        torch.testing.assert_close(found, (own - others).square().mean())

    def test_networks_of_other_strides(self) -> None:
        student, teacher = seen(0), seen(1)
        coarse = with_embedding(teacher, torch.rand(2, 3, 4, 5, dtype=torch.float64))
        assert RegionDistillation()(taught(student, coarse))["loss"] > 0

    def test_no_regions(self) -> None:
        with pytest.raises(ValueError, match="regions ≥ 1, found 0"):
            RegionDistillation(regions=0)


@pytest.mark.parametrize("kind", [ImageDistillation, RegionDistillation])
def test_one_member_of_an_ensemble_is_learned_from(kind: type[ImageDistillation] | type[RegionDistillation]) -> None:
    student, wide, deep = seen(0), seen(1), seen(2)
    px = taught(student, ensemble(wide=wide, deep=deep))
    for name, member in (("wide", wide), ("deep", deep)):
        torch.testing.assert_close(kind(member=name)(px)["loss"], kind()(taught(student, member))["loss"])
    with pytest.raises(ValueError, match="the member 'large' of the teacher, found 'wide', 'deep'"):
        kind(member="large")(px)
    with pytest.raises(ValueError, match="found a teacher that is no Ensemble"):
        kind(member="wide")(taught(student, wide))


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: type(objective).__name__)
def test_where_nothing_is_labeled_it_is_0_on_the_graph(objective: Objective) -> None:
    student, teacher = seen(0, size=(1, 1)), seen(1, size=(1, 1))
    px = taught(student, teacher, torch.full((2, 1, 1), 255))
    loss = objective(px)["loss"]
    assert loss == 0
    gradients = torch.autograd.grad(loss, [px.logits, px.taps.embedding], allow_unused=True)
    assert any(gradient is not None for gradient in gradients)
    assert not any(gradient.any() for gradient in gradients if gradient is not None)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: type(objective).__name__)
def test_without_a_teacher_it_says_so(objective: Objective) -> None:
    px = batch_of(torch.zeros(1, CLASSES, 1, 1), embedding=torch.zeros(1, 2, 1, 1))
    with pytest.raises(ValueError, match=f"{type(objective).__name__} needs what a teacher says"):
        objective(px)
