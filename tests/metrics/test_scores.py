"""Scores of a whole set."""

import numpy as np
import pytest
import torch

from hardpix.metrics import SegmentationScores

CLASSES = 3


def make_maps(images: int, seed: int, shape: tuple[int, int] = (9, 14)) -> tuple[torch.Tensor, torch.Tensor]:
    """Blocks of classes, some pixels unlabeled, and a prediction that is wrong at a quarter of them."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, CLASSES, (images, 3, 4))
    target = np.kron(blocks, np.ones((1, 5, 5), dtype=np.int64))[:, : shape[0], : shape[1]]
    guess = np.where(rng.random(target.shape) < 0.25, rng.integers(0, CLASSES, target.shape), target)
    target = np.where(rng.random(target.shape) < 0.15, 255, target)
    return torch.tensor(guess), torch.tensor(target)


def counts_by_loops(guess: np.ndarray, target: np.ndarray, radius: int | None) -> np.ndarray:
    """Confusion of the pixels with another class within radius rows and columns; of all pixels for None."""
    confusion = np.zeros((CLASSES, CLASSES), dtype=int)
    for g, t in zip(guess, target, strict=True):
        for i, j in np.ndindex(t.shape):
            if t[i, j] == 255:
                continue
            if radius is not None:
                window = t[max(i - radius, 0) : i + radius + 1, max(j - radius, 0) : j + radius + 1]
                if not np.isin(window, [255, t[i, j]], invert=True).any():
                    continue
            confusion[t[i, j], g[i, j]] += 1
    return confusion


def iou_by_sets(confusion: np.ndarray) -> list[float]:
    union = confusion.sum(0) + confusion.sum(1) - confusion.diagonal()
    return [confusion[k, k] / union[k] if union[k] else np.nan for k in range(CLASSES)]


@pytest.mark.parametrize("radius", [1, 3])
def test_scores_are_those_of_loops_over_pixels(radius: int) -> None:
    guess, target = make_maps(2, seed=0)
    scores = SegmentationScores(CLASSES, border_radius=radius)
    scores.update(guess, target)
    found = scores.compute()
    everywhere = counts_by_loops(guess.numpy(), target.numpy(), None)
    near = counts_by_loops(guess.numpy(), target.numpy(), radius)
    np.testing.assert_allclose(found["class_iou"], iou_by_sets(everywhere))
    assert found["miou"].item() == pytest.approx(np.nanmean(iou_by_sets(everywhere)))
    assert found["border_miou"].item() == pytest.approx(np.nanmean(iou_by_sets(near)))
    assert found["accuracy"].item() == pytest.approx(everywhere.diagonal().sum() / everywhere.sum())
    assert found["border_miou"] != found["miou"]


def test_batches_of_any_size_have_the_scores_of_the_whole_and_not_their_mean() -> None:
    guess, target = make_maps(5, seed=1)
    target[4] = 255
    whole = SegmentationScores(CLASSES)
    whole.update(guess, target)
    parts = SegmentationScores(CLASSES)
    one_by_one = []
    for part in ([0], [1, 2, 3], [4]):
        parts.update(guess[part], target[part])
        alone = SegmentationScores(CLASSES)
        alone.update(guess[part], target[part])
        one_by_one.append(alone.compute()["miou"])
    for name, value in whole.compute().items():
        torch.testing.assert_close(parts.compute()[name], value, rtol=0, atol=0)
    assert torch.stack(one_by_one).nanmean() != whole.compute()["miou"]


def test_a_set_without_labels_has_no_scores() -> None:
    scores = SegmentationScores(CLASSES)
    scores.update(torch.zeros(1, 2, 2, dtype=torch.long), torch.full((1, 2, 2), 255))
    assert all(value.isnan().all() for value in scores.compute().values())


@pytest.mark.parametrize(("guess", "truth"), [(0, CLASSES), (0, -1), (CLASSES, 0), (-1, 0), (300, 2)])
def test_ids_outside_the_classes_are_refused(guess: int, truth: int) -> None:
    prediction, target = make_maps(2, seed=2)
    scores = SegmentationScores(CLASSES)
    prediction[0, 3, 4], target[0, 3, 4] = guess, truth
    scores.update(prediction, target)
    with pytest.raises(ValueError, match=r"expected ids from 0 to 2 .* found others in 1 pixels"):
        scores.compute()


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found \(1, 2, 3\) and \(1, 3, 2\)"):
        SegmentationScores(CLASSES).update(torch.zeros(1, 2, 3).long(), torch.zeros(1, 3, 2).long())


def test_reset_forgets() -> None:
    scores = SegmentationScores(CLASSES)
    scores.update(*make_maps(1, seed=2))
    scores.reset()
    guess, target = make_maps(1, seed=3)
    scores.update(guess, target)
    fresh = SegmentationScores(CLASSES)
    fresh.update(guess, target)
    assert scores.compute()["miou"] == fresh.compute()["miou"]
