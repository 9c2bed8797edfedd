"""Losses that use signals."""

from hardpix.objectives.base import Objective
from hardpix.objectives.chosen_signal import shown_signal, signal_named
from hardpix.objectives.distillation import ChannelDistillation, Distillation
from hardpix.objectives.pixel_contrast import PixelContrast
from hardpix.objectives.side_outputs import SideOutputs
from hardpix.objectives.signal_losses import signals_in, with_signal_losses
from hardpix.objectives.sum import Sum
from hardpix.objectives.weighted_cross_entropy import WeightedCrossEntropy

__all__ = [
    "ChannelDistillation",
    "Distillation",
    "Objective",
    "PixelContrast",
    "SideOutputs",
    "Sum",
    "WeightedCrossEntropy",
    "shown_signal",
    "signal_named",
    "signals_in",
    "with_signal_losses",
]
