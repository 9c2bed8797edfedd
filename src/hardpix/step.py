"""The training step: a tapped network and an objective as one nn.Module."""

from typing import Any

from torch import Tensor, nn

from hardpix.alike import not_sent
from hardpix.batch_check import BatchCheck
from hardpix.branch_watch import BranchWatch
from hardpix.networks import TappedNetwork
from hardpix.networks.binding import bound
from hardpix.objectives import Objective, with_signal_losses
from hardpix.pixels import PixelBatch
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
        ValueError: a ``bind`` without ``return self``; a target that holds an id that is neither a class nor
            ignore_index; a map of a signal that is not finite, or negative. On a CUDA device in one of the next steps.

    Warns:
        When what the objective learns (a signal's branch, a projection) has gradients but only the network is ever
        updated: the optimizer was not given ``step.parameters()``. In the first steps, when the network returns
        probabilities in place of logits, or binary targets hold 0 and ``ignore_index`` alone.

    Example:
        >>> import torch
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
        self.objective = bound(objective, network)
        self._ddp_params_and_buffers_to_ignore = not_sent(self)
        self._check_batch = BatchCheck()
        self._watch_branch = BranchWatch()

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
        losses = with_signal_losses(self.objective, px)
        # At the end, all maps at once: a look at each when it is made would break a compiled graph there.
        self._check_maps(px)
        return losses

    @eager
    def _check(self, logits: Tensor, target: Tensor, ignore_index: int) -> None:
        self._check_batch(self.network.model, logits, target, ignore_index, self.training)
        if self.training:
            self._watch_branch(self.network, self.objective)

    @eager
    def _check_maps(self, px: PixelBatch) -> None:
        self._check_batch.maps(px)
