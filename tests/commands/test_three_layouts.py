"""Three common layouts from the folder to the right labels, and hurried mistakes that are named instead of read."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from PIL import Image

from hardpix.data import load_preset
from runs import Outcome, run_hardpix

COUNT, SIZE = 5, (32, 48)
GRAYS = np.array([0, 128, 255], np.uint8)
# labelIds of two kinds of pixels that are not evaluated, then of road, sidewalk, building, pole, car and sky.
CITY = np.array([1, 3, 7, 8, 11, 17, 26, 23], np.uint8)
TRAIN_IDS = {7: 0, 8: 1, 11: 2, 17: 5, 23: 10, 26: 13, 1: 255, 3: 255}
SUFFIXES = ("--image_suffix", "_leftImg8bit", "--mask_suffix")


def blocks(k: int, classes: int) -> np.ndarray:
    """Blocks of 4 × 4 pixels; the last class is the commonest."""
    rng = np.random.default_rng(k)
    index = np.minimum(rng.integers(0, 2 * classes, (SIZE[0] // 4, SIZE[1] // 4)), classes - 1)
    index.flat[:classes] = range(classes)
    return np.kron(index, np.ones((4, 4), int))


def put(path: Path, values: np.ndarray, **options: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path, **options)


def picture(index: np.ndarray) -> np.ndarray:
    return np.repeat(40 + 25 * index[..., None], 3, axis=2)


def moved(index: np.ndarray) -> np.ndarray:
    """A prediction that is right but for the borders."""
    return np.roll(index, 1, axis=1)


def miou(pairs: list[tuple[np.ndarray, np.ndarray]], classes: int, unlabeled: int = 255) -> float:
    """Mean IoU in percent, by hand."""
    truth, predicted = (np.concatenate([each[side].ravel() for each in pairs]) for side in (0, 1))
    truth, predicted = truth[truth != unlabeled], predicted[truth != unlabeled]
    ious = [
        ((truth == c) & (predicted == c)).sum() / ((truth == c) | (predicted == c)).sum()
        for c in range(classes)
        if ((truth == c) | (predicted == c)).any()
    ]
    return 100 * float(np.mean(ious))


@pytest.fixture(scope="module")
def refuge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """T0001.jpg and T0001.bmp: 0 is the cup, 128 the disc, 255 the background."""
    root = tmp_path_factory.mktemp("refuge")
    for k in range(1, COUNT + 1):
        index = blocks(k, 3)
        put(root / f"images/T{k:04}.jpg", picture(index))
        put(root / f"masks/T{k:04}.bmp", GRAYS[index])
        put(root / f"numbers/T{k:04}.png", moved(index))
        put(root / f"backwards/T{k:04}.png", 2 - moved(index))
    return root


@pytest.fixture(scope="module")
def ade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0 is "other", 1 to 4 are classes; predictions are 0 to 3."""
    root = tmp_path_factory.mktemp("ade")
    names = [{"name": f"c{k}", "id": k} for k in range(1, 5)]
    (root / "classes.yaml").write_text(yaml.safe_dump({"classes": names, "ignore_ids": [0]}))
    for part, first in (("training", 1), ("validation", 50)):
        for k in range(first, first + COUNT):
            stored = blocks(k, 5)
            put(root / f"images/{part}/ADE_{k:08}.jpg", picture(stored))
            put(root / f"annotations/{part}/ADE_{k:08}.png", stored)
            put(root / f"predicted/{part}/ADE_{k:08}.png", np.maximum(moved(stored), 1) - 1)
            put(root / f"reduced/{part}/ADE_{k:08}.png", np.maximum(stored, 1) - 1)
    return root


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("city")
    colors = {1: (0, 0, 0), 3: (0, 0, 0), 7: (128, 64, 128), 8: (244, 35, 232), 11: (70, 70, 70)}
    colors |= {17: (153, 153, 153), 23: (70, 130, 180), 26: (0, 0, 142)}
    for part, first in (("train", 0), ("val", 50)):
        for k in range(first, first + COUNT):
            stored = CITY[blocks(k, len(CITY))]
            stem = f"{part}town/{part}town_{k:06}_000019"
            put(root / f"leftImg8bit/{part}/{stem}_leftImg8bit.png", picture(blocks(k, len(CITY))))
            fine, train_ids = root / f"gtFine/{part}/{stem}_gtFine", np.vectorize(TRAIN_IDS.get)(stored)
            put(Path(f"{fine}_labelIds.png"), stored)
            put(Path(f"{fine}_labelTrainIds.png"), train_ids)
            put(Path(f"{fine}_color.png"), np.array([colors[i] for i in stored.ravel()]).reshape(*SIZE, 3))
            put(root / f"clean/{part}/{stem}_gtFine_labelTrainIds.png", np.where(train_ids == 255, 0, train_ids))
            guess = moved(train_ids)
            put(root / f"predicted/{part}/{stem}_leftImg8bit.png", np.where(guess == 255, 0, guess))
    return root


