"""Scores from one confusion matrix of counts."""

import torch
from torch import Tensor

from hardpix.pixels.class_ids import class_ids


def confusion_matrix(prediction: Tensor, target: Tensor, num_classes: int, ignore_index: int = 255) -> Tensor:
    """Number of pixels by true and predicted class.

    Args:
        prediction: class ids from 0 to C − 1, integers of any type and shape.
        target: the same shape; pixels that hold ``ignore_index`` are left out.
        num_classes: C.
        ignore_index: the id of unlabeled pixels.

    Returns:
        (C, C) int64: row true class, column predicted class.

    Raises:
        ValueError: shapes that differ; labels that are not integers; ids outside the classes.

    Example:
        >>> confusion_matrix(torch.tensor([0, 1, 1, 1]), torch.tensor([0, 0, 1, 255]), num_classes=2)
        tensor([[1, 1],
                [0, 1]])
    """
    require_one_shape(prediction, target)
    target, prediction = class_ids(target), class_ids(prediction, "prediction")
    valid = target != ignore_index
    truth, guess = target[valid], prediction[valid]
    for name, ids in (("target", truth), ("prediction", guess)):
        if ids.numel() and not 0 <= int(ids.min()) <= int(ids.max()) < num_classes:
            raise ValueError(
                f"expected ids from 0 to {num_classes - 1} in {name} (or ignore_index {ignore_index} in target), "
                f"found {int(ids.min())} to {int(ids.max())}"
            )
    return torch.bincount(truth * num_classes + guess, minlength=num_classes**2).reshape(num_classes, num_classes)


def class_iou(confusion: Tensor) -> Tensor:
    """Intersection over union of every class: TP / (TP + FP + FN), over the whole set that was counted.

    Args:
        confusion: (C, C) counts, row true class, column predicted class.

    Returns:
        (C,) float64; NaN for a class that is neither in the truth nor predicted.

    Example:
        >>> class_iou(torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))
        tensor([0.5000, 0.5000,    nan], dtype=torch.float64)
    """
    counts = confusion.double()
    hits = counts.diagonal()
    return hits / (counts.sum(0) + counts.sum(1) - hits)


def mean_iou(confusion: Tensor) -> Tensor:
    """mIoU: the mean of :func:`class_iou` over the classes that are in the truth or predicted; NaN where none is.

    Example:
        >>> mean_iou(torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))
        tensor(0.5000, dtype=torch.float64)
    """
    return class_iou(confusion).nanmean()


def pixel_accuracy(confusion: Tensor) -> Tensor:
    """Share of the labeled pixels whose class is right; NaN where nothing was counted.

    Example:
        >>> pixel_accuracy(torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))
        tensor(0.6667, dtype=torch.float64)
    """
    return confusion.diagonal().sum().double() / confusion.sum().double()


def class_accuracy(confusion: Tensor) -> Tensor:
    """Accuracy of every class, its recall: the share of its true pixels that are right, TP / (TP + FN).

    Args:
        confusion: (C, C) counts, row true class, column predicted class.

    Returns:
        (C,) float64; NaN for a class that is not in the truth.

    Example:
        >>> class_accuracy(torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))
        tensor([0.5000, 1.0000,    nan], dtype=torch.float64)
    """
    counts = confusion.double()
    return counts.diagonal() / counts.sum(1)


def mean_accuracy(confusion: Tensor) -> Tensor:
    """The mean of :func:`class_accuracy` over the classes in the truth; NaN where none is.

    Example:
        >>> mean_accuracy(torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))
        tensor(0.7500, dtype=torch.float64)
    """
    return class_accuracy(confusion).nanmean()


def class_precision(confusion: Tensor) -> Tensor:
    """Precision of every class: the share of the pixels predicted as it that are right, TP / (TP + FP).

    Returns:
        (C,) float64; NaN for a class that is never predicted.

    Example:
        >>> class_precision(torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))
        tensor([1.0000, 0.5000,    nan], dtype=torch.float64)
    """
    counts = confusion.double()
    return counts.diagonal() / counts.sum(0)


def class_dice(confusion: Tensor) -> Tensor:
    """Dice, or F1, of every class: 2 TP / (2 TP + FP + FN) = 2 IoU / (1 + IoU), over the whole set that was counted.

    Returns:
        (C,) float64; NaN for a class that is neither in the truth nor predicted.

    Example:
        >>> class_dice(torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))
        tensor([0.6667, 0.6667,    nan], dtype=torch.float64)
    """
    counts = confusion.double()
    return 2 * counts.diagonal() / (counts.sum(0) + counts.sum(1))


def mean_dice(confusion: Tensor) -> Tensor:
    """The mean of :func:`class_dice` over the classes that are in the truth or predicted; NaN where none is.

    Example:
        >>> mean_dice(torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))
        tensor(0.6667, dtype=torch.float64)
    """
    return class_dice(confusion).nanmean()


def frequency_weighted_iou(confusion: Tensor) -> Tensor:
    """The mean of :func:`class_iou` weighted by the classes' shares of the true pixels; NaN where there are none.

    A class that is predicted but not in the truth has no weight of its own.

    Example:
        >>> frequency_weighted_iou(torch.tensor([[1, 1, 0], [0, 1, 0], [0, 0, 0]]))
        tensor(0.5000, dtype=torch.float64)
    """
    pixels = confusion.sum(1).double()
    return (pixels * class_iou(confusion)).nansum() / pixels.sum()


def require_one_shape(prediction: Tensor, target: Tensor) -> None:
    """Refuse maps that differ in shape.

    Raises:
        ValueError: they do.
    """
    if prediction.shape != target.shape:
        raise ValueError(
            f"expected prediction and target of one shape, found {tuple(prediction.shape)} and {tuple(target.shape)}"
        )
