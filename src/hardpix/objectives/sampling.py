"""Random draws by group in whole-batch tensor operations: no loop over images or classes."""

import math

import torch
from torch import Generator, Tensor

# Random bits below the group in a sort key.
_BITS = 40


def draw_by_group(
    group: Tensor, num_groups: int, per_group: int, generator: Generator, first: Tensor | None = None
) -> Tensor:
    """Up to ``per_group`` random members of every group, half of them from those that come first.

    Of a group with p preferred members (``first``) and q others, min(p, max(K/2, K − q)) preferred ones are drawn and
    the rest of the K from the others: where one half is short, the other fills up.

    Args:
        group: (N,) integers from 0 to ``num_groups`` − 1; others belong to no group.
        num_groups: G.
        per_group: K.
        generator: of the random numbers, on the device of ``group``.
        first: (N,) boolean; None prefers nobody.

    Returns:
        (M,) int64 positions of those drawn, group by group.

    Example:
        >>> group = torch.tensor([0, 0, 0, 1, 1, 7])
        >>> hard = torch.tensor([False, True, False, False, False, True])
        >>> drawn = draw_by_group(group, 2, per_group=2, generator=torch.Generator(), first=hard)
        >>> group[drawn].tolist(), 1 in drawn.tolist()
        ([0, 0, 1, 1], True)
    """
    # Half 0 is of no group; 2g + 1 the preferred members of group g, 2g + 2 the others.
    half = torch.where((group >= 0) & (group < num_groups), group * 2 + (1 if first is None else 2), 0)
    if first is not None:
        half -= (first & (half > 0)).long()
    sizes = torch.bincount(half, minlength=2 * num_groups + 1)
    preferred, others = sizes[1::2], sizes[2::2]
    of_preferred = torch.minimum(preferred, (per_group - others).clamp(min=(per_group + 1) // 2))
    if first is None:
        of_preferred = preferred.clamp(max=per_group)
    quota = torch.stack([of_preferred, torch.minimum(others, per_group - of_preferred)], 1).flatten()
    quota = torch.cat([quota.new_zeros(1), quota])
    noise = _noise(half, generator)
    # The drawn ones are the lowest of their half. But once in 10¹⁵ times they are below this limit, which spares the
    # sort all others.
    limit = (per_group + 10 * math.sqrt(per_group) + 30) / sizes * (1 << _BITS)
    limit[0] = 0
    # index_select is several times faster than indexing.
    low = (noise < limit.index_select(0, half)).nonzero().squeeze(1)
    order, ordered = _sort(half[low], noise[low])
    sizes = torch.bincount(ordered, minlength=2 * num_groups + 1)
    place_in_half = torch.arange(len(ordered), device=group.device) - (sizes.cumsum(0) - sizes)[ordered]
    return low[order[place_in_half < quota[ordered]]]


def sort_by_group_at_random(group: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Positions sorted by group, at random within each, and the groups in that order.

    Args:
        group: (N,) integers from 0 to 2²³ − 1.
        generator: of the random numbers, on the device of ``group``.
    """
    return _sort(group, _noise(group, generator))


def _noise(group: Tensor, generator: Generator) -> Tensor:
    return torch.randint(1 << _BITS, group.shape, generator=generator, device=group.device)


def _sort(group: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    keys, order = ((group << _BITS) | noise).sort()
    return order, keys >> _BITS
