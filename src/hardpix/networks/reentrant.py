"""Reentrant gradient checkpointing inside a branch whose inputs are detached."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hardpix.networks.nested import copy_containers, map_tensors, tensors_in


class DetachedInputs:
    """Runs a module on detached inputs so that its parameters have gradients, whatever it checkpoints.

    ``torch.utils.checkpoint`` with ``use_reentrant=True`` gives gradients to the parameters inside only where one of
    its inputs requires a gradient, which detached features do not. The first run in training therefore looks for
    modules with parameters that run while gradients are off. If there are any, inputs require gradients from then on,
    which end there.

    Example:
        >>> from torch.utils.checkpoint import checkpoint
        >>> class Decoder(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.layer = nn.Linear(2, 1)
        ...     def forward(self, x):
        ...         return checkpoint(self.layer, x, use_reentrant=True)
        >>> decoder = Decoder()
        >>> DetachedInputs()(decoder, decoder, torch.ones(1, 2)).sum().backward()
        >>> decoder.layer.weight.grad
        tensor([[1., 1.]])
    """

    def __init__(self) -> None:
        self._reentrant: bool | None = None

    def __call__(self, module: nn.Module, run: Callable[[Any], Any], inputs: Any) -> Any:
        """``run`` of the inputs, or of inputs that require gradients.

        Args:
            module: holds the parameters that ``run`` uses.
            run: makes something of the inputs; may change their containers.
            inputs: tensors in lists, tuples, dictionaries and dataclasses.
        """
        learns = module.training and torch.is_grad_enabled() and not torch.compiler.is_compiling()
        if not learns or self._reentrant is False or any(tensor.requires_grad for tensor in tensors_in(inputs)):
            return run(copy_containers(inputs))
        if self._reentrant is None:
            restore = _state(module, inputs)
            with _runs_without_gradients(module) as found, warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="None of the inputs have requires_grad")
                output = run(copy_containers(inputs))
            self._reentrant = bool(found)
            if not self._reentrant:
                return output
            restore()
        return run(map_tensors(_with_gradient, inputs))


def _with_gradient(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_() if tensor.is_floating_point() else tensor


def _state(module: nn.Module, inputs: Any) -> Callable[[], None]:
    """Remembers buffers and random numbers; the result sets them back, as if the module had not run."""
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    on_cpu = torch.get_rng_state()
    on_cuda = {t.device: torch.cuda.get_rng_state(t.device) for t in tensors_in(inputs) if t.is_cuda}

    def restore() -> None:
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
        torch.set_rng_state(on_cpu)
        for device, numbers in on_cuda.items():
            torch.cuda.set_rng_state(numbers, device)

    return restore


@contextmanager
def _runs_without_gradients(module: nn.Module) -> Iterator[list[nn.Module]]:
    """Fills a list with the modules with parameters of their own that run while gradients are off."""
    found: list[nn.Module] = []

    def look(inside: nn.Module, args: tuple[Any, ...]) -> None:
        if not torch.is_grad_enabled():
            found.append(inside)

    owners = [inside for inside in module.modules() if any(True for _ in inside.parameters(recurse=False))]
    hooks = [inside.register_forward_pre_hook(look) for inside in owners]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
