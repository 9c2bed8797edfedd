"""What the metrics of one image ask of a label map, and the small integers they work in."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor


def narrow_target(target: np.ndarray, num_classes: int, ignore_index: int) -> tuple[np.ndarray, np.ndarray]:
    """A target in the smallest type, and which of its pixels are labelled.

    Args:
        target: (H, W) integer class ids or ``ignore_index``.

    Returns:
        (H, W) uint8 for up to 255 classes, else uint16, the type's largest number where unlabelled; (H, W) boolean.

    Raises:
        ValueError: not two axes; no integers; ids outside the classes.
    """
    if target.ndim != 2:
        raise ValueError(f"expected one label map (H, W), found the shape {target.shape}")
    valid = target != ignore_index
    return _narrow(target, valid, num_classes, ignore_index), valid


def narrow_pair(
    prediction: np.ndarray, target: np.ndarray, num_classes: int, ignore_index: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As :func:`narrow_target`, for prediction and target; unlabelled pixels are unlabelled in both.

    Raises:
        ValueError: shapes that differ or have not two axes; no integers; ids outside the classes.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"expected prediction and target of one shape, found {prediction.shape} and {target.shape}")
    truth, valid = narrow_target(target, num_classes, ignore_index)
    return _narrow(prediction, valid, num_classes, ignore_index), truth, valid


def _narrow(labels: np.ndarray, valid: np.ndarray, num_classes: int, ignore_index: int) -> np.ndarray:
    if labels.dtype.kind not in "iu":
        raise ValueError(f"expected integer class ids, found {labels.dtype}")
    if num_classes > 65535:
        raise ValueError(f"expected at most 65535 classes, found {num_classes}")
    kind = np.uint8 if num_classes <= 255 else np.uint16
    # Unlabelled pixels of a prediction may hold anything.
    foreign = (labels >= num_classes) & valid
    if labels.dtype.kind == "i":
        foreign |= (labels < 0) & valid
    if foreign.any():
        raise ValueError(
            f"expected ids from 0 to {num_classes - 1} in prediction and target (or ignore_index {ignore_index} in "
            f"target), found others in {int(foreign.sum())} pixels"
        )
    return np.where(valid, labels, np.iinfo(kind).max).astype(kind)


def images_of(*maps: Tensor) -> Iterator[tuple[np.ndarray, ...]]:
    """The images of a batch, one after the other, each as numpy arrays on the CPU.

    Args:
        maps: (B, H, W) or (B, C, H, W) each.

    Raises:
        ValueError: batches, heights or widths that differ; other axes.
    """
    shapes = [tuple(tensor.shape) for tensor in maps]
    if any(len(shape) not in (3, 4) for shape in shapes) or len({(shape[0], *shape[-2:]) for shape in shapes}) > 1:
        raise ValueError(
            f"expected maps of one batch, height and width, (B, H, W), found {' and '.join(map(str, shapes))}"
        )
    # numpy has no bfloat16.
    arrays = [(tensor.float() if tensor.dtype == torch.bfloat16 else tensor).detach().cpu().numpy() for tensor in maps]
    return zip(*arrays, strict=True)
