"""``hardpix refine``: the user's own ids with exactly the changed pixels, and everything that cannot be used."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from hardpix.refiners import PAMR
from runs import Mixed, Outcome, read, run_hardpix, tree

IDS = np.array([7, 11, 40])
SIZES = {"a": (20, 31), "deep/b": (17, 23), "c": (40, 24)}
COLORS = [(200, 0, 10), (0, 200, 10), (10, 0, 200)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Images whose right half is bright, and predictions of three ids with a few unlabeled pixels."""
    rng = np.random.default_rng(0)
    for stem, (height, width) in SIZES.items():
        image = rng.integers(0, 100, (height, width, 3), dtype=np.uint8)
        image[:, width // 2 :] += 150
        ids = IDS[rng.integers(0, 3, (height, width))].astype(np.uint8)
        ids[0, :3], ids[-1, -2:] = 255, 255
        for kind, values in (("images", image), ("predictions", ids)):
            path = tmp_path / kind / f"{stem}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(path)
    return tmp_path


def refine(data: Path, *more: object, refiner: str = "my_refiners.BrightIsLast") -> Outcome:
    return run_hardpix(
        *("refine", "--images", data / "images", "--predictions", data / "predictions"),
        *("--refine", refiner, "--out", data / "out", *more),
    )


def bright(data: Path, stem: str) -> np.ndarray:
    image = read(data / "images" / f"{stem}.png")
    return image.astype(float).mean(2) > 128


def expected(data: Path, stem: str) -> np.ndarray:
    """Ids of a prediction after BrightIsLast, pixels without one as they were."""
    before = read(data / "predictions" / f"{stem}.png")
    return np.where(bright(data, stem) & (before != 255), 40, before)


def test_changed_pixels_have_the_new_class_in_the_users_ids_and_all_others_are_as_they_were(data: Path) -> None:
    before = tree(data / "images") | tree(data / "predictions")
    outcome = refine(data)
    assert outcome.code == 0, outcome.err
    moved: dict[tuple[str, str], int] = {}
    with (data / "out" / "changes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for stem, size in SIZES.items():
        found, old = read(data / "out" / "masks" / f"{stem}.png"), read(data / "predictions" / f"{stem}.png")
        np.testing.assert_array_equal(found, expected(data, stem))
        overlay = read(data / "out" / "overlays" / f"{stem}.jpg").astype(int)
        assert overlay.shape == (*size, 3)
        for k, name in ((7, "class 7"), (11, "class 11")):
            count = int(((old == k) & (found == 40)).sum())
            moved[name, "class 40"] = moved.get((name, "class 40"), 0) + count
            own = [row for row in rows if (row["image"], row["from"]) == (stem, name)]
            assert [int(row["pixels"]) for row in own] == [count]
    assert {row["to"] for row in rows} == {"class 40"}
    total = sum(int((read(data / "predictions" / f"{stem}.png") != 255).sum()) for stem in SIZES)
    share = 100 * sum(moved.values()) / total
    said = re.search(r"([\d.]+) % of the pixels changed, in 3 of 3 images", outcome.out)
    assert said is not None
    assert float(said[1]) == pytest.approx(share, abs=0.5)
    assert tree(data / "images") | tree(data / "predictions") == before
    assert "Caution: class 7" in outcome.out
    assert (data / "out" / "legend.png").is_file()


def test_ids_of_one_class_that_do_not_change_keep_their_own_number(data: Path) -> None:
    table = {"classes": [{"name": "low", "id": [7, 11]}, {"name": "high", "id": 40}], "ignore_ids": [255]}
    (data / "classes.yaml").write_text(yaml.safe_dump(table))
    outcome = refine(data, "--classes", data / "classes.yaml", "--overlays", "false")
    assert outcome.code == 0, outcome.err
    for stem in SIZES:
        np.testing.assert_array_equal(read(data / "out" / "masks" / f"{stem}.png"), expected(data, stem))
    assert not (data / "out" / "overlays").exists()


def test_colors_stay_colors_and_palettes_stay_palettes(data: Path) -> None:
    for stem in SIZES:
        path = data / "predictions" / f"{stem}.png"
        index = np.searchsorted(IDS, read(path)).clip(max=2)
        if stem == "c":
            palette = Image.fromarray(index.astype(np.uint8), "P")
            palette.putpalette([value for color in COLORS for value in color])
            palette.save(path)
        else:
            Image.fromarray(np.array(COLORS, np.uint8)[index]).save(path)
    table = {"classes": [{"name": f"c{k}", "id": k, "color": list(color)} for k, color in enumerate(COLORS)]}
    (data / "classes.yaml").write_text(yaml.safe_dump({**table, "palette": "colors"}))
    outcome = refine(data, "--classes", data / "classes.yaml")
    assert outcome.code == 0, outcome.err
    for stem in SIZES:
        with Image.open(data / "out" / "masks" / f"{stem}.png") as image:
            assert image.mode == ("P" if stem == "c" else "RGB")
            found = np.array(image.convert("RGB"))
        with Image.open(data / "predictions" / f"{stem}.png") as image:
            before = np.array(image.convert("RGB"))
        np.testing.assert_array_equal(found, np.where(bright(data, stem)[..., None], COLORS[2], before))


def write_probabilities(data: Path, kind: type = np.float16) -> dict[str, np.ndarray]:
    """Probabilities whose highest class is the prediction, and whose second one is above 1/4 in some columns."""
    written = {}
    for stem, size in SIZES.items():
        index = np.searchsorted(IDS, read(data / "predictions" / f"{stem}.png")).clip(max=2)
        shares = np.full((3, *size), 0.125)
        np.put_along_axis(shares, index[None], 0.75, 0)
        second = (index + 1) % 3
        columns = np.arange(size[1]) % 3 == 0
        for k in range(3):
            shares[k][(index == k) & columns] = 0.5
            shares[k][(second == k) & columns] = 0.375
        path = data / "probabilities" / f"{stem}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        scale = 1 if np.dtype(kind).kind == "f" else np.iinfo(kind).max
        np.save(path, (shares * scale).astype(kind))
        written[stem] = np.where(columns, second, index)
    return written


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.uint8, np.uint16])
def test_probabilities_are_refined_in_place_of_ids(data: Path, kind: type) -> None:
    known = write_probabilities(data, kind)
    outcome = refine(data, "--probabilities", data / "probabilities", refiner="my_refiners.ByProbability")
    assert outcome.code == 0, outcome.err
    assert "doubt" not in outcome.out
    for stem in SIZES:
        before = read(data / "predictions" / f"{stem}.png")
        after = np.where(before == 255, 255, IDS[known[stem]])
        np.testing.assert_array_equal(read(data / "out" / "masks" / f"{stem}.png"), after)


