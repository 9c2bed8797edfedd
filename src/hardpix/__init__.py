"""hardpix: learn which pixels a segmentation network gets wrong, train on them, and see where it still fails.

The names below are imported when they are first used: ``hardpix --help`` need not wait for torch.
"""

from importlib import import_module

# As typing has it. With ``python -m`` a file typing.py of the current folder would be imported in its place.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hardpix.networks import TappedNetwork, tap, untap
    from hardpix.pixels import PixelBatch
    from hardpix.step import TrainingStep

__all__ = ["PixelBatch", "TappedNetwork", "TrainingStep", "tap", "untap"]

_HOMES = {
    "PixelBatch": "hardpix.pixels",
    "TappedNetwork": "hardpix.networks",
    "TrainingStep": "hardpix.step",
    "tap": "hardpix.networks",
    "untap": "hardpix.networks",
}
_ROOMS = (
    *(
        "data",
        "estimators",
        "labelers",
        "metrics",
        "networks",
        "objectives",
        "pixels",
        "recipes",
        "refiners",
        "signals",
        "teachers",
    ),
    "testing",
)


def __getattr__(name: str) -> "Any":
    if name in _HOMES:
        found = getattr(import_module(_HOMES[name]), name)
        globals()[name] = found
        return found
    if name in _ROOMS:
        return import_module(f"hardpix.{name}")
    raise AttributeError(f"module 'hardpix' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
