"""A look at the first steps of a training: logits that are none, and binary targets of the ids 0 and 255."""

import warnings

from torch import Tensor, nn

from hardpix.networks.probabilities import ends_in, explain_probabilities, looks_like
from hardpix.pixels.percent import percent

_LAST_LOOK = 8


class OutputWatch:
    """Warns once where a network returns probabilities, or the foreground of binary targets is never seen.

    It looks at steps 1, 2, 4 and 8 alone: at each the host waits for the device. Values from 0 to 1 may be logits of an
    untrained network, so that a sigmoid which the graph does not show must be there at every look.
    """

    def __init__(self) -> None:
        self._steps = 0
        self._said = False
        self._always_within = True
        self._ignored_shares: list[float] = []
        self._foreground = False

    def __call__(self, model: nn.Module, logits: Tensor, target: Tensor, ignore_index: int) -> None:
        """Look at the logits (B, C, H, W) and the target (B, H, W) of one step."""
        self._steps += 1
        if self._steps > _LAST_LOOK or self._steps & (self._steps - 1):
            return
        if not self._said:
            self._look_at_logits(model, logits)
        if logits.shape[1] == 2:
            self._look_at_target(target, ignore_index)

    def _look_at_logits(self, model: nn.Module, logits: Tensor) -> None:
        found = looks_like(logits)
        self._always_within &= found is not None
        certain = found == "softmax" or (found == "sigmoid" and ends_in(logits) == "sigmoid")
        if found is not None and (certain or (self._steps == _LAST_LOOK and self._always_within)):
            self._said = True
            warnings.warn(explain_probabilities(found, model), stacklevel=2)

    def _look_at_target(self, target: Tensor, ignore_index: int) -> None:
        self._foreground |= bool((target == 1).any())
        self._ignored_shares.append((target == ignore_index).double().mean().item())
        share = sum(self._ignored_shares) / len(self._ignored_shares)
        if self._steps == _LAST_LOOK and not self._foreground and share > 0:
            warnings.warn(
                f"expected targets of the classes 0 and 1, found no pixel of class 1 in {len(self._ignored_shares)} of "
                f"the first {_LAST_LOOK} batches, and {percent(share)} of their pixels are ignore_index "
                f"({ignore_index}), from which nothing is learned. If {ignore_index} means foreground, give "
                f"(target == {ignore_index}).long() as the target, or another ignore_index to hardpix.tap",
                stacklevel=2,
            )
