"""Figures of a class tree, against loops over pixels, in the report and beside a report without them."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from hardpix.diagnosis.comparison import _other_settings
from hardpix.diagnosis.scores import ImageMaps
from hardpix.diagnosis.scores.tree_distance import TreeDistance, tree_distances
from hardpix.diagnosis.scores.tree_levels import TreeLevels
from hardpix.diagnosis.settings import Settings
from hardpix.pixels import ClassTree
from hardpix.report.data_scripts import plain
from hardpix.testing import check_score
from small_runs import run

NAMES = ("car", "bus", "bicycle", "sky", "road", "nowhere")
GROUPS = {"mobile": [{"wide": ["car", "bus"]}, {"slim": ["bicycle"]}], "flat": ["road", "nowhere"]}
# By hand: the numbers of each class's group at level 1 and 2.
LEVELS = [[0, 0, 1, 2, 3, 3], [0, 0, 0, 1, 2, 2]]
SETTINGS = Settings.of(NAMES, tree=ClassTree.from_groups(GROUPS, NAMES))


def reference(images: Sequence[ImageMaps]) -> dict[str, Any]:
    """One pixel after the other."""
    pairs = [
        (int(t), int(p))
        for maps in images
        for t, p in zip(maps.truth.ravel(), maps.prediction.ravel(), strict=True)
        if t != 255
    ]
    found: dict[str, Any] = {}
    for number, groups in enumerate(LEVELS, 1):
        scores: dict[int, float] = {}
        for group in sorted(set(groups)):
            true = [groups[t] == group for t, _ in pairs]
            guess = [groups[p] == group for _, p in pairs]
            both, either = (sum(map(f, zip(true, guess, strict=True))) for f in (all, any))
            scores[group] = both / either if either else np.nan
        found[f"miou_level_{number}"] = np.nanmean(list(scores.values()))
        found[f"iou_level_{number}"] = np.array([scores[group] for group in groups])
    distances: list[list[int]] = [[] for _ in NAMES]
    for t, p in pairs:
        if t != p:
            distances[t].append(1 + sum(groups[t] != groups[p] for groups in LEVELS))
    found["tree_distance"] = np.array([np.mean(entry) if entry else np.nan for entry in distances])
    return found


@pytest.mark.parametrize("kind", [TreeLevels, TreeDistance])
def test_they_are_scores_and_what_loops_over_pixels_find(kind: type) -> None:
    score = kind(SETTINGS)
    keys = [column.key for column in score.columns]
    check_score(score, lambda images: {key: reference(images)[key] for key in keys}, num_classes=6)


def test_distances_are_heights_of_the_lowest_group_that_holds_both() -> None:
    expected = [
        [0, 1, 2, 3, 3, 3],
        [1, 0, 2, 3, 3, 3],
        [2, 2, 0, 3, 3, 3],
        [3, 3, 3, 0, 3, 3],
        [3, 3, 3, 3, 0, 1],
        [3, 3, 3, 3, 1, 0],
    ]
    assert tree_distances(SETTINGS.groups).tolist() == expected


def test_a_perfect_prediction_has_all_groups_and_no_distance() -> None:
    truth = np.array([[0, 1, 2, 255]], dtype=np.uint8)
    maps = ImageMaps(truth, np.array([[0, 1, 2, 3]], dtype=np.uint8), SETTINGS)
    found = TreeLevels(SETTINGS).compute(TreeLevels(SETTINGS).count(maps))
    assert (found["miou_level_1"], found["miou_level_2"]) == (1, 1)
    assert found["iou_level_2"][:3].tolist() == [1, 1, 1]
    distance = TreeDistance(SETTINGS)
    assert np.isnan(distance.compute(distance.count(maps))["tree_distance"]).all()
    assert np.isnan(distance.compute_image(distance.count(maps))["tree_distance"])


def maps_of(seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {stem: random.integers(0, 5, (9, 14)).astype(np.uint8) for stem in ("one", "two")}


def class_file(place: Path, **further: Any) -> str:
    place.mkdir(exist_ok=True)
    classes = [{"name": name, "id": k} for k, name in enumerate(NAMES)]
    (place / "classes.yaml").write_text(yaml.safe_dump({"classes": classes, **further}))
    return str(place / "classes.yaml")


def test_a_report_has_them_where_the_class_file_has_a_tree(tmp_path: Path) -> None:
    truth, prediction = maps_of(0), maps_of(1)
    without = run(tmp_path / "plain", truth, prediction, classes=class_file(tmp_path / "plain"))
    assert not [key for key in without["scores"] if "tree" in key or "level" in key]
    found = run(
        tmp_path / "tree",
        truth,
        prediction,
        classes=class_file(tmp_path / "tree", tree=GROUPS),
        against=tmp_path / "plain" / "report",
    )
    images = [ImageMaps(truth[stem], prediction[stem], SETTINGS) for stem in truth]
    expected = reference(images)
    for level in (1, 2):
        assert found["scores"][f"miou_level_{level}"] == pytest.approx(expected[f"miou_level_{level}"])
    assert found["scores"]["tree_distance"] == pytest.approx(np.nanmean(expected["tree_distance"]))
    assert found["class_scores"]["tree_distance"] == pytest.approx(expected["tree_distance"], nan_ok=True)
    rows = list(csv.DictReader((tmp_path / "tree" / "report" / "classes.csv").open(encoding="utf-8")))
    assert float(rows[0]["tree_distance"]) == pytest.approx(expected["tree_distance"][0], rel=1e-4)
    assert any("other settings (class tree)" in sentence["text"] for sentence in found["sentences"])


def test_a_report_of_before_compares_with_one_without_a_tree() -> None:
    now = plain(vars(Settings(3)))
    before = {key: value for key, value in now.items() if key != "groups"}
    assert _other_settings(now, before) == []
    assert _other_settings({**now, "radius": 5}, before) == ["radius of displaced borders"]
