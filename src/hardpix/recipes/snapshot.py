"""Everything that a step of training changes, kept aside and brought back bit for bit."""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class Snapshot:
    """State of a module, of its optimizer, of gradients, and of torch's random generators.

    The module's state is that of its state_dict: parameters, buffers such as statistics of batch norm, and counters.

    Args:
        module: what is trained.
        optimizer: of its parameters.
        but: parts of the module that keep what they learn.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> optimizer = torch.optim.Adam(layer.parameters())
        >>> before = Snapshot(layer, optimizer)
        >>> layer(torch.ones(1, 1)).sum().backward()
        >>> optimizer.step()
        >>> before.restore()
        >>> len(optimizer.state), layer.weight.grad
        (0, None)
    """

    def __init__(self, module: nn.Module, optimizer: Optimizer, but: Collection[nn.Module] = ()) -> None:
        self.module = module
        self.optimizer = optimizer
        left_out = {f"{path}." for path, part in module.named_modules() if part in but}
        self._state = {
            name: _copy(value)
            for name, value in module.state_dict().items()
            if not any(name.startswith(path) for path in left_out)
        }
        self._gradients = [(parameter, parameter.grad) for parameter in module.parameters()]
        self._optimizer_state = {parameter: _copies(state) for parameter, state in optimizer.state.items()}
        self._groups = [_copies(group) for group in map(_settings, optimizer.param_groups)]
        self._random = torch.get_rng_state()
        devices = {parameter.device for parameter in module.parameters() if parameter.device.type == "cuda"}
        self._random_on = {device: torch.cuda.get_rng_state(device) for device in devices}

    def restore(self) -> None:
        """Bring all of it back."""
        with torch.no_grad():
            self.module.load_state_dict(self._state, strict=False)
        for parameter, gradient in self._gradients:
            parameter.grad = gradient
        self.optimizer.state.clear()
        # Copies, which further steps may change: it may be brought back again.
        self.optimizer.state.update({parameter: _copies(state) for parameter, state in self._optimizer_state.items()})
        for group, before in zip(self.optimizer.param_groups, self._groups, strict=True):
            group.update(_copies(before))
        torch.set_rng_state(self._random)
        for device, state in self._random_on.items():
            torch.cuda.set_rng_state(state, device)
        # Autocast keeps half copies of weights, which it would not know to be out of date.
        torch.clear_autocast_cache()


def _settings(group: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name not in ("params", "param_names")}


def _copies(state: dict[str, Any]) -> dict[str, Any]:
    return {name: _copy(value) for name, value in state.items()}


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else deepcopy(value)