def check(images: Path, masks: Path, *more: str) -> Outcome:
    return run_hardpix("check", "--images", images, "--masks", masks, *more)


def pixels_by_class(images: Path, masks: Path, out: Path, *more: str) -> dict[str, int]:
    """Pixels of each class as hardpix check reads them, where it finds nothing wrong."""
    outcome = check(images, masks, "--json", str(out), *more)
    assert outcome.code == 0, outcome.out + outcome.err
    found: Counter[str] = Counter()
    for label in json.loads(out.read_text())["data"]["labels"]:
        found[label["class"]] += label["pixels"]
    return dict(found)


def stored_in(folder: Path, pattern: str) -> Counter[int]:
    """Pixels of each stored number, by numpy."""
    found: Counter[int] = Counter()
    for path in sorted(folder.glob(pattern)):
        found.update(np.asarray(Image.open(path)).ravel().tolist())
    return found


def remedies(said: str, setting: str) -> list[list[str]]:
    """Words of the command line behind each mention of a setting, as a shell would part them."""
    found = re.findall(rf"(?<![\w.]){re.escape(setting)} (?:'[^']*'|[^\s;,)]+)", said)
    return [shlex.split(words) for words in dict.fromkeys(found)]


def scored(truth: Path, predictions: Path, out: Path, *more: str) -> float:
    shutil.rmtree(out, ignore_errors=True)
    outcome = diagnosed(truth, predictions, out, *more)
    assert outcome.code == 0, outcome.err
    return 100 * json.loads((out / "summary.json").read_text())["scores"]["miou"]


def diagnosed(truth: Path, predictions: Path, out: Path, *more: str) -> Outcome:
    settings = ("--workers", "1", "--pictures", "false")
    return run_hardpix("diagnose", "--truth", truth, "--predictions", predictions, "--out", out, *settings, *more)


class TestRefuge:
    def test_white_is_a_class(self, refuge: Path, tmp_path: Path) -> None:
        stored = stored_in(refuge / "masks", "*.bmp")
        found = pixels_by_class(refuge / "images", refuge / "masks", tmp_path / "f.json")
        assert found == {f"class {gray}": stored[gray] for gray in (0, 128, 255)}

    @pytest.mark.parametrize("names", ["[background, disc, cup]", "[cup, disc]"])
    def test_names_without_numbers_are_told_in_their_order(self, refuge: Path, tmp_path: Path, names: str) -> None:
        outcome = check(refuge / "images", refuge / "masks", "--classes", names)
        assert outcome.code == 1
        assert "T0001.bmp" in outcome.out
        assert ("0 is background, 128 is disc, 255 is cup" in outcome.out) == (names == "[background, disc, cup]")
        remedy, *_ = remedies(outcome.out, "--label_map")
        right = ("--classes", "[cup, disc, background]", *remedy)
        stored = stored_in(refuge / "masks", "*.bmp")
        found = pixels_by_class(refuge / "images", refuge / "masks", tmp_path / "f.json", *right)
        assert found == {"cup": stored[0], "disc": stored[128], "background": stored[255]}

    @pytest.mark.parametrize(
        ("folder", "setting"), [("numbers", "--prediction_ids"), ("backwards", "--prediction_map")]
    )
    def test_predictions_of_another_tool(self, refuge: Path, tmp_path: Path, folder: str, setting: str) -> None:
        outcome = diagnosed(refuge / "masks", refuge / folder, tmp_path / "report")
        assert outcome.code == 2
        assert "the masks hold the ids 0, 128, 255" in outcome.err
        assert "T0001.png" in outcome.err
        pairs = [(blocks(k, 3), moved(blocks(k, 3))) for k in range(1, COUNT + 1)]
        score = scored(refuge / "masks", refuge / folder, tmp_path / "report", *remedies(outcome.err, setting)[0])
        assert score == pytest.approx(miou(pairs, 3), abs=1e-3)

    def test_a_label_map_that_leaves_white_out_is_no_reason_to_skip_it(self, refuge: Path, tmp_path: Path) -> None:
        label_map = ("--label_map", "{0: 0, 128: 1}")
        # Everywhere cup or disc, so that no prediction lacks a class.
        for k in range(1, COUNT + 1):
            put(tmp_path / f"predicted/T{k:04}.png", np.where(blocks(k, 3) == 0, 0, 128))
        sides = refuge / "masks", tmp_path / "predicted"
        outcome = diagnosed(*sides, tmp_path / "report", *label_map)
        assert outcome.code == 2
        stored = stored_in(refuge / "masks", "*.bmp")
        share = f"{100 * stored[255] / stored.total():.1f} % of the pixels"
        assert f"255 holds {share} in {COUNT} of {COUNT} masks (T0001.bmp, " in outcome.err
        a_class, unlabeled = remedies(outcome.err, "--label_map")
        pairs = [(blocks(k, 3), np.where(blocks(k, 3) == 0, 0, 1)) for k in range(1, COUNT + 1)]
        assert scored(*sides, tmp_path / "report", *a_class) == pytest.approx(miou(pairs, 3), abs=1e-3)
        assert scored(*sides, tmp_path / "other", *unlabeled) == pytest.approx(100)
        stands = (*label_map, "--prediction_ids", "stored")
        assert scored(*sides, tmp_path / "report", *stands) == pytest.approx(100)


