"""Checks of a batch that are made in every training, whoever writes the loop."""

from torch import Tensor, nn

from hardpix.networks.output_watch import OutputWatch
from hardpix.pixels import TargetCheck


class BatchCheck:
    """Refuses ids that are no class in every step; in the first ones it warns of logits and targets that are doubtful.

    Example:
        >>> import torch
        >>> check = BatchCheck()
        >>> check(nn.Identity(), torch.zeros(1, 2, 1, 1), torch.tensor([[[7]]]), ignore_index=255, training=True)
        Traceback (most recent call last):
        ...
        ValueError: the target holds ids that are neither a class (0 to 1) nor ignore_index (255): from 7 to 7. ...
    """

    def __init__(self) -> None:
        self._check_target = TargetCheck()
        self._watch_outputs = OutputWatch()

    def __call__(self, model: nn.Module, logits: Tensor, target: Tensor, ignore_index: int, training: bool) -> None:
        """Look at the logits (B, C, H, W) of a model and the target (B, H, W).

        Raises:
            ValueError: the target holds an id that is neither a class nor ``ignore_index``.
        """
        self._check_target(target, logits.shape[1], ignore_index)
        if training:
            self._watch_outputs(model, logits, target, ignore_index)
