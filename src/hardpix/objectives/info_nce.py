"""The contrastive loss of many anchors against many keys, in blocks: no anchors × keys matrix is ever whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


@dataclass(frozen=True)
class Keys:
    """What anchors are compared with: (K, D) rows, and for each the number of the anchor that it is, (K,).

    −1 stands for what is no anchor, such as an entry of a memory: no gradient reaches it.
    """

    rows: Tensor
    anchor: Tensor


@dataclass(frozen=True)
class OneClass:
    """The anchors of one class, from `start` to `stop`, and the keys of the class.

    Of the negative keys, which all classes share, those from `own_start` to `own_stop` are of the class itself and are
    left out. For each anchor count the `nearest` of the others and the `farthest` of the positives, as many as are
    asked for; None is all of them.
    """

    start: int
    stop: int
    positives: Keys
    own_start: int
    own_stop: int
    nearest: int | None = None
    farthest: int | None = None


# How many similarities are held at once: they pass through the processor's cache several times.
BLOCK = 1 << 21


def info_nce(
    anchors: Tensor, classes: Sequence[OneClass], negatives: Keys, temperature: float, block: int = BLOCK
) -> tuple[Tensor, Tensor]:
    """Σ over anchors of the mean over positives of −log(e^{i·p/τ} / (e^{i·p/τ} + Σ_n e^{i·n/τ})), and their number.

    Anchors without a positive or without a negative do not count, and no anchor is its own positive. Value and gradient
    are computed block by block in the forward pass, in float32 or wider whatever autocast says; the memory is that of
    one block and of one gradient of the anchors.

    Args:
        anchors: (A, D), class after class.
        classes: those that have anchors.
        negatives: of all classes, class after class.
        temperature: τ.
        block: how many similarities are held at once.

    Returns:
        The sum, a scalar on the graph, and the number of anchors that count, a scalar.

    Example:
        >>> rows, of_anchor = torch.eye(2), torch.tensor([0, 1])  # two anchors, alike to themselves alone
        >>> memory = Keys(torch.eye(2)[:1], torch.tensor([-1]))  # the first has a positive, the second has none
        >>> nobody = Keys(torch.empty(0, 2), torch.empty(0, dtype=torch.long))
        >>> classes = [OneClass(0, 1, memory, 0, 1), OneClass(1, 2, nobody, 1, 2)]
        >>> total, count = info_nce(rows, classes, Keys(rows, of_anchor), temperature=1.0)
        >>> round(total.item(), 4), int(count)  # −log(e / (e + 1))
        (0.3133, 1)
    """
    return _InfoNCE.apply(anchors, classes, negatives, temperature, block)


class _InfoNCE(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, anchors: Tensor, classes: Sequence[OneClass], negatives: Keys, temperature: float, block: int
    ) -> tuple[Tensor, Tensor]:
        with torch.autocast(anchors.device.type, enabled=False):
            total, count, gradient = _value_and_gradient(anchors, classes, negatives, temperature, block)
        ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(count)
        return total, count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_total: Tensor, grad_count: Tensor) -> tuple[Tensor, None, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * grad_total, None, None, None, None


def _value_and_gradient(
    anchors: Tensor, classes: Sequence[OneClass], negatives: Keys, temperature: float, block: int
) -> tuple[Tensor, Tensor, Tensor]:
    wide = torch.promote_types(anchors.dtype, torch.float32)
    # Divided by τ here, once, and not in every similarity.
    queries = anchors.to(wide) / temperature
    total, count = queries.new_zeros(()), queries.new_zeros(())
    of_query, of_key = torch.zeros_like(queries), torch.zeros_like(queries)
    negative_rows, negative_of_anchor = negatives.rows.to(wide), _own(negatives)
    for one in classes:
        positive_rows, positive_of_anchor = one.positives.rows.to(wide), _own(one.positives)
        rows = max(block // max(len(negative_rows) + len(positive_rows), 1), 16)
        for start in range(one.start, one.stop, rows):
            part = slice(start, min(start + rows, one.stop))
            found = _compare(queries[part], start, one, negative_rows, positive_rows)
            total += found.loss
            count += found.count
            weighted = queries[part] * found.scale[:, None]
            of_query[part] = found.to_negatives @ negative_rows * found.scale[:, None]
            of_query[part] -= found.to_positives @ positive_rows
            for (columns, anchor), weights, rows_of in (
                (negative_of_anchor, found.to_negatives, weighted),
                (positive_of_anchor, found.to_positives, -queries[part]),
            ):
                of_key.index_add_(0, anchor, weights[:, columns].T @ rows_of)
    return total, count, (of_query / temperature + of_key).to(anchors.dtype)


def _own(keys: Keys) -> tuple[Tensor, Tensor]:
    """Which keys are anchors, and which anchors they are."""
    columns = (keys.anchor >= 0).nonzero().squeeze(1)
    return columns, keys.anchor[columns]


@dataclass(frozen=True)
class _Compared:
    """∂loss/∂similarity is `scale` · `to_negatives` (R, M) and −`to_positives` (R, P)."""

    loss: Tensor
    count: Tensor
    to_negatives: Tensor
    to_positives: Tensor
    scale: Tensor


def _compare(queries: Tensor, first: int, one: OneClass, negative_rows: Tensor, positive_rows: Tensor) -> _Compared:
    """R anchors of one class, the first of them number `first`, against all of their keys."""
    near = queries @ negative_rows.T
    near[:, one.own_start : one.own_stop] = -torch.inf
    others = near.shape[1] - (one.own_stop - one.own_start)
    if one.nearest is not None and one.nearest < others:
        least = near.kthvalue(near.shape[1] - one.nearest + 1, dim=1, keepdim=True).values
        near.masked_fill_(near < least, -torch.inf)
    largest = near.amax(1) if near.shape[1] else near.new_full((len(near),), -torch.inf)
    largest = torch.where(largest > -torch.inf, largest, 0)
    to_negatives = near.sub_(largest[:, None]).exp_()
    sum_of_negatives = to_negatives.sum(1)
    log_negatives = largest + sum_of_negatives.log()

    far = queries @ positive_rows.T
    itself = one.positives.anchor == torch.arange(first, first + len(queries), device=queries.device)[:, None]
    counts = ~itself
    if one.farthest is not None and one.farthest < far.shape[1]:
        most = far.masked_fill(itself, torch.inf).kthvalue(one.farthest, dim=1, keepdim=True).values
        counts &= far <= most
    number = counts.sum(1)
    used = (number > 0) & (sum_of_negatives > 0)
    share = torch.where(counts & used[:, None], 1 / number.clamp(min=1)[:, None].to(far.dtype), 0)
    against = log_negatives[:, None] - far
    # Where there is no negative, the logarithm is −∞ and both are 0.
    loss = (F.softplus(against, threshold=50.0) * share).sum()
    to_positives = against.sigmoid_() * share
    scale = torch.where(used, to_positives.sum(1) / torch.where(used, sum_of_negatives, 1), 0)
    return _Compared(loss, used.sum(), to_negatives, to_positives, scale)