class TestAde:
    def test_other_is_unlabeled_once_it_is_said(self, ade: Path, tmp_path: Path) -> None:
        images, masks = ade / "images/training", ade / "annotations/training"
        stored = stored_in(masks, "*.png")
        expected = {"unlabeled": stored[0], **{f"class {k}": stored[k] for k in range(1, 5)}}
        label_map = "{0: ignore, 1: 0, 2: 1, 3: 2, 4: 3}"
        assert pixels_by_class(images, masks, tmp_path / "a.json", "--label_map", label_map) == expected
        by_name = {"unlabeled": stored[0], **{f"c{k}": stored[k] for k in range(1, 5)}}
        assert pixels_by_class(images, masks, tmp_path / "b.json", "--classes", str(ade / "classes.yaml")) == by_name

    @pytest.mark.parametrize("forgotten", [0, 4])
    def test_a_label_map_that_forgets_an_id_is_completed(self, ade: Path, tmp_path: Path, forgotten: int) -> None:
        images, masks = ade / "images/training", ade / "annotations/training"
        numbers = iter(range(4))
        mapped = {i: "ignore" if i == 0 else str(next(numbers)) for i in range(5) if i != forgotten}
        short = "{" + ", ".join(f"{i}: {k}" for i, k in mapped.items()) + "}"
        outcome = check(images, masks, "--label_map", short)
        assert outcome.code == 1
        assert "ADE_00000001.png" in outcome.out
        (remedy,) = remedies(outcome.out, "--label_map")
        stored = stored_in(masks, "*.png")
        unlabeled = stored[0] + (stored[forgotten] if forgotten else 0)
        expected = {"unlabeled": unlabeled, **{f"class {k}": stored[k] for k in range(1, 5) if k != forgotten}}
        assert pixels_by_class(images, masks, tmp_path / "f.json", *remedy) == expected

    def test_a_label_map_without_a_class_or_with_gaps_is_explained(self, ade: Path, tmp_path: Path) -> None:
        images, masks = ade / "images/training", ade / "annotations/training"
        outcome = check(images, masks, "--label_map", "{0: ignore}")
        assert "found ids to ignore alone (0)" in outcome.err
        outcome = check(images, masks, "--label_map", "{0: ignore, 1: 1, 2: 2, 3: 3, 4: 4}")
        remedy = re.search(r"as in '(\{.*?\})'", outcome.err)
        assert remedy is not None
        found = pixels_by_class(images, masks, tmp_path / "f.json", "--label_map", remedy[1])
        assert found["unlabeled"] == stored_in(masks, "*.png")[0]

    def test_masks_that_a_tool_has_reduced_are_doubted(self, ade: Path) -> None:
        classes = ("--classes", str(ade / "classes.yaml"))
        outcome = check(ade / "images/training", ade / "reduced/training", *classes)
        assert "numbers in the order of the class table" in outcome.out
        assert "ADE_00000001.png" in outcome.out
        outcome = check(ade / "images/training", ade / "annotations/training", *classes)
        assert "numbers in the order" not in outcome.out

    def test_predictions_one_lower(self, ade: Path, tmp_path: Path) -> None:
        masks, predictions = ade / "annotations/validation", ade / "predicted/validation"
        outcome = diagnosed(masks, predictions, tmp_path / "report")
        assert outcome.code == 2
        remedy = re.search(r"add to the command: (.*)", outcome.err)
        assert remedy is not None
        truth = [blocks(k, 5) for k in range(50, 50 + COUNT)]
        pairs = [(np.where(t == 0, 255, t - 1), np.maximum(moved(t), 1) - 1) for t in truth]
        score = scored(masks, predictions, tmp_path / "report", *shlex.split(remedy[1]))
        assert score == pytest.approx(miou(pairs, 4), abs=1e-3)


