"""The masks of a diagnosis are judged as those of a training are, and so are its predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from hardpix.data import ClassTable, read_mask
from hardpix.data.dialects import find_dialects
from hardpix.data.mask_facts import mask_facts
from hardpix.diagnosis.agreement import count_pairs
from hardpix.diagnosis.sides import SideReader
from small_runs import confusion, write_maps

from .dialects import matrix_in, predicted, remedy, scene, typed, write

Capture = pytest.CaptureFixture[str]
BLACK, RED, GREEN = (0, 0, 0), (255, 0, 0), (0, 200, 0)
ORDERED, SWAPPED = (BLACK, RED, GREEN), (BLACK, GREEN, RED)


def painted(folder: Path, maps: Sequence[np.ndarray], palettes: Sequence[Sequence[tuple[int, ...]]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for k, (values, palette) in enumerate(zip(maps, palettes, strict=True)):
        image = Image.fromarray(values.astype(np.uint8), mode="P")
        image.putpalette([value for color in palette for value in color])
        image.save(folder / f"f{k}.png")


def table_file(place: Path, **more: object) -> str:
    entries = [{"name": f"c{k}", "id": k} for k in range(3)]
    if more.pop("colors", False):
        entries = [entry | {"colour": list(color)} for entry, color in zip(entries, ORDERED, strict=True)]
    (place / "table.yaml").write_text(yaml.safe_dump({"classes": entries, **more}))
    return str(place / "table.yaml")


TRUTH = [scene(k, 3) for k in range(4)]
FOUND = [predicted(mask) for mask in TRUTH]


@pytest.mark.parametrize("side", ["truth", "predictions"])
def test_palettes_of_one_side_that_contradict_each_other(side: str, tmp_path: Path, capsys: Capture) -> None:
    write(tmp_path, TRUTH, FOUND)
    maps = TRUTH if side == "truth" else FOUND
    painted(tmp_path / side, maps, [ORDERED, SWAPPED, ORDERED, SWAPPED])
    assert typed(tmp_path) == 2
    message = capsys.readouterr().err
    share = 100 * sum((maps[k] > 0).sum() for k in (1, 3)) / sum(m.size for m in maps)
    assert f"{share:.3g} % of the pixels, in 2 of 4 masks (f1.png, f3.png)" in message
    assert "--prediction_ids stored" in message
    assert "palette: colors" in message
    assert "palette: ids" in message
    assert not (tmp_path / "out").exists()
    # The indices are right.
    expected = confusion(TRUTH, FOUND, 3)
    by_ids = ["--classes", table_file(tmp_path, palette="ids")]
    for number, settings in enumerate((["--prediction_ids", "stored"], by_ids)):
        assert typed(tmp_path, *settings, out=f"ids{number}") == 0
        assert np.array_equal(matrix_in(tmp_path, f"ids{number}"), expected)
        assert ("doubt: palettes that contradict" in capsys.readouterr().out) == (number == 0)
    # The colors are right: 1 and 2 change places in half of the files of that side.
    other = [np.array([0, 2, 1])[m] if k % 2 else m for k, m in enumerate(maps)]
    truth, predictions = (other, FOUND) if side == "truth" else (TRUTH, other)
    settings = ["--classes", table_file(tmp_path, colors=True, palette="colors"), "--prediction_ids", "stored"]
    assert typed(tmp_path, *settings, out="colors") == 0
    assert np.array_equal(matrix_in(tmp_path, "colors"), confusion(truth, predictions, 3))


@pytest.mark.parametrize("side", ["truth", "predictions"])
@pytest.mark.parametrize("more", [[], ["--ignore_index", "255"], ["--ignore_index", "9"]])
def test_other_palettes_than_those_of_the_training(side: str, more: list[str], tmp_path: Path, capsys: Capture) -> None:
    """The class table of a run has seen palettes; both files of a side agree with each other, and not with them."""
    write(tmp_path, TRUTH, FOUND)
    seen = {k: list(color) for k, color in enumerate(ORDERED)}
    settings = ["--classes", table_file(tmp_path, palette_seen=seen), *more]
    painted(tmp_path / side, TRUTH if side == "truth" else FOUND, [ORDERED] * 4)
    assert typed(tmp_path, *settings) == 0
    painted(tmp_path / side, TRUTH if side == "truth" else FOUND, [SWAPPED] * 4)
    capsys.readouterr()
    assert typed(tmp_path, *settings, out="again") == 2
    message = capsys.readouterr().err
    assert "index 1 in the color (255, 0, 0) in all masks, as in the training" in message
    # Indices in another order are no ids of the training.
    assert typed(tmp_path, *settings, "--prediction_map", "{1: 2, 2: 1}", out="map") == 0
    assert ("as in the training" in capsys.readouterr().out) == (side == "truth")


def test_a_palette_that_contradicts_the_class_table(tmp_path: Path, capsys: Capture) -> None:
    write(tmp_path, TRUTH, FOUND)
    painted(tmp_path / "truth", TRUTH, [SWAPPED] * 4)
    assert typed(tmp_path, "--classes", table_file(tmp_path, colors=True)) == 2
    assert "index 1 (c1) in (0, 200, 0), the color of c2, in f0.png" in capsys.readouterr().err
    assert typed(tmp_path, "--classes", table_file(tmp_path, colors=True, palette="ids")) == 0
    assert np.array_equal(matrix_in(tmp_path), confusion(TRUTH, FOUND, 3))


def test_masks_of_ids_beside_classes_found_by_color(tmp_path: Path, capsys: Capture) -> None:
    """The predictions have the run's own numbers; masks of ids are read by them only when told so."""
    table = ClassTable.from_colors(ORDERED)
    (tmp_path / "table.yaml").write_text(yaml.safe_dump(table.to_dict()))
    classes = ["--classes", str(tmp_path / "table.yaml")]
    # The colors in their order are the classes: black, green, red.
    own = [np.array([0, 2, 1], np.uint8)[m] for m in FOUND]
    write(tmp_path, TRUTH, own)
    painted(tmp_path / "truth", TRUTH, [ORDERED] * 4)
    assert typed(tmp_path, *classes) == 0
    order = [np.array([0, 2, 1])[m] for m in TRUTH]
    assert np.array_equal(matrix_in(tmp_path), confusion(order, own, 3))
    write_maps(tmp_path / "truth", {f"f{k}": m.astype(np.uint8) for k, m in enumerate(order)})
    capsys.readouterr()
    assert typed(tmp_path, *classes, out="gray") == 2
    assert "ids 0–2 in 4 of 4 masks (f0.png, f1.png, f2.png and 1 more)" in capsys.readouterr().err
    assert typed(tmp_path, *classes, "--truth_ids", "index", out="gray") == 0
    assert np.array_equal(matrix_in(tmp_path, "gray"), confusion(order, own, 3))


