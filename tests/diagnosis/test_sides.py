"""Masks and predictions that are stored with other ids: refused with a setting that gives the right scores."""

from __future__ import annotations

import io
import json
import re
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpix.data import load_preset
from small_runs import confusion, ious

from .dialects import matrix_in, predicted, refused_then_right, remedy, same_scores, scene, stored, typed, write

TRAIN_IDS = [0, 10, 13, 8, 11]
LABEL_IDS = [load_preset("cityscapes").classes.ids[k][0] for k in TRAIN_IDS]
Capture = pytest.CaptureFixture[str]

# Ids of the masks, ids of the predictions, other settings, and words of the remedy.
DIALECTS: dict[str, tuple[list[int], list[int], list[str], str]] = {
    "0 and 255, predicted 0 and 1": ([0, 255], [0, 1], [], "--prediction_ids index"),
    "0 and 1, predicted 0 and 255": ([0, 1], [0, 255], [], "{255: 1}"),
    "gaps, predicted in order": ([7, 8, 11], [0, 1, 2], [], "--prediction_ids index"),
    "in order, predicted with gaps": ([0, 1, 2], [7, 8, 11], [], "{7: 0, 8: 1, 11: 2}"),
    "0 is unlabeled, predicted from 0": ([1, 2, 3], [0, 1, 2], ["--ignore_index", "0"], "--prediction_ids index"),
    "from 1, predicted from 0": ([1, 2, 3, 4], [0, 1, 2, 3], [], "--prediction_ids index"),
    "from 0, predicted from 1": ([0, 1, 2, 3], [1, 2, 3, 4], [], "{1: 0, 2: 1, 3: 2, 4: 3}"),
    "swapped": ([0, 1], [1, 0], [], "{0: 1, 1: 0}"),
    "swapped 0 and 255": ([0, 255], [255, 0], [], "{0: 255, 255: 0}"),
    "named, swapped": ([0, 1], [1, 0], ["--classes", "ground,thing"], "{0: 1, 1: 0}"),
    "16 bits": ([0, 1000, 40000], [0, 1, 2], [], "--prediction_ids index"),
    "labelIds, predicted trainIds": (
        LABEL_IDS,
        TRAIN_IDS,
        ["--classes", "cityscapes"],
        "--prediction_ids index",
    ),
    "trainIds, predicted labelIds": (TRAIN_IDS, LABEL_IDS, ["--classes", "cityscapes"], "--truth_ids index"),
    "trainIds on both sides": (
        TRAIN_IDS,
        TRAIN_IDS,
        ["--classes", "cityscapes"],
        "--truth_ids index --prediction_ids index",
    ),
    "labelIds and trainIds without a table": (LABEL_IDS, TRAIN_IDS, [], "--prediction_map"),
}


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("case", DIALECTS)
def test_sides_of_other_ids_are_refused_and_the_remedy_is_right(
    case: str, named: bool, tmp_path: Path, capsys: Capture
) -> None:
    true_ids, predicted_ids, settings, words = DIALECTS[case]
    if named and not settings:
        settings = ["--label_map", str({i: k for k, i in enumerate(sorted(true_ids))})]
        words = "add to the command"
    classes = len(true_ids)
    truth = [scene(k, classes) for k in range(6)]
    predictions = [predicted(indices) for indices in truth]
    write(tmp_path, [stored(m, true_ids) for m in truth], [stored(m, predicted_ids) for m in predictions])
    message, found = refused_then_right(tmp_path, capsys, truth, predictions, settings)
    assert words in message
    assert "f0.png" in message
    assert "f1.png" in message
    assert "f2.png and 3 more" in message
    right = confusion(truth, predictions, classes)
    assert f"(mIoU {100 * ious(right).mean():.3g} %)" in message
    order = np.argsort(np.argsort(true_ids))
    truth, predictions = ([order[m] for m in maps] for maps in (truth, predictions))
    same_scores(found, truth, predictions, classes)