class TestCity:
    def test_the_preset_and_its_files_hold_the_same_classes(self, city: Path, tmp_path: Path) -> None:
        stored = stored_in(city / "gtFine/train", "*/*_labelIds.png")
        names = {7: "road", 8: "sidewalk", 11: "building", 17: "pole", 23: "sky", 26: "car"}
        expected = {"unlabeled": stored[1] + stored[3], **{name: stored[i] for i, name in names.items()}}
        folders = city / "leftImg8bit/train", city / "gtFine/train"
        for kind in ("labelIds", "color"):
            settings = (*SUFFIXES, f"_gtFine_{kind}", "--classes", "cityscapes")
            assert pixels_by_class(*folders, tmp_path / f"{kind}.json", *settings) == expected

    @pytest.mark.parametrize("folder", ["gtFine", "clean"])
    def test_train_ids_in_place_of_ids(self, city: Path, tmp_path: Path, folder: str) -> None:
        folders = city / "leftImg8bit/train", city / folder / "train"
        settings = (*SUFFIXES, "_gtFine_labelTrainIds")
        outcome = check(*folders, *settings, "--classes", "cityscapes")
        assert outcome.code == 1
        refused = outcome.out.partition("Refused by hardpix fit")[2]
        assert "_gtFine_labelTrainIds.png" in refused
        assert refused.count("what to do") == 1
        stored = stored_in(city / folder / "train", "*/*_labelTrainIds.png")
        found = pixels_by_class(*folders, tmp_path / "f.json", *settings, *remedies(refused, "--classes")[0])
        order = load_preset("cityscapes").classes.names
        expected = {"unlabeled" if i == 255 else order[i]: count for i, count in stored.items()}
        assert found == expected

    def test_files_that_end_otherwise(self, city: Path) -> None:
        outcome = check(city / "leftImg8bit/train", city / "gtFine/train")
        assert outcome.code == 1
        assert remedies(outcome.out, "--image_suffix") == [["--image_suffix", "_leftImg8bit"]]
        endings = {words[1] for words in remedies(outcome.out, "--mask_suffix")}
        assert endings == {f"_gtFine_{kind}" for kind in ("labelIds", "labelTrainIds", "color")}
        assert "--data." not in outcome.out

    def test_predictions_of_train_ids(self, city: Path, tmp_path: Path) -> None:
        suffixes = ("--truth_suffix", "_gtFine_labelIds", "--prediction_suffix", "_leftImg8bit")
        settings = (*suffixes, "--classes", "cityscapes")
        sides = city / "gtFine/val", city / "predicted/val"
        outcome = diagnosed(*sides, tmp_path / "report", *settings)
        assert outcome.code == 2
        assert remedies(outcome.err, "--prediction_ids")[0] == ["--prediction_ids", "index"]
        truth = [np.vectorize(TRAIN_IDS.get)(CITY[blocks(k, len(CITY))]) for k in range(50, 50 + COUNT)]
        pairs = [(t, np.where(moved(t) == 255, 0, moved(t))) for t in truth]
        score = scored(*sides, tmp_path / "report", *settings, "--prediction_ids", "index")
        assert score == pytest.approx(miou(pairs, 19), abs=1e-3)

    def test_names_are_no_matter_where_the_files_pair(self, city: Path, tmp_path: Path) -> None:
        suffixes = ("--truth_suffix", "_gtFine_labelIds", "--prediction_suffix", "_leftImg8bit")
        settings = (*suffixes, "--classes", "cityscapes", "--prediction_ids", "stored")
        outcome = diagnosed(city / "gtFine/val", city / "predicted/val", tmp_path / "report", *settings)
        assert outcome.code == 2
        assert f"no pair of mask and prediction of {COUNT} can be used" in outcome.err
        assert "--truth_suffix" not in outcome.err


