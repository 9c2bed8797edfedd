"""Contrast of vectors with the centroids, banks and distributions of classes (SePiCo, TPAMI 2023, arXiv 2204.08808)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

# Logit of a class that nothing is known of. Finite: of −∞ alone a softmax has no gradient.
UNKNOWN = -1e30


def centroid_contrast(vectors: Tensor, classes: Tensor, mean: Tensor, known: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of each vector q with logits q·μ_k / τ over the classes that are known.

    Args:
        vectors: (M, A).
        classes: (M,) known classes.
        mean: (C, A), μ.
        known: (C,) boolean.
        temperature: τ.

    Returns:
        (M,).

    Example:
        >>> q, identity, both = torch.tensor([[1.0, 0.0]]), torch.eye(2), torch.tensor([True, True])
        >>> centroid_contrast(q, torch.tensor([0]), identity, both, temperature=1.0)  # log(1 + 1/e)
        tensor([0.3133])
    """
    return F.cross_entropy(_logits(vectors, mean, known, temperature), classes, reduction="none")


def distribution_contrast(
    vectors: Tensor, classes: Tensor, mean: Tensor, variance: Tensor, known: Tensor, temperature: float
) -> Tensor:
    """Contrast with infinitely many positives and negatives, which are drawn from N(μ_k, σ_k²): a closed form.

        −q·μ_y/τ + log Σ_k exp(q·μ_k/τ + ½ q²·σ_k²/τ²)

    It is the limit of InfoNCE with exp averaged over the draws of each class, by Jensen's inequality never below the
    mean of InfoNCE with one positive at a time. Without variance it is :func:`centroid_contrast`, with it more.

    Args:
        vectors: (M, A), q; q² is taken channel by channel.
        classes: (M,) known classes, y.
        mean: (C, A), μ.
        variance: (C, A), σ².
        known: (C,) boolean.
        temperature: τ.

    Returns:
        (M,).

    Example:
        >>> q, both = torch.tensor([[1.0, 0.0]]), torch.tensor([True, True])
        >>> variance = torch.tensor([[0.5, 0.0], [0.2, 0.0]])
        >>> distribution_contrast(q, torch.tensor([0]), torch.eye(2), variance, both, temperature=1.0)
        tensor([0.5251])
    """
    spread = vectors.square() @ variance.T / (2 * temperature**2)
    logits = torch.where(known, vectors @ mean.T / temperature + spread, UNKNOWN)
    return F.cross_entropy(logits, classes, reduction="none") + spread.gather(1, classes[:, None]).squeeze(1)


def bank_contrast(vectors: Tensor, classes: Tensor, entries: Tensor, filled: Tensor, temperature: float) -> Tensor:
    """Mean of −log( e^{s_j} / (e^{s_j} + Σ_{k≠y} e^{s̄_k}) ) over the entries j of a vector's own class.

    s_j = q·m_j / τ, and s̄_k is its mean over the entries of class k. Entries that were never written do not count.

    Args:
        vectors: (M, A), q.
        classes: (M,) classes with an entry, y.
        entries: (C, R, A), m.
        filled: (C,) how many of the R entries of each class are real, the first ones.
        temperature: τ.

    Returns:
        (M,), in the order of the vectors.

    Example:
        >>> entries = torch.eye(2)[:, None]
        >>> bank_contrast(torch.tensor([[1.0, 0.0]]), torch.tensor([0]), entries, torch.tensor([1, 1]), temperature=1.0)
        tensor([0.3133])
    """
    mean = entries.sum(1) / filled.clamp(min=1)[:, None]
    logits = _logits(vectors, mean, filled > 0, temperature)
    others = logits.scatter(1, classes[:, None], UNKNOWN).logsumexp(1)
    places, parts = [], []
    # Class after class: all entries of all classes are C times as many numbers.
    for k in classes.unique().tolist():
        rows = (classes == k).nonzero().squeeze(1)
        similarity = vectors[rows] @ entries[k, : int(filled[k])].T / temperature
        places.append(rows)
        parts.append(F.softplus(others[rows, None] - similarity, threshold=50.0).mean(1))
    if not places:
        return logits.sum(1)
    return torch.empty_like(others).index_copy(0, torch.cat(places), torch.cat(parts))


def undecided(vector: Tensor, mean: Tensor, known: Tensor, temperature: float) -> Tensor:
    """KL(uniform ‖ softmax(q̄·μ/τ)) / log K over the K known classes: 0 where the mean vector q̄ leans to none.

    [ours] the authors' code adds the negative of it, up to a constant: minimized, that draws all vectors to one class.

    Args:
        vector: (A,), the mean of a batch.
        mean: (C, A), μ.
        known: (C,) boolean.
        temperature: τ.

    Example:
        >>> both = torch.tensor([True, True])
        >>> [round(undecided(torch.tensor(q), torch.eye(2), both, 1.0).item(), 4) for q in ([1.0, 1.0], [3.0, 0.0])]
        [0.0, 1.2341]
    """
    number = known.sum().clamp(min=1)
    # In float32 nothing would be left of the difference of nearly even shares.
    logits = (mean @ vector / temperature).double()
    apart = logits - torch.where(known, logits, 0).sum() / number
    found = torch.where(known, apart, UNKNOWN).logsumexp(0) - number.double().log()
    return (found / number.clamp(min=2).double().log()).to(vector.dtype)


def _logits(vectors: Tensor, mean: Tensor, known: Tensor, temperature: float) -> Tensor:
    return torch.where(known, vectors @ mean.T / temperature, UNKNOWN)