def test_masks_are_refused_whatever_the_predictions_are(tmp_path: Path, capsys: Capture) -> None:
    """1 in some masks and 255 in others, and a network that finds nothing: no agreement tells."""
    truth = [scene(k, 2) for k in range(4)]
    masks = [m * (255 if k % 2 == 0 else 1) for k, m in enumerate(truth)]
    nothing = [np.zeros_like(m) for m in truth]
    nothing[0][0, 0] = 1
    write(tmp_path, masks, nothing)
    assert typed(tmp_path) == 2
    message = capsys.readouterr().err
    assert "one class written as two ids" in message
    assert "255 in 2 masks (f0.png, f2.png" in message
    assert "--label_map '{0: 0, 1: 1, 255: 1}'" in message
    assert typed(tmp_path, "--label_map", "{0: 0, 1: 1, 255: 1}") == 0
    assert np.array_equal(matrix_in(tmp_path), confusion(truth, nothing, 2))
    # Told that 255 is unlabeled, by any of the settings, nothing is asked.
    capsys.readouterr()
    for number, said in enumerate((["--label_map", "{0: 0, 1: 1, 255: ignore}"], ["--ignore_index", "255"])):
        assert typed(tmp_path, *said, out=f"unlabeled{number}") == 0
        assert "doubt" not in capsys.readouterr().out
        odd = [k for k in range(4) if k % 2]
        labeled = confusion([truth[k] for k in odd], [nothing[k] for k in odd], 2)
        black = np.array([[sum((truth[k] == 0).sum() for k in (0, 2)), 0], [0, 0]])
        black += np.array([[-1, 1], [0, 0]]) if truth[0][0, 0] == 0 else 0
        assert np.array_equal(matrix_in(tmp_path, f"unlabeled{number}"), labeled + black)


