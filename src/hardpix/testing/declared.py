"""Declarations of a signal beside what it does: ``needs_target`` and ``reads``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from hardpix.objectives import signals_in
from hardpix.signals import Signal
from hardpix.testing.bench import Bench
from hardpix.testing.complaints import require, require_map


def check_target(bench: Bench[Signal]) -> None:
    """Images without labels have a map if and only if ``needs_target`` is False."""
    refused: list[Exception] = []
    for training in (False, True):
        network = bench.network()
        signal = bench.bound(network).train(training)
        try:
            px = bench.batch(network, with_target=False)
            require_map(signal(px), px)
        except Exception as error:
            refused.append(error)
    if refused and not bench.given.needs_target:
        raise AssertionError(
            f"images without labels: needs_target is False, yet there is no map of them ({refused[0]}); let "
            "needs_target be True, or do without px.labels, px.loss and px.true_probability"
        ) from refused[0]
    require(
        bool(refused) or not bench.given.needs_target,
        "images without labels: needs_target is True, yet there is a map of them; let needs_target be False, and it "
        "may choose which images to label",
    )


class _Watched(Mapping[str, Any]):
    """A sample that remembers which of its entries were asked for."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values_ = values
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.asked.add(name)
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def check_reads(bench: Bench[Signal]) -> None:
    """Each map in ``reads`` is needed in training, and no other one is."""

    def use(leave_out: frozenset[str] = frozenset()) -> set[str]:
        network = bench.network()
        signal = bench.bound(network).train()
        px = bench.batch(network)
        watched = _Watched({name: value for name, value in px.sample.items() if name not in leave_out})
        px = replace(px, sample=watched)
        watched.asked.clear()
        px.map(signal)
        for inside in signals_in(signal):
            inside.loss(px)
        return watched.asked

    for name in bench.given.reads - use():
        raise AssertionError(f"its reads: {name!r} is there, yet nothing asks for it; leave it out of reads")
    for name in bench.given.reads:
        try:
            use(leave_out=frozenset({name}))
        except Exception as error:
            require(
                name in str(error),
                f"its reads: without the map {name!r} expected an error in training that names it, found: {error}",
            )
        else:
            raise AssertionError(
                f"its reads: the map {name!r} is in reads, yet training goes on without it in silence; raise a "
                "ValueError that names it, or leave it out of reads"
            )