def test_logits_other_sizes_and_missing_files_leave_their_images_out(data: Path) -> None:
    write_probabilities(data)
    np.save(data / "probabilities" / "a.npy", np.log(np.load(data / "probabilities" / "a.npy")))
    np.save(data / "probabilities" / "c.npy", np.zeros((3, 24, 40), np.float32))
    more = ("--probabilities", data / "probabilities")
    outcome = refine(data, *more, refiner="my_refiners.ByProbability")
    assert outcome.code == 0, outcome.err
    assert "2 of 3 images left out" in outcome.out
    assert "expected probabilities from 0 to 1, found -2.08 to -0.2876; logits?" in outcome.out
    assert "40×24" in outcome.out
    assert [path.name for path in (data / "out" / "masks").rglob("*.png")] == ["b.png"]
    (data / "probabilities" / "deep" / "b.npy").unlink()
    outcome = refine(data, *more, "--overwrite")
    assert outcome.code == 2
    assert "expected one file deep/b.npy or .npz" in outcome.err


def test_channels_in_another_order_are_refused_and_other_sums_are_said(data: Path) -> None:
    write_probabilities(data, np.float32)
    paths = list((data / "probabilities").rglob("*.npy"))
    for path in paths:
        np.save(path, np.load(path) / 2)
    outcome = refine(data, "--probabilities", data / "probabilities", refiner="my_refiners.ByProbability")
    assert outcome.code == 0, outcome.err
    assert (
        "found other sums in up to 100 % of the pixels (a, c, deep/b): each pixel is divided by its sum" in outcome.out
    )
    for path in paths:
        np.save(path, np.load(path)[[1, 2, 0]])
    outcome = refine(data, "--probabilities", data / "probabilities", "--overwrite")
    assert outcome.code == 2
    assert "store the channels in the order of the classes: probabilities[[2, 0, 1]]" in outcome.err


