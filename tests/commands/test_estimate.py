"""``hardpix estimate``: predicted scores by what predict and test write, after interruptions, and for faulty input."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from hardpix.cli.output import Output
from hardpix.training.run import Run
from runs import Data, Mixed, Outcome, read, run_hardpix, tree, write_pair


def content(folder: Path) -> dict[str, bytes]:
    return {name: data for name, (data, _) in tree(folder).items()}


def table(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def summary_of(out: Path) -> dict:
    return json.loads((out / "summary.json").read_text())


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """Six images that no run has seen, of two sizes."""
    root = tmp_path_factory.mktemp("fresh")
    rng = np.random.default_rng(77)
    for k in range(6):
        write_pair(root / "images", root / "masks", f"sub/new_{k}", rng, (0, 7, 200), (40, 56) if k % 2 else (48, 64))
    return Data(root / "images", root / "masks")


@pytest.fixture(scope="module")
def estimated(tiny_run: Run, fresh: Data, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    out = tmp_path_factory.mktemp("estimated") / "out"
    outcome = run_hardpix("estimate", *given(tiny_run, fresh), "--masks", fresh.masks, "--out", out)
    assert outcome.code == 0, outcome.err
    return out, outcome


def given(run: Run, data: Data) -> list[object]:
    return ["--run", run.path, "--images", data.images]


def labels(folder: Path, stem: str) -> np.ndarray:
    return np.searchsorted([0, 7, 200], read(folder / f"{stem}.png"))


def test_the_truth_is_that_of_hardpix_test(
    estimated: tuple[Path, Outcome], tiny_run: Run, fresh: Data, tmp_path: Path
) -> None:
    files = ["--images", fresh.images, "--masks", fresh.masks, "--out", tmp_path / "scores.json"]
    assert run_hardpix("test", "--run", tiny_run.path, *files).code == 0
    scores, found = json.loads((tmp_path / "scores.json").read_text()), summary_of(estimated[0])
    for name in ("miou", "accuracy", "class_iou"):
        assert found["truth"][name] == pytest.approx(scores[name])
    assert found["against_truth"]["miou_error"] == pytest.approx(found["miou"]["value"] - scores["miou"])
    assert found["images"] == 6
    assert found["labeled_images"] == len(yaml.safe_load((tiny_run.path / "split.yaml").read_text())["val"]["stems"])


def test_tables_have_the_images_worst_first_and_all_classes(estimated: tuple[Path, Outcome], fresh: Data) -> None:
    out, outcome = estimated
    rows, found = table(out / "images.csv"), summary_of(out)
    assert sorted(row["image"] for row in rows) == [f"sub/new_{k}" for k in range(6)]
    values = [float(row["miou"]) for row in rows]
    assert values == sorted(values)
    for row in rows:
        for name in ("miou", "accuracy"):
            assert 0 <= float(row[f"{name}_low"]) <= float(row[f"{name}_high"]) <= 1
        assert row["reason"]
    assert rows[0]["reason"] in outcome.out
    classes = table(out / "classes.csv")
    assert [row["class"] for row in classes] == list(found["class_iou"]) == ["class 0", "class 7", "class 200"]
    assert sum(float(row["share_of_pixels"]) for row in classes) == pytest.approx(1, abs=1e-3)
    for row in classes:
        value = found["class_iou"][row["class"]]["value"]
        assert row["iou"] == ("" if value is None else f"{value:.4f}")
        # A class that the network never predicts has no IoU of its own, and counts in the mean.
        assert (value is None) == (float(row["share_of_pixels"]) == 0)
        assert float(row["true_iou"]) == pytest.approx(found["truth"]["class_iou"][row["class"]], abs=1e-4)


def test_without_masks_the_same_is_predicted_and_no_truth_is_told(
    estimated: tuple[Path, Outcome], tiny_run: Run, fresh: Data, tmp_path: Path
) -> None:
    """All pixels of these masks are labeled, so that masks must change nothing of the prediction."""
    outcome = run_hardpix("estimate", *given(tiny_run, fresh), "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    plain, scored = summary_of(tmp_path / "out"), summary_of(estimated[0])
    assert not {"truth", "against_truth"} & plain.keys()
    assert plain == {name: value for name, value in scored.items() if name not in ("truth", "against_truth")}
    assert "true" not in table(tmp_path / "out" / "images.csv")[0]
    assert "true mIoU" not in outcome.out


def test_expected_confusion_is_the_sum_of_what_predict_writes(tiny_run: Run, fresh: Data, tmp_path: Path) -> None:
    out, predicted = tmp_path / "out", tmp_path / "predicted"
    settings = ["--estimator", "ExpectedConfusion"]
    outcome = run_hardpix("estimate", *given(tiny_run, fresh), "--out", out, *settings)
    assert outcome.code == 0, outcome.err
    assert run_hardpix("predict", *given(tiny_run, fresh), "--out", predicted, "--probabilities").code == 0
    found = summary_of(out)
    total = np.zeros((3, 3))
    for k in range(6):
        shares = np.load(predicted / "probabilities" / f"sub/new_{k}.npy").astype(float) ** (1 / found["temperature"])
        shares /= shares.sum(0)
        of_class = labels(predicted / "labels", f"sub/new_{k}")
        for j in range(3):
            total[:, j] += shares[:, of_class == j].sum(1)
    iou = np.diag(total) / (total.sum(0) + total.sum(1) - np.diag(total))
    values = [each["value"] for each in found["class_iou"].values()]
    there = total.sum(0) > 0
    np.testing.assert_allclose(np.array(values, dtype=float)[there], iou[there], atol=2e-3)
    assert found["accuracy"]["value"] == pytest.approx(np.trace(total) / total.sum(), abs=2e-3)


@pytest.mark.parametrize("estimator", ["DifferenceOfConfidence", "LearnedHardness", "Agreement"])
def test_every_estimator_predicts_held_out_images_from_themselves(
    estimator: str, tiny_run: Run, data: Data, tmp_path: Path
) -> None:
    """An estimator that was fitted on these very images gives their accuracy back."""
    stems = yaml.safe_load((tiny_run.path / "split.yaml").read_text())["val"]["stems"]
    held_out = Data(tmp_path / "images", tmp_path / "masks")
    for stem in stems:
        for kind in ("images", "masks"):
            getattr(held_out, kind).mkdir(exist_ok=True)
            shutil.copy(getattr(data, kind) / f"{stem}.png", getattr(held_out, kind))
    settings = ["--masks", held_out.masks, "--out", tmp_path / "out", "--estimator", estimator]
    settings += ["--second", tiny_run.path] if estimator == "Agreement" else []
    outcome = run_hardpix("estimate", *given(tiny_run, held_out), *settings)
    assert outcome.code == 0, outcome.err
    found = summary_of(tmp_path / "out")
    assert found["estimator"] == estimator
    assert found["accuracy"]["value"] == pytest.approx(found["truth"]["accuracy"], abs=0.02)
    share = f"{len(stems)} of {len(stems)} images (100 %) are among the labeled images to learn from"
    assert share in outcome.out
    assert share in found["doubts"][0]
    assert f"{len(stems)} labeled images to learn from: intervals are rough" in outcome.out


def test_images_that_were_trained_on_are_said_on_both_sides(tiny_run: Run, data: Data, tmp_path: Path) -> None:
    labeled = ["--calibration.images", data.images, "--calibration.masks", data.masks]
    outcome = run_hardpix("estimate", *given(tiny_run, data), "--out", tmp_path / "out", *labeled)
    assert outcome.code == 0, outcome.err
    trained = yaml.safe_load((tiny_run.path / "split.yaml").read_text())["train"]["stems"]
    said = (
        f"{len(trained)} of 12 images ({100 * len(trained) / 12:.3g} %) are images that {tiny_run.path} was trained on"
    )
    assert f"{said} ({', '.join(trained[:3])} and {len(trained) - 3} more): the network is better there" in outcome.out
    assert f"of the labeled images to learn from, {said}" in outcome.out
    assert summary_of(tmp_path / "out")["labeled_images"] == 12


def test_an_interrupted_command_goes_on_to_the_same_results(
    tiny_run: Run, fresh: Data, estimated: tuple[Path, Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["estimate", *given(tiny_run, fresh), "--masks", fresh.masks, "--out", tmp_path / "out"]
    done = Output.done
    for stop in (1, 5):

        def few(self: Output, stem: str, note: object = None, stop: int = stop) -> None:
            if len(self.notes) == stop:
                raise KeyboardInterrupt
            done(self, stem, note)

        with monkeypatch.context() as patch:
            patch.setattr(Output, "done", few)
            stopped = run_hardpix(*command)
        assert stopped.code == 130
        assert "to go on: hardpix estimate" in stopped.err
    assert run_hardpix(*command).code == 0
    assert content(tmp_path / "out") == content(estimated[0])
    again = run_hardpix(*command)
    assert again.code == 2
    assert "--overwrite" in again.err


def test_nothing_of_the_users_is_touched_and_the_record_tells_all_files(
    estimated: tuple[Path, Outcome], fresh: Data, tiny_run: Run, tmp_path: Path
) -> None:
    before = tree(fresh.images.parent)
    inside = run_hardpix("estimate", *given(tiny_run, fresh), "--out", fresh.images / "out")
    assert inside.code == 2
    assert tree(fresh.images.parent) == before
    names = {name for name in tree(estimated[0]) if name != "hardpix.json"}
    pictures = {f"pictures/{k:06d}{ending}.jpg" for k in range(6) for ending in ("", "_doubt")}
    texts = {"summary.json", "images.csv", "classes.csv", "data.js", "index.html", "page.css", "page.js"}
    assert names == pictures | texts
    for file in pictures:
        assert read(estimated[0] / file).shape in {(48, 64, 3), (40, 56, 3)}


def test_an_image_that_cannot_be_read_is_listed_and_one_image_is_enough(
    tiny_run: Run, fresh: Data, tmp_path: Path
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    shutil.copy(fresh.images / "sub" / "new_0.png", images)
    (images / "broken.png").write_bytes(b"no picture")
    outcome = run_hardpix("estimate", "--run", tiny_run.path, "--images", images, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert "1 of 2 images left out" in outcome.out
    assert "broken.png" in outcome.out
    assert summary_of(tmp_path / "out")["images"] == 1
    assert len(table(tmp_path / "out" / "images.csv")) == 1
    assert (tmp_path / "out" / "problems.csv").is_file()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["--estimator", "Agreement"], "Agreement compares two networks, found one"),
        (["--second", "RUN"], "--second is for --estimator Agreement, found ThresholdedConfidence"),
        (["--calibration.images", "IMAGES"], "--calibration.images and --calibration.masks go together"),
        (["--calibration.masks", "IMAGES"], "--calibration.images and --calibration.masks go together"),
        (["--estimator", "Agrement"], "Agreement"),
        (
            ["--estimator", "Agreement", "--second", "OTHER"],
            "expected a second run with the same classes (class 0, class 7, class 200)",
        ),
        (["--estimator", "Agreement", "--second", "IMAGES"], "expected the folder of a run"),
        (["--calibration.images", "IMAGES", "--calibration.masks", "IMAGES/none"], "none"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_the_work(
    settings: list[str], said: str, tiny_run: Run, mixed: Mixed, fresh: Data, tmp_path: Path
) -> None:
    places = {"RUN": tiny_run.path, "IMAGES": fresh.images, "OTHER": mixed.run.path}
    words = [places.get(word, word.replace("IMAGES", str(fresh.images))) for word in settings]
    outcome = run_hardpix("estimate", *given(tiny_run, fresh), "--out", tmp_path / "out", *words)
    assert outcome.code == 2
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "out").exists()


def test_a_run_without_learned_hardness_is_told_the_default(fit_tiny, fresh: Data, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run = fit_tiny("--model.objective", "WeightedCrossEntropy", "--trainer.max_epochs", 1)
    command = ["estimate", *given(run, fresh), "--out", tmp_path / "out", "--estimator", "LearnedHardness"]
    outcome = run_hardpix(*command)
    assert outcome.code == 2
    assert "expected a run that learned hardness" in outcome.err
    assert "leave --estimator out" in outcome.err


def test_held_out_images_that_are_gone_are_replaced_by_others(tiny_run: Run, fresh: Data, tmp_path: Path) -> None:
    moved = tmp_path / "run"
    shutil.copytree(tiny_run.path, moved)
    split = yaml.safe_load((moved / "split.yaml").read_text())
    split["val"]["stems"] = ["gone_1", "gone_2"]
    (moved / "split.yaml").write_text(yaml.safe_dump(split))
    command = ["estimate", "--run", moved, "--images", fresh.images, "--out", tmp_path / "out"]
    refused = run_hardpix(*command)
    assert refused.code == 2
    assert "give others by --calibration.images and --calibration.masks" in refused.err
    outcome = run_hardpix(*command, "--calibration.images", fresh.images, "--calibration.masks", fresh.masks)
    assert outcome.code == 0, outcome.err
