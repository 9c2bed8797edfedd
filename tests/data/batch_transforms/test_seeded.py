"""Draws of batch transforms: the same for the same seed, unlike for another call, process or class, and resumable."""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import distributed

from hardpix.data.batch_transforms import Batch, ClassMix, Compose, CutMix, SeededTransform, StrongColor

from .coded_batches import coded_batch, same

MAKE = {
    "CutMix": lambda seed: CutMix(probability=1, seed=seed),
    "ClassMix": lambda seed: ClassMix(seed=seed),
    "StrongColor": lambda seed: StrongColor(jitter=1, seed=seed),
}


def batch() -> Batch:
    coded = coded_batch((3, 20, 21), classes=40)
    return coded | {"image": coded["image"] / 600}


class Numbers(SeededTransform):
    """Draws, and nothing else."""

    def transform(self, batch: Batch, partner: Batch | None, generator: torch.Generator) -> Batch:
        assert generator.device.type == "cpu"
        return {"numbers": torch.rand(4, generator=generator)}


class OtherNumbers(Numbers):
    """The same by another name."""


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_the_seed_decides_and_nothing_global(make: Any) -> None:
    torch.manual_seed(0)
    state = torch.get_rng_state()
    transform = make(3)
    first, second = transform(batch()), transform(batch())
    assert torch.get_rng_state().equal(state)
    torch.manual_seed(1)
    again = make(3)
    assert same(again(batch()), first)
    assert same(again(batch()), second)
    assert not first["image"].equal(second["image"])
    assert not make(4)(batch())["image"].equal(first["image"])


def test_classes_of_one_seed_draw_apart() -> None:
    assert not Numbers()({})["numbers"].equal(OtherNumbers()({})["numbers"])


def test_processes_of_one_seed_draw_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Numbers()({})["numbers"]
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    drawn = []
    for rank in (0, 1):
        monkeypatch.setattr(distributed, "get_rank", lambda rank=rank: rank)
        drawn.append(Numbers()({})["numbers"])
    assert drawn[0].equal(alone)
    assert not drawn[0].equal(drawn[1])


def test_a_resumed_run_draws_what_an_uninterrupted_one_does() -> None:
    run = Compose([Numbers(), OtherNumbers()])
    run({})
    resumed = Compose([Numbers(), OtherNumbers()])
    resumed.load_state_dict(run.state_dict())
    copies = [copy.deepcopy(run), pickle.loads(pickle.dumps(run)), resumed]
    expected = run({})["numbers"]
    assert [other({})["numbers"].equal(expected) for other in copies] == [True] * 3
    assert not Compose([Numbers(), OtherNumbers()])({})["numbers"].equal(expected)


def test_calls_outside_training_leave_the_training_as_it_is() -> None:
    run = Numbers()
    seen = run.eval()({})["numbers"]
    assert run({})["numbers"].equal(seen)
    assert run.train()({})["numbers"].equal(seen)
    assert not run({})["numbers"].equal(seen)


def test_compose_gives_each_the_same_partner_and_takes_functions_too() -> None:
    def note(given: Batch, partner: Batch | None) -> Batch:
        assert partner is not None
        return given | {"seen": (*given.get("seen", ()), partner["name"])}

    chain = Compose([note, CutMix(probability=1, seed=5), note])
    own, other = coded_batch((2, 6, 6)), coded_batch((2, 6, 6), 1, name="other") | {"name": "x"}
    found = chain(own, other)
    assert found["seen"] == ("x", "x")
    assert found["target"].equal(CutMix(probability=1, seed=5)(own, other)["target"])
    assert list(chain.state_dict()) == ["1._extra_state"]


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a seed ≥ 0, found -1"):
        CutMix(seed=-1)
