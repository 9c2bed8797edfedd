"""Scores of a report against plain numpy, on random maps of several sizes with unlabeled pixels."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from small_runs import confusion, ious, run

NAMES = ["a", "b", "c", "nowhere", "d"]
C = len(NAMES)
STEMS = ["small", "tall", "unlabelled"]


def maps() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    random = np.random.default_rng(0)
    truth, predictions = {}, {}
    for stem, size in zip(STEMS, [(9, 14), (23, 6), (5, 5)], strict=True):
        labels = random.choice([0, 1, 2, 4], size=size).astype(np.uint8)
        guess = np.where(random.random(size) < 0.6, labels, random.choice([0, 1, 2, 4], size=size)).astype(np.uint8)
        labels[random.random(size) < 0.2] = 255
        truth[stem], predictions[stem] = labels, guess
    truth["unlabelled"][:] = 255
    return truth, predictions


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scores")


@pytest.fixture(scope="module")
def summary(place: Path) -> dict[str, Any]:
    return run(place, *maps(), classes=NAMES)


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    truth, predictions = maps()
    return confusion(list(truth.values()), list(predictions.values()), C)


def test_scores_of_the_whole_set(summary: dict[str, Any], matrix: np.ndarray) -> None:
    there = matrix.sum(1) > 0
    hits, truth, guess = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    scores = summary["scores"]
    assert summary["confusion"].tolist() == matrix.tolist()
    assert scores["miou"] == pytest.approx(np.nanmean(ious(matrix)))
    assert scores["accuracy"] == pytest.approx(hits.sum() / matrix.sum())
    assert scores["mean_accuracy"] == pytest.approx((hits[there] / truth[there]).mean())
    assert scores["fw_iou"] == pytest.approx((truth / truth.sum())[there] @ ious(matrix)[there])
    assert scores["dice"] == pytest.approx((2 * hits[there] / (truth + guess)[there]).mean())


def test_scores_of_the_classes(summary: dict[str, Any], matrix: np.ndarray) -> None:
    hits, truth, guess = np.diag(matrix).astype(float), matrix.sum(1), matrix.sum(0)
    with np.errstate(invalid="ignore"):
        expected = {
            "share": truth / truth.sum(),
            "iou": ious(matrix),
            "recall": hits / truth,
            "precision": hits / guess,
            "dice": 2 * hits / (truth + guess),
            "wrong": truth + guess - 2 * hits,
        }
    for name, values in expected.items():
        assert summary["class_scores"][name] == pytest.approx(values, nan_ok=True), name
    assert np.sum(summary["class_kinds"]["pixels"]) == matrix.sum() - hits.sum()  # every wrong pixel once
    objects = summary["class_scores"]["objects"]
    assert (objects[3], summary["class_scores"]["missed_objects"][3]) == (0, 0)
    assert np.isnan(summary["class_scores"]["object_recall"][3])
    kinds = ("displaced", "missed", "false", "confused")
    assert sum(summary["class_scores"][kind] for kind in kinds)[[0, 1, 2, 4]] == pytest.approx(1)


def test_every_column_has_its_scores(summary: dict[str, Any], place: Path) -> None:
    columns = summary["columns"]
    assert [column["key"] for column in columns["overall"]] == list(summary["scores"])
    assert {column["key"] for column in columns["class"]} == set(summary["class_scores"])
    assert all(len(values) == C for values in summary["class_scores"].values())
    assert "cl_dice" not in summary["scores"]
    for group in columns.values():
        assert all(column["title"] and column["about"].endswith((".", ").")) for column in group)


def test_images_have_scores_of_their_own(summary: dict[str, Any], place: Path) -> None:
    table = pq.read_table(place / "report" / "images.parquet").to_pydict()
    assert table["stem"] == STEMS
    assert list(zip(table["height"], table["width"], strict=True)) == [(9, 14), (23, 6), (5, 5)]
    assert list(table)[3:] == [column["key"] for column in summary["columns"]["image"]]
    truth, predictions = maps()
    for k, stem in enumerate(STEMS):
        own = confusion([truth[stem]], [predictions[stem]], C)
        if stem == "unlabelled":
            assert [table[key][k] for key in ("errors", "miou", "displaced", "confused")] == [None] * 4
            assert [table[key][k] for key in ("objects", "missed_objects", "false_objects")] == [0, 0, 0]
            continue
        assert table["miou"][k] == pytest.approx(np.nanmean(ious(own)))
        assert table["errors"][k] == pytest.approx(1 - np.trace(own) / own.sum())
        of_kinds = sum(table[key][k] for key in ("displaced", "missed", "false", "confused"))
        assert of_kinds == pytest.approx(table["errors"][k])
    assert sum(table["objects"]) == summary["class_scores"]["objects"].sum()
    assert sum(table["false_objects"]) == summary["class_scores"]["false_objects"].sum()


def test_the_csv_has_the_numbers_of_the_classes(summary: dict[str, Any], place: Path) -> None:
    with (place / "report" / "classes.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["class"]) for row in rows] == [(str(k), name) for k, name in enumerate(NAMES)]
    assert list(rows[0])[2:] == [column["key"] for column in summary["columns"]["class"]]
    for key, values in summary["class_scores"].items():
        read = [float(row[key]) if row[key] else np.nan for row in rows]
        assert read == pytest.approx(values, rel=1e-5, nan_ok=True), key
    # Counts are written as counts.
    assert all(rows[0][key].isdigit() for key in ("wrong", "objects", "missed_objects", "false_objects"))


def test_the_json_is_json_and_has_the_numbers(summary: dict[str, Any], place: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    text = (place / "report" / "summary.json").read_text(encoding="utf-8")
    read = json.loads(text, parse_constant=refuse)
    assert read["confusion"] == summary["confusion"].tolist()
    assert read["scores"] == {key: pytest.approx(value, rel=1e-5) for key, value in summary["scores"].items()}
    assert read["class_scores"]["iou"][3] is None
    assert read["class_scores"]["iou"][0] == pytest.approx(summary["class_scores"]["iou"][0], rel=1e-5)
    assert read["sentences"] == summary["sentences"]
    assert read["inputs"]["count"] == 3
    assert (read["hardness"], read["calibration"], read["suspects"], read["against"]) == (None,) * 4


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (["/opt/venv/bin/hardpix", "diagnose", "--out", "a b"], "hardpix diagnose --out 'a b'"),
        (["/usr/lib/ipykernel_launcher.py", "-f", "kernel.json"], None),
        ([""], None),
    ],
)
def test_the_report_names_the_command_and_nothing_else(
    argv: list[str], command: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    one = {"a": np.zeros((3, 4), np.uint8)}
    assert run(tmp_path, one, one)["made"]["command"] == command


def test_lines_have_a_score_of_their_centre_lines(tmp_path: Path) -> None:
    truth = np.zeros((21, 21), dtype=np.uint8)
    truth[:, 10] = 1
    prediction = truth.copy()
    prediction[11:, 10] = 0
    found = run(tmp_path, {"a": truth}, {"a": prediction}, classes=["ground", "line"], lines="line")
    # Precision of the center line 1, sensitivity 11 of 21.
    expected = 2 * (11 / 21) / (1 + 11 / 21)
    assert found["scores"]["cl_dice"] == pytest.approx(expected)
    assert found["class_scores"]["cl_dice"] == pytest.approx([np.nan, expected], nan_ok=True)
    assert "clDice" in [column["title"] for column in found["columns"]["class"]]
