"""Label maps in the smallest type, with one code for unlabelled pixels."""

import numpy as np
from numpy.typing import NDArray


def coded_pair(
    prediction: NDArray[np.integer], target: NDArray[np.integer], num_classes: int, ignore_index: int = 255
) -> tuple[NDArray[np.unsignedinteger], NDArray[np.unsignedinteger]]:
    """Prediction and target of one image as uint8 (uint16 from 256 classes on), checked; C where unlabelled, in both.

    Args:
        prediction: (H, W) integer class ids; pixels that are unlabelled in the target may hold anything.
        target: (H, W) integer class ids or ``ignore_index``.
        num_classes: C.
        ignore_index: the id of unlabelled pixels.

    Raises:
        ValueError: shapes that differ or are not (H, W); values that are no integers; ids outside the classes.

    Example:
        >>> coded_pair(np.array([[0, 7, 1]]), np.array([[1, 255, 1]]), num_classes=2)
        (array([[0, 2, 1]], dtype=uint8), array([[1, 2, 1]], dtype=uint8))
    """
    if prediction.shape != target.shape or target.ndim != 2:
        raise ValueError(
            f"expected prediction and target of one shape (H, W), found {prediction.shape} and {target.shape}"
        )
    for name, ids in (("prediction", prediction), ("target", target)):
        if not np.issubdtype(ids.dtype, np.integer):
            raise ValueError(f"expected integer class ids in {name}, found {ids.dtype}")
    labelled = target != ignore_index
    known = (prediction >= 0) & (prediction < num_classes) & (target >= 0) & (target < num_classes)
    unknown = np.count_nonzero(labelled > known)
    if unknown:
        raise ValueError(
            f"expected ids from 0 to {num_classes - 1} in prediction and target (or ignore_index {ignore_index} in "
            f"target), found others in {unknown} pixels"
        )
    code = np.uint8 if num_classes < 256 else np.uint16
    unlabelled = code(num_classes)
    return (
        np.where(labelled, prediction.astype(code, copy=False), unlabelled),
        np.where(labelled, target.astype(code, copy=False), unlabelled),
    )
