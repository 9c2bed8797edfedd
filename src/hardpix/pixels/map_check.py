"""The check that maps of signals are finite and nowhere negative."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from hardpix.pixels.batch import MapSource, PixelBatch
from hardpix.pixels.late_verdicts import LateVerdicts
from hardpix.pixels.percent import percent


class FaultyMap(ValueError):
    """A map of a signal that is not finite, or negative somewhere."""


class MapCheck:
    """Raises when a map that a batch has published is not finite, or negative, at any pixel, labeled or not.

    A single NaN makes the whole loss NaN, also by its gradient alone where the pixel is masked; negative weights reward
    errors. Where the logits themselves are not finite, the map is not to blame, and nothing is said of it. On a CUDA
    device the host does not wait for the verdict: the first call after it has arrived raises.

    Example:
        >>> class Margin:
        ...     name, needs_target = "margin", False
        ...     def __call__(self, px):
        ...         return px.confidence - 0.5
        >>> px, source = PixelBatch(torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)), Margin()
        >>> px.map(source)
        tensor([[[-0.1328]]])
        >>> MapCheck()(px, source)
        Traceback (most recent call last):
        ...
        hardpix.pixels.map_check.FaultyMap: expected a map ≥ 0 of the signal 'margin' (Margin), found ...
    """

    def __init__(self) -> None:
        self._verdicts = LateVerdicts()

    def __call__(self, px: PixelBatch, source: MapSource) -> None:
        """Look at the map that a source has published.

        Raises:
            FaultyMap: NaN, an infinity or a value below 0 in this map, or in an earlier one.
        """
        values = px.maps[source.name]
        if values.numel():
            judge = partial(_raise_if_faulty, name=source.name, kind=type(source).__name__, pixels=values.numel())
            self._verdicts(_faults(values, px.logits), judge)


@torch.no_grad()
def _faults(values: Tensor, logits: Tensor) -> Tensor:
    """Numbers of pixels that are not finite, and that are negative; 0 where the logits are not finite."""
    faults = torch.stack([(~values.isfinite()).sum(), (values < 0).sum()])
    return torch.where(logits.amax().isfinite(), faults, 0)


def _raise_if_faulty(faults: Tensor, name: str, kind: str, pixels: int) -> None:
    broken, negative = faults.tolist()
    if not broken and not negative:
        return
    shares = [
        f"{found} in {percent(count / pixels)}"
        for found, count in (("NaN or infinity", broken), ("values below 0", negative))
        if count
    ]
    expected = "a finite map" if broken else "a map ≥ 0"
    raise FaultyMap(
        f"expected {expected} of the signal {name!r} ({kind}), found {' and '.join(shares)} of the pixels of a batch. "
        "The loss would be NaN, or reward errors. Where no value can be given, such as where px.valid is False, let "
        f"{kind}.forward give 0 (torch.where), and clamp what falls below 0; hardpix.testing.check_signal looks for "
        "the batches that do it. If it first happens in the middle of a training, what the signal learns has diverged: "
        "lower its learning rate"
    )
