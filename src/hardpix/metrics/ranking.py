"""Ranking of pixels by a map."""

import torch
from torch import Tensor


def auroc(scores: Tensor, positive: Tensor) -> float:
    """Area under the ROC curve: the chance that a positive pixel has a higher score than a negative one, ties half.

    Computed exactly from the ranks (the Mann-Whitney statistic): one sort of all scores.

    Args:
        scores: any shape, larger means more likely positive.
        positive: the same shape, boolean.

    Returns:
        From 0 to 1; NaN where one of the two kinds is missing.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> auroc(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([False, False, True, True]))
        0.75
    """
    if scores.shape != positive.shape:
        raise ValueError(
            f"expected scores and positive of one shape, found {tuple(scores.shape)} and {tuple(positive.shape)}"
        )
    scores, positive = scores.flatten(), positive.flatten().bool()
    positives = int(positive.sum())
    negatives = positive.numel() - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    _, group, sizes = torch.unique(scores, return_inverse=True, return_counts=True)
    # Tied scores share the mean of their ranks, which are counted from 1.
    last_rank = sizes.cumsum(0).double()
    mean_rank = last_rank - (sizes.double() - 1) / 2
    rank_sum = mean_rank[group[positive]].sum().item()
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson correlation of two maps of one shape, in float64; NaN where one of them is constant.

    Raises:
        ValueError: shapes that differ.

    Example:
        >>> round(correlation(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 4.0, 7.0])), 4)
        0.9934
    """
    if a.shape != b.shape:
        raise ValueError(f"expected two maps of one shape, found {tuple(a.shape)} and {tuple(b.shape)}")
    a, b = a.flatten().double(), b.flatten().double()
    # Not by the spread: the mean of equal numbers is not always that number.
    if a.numel() == 0 or a.min() == a.max() or b.min() == b.max():
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / (a.norm() * b.norm()))