@pytest.mark.parametrize("classes", [3, 6])
def test_a_set_with_a_reduced_zero_label(classes: int, tmp_path: Path, capsys: Capture) -> None:
    """Masks of 0 for "other" and 1 … N, perfect predictions of 0 … N − 1."""
    truth = [scene(k, classes) for k in range(4)]
    masks = [m + 1 for m in truth]
    for mask, indices in zip(masks, truth, strict=True):
        mask[:5], indices[:5] = 0, 255
    write(tmp_path, masks, [scene(k, classes) for k in range(4)])
    message, found = refused_then_right(tmp_path, capsys, truth, truth)
    assert "--ignore_index 0" in message
    assert "(mIoU 100 %)" in message
    assert np.array_equal(found, np.diag(confusion(truth, truth, classes).diagonal()))


def test_indices_without_a_class_table_are_of_the_ids_in_the_masks(tmp_path: Path) -> None:
    truth = [scene(k, 3) for k in range(3)]
    predictions = [predicted(m) for m in truth]
    write(tmp_path, [stored(m, [7, 8, 11]) for m in truth], predictions)
    assert typed(tmp_path, "--prediction_ids", "index") == 0
    same_scores(matrix_in(tmp_path), truth, predictions, 3)


def test_an_index_that_no_mask_has_tells_that_the_order_is_unknown(tmp_path: Path, capsys: Capture) -> None:
    write(tmp_path, [stored(scene(0, 3), [7, 8, 11])], [scene(0, 4)])
    assert typed(tmp_path, "--prediction_ids", "index") == 2
    message = capsys.readouterr().err
    assert "a class seems to be missing in the masks" in message
    assert "7–8, 11" in message
    assert "0–3" in message
    assert typed(tmp_path, "--prediction_ids", "index", "--label_map", "{7: 0, 8: 1, 9: 2, 11: 3}") == 0


def test_predictions_of_two_dialects_are_read_as_one(tmp_path: Path, capsys: Capture) -> None:
    truth = [scene(k, 2) for k in range(4)]
    predictions = [predicted(m) for m in truth]
    write(tmp_path, [255 * m for m in truth], [m * (255 if k % 2 else 1) for k, m in enumerate(predictions)])
    message, found = refused_then_right(tmp_path, capsys, truth, predictions)
    assert "{1: 255}" in message
    # The files with 255 are read as they should be.
    assert "f1.png" not in message
    same_scores(found, truth, predictions, 2)


def test_a_class_that_is_never_predicted_hides_no_dialect(tmp_path: Path, capsys: Capture) -> None:
    """Four ids in the masks and three in the predictions, of which only the background's is the same."""
    truth = [scene(k, 4) for k in range(3)]
    predictions = [np.where(predicted(m, 1) == 3, 0, predicted(m, 1)) for m in truth]
    write(tmp_path, truth, [stored(m, [0, 4, 9]) for m in predictions])
    message, found = refused_then_right(tmp_path, capsys, truth, predictions)
    assert "{4: 1, 9: 2}" in message
    assert np.array_equal(found, confusion(truth, predictions, 4))


def test_masks_of_two_dialects(tmp_path: Path, capsys: Capture) -> None:
    """Otherwise 255 would pass for unlabeled, and half of all objects with it."""
    truth = [scene(k, 2) for k in range(4)]
    predictions = [predicted(m) for m in truth]
    write(tmp_path, [m * (255 if k % 2 == 0 else 1) for k, m in enumerate(truth)], predictions)
    message, found = refused_then_right(tmp_path, capsys, truth, predictions)
    assert "255 in the masks is taken for unlabeled" in message
    same_scores(found, truth, predictions, 2)


def test_masks_of_1_and_255(tmp_path: Path, capsys: Capture) -> None:
    truth = [scene(k, 2) for k in range(4)]
    predictions = [predicted(m) for m in truth]
    write(tmp_path, [stored(m, [255, 1]) for m in truth], predictions)
    _, found = refused_then_right(tmp_path, capsys, truth, predictions)
    same_scores(found, truth, predictions, 2)


