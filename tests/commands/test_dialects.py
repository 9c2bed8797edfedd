"""hardpix fit, test and diagnose on masks in mixed dialects: refused, and read right once told how."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image, ImageFilter

from hardpix.data import SegmentationFolder, read_mask
from hardpix.training.data_module import SegmentationData
from hardpix.training.run import Run
from runs import TINY, Data, run_hardpix

COUNT, SIZE = 10, (48, 64)


def thing(k: int) -> np.ndarray:
    """Blocks of the thing, True, on background."""
    rng = np.random.default_rng(k)
    return np.kron(rng.integers(0, 2, (SIZE[0] // 8, SIZE[1] // 8)), np.ones((8, 8), int)).astype(bool)


def drawn(root: Path, stored: Callable[[int], Image.Image]) -> Data:
    for k in range(COUNT):
        picture = np.repeat(60 + 120 * thing(k)[..., None], 3, axis=2) + np.random.default_rng(k).integers(
            0, 20, (*SIZE, 3)
        )
        for folder, image in (("images", Image.fromarray(picture.astype(np.uint8))), ("masks", stored(k))):
            (root / folder).mkdir(parents=True, exist_ok=True)
            image.save(root / folder / f"f{k}.png")
    return Data(root / "images", root / "masks")


def white(value: int) -> Callable[[int], Image.Image]:
    return lambda k: Image.fromarray((thing(k) * value).astype(np.uint8))


def mixed(k: int) -> Image.Image:
    return Image.fromarray(thing(k)) if k % 2 else white(255)(k)


def soft(k: int) -> Image.Image:
    return white(255)(k).filter(ImageFilter.GaussianBlur(0.7))


def painted(k: int, colors: tuple[tuple[int, int, int], ...] = ((0, 0, 0), (255, 0, 0))) -> Image.Image:
    image = Image.fromarray(thing(k).astype(np.uint8), mode="P")
    image.putpalette([value for color in colors for value in color])
    return image


def swapped(k: int) -> Image.Image:
    """The thing is red in every file, and index 0 in every other one."""
    if k % 2:
        return painted(k)
    image = Image.fromarray((~thing(k)).astype(np.uint8), mode="P")
    image.putpalette([255, 0, 0, 0, 0, 0])
    return image


def fit(data: Data, run: Path, *arguments: object) -> tuple[int, str]:
    outcome = run_hardpix(
        *("fit", *data.arguments, *TINY, "--trainer.max_epochs", 1, "--run", run, "--model.network.outputs", 2),
        *arguments,
    )
    return outcome.code, outcome.out + outcome.err


def offered(message: str, prefix: str = "--data.") -> list[str]:
    """The first setting that a message offers, as a shell would pass it on."""
    found = re.search(rf"{prefix}(label_map '[^']*'|threshold \d+|palette colors)", message)
    assert found is not None, message
    return shlex.split(found[0])


NAMES = ["--data.classes", "[background, lesion]"]


def test_masks_of_0_and_255_need_no_setting(tmp_path: Path) -> None:
    data = drawn(tmp_path, white(255))
    assert fit(data, tmp_path / "run")[0] == checked(data) == 0


def test_a_network_is_not_held_against_a_single_class(tmp_path: Path) -> None:
    """Its number of outputs is right where the labels are drawn in a place that is not read."""
    data = drawn(tmp_path, lambda k: Image.fromarray(np.full(SIZE, 200, np.uint8)))
    code, message = fit(data, tmp_path / "run")
    assert code == 2
    assert "expected at least two classes, found class 200 alone" in message
    assert "the network does not fit" not in message


def checked(data: Data, *arguments: str) -> int:
    """The exit code of hardpix check with the settings of a fit."""
    settings = [argument.replace("--data.", "--") for argument in arguments]
    return run_hardpix("check", "--images", data.images, "--masks", data.masks, *settings).code


@pytest.mark.parametrize(
    ("stored", "names"),
    [(white(255), NAMES), (mixed, []), (mixed, NAMES), (soft, []), (soft, NAMES), (swapped, [])],
)
def test_a_refusal_and_its_remedy(stored: Callable[[int], Image.Image], names: list[str], tmp_path: Path) -> None:
    data = drawn(tmp_path, stored)
    code, message = fit(data, tmp_path / "run", *names)
    assert code == 2
    assert checked(data, *names) == 1
    assert not (tmp_path / "run").exists()
    assert "masks (f" in message or "in f" in message
    assert "% of the pixels" in message
    assert "the network does not fit" not in message
    remedy = offered(message)
    code, message = fit(data, tmp_path / "run", *names, *remedy)
    assert code == 0, message
    assert checked(data, *names, *remedy) == 0
    run = Run(tmp_path / "run", trusted=True)
    samples = run.validation_set()
    expected = [np.asarray(stored(k)) >= 128 if stored is soft else thing(k) for k in range(COUNT)]
    for sample in samples:  # type: ignore[attr-defined]
        np.testing.assert_array_equal(sample["target"], expected[int(sample["stem"][1:])])
    if names:
        assert run.read_classes().names == ("background", "lesion")
    outcome = run_hardpix("test", "--run", run.path)
    assert outcome.code == 0, outcome.err
    # Predictions of the run are read back as the same classes.
    assert run_hardpix("predict", "--run", run.path, "--images", data.images, "--out", tmp_path / "out").code == 0
    table = run.read_classes()
    outcome = run_hardpix(
        *("diagnose", "--truth", data.masks, "--predictions", tmp_path / "out" / "labels", "--classes", run.classes),
        *("--out", tmp_path / "report"),
    )
    assert outcome.code == 0, outcome.err
    summary = json.loads(next((tmp_path / "report").rglob("summary.json")).read_text())
    confusion = np.zeros((2, 2), int)
    for k in range(COUNT):
        predicted = table.indices(read_mask(tmp_path / "out" / "labels" / f"f{k}.png"))
        np.add.at(confusion, (expected[k].astype(int), predicted), 1)
    iou = np.diag(confusion) / (confusion.sum(0) + confusion.sum(1) - np.diag(confusion))
    assert summary["scores"]["miou"] == pytest.approx(np.nanmean(iou), abs=1e-4)


def test_what_is_unlabeled_is_said_in_one_line(tmp_path: Path) -> None:
    def stored(k: int) -> Image.Image:
        mask = thing(k).astype(np.uint8)
        mask[:12] = 255
        return Image.fromarray(mask)

    data = drawn(tmp_path, stored)
    code, said = fit(data, tmp_path / "run")
    assert code == 0
    assert "Unlabeled by default: 25 % of the pixels (255).\n" in said
    assert "Warnings" not in said
    code, said = fit(data, tmp_path / "asked", "--data.label_map", "{0: 0, 1: 1, 255: ignore, 9: 1, 8: ignore}")
    assert code == 0
    assert "Unlabeled: 25 % of the pixels (255).\n" in said
    assert "no pixel of 9; the masks hold 0–1, 255" in said


def test_validation_in_another_dialect(tmp_path: Path) -> None:
    data, other = drawn(tmp_path / "a", white(1)), drawn(tmp_path / "b", white(255))
    val = ["--data.val_images", other.images, "--data.val_masks", other.masks]
    code, message = fit(data, tmp_path / "run", *val)
    assert code == 2
    assert f"{other.masks}: expected masks that hold class 1, found none, while 255 holds" in message
    both = ["--data.label_map", "{0: 0, 1: 1, 255: 1}"]
    assert fit(data, tmp_path / "run", *val, *both)[0] == 0
    for sample in Run(tmp_path / "run", trusted=True).validation_set():  # type: ignore[attr-defined]
        np.testing.assert_array_equal(sample["target"], thing(int(sample["stem"][1:])))


@pytest.mark.parametrize(("trained", "tested"), [(white(1), white(255)), (white(255), white(1)), (white(1), soft)])
def test_a_run_on_masks_of_another_dialect(
    trained: Callable[[int], Image.Image], tested: Callable[[int], Image.Image], tmp_path: Path
) -> None:
    data, other = drawn(tmp_path / "a", trained), drawn(tmp_path / "b", tested)
    assert fit(data, tmp_path / "run")[0] == 0

    def scores(masks: Path, *more: object) -> dict:
        out = tmp_path / f"{masks.parent.name}{len(more)}.json"
        outcome = run_hardpix(
            "test", "--run", tmp_path / "run", "--images", data.images, "--masks", masks, "--out", out, *more
        )
        if outcome.code:
            assert not out.exists()
            raise ValueError(outcome.out + outcome.err)
        return json.loads(out.read_text())["class_iou"]

    expected = scores(data.masks)
    with pytest.raises(ValueError) as caught:
        scores(other.masks)
    message = str(caught.value)
    assert "masks (f0.png, f1.png, f2.png and 7 more)" in message or "found ids 0–1; never: class 255" in message
    found = scores(other.masks, *offered(message, "--"))
    assert list(found.values()) == pytest.approx(list(expected.values()), abs=0.05 if tested is soft else 1e-9)


def test_a_run_on_masks_of_another_palette(tmp_path: Path) -> None:
    data = drawn(tmp_path / "a", painted)
    other = drawn(tmp_path / "b", lambda k: swapped(2 * (k // 2)) if k % 2 == 0 else painted(k))
    assert fit(data, tmp_path / "run")[0] == 0
    base = ["test", "--run", tmp_path / "run", "--images", data.images, "--out"]
    assert run_hardpix(*base, tmp_path / "a.json", "--masks", data.masks).code == 0
    outcome = run_hardpix(*base, tmp_path / "b.json", "--masks", other.masks)
    assert outcome.code == 2
    assert "as in the training" in outcome.err
    outcome = run_hardpix(*base, tmp_path / "b.json", "--masks", other.masks, *offered(outcome.err, "--"))
    assert outcome.code == 0, outcome.err
    one, two = (json.loads((tmp_path / name).read_text())["class_iou"] for name in ("a.json", "b.json"))
    assert one == two


def test_classes_found_by_color_and_masks_of_ids(tmp_path: Path) -> None:
    """The numbers of such classes are hardpix's own, so that ids of other masks would be read by accident."""
    data, gray = drawn(tmp_path / "a", painted), drawn(tmp_path / "b", white(1))
    by_color = ["--data.palette", "colors"]
    code, message = fit(
        data, tmp_path / "run", *by_color, "--data.val_images", gray.images, "--data.val_masks", gray.masks
    )
    assert code == 2
    assert f"{gray.masks}: expected the colors by which the classes were found (#000000, #ff0000" in message
    assert "ids 0–1 in 10 of 10 masks (f0.png, f1.png, f2.png and 7 more), 100 % of the pixels" in message
    assert fit(data, tmp_path / "run", *by_color)[0] == 0
    base = ["test", "--run", tmp_path / "run", "--images", data.images, "--out"]
    assert run_hardpix(*base, tmp_path / "a.json", "--masks", data.masks).code == 0
    outcome = run_hardpix(*base, tmp_path / "b.json", "--masks", gray.masks)
    assert outcome.code == 2
    assert "ids 0–1 in 10 of 10 masks" in outcome.err
    refusal = run_hardpix(*base, tmp_path / "b.json", "--masks", gray.masks, *PALETTE_IDS).err
    assert "numbers of hardpix's own" in refusal
    remedy = ["--label_map", "{0: 0, 1: 1}"]
    assert " ".join([remedy[0], f"'{remedy[1]}'"]) in outcome.err
    assert run_hardpix(*base, tmp_path / "b.json", "--masks", gray.masks, *remedy).code == 0
    one, two = (json.loads((tmp_path / name).read_text())["class_iou"] for name in ("a.json", "b.json"))
    assert one == two


