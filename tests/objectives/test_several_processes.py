"""Two processes under DistributedDataParallel, against one process with the joined batch."""

import runpy
from pathlib import Path

import pytest
import torch
from torch import Tensor

from processes import run_in_two_processes

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("two_processes.py")
SCENE = runpy.run_path(str(SCRIPT))
Results = dict[str, dict[str, Tensor]]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Results]:
    return run_in_two_processes(SCRIPT, tmp_path_factory.mktemp("processes"))


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, rtol=1e-9, atol=1e-13, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize("batch", ["uneven", "one side all ignored"])
@pytest.mark.parametrize("case", [case for case in SCENE["CASES"] if "each process" not in case])
def test_two_processes_have_the_gradients_of_the_joined_batch(
    case: str, batch: str, results: tuple[Results, Results]
) -> None:
    expected = SCENE["loss_and_gradients"](SCENE["make_step"](case), *SCENE["make_batches"]()[batch])
    assert any(value.abs().max() > 1e-6 for name, value in expected.items() if name != "loss")
    found = [ranks[f"{case}, {batch}"] for ranks in results]
    mean_loss = (found[0]["loss"] + found[1]["loss"]) / 2
    for rank in found:
        assert_same({**rank, "loss": mean_loss}, expected)


@pytest.mark.parametrize("batch", ["uneven", "one side all ignored"])
@pytest.mark.parametrize(
    "case", ["hardness of each process", "side outputs of each process", "skeleton recall of each process"]
)
def test_each_for_itself_they_have_the_mean_of_their_own_gradients(
    case: str, batch: str, results: tuple[Results, Results]
) -> None:
    values = SCENE["make_batches"]()[batch]
    alone = [
        SCENE["loss_and_gradients"](SCENE["make_step"](case), *(value[half] for value in values))
        for half in SCENE["HALVES"]
    ]
    expected = {name: (alone[0][name] + alone[1][name]) / 2 for name in alone[0]}
    for rank, own in zip(results, alone, strict=True):
        found = rank[f"{case}, {batch}"]
        assert_same({**found, "loss": expected["loss"]}, expected)
        torch.testing.assert_close(found["loss"], own["loss"])


@pytest.mark.parametrize(
    ("case", "questions"),
    [
        ("cross-entropy", 1),
        ("focal", 1),
        ("hardness", 2),
        ("graded hardness", 2),
        ("sum", 3),
        ("side outputs", 2),
        ("side outputs by name", 3),
        ("distillation", 2),
        ("channel distillation", 2),
        ("label distillation", 2),
        ("image distillation", 2),
        ("region distillation", 2),
        ("skeleton recall", 2),
        ("skeleton recall of thin classes", 3),
        ("boundary", 2),
        ("contrast with classes", 2),
        ("contrast with centroids", 4),
        ("mixture", 3),
        ("clDice", 2),
        ("class tree", 2),
        ("all points", 3),
        ("some points", 2),
        ("mask classification", 2),
        ("logic", 2),
        ("connectivity", 2),
        ("connectivity of thin classes", 3),
        ("skeleton recall of each process", 0),
        ("hardness of each process", 0),
        ("side outputs of each process", 0),
    ],
)
def test_what_is_known_at_once_travels_at_once(case: str, questions: int, results: tuple[Results, Results]) -> None:
    """One sum over processes for the weights and for the auxiliary heads, one for what a learned signal adds, one for
    all side outputs."""
    for rank in results:
        assert rank[f"{case}, questions a step"]["count"].item() == questions


@pytest.mark.parametrize("case", SCENE["CASES"])
def test_in_evaluation_a_process_waits_for_nobody(case: str, results: tuple[Results, Results]) -> None:
    torch.testing.assert_close(results[0][f"{case}, evaluation"]["loss"], SCENE["loss_in_evaluation"](case))
