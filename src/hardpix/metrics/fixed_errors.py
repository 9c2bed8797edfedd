"""Δ mIoU of errors: the mIoU that the same predictions would have if some of their wrong pixels were corrected."""

import torch
from torch import Tensor

from hardpix.metrics.confusion import mean_iou
from hardpix.metrics.error_kinds import ErrorKind


def miou_if_fixed(confusion: Tensor, wrong: Tensor) -> Tensor:
    """mIoU after some wrong pixels were given their true class, exact, from counts.

    Correcting a pixel of true class t predicted as q adds a true positive to t and removes a false positive from q. The
    union of t holds the pixel either way. A class that is then in neither map leaves the mean.

    Args:
        confusion: (C, C) int64 counts, row true class, column predicted class.
        wrong: (..., C, C) int64, counted likewise: the pixels to correct, of those in ``confusion``. Its diagonal,
            pixels that are right, changes nothing.

    Returns:
        (...) float64.

    Example:
        >>> confusion = torch.tensor([[6, 2], [0, 2]])
        >>> miou_if_fixed(confusion, torch.zeros(2, 2).long())
        tensor(0.6250, dtype=torch.float64)
        >>> miou_if_fixed(confusion, torch.tensor([[0, 1], [0, 0]]))
        tensor(0.7708, dtype=torch.float64)
    """
    wrong = _off_diagonal(wrong)
    return _miou(confusion, more_hits=wrong.sum(-1), less_union=wrong.sum(-2))


def miou_if_fixed_by_kind(kinds: Tensor) -> Tensor:
    """mIoU with the errors of one kind corrected, for each kind.

    Args:
        kinds: (5, C, C), the counts of :class:`~hardpix.metrics.ErrorKinds`.

    Returns:
        (5,) float64, indexed by :class:`~hardpix.metrics.ErrorKind`; the first one, RIGHT, is the mIoU as it is.

    Example:
        >>> from hardpix.metrics import ErrorKind
        >>> kinds = torch.zeros(5, 2, 2).long()
        >>> kinds[ErrorKind.RIGHT] = torch.tensor([[6, 0], [0, 2]])
        >>> kinds[ErrorKind.CONFUSED] = torch.tensor([[0, 2], [0, 0]])
        >>> miou_if_fixed_by_kind(kinds)
        tensor([0.6250, 0.6250, 0.6250, 0.6250, 1.0000], dtype=torch.float64)
    """
    return miou_if_fixed(kinds.sum(0), kinds)


def miou_if_fixed_by_class(confusion: Tensor, wrong: Tensor) -> Tensor:
    """mIoU with the errors of one class corrected, for each class.

    These are its false negatives and its false positives, since both lower its IoU.

    Args:
        confusion: (C, C) int64 counts, row true class, column predicted class.
        wrong: (..., C, C), the pixels to correct: ``confusion`` itself for all errors, or the counts by kind.

    Returns:
        (..., C) float64.

    Example:
        >>> confusion = torch.tensor([[6, 2, 0], [0, 2, 0], [0, 1, 1]])
        >>> miou_if_fixed_by_class(confusion, confusion)
        tensor([0.7222, 1.0000, 0.7500], dtype=torch.float64)
    """
    wrong = _off_diagonal(wrong)
    return _miou_if_fixed_by_class(confusion, wrong, wrong)


def miou_if_fixed_by_class_and_kind(kinds: Tensor) -> Tensor:
    """mIoU with the errors of one class and kind corrected, where each wrong pixel counts for one class alone.

    The classes are those of :func:`errors_by_class`.

    Args:
        kinds: (5, C, C), the counts of :class:`~hardpix.metrics.ErrorKinds`.

    Returns:
        (5, C) float64, indexed by :class:`~hardpix.metrics.ErrorKind`; the first, RIGHT, which has nothing to correct,
        is that of all kinds together.

    Example:
        >>> kinds = torch.zeros(5, 2, 2).long()
        >>> kinds[0] = torch.tensor([[6, 0], [0, 2]])
        >>> kinds[4] = torch.tensor([[0, 2], [0, 0]])
        >>> miou_if_fixed_by_class_and_kind(kinds)[[0, 3, 4]]
        tensor([[1.0000, 0.6250],
                [0.6250, 0.6250],
                [1.0000, 0.6250]], dtype=torch.float64)
    """
    own, called = _counted_once(kinds)
    for part in (own, called):
        part[ErrorKind.RIGHT] = part[1:].sum(0)
    return _miou_if_fixed_by_class(kinds.sum(0), own, called)


