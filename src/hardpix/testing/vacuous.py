"""Maps that say nothing: 0 everywhere, or the same at all pixels although they read the logits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from hardpix.pixels import PixelBatch
from hardpix.signals import Signal
from hardpix.testing.bench import SURE, Bench
from hardpix.testing.complaints import require


def check_tells_pixels_apart(bench: Bench[Signal]) -> None:
    """The map of labeled pixels is neither 0 in all batches nor constant in each of them, if it reads the logits."""
    if bench.num_classes == 1:
        # A network of one class is sure of it everywhere.
        return
    values = [px.map(signal).detach()[px.valid] for signal, px in _ordinary(bench)]
    require(
        any(bool((found > 0).any()) for found in values),
        "its map is 0 at every labeled pixel of every batch that was tried, so that nothing would be learned; mend it, "
        "or give settings, num_classes= or sample= with which it weighs some pixels",
    )
    constant = all(bool(found.max() - found.min() <= 1e-5 * found.max()) for found in values)
    require(
        not constant or not any(_reads_logits(signal, px) for signal, px in _ordinary(bench)),
        f"its map is the same at all labeled pixels of each batch that was tried (such as {values[0][0].item():g}), "
        "although it reads the logits: mend it, or give settings with which it tells pixels apart; for equal weights "
        "take hardpix.signals.Uniform",
    )


def _ordinary(bench: Bench[Signal]) -> Iterator[tuple[Signal, PixelBatch]]:
    for size in (None, *SURE):
        network = bench.network()
        yield bench.bound(network), bench.batch(network) if size is None else bench.sure_batch(size, network)


def _reads_logits(signal: Signal, px: PixelBatch) -> bool:
    """True if logits that are NaN make another map, or none."""
    expected = px.map(signal).detach()
    try:
        found = replace(px, logits=torch.full_like(px.logits, torch.nan)).map(signal).detach()
    except Exception:
        return True
    return not torch.equal(found, expected)
