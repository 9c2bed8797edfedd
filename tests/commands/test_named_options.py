"""Options that a command names when input is bad: those that it has, and no others."""

from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from inspect import signature
from io import StringIO
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import tifffile
from PIL import Image

from hardpix.__main__ import main
from hardpix.cli.arguments import Parser
from hardpix.commands.check import check
from hardpix.commands.diagnose import diagnose
from hardpix.commands.fit_settings import build_parser
from hardpix.commands.label import label
from hardpix.commands.mine import mine
from hardpix.commands.predict import predict
from hardpix.commands.test import evaluate

SIZE = (32, 32)
FUNCTIONS = {"check": check, "diagnose": diagnose, "label": label, "mine": mine, "predict": predict, "test": evaluate}


def options_of(command: str) -> set[str]:
    """Options of the parser; a command that is a function has one for each parameter."""
    parser: Parser
    if command == "fit":
        parser = build_parser()
    else:
        parser = Parser()
        parser.add_function_arguments(FUNCTIONS[command], as_group=False, fail_untyped=False)
    names = {name for action in parser._actions for name in action.option_strings}
    if command == "label":
        names.add("--labeler.threshold")  # of the class that is chosen
    assert command == "fit" or {f"--{name}" for name in signature(FUNCTIONS[command]).parameters} <= names
    return names


def named(text: str) -> set[str]:
    """Options as they are typed, with the words of a name joined by underscores, but those of whole commands."""
    text = re.sub(r"^.*\bhardpix (fit|test|predict|mine|label|diagnose) --.*$", "", text, flags=re.MULTILINE)
    # A file's name or a rule of dashes is no option.
    found = re.findall(r"(?<![\w/.-])--([a-z][a-z_]*(?:[-.][a-z_]+)*)", text)
    return {"--" + name.replace("-", "_") for name in found}


def write(root: Path, count: int = 4) -> Path:
    """Images, masks of the ids 0 to 4, and predictions of these."""
    rng = np.random.default_rng(0)
    for k in range(count):
        ids = rng.integers(0, 5, SIZE)
        ids[0, :5] = range(5)
        for folder, values in (("images", rng.integers(0, 256, (*SIZE, 3))), ("masks", ids), ("predictions", ids)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values.astype(np.uint8)).save(root / folder / f"f{k}.png")
    return root


def in_place(root: Path, values: Callable[[int], np.ndarray], folder: str = "images", **options: object) -> None:
    for k, path in enumerate(sorted((root / folder).iterdir())):
        path.unlink()
        tifffile.imwrite(path.with_suffix(".tif"), values(k), **options)  # type: ignore[arg-type]


def float_images(root: Path) -> None:
    in_place(root, lambda k: np.random.default_rng(k).random((*SIZE, 3)).astype(np.float32), photometric="rgb")


def two_bands(root: Path) -> None:
    in_place(root, lambda k: np.full((*SIZE, 2), 9, np.uint8), photometric="minisblack", planarconfig="contig")


def four_bands(root: Path) -> None:
    in_place(root, lambda k: np.full((*SIZE, 4), 99 + k, np.uint8), photometric="rgb", extrasamples=[0])


def faint_16_bits(root: Path) -> None:
    in_place(root, lambda k: np.full((*SIZE, 3), 900 + k, np.uint16), photometric="rgb")


def black_images(root: Path) -> None:
    for path in (root / "images").iterdir():
        Image.fromarray(np.full((*SIZE, 3), 3, np.uint8)).save(path)


