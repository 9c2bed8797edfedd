"""What segmentation networks return."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def read_output(output: Any) -> tuple[Tensor, list[Tensor]]:
    """The logits in what a model returned, and auxiliary logits that came with them."""
    logits, auxiliary = output, []
    if isinstance(output, Mapping):
        logits = output.get("logits", output.get("out"))
        auxiliary = [output["aux"]] if "aux" in output else []
    elif isinstance(output, list | tuple) and output:
        logits = output[0]
    if not isinstance(logits, Tensor):
        found = f"keys {list(output)}" if isinstance(output, Mapping) else type(output).__name__
        raise TypeError(
            "expected the model to return logits: a tensor, the first of a tuple or list, or 'logits' or 'out' of a "
            f"mapping; found {found}"
        )
    if logits.ndim != 4:
        raise ValueError(f"expected logits of shape (B, C, h, w), found {tuple(logits.shape)}")
    return logits, auxiliary