PALETTE_IDS = ["--palette", "ids"]


def test_palettes_that_mean_nothing(tmp_path: Path) -> None:
    """Each file shows its indices in colors of its own; the indices are right."""

    def cosmetic(k: int) -> Image.Image:
        return painted(k, ((10 + k, 0, 0), (0, 10 + k, 99)))

    data = drawn(tmp_path / "a", cosmetic)
    code, message = fit(data, tmp_path / "run")
    assert code == checked(data) + 1 == 2
    assert "say --data.palette ids" in message
    assert "say --data.palette colors" in message
    assert checked(data, *PALETTE_IDS) == 0
    assert fit(data, tmp_path / "run", "--data.palette", "ids")[0] == 0
    for sample in Run(tmp_path / "run", trusted=True).validation_set():  # type: ignore[attr-defined]
        np.testing.assert_array_equal(sample["target"], thing(int(sample["stem"][1:])))
    # Other masks of the kind are read in the same way.
    folders = ["--run", tmp_path / "run", "--images", data.images, "--masks", data.masks]
    assert run_hardpix("test", *folders, "--out", tmp_path / "a.json").code == 0
    assert run_hardpix("mine", *folders, "--out", tmp_path / "mined").code == 0
    # A run that knows no color offers none; and so for a run on gray masks.
    assert fit(drawn(tmp_path / "b", white(1)), tmp_path / "gray")[0] == 0
    folders[1] = tmp_path / "gray"
    outcome = run_hardpix("test", *folders, "--out", tmp_path / "b.json")
    assert outcome.code == 2
    assert "--palette colors" not in outcome.err
    assert "say --palette ids" in outcome.err
    assert run_hardpix("test", *folders, "--out", tmp_path / "b.json", *PALETTE_IDS).code == 0
    for number, more in enumerate((["--label_map", "{0: 0, 1: 1}"], ["--threshold", "1"])):
        outcome = run_hardpix("test", *folders, "--out", tmp_path / f"c{number}.json", *PALETTE_IDS, *more)
        assert outcome.code == 0, outcome.err


