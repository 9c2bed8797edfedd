"""hardpix check: what it says of a folder is what numpy counts, and its exit code is that of hardpix fit."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.__main__ import main


def run(*arguments: object) -> tuple[int, str]:
    out = StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        code = main(["check", *map(str, arguments)])
    return code, out.getvalue()


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """6 masks of three types and two sizes, ids 0, 1 and 255, with their images."""
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for k in range(6):
        size = (30, 40) if k < 4 else (20, 50)
        ids = rng.choice([0, 1, 255], size, p=[0.7, 0.2, 0.1]).astype(np.uint8)
        ids[:2, :2] = [[0, 1], [1, 255]]
        image = Image.fromarray(ids if k < 3 else ids.astype(np.uint16))
        if k == 5:
            image = Image.fromarray(ids, mode="P")
            image.putpalette([9, 9, 9, 200, 0, 0, *[7] * 762])
        image.save(tmp_path / "masks" / f"f{k}.png")
        Image.fromarray(np.full((*size, 3), 99, np.uint8)).save(tmp_path / "images" / f"f{k}.jpg")
    return tmp_path / "masks"


def stored(masks: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(path)) for path in sorted(masks.iterdir())]


@pytest.mark.parametrize("with_images", [True, False])
def test_everything_is_said_and_written(with_images: bool, masks: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    images = ["--images", tmp_path / "images"] if with_images else []
    code, said = run("--masks", masks, *images, "--json", tmp_path / "out.json")
    assert code == 0
    assert {path: path.read_bytes() for path in before} == before
    found = json.loads((tmp_path / "out.json").read_text())["data"]
    values = np.concatenate([mask.ravel() for mask in stored(masks)])
    total = Counter(values.tolist())
    assert {entry["label"]: entry["pixels"] for entry in found["labels"]} == total
    assert [entry["class"] for entry in found["labels"]] == ["class 0", "class 1", "unlabeled"]
    having = Counter(label for mask in stored(masks) for label in np.unique(mask).tolist())
    assert {entry["label"]: entry["masks"] for entry in found["labels"]} == having
    assert found["unlabeled_share"] == pytest.approx(np.mean(values == 255))
    assert found["sizes"] == {"40x30": 4, "50x20": 2}
    assert found["mask_types"] == {"png, gray, 8 bits": 3, "png, gray, 16 bits": 2, "png, palette": 1}
    assert found["image_types"] == ({"jpg, RGB, 8 bits": 6} if with_images else {})
    assert (found["problems"], found["warnings"]) == ([], [])
    for label in (0, 1, 255):
        line = next(line for line in said.splitlines() if line.startswith(f"│ {label} "))
        assert f" {100 * total[label] / len(values):.3g} " in line
    assert f"Unlabeled by default: {100 * np.mean(values == 255):.3g} % of the pixels (255)." in said
    assert "(200, 0, 0)" in said
    assert "hardpix fit can start" in said


def test_what_fit_would_refuse(masks: Path, tmp_path: Path) -> None:
    for path, values in zip(sorted(masks.iterdir()), stored(masks), strict=True):
        Image.fromarray((values == 1).astype(np.uint8) * (255 if path.name < "f3" else 1)).save(path)
    code, said = run("--masks", masks, "--json", tmp_path / "out.json")
    assert code == 1
    assert "1 in 3 masks (f3.png, f4.png, f5.png;" in said
    assert "--label_map '{0: 0, 1: 1, 255: 1}'" in said
    (problem,) = json.loads((tmp_path / "out.json").read_text())["data"]["problems"]
    assert (problem["kind"], problem["whole_folder"]) == ("one class written as two ids", True)
    code, said = run("--masks", masks, "--label_map", "{0: 0, 1: 1, 255: 1}", "--classes", "[back, thing]")
    assert code == 0
    assert "thing" in said


def test_broken_files_and_too_few_of_them(masks: Path, tmp_path: Path) -> None:
    (masks / "f2.png").write_bytes(b"")
    code, said = run("--masks", masks)
    assert (code, "f2.png" in said) == (1, True)
    for k in range(1, 6):
        (masks / f"f{k}.png").unlink()
        (tmp_path / "images" / f"f{k}.jpg").unlink()
    code, said = run("--masks", masks, "--images", tmp_path / "images")
    assert code == 1
    assert "expected at least two images" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "expected --masks"),
        (["--preset", "camvid"], "--preset goes with --root"),
        (["--masks", "m", "--threshold", "9", "--label_map", "{0: 0}"], "threshold goes with names"),
        (["--masks", "m", "--lines", "x"], "unknown option --lines"),
    ],
)
def test_settings_that_do_not_fit(arguments: list[str], said: str) -> None:
    code, message = run(*arguments)
    assert code == 2
    assert said in message


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    code, said = run("--masks", tmp_path / "nowhere")
    assert code == 1
    assert "nowhere: expected a folder, found nothing" in said


def test_a_known_data_set(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "val"):
        for k in range(3):
            for folder, values in (
                (part, rng.integers(0, 256, (30, 40, 3))),
                (f"{part}annot", rng.integers(0, 12, (30, 40))),
            ):
                (tmp_path / folder).mkdir(exist_ok=True)
                Image.fromarray(values.astype(np.uint8)).save(tmp_path / folder / f"f{k}.png")
    code, said = run("--preset", "camvid", "--root", tmp_path, "--json", tmp_path / "out.json")
    assert code == 0
    assert said.count("Unlabeled: ") == 2
    assert "Doubts" not in said
    found = json.loads((tmp_path / "out.json").read_text())
    for part in ("train", "val"):
        values = np.concatenate([mask.ravel() for mask in stored(tmp_path / f"{part}annot")])
        assert found[part]["unlabeled_share"] == pytest.approx(np.mean(values == 11))