def errors_by_class(kinds: Tensor) -> Tensor:
    """Wrong pixels by kind and class, each counted once.

    A false response counts for its predicted class, any other error for its true class. Otherwise false responses would
    count against the background that they are predicted on.

    Args:
        kinds: (5, C, C), the counts of :class:`~hardpix.metrics.ErrorKinds`.

    Returns:
        (5, C) int64, indexed by :class:`~hardpix.metrics.ErrorKind`; nothing is RIGHT.

    Example:
        >>> kinds = torch.zeros(5, 2, 2).long()
        >>> kinds[2, 0, 1], kinds[3, 0, 1] = 30, 4  # missed objects of class 0, false responses called class 1
        >>> errors_by_class(kinds)[2:4]
        tensor([[30,  0],
                [ 0,  4]])
    """
    own, called = _counted_once(kinds)
    return own.sum(2) + called.sum(1)


def _counted_once(kinds: Tensor) -> tuple[Tensor, Tensor]:
    """(5, C, C) each: wrong pixels that count for their true class, and for their predicted class."""
    own, called = _off_diagonal(kinds), torch.zeros_like(kinds)
    called[ErrorKind.FALSE_RESPONSE] = own[ErrorKind.FALSE_RESPONSE]
    own[[ErrorKind.RIGHT, ErrorKind.FALSE_RESPONSE]] = 0
    return own, called


def _miou_if_fixed_by_class(confusion: Tensor, own: Tensor, called: Tensor) -> Tensor:
    """(..., C): `own` is corrected with the true class of its pixels, `called` with their predicted one."""
    return _miou(
        confusion,
        more_hits=called.mT + own.sum(-1).diag_embed(),
        less_union=own + called.sum(-2).diag_embed(),
    )


def miou_if_fixed_by_pair(confusion: Tensor, wrong: Tensor) -> Tensor:
    """mIoU with the confusions of two classes corrected, in both directions, for each pair.

    Args:
        confusion: (C, C) int64 counts, row true class, column predicted class.
        wrong: (C, C), the pixels to correct: ``confusion`` itself for all errors, or the counts of one kind.

    Returns:
        (C, C) float64, symmetric; the mIoU as it is on the diagonal.

    Example:
        >>> confusion = torch.tensor([[6, 2, 0], [0, 2, 0], [0, 1, 1]])
        >>> miou_if_fixed_by_pair(confusion, confusion)
        tensor([[0.5500, 0.7222, 0.5500],
                [0.7222, 0.5500, 0.7500],
                [0.5500, 0.7500, 0.5500]], dtype=torch.float64)
    """
    wrong = _off_diagonal(wrong)
    hits = confusion.diagonal()
    union = confusion.sum(0) + confusion.sum(1) - hits
    # For the class of the row: hits gained from the class of the column, and pixels that leave its union.
    fixed_union = union[:, None] - wrong.mT
    corrected = (hits[:, None] + wrong).double() / fixed_union.double()
    before = (hits.double() / union.double()).nan_to_num()[:, None]
    gain = corrected.nan_to_num() - before
    # A class that is left in neither map leaves the mean.
    gone = ((fixed_union == 0) & (union[:, None] > 0)).double()
    gain, gone = gain + gain.mT, gone + gone.mT
    apart = 1 - torch.eye(len(wrong), dtype=torch.float64, device=wrong.device)
    gain, gone = gain * apart, gone * apart
    fixed = (before.sum() + gain) / ((union > 0).sum() - gone)
    return _never_less(fixed, mean_iou(confusion), changed=(gain > 0) | (gone > 0))


def miou_if_fixed_by_size(by_band: Tensor) -> Tensor:
    """mIoU with all errors in objects of one size corrected, for each size band.

    Args:
        by_band: (S, C, C), the confusion of :class:`~hardpix.metrics.ObjectCounts`: pixels by the band of the component
            of the truth that they lie in.

    Returns:
        (S,) float64.

    Example:
        >>> miou_if_fixed_by_size(torch.tensor([[[0, 1], [0, 1]], [[6, 1], [0, 1]]]))
        tensor([0.7708, 0.7708], dtype=torch.float64)
    """
    return miou_if_fixed(by_band.sum(0), by_band)


def _off_diagonal(counts: Tensor) -> Tensor:
    return counts - counts.diagonal(dim1=-2, dim2=-1).diag_embed()


def _miou(confusion: Tensor, more_hits: Tensor, less_union: Tensor) -> Tensor:
    """(...) float64 from changes of the hits and unions of all classes, (..., C)."""
    hits = confusion.diagonal()
    union = confusion.sum(0) + confusion.sum(1) - hits
    fixed = ((hits + more_hits).double() / (union - less_union).double()).nanmean(-1)
    return _never_less(fixed, mean_iou(confusion), changed=(more_hits > 0).any(-1) | (less_union > 0).any(-1))


def _never_less(fixed: Tensor, now: Tensor, changed: Tensor) -> Tensor:
    """Exactly the mIoU as it is where nothing is corrected, and no less where something is.

    Every correction raises an IoU or takes one of 0 out of the mean. But the same mean, summed in another order, may
    round to less, and a class without an error would seem to cost something.
    """
    return torch.where(changed, fixed.maximum(now), now)
