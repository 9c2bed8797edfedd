"""Labeled pixels, against sets of Python integers."""

import copy
import pickle
import re

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hardpix.pixels import TargetCheck, valid_mask

ids = st.lists(st.integers(-3, 12), min_size=1, max_size=20)


@settings(max_examples=40)
@given(labels=ids, num_classes=st.integers(1, 8), ignore_index=st.sampled_from([255, -1, 0, 2]))
def test_valid_are_the_class_ids_that_are_not_ignored(labels: list[int], num_classes: int, ignore_index: int) -> None:
    classes = set(range(num_classes)) - {ignore_index}
    expected = [label in classes for label in labels]
    assert valid_mask(torch.tensor(labels), num_classes, ignore_index).tolist() == expected


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_valid_mask_takes_any_integer_type_and_shape(dtype: torch.dtype) -> None:
    target = torch.tensor([[[0, 1], [2, 120]]], dtype=dtype)
    assert valid_mask(target, 2, ignore_index=120).tolist() == [[[True, True], [False, False]]]


@settings(max_examples=60)
@given(labels=ids, num_classes=st.integers(1, 8), ignore_index=st.sampled_from([255, -1, 0]))
def test_check_names_the_smallest_and_largest_foreign_id(
    labels: list[int], num_classes: int, ignore_index: int
) -> None:
    foreign = {label for label in labels if label != ignore_index and label not in range(num_classes)}
    check = TargetCheck()
    if not foreign:
        check(torch.tensor(labels), num_classes, ignore_index)
        return
    with pytest.raises(ValueError, match=f"from {min(foreign)} to {max(foreign)}. Map your labels"):
        check(torch.tensor(labels), num_classes, ignore_index)


def test_check_takes_short_integers() -> None:
    check = TargetCheck()
    check(torch.tensor([0, 3, 255], dtype=torch.uint8), 4, 255)
    with pytest.raises(ValueError, match=r"neither a class \(0 to 3\) nor ignore_index \(255\): from 7 to 9"):
        check(torch.tensor([0, 9, 255, 7], dtype=torch.uint8), 4, 255)


@pytest.mark.parametrize("shape", [(0, 4, 5), (2, 0, 5), (0,)])
def test_a_target_without_a_pixel_is_an_error_that_says_so(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match=rf"at least one pixel, found shape {re.escape(str(shape))}; leave empty batches"
    ):
        TargetCheck()(torch.zeros(shape, dtype=torch.long), 2, 255)


def test_check_goes_on_after_an_error_and_can_be_copied() -> None:
    check = TargetCheck()
    for _ in range(2):
        with pytest.raises(ValueError, match="from 9 to 9"):
            check(torch.tensor([9]), 2, 255)
    for twin in (copy.deepcopy(check), pickle.loads(pickle.dumps(check))):
        twin(torch.tensor([1]), 2, 255)
        with pytest.raises(ValueError, match="from 9 to 9"):
            twin(torch.tensor([9]), 2, 255)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_the_check_never_waits_and_no_target_escapes_it(no_waiting_for_the_device: None) -> None:
    check = TargetCheck()
    good = torch.zeros(4, 64, 64, dtype=torch.long, device="cuda")
    bad = torch.full_like(good, 7)

    def feed() -> None:
        for target in (good, good, bad, good, good):
            check(target, 2, 255)
        torch.cuda.synchronize()
        check(good, 2, 255)

    with pytest.raises(ValueError, match="from 7 to 7"):
        feed()
