"""Degrees to which scores violate the rules of a class tree, in product logic, and their p-means over pixels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hardpix.pixels import joined_sum

SURE, UNSURE = 0.7, 0.3
# Below it a p-mean is 0 and sends no gradient, which would be 0 · ∞ at 0.
SMALLEST_MEAN = 1e-30


def composition(scores: Tensor, above: Tensor, parents: Tensor) -> Tensor:
    """Violation of "a class implies its group": s_k − s_k t_parent(k).

    Args:
        scores: (B, C, H, W) from 0 to 1.
        above: (B, P, H, W) of the groups.
        parents: (C,) number of each one's group.

    Returns:
        (B, C, H, W).

    Example:
        >>> composition(torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 1), torch.tensor([0]))
        tensor([[[[1.]]]])
    """
    return scores * (1 - above[:, parents])


def decomposition(scores: Tensor, above: Tensor, parents: Tensor) -> Tensor:
    """Violation of "a group implies one of its classes": t_v − t_v max s_k over the children k of v; (B, P, H, W).

    Example:
        >>> decomposition(torch.zeros(1, 2, 1, 1), torch.ones(1, 1, 1, 1), torch.tensor([0, 0]))
        tensor([[[[1.]]]])
    """
    best = torch.stack([scores[:, parents == group].amax(1) for group in range(above.shape[1])], 1)
    return above * (1 - best)


def is_hard(scores: Tensor) -> Tensor:
    """Pixels (B, H, W) at which not exactly one score is above 0.7 while all others are below 0.3.

    Example:
        >>> is_hard(torch.tensor([[0.9, 0.9], [0.1, 0.5]]).view(1, 2, 1, 2))
        tensor([[[False,  True]]])
    """
    one, others = (scores > SURE).sum(1) == 1, (scores < UNSURE).sum(1) == scores.shape[1] - 1
    return ~(one & others)


def power_sums(violations: Tensor, weight: Tensor, power: float) -> Tensor:
    """Σ w x^p over pixels, of each clause.

    Args:
        violations: (B, K, H, W) from 0 to 1.
        weight: (B, H, W).
        power: p.

    Returns:
        (K,).
    """
    return (weight[:, None] * violations**power).sum((0, 2, 3))


def exclusion_sums(scores: Tensor, weight: Tensor, power: float) -> Tensor:
    """Σ w (s_a s_b)^p over pixels, of each pair a < b of one level: the violation of "not both" is s_a s_b.

    Args:
        scores: (B, C, H, W) from 0 to 1.
        weight: (B, H, W), 0 at pixels that are not hard.
        power: p.

    Returns:
        (C · (C − 1) / 2,), without a map for each pair.

    Example:
        >>> exclusion_sums(torch.full((1, 2, 1, 1), 0.5), torch.ones(1, 1, 1), 1)
        tensor([0.2500])
    """
    powers = (scores**power).movedim(1, 0).flatten(1)
    pairs = (powers * weight.flatten()) @ powers.T
    first, second = torch.triu_indices(len(pairs), len(pairs), offset=1, device=pairs.device)
    return pairs[first, second]


def mean_of_clauses(sums: Sequence[Tensor], power: float) -> Tensor:
    """Mean over clauses of their p-means (Σ w x^p / Σ w)^(1/p); 0 where there is no clause, or nothing weighs.

    Args:
        sums: for some clauses of one Σ w, their Σ w x^p and last Σ w.
        power: p.

    Example:
        >>> mean_of_clauses([torch.tensor([4.0, 0.0, 1.0])], 2)
        tensor(1.)
    """
    means = torch.cat([part[:-1] / torch.where(part[-1] > 0, part[-1], 1) for part in sums])
    known = means > SMALLEST_MEAN
    roots = torch.where(known, torch.where(known, means, 1) ** (1 / power), 0)
    return roots.sum() / max(len(roots), 1)


def rule_violations(
    scores: Sequence[Tensor], parents: Sequence[Tensor], weight: Tensor, power: float, joined: bool
) -> dict[str, Tensor]:
    """Value of each rule: composition, decomposition, exclusion.

    Args:
        scores: (B, C, H, W) of the classes, then of the groups of each level, from 0 to 1.
        parents: for each but the last, the numbers of the groups above.
        weight: (B, H, W).
        power: p.
        joined: whether sums are those of the joined batch of all processes, which are asked once.
    """
    found: list[tuple[str, Tensor]] = []
    for below, above, of in zip(scores[:-1], scores[1:], parents, strict=True):
        for name, rule in (("composition", composition), ("decomposition", decomposition)):
            sums = power_sums(rule(below, above, of), weight, power)
            found.append((name, torch.cat([sums, weight.sum()[None]])))
    for level in scores:
        hard = weight * is_hard(level)
        found.append(("exclusion", torch.cat([exclusion_sums(level, hard, power), hard.sum()[None]])))
    whole = torch.cat([sums for _, sums in found])
    parts = (joined_sum(whole) if joined else whole).split([len(sums) for _, sums in found])
    of_rule: dict[str, list[Tensor]] = {}
    for (name, _), part in zip(found, parts, strict=True):
        of_rule.setdefault(name, []).append(part)
    return {name: mean_of_clauses(sums, power) for name, sums in of_rule.items()}
