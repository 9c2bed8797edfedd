"""The contract of batch transforms.

A batch is a dict as `hardpix.data.collate` makes it. It has image (B, 3, H, W), normalized, and lists such as stem.
As far as the data have them, it has target (B, H, W) int64, and depth, weight and target_weight (B, H, W).

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
