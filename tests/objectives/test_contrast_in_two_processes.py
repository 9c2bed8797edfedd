"""Two processes remember what both of them saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from hardpix.objectives.memory import Ring
from processes import run_in_two_processes

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("contrast_in_two_processes.py")
CLASSES, STEPS, SIZE = 3, 4, 7


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return list(run_in_two_processes(SCRIPT, tmp_path_factory.mktemp("processes")))


def test_each_remembers_what_all_saw_in_the_order_of_their_ranks(results: list[dict[str, Any]]) -> None:
    expected = [Ring(CLASSES, SIZE, 4), Ring(CLASSES, SIZE, 4)]
    for k in range(STEPS):
        # A step gives single embeddings, then regions.
        for ring, place in zip(expected, (2 * k, 2 * k + 1), strict=True):
            for rank in results:
                ring.store(*rank["given"][place])
    for rank in results:
        for found, ring in zip(rank["rings"], expected, strict=True):
            assert torch.equal(found["written"], ring.written)
            assert torch.equal(found["entries"], ring.entries)
    # One of them saw nothing once, and the numbers differed.
    assert {len(classes) for rank in results for _, classes in rank["given"]} >= {0, 6}


def test_the_mean_over_processes_is_the_mean_over_all_anchors(results: list[dict[str, Any]]) -> None:
    for k in range(STEPS):
        total = sum(rank["sums"][k][0] for rank in results)
        count = sum(rank["sums"][k][1] for rank in results)
        assert results[0]["sums"][k][1] != results[1]["sums"][k][1] or k not in (1, 2)
        torch.testing.assert_close(sum(rank["losses"][k] for rank in results) / 2, total / count)


def test_each_for_itself_it_is_the_mean_over_its_own_anchors(results: list[dict[str, Any]]) -> None:
    for rank in results:
        total, count = rank["sums alone"]
        torch.testing.assert_close(rank["alone"], total / count)
    assert results[0]["sums alone"][1] != results[1]["sums alone"][1]


def test_processes_draw_differently_from_the_same_batch(results: list[dict[str, Any]]) -> None:
    first, second = (rank["given of one batch"] for rank in results)
    assert first.shape == second.shape
    assert not torch.equal(first, second)


def test_in_evaluation_a_process_waits_for_nobody(results: list[dict[str, Any]]) -> None:
    assert results[0]["evaluated"].isfinite()


@pytest.mark.parametrize("what", ["sent around", "sent around of a task", "sent around of a compiled step"])
def test_rings_are_not_sent_around(what: str, results: list[dict[str, Any]]) -> None:
    for rank in results:
        assert rank[what]
        assert not [name for name in rank[what] if "ring" in name]
