"""The verdict: what is said of scenes whose faults are known, and nothing where there is nothing to say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hardpix.diagnosis.comparison import SETTINGS, compared
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.signal_sentences import on_suspects
from small_runs import miou_of, run


def said(summary: dict[str, Any], view: str) -> list[str]:
    return [sentence["text"] for sentence in summary["sentences"] if sentence["view"] == view]


def poles() -> tuple[np.ndarray, np.ndarray]:
    """A pole 2 pixels wide that is drawn a pixel too far to the right, and 5 pixels of one of 10 called a thing."""
    truth = np.zeros((40, 50), dtype=np.uint8)
    truth[:, 20:22] = 1
    truth[10:12, 40:45] = 2
    prediction = np.zeros_like(truth)
    prediction[:, 21:23] = 1
    prediction[10, 40:45] = 2
    return truth, prediction


def test_kind_class_and_pair(tmp_path: Path) -> None:
    truth, prediction = poles()
    found = run(tmp_path, {"a": truth}, {"a": prediction}, classes=["ground", "pole", "thing"], radius=2)
    before = miou_of(truth, prediction, 3)
    poles_corrected = miou_of(truth, np.where(prediction == 1, 0, prediction) + (truth == 1), 3) - before
    all_corrected = 1 - before
    assert said(found, "kinds") == [
        "100 % of all wrong pixels are displaced borders of up to 2 pixels; correcting them all would add "
        f"{100 * all_corrected:+.1f} mIoU."
    ]
    # 40 of the pixels that are poles are lost; those that are wrongly called so count against the ground.
    lost = prediction.copy()
    lost[:, 20] = 1
    gained = miou_of(truth, lost, 3) - before
    classes = said(found, "gallery")
    assert (
        "pole: 100 % of its wrong pixels are displaced borders of up to 2 pixels; correcting them all would "
        f"add {100 * gained:+.1f} mIoU."
    ) in classes
    filters = [sentence["filter"] for sentence in found["sentences"] if sentence["view"] == "gallery"]
    assert {"class": 1, "kind": "displaced"} in filters
    assert said(found, "confusion") == [
        "ground and pole are taken for each other at 80 pixels, 94.1 % of the wrong ones; telling these two apart "
        f"would add {100 * poles_corrected:+.1f} mIoU."
    ]
    assert said(found, "classes")[0] == (
        f"4.25 % of the labeled pixels are wrong: mIoU {100 * before:.1f} %, Boundary mIoU "
        f"{100 * found['scores']['boundary_miou']:.1f} %."
    )
    # Half of the thing is found, too, of which all is thin.
    assert said(found, "classes")[1] in (
        "Of the thin parts of pole, 50 % is found, of all its pixels 50 %; 100 % of it is thin.",
        "Of the thin parts of thing, 50 % is found, of all its pixels 50 %; 100 % of it is thin.",
    )
    # Half of the thing is lost, 5 pixels of 2,000 as it is; a pole is 80 pixels.
    sizes = [*found["size_bands"]]
    pole = next(k for k, band in enumerate(sizes) if band["low"] <= 80 / 2000 < (band["high"] or 2))
    cost = 100 * found["size_scores"]["cost"][pole]
    assert said(found, "sizes") == [
        f"Correcting all errors in objects {sizes[pole]['words']} would add {cost:+.1f} mIoU, more than in those of "
        "any other size."
    ]
    thin = next(s["filter"] for s in found["sentences"] if (s["filter"] or {}).get("group") == "Thin parts")
    assert thin in ({"group": "Thin parts", "class": 1}, {"group": "Thin parts", "class": 2})


def test_what_is_invented_is_held_against_the_class_that_it_is_called(tmp_path: Path) -> None:
    truth = np.zeros((40, 50), dtype=np.uint8)
    truth[30:38, 10:20] = 1
    prediction = truth.copy()
    prediction[5:15, 30:40] = 1
    found = run(tmp_path, {"a": truth}, {"a": prediction}, classes=["ground", "thing"])
    worth = f"{100 * (1 - miou_of(truth, prediction, 2)):+.1f} mIoU"
    assert said(found, "kinds") == [
        f"100 % of all wrong pixels are false responses; leaving them all out would add {worth}."
    ]
    assert said(found, "gallery") == [
        f"thing: 100 % of its wrong pixels are false responses; leaving them all out would add {worth}."
    ]


def test_objects_of_the_size_that_costs_most(tmp_path: Path) -> None:
    truth = np.zeros((60, 60), dtype=np.uint8)
    truth[2:6, 2:6] = truth[2:6, 12:16] = truth[2:6, 22:26] = 1
    truth[20:40, 20:40] = 1
    prediction = truth.copy()
    prediction[:10, :20] = 0
    found = run(tmp_path, {"a": truth}, {"a": prediction}, classes=["ground", "thing"], sizes=[20, 1000])
    worth = 100 * (1 - miou_of(truth, prediction, 2))
    assert said(found, "sizes") == [
        f"Correcting all errors in objects below 20 pixels would add {worth:+.1f} mIoU, more than in those of any "
        "other size; 2 of 3 of them are missed."
    ]
    assert next(s["filter"] for s in found["sentences"] if s["view"] == "sizes") == {"band": 0}


def test_objects_of_the_size_that_is_missed_most_where_others_cost_more(tmp_path: Path) -> None:
    truth = np.zeros((60, 60), dtype=np.uint8)
    truth[2:6, 2:6] = truth[2:6, 12:16] = 1
    truth[20:40, 20:40] = 1
    prediction = truth.copy()
    prediction[2:6, 2:6] = 0
    small = prediction.copy()
    prediction[30:40, 20:40] = 0
    found = run(tmp_path, {"a": truth}, {"a": prediction}, classes=["ground", "thing"], sizes=[20, 1000])
    before = miou_of(truth, prediction, 2)
    large_fixed = miou_of(truth, small, 2) - before
    small_fixed = miou_of(truth, np.where(np.arange(60)[:, None] < 10, truth, prediction), 2) - before
    assert said(found, "sizes") == [
        f"Correcting all errors in objects of 20 to 1,000 pixels would add {100 * large_fixed:+.1f} mIoU, more than "
        "in those of any other size; objects below 20 pixels are missed most, 1 of 2, and correcting these would add "
        f"{100 * small_fixed:+.1f}."
    ]
    assert next(s["filter"] for s in found["sentences"] if s["view"] == "sizes") == {"band": 1}


@pytest.mark.parametrize("classes", [["all"], ["all", "none"], ["all", "none", "never"]])
def test_nothing_is_wrong(classes: list[str], tmp_path: Path) -> None:
    truth = np.zeros((9, 9), dtype=np.uint8)
    if len(classes) > 1:
        truth[4] = 1
    found = run(tmp_path, {"a": truth}, {"a": truth}, classes=classes, pictures=True)
    assert [sentence["text"] for sentence in found["sentences"]] == ["Every labeled pixel is right."]
    assert found["scores"]["miou"] == 1
    assert [kind["cost"] for kind in found["kinds"]] == [0, 0, 0, 0]


@pytest.mark.parametrize("classes", [["all"], ["all", "none"]])
def test_nothing_is_labelled(classes: list[str], tmp_path: Path) -> None:
    truth, prediction = np.full((9, 9), 255, np.uint8), np.zeros((9, 9), np.uint8)
    # Masks of 255 alone are refused unless they are said to be meant.
    found = run(tmp_path, {"a": truth}, {"a": prediction}, classes=classes, pictures=True, prediction_ids="stored")
    doubt, sentence = (sentence["text"] for sentence in found["sentences"])
    assert doubt.startswith("Doubt: class without a pixel beside unlabeled ones")
    assert sentence == "No pixel of the masks is labeled."
    assert np.isnan(found["scores"]["miou"])


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1)])
def test_everything_is_wrong_on_next_to_nothing(size: tuple[int, int], tmp_path: Path) -> None:
    truth, prediction = np.zeros(size, np.uint8), np.ones(size, np.uint8)
    found = run(tmp_path, {"a": truth}, {"a": prediction}, classes=["x", "y"], pictures=True)
    assert found["scores"]["miou"] == 0
    assert said(found, "classes")[0].startswith("100 % of the labeled pixels are wrong: mIoU 0.0 %")
    assert "nan" not in " ".join(sentence["text"] for sentence in found["sentences"])


def test_no_sentence_is_about_a_class_that_loses_nothing(tmp_path: Path) -> None:
    truth, prediction = poles()
    found = run(tmp_path, {"a": truth}, {"a": prediction}, classes=["ground", "pole", "thing", "never"])
    assert len(said(found, "gallery")) == 3
    assert not any("never" in sentence["text"] for sentence in found["sentences"])


@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 1)])
def test_of_a_pair_the_class_that_loses_more_is_named_first(one: int, other: int, tmp_path: Path) -> None:
    truth = np.zeros((40, 60), dtype=np.uint8)
    truth[5:15, 5:17], truth[20:30, 35:45] = one, other  # 120 and 100 pixels
    prediction = np.array([0, 2, 1], dtype=np.uint8)[truth]
    names = ["x", "y", "z"]
    found = run(tmp_path, {"a": truth}, {"a": prediction}, classes=names)
    assert said(found, "confusion")[0].startswith(f"{names[one]} and {names[other]} are taken for each other at 220")
    filters = [sentence["filter"] for sentence in found["sentences"] if sentence["view"] == "confusion"]
    assert filters == [{"true": one, "predicted": other}]


def one_run(miou: float | None, ious: list[float | None], title: str = "the other") -> dict[str, Any]:
    names = [{"name": name} for name in ("road", "pole", "sign")]
    same = {"inputs": {"count": 4}, "shared": 4, "count": 4, "settings": None}
    return {"title": title, "scores": {"miou": miou}, "class_scores": {"iou": ious}, "classes": names, **same}


def test_another_run_is_compared_with() -> None:
    ours = one_run(0.55, [0.9, 0.3, 0.45])
    sentences = compared(ours, one_run(0.502, [0.9, 0.35, 0.26]))
    assert [s["text"] for s in sentences] == [
        "mIoU is 4.8 points higher than that of the other; the largest changes of IoU: sign +19.0, pole −5.0."
    ]
    assert compared(one_run(0.5, [1, None, None]), one_run(0.6, [0.9, 0.3, None]))[0]["text"] == (
        "mIoU is 10.0 points lower than that of the other; the largest changes of IoU: road +10.0. The two are means "
        "over different classes: pole is in the truth or predicted in one of them alone; over the classes of both, "
        "mIoU is 10.0 points higher."
    )
    # Not the best and the worst: both of these gained.
    most = compared(one_run(0.8, [0.9, 0.8, 0.7]), one_run(0.5, [0.88, 0.3, 0.5]))[0]["text"]
    assert most.endswith("the largest changes of IoU: pole +50.0, sign +20.0.")
    assert (
        compared(one_run(0.5, [None] * 3), one_run(0.6, [1, 1, 1]))[0]["text"]
        == "mIoU is 10.0 points lower than that of the other."
    )


def test_a_run_that_has_nothing_right_is_compared_with() -> None:
    text = compared(one_run(0.5, [0.5, 0.5, 0.5]), one_run(0.0, [0.0, 0.0, 0.1]))[0]["text"]
    assert (
        text == "mIoU is 50.0 points higher than that of the other; the largest changes of IoU: road +50.0, pole +50.0."
    )


def test_a_run_without_a_score_is_not_compared_with() -> None:
    assert compared(one_run(0.5, [0.5, 0.5, 0.5]), one_run(None, [None] * 3)) == []


def test_two_reports_side_by_side(tmp_path: Path) -> None:
    truth, prediction = poles()
    other = truth.copy()
    other[10:12, 40:45] = 0
    names = ["ground", "pole", "thing"]
    run(tmp_path / "other", {"a": truth, "b": truth}, {"a": other, "b": other}, classes=names, title="before")
    settings = {"classes": names, "against": tmp_path / "other" / "report"}
    found = run(tmp_path / "one", {"a": truth, "c": truth}, {"a": prediction, "c": prediction}, **settings)
    assert found["against"]["title"] == "before"
    assert found["against"]["shared"] == 1
    assert found["against"]["scores"]["miou"] == pytest.approx(miou_of(truth, other, 3), rel=1e-5)
    lost = 100 * (miou_of(truth, other, 3) - miou_of(truth, prediction, 3))
    # The thing goes from nothing to a half, the pole from all to a third.
    assert found["sentences"][1]["text"] == (
        f"mIoU is {lost:.1f} points lower than that of before; the largest changes of IoU: pole −66.7, thing +50.0. "
        "Its scores are of other images: 1 of the 2 here are among its 2, so the differences are not those of the "
        "networks alone."
    )


def test_two_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    truth, prediction = poles()
    names = ["ground", "pole", "thing"]
    first = run(tmp_path / "first", {"a": truth}, {"a": truth}, classes=names, title="ours")
    settings = {"classes": names, "title": "ours", "against": tmp_path / "first" / "report"}
    found = run(tmp_path / "second", {"a": truth}, {"a": prediction}, **settings)
    assert found["title"] == "ours"
    assert found["against"]["title"] == f"ours of {first['made']['date']}"
    assert f"than that of ours of {first['made']['date']};" in found["sentences"][1]["text"]


def suspect(mislabelled: bool, given: int = 0) -> dict[str, Any]:
    return {"mislabelled": mislabelled, "given": given, "suspected": 1}


@pytest.mark.parametrize(
    ("suspects", "regions", "begins"),
    [
        ([suspect(True)], 1, "1 region may be mislabeled rather than hard"),
        ([suspect(True), suspect(False)], 3, "3 regions may be mislabeled rather than hard"),
        ([suspect(False)], 0, "No region seems mislabeled rather than hard"),
    ],
)
def test_suspects_that_may_as_well_be_hard_are_not_said_to_be_mislabelled(
    suspects: list[dict[str, Any]], regions: int, begins: str
) -> None:
    found = on_suspects({"suspects": suspects, "suspect_regions": regions}, ["road", "pole"])
    assert found is not None
    assert found["text"].startswith(begins)
    assert on_suspects({"suspects": [], "suspect_regions": 0}, ["road"]) is None


def test_a_run_is_as_good_as_itself_and_other_settings_are_told() -> None:
    ours = one_run(0.5, [0.5, 0.4, 0.3]) | {"settings": {"band": 0.02, "radius": 3}}
    same = compared(ours, one_run(0.5000001, [0.5000001, 0.4, 0.3]) | {"settings": {"band": 0.02, "radius": 3}})
    assert same[0]["text"] == "mIoU is as high as that of the other."
    other = compared(ours, one_run(0.5, [0.5, 0.4, 0.3]) | {"settings": {"band": 10, "radius": 3}})
    assert "other settings (width of the band along borders), so that not every score" in other[0]["text"]


def test_every_setting_has_a_name_in_words() -> None:
    assert SETTINGS.keys() == vars(Settings(2)).keys()


def test_a_class_that_the_truth_lacks_and_one_run_predicts_is_told(tmp_path: Path) -> None:
    truth, prediction = poles()
    names = ["ground", "pole", "thing", "ghost"]
    ghostly = prediction.copy()
    ghostly[35:, :10] = 3
    run(tmp_path / "other", {"a": truth}, {"a": prediction}, classes=names, title="before")
    settings = {"classes": names, "against": tmp_path / "other" / "report"}
    found = run(tmp_path / "one", {"a": truth}, {"a": ghostly}, **settings)
    lost = 100 * (miou_of(truth, prediction, 4) - miou_of(truth, ghostly, 4))

    def iou(predicted: np.ndarray, k: int) -> float:
        return ((truth == k) & (predicted == k)).sum() / ((truth == k) | (predicted == k)).sum()

    lost_of_both = 100 * np.mean([iou(prediction, k) - iou(ghostly, k) for k in range(3)])
    text = found["sentences"][1]["text"]
    assert text.startswith(f"mIoU is {lost:.1f} points lower than that of before; ")
    assert text.endswith(
        ". The two are means over different classes: ghost is in the truth or predicted in one of them alone; over "
        f"the classes of both, mIoU is {lost_of_both:.1f} points lower."
    )