def test_the_user_has_the_last_word(tmp_path: Path, capsys: Capture) -> None:
    truth = [scene(k, 2) for k in range(4)]
    write(tmp_path, [255 * m for m in truth], truth)
    assert typed(tmp_path, "--prediction_ids", "stored") == 0
    # 1 is a class that the masks do not have.
    matrix = matrix_in(tmp_path)
    inside = sum(int(m.sum()) for m in truth)
    assert matrix.tolist() == [[4 * 2400 - inside, 0, 0], [0, 0, 0], [0, inside, 0]]
    # 255 is a class and not to be ignored.
    assert "--ignore_index" not in capsys.readouterr().out


def test_ids_that_are_never_predicted_are_no_advice_to_ignore_a_class(tmp_path: Path, capsys: Capture) -> None:
    truth = scene(0, 5)
    write(tmp_path, [truth], [np.where(truth == 4, 0, truth)])
    assert typed(tmp_path) == 0
    assert "never predicted: id 4; if it stands for unlabeled, say --ignore_index 4" in capsys.readouterr().out
    write(tmp_path, [truth], [np.where(truth > 2, 0, truth)])
    assert typed(tmp_path, out="again") == 0
    assert "never predicted: ids 3–4; if one of them stands for unlabeled" in capsys.readouterr().out


def test_masks_of_colors_and_predictions_by_index(tmp_path: Path, capsys: Capture) -> None:
    colors = np.array([[0, 0, 128], [128, 0, 0], [0, 128, 0]], dtype=np.uint8)
    entries = [{"name": f"c{k}", "id": k + 1, "colour": colors[k].tolist()} for k in range(3)]
    (tmp_path / "classes.yaml").write_text(json.dumps({"classes": entries, "ignore_colours": [[255, 255, 255]]}))
    truth = [scene(k, 3) for k in range(4)]
    predictions = [predicted(m) for m in truth]
    masks = [colors[m] for m in truth]
    for mask, indices in zip(masks, truth, strict=True):
        mask[-3:], indices[-3:] = 255, 255
    write(tmp_path, masks, predictions)
    settings = ["--classes", str(tmp_path / "classes.yaml")]
    message, found = refused_then_right(tmp_path, capsys, truth, predictions, settings)
    assert "--prediction_ids index" in message
    assert np.array_equal(found, confusion(truth, predictions, 3))


def test_a_doubt_that_is_answered_is_said_before_the_work_and_in_the_report(tmp_path: Path, capsys: Capture) -> None:
    truth = [scene(k, 5) for k in range(4)]
    write(tmp_path, [m + 1 for m in truth], truth)
    assert typed(tmp_path, "--prediction_ids", "stored") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("doubt: the masks hold the ids 1–5, the predictions 0–4; as they stand, ")
    assert "100 % agree (mIoU 100 %)" in printed.partition("\n")[0]
    assert "Doubt: the masks hold the ids 1–5" in (tmp_path / "out" / "summary.json").read_text(encoding="utf-8")


def test_other_numbers_of_all_classes_are_said_and_not_refused(tmp_path: Path, capsys: Capture) -> None:
    truth = [scene(k, 4) for k in range(4)]
    order = [2, 0, 3, 1]
    write(tmp_path, truth, [stored(m, order) for m in truth])
    assert typed(tmp_path) == 0
    line = capsys.readouterr().out.partition("\n")[0]
    assert line.startswith("doubt: ")
    assert typed(tmp_path, *remedy(line), out="again") == 0
    assert np.array_equal(matrix_in(tmp_path, "again"), confusion(truth, truth, 4))


def test_ids_that_only_one_side_has_are_said(tmp_path: Path, capsys: Capture) -> None:
    truth = scene(0, 4)
    prediction = np.where(truth == 3, 0, truth)
    prediction[-4:] = 9
    prediction[-1:] = 8
    write(tmp_path, [truth], [prediction])
    assert typed(tmp_path) == 0
    printed = capsys.readouterr().out
    assert "the predictions hold 8–9 at 10 % of the labeled pixels, which no mask holds, the masks 3" in printed


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["--prediction_map", "{1: 255}", "--prediction_ids", "index"], "prediction_map and prediction_ids index"),
        (["--prediction_map", "{1: 70000}"], "expected an id in 0…65535"),
        (["--truth_ids", "index"], "give --classes"),
        (["--prediction_threshold", "0"], "expected a prediction_threshold in 1…65535, found 0"),
        (["--prediction_threshold", "128", "--classes", "a,b,c"], "expected two classes"),
        (["--prediction_threshold", "128"], "a class seems to be missing"),
    ],
)
def test_settings_that_do_not_go_together(settings: list[str], reason: str, tmp_path: Path, capsys: Capture) -> None:
    write(tmp_path, [scene(0, 3)], [scene(0, 3)])
    assert typed(tmp_path, *settings) == 2
    assert reason in capsys.readouterr().err


