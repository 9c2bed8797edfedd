"""hardpix fit and test on masks of every kind: the same pictures and classes, so the same training and scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from hardpix.training.run import Run
from runs import TINY, run_hardpix

COLOURS = np.array([[10, 200, 30], [0, 0, 0], [128, 64, 128]], dtype=np.uint8)
TABLE = [{"name": name, "id": 10 * k, "colour": COLOURS[k].tolist()} for k, name in enumerate("abc")]


def as_ids(index: np.ndarray) -> Image.Image:
    return Image.fromarray((10 * index).astype(np.uint8))


def as_16_bit(index: np.ndarray) -> Image.Image:
    return Image.fromarray((10 * index).astype(np.uint16))


def as_palette(index: np.ndarray) -> Image.Image:
    image = Image.fromarray((10 * index).astype(np.uint8), mode="P")
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tobytes())
    return image


def as_colors(index: np.ndarray) -> Image.Image:
    return Image.fromarray(COLOURS[index])


def make(root: Path, stored: Callable[[np.ndarray], Image.Image], kind: str = "png", suffix: str = "") -> list[str]:
    """12 pictures below root/images and their masks below root/masks, and the arguments that name them."""
    rng = np.random.default_rng(5)
    for k in range(12):
        index = np.kron(rng.integers(0, 3, (6, 8)), np.ones((8, 8), dtype=np.int64))
        picture = (80 * index[..., None] + rng.integers(0, 12, (48, 64, 3))).astype(np.uint8)
        for folder, image, ending in (
            ("images", Image.fromarray(picture), ".png"),
            ("masks", stored(index), f"{suffix}.{kind}"),
        ):
            file = root / folder / f"seq{k // 6}" / f"{k:02d}{ending}"
            file.parent.mkdir(parents=True, exist_ok=True)
            image.save(file)
    return ["--data.images", str(root / "images"), "--data.masks", str(root / "masks")]


def scores_of(root: Path, *arguments: object) -> dict:
    """Fits for an epoch, tests, and returns what was written."""
    run = Run(root / "run", trusted=True)
    outcome = run_hardpix("fit", *TINY, "--trainer.max_epochs", 1, "--run", run.path, *arguments)
    assert outcome.code == 0, outcome.err
    outcome = run_hardpix("test", "--run", run.path)
    assert outcome.code == 0, outcome.err
    found = json.loads((run.path / "scores.json").read_text())
    return found | {"checkpoint": None, "class_iou": list(found["class_iou"].values())}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict:
    root = tmp_path_factory.mktemp("plain")
    return scores_of(root, *make(root, as_ids))


@pytest.mark.parametrize(
    ("stored", "kind", "suffix"),
    [
        (as_ids, "bmp", ""),
        (as_ids, "tif", "_gt"),
        (as_16_bit, "png", ""),
        (as_16_bit, "tif", ""),
        (as_palette, "png", "_gt"),
        (as_colors, "png", ""),
        (as_colors, "bmp", "_color"),
    ],
)
def test_masks_of_any_kind(
    stored: Callable[[np.ndarray], Image.Image], kind: str, suffix: str, plain: dict, tmp_path: Path
) -> None:
    (tmp_path / "classes.yaml").write_text(yaml.safe_dump({"classes": TABLE}))
    table = ["--data.classes", tmp_path / "classes.yaml"] if stored is as_colors else []
    arguments = make(tmp_path, stored, kind, suffix)
    assert scores_of(tmp_path, *arguments, "--data.mask_suffix", suffix, *table) == plain


def test_predictions_are_in_ids_where_the_masks_are_colours(tmp_path: Path) -> None:
    (tmp_path / "classes.yaml").write_text(yaml.safe_dump({"classes": TABLE}))
    scores_of(tmp_path, *make(tmp_path, as_colors), "--data.classes", tmp_path / "classes.yaml")
    images = ["--run", tmp_path / "run", "--images", tmp_path / "images"]
    assert run_hardpix("predict", *images, "--out", tmp_path / "out").code == 0
    with Image.open(tmp_path / "out" / "labels" / "seq0" / "00.png") as labels:
        assert set(np.unique(labels)) <= {0, 10, 20}


@pytest.mark.parametrize(
    ("label_map", "ids", "ignored"),
    [("{0: 0, 10: 1, 20: ignore}", ((0,), (10,)), {20, 255}), ("{0: 1, 10: 0, 20: 1}", ((10,), (0, 20)), {255})],
)
def test_a_label_map_ignores_and_joins(
    label_map: str, ids: tuple[tuple[int, ...], ...], ignored: set[int], tmp_path: Path
) -> None:
    arguments = make(tmp_path, as_ids)
    two = ["--data.classes", "[one, other]", "--data.label_map", label_map, "--model.network.outputs", 2]
    assert len(scores_of(tmp_path, *arguments, *two)["class_iou"]) == 2
    table = Run(tmp_path / "run", trusted=True).read_classes()
    assert table.names == ("one", "other")
    assert table.ids == ids
    assert ignored >= set(table.ignore_ids) >= ignored - {255}


def test_validation_in_folders_of_its_own(plain: dict, tmp_path: Path) -> None:
    make(tmp_path / "both", as_ids)
    arguments = []
    for part, sequence in (("data.", "seq0"), ("data.val_", "seq1")):
        for kind in ("images", "masks"):
            arguments += [f"--{part}{kind}", tmp_path / "both" / kind / sequence]
    assert scores_of(tmp_path, *arguments)["images"] == 6
    split = Run(tmp_path / "run", trusted=True).read_split()
    assert split["train"]["stems"] == [f"{k:02d}" for k in range(6)]
    assert split["val"]["stems"] == [f"{k:02d}" for k in range(6, 12)]


@pytest.mark.parametrize("inside", ["seq1", "."])
def test_no_image_is_trained_and_validated_on(inside: str, tmp_path: Path) -> None:
    arguments = [*make(tmp_path, as_ids), "--data.val_images", tmp_path / "images" / inside]
    outcome = run_hardpix(
        *("fit", *TINY, "--run", tmp_path / "run", *arguments, "--data.val_masks", tmp_path / "masks" / inside)
    )
    assert outcome.code == 2
    shared = 6 if inside == "seq1" else 12
    assert f"image to train on and to validate on ({shared})" in outcome.err
    assert f"{tmp_path / 'images' / 'seq1' / '06.png'}: expected an image of one of the two" in outcome.err
    assert "val_stems" in outcome.err
    assert not (tmp_path / "run").exists()


def test_a_pattern_holds_out_a_sequence(tmp_path: Path) -> None:
    arguments = make(tmp_path, as_ids)
    assert scores_of(tmp_path, *arguments, "--data.val_stems", "seq1/*")["images"] == 6
    split = Run(tmp_path / "run", trusted=True).read_split()
    assert all(stem.startswith("seq1/") for stem in split["val"]["stems"])
    assert all(stem.startswith("seq0/") for stem in split["train"]["stems"])
