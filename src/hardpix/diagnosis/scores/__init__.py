"""The figures of a report: one object each, which counts an image, computes from sums, and says what it means."""

from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.scores.base import Column, Score
from hardpix.diagnosis.scores.boundary_errors import BoundaryErrors
from hardpix.diagnosis.scores.boundary_f import BoundaryF
from hardpix.diagnosis.scores.boundary_iou import BoundaryIoU
from hardpix.diagnosis.scores.calibration import Calibration
from hardpix.diagnosis.scores.cl_dice import ClDice
from hardpix.diagnosis.scores.confusion import ConfusedPairs, ConfusionMatrix
from hardpix.diagnosis.scores.error_kinds import KindsOfError
from hardpix.diagnosis.scores.expected_loss import ExpectedLoss
from hardpix.diagnosis.scores.hardness import Hardness
from hardpix.diagnosis.scores.objects import Objects
from hardpix.diagnosis.scores.overlap import Overlap
from hardpix.diagnosis.scores.review import Review
from hardpix.diagnosis.scores.suspects import SuspectLabels
from hardpix.diagnosis.scores.thin_parts import ThinParts
from hardpix.diagnosis.scores.tree_distance import TreeDistance
from hardpix.diagnosis.scores.tree_levels import TreeLevels
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.shown_signal import HARDNESS, ShownSignal

__all__ = ["Column", "ImageMaps", "Score", "report_scores"]


def report_scores(settings: Settings, signal: ShownSignal = HARDNESS) -> tuple[Score, ...]:
    """The figures that every report has, in the order of its tables; `signal` is the one that maps are shown of."""
    return (
        Overlap(),
        BoundaryIoU(settings),
        BoundaryF(settings),
        BoundaryErrors(),
        ThinParts(settings),
        *([ClDice(settings)] if settings.lines else []),
        *([TreeLevels(settings), TreeDistance(settings)] if settings.groups else []),
        KindsOfError(settings),
        ConfusedPairs(),
        Objects(settings),
        ConfusionMatrix(),
        Hardness(signal),
        ExpectedLoss(signal),
        Calibration(),
        Review(signal),
        SuspectLabels(),
    )