def huge_image(root: Path) -> None:
    """By its head alone: nothing beyond is read."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 26_000, 8, 0, 0, 0, 0)
    chunk = struct.pack(">I", len(head) - 4) + head + struct.pack(">I", crc32(head))
    (root / "images" / "f1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 9) + b"IDAT")


def renamed_masks(root: Path) -> None:
    for path in (root / "masks").iterdir():
        path.rename(path.with_name(f"{path.stem}_gt.png"))


def renamed_images(root: Path) -> None:
    for path in (root / "images").iterdir():
        path.rename(path.with_name(f"rgb_{path.name}"))


def one_mask_renamed(root: Path) -> None:
    (root / "masks" / "f1.png").rename(root / "masks" / "f1_gt.png")


def two_masks_of_one_stem(root: Path) -> None:
    tifffile.imwrite(root / "masks" / "f1.tif", np.zeros(SIZE, np.uint8))


def two_images_of_one_stem(root: Path) -> None:
    tifffile.imwrite(root / "images" / "f1.tif", np.zeros((*SIZE, 3), np.uint8), photometric="rgb")


def strange_ids(root: Path) -> None:
    for path in (root / "masks").iterdir():
        Image.fromarray(np.array(Image.open(path)) + np.uint8(40)).save(path)


def one_strange_id(root: Path) -> None:
    ids = np.array(Image.open(root / "masks" / "f1.png"))
    ids[:3] = 77
    Image.fromarray(ids).save(root / "masks" / "f1.png")


def black_and_white(root: Path) -> None:
    for k, path in enumerate(sorted((root / "masks").iterdir())):
        ids = np.array(Image.open(path))
        Image.fromarray(((ids > 2) * (1 if k % 2 else 255)).astype(np.uint8)).save(path)


def soft_edges(root: Path) -> None:
    gray = np.tile(np.linspace(0, 255, SIZE[1]), (SIZE[0], 1)).astype(np.uint8)
    gray[:, :12], gray[:, 20:] = 0, 255
    for path in (root / "masks").iterdir():
        Image.fromarray(gray).save(path)


def palettes(root: Path) -> None:
    for k, path in enumerate(sorted((root / "masks").iterdir())):
        image = Image.fromarray(np.array(Image.open(path)), mode="P")
        colors = [(9, 9, 9), (200, 0, 0), (0, 200, 0), (0, 0, 200), (90, 90, 0)]
        image.putpalette([part for color in (colors if k % 2 else colors[::-1]) for part in color])
        image.save(path)


def colors(root: Path) -> None:
    for path in (root / "masks").iterdir():
        shown = np.array([(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 99, 9)], np.uint8)
        Image.fromarray(shown[np.array(Image.open(path))]).save(path)


def many_unlabeled(root: Path) -> None:
    for path in (root / "masks").iterdir():
        ids = np.array(Image.open(path))
        ids[2:] = 255
        Image.fromarray(ids).save(path)


def photographs_as_masks(root: Path) -> None:
    shutil.rmtree(root / "masks")
    shutil.copytree(root / "images", root / "masks")


def nothing(root: Path) -> None:
    for folder in ("images", "masks"):
        for path in (root / folder).iterdir():
            path.unlink()


def no_folder(root: Path) -> None:
    shutil.rmtree(root / "images")


def depth_as_masks(root: Path) -> None:
    in_place(root, lambda k: np.arange(1024, dtype=np.uint16).reshape(SIZE) * 60, "masks")


OF_IMAGES = (
    float_images,
    two_bands,
    four_bands,
    faint_16_bits,
    black_images,
    huge_image,
    renamed_images,
    two_images_of_one_stem,
    nothing,
    no_folder,
)
OF_MASKS = (
    renamed_masks,
    one_mask_renamed,
    two_masks_of_one_stem,
    strange_ids,
    one_strange_id,
    black_and_white,
    soft_edges,
    palettes,
    colors,
    many_unlabeled,
    photographs_as_masks,
    depth_as_masks,
)


def run(*words: object) -> tuple[int, str]:
    out = StringIO()
    with redirect_stdout(out), redirect_stderr(out), pytest.MonkeyPatch.context() as patch:
        for module in ("hardpix.training.inference", "hardpix.commands.diagnose"):
            patch.setattr(f"{module}.console", _console(out))
        code = main([str(word) for word in words])
    return code, out.getvalue()


def _console(out: StringIO) -> object:
    from rich.console import Console

    return Console(file=out, highlight=False, markup=False, soft_wrap=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write(tmp_path_factory.mktemp("trained"))
    code, said = run(*fit(root, "--trainer.fast_dev_run", "false", "--trainer.max_steps", 1))
    assert code == 0, said
    return root


def fit(root: Path, *more: object) -> Iterator[object]:
    yield from ("fit", "--data.images", root / "images", "--data.masks", root / "masks", "--run", root / "run")
    yield from ("--trainer.max_epochs", 1, "--trainer.accelerator", "cpu", "--data.workers", 0, "--data.batch_size", 2)
    yield from ("--trainer.fast_dev_run", "true", *more)


WITHOUT_MASKS = ("label", "predict")


def words_of(command: str, root: Path, trained: Path) -> list[object]:
    images, masks = ("--images", root / "images"), ("--masks", root / "masks")
    others: dict[str, list[object]] = {
        "fit": [*fit(root)],
        "check": ["check", *images, *masks],
        "test": ["test", "--run", trained / "run", *images, *masks],
        "mine": ["mine", "--run", trained / "run", *images, *masks, "--out", root / "out"],
        "predict": ["predict", "--run", trained / "run", *images, "--out", root / "out"],
        "label": ["label", "--run", trained / "run", *images, "--out", root / "out"],
        "diagnose": [
            *("diagnose", "--truth", root / "masks", "--predictions", root / "predictions", *images),
            *("--out", root / "out", "--workers", 1),
        ],
    }
    return others[command]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["check", "diagnose", "fit", "label", "mine", "predict", "test"])
def test_messages_name_options_that_the_command_has(command: str, trained: Path, tmp_path: Path) -> None:
    options = options_of(command)
    said_something = 0
    for fault in OF_IMAGES + OF_MASKS * (command not in WITHOUT_MASKS):
        root = write(tmp_path / fault.__name__)
        fault(root)
        code, said = run(*words_of(command, root, trained))
        assert code in (0, 1, 2), said
        assert named(said) <= options, f"{fault.__name__}: {named(said) - options}\n{said}"
        said_something += bool(named(said))
        shutil.rmtree(root)
    assert said_something >= (1 if command in WITHOUT_MASKS else 5)


@pytest.mark.parametrize("fault", [renamed_masks, one_mask_renamed, renamed_images, two_masks_of_one_stem, no_folder])
def test_files_of_the_run_itself(fault: Callable[[Path], None], trained: Path, tmp_path: Path) -> None:
    """A suffix would not find them, for the run knows its held-out images by their names."""
    root = tmp_path / "moved"
    shutil.copytree(trained, root)
    split = root / "run" / "split.yaml"
    split.write_text(split.read_text().replace(str(trained), str(root)))
    fault(root)
    code, said = run("test", "--run", root / "run")
    if code == 0:  # another one than the held-out images is concerned
        assert fault in (one_mask_renamed, two_masks_of_one_stem)
        return
    assert code == 2
    assert named(said) == {"--images", "--masks"}, said
    assert "put the files back as they were when the run was started" in said


@pytest.mark.parametrize("option", ["--mask_suffix", "--image_suffix"])
def test_a_suffix_without_folders_is_not_passed_over(option: str, trained: Path) -> None:
    code, said = run("test", "--run", trained / "run", option, "_x")
    assert code == 2
    assert "are about --images and --masks: give these, too" in said


@pytest.mark.parametrize(
    "text", ["say --data.bands [1, 2]. Then", "(--data.depth_format.scale)", "name it: --model.decoder, --model.stages"]
)
def test_words_that_are_no_options_stay(text: str) -> None:
    from hardpix.data.remedies import own_settings

    assert named(own_settings(text, {"bands"})) <= {"--bands"}
    assert own_settings("--images and --truth_suffix", set()) == "--images and --truth_suffix"
