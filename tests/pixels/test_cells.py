"""Labels and maps on a coarser grid, against loops over cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardpix.pixels import cell_labels, cell_values

CLASSES = 4


def pixels_of(size: tuple[int, int], grid: tuple[int, int]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Pixels under each cell, each side enlarged to the next multiple of the grid's."""
    owners: list[dict[int, set[int]]] = []
    for side, cells in zip(size, grid, strict=True):
        enlarged = -(-side // cells) * cells
        owner: dict[int, set[int]] = {cell: set() for cell in range(cells)}
        for position in range(enlarged):
            owner[position * cells // enlarged].add(position * side // enlarged)
        owners.append(owner)
    return {
        (i, j): [(y, x) for y in owners[0][i] for x in owners[1][j]] for i in range(grid[0]) for j in range(grid[1])
    }


SHAPES = [((8, 12), (2, 3)), ((7, 10), (3, 4)), ((1, 1), (1, 1)), ((5, 9), (5, 9)), ((3, 4), (6, 7)), ((1, 9), (1, 4))]


def make(size: tuple[int, int], seed: int, images: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    target = torch.randint(0, CLASSES, (images, *size), generator=generator)
    target[torch.rand(target.shape, generator=generator) < 0.4] = 255
    return target


@pytest.mark.parametrize(("size", "grid"), SHAPES)
@pytest.mark.parametrize("seed", range(3))
def test_labels_are_those_of_loops(size: tuple[int, int], grid: tuple[int, int], seed: int) -> None:
    target = make(size, seed)
    counts = [int((target == c).sum()) for c in range(CLASSES)]
    found = {rule: cell_labels(target, grid, CLASSES, rule=rule) for rule in ("any", "majority")}
    for b in range(len(target)):
        for (i, j), pixels in pixels_of(size, grid).items():
            inside = [int(target[b, y, x]) for y, x in pixels if target[b, y, x] != 255]
            rarest = min(inside, key=lambda c: (counts[c], c)) if inside else 255
            assert found["any"][b, i, j] == rarest
            if size[0] % grid[0] == size[1] % grid[1] == 0:
                most = max(range(CLASSES), key=lambda c: (inside.count(c), -c)) if inside else 255
                assert found["majority"][b, i, j] == most


@pytest.mark.parametrize(("size", "grid"), SHAPES)
def test_values_are_the_largest_of_the_cells_class(size: tuple[int, int], grid: tuple[int, int]) -> None:
    target = make(size, 5)
    values = torch.rand(target.shape, generator=torch.Generator().manual_seed(1)) * (target != 255)
    labels = cell_labels(target, grid, CLASSES)
    found = cell_values(values, target, labels)
    for b in range(len(target)):
        for (i, j), pixels in pixels_of(size, grid).items():
            inside = [float(values[b, y, x]) for y, x in pixels if target[b, y, x] == labels[b, i, j]]
            assert found[b, i, j] == pytest.approx(max(inside, default=0))


@pytest.mark.parametrize("rule", ["any", "majority"])
@pytest.mark.parametrize(("size", "grid"), SHAPES)
def test_means_are_those_of_the_cells_class(size: tuple[int, int], grid: tuple[int, int], rule: str) -> None:
    """By walking over every pixel of the enlarged map."""
    target = make(size, 5)
    values = torch.rand(target.shape, generator=torch.Generator().manual_seed(1)) * (target != 255)
    labels = cell_labels(target, grid, CLASSES, rule=rule)
    found = cell_values(values, target, labels, "mean")
    enlarged = [-(-side // cells) * cells for side, cells in zip(size, grid, strict=True)]
    for b in range(len(target)):
        inside: dict[tuple[int, int], list[float]] = {}
        for row, column in np.ndindex(*enlarged):
            y, x = row * size[0] // enlarged[0], column * size[1] // enlarged[1]
            cell = (row * grid[0] // enlarged[0], column * grid[1] // enlarged[1])
            if target[b, y, x] == labels[b][cell]:
                inside.setdefault(cell, []).append(float(values[b, y, x]))
        for cell in np.ndindex(*grid):
            assert found[b][cell] == pytest.approx(np.mean(inside.get(cell, [0.0])))


@given(row=st.integers(0, 63), grid=st.sampled_from([4, 8, 16, 13]))
def test_a_line_one_pixel_wide_does_not_disappear(row: int, grid: int) -> None:
    target = torch.zeros(1, 64, 64, dtype=torch.long)
    target[0, row] = 2
    labels = cell_labels(target, (grid, grid), CLASSES)
    assert (labels == 2).any(1).all()
    # Every k-th pixel would lose most such lines.
    assert (labels == 2).sum() <= 2 * grid


@pytest.mark.parametrize("rule", ["any", "majority"])
def test_nothing_labelled_one_class_and_other_types(rule: str) -> None:
    assert cell_labels(torch.full((2, 6, 4), 255), (3, 2), CLASSES, rule=rule).eq(255).all()
    assert cell_labels(torch.full((2, 6, 4), 3), (3, 2), CLASSES, rule=rule).eq(3).all()
    assert cell_labels(torch.full((2, 6, 4), -1), (3, 2), CLASSES, -1, rule=rule).eq(-1).all()
    values = torch.ones(2, 6, 4, dtype=torch.bfloat16)
    labels = cell_labels(torch.full((2, 6, 4), 3), (3, 2), CLASSES, rule=rule)
    assert cell_values(values, torch.full((2, 6, 4), 3), labels).dtype == torch.bfloat16


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="'any' or 'majority', found 'nearest'"):
        cell_labels(torch.zeros(1, 2, 2, dtype=torch.long), (1, 1), 2, rule="nearest")
    with pytest.raises(ValueError, match="'largest' or 'mean', found 'median'"):
        cell_values(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), torch.zeros(1, 1, 1), rule="median")


def test_at_the_labels_own_size_only_what_is_no_class_changes() -> None:
    target = torch.tensor([[[0, 3, 255], [-1, 4, 2]]])
    for rule in ("any", "majority"):
        labels = cell_labels(target, (2, 3), CLASSES, rule=rule)
        assert labels.tolist() == [[[0, 3, 255], [255, 255, 2]]]


def test_labels_keep_their_share_by_majority() -> None:
    """Cells of one class each change nothing: the grid's own labels enlarged come back."""
    coarse = make((5, 7), 0)
    fine = torch.tensor(np.kron(coarse.numpy(), np.ones((1, 3, 4), dtype=np.int64)))
    for rule in ("any", "majority"):
        assert torch.equal(cell_labels(fine, (5, 7), CLASSES, rule=rule), coarse)


def test_what_is_no_batch_of_label_maps_is_refused() -> None:
    image, values = torch.zeros(4, 6, dtype=torch.long), torch.zeros(1, 4, 6)
    with pytest.raises(ValueError, match=r"target of shape \(B, H, W\), found \(4, 6\)"):
        cell_labels(image, (2, 3), 2)
    with pytest.raises(ValueError, match=r"target of shape \(B, H, W\), found \(4, 6\)"):
        cell_values(values, image, image[None, :2, :3])
    with pytest.raises(ValueError, match=r"one shape, found \(1, 4, 6\) and \(1, 4, 5\)"):
        cell_values(values, image[None, :, :5], image[None, :2, :3])
    with pytest.raises(ValueError, match=r"class ids in target, found torch\.float64"):
        cell_labels(image[None].double(), (2, 3), 2)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_means_of_half_types_count_as_float32_does(kind: torch.dtype) -> None:
    """One of 257 pixels, of which bfloat16 counts 256, is 1; float16 has no 70000 for the second."""
    values = torch.zeros(1, 1, 257, dtype=kind)
    values[..., 0] = 1
    label = torch.zeros(1, 1, 1, dtype=torch.long)
    found = cell_values(values, torch.zeros(1, 1, 257, dtype=torch.long), label, "mean")
    assert torch.equal(found, torch.full((1, 1, 1), 1 / 257).to(kind))
    many = torch.full((1, 7, 10000), 2.0, dtype=kind)
    assert cell_values(many, torch.zeros(1, 7, 10000, dtype=torch.long), label, "mean").tolist() == [[[2.0]]]
