"""Masks that store a run's classes in another way: what hardpix test advises can be pasted, and one of it is right."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from .conftest import TINY, Outcome, run_hardpix

COUNT, SIZE = 6, (32, 48)
VOID = -1


def meant(k: int, classes: int, unlabeled: float) -> np.ndarray:
    """Blocks of the classes; the first rows are unlabeled, in that share of the pixels."""
    rng = np.random.default_rng(k)
    index = rng.integers(0, classes, (SIZE[0] // 4, SIZE[1] // 4))
    index.flat[-classes:] = range(classes)
    index = np.kron(index, np.ones((4, 4), int))
    index[: round(unlabeled * SIZE[0])] = VOID
    return index


def write(folder: Path, ids: tuple[int, ...], void: int | None = None, unlabeled: float = 0.25) -> Path:
    """Images, and masks of these ids."""
    for k in range(COUNT):
        index = meant(k, len(ids), 0 if void is None else unlabeled)
        stored = np.array([*ids, void or 0])[index]
        picture = np.repeat(30 + 200 // len(ids) * meant(k, len(ids), 0)[..., None], 3, axis=2)
        for name, values in (("images", picture), ("masks", stored)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values.astype(np.uint8)).save(folder / name / f"f{k}.png")
    return folder


def fitted(data: Path, classes: int, run: Path, *more: str) -> Path:
    folders = ("--data.images", data / "images", "--data.masks", data / "masks")
    settings = ("--model.network.outputs", classes, "--trainer.max_epochs", 1, "--run", run)
    outcome = run_hardpix("fit", *folders, *TINY, *settings, *more)
    assert outcome.code == 0, outcome.err
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("runs")
    table = {"classes": [{"name": f"c{i}", "id": i} for i in (7, 8, 11, 13)], "ignore_ids": [0, 1, 2, 3]}
    (root / "classes.yaml").write_text(yaml.safe_dump(table))
    four = write(root / "four", (7, 8, 11, 13))
    return {
        "small": fitted(write(root / "small", (0, 1)), 2, root / "a", "--data.classes", "[back, thing]"),
        "white": fitted(write(root / "white", (0, 255)), 2, root / "b"),
        "named": fitted(four, 4, root / "c", "--data.classes", str(root / "classes.yaml")),
        "four": fitted(write(root / "in_order", (0, 1, 2, 3)), 4, root / "d"),
    }


def scored(run: Path, data: Path, out: Path, *more: str) -> Outcome:
    out.unlink(missing_ok=True)
    return run_hardpix(
        *("test", "--run", run, "--images", data / "images", "--masks", data / "masks", "--out", out, *more)
    )


def offered(outcome: Outcome) -> list[list[str]]:
    found = re.findall(r"--(?:label_map '[^']*'|threshold \d+|palette \w+)", outcome.out + outcome.err)
    return [shlex.split(words) for words in dict.fromkeys(found)]


# Run, ids of the classes, id without a class, its share of the pixels.
CASES = [
    ("small", (0, 1), 255, 0.625),
    ("small", (0, 128), 255, 0.25),
    ("small", (0, 255), 128, 0.25),
    ("small", (0, 2), None, 0),
    ("small", (1, 2), 0, 0.25),
    ("small", (0, 1), 2, 0.25),
    ("small", (0, 255), None, 0),
    ("small", (255, 1), None, 0),
    ("white", (0, 1), 255, 0.25),
    ("white", (0, 128), 255, 0.25),
    ("white", (0, 255), 1, 0.25),
    ("white", (0, 1), None, 0),
    ("named", (0, 1, 2, 3), 255, 0.25),
    ("named", (7, 8, 11, 13), 40, 0.25),
    ("four", (1, 2, 3, 4), 0, 0.25),
    ("four", (0, 1, 2, 3), 4, 0.25),
    ("four", (3, 6, 9, 12), None, 0),
]


@pytest.mark.parametrize(("run", "ids", "void", "unlabeled"), CASES)
def test_every_setting_that_is_offered_can_be_pasted(
    run: str, ids: tuple[int, ...], void: int | None, unlabeled: float, runs: dict[str, Path], tmp_path: Path
) -> None:
    data, out = write(tmp_path / "data", ids, void, unlabeled), tmp_path / "scores.json"
    outcome = scored(runs[run], data, out)
    said = outcome.out + outcome.err
    # A run has its classes: there is no file of them to write in, and none to name.
    for impossible in ("class file", "names in this order", "one more name", "add the", "--data.", "as the run was"):
        assert impossible not in said
    settings = offered(outcome)
    assert settings, said
    found = []
    for words in settings:
        again = scored(runs[run], data, out, *words)
        assert again.code == 0, again.err
        found.append(json.loads(out.read_text())["class_iou"])
    # The same labels, stored as in the training.
    stored = yaml.safe_load((runs[run] / "classes.yaml").read_text())
    known = tuple(entry["id"] for entry in stored["classes"])
    plain = write(tmp_path / "plain", known, 254, unlabeled if void is not None else 0)
    plain_map = "{" + ", ".join(f"{i}: {k}" for k, i in enumerate(known)) + ", 254: ignore}"
    assert scored(runs[run], plain, out, "--label_map", plain_map).code == 0
    assert json.loads(out.read_text())["class_iou"] in found


def test_grays_along_edges_need_a_run_of_two_classes(runs: dict[str, Path], tmp_path: Path) -> None:
    data = write(tmp_path / "data", (0, 255))
    for path in (data / "masks").iterdir():
        image = Image.open(path).resize((24, 16), Image.Resampling.NEAREST)
        image.resize((SIZE[1], SIZE[0]), Image.Resampling.BILINEAR).save(path)
    out = tmp_path / "scores.json"
    outcome = scored(runs["small"], data, out)
    assert outcome.code == 2
    assert offered(outcome) == [["--threshold", "128"]]
    assert scored(runs["small"], data, out, "--threshold", "128").code == 0
    outcome = scored(runs["four"], data, out)
    assert outcome.code == 2
    assert "save them without grays between black and white" in outcome.err
    assert offered(outcome) == []
