"""Buffers that are made in prepare come back from a state dictionary; everything else is as torch has it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from hardpix.pixels import DatasetInfo, Prepared, prepare_all

INFO = DatasetInfo(("a", "b", "c"), lambda: [5, 3, 2])


class Counts(Prepared):
    """A parameter, a buffer of a fixed size, and one that prepare makes."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))
        self.register_buffer("steps", torch.zeros(()))

    def prepare(self, info: DatasetInfo) -> None:
        self.register_buffer("counts", torch.tensor(info.class_counts, dtype=torch.float64))


class Fixed(Prepared):
    """No prepare of its own."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(classes))


def trained() -> nn.Sequential:
    model = nn.Sequential(nn.Linear(2, 2), Counts())
    prepare_all(model.modules(), INFO)
    model[1].steps += 7
    return model


def test_what_prepare_made_comes_back_into_a_module_that_was_not_prepared() -> None:
    loaded = nn.Sequential(nn.Linear(2, 2), Counts())
    loaded.load_state_dict(trained().state_dict())
    assert loaded[1].counts.tolist() == [5, 3, 2]
    assert loaded[1].counts.dtype == torch.float64
    assert loaded[1].steps == 7
    assert dict(loaded[1].named_buffers()).keys() == {"steps", "counts"}


def test_a_buffer_of_another_size_takes_the_saved_one_and_keeps_its_type() -> None:
    loaded = Counts()
    loaded.prepare(DatasetInfo(("a",), lambda: [1]))
    loaded.counts = loaded.counts.float()
    loaded.load_state_dict(trained()[1].state_dict())
    assert loaded.counts.tolist() == [5, 3, 2]
    assert loaded.counts.dtype == torch.float32


@pytest.mark.filterwarnings("ignore:.*no-op")
def test_a_new_buffer_lies_where_the_module_lies() -> None:
    loaded = Counts().to("meta")
    loaded.load_state_dict(trained()[1].state_dict())
    assert loaded.counts.device.type == "meta"


def test_parameters_keep_their_shape() -> None:
    state = trained()[1].state_dict()
    with pytest.raises(RuntimeError, match="size mismatch for scale"):
        Counts().load_state_dict(state | {"scale": torch.ones(3)})


def test_a_module_without_a_prepare_refuses_as_torch_does() -> None:
    state = Fixed(3).state_dict()
    with pytest.raises(RuntimeError, match="size mismatch for counts"):
        Fixed(2).load_state_dict(state)
    with pytest.raises(RuntimeError, match=r"Unexpected key.*other"):
        Fixed(3).load_state_dict(state | {"other": torch.ones(1)})


def test_what_is_missing_is_refused() -> None:
    waiting = Counts()
    waiting.prepare(INFO)
    state = trained()[1].state_dict()
    state.pop("counts")
    with pytest.raises(RuntimeError, match=r"Missing key.*counts"):
        waiting.load_state_dict(state)