def test_probabilities_of_more_classes_than_were_predicted_need_their_names(data: Path) -> None:
    write_probabilities(data)
    for stem in SIZES:
        path = data / "predictions" / f"{stem}.png"
        ids = read(path)
        Image.fromarray(np.where(ids == 11, 7, ids).astype(np.uint8)).save(path)
    outcome = refine(data, "--probabilities", data / "probabilities")
    assert outcome.code == 2
    assert (
        "expected probabilities of the 2 classes that the predictions hold (ids 7, 40), found 3 channels" in outcome.err
    )
    assert "name all classes (--classes, or --label_map" in outcome.err


def test_files_that_do_not_go_together_are_listed_and_left_out(data: Path) -> None:
    (data / "images" / "c.png").unlink()
    (data / "images" / "alone.png").write_bytes((data / "images" / "a.png").read_bytes())
    Image.fromarray(read(data / "predictions" / "a.png")[:, :-1]).save(data / "predictions" / "a.png")
    outcome = refine(data)
    assert outcome.code == 0, outcome.err
    assert "2 of 3 images left out" in outcome.out
    assert "20×31" in outcome.out
    assert "20×30" in outcome.out
    assert "no mask" in outcome.out
    assert "c.png: expected an image c.*, found none" in outcome.out
    assert [path.name for path in (data / "out" / "masks").rglob("*.png")] == ["b.png"]
    assert len(list(csv.DictReader((data / "out" / "problems.csv").open(newline="")))) == 3


def test_ids_that_are_no_class_are_said_with_their_pixels(data: Path) -> None:
    changed = read(data / "predictions" / "a.png")
    changed[5, :4] = 99
    Image.fromarray(changed).save(data / "predictions" / "a.png")
    outcome = refine(data, "--label_map", "{7: 0, 11: 1, 40: 2}")
    assert outcome.code == 0, outcome.err
    assert "1 of 3 images left out" in outcome.out
    assert "id outside the classes" in outcome.out
    assert "99" in outcome.out
    outcome = refine(data, "--label_map", "{1: 0, 2: 1}", "--overwrite")
    assert outcome.code == 2
    assert "--data." not in outcome.err


