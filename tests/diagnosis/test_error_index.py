"""The index of errors against counting in the maps themselves."""

from __future__ import annotations

from array import array

import numpy as np
import pytest

from fake_scenes import C, K, image_details, kinds_of_error, scene
from hardpix.diagnosis.error_index import ErrorIndex


def as_lists(found: dict[str, dict[str, array[int]]]) -> dict[str, dict[str, list[int]]]:
    return {key: {name: values.tolist() for name, values in entry.items()} for key, entry in found.items()}


def test_sums_are_those_of_the_maps() -> None:
    index = ErrorIndex()
    maps = []
    for number in range(6):
        truth, prediction, *_ = scene(number, 48, 64)
        kinds = kinds_of_error(truth, prediction)
        maps.append((truth, prediction, kinds))
        index.add(number, image_details(truth, prediction, kinds))
    found = index.as_dict()

    def pixels(name: str, key: str) -> dict[int, int]:
        entry = found[name].get(key, {"image": [], "pixels": []})
        return dict(zip(entry["image"], entry["pixels"], strict=True))

    for number, (truth, prediction, kinds) in enumerate(maps):
        wrong = (truth != prediction) & (truth != 255)
        for one in range(C):
            assert pixels("class", f"{one}").get(number, 0) == (wrong & ((truth == one) | (prediction == one))).sum()
            touched = wrong & np.where(kinds == 3, prediction == one, truth == one)
            for kind in range(K):
                assert pixels("class_kind", f"{one},{kind}").get(number, 0) == (touched & (kinds == kind + 1)).sum()
            for other in range(C):
                taken = wrong & (truth == one) & (prediction == other)
                assert pixels("pair", f"{one},{other}").get(number, 0) == taken.sum()


def test_bands_count_what_is_not_found_of_objects() -> None:
    index = ErrorIndex()
    index.add(4, {"kinds": [], "bands": [[1, 0, 60], [2, 0, 10]]})
    assert as_lists(index.as_dict()["band"]) == {
        ",0": {"image": [4], "pixels": [70]},
        "1,0": {"image": [4], "pixels": [60]},
        "2,0": {"image": [4], "pixels": [10]},
    }


def test_numpy_numbers_are_as_good_as_any() -> None:
    index = ErrorIndex()
    row = np.array([0, 1, 2, 5], dtype=np.uint16)
    index.add(0, {"kinds": [row], "bands": []})
    index.add(1, {"kinds": [row, row], "bands": []})
    assert as_lists(index.as_dict()["pair"]) == {"0,1": {"image": [0, 1], "pixels": [5, 10]}}


@pytest.mark.parametrize("name", ["class", "class_kind", "pair", "band"])
def test_nothing_wrong_is_an_empty_index(name: str) -> None:
    index = ErrorIndex()
    index.add(0, {"kinds": [], "bands": []})
    assert index.as_dict()[name] == {}
