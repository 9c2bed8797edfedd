"""Properties of signals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from hardpix.signals import Signal
from hardpix.testing.bench import Bench, check_bind, check_copies, in_type, restrided
from hardpix.testing.complaints import during, named, require, require_map
from hardpix.testing.declared import check_reads, check_target
from hardpix.testing.signal_losses import check_losses
from hardpix.testing.vacuous import check_tells_pixels_apart


def check_signal(
    signal: Signal,
    *,
    num_classes: int = 3,
    sample: Callable[[tuple[int, int, int]], Mapping[str, Any]] | None = None,
) -> None:
    """Hold a signal against what every signal must be.

    - Its map is (B, H, W), float32, finite and ≥ 0 at every pixel, labeled or not. So it is for images of any shape,
      one pixel, batches without a label or with a single class, and logits of half types.
    - The same holds for a network that is sure (logits of ±120 and ±10⁴). It holds for classes of 1 to 10¹² training
      pixels, and for one that never occurs.
    - It says something: not 0 everywhere, nor the same at all pixels although it reads the logits.
    - Equal labels of any integer type, equal tensors laid out otherwise and another order of the images change nothing.
    - ``needs_target``, ``reads`` and ``stops_gradient`` say what is so.
    - Its loss is None or a finite scalar with a gradient for each of its parameters, also where nothing is labeled.
    - ``bind`` may be called twice; copies, pickles and loaded states give the same map; evaluation changes no state.

    Args:
        signal: not bound to a network yet. It stays as it is; copies are tried.
        num_classes: of the network and the labels that it is tried on.
        sample: makes further entries of the sample for a batch of a size (B, H, W). By default each map in ``reads``
            is random, from 0 to 1 ("depth": from 1 to 10, partly unknown).

    Raises:
        AssertionError: what does not hold, and what to do.

    Example:
        >>> class Doubt(Signal):
        ...     name = "doubt"
        ...     def forward(self, px):
        ...         return 1 - px.confidence
        >>> check_signal(Doubt())
        >>> class LogLoss(Doubt):
        ...     def forward(self, px):
        ...         return px.loss.log()
        >>> check_signal(LogLoss())
        Traceback (most recent call last):
        ...
        AssertionError: LogLoss, an ordinary batch: expected a finite map, found -inf in 9 of 40 pixels
    """
    bench = Bench(signal, num_classes, sample)
    name = type(signal).__name__
    for check in (_check_name, _check_maps, check_losses, check_target, check_reads, _check_forms, check_bind):
        with named(name):
            check(bench)
    with named(name):
        check_copies(bench, lambda bound, px: bound(px).detach())
        check_tells_pixels_apart(bench)


def _check_name(bench: Bench[Signal]) -> None:
    name = bench.given.name
    require(
        name != Signal.name and bool(re.fullmatch(r"\w[\w-]*", name)),
        f"its name: expected one of its own, of letters, digits, _ and - (maps are published, logged and written to "
        f"files under it), found {name!r}",
    )


def _check_maps(bench: Bench[Signal]) -> None:
    for what, dtype, make in bench.awkward():
        network = bench.network()
        signal = bench.bound(network)
        with in_type(dtype), during(what):
            px = make(network)
            require_map(px.map(signal), px)
            if signal.has_level:
                level = signal.level(px)
                require_map(level, px)
                require(bool((level <= 1).all()), "expected a level from 0 to 1, found larger ones")
    for what, prepared in bench.surprising():
        with during(what):
            network = bench.network()
            px = bench.batch(network)
            require_map(px.map(prepared(network)), px)
    with during("in training mode"):
        network = bench.network()
        px = bench.batch(network)
        require_map(px.map(bench.bound(network).train()), px)


def _check_forms(bench: Bench[Signal]) -> None:
    """Types of labels, memory layouts, half types, and the order of the images."""
    network = bench.network()
    signal = bench.bound(network)
    px = bench.batch(network)
    expected = px.map(signal).detach()
    assert px.target is not None
    for dtype in (torch.uint8, torch.int16, torch.int32):
        with during(f"labels in {dtype}"):
            found = replace(px, target=px.target.to(dtype)).map(signal)
            torch.testing.assert_close(found.detach(), expected, rtol=0, atol=0)
    taps = replace(
        px.taps,
        features=restrided(px.taps.features),
        embedding=restrided(px.taps.embedding),
        auxiliary=restrided(px.taps.auxiliary),
        stages=restrided(px.taps.stages),
    )
    with during("the same tensors, transposed in memory"):
        turned = replace(
            px,
            logits=restrided(px.logits),
            target=restrided(px.target),
            sample={name: restrided(value) for name, value in px.sample.items()},
            taps=taps,
        )
        torch.testing.assert_close(turned.map(signal).detach(), expected)
    with during("logits in bfloat16 (expected the map of the same numbers in float32)"):
        half = replace(px, logits=px.logits.detach().bfloat16())
        exact = replace(px, logits=half.logits.float())
        torch.testing.assert_close(half.map(signal).detach(), exact.map(signal).detach(), rtol=0, atol=0)
    with during("the same images in another order"):
        flipped = network.pixels(
            px.sample["image"].flip(0),
            px.target.flip(0),
            progress=px.progress,
            teacher=None if px.teacher is None else replace(px.teacher, logits=px.teacher.logits.flip(0)),
            **{
                name: value.flip(0) if isinstance(value, Tensor) else value[::-1]
                for name, value in px.sample.items()
                if name != "image"
            },
        )
        flipped = replace(flipped, logits=flipped.logits[:, -px.logits.shape[1] :])
        torch.testing.assert_close(flipped.map(signal).detach(), expected.flip(0))
