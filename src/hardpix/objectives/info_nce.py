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
    """Vectors that anchors are compared with: (K, D) rows, and for each the number of the anchor that it is, (K,).

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


# Similarities held at once: few enough for memory (32 MiB), enough for fast products.
BLOCK = 1 << 23
# So many of the others tell where their nearest tenth begins, within 1.3 % of them: searching all costs as much as the
# products do.
SAMPLE = 512


def info_nce(
    anchors: Tensor,
    classes: Sequence[OneClass],
    negatives: Keys,
    temperature: float,
    *,
    exact: bool = True,
    block: int = BLOCK,
) -> tuple[Tensor, Tensor]:
    """Σ over anchors of the mean over positives of −log(e^{i·p/τ} / (e^{i·p/τ} + Σ_n e^{i·n/τ})), and their number.

    Anchors without a positive or without a negative do not count, and no anchor is its own positive. Value and gradient
    are computed block by block in the forward pass, in float32 or wider whatever autocast says. The memory is that of
    one block and of one gradient of the anchors.

    Args:
        anchors: (A, D), class after class.
        classes: those that have anchors.
        negatives: of all classes, class after class.
        temperature: τ.
        exact: whether as many keys count as `nearest` and `farthest` say; otherwise about as many where there are
            thousands of them, a class's in random order.
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
    return _InfoNCE.apply(anchors, classes, negatives, temperature, exact, block)


class _InfoNCE(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        anchors: Tensor,
        classes: Sequence[OneClass],
        negatives: Keys,
        temperature: float,
        exact: bool,
        block: int,
    ) -> tuple[Tensor, Tensor]:
        with torch.autocast(anchors.device.type, enabled=False):
            total, count, gradient = _value_and_gradient(anchors, classes, negatives, temperature, exact, block)
        ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(count)
        return total, count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_total: Tensor, grad_count: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * grad_total, None, None, None, None, None


def _value_and_gradient(
    anchors: Tensor, classes: Sequence[OneClass], negatives: Keys, temperature: float, exact: bool, block: int
) -> tuple[Tensor, Tensor, Tensor]:
    wide = torch.promote_types(anchors.dtype, torch.float32)
    # Divided by τ here, once, and not in every similarity.
    queries = anchors.to(wide) / temperature
    total, count = queries.new_zeros(()), queries.new_zeros(())
    of_query, of_key = torch.zeros_like(queries), torch.zeros_like(queries)
    negative_rows, negative_of_anchor = negatives.rows.to(wide), _own(negatives)
    for one in classes:
        positive_rows, positive_of_anchor = one.positives.rows.to(wide), _own(one.positives)
        # Place of each anchor among the positives.
        itself = torch.full((one.stop - one.start,), -1, device=queries.device)
        itself[positive_of_anchor[1] - one.start] = positive_of_anchor[0]
        rows = max(block // max(len(negative_rows) + len(positive_rows), 1), 16)
        for start in range(one.start, one.stop, rows):
            part = slice(start, min(start + rows, one.stop))
            found = _compare(
                queries[part],
                itself[part.start - one.start : part.stop - one.start],
                one,
                negative_rows,
                positive_rows,
                exact,
            )
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
    """Keys that are anchors, and the anchors that they are."""
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


def _compare(
    queries: Tensor, itself: Tensor, one: OneClass, negative_rows: Tensor, positive_rows: Tensor, exact: bool
) -> _Compared:
    """R anchors of one class against all of their keys; `itself` (R,) is which of the positives each is, or −1."""
    near = queries @ negative_rows.T
    own = slice(one.own_start, one.own_stop)
    others = near.shape[1] - (own.stop - own.start)
    near[:, own] = -torch.inf
    largest = near.amax(1, keepdim=True) if others else near.new_zeros(len(near), 1)
    # Numbers in place of booleans: products of the two are slow.
    counts = torch.empty_like(near)
    if one.nearest is not None and one.nearest < others:
        torch.ge(near, _kth(near, one.nearest, own, exact, largest=True), out=counts)
    else:
        torch.gt(near, -torch.inf, out=counts)
    # exp is slow at infinity.
    near[:, own] = largest
    to_negatives = near.sub_(largest).exp_().mul_(counts)
    sum_of_negatives = to_negatives.sum(1)
    log_negatives = largest.squeeze(1) + sum_of_negatives.log()

    far = queries @ positive_rows.T
    rows = (itself >= 0).nonzero().squeeze(1)
    far[rows, itself[rows]] = torch.inf
    counts = torch.empty_like(far)
    if one.farthest is not None and one.farthest < far.shape[1]:
        farthest = _kth(far, one.farthest, slice(0, 0), exact, largest=False)
        torch.le(far, farthest.clamp(max=torch.finfo(far.dtype).max), out=counts)
    else:
        torch.lt(far, torch.inf, out=counts)
    far[rows, itself[rows]] = 0
    number = counts.sum(1)
    used = (number > 0) & (sum_of_negatives > 0)
    share = counts * torch.where(used, 1 / number.clamp(min=1), 0)[:, None]
    # Where there is no negative, the logarithm is −∞ and both are 0.
    against = log_negatives[:, None] - far
    loss = (F.softplus(against, threshold=50.0) * share).sum()
    to_positives = against.sigmoid_() * share
    scale = torch.where(used, to_positives.sum(1) / torch.where(used, sum_of_negatives, 1), 0)
    return _Compared(loss, used.sum(), to_negatives, to_positives, scale)


def _kth(values: Tensor, k: int, left_out: slice, exact: bool, largest: bool) -> Tensor:
    """(R, 1): of each row of (R, N) the k-th smallest or largest, or about so by every n-th value of a long row."""
    count = values.shape[1] - (left_out.stop - left_out.start)
    step = 1 if exact else max(count // SAMPLE, 1)
    if step > 1:
        # Not of the whole row: among thousands that are left out a sample may miss the few others.
        columns = torch.arange(0, count, step, device=values.device)
        columns += (columns >= left_out.start) * (left_out.stop - left_out.start)
        values = values.index_select(1, columns)
        k = max(round(k * len(columns) / count), 1)
    return values.topk(k, dim=1, largest=largest).values[:, -1:]
