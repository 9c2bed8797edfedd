"""Scenes whose faults are known: what kinds they are, and what correcting each of them adds to the mIoU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from small_runs import miou_of, run

NAMES = ["ground", "pole", "thing", "field", "wood"]
KINDS = ["displaced", "missed", "false", "confused"]
LIMITS = [100, 500]
C = len(NAMES)


def clean() -> np.ndarray:
    truth = np.zeros((64, 96), dtype=np.uint8)
    truth[5:45, 10:13] = 1
    truth[10:16, 40:46] = 2
    truth[10:16, 70:76] = 2
    truth[50:62, 0:40] = 3
    truth[50:62, 40:96] = 4
    truth[63] = 255
    return truth


# The class that is predicted instead, where; and which kind of error every pixel is that it makes wrong.
def shift_the_pole(prediction: np.ndarray) -> str:
    prediction[5:45, 10:15] = [0, 0, 1, 1, 1]
    return "displaced"


def erase_the_thing(prediction: np.ndarray) -> str:
    prediction[10:16, 40:46] = 0
    return "missed"


def invent_a_thing(prediction: np.ndarray) -> str:
    prediction[30:35, 60:67] = 2
    return "false"


def call_the_field_wood(prediction: np.ndarray) -> str:
    prediction[50:62, 10:40] = 4  # a quarter is found
    return "confused"


FAULTS = [shift_the_pole, erase_the_thing, invent_a_thing, call_the_field_wood]


def with_faults() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, prediction, and of every pixel the place of its kind in KINDS, −1 where it is right."""
    truth = clean()
    prediction, kinds = truth.copy(), np.full(truth.shape, -1)
    for fault in FAULTS:
        before = prediction.copy()
        kind = fault(prediction)
        kinds[prediction != before] = KINDS.index(kind)
    prediction[63] = 3  # where nothing is labeled, nothing is wrong
    return truth, prediction, kinds


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def summary(place: Path) -> dict[str, Any]:
    truth, prediction, _ = with_faults()
    return run(place, {"a": truth}, {"a": prediction}, classes=NAMES, sizes=LIMITS, pictures=True)


def worth(corrected: np.ndarray) -> float:
    """Gain of the mIoU if the prediction is really corrected at these pixels."""
    truth, prediction, _ = with_faults()
    return miou_of(truth, np.where(corrected, truth, prediction), C) - miou_of(truth, prediction, C)


@pytest.mark.parametrize(
    ("fault", "pixels"),
    [(shift_the_pole, 2 * 40 + 2 * 40), (erase_the_thing, 36), (invent_a_thing, 35), (call_the_field_wood, 12 * 30)],
)
def test_a_fault_alone_is_of_its_kind(fault: Any, pixels: int, tmp_path: Path) -> None:
    prediction = clean()
    kind = fault(prediction)
    found = run(tmp_path, {"a": clean()}, {"a": prediction}, classes=NAMES)
    assert {entry["key"]: entry["pixels"] for entry in found["kinds"] if entry["pixels"]} == {kind: pixels}
    cost = {entry["key"]: entry["cost"] for entry in found["kinds"]}
    assert cost[kind] == pytest.approx(1 - miou_of(clean(), prediction, C))
    assert sum(abs(cost[key]) for key in KINDS if key != kind) == pytest.approx(0, abs=1e-12)


def test_all_faults_at_once_keep_their_kinds(summary: dict[str, Any], place: Path) -> None:
    kinds = with_faults()[2]
    assert [entry["key"] for entry in summary["kinds"]] == KINDS
    assert [entry["pixels"] for entry in summary["kinds"]] == [int((kinds == k).sum()) for k in range(4)]
    wrong = (kinds >= 0).sum()
    shares = [(kinds == k).sum() / wrong for k in range(4)]
    assert [entry["share_of_errors"] for entry in summary["kinds"]] == pytest.approx(shares)
    # By 2 pixels, but for two pixels at each end of the pole, which touch the border in both maps.
    assert summary["displaced_by"].tolist() == [4, 156, 0]
    drawn = np.asarray(Image.open(place / "report" / "pictures" / "000000" / "kinds.png").convert("RGBA"))
    assert np.array_equal(drawn[..., 3] > 0, kinds >= 0)
    for k, entry in enumerate(summary["kinds"]):
        assert np.unique(drawn[kinds == k][:, :3], axis=0).tolist() == [list(entry["colour"])]


