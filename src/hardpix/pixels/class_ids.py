"""Class ids in one type, whatever type they came in."""

import torch
from torch import Tensor


def class_ids(labels: Tensor, name: str = "target") -> Tensor:
    """Labels as int64.

    torch compares a tensor with a number in the tensor's own type, where 256 classes are 0 and −1 is 255. Labels are
    therefore widened before anything is compared with them.

    Args:
        labels: integers or booleans of any shape.
        name: of the labels, for the error.

    Returns:
        int64 of the same shape; the tensor itself where it is of that type.

    Raises:
        ValueError: labels that are not whole numbers.

    Example:
        >>> labels = torch.tensor([200, 255], dtype=torch.uint8)
        >>> (labels < 256).tolist(), (class_ids(labels) < 256).tolist()
        ([False, False], [True, True])
    """
    if labels.is_floating_point() or labels.is_complex():
        raise ValueError(f"expected integer class ids in {name}, found {labels.dtype}; call {name}.long()")
    wide = labels.long()
    # Beyond int64 there are no classes, and no negative ids either.
    return torch.where(wide < 0, torch.iinfo(torch.int64).max, wide) if labels.dtype == torch.uint64 else wide


def require_batch(labels: Tensor, name: str = "target") -> None:
    """Refuse what is not one map for each image of a batch.

    Raises:
        ValueError: labels that are not (B, H, W).

    Example:
        >>> require_batch(torch.zeros(4, 6))
        Traceback (most recent call last):
        ...
        ValueError: expected target of shape (B, H, W), found (4, 6); for a single image write target[None]
    """
    if labels.ndim == 2:
        raise ValueError(
            f"expected {name} of shape (B, H, W), found {tuple(labels.shape)}; for a single image write {name}[None]"
        )
    if labels.ndim != 3:
        raise ValueError(
            f"expected {name} of shape (B, H, W), found {tuple(labels.shape)}; labels have no channel axis"
        )
    if 0 in labels.shape[1:]:
        raise ValueError(f"expected {name} with at least one pixel an image, found shape {tuple(labels.shape)}")
