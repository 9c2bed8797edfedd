"""Properties that signals, objectives and metrics must have, for the tests of your own ones.

Each ``check_…`` raises an AssertionError that says which property does not hold and what to do. None needs pytest.

To read in this order: ``batches`` (a small network and what it says of random images), ``complaints`` and ``bench``
(shared by all checks), ``signals`` with ``signal_losses`` and ``declared``, ``objectives``, ``metrics``.
"""

from hardpix.testing.batches import make_batch, tapped
from hardpix.testing.metrics import check_metric, draw_label_maps
from hardpix.testing.objectives import check_objective
from hardpix.testing.signals import check_signal

__all__ = ["check_metric", "check_objective", "check_signal", "draw_label_maps", "make_batch", "tapped"]
