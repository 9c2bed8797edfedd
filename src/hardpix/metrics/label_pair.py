"""The two label maps of one image, checked, in the smallest type, with one mark for what is unlabeled."""

import math
from typing import NamedTuple

import numpy as np

from hardpix.pixels.shares import as_fraction


class LabelPair(NamedTuple):
    """Prediction and truth of one image.

    Both hold ``ignore_index``, the largest value of their type, where truth has no label. There the prediction counts
    as unlabeled too, so that neither has a border or a part there.
    """

    prediction: np.ndarray  # (H, W) uint8 or uint16
    target: np.ndarray  # the same
    valid: np.ndarray  # (H, W) bool: labeled
    num_classes: int


def ignore_index_of(labels: np.ndarray) -> int:
    """Value of unlabeled pixels in a checked map: the largest one of its type."""
    return int(np.iinfo(labels.dtype).max)


def label_pair(prediction: np.ndarray, target: np.ndarray, num_classes: int, ignore_index: int = 255) -> LabelPair:
    """Check two label maps of one image and bring them to uint8, or to uint16 from 256 classes on.

    Args:
        prediction: (H, W) integers from 0 to C − 1; anything where target is ``ignore_index``.
        target: (H, W) integers from 0 to C − 1, or ``ignore_index``.
        num_classes: C, at most 65535.
        ignore_index: the id of unlabeled pixels.

    Raises:
        ValueError: shapes that differ or are not (H, W) with at least one pixel; ids that are no integers or outside
            the classes.

    Example:
        >>> label_pair(np.array([[1, 7]]), np.array([[0, -1]]), num_classes=2, ignore_index=-1).prediction
        array([[  1, 255]], dtype=uint8)
    """
    if prediction.shape != target.shape:
        raise ValueError(f"expected prediction and target of one shape, found {prediction.shape} and {target.shape}")
    narrow_target, valid = labeled(target, num_classes, ignore_index)
    narrow_prediction = _narrow("prediction", prediction, valid, num_classes, ignore_index)
    return LabelPair(narrow_prediction, narrow_target, valid, num_classes)


def labeled(target: np.ndarray, num_classes: int, ignore_index: int = 255) -> tuple[np.ndarray, np.ndarray]:
    """The truth alone as :func:`label_pair` has it, and which of its pixels are labeled.

    Example:
        >>> labeled(np.array([[0, -1]]), num_classes=2, ignore_index=-1)
        (array([[  0, 255]], dtype=uint8), array([[ True, False]]))
    """
    if target.ndim != 2 or target.size == 0:
        raise ValueError(f"expected the maps of one image, (H, W) with at least one pixel, found {target.shape}")
    if not 1 <= num_classes <= 65535:
        raise ValueError(f"expected from 1 to 65535 classes, found {num_classes}")
    valid = target != ignore_index
    return _narrow("target", target, valid, num_classes, ignore_index), valid


def _narrow(name: str, ids: np.ndarray, valid: np.ndarray, num_classes: int, ignore_index: int) -> np.ndarray:
    if ids.dtype.kind not in "iu":
        raise ValueError(f"expected integer class ids in {name}, found {ids.dtype}")
    # Unlabeled pixels of a prediction may hold anything.
    unknown = (ids >= num_classes) & valid
    if ids.dtype.kind == "i":
        unknown |= (ids < 0) & valid
    if unknown.any():
        raise ValueError(
            f"expected ids from 0 to {num_classes - 1} in prediction and target (or ignore_index {ignore_index} in "
            f"target), found others in {int(unknown.sum())} pixels of the {name}"
        )
    kind: type[np.unsignedinteger] = np.uint8 if num_classes <= 255 else np.uint16
    return np.where(valid, ids.astype(kind, copy=False), kind(np.iinfo(kind).max))


def tally(kind: np.ndarray, kinds: int, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Number of labeled pixels of each kind and class, in one histogram.

    Args:
        kind: (H, W) integers from 0 to K − 1, or boolean.
        kinds: K.
        labels: (H, W) uint8 or uint16 class ids; values from C on are no labels.
        num_classes: C.

    Returns:
        (K, C) int64.

    Example:
        >>> labels = np.array([[0, 1, 1, 255]], dtype=np.uint8)
        >>> tally(np.array([[True, True, False, True]]), 2, labels, num_classes=2)
        array([[0, 1],
               [1, 1]])
    """
    columns = num_classes + 1
    code = kind.astype(np.min_scalar_type(kinds * columns)) * columns + np.minimum(labels, num_classes)
    counts = np.bincount(code.ravel(), minlength=kinds * columns)
    return counts.reshape(kinds, columns)[:, :num_classes]


def length_in_pixels(length: float, shape: tuple[int, ...]) -> int:
    """A length that is given in pixels, or as a share of the diagonal of an image of (H, W).

    A share is rounded to whole pixels, to the even one from the middle, and is at least 1, as Boundary IoU's published
    code has it. Here the middle is exact: 0.7 of a diagonal of 85 is 59.5 and becomes 60, where floats have 59.49999.

    Args:
        length: below 1 a share of the diagonal, from 1 on whole pixels.
        shape: (H, W).

    Raises:
        ValueError: a length that is not positive, or neither a share nor whole pixels.

    Example:
        >>> length_in_pixels(0.02, (1024, 2048)), length_in_pixels(3, (1024, 2048))
        (46, 3)
    """
    if 0 < length < 1:
        squared = sum(side**2 for side in shape)
        whole = math.isqrt(squared)
        # Only a share of a whole number can lie exactly in the middle between two.
        return max(1, round(as_fraction(length) * whole if whole**2 == squared else length * math.sqrt(squared)))
    if length < 1 or length != int(length):
        raise ValueError(f"expected a share of the diagonal between 0 and 1, or whole pixels from 1 on, found {length}")
    return int(length)
