"""Classes that are diagnosed: presets, files, names, label maps, colors, or the ids that masks hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardpix.__main__ import main
from hardpix.data import ClassTable
from hardpix.data.class_source import with_ignored
from small_runs import confusion, ious, run, write_maps


def random_indices(seed: int, classes: int = 3, size: tuple[int, int] = (20, 21)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, size).astype(np.uint8)


def same_scores(found: dict[str, Any], truth: np.ndarray, prediction: np.ndarray, classes: int = 3) -> None:
    matrix = confusion([truth], [prediction], classes)
    assert np.array_equal(found["confusion"], matrix)
    assert found["scores"]["miou"] == pytest.approx(np.nanmean(ious(matrix)))


def listed(found: dict[str, Any]) -> list[tuple[str, int]]:
    return [(entry["name"], entry["id"]) for entry in found["classes"]]


IDS = np.array([4, 300, 7], dtype=np.uint16)
TRUTH, PREDICTION = random_indices(0), random_indices(1)


def test_ids_that_masks_and_predictions_hold(tmp_path: Path) -> None:
    # Class 300 is in the prediction alone.
    truth = np.where(TRUTH == 1, 0, TRUTH)
    found = run(tmp_path, {"a": IDS[truth]}, {"a": IDS[PREDICTION]})
    assert listed(found) == [("class 4", 4), ("class 7", 7), ("class 300", 300)]
    order = np.array([0, 2, 1])
    same_scores(found, order[truth], order[PREDICTION])


@pytest.mark.parametrize("prediction_ids", ["stored", "index"])
def test_a_file_of_ids_and_colours(prediction_ids: Any, tmp_path: Path) -> None:
    table = {
        "classes": [
            {"name": "x", "id": 4, "colour": [9, 8, 7]},
            {"name": "y", "id": [300, 301], "colour": [1, 2, 3]},
            {"name": "z", "id": 7, "colour": "#ff8000"},
        ],
        "ignore_ids": [0, 1],
    }
    (tmp_path / "classes.yaml").write_text(json.dumps(table))
    stored = np.where((TRUTH == 1) & (np.arange(21) % 2 == 0), 301, IDS[TRUTH]).astype(np.uint16)
    stored[0], stored[1] = 0, 1
    labelled = TRUTH.copy()
    labelled[:2] = 255
    prediction = IDS[PREDICTION] if prediction_ids == "stored" else PREDICTION
    settings = {"classes": str(tmp_path / "classes.yaml"), "prediction_ids": prediction_ids}
    found = run(tmp_path, {"a": stored}, {"a": prediction}, **settings)
    assert listed(found) == [("x", 4), ("y", 300), ("z", 7)]
    assert [tuple(entry["colour"]) for entry in found["classes"]] == [(9, 8, 7), (1, 2, 3), (255, 128, 0)]
    same_scores(found, labelled, PREDICTION)


def test_masks_and_predictions_of_colours(tmp_path: Path) -> None:
    colors = np.array([[0, 0, 0], [128, 0, 0], [0, 0, 128], [255, 255, 255]], dtype=np.uint8)
    entries = [{"name": f"c{k}", "id": k, "colour": colors[k].tolist()} for k in range(3)]
    table = {"classes": entries, "ignore_colours": [[255, 255, 255]]}
    (tmp_path / "classes.yaml").write_text(json.dumps(table))
    stored, labelled = TRUTH.copy(), TRUTH.copy()
    stored[5:7], labelled[5:7] = 3, 255
    settings = {"classes": str(tmp_path / "classes.yaml")}
    found = run(tmp_path / "both", {"a": colors[stored]}, {"a": colors[PREDICTION]}, **settings)
    same_scores(found, labelled, PREDICTION)
    found = run(tmp_path / "truth", {"a": colors[stored]}, {"a": PREDICTION}, prediction_ids="index", **settings)
    same_scores(found, labelled, PREDICTION)
    # The class whose id is not labeled is not labeled in colors either.
    guess = np.where(TRUTH > 0, np.maximum(PREDICTION, 1), 0)
    found = run(tmp_path / "ignored", {"a": colors[TRUTH]}, {"a": colors[guess]}, ignore_index=0, **settings)
    assert listed(found) == [("c1", 1), ("c2", 2)]
    assert np.array_equal(found["confusion"], confusion([TRUTH], [guess], 3)[1:, 1:])


def test_a_preset(tmp_path: Path) -> None:
    truth = np.random.default_rng(2).choice([7, 8, 33, 0, 3], (9, 9)).astype(np.uint8)
    found = run(tmp_path, {"a": truth}, {"a": np.full((9, 9), 8, np.uint8)}, classes="cityscapes")
    assert len(found["classes"]) == 19
    assert listed(found)[:2] == [("road", 7), ("sidewalk", 8)]
    assert listed(found)[-1] == ("bicycle", 33)
    assert found["confusion"].sum() == np.isin(truth, [7, 8, 33]).sum()
    assert found["scores"]["accuracy"] == pytest.approx((truth == 8).sum() / np.isin(truth, [7, 8, 33]).sum())


def test_names(tmp_path: Path) -> None:
    found = run(tmp_path, {"a": TRUTH}, {"a": PREDICTION}, classes=["x", "y", "z", "never"])
    assert listed(found) == [("x", 0), ("y", 1), ("z", 2), ("never", 3)]
    same_scores(found, TRUTH, PREDICTION, 4)


@pytest.mark.parametrize("names", [None, ["all of it", "other"]])
def test_a_label_map(names: list[str] | None, tmp_path: Path) -> None:
    label_map: dict[int, int | str] = {4: 0, 7: 0, 300: 1, 9: "ignore"}
    stored, labelled = IDS[TRUTH], np.where(TRUTH == 1, 1, 0).astype(np.uint8)
    stored[0], labelled[0] = 9, 255
    found = run(tmp_path, {"a": stored}, {"a": IDS[PREDICTION]}, label_map=label_map, classes=names)
    assert [name for name, _ in listed(found)] == (names or ["class 4+7", "class 300"])
    same_scores(found, labelled, np.where(PREDICTION == 1, 1, 0), 2)


@pytest.mark.parametrize("ignored", [0, 2, 255])
def test_one_id_is_unlabelled(ignored: int, tmp_path: Path) -> None:
    stored = np.where(TRUTH == 2, ignored, TRUTH).astype(np.uint8) if ignored == 255 else TRUTH
    prediction = np.where(stored == ignored, 1, PREDICTION)
    prediction = np.where(prediction == ignored, (ignored + 1) % 3, prediction).astype(np.uint8)
    found = run(tmp_path, {"a": stored}, {"a": prediction}, ignore_index=ignored)
    kept = [k for k in range(3) if k != ignored]
    assert [k for _, k in listed(found)] == kept
    truth = np.where(stored == ignored, 255, stored)
    assert np.array_equal(found["confusion"], confusion([truth], [prediction], 3)[np.ix_(kept, kept)])


def test_more_classes_than_a_byte_holds(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    truth, prediction = random.integers(0, 300, (2, 40, 50)).astype(np.uint16)
    found = run(tmp_path, {"a": truth}, {"a": prediction}, classes=[f"c{k}" for k in range(300)], pictures=True)
    matrix = np.zeros((300, 300), dtype=int)
    np.add.at(matrix, (truth, prediction), 1)
    assert np.array_equal(found["confusion"], matrix)
    # 255 is a class among them, and 65535 is none.
    assert found["confusion"][255].sum() == (truth == 255).sum() > 0
    truth[:5] = 65535
    entries = [{"name": f"c{k}", "id": k} for k in range(300)]
    (tmp_path / "classes.yaml").write_text(json.dumps({"classes": entries, "ignore_ids": [65535]}))
    settings = {"classes": str(tmp_path / "classes.yaml"), "pictures": True}
    found = run(tmp_path / "ignored", {"a": truth}, {"a": prediction}, **settings)
    assert found["confusion"].sum() == 35 * 50


def test_settings_on_the_command_line(tmp_path: Path) -> None:
    write_maps(tmp_path / "truth", {"a": TRUTH})
    write_maps(tmp_path / "predictions", {"a": np.where(TRUTH == 0, 1, TRUTH)})

    def typed(out: str, *settings: str) -> dict[str, Any]:
        folders = [f"--{name}={tmp_path / name}" for name in ("truth", "predictions")]
        words = ["diagnose", *folders, f"--out={tmp_path / out}", "--workers=1", "--pictures=false", *settings]
        assert main(words) == 0
        return json.loads((tmp_path / out / "summary.json").read_text(encoding="utf-8"))

    found = typed("dash", "--ignore_index", "0")
    assert listed(found) == [("class 1", 1), ("class 2", 2)]
    assert found["scores"]["miou"] == 1
    found = typed("names", "--classes", '["sky", "pole", "road"]', "--lines", "pole,road", "--sizes", "[10, 20]")
    assert listed(found) == [("sky", 0), ("pole", 1), ("road", 2)]
    assert [band["high"] for band in found["size_bands"]] == [10, 20, None]
    assert found["class_scores"]["cl_dice"][0] is None
    assert None not in found["class_scores"]["cl_dice"][1:]
    found = typed("map", "--label_map", '{0: 0, 1: 0, 2: "ignore"}', "--title", "mine", "--band", "3")
    assert listed(found) == [("class 0+1", 0)]
    assert found["title"] == "mine"
    assert found["columns"]["overall"][1]["about"].startswith("IoU within a band of 3 px along")


def test_an_id_to_ignore_is_one_more(tmp_path: Path) -> None:
    table = with_ignored(ClassTable(["road", "car"], ids=[7, 26], ignore_ids=[0, 255]), 26)
    assert (table.names, table.ignore_ids) == (("road",), (0, 26, 255))


def test_indices_do_not_shift_by_an_ignored_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maps = {"a": np.zeros((4, 4), np.uint8)}
    truth, predictions = write_maps(tmp_path / "t", maps), write_maps(tmp_path / "p", maps)
    command = ["diagnose", "--truth", str(truth), "--predictions", str(predictions), "--out", str(tmp_path / "out")]
    assert main([*command, "--classes", "[a,b]", "--ignore_index", "1", "--prediction_ids", "index"]) == 2
    assert "found 1, which would shift them" in capsys.readouterr().err
    assert main([*command, "--classes", "a,b", "--ignore_index", "9"]) == 0
    assert "never predicted" not in capsys.readouterr().out