def palette_file(path: Path, index: np.ndarray, colors: list[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(index.astype(np.uint8), "P")
    image.putpalette(colors)
    image.save(path)


class TestHurry:
    """Two classes, and one mistake each."""

    @pytest.fixture
    def write(self, tmp_path: Path) -> Callable[[Callable[[Path, int, np.ndarray], None]], tuple[Path, Path]]:
        def write(mask: Callable[[Path, int, np.ndarray], None]) -> tuple[Path, Path]:
            for k in range(COUNT):
                put(tmp_path / f"images/{k}.jpg", picture(blocks(k, 2)))
                mask(tmp_path / "masks", k, blocks(k, 2))
            return tmp_path / "images", tmp_path / "masks"

        return write

    @pytest.mark.parametrize(
        ("mask", "file"),
        [
            (lambda folder, k, index: put(folder / f"{k}.jpg", 255 * index), "0.jpg"),
            (lambda folder, k, index: put(folder / f"{k}.gif", index), "0.gif"),
            (lambda folder, k, index: put(folder / f"{k}.png", index * (1 if k < 2 else 255)), "2.png"),
            (lambda folder, k, index: put(folder / f"{k}_gt.png", index), "0_gt.png"),
        ],
        ids=["jpg", "gif", "1 and 255", "ending"],
    )
    def test_files_that_would_be_misread_are_named(self, write: Callable, mask: Callable, file: str) -> None:
        outcome = check(*write(mask))
        assert outcome.code == 1
        assert file in outcome.out

    def test_upper_case_types_are_read(self, write: Callable, tmp_path: Path) -> None:
        images, masks = write(lambda folder, k, index: put(folder / f"{k}.PNG", index))
        for path in list(images.iterdir()):
            path.rename(path.with_suffix(".JPG"))
        stored = stored_in(masks, "*.PNG")
        found = pixels_by_class(images, masks, tmp_path / "f.json")
        assert found == {"class 0": stored[0], "class 1": stored[1]}

    def test_palettes_of_predictions_that_contradict(self, write: Callable, tmp_path: Path) -> None:
        black_red, red_black = [0, 0, 0, 255, 0, 0], [255, 0, 0, 0, 0, 0]

        def mask(folder: Path, k: int, index: np.ndarray) -> None:
            put(folder / f"{k}.png", index)
            guess = moved(index)
            shown = (guess, black_red) if k < 2 else (1 - guess, red_black)
            palette_file(tmp_path / f"predicted/{k}.png", *shown)

        _, masks = write(mask)
        outcome = diagnosed(masks, tmp_path / "predicted", tmp_path / "report")
        assert outcome.code == 2
        assert "2.png" in outcome.err
        assert "palettes that contradict each other" in outcome.err
        colors = {"back": [0, 0, 0], "thing": [255, 0, 0]}
        entries = [{"name": name, "id": k, "colour": color} for k, (name, color) in enumerate(colors.items())]
        table = tmp_path / "classes.yaml"
        table.write_text(yaml.safe_dump({"palette": "colors", "classes": entries}))
        score = scored(masks, tmp_path / "predicted", tmp_path / "report", "--classes", str(table))
        pairs = [(blocks(k, 2), moved(blocks(k, 2))) for k in range(COUNT)]
        assert score == pytest.approx(miou(pairs, 2), abs=1e-3)
        # Indices as they stand are the answer that is given.
        pairs = [(t, p if k < 2 else 1 - p) for k, (t, p) in enumerate(pairs)]
        as_stored = scored(masks, tmp_path / "predicted", tmp_path / "report", "--prediction_ids", "stored")
        assert as_stored == pytest.approx(miou(pairs, 2), abs=1e-3)

    @pytest.mark.parametrize("bits", [8, 16])
    def test_one_tif_among_photographs(self, write: Callable, bits: int) -> None:
        images, masks = write(lambda folder, k, index: put(folder / f"{k}.png", index))
        (images / "3.jpg").unlink()
        rgb = picture(blocks(3, 2))
        values = rgb.astype(np.uint16) * 12 if bits == 16 else np.dstack([rgb, 90 + 0 * rgb[..., 0]]).astype(np.uint8)
        more = {"extrasamples": [0]} if bits == 8 else {}
        tifffile.imwrite(images / "3.tif", values, photometric="rgb", **more)
        outcome = check(images, masks)
        assert f"in 1 of {COUNT} images (3)" in outcome.out
        # Both settings hold for all images: the one would refuse the others, the other make them black.
        assert "--bands" not in outcome.out
        assert "--value_range" not in outcome.out
        assert ("tif, 4 bands, 8 bits" if bits == 8 else "tif, RGB, 16 bits") in outcome.out


def test_a_long_sentence_is_said_three_times_at_most(city: Path) -> None:
    outcome = check(city / "leftImg8bit/train", city / "gtFine/train", *SUFFIXES, "_gtFine_color")
    assert outcome.code == 1
    assert outcome.out.count("expected ids, or a table of colors") == 3
    assert outcome.out.count("_color.png: the same") == COUNT - 3
