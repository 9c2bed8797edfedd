"""Images that a run was trained on, said wherever scores or labels of them would look too good."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from hardpix.training.run import Run
from hardpix.training.trained_on import trained_on
from runs import TINY, Data, run_hardpix, write_pair

SAID = "are images that"


def stems(run: Run, part: str = "train") -> list[str]:
    return yaml.safe_load((run.path / "split.yaml").read_text())[part]["stems"]


@pytest.fixture
def others(tmp_path: Path) -> Data:
    """Two images that no run has seen, called like images of the data, and one copy under another name."""
    rng = np.random.default_rng(9)
    for stem in ("frame_000", "frame_001"):
        write_pair(tmp_path / "images", tmp_path / "masks", stem, rng, ids=(0, 7, 200))
    return Data(tmp_path / "images", tmp_path / "masks")


def copied(data: Data, stem: str, others: Data, name: str) -> None:
    for kind in ("images", "masks"):
        shutil.copy(getattr(data, kind) / f"{stem}.png", getattr(others, kind) / f"{name}.png")


def test_scores_of_training_images_are_said(tiny_run: Run, data: Data) -> None:
    trained = stems(tiny_run)
    share = f"{len(trained)} of 12 images ({100 * len(trained) / 12:.3g} %) are images that {tiny_run.path}"
    files = ["--images", data.images, "--masks", data.masks]
    outcome = run_hardpix("test", "--run", tiny_run.path, *files)
    assert f"{share} was trained on ({', '.join(trained[:3])} and {len(trained) - 3} more)" in outcome.out
    assert SAID not in run_hardpix("test", "--run", tiny_run.path).out


def test_names_alone_are_no_sign_and_copies_are(tiny_run: Run, data: Data, others: Data) -> None:
    files = ["--run", tiny_run.path, "--images", others.images]
    assert SAID not in run_hardpix("test", *files, "--masks", others.masks).out
    copied(data, stems(tiny_run)[1], others, "renamed")
    copied(data, stems(tiny_run, "val")[0], others, "held_out")
    for command, settings in (
        ("test", ["--masks", others.masks]),
        ("predict", ["--out", others.images.parent / "predicted"]),
        ("label", ["--out", others.images.parent / "labeled"]),
    ):
        outcome = run_hardpix(command, *files, *settings)
        assert f"1 of 4 images (25 %) {SAID} {tiny_run.path} was trained on (renamed)" in outcome.out, outcome.err


def test_the_same_size_is_not_the_same_file(tmp_path: Path, tiny_run: Run, data: Data) -> None:
    """One byte of a training image changed: as many bytes, another content."""
    stem = stems(tiny_run)[0]
    content = bytearray((data.images / f"{stem}.png").read_bytes())
    content[-1] ^= 1
    (tmp_path / f"{stem}.png").write_bytes(content)
    assert trained_on(tiny_run, {stem: tmp_path / f"{stem}.png"}).sentences("x") == []


def test_a_diagnosis_knows_what_predict_knew(tiny_run: Run, data: Data, others: Data) -> None:
    copied(data, stems(tiny_run)[0], others, "renamed")
    place = others.images.parent
    outcome = run_hardpix("predict", "--run", tiny_run.path, "--images", others.images, "--out", place / "predicted")
    assert outcome.code == 0, outcome.err
    assert json.loads((place / "predicted" / "hardpix.json").read_text())["trained_on"] == ["renamed"]
    sides = ["--truth", others.masks, "--predictions", place / "predicted" / "labels"]
    outcome = run_hardpix("diagnose", *sides, "--out", place / "report", "--pictures", "false", "--workers", 1)
    said = f"1 of 3 images (33.3 %) {SAID} the network was trained on (renamed): scores there are too good"
    assert f"doubt: {said}" in outcome.out, outcome.err
    assert outcome.out.count(said) == 1
    sentences = json.loads((place / "report" / "summary.json").read_text())["sentences"]
    assert f"Doubt: {said}." in [sentence["text"] for sentence in sentences]
    (place / "predicted" / "hardpix.json").unlink()
    again = run_hardpix("diagnose", *sides, "--out", place / "again", "--pictures", "false", "--workers", 1)
    assert SAID not in again.out


def test_training_images_that_are_gone_are_known_by_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for stem in "abcdef":
        write_pair(tmp_path / "images", tmp_path / "masks", stem, rng, ids=(0, 7, 200))
    data = Data(tmp_path / "images", tmp_path / "masks")
    assert run_hardpix("fit", *data.arguments, *TINY, "--run", tmp_path / "run").code == 0
    run = Run(tmp_path / "run")
    trained = stems(run)
    moved = tmp_path / "moved"
    data.images.rename(moved)
    found = trained_on(run, {path.stem: path for path in sorted(moved.iterdir())})
    assert (found.same, list(found.alike)) == ((), trained)
    assert "are called like images" in found.sentences("scores there are too good")[0]


def test_teachers_that_know_the_validation_images(tiny_run: Run, data: Data, tmp_path: Path) -> None:
    teacher = ["--model.recipe.teacher", "hardpix.training.frozen_run.FrozenRun"]
    recipe = ["--model.recipe", "Supervised", "--model.recipe.objective", "WeightedCrossEntropy", *teacher]
    recipe += ["--model.recipe.teacher.run", tiny_run.path, "--model.recipe.teacher.trust", "true"]
    trained, held_out = stems(tiny_run), stems(tiny_run, "val")
    for name, chosen in (("both", [trained[0], held_out[0]]), ("same", held_out)):
        (tmp_path / name).mkdir()
        for kind in ("images", "masks"):
            (tmp_path / name / kind).mkdir()
            for stem in chosen:
                shutil.copy(getattr(data, kind) / f"{stem}.png", tmp_path / name / kind / f"{stem}_copy.png")
    outcomes = {}
    for name in ("both", "same"):
        val = ["--data.val_images", tmp_path / name / "images", "--data.val_masks", tmp_path / name / "masks"]
        outcomes[name] = run_hardpix(
            "fit", *data.arguments, *TINY, "--trainer.max_epochs", 1, *val, *recipe, "--run", tmp_path / name / "run"
        )
        assert outcomes[name].code == 0, outcomes[name].err
    said = f"1 of 2 images (50 %) {SAID} {tiny_run.path} was trained on ({trained[0]}_copy)"
    assert said in outcomes["both"].out
    assert SAID not in outcomes["same"].out