def test_the_advice_on_white_gives_no_warning(tmp_path: Path) -> None:
    """Masks of which only some have 255, and none in the end."""

    def stored(k: int) -> Image.Image:
        return white(1)(k) if k % 2 else white(255)(k)

    data = drawn(tmp_path / "a", stored)
    code, message = fit(data, tmp_path / "run")
    assert code == 2
    advised = next(found for found in re.findall(r"--data.label_map '([^']*)'", message) if "ignore" in found)
    assert advised == "{0: 0, 1: 1, 255: ignore}"
    without = drawn(tmp_path / "b", white(1))
    code, said = fit(without, tmp_path / "run", "--data.label_map", advised)
    assert code == 0
    assert "never occurs" not in said
    assert "Warnings" not in said
    outcome = run_hardpix("check", "--masks", without.masks, "--label_map", advised)
    assert outcome.code == 0
    assert "never occurs" not in outcome.out
    # An id of a class that no mask holds may be a slip of the pen.
    outcome = run_hardpix("check", "--masks", without.masks, "--label_map", "{0: 0, 1: 1, 7: 1, 255: ignore}")
    assert "no pixel of 7; the masks hold 0–1" in outcome.out


def test_an_ignore_index_that_is_a_class(tmp_path: Path) -> None:
    data = drawn(tmp_path, white(1))
    code, message = fit(data, tmp_path / "run", "--data.ignore_index", 0)
    assert code == 2
    assert "expected an ignore_index that is no class, found 0, the number of class 0" in message
    samples = SegmentationFolder(data.images, data.masks)
    with pytest.raises(ValueError, match="found 1 with 2 classes"):
        SegmentationData(train_set=samples, val_set=samples, ignore_index=1)


def test_a_resumed_run_reads_its_masks_as_before(tmp_path: Path) -> None:
    data = drawn(tmp_path, soft)
    assert fit(data, tmp_path / "run", "--data.threshold", 128)[0] == 0
    resume = ["fit", "--resume", "--run", tmp_path / "run", "--trainer.max_epochs", 2]
    outcome = run_hardpix(*resume, "--data.threshold", 100)
    assert outcome.code == 2
    assert "'threshold': 100" in outcome.err
    assert run_hardpix(*resume).code == 0
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["data"]["threshold"] == 128


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--label_map", "{0: 0, 255: 1}"], "say how --masks are read"),
        (["--label_map", "{0: 0}", "--images", "x", "--masks", "x"], "to every class of the run (0 class 0"),
        (["--label_map", "{0: 0}", "--threshold", "9", "--images", "x", "--masks", "x"], "give one of them"),
    ],
)
def test_settings_of_a_test_that_do_not_fit(arguments: list[str], said: str, tiny_run: Run) -> None:
    outcome = run_hardpix("test", "--run", tiny_run.path, *arguments)
    assert outcome.code == 2
    assert said in outcome.err