@pytest.mark.parametrize("k", range(4))
def test_a_kind_costs_what_mending_it_adds(summary: dict[str, Any], k: int) -> None:
    kinds = with_faults()[2]
    assert summary["kinds"][k]["cost"] == pytest.approx(worth(kinds == k))


def test_kinds_of_a_class_cost_what_mending_them_adds(summary: dict[str, Any]) -> None:
    truth, prediction, kinds = with_faults()
    for c in range(C):
        of_class = np.where(kinds == KINDS.index("false"), prediction == c, truth == c) & (truth != 255)
        lowers_iou = ((truth == c) | (prediction == c)) & (truth != 255)
        for k in range(4):
            chosen = of_class & (kinds == k)
            assert summary["class_kinds"]["pixels"][k][c] == chosen.sum()
            assert summary["class_kinds"]["cost"][k][c] == pytest.approx(worth(chosen))
        assert summary["class_kinds"]["cost_together"][0][c] == pytest.approx(worth(of_class))
        assert summary["class_scores"]["worth"][c] == pytest.approx(worth(lowers_iou))
        assert summary["class_scores"]["wrong"][c] == (lowers_iou & (kinds >= 0)).sum()
        wrong = (of_class & (kinds >= 0)).sum()
        share = [(of_class & (kinds == k)).sum() / wrong if wrong else np.nan for k in range(4)]
        assert [summary["class_scores"][kind][c] for kind in KINDS] == pytest.approx(share, nan_ok=True)


def test_a_pair_costs_what_mending_it_adds(summary: dict[str, Any]) -> None:
    truth, prediction, kinds = with_faults()
    found = {(pair["true"], pair["predicted"]): pair for pair in summary["pairs"]}
    wrong = {(int(t), int(p)) for t, p in zip(truth[kinds >= 0], prediction[kinds >= 0], strict=True)}
    assert found.keys() == wrong == {(0, 1), (1, 0), (2, 0), (0, 2), (3, 4)}
    for (t, p), pair in found.items():
        chosen = (truth == t) & (prediction == p)
        assert pair["pixels"] == chosen.sum()
        assert pair["cost"] == pytest.approx(worth(chosen))
    counts = [pair["pixels"] for pair in summary["pairs"]]
    assert counts == sorted(counts, reverse=True)


def test_a_size_costs_what_mending_it_adds(summary: dict[str, Any]) -> None:
    truth, _, kinds = with_faults()
    area = np.zeros(truth.shape, dtype=int)
    objects = np.zeros((3, C), dtype=int)
    for c in range(C):
        labels, count = ndimage.label(truth == c, structure=np.ones((3, 3)))
        for k in range(1, count + 1):
            area[labels == k] = (labels == k).sum()
            objects[np.digitize((labels == k).sum(), LIMITS), c] += 1
    bands = np.digitize(area, LIMITS)
    assert summary["size_scores"]["objects"].tolist() == objects.tolist()
    for band in range(3):
        chosen = (bands == band) & (kinds >= 0)
        assert summary["size_scores"]["cost"][band] == pytest.approx(worth(chosen))
    assert summary["size_scores"]["missed"].tolist() == [[0, 0, 1, 0, 0], [0] * C, [0] * C]
    assert summary["size_scores"]["false"].tolist() == [[0, 0, 1, 0, 0], [0] * C, [0] * C]


def test_two_classes_swapped_are_missed_and_the_pair_is_named(tmp_path: Path) -> None:
    truth = np.zeros((40, 60), dtype=np.uint8)
    truth[5:15, 5:17], truth[20:30, 35:45] = 1, 2
    prediction = np.array([0, 2, 1], dtype=np.uint8)[truth]
    found = run(tmp_path, {"a": truth}, {"a": prediction}, classes=["x", "y", "z"])
    # Neither object is found at all, which comes before that either is one thing taken for another.
    assert {entry["key"]: entry["pixels"] for entry in found["kinds"]} == dict(zip(KINDS, (0, 220, 0, 0), strict=True))
    assert [(p["true"], p["predicted"], p["pixels"]) for p in found["pairs"]] == [(1, 2, 120), (2, 1, 100)]
    assert found["scores"]["miou"] == pytest.approx(1 / 3)
    text = next(s["text"] for s in found["sentences"] if s["view"] == "confusion")
    assert text.startswith("y and z are taken for each other at 220 pixels, 100 % of the wrong ones")
    assert "would add +66.7 mIoU" in text
