"""A look at what the objective learns: gradients, and no optimizer that knows of them."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

_FIRST_WARNING = 64


class BranchWatch:
    """Warns when the network moves and the objective's own parameters, which have gradients, do not.

    Values are compared: fused optimizers, and those that write to ``.data``, leave the version of a tensor as it was.
    That makes the host wait for the device, so it looks at steps 4, 8, 16 … alone, until they have moved. It warns from
    step 64 on: at the small rates of a warm-up a step may be less than float32 can add to a weight.
    """

    def __init__(self) -> None:
        self._steps = 0
        self._at_first: tuple[list[Tensor], list[Tensor]] | None = None
        self._gradients = _SeenGradients()

    def __getstate__(self) -> dict[str, Any]:
        # A copy is a training of its own.
        return vars(BranchWatch())

    def __call__(self, network: nn.Module, objective: nn.Module) -> None:
        self._steps += 1
        if self._steps == 1:
            self._at_first = _copies(_last_layers(network)), _copies(_trainable(objective))
            self._gradients.watch(_trainable(objective))
        power_of_two = self._steps & (self._steps - 1) == 0
        if self._at_first is None or self._steps < 4 or not power_of_two:
            return
        network_before, branch_before = self._at_first
        moved = not _equal(branch_before, _trainable(objective))
        if not moved and (self._steps < _FIRST_WARNING or _equal(network_before, _last_layers(network))):
            return
        # A loss with a warm-up of its own may have no gradient yet.
        if not moved and not self._gradients.any():
            return
        self._at_first = None
        self._gradients.stop()
        if not moved:
            warnings.warn(
                "what the objective learns (a signal's branch, a projection) has gradients but is never updated, while "
                "the network is: its parameters are in no optimizer. Build the optimizer from step.parameters(), after "
                "TrainingStep was made.",
                stacklevel=2,
            )


class _SeenGradients:
    """Says whether parameters ever had a gradient that is not 0; many loops clear it before the next forward.

    The answer is gathered on the device during the backward passes, and the host waits for it in :meth:`any` alone.
    """

    def __init__(self) -> None:
        self._seen: dict[torch.device, Tensor] = {}
        self._hooks: list[RemovableHandle] = []

    def watch(self, parameters: list[nn.Parameter]) -> None:
        self._hooks = [parameter.register_post_accumulate_grad_hook(self._look) for parameter in parameters]

    def any(self) -> bool:
        return any(bool(seen) for seen in self._seen.values())

    def stop(self) -> None:
        for hook in self._hooks:
            hook.remove()

    def _look(self, parameter: Tensor) -> None:
        # An optimizer that steps during the backward pass may have taken it already.
        if parameter.grad is not None:
            found = parameter.grad.detach().any()
            seen = self._seen.get(found.device)
            self._seen[found.device] = found if seen is None else seen | found


def _trainable(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def _last_layers(network: nn.Module) -> list[nn.Parameter]:
    """An optimizer may leave out the first layers on purpose."""
    return _trainable(network)[-2:]


def _copies(parameters: list[nn.Parameter]) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in parameters]


def _equal(before: list[Tensor], now: list[nn.Parameter]) -> bool:
    """True where no value has changed; what was moved, sharded or converted since counts as changed."""
    return len(before) == len(now) and all(
        (old.shape, old.device, old.dtype) == (new.shape, new.device, new.dtype) and torch.equal(old, new)
        for old, new in zip(before, now, strict=True)
    )
