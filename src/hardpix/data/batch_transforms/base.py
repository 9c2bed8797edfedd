"""The contract of batch transforms.

A batch is a dict as `hardpix.data.collate` makes it: image (B, 3, H, W), normalized; as far as the data have them
target (B, H, W) int64, depth, weight and target_weight (B, H, W); and lists such as stem.

A batch transform takes a batch and a partner, and returns a new batch; neither is changed. Methods that mix take pixels
of the partner; None lets each image take them of the one before it in its own batch. The others ignore the partner.

Any function of this form is one:

    >>> def flipped(batch, partner=None):
    ...     return batch | {"image": batch["image"].flip(-1), "target": batch["target"].flip(-1)}
    >>> import torch
    >>> flipped({"image": torch.zeros(1, 3, 1, 2), "target": torch.tensor([[[0, 1]]])})["target"]
    tensor([[[1, 0]]])

One that draws is best a `SeededTransform`.
"""

from collections.abc import Callable
from typing import Any

Batch = dict[str, Any]
BatchTransform = Callable[[Batch, Batch | None], Batch]
