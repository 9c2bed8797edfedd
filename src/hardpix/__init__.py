"""hardpix: learn which pixels a segmentation network gets wrong, train on them, and see where it still fails."""

from hardpix.networks import TappedNetwork, tap, untap
from hardpix.pixels import PixelBatch
from hardpix.step import TrainingStep

__all__ = ["PixelBatch", "TappedNetwork", "TrainingStep", "tap", "untap"]