def test_masks_in_the_order_of_a_table_and_a_bad_network(tmp_path: Path, capsys: Capture) -> None:
    truth = [scene(k, 3) for k in range(4)]
    random = np.random.default_rng(0)
    noise = [np.array([7, 8, 11], np.uint8)[random.integers(0, 3, m.shape)] for m in truth]
    write(tmp_path, truth, noise)
    names = [{"name": name, "id": i} for name, i in (("road", 7), ("walk", 8), ("house", 11))]
    (tmp_path / "table.yaml").write_text(yaml.safe_dump({"classes": names, "ignore_ids": [0, 1, 2, 3, 255]}))
    classes = ["--classes", str(tmp_path / "table.yaml")]
    assert typed(tmp_path, *classes) == 2
    message = capsys.readouterr().err
    assert "--truth_ids index" in message
    assert typed(tmp_path, *classes, *remedy(message)) == 0
    expected = confusion(truth, [np.searchsorted([7, 8, 11], m) for m in noise], 3)
    assert np.array_equal(matrix_in(tmp_path), expected)


@pytest.mark.parametrize("seed", range(4))
def test_the_facts_are_those_of_a_training(seed: int, tmp_path: Path) -> None:
    """Masks of every kind: `find_dialects` says of them what it says of masks that are trained on."""
    random = np.random.default_rng(seed)
    tables = {
        "ids": ClassTable.from_names(["a", "b", "c"]),
        "colors": ClassTable(["a", "b", "c"], range(3), ORDERED, ignore_colors=[(9, 9, 9)], palette="colors"),
        "threshold": ClassTable.from_threshold(128),
        "palette": ClassTable.from_names(["a", "b", "c"]).with_palette_seen(dict(enumerate(ORDERED))),
    }
    for name, table in tables.items():
        folder, ours, theirs = tmp_path / name, [], []
        for k in range(3):
            index = random.integers(0, 3, (20, 30))
            path = folder / f"f{k}.png"
            folder.mkdir(exist_ok=True)
            if name == "ids":
                Image.fromarray(np.array([0, 1, 255], np.uint8)[index]).save(path)
            elif name == "threshold":
                Image.fromarray(np.array([0, 1, 3 + seed], np.uint8)[index]).save(path)
            elif name == "colors":
                Image.fromarray(np.array([*ORDERED[:2], (9, 9, 9)], np.uint8)[index]).save(path)
            else:
                painted(folder, [index] * (k + 1), [ORDERED, SWAPPED, SWAPPED][: k + 1])
            side, stored = SideReader(table), read_mask(path, by_color=table.by_color)
            ids = count_pairs(side.ids(stored), side.ids(stored)).of_truth
            ours.append(side.facts(path, stored, ids))
            theirs.append(mask_facts(path, stored, table))
        assert find_dialects(folder, ours, table) == find_dialects(folder, theirs, table)
        assert [vars(fact) for fact in ours] == [vars(fact) for fact in theirs]


def test_gray_levels_of_a_side_are_judged_by_their_threshold(tmp_path: Path, capsys: Capture) -> None:
    truth = [scene(k, 2) for k in range(3)]
    write(tmp_path, [255 * m for m in truth], [m.copy() for m in truth])
    settings = ["--truth_threshold", "128", "--prediction_threshold", "128"]
    assert typed(tmp_path, *settings) == 0
    assert "the predictions hold ids up to 1 alone, below the threshold 128" in capsys.readouterr().out
    # Scores of 16 bits have too many levels to keep.
    many = np.arange(60 * 256, dtype=np.uint16).reshape(60, 256)
    side = SideReader(levels=ClassTable.from_threshold(300))
    fact = side.facts(tmp_path / "a.png", many, {0: 300, 1: many.size - 300})
    assert fact.labels == {0: 300, 65535: many.size - 300}
