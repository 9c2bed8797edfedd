"""Agreement of hardpix check and hardpix fit: one refuses what the other refuses, in the same words."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from hardpix.__main__ import main

SIZE = (32, 32)
# Folders and settings, as options without "data.".
Options = list[object]


def write(root: Path, count: int = 6, images: str = "images", masks: str = "masks", stem: str = "f") -> Options:
    """Noise and masks of two classes."""
    rng = np.random.default_rng(0)
    for k in range(count):
        for folder, values in ((images, rng.integers(0, 256, (*SIZE, 3))), (masks, rng.integers(0, 2, SIZE))):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values.astype(np.uint8)).save(root / folder / f"{stem}{k}.png")
    return ["--images", root / images, "--masks", root / masks]


def fill(path: Path, value: int) -> None:
    Image.fromarray(np.full(SIZE, value, np.uint8)).save(path)


# Without it, 255 beside one of two classes would be refused as a guess.
UNLABELED = ("--label_map", "{0: 0, 1: 1, 255: ignore}")


def good(root: Path) -> Options:
    return write(root)


def good_apart(root: Path) -> Options:
    write(root, images="vi", masks="vm", stem="v")
    return [*write(root), "--val_images", root / "vi", "--val_masks", root / "vm"]


def held_out_without_labels(root: Path) -> Options:
    options = write(root)
    # One of 6 files is held out, in the middle: (6 - 1) // 2 is the index of its stem.
    fill(root / "masks" / "f2.png", 255)
    return [*options, *UNLABELED]


def named_part_without_labels(root: Path) -> Options:
    options = write(root)
    fill(root / "masks" / "f5.png", 255)
    return [*options, *UNLABELED, "--val_stems", "f5"]


def pattern_without_match(root: Path) -> Options:
    return [*write(root), "--val_stems", "g*"]


def share_beyond_one(root: Path) -> Options:
    return [*write(root), "--val_share", "1.5"]


def validation_without_labels(root: Path) -> Options:
    options = good_apart(root)
    for path in (root / "vm").iterdir():
        fill(path, 255)
    return [*options, *UNLABELED]


def validation_of_other_ids(root: Path) -> Options:
    options = good_apart(root)
    fill(root / "vm" / "v0.png", 7)
    return options


def validation_without_a_mask(root: Path) -> Options:
    options = good_apart(root)
    (root / "vm" / "v1.png").unlink()
    return options


def validation_in_training(root: Path) -> Options:
    write(root, images="images/more", masks="masks/more", stem="v")
    return [*write(root), "--val_images", root / "images/more", "--val_masks", root / "masks/more"]


def validation_nowhere(root: Path) -> Options:
    return [*write(root), "--val_images", root / "vi", "--val_masks", root / "vm"]


def band_of_nothing(root: Path) -> Options:
    options = write(root)
    for path in (root / "images").iterdir():
        values = np.random.default_rng(0).random((*SIZE, 3)).astype(np.float32)
        values[..., 1] = np.nan
        tifffile.imwrite(path.with_suffix(".tif"), values, photometric="rgb")
        path.unlink()
    return [*options, "--value_range", "measured"]


def one_image(root: Path) -> Options:
    return write(root, count=1)


def two_files_of_one_stem(root: Path) -> Options:
    options = write(root)
    tifffile.imwrite(root / "masks" / "f3.tif", np.zeros(SIZE, np.uint8))
    return options


def one_class(root: Path) -> Options:
    options = write(root)
    for path in (root / "masks").iterdir():
        fill(path, 0)
    return options


def preset(root: Path, *parts: str) -> Options:
    text = "name: own\nclasses: [{name: a, id: 0}, {name: b, id: 1}]\n" + "\n".join(parts)
    (root / "own.yaml").write_text(text)
    return ["--preset", root / "own.yaml", "--root", root]


def preset_of_one_image(root: Path) -> Options:
    write(root, count=1)
    return preset(root, "train: {images: images, masks: masks}")


def preset_of_one_folder(root: Path) -> Options:
    write(root)
    part = "{images: images, masks: masks}"
    return preset(root, f"train: {part}", f"val: {part}")


def preset_without_its_validation(root: Path) -> Options:
    write(root)
    return preset(root, "train: {images: images, masks: masks}", "val: {images: vi, masks: vm}")


def preset_without_masks(root: Path) -> Options:
    write(root)
    return preset(root, "train: {images: images, masks: masks}", "val: {images: images}")


def preset_with_an_empty_list(root: Path) -> Options:
    write(root)
    (root / "list.txt").write_text("nobody\n")
    return preset(root, "train: {images: images, masks: masks, stems: list.txt}")


GOOD = [good, good_apart]
BAD: list[tuple[Callable[[Path], Options], str]] = [
    (held_out_without_labels, "labels of the images to validate on"),
    (named_part_without_labels, "labels of the images to validate on"),
    (pattern_without_match, "which matches none"),
    (share_beyond_one, "between 0 and 1"),
    (validation_without_labels, "never: class 0, class 1"),
    (validation_of_other_ids, "7 (1024 pixels)"),
    (validation_without_a_mask, "expected a mask"),
    (validation_in_training, "an image of one of the two, found it in both"),
    (validation_nowhere, "expected a folder, found nothing"),
    (band_of_nothing, "none in band 2"),
    (one_image, "expected at least two images"),
    (two_files_of_one_stem, "expected one mask, found f3.png and f3.tif"),
    (one_class, "expected at least two classes"),
    (preset_of_one_image, "expected at least two images"),
    (preset_of_one_folder, "an image of one of the two, found it in both"),
    (preset_without_its_validation, "expected a folder, found nothing"),
    (preset_without_masks, "expected masks of the images to validate on"),
    (preset_with_an_empty_list, "no image of that stem"),
]


def run(command: str, *arguments: object) -> tuple[int, str]:
    out = StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        code = main([command, *map(str, arguments)])
    return code, out.getvalue()


def fit(options: Options, root: Path) -> tuple[int, str]:
    """A training that would be over at once, of a network that knows no class."""
    data = [f"--data.{word[2:]}" if isinstance(word, str) and word.startswith("--") else word for word in options]
    short = ["--trainer.max_epochs", 1, "--trainer.accelerator", "cpu", "--data.workers", 0, "--run", root / "run"]
    return run("fit", *data, *short, "--trainer.fast_dev_run", "true", "--data.batch_size", 2)


@pytest.mark.parametrize("folders", GOOD)
def test_where_fit_starts(folders: Callable[[Path], Options], tmp_path: Path) -> None:
    options = folders(tmp_path)
    code, said = run("check", *options)
    assert code == 0, said
    assert "hardpix fit can start" in said
    assert fit(options, tmp_path)[0] == 0


@pytest.mark.parametrize(("folders", "said"), BAD)
def test_where_fit_refuses(folders: Callable[[Path], Options], said: str, tmp_path: Path) -> None:
    options = folders(tmp_path)
    code, fitted = fit(options, tmp_path)
    assert code == 2
    assert said in fitted
    code, checked = run("check", *options)
    assert code != 0
    # Options have other names, and a network is not looked at.
    refusal = fitted[fitted.index("hardpix fit: ") :].removeprefix("hardpix fit: ").partition("\nand the network")[0]
    refusal = refusal.strip().replace("--data.", "--")
    assert refusal in checked
    assert not (tmp_path / "run").exists()


OF_MASKS = (
    held_out_without_labels,
    named_part_without_labels,
    pattern_without_match,
    share_beyond_one,
    validation_without_labels,
    validation_of_other_ids,
    two_files_of_one_stem,
    one_class,
)


@pytest.mark.parametrize(("folders", "said"), [entry for entry in BAD if entry[0] in OF_MASKS])
def test_masks_alone_are_judged_as_with_images(folders: Callable[[Path], Options], said: str, tmp_path: Path) -> None:
    options = folders(tmp_path)
    pairs = [
        (name, value) for name, value in zip(options[::2], options[1::2], strict=True) if "images" not in str(name)
    ]
    code, checked = run("check", *(word for pair in pairs for word in pair))
    assert (code, said in checked) == (1, True), checked


def test_both_parts_are_in_the_json(tmp_path: Path) -> None:
    options = validation_of_other_ids(tmp_path)
    assert run("check", *options, "--json", tmp_path / "out.json")[0] == 1
    found = json.loads((tmp_path / "out.json").read_text())
    assert [(name, len(part["problems"])) for name, part in found.items()] == [("train", 0), ("val", 1)]
    assert "7 (1024 pixels)" in found["train"]["refused"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--masks", "m", "--images", "i", "--val_images", "v"], "--val_images and --val_masks go together"),
        (["--masks", "m", "--val_images", "v"], "masks without images goes without --val_images"),
        (["--masks", "m", "--value_range", "measured"], "give their folder as --images"),
        (["--preset", "camvid", "--root", "r", "--val_masks", "v"], "preset goes without --val_masks"),
    ],
)
def test_settings_that_contradict(arguments: list[str], said: str) -> None:
    code, message = run("check", *arguments)
    assert (code, said in message) == (2, True), message