def test_an_interrupted_command_goes_on(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (data / "stop").touch()
    monkeypatch.setenv("HARDPIX_TEST_STOP", str(data / "stop"))
    outcome = refine(data, refiner="my_refiners.Interrupted")
    assert outcome.code == 130
    assert "to go on: hardpix refine" in outcome.err
    first = (data / "out" / "masks" / "a.png").stat().st_mtime_ns
    (data / "stop").unlink()
    outcome = refine(data, refiner="my_refiners.Interrupted")
    assert outcome.code == 0, outcome.err
    assert "1 of 3 images in" in outcome.err
    assert (data / "out" / "masks" / "a.png").stat().st_mtime_ns == first
    for stem in SIZES:
        np.testing.assert_array_equal(read(data / "out" / "masks" / f"{stem}.png"), expected(data, stem))


def test_tiles_give_what_the_whole_image_gives(data: Path) -> None:
    settings = ("--refine.dilations", "[1,2]", "--refine.steps", 2)
    assert refine(data, *settings, "--tile", 7, refiner="PAMR").code == 0
    for stem in SIZES:
        before, image = read(data / "predictions" / f"{stem}.png"), read(data / "images" / f"{stem}.png")
        shares = np.where(before == IDS[:, None, None], 0.7, 0.15)
        shares[:, before == 255] = 1 / 3
        pixels = torch.from_numpy(image).movedim(-1, 0)[None]
        maps = PAMR((1, 2), 2)(torch.from_numpy(shares)[None].float(), pixels)[0].numpy()
        # Rounding may decide between classes that are equal up to it.
        clear = np.sort(maps, 0)[-1] - np.sort(maps, 0)[-2] > 1e-4
        after = np.where(before == 255, 255, IDS[maps.argmax(0)])
        np.testing.assert_array_equal(read(data / "out" / "masks" / f"{stem}.png")[clear], after[clear])
        assert clear.mean() > 0.9


@pytest.mark.parametrize(
    ("refiner", "more", "message"),
    [
        ("my_refiners.OfHalfTheSize", (), "expected a map of shape (1, 3, 20, 31) from OfHalfTheSize"),
        ("my_refiners.Nowhere", (), "found NaN or infinity in 100 % of them"),
        ("Affinity", ("--tile", 8), "expected an overlap of the tiles for Affinity"),
        ("PAMR", ("--overlap", 8), "found no tiles: give --tile"),
        ("PAMR", ("--confidence", 0.3), "expected a confidence above 1 / 3 and up to 1, found 0.3"),
        ("PAMR", ("--ignore_index", 0), "expected classes beside ignore_index 0"),
        ("PAMR", ("--probabilities", "nowhere"), "expected a folder of probabilities, found none at nowhere"),
        ("PAMR", ("--classes", "nowhere.yaml"), "expected a YAML file of the class table"),
        ("PARM", (), "PAMR"),
    ],
)
def test_what_cannot_be_done_is_one_message_and_nothing_is_written(
    data: Path, refiner: str, more: tuple[object, ...], message: str
) -> None:
    outcome = refine(data, *more, refiner=refiner)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (data / "out").exists()


def test_results_never_go_over_what_is_read(data: Path) -> None:
    before = tree(data)
    for out in (data / "predictions", data / "images" / "out", data):
        outcome = run_hardpix(
            *("refine", "--images", data / "images", "--predictions", data / "predictions"),
            *("--refine", "PAMR", "--out", out, "--overwrite"),
        )
        assert outcome.code == 2
    assert tree(data) == before


def test_the_crf_of_predict_sees_the_colors_that_the_files_have(mixed: Mixed, tmp_path: Path) -> None:
    assert mixed.run.dataset_info().image_std == pytest.approx((0.229, 0.224, 0.225))
    images = ["--run", mixed.run.path, "--images", mixed.data.images, "--overlays", "false"]
    crf = ["--refine", "DenseCRF", "--refine.steps", 2]
    assert run_hardpix("predict", *images, "--out", tmp_path / "plain", "--probabilities").code == 0
    outcome = run_hardpix("predict", *images, *crf, "--out", tmp_path / "refined")
    assert outcome.code == 0, outcome.err
    outcome = run_hardpix(
        *("refine", "--images", mixed.data.images, "--predictions", tmp_path / "plain" / "labels", *crf),
        *("--probabilities", tmp_path / "plain" / "probabilities", "--out", tmp_path / "again"),
        *("--classes", mixed.run.path / "classes.yaml"),
    )
    assert outcome.code == 0, outcome.err
    for path in (tmp_path / "refined" / "labels").rglob("*.png"):
        again = tmp_path / "again" / "masks" / path.relative_to(tmp_path / "refined" / "labels")
        # Probabilities in files have 16 bits.
        assert (read(path) == read(again)).mean() > 0.99
