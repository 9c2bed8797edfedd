"""The training step: a tapped network and an objective as one nn.Module."""

import warnings
from typing import Any

import torch
from torch import Tensor, nn

from hardpix.networks import TappedNetwork
from hardpix.objectives import Objective
from hardpix.pixels import TargetCheck


class TrainingStep(nn.Module):
    """Image and target in, losses out: what an optimizer, DDP, torch.compile or Accelerate wraps.

    The objective is bound to the network here, so that ``step.parameters()`` holds the network's and the branches'
    parameters alike.

    Args:
        network: what :func:`hardpix.tap` returned.
        objective: for instance ``WeightedCrossEntropy(HardnessLevel())``.

    Shapes (of forward):
        image (B, 3, H, W); target (B, H, W) integers; depth (B, H, W) metres; weight (B, H, W).

    Returns (from forward):
        Dict of scalars: "loss" to call backward() on, and its parts for logging.

    Raises:
        TypeError: a network that was not tapped.
        ValueError: a target that holds an id that is neither a class nor ignore_index.

    Warns:
        When a branch has gradients but only the network is ever updated: the optimizer was not given
        ``step.parameters()``.

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
        self._check_target = TargetCheck()
        self._seen: tuple[int, int] | None = None

    def forward(
        self,
        image: Tensor,
        target: Tensor,
        *,
        depth: Tensor | None = None,
        weight: Tensor | None = None,
        progress: float | None = None,
    ) -> dict[str, Tensor]:
        px = self.network.pixels(image, target, depth=depth, weight=weight, progress=progress)
        self._check(px.target, px.logits.shape[1], px.ignore_index)
        return self.objective(px)

    @torch.compiler.disable
    def _check(self, target: Tensor, num_classes: int, ignore_index: int) -> None:
        self._check_target(target, num_classes, ignore_index)
        if self.training:
            self._warn_of_idle_branch()

    def _warn_of_idle_branch(self) -> None:
        """Compare how often the optimizer has written to the network and to the branch since the first step."""
        branch = [p for p in self.objective.parameters() if p.requires_grad]
        network = [p for p in self.network.parameters() if p.requires_grad]
        if not branch or not network:
            return
        written = (network[0]._version, branch[0]._version)
        if self._seen is None:
            self._seen = written
        elif self._seen != (-1, -1) and branch[0].grad is not None and written[0] > self._seen[0] + 1:
            if written[1] == self._seen[1]:
                warnings.warn(
                    "the signal's branch has gradients but is never updated, while the network is: its parameters are "
                    "in no optimizer. Build the optimizer from step.parameters(), after TrainingStep was made.",
                    stacklevel=4,
                )
            self._seen = (-1, -1)

    def __getstate__(self) -> dict[str, Any]:
        # A copy's tensors count their own writes.
        return {**self.__dict__, "_seen": None}
