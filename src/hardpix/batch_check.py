"""Checks of a batch that are made in every training, whoever writes the loop."""

from torch import Tensor, nn

from hardpix.networks.output_watch import OutputWatch
from hardpix.pixels import MapCheck, MapSource, PixelBatch, TargetCheck


class BatchCheck:
    """Refuses ids that are no class and maps that are no weights in every step; warns of doubtful outputs in the first.

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
        self._check_map = MapCheck()
        self._watch_outputs = OutputWatch()

    def __call__(self, model: nn.Module, logits: Tensor, target: Tensor, ignore_index: int, training: bool) -> None:
        """Look at the logits (B, C, H, W) of a model and the target (B, H, W).

        Raises:
            ValueError: the target holds an id that is neither a class nor ``ignore_index``.
        """
        self._check_target(target, logits.shape[1], ignore_index)
        if training:
            self._watch_outputs(model, logits, target, ignore_index)

    def maps(self, px: PixelBatch, *sources: MapSource) -> None:
        """Look at the maps of some sources, which the batch has published; without sources at all of them.

        Raises:
            ValueError: NaN, an infinity or a value below 0 in a map.
        """
        for source in sources or px.publishers.values():
            self._check_map(px, source)
