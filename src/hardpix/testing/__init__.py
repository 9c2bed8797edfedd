"""Properties that signals, objectives, labelers, recipes, metrics and scores must have, for the tests of your own.

Each ``check_…`` raises an AssertionError that says which property does not hold and what to do. None needs pytest.

Read `batches.py` first, a small network and what it says of random images; then `complaints.py` and `bench.py`, which
all checks share. Every other file is one check, or a part of `signals.py`.
"""

from hardpix.testing.batches import make_batch, tapped
from hardpix.testing.labelers import check_labeler
from hardpix.testing.metrics import check_metric, draw_label_maps
from hardpix.testing.objectives import check_objective
from hardpix.testing.recipes import check_recipe
from hardpix.testing.scores import check_score
from hardpix.testing.signals import check_signal

__all__ = [
    "check_labeler",
    "check_metric",
    "check_objective",
    "check_recipe",
    "check_score",
    "check_signal",
    "draw_label_maps",
    "make_batch",
    "tapped",
]