BAD = {
    "noise": lambda truth, random, classes: random.integers(0, classes, truth.shape),
    "one class": lambda truth, random, classes: np.full(truth.shape, random.integers(classes)),
    "moved far": lambda truth, random, classes: np.roll(truth, 25, axis=1),
    "mostly noise": lambda truth, random, classes: np.where(
        random.random(truth.shape) < 0.8, random.integers(0, classes, truth.shape), truth
    ),
    "upside down": lambda truth, random, classes: truth[::-1],
    "finds nothing": lambda truth, random, classes: np.where(random.random(truth.shape) < 0.01, truth, 0),
    "finds too much": lambda truth, random, classes: np.where(truth == 0, random.integers(0, classes), truth),
}


@given(
    st.integers(2, 5),
    st.sampled_from(list(BAD)),
    st.sampled_from(["from 0", "from 1", "gaps", "drawn"]),
    st.booleans(),
    st.integers(0, 1000),
)
def test_a_bad_network_that_speaks_the_same_ids_is_diagnosed(
    classes: int, how: str, dialect: str, named: bool, seed: int
) -> None:
    ids = IDS[dialect] if dialect != "drawn" else [0, 255]
    classes = min(classes, len(ids))
    random = np.random.default_rng(seed)
    truth = [scene(seed + k, classes) for k in range(2)]
    predictions = [np.asarray(BAD[how](m, random, classes)).astype(np.uint8) for m in truth]
    settings = ["--label_map", str({i: k for k, i in enumerate(ids[:classes])})] if named else []
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), [stored(m, ids) for m in truth], [stored(m, ids) for m in predictions])
        assert typed(Path(folder), *settings) == 0
        assert np.array_equal(matrix_in(Path(folder)), confusion(truth, predictions, classes))


IDS = {"from 0": [0, 1, 2, 3, 4], "from 1": [1, 2, 3, 4, 5], "gaps": [0, 4, 9, 30, 200], "drawn": [0, 255]}
IDS |= {"high": [7, 8, 11, 300, 40000], "shuffled": [3, 0, 4, 1, 2]}


@given(
    st.integers(2, 5),
    st.tuples(st.sampled_from(list(IDS)), st.sampled_from(list(IDS))),
    st.booleans(),
    st.integers(0, 1000),
)
def test_any_two_dialects_are_scored_right_or_doubted(
    classes: int, dialects: tuple[str, str], without_last: bool, seed: int
) -> None:
    if "drawn" in dialects:
        classes = 2
    true_ids, predicted_ids = (IDS[name][:classes] for name in dialects)
    truth = [scene(seed + k, classes) for k in range(3)]
    predictions = [predicted(m, 1) for m in truth]
    if without_last and classes > 3:
        predictions = [np.where(m == classes - 1, 0, m) for m in predictions]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write(place, [stored(m, true_ids) for m in truth], [stored(m, predicted_ids) for m in predictions])
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            code = typed(place)
        doubts = re.findall(r"^(?:doubt|hardpix diagnose): .*(?:\n  .*)*", said.getvalue(), re.MULTILINE)
        order = np.argsort(np.argsort(true_ids))
        right = confusion([order[m] for m in truth], [order[m] for m in predictions], classes)
        if true_ids == predicted_ids:
            assert (code, doubts) == (0, [])
            assert np.array_equal(matrix_in(place), right)
            return
        assert doubts, (true_ids, predicted_ids)
        assert "f0.png" in doubts[0]
        assert typed(place, *remedy(doubts[0]), out="again") == 0
        found = matrix_in(place, "again")
        if len(found) == classes:
            assert np.array_equal(found, right)
