"""The training step: a tapped network and an objective as one nn.Module."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from hardpix.networks import TappedNetwork
from hardpix.networks.output_watch import OutputWatch
from hardpix.objectives import Objective, with_signal_losses
from hardpix.objectives.memory import Ring
from hardpix.pixels import TargetCheck
from hardpix.pixels.eager import eager


class TrainingStep(nn.Module):
    """Image and target in, losses out: what an optimizer, DDP, torch.compile or Accelerate wraps.

    The objective is bound to the network here, so that ``step.parameters()`` holds the network's and the branches'
    parameters alike.

    Args:
        network: what :func:`hardpix.tap` returned.
        objective: for instance ``WeightedCrossEntropy(HardnessLevel())``.

    Shapes (of forward):
        image (B, 3, H, W); target (B, H, W) integers; further maps by name, such as depth= (B, H, W) in meters.

    Returns (from forward):
        Dict of scalars: "loss" to call backward() on, and its parts for logging.

    Raises:
        TypeError: a network that was not tapped.
        ValueError: a target that holds an id that is neither a class nor ignore_index.

    Warns:
        When what the objective learns (a signal's branch, a projection) has gradients but only the network is ever
        updated: the optimizer was not given ``step.parameters()``. In the first steps, when the network returns
        probabilities in place of logits, or binary targets hold 0 and ``ignore_index`` alone.

    Example:
        >>> import hardpix
        >>> from hardpix.objectives import WeightedCrossEntropy
        >>> from hardpix.signals import HardnessLevel
        >>> model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Sequential(nn.ReLU(), nn.Conv2d(8, 2, 1)))
        >>> step = TrainingStep(hardpix.tap(model, decoder="1"), WeightedCrossEntropy(HardnessLevel()))
        >>> losses = step(torch.rand(2, 3, 8, 8), torch.zeros(2, 8, 8, dtype=torch.long))
        >>> sorted(losses)
        ['hardness', 'loss', 'segmentation']
    """

    def __init__(self, network: TappedNetwork, objective: Objective) -> None:
        super().__init__()
        if not isinstance(network, TappedNetwork):
            raise TypeError(f"expected a tapped network, found {type(network).__name__}; write hardpix.tap(model)")
        self.network = network
        self.objective = objective.bind(network)
        # What DDP looks for: every process fills its rings with the same, and need not send them around each step. A
        # compiled step is asked in place of this one, and names what is inside it anew.
        self._ddp_params_and_buffers_to_ignore = [
            f"{prefix}{path}.{name}"
            for prefix in ("", "_orig_mod.")
            for path, module in self.named_modules()
            if isinstance(module, Ring)
            for name, _ in module.named_buffers()
        ]
        self._check_target = TargetCheck()
        self._watch_branch = _BranchWatch()
        self._watch_outputs = OutputWatch()

    def forward(
        self,
        image: Tensor,
        target: Tensor,
        *,
        progress: float | None = None,
        **maps: Any,
    ) -> dict[str, Tensor]:
        px = self.network.pixels(image, target, progress=progress, **maps)
        self._check(px.logits, px.labels, px.ignore_index)
        return with_signal_losses(self.objective, px)

    @eager
    def _check(self, logits: Tensor, target: Tensor, ignore_index: int) -> None:
        self._check_target(target, logits.shape[1], ignore_index)
        if self.training:
            self._watch_outputs(self.network.model, logits, target, ignore_index)
            self._watch_branch(self.network, self.objective)


_FIRST_WARNING = 64


class _BranchWatch:
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
        return vars(_BranchWatch())

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
    """Whether parameters ever had a gradient that is not 0; many loops clear it before the next forward.

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
    """Whether no value has changed; what was moved, sharded or converted since counts as changed."""
    return len(before) == len(now) and all(
        (old.shape, old.device, old.dtype) == (new.shape, new.device, new.dtype) and torch.equal(old, new)
        for old, new in zip(before, now, strict=True)
    )
