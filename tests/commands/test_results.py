"""hardpix test, predict and mine, from a run folder alone."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics
import torch
import yaml
from PIL import Image

from hardpix.networks import untap
from hardpix.training.run import Run
from runs import (
    IDS,
    SIZES,
    TINY,
    Data,
    Fit,
    Mixed,
    column,
    logits_by_hand,
    read,
    run_hardpix,
    tree,
    weights,
    write_pair,
)


class TestPredict:
    @pytest.fixture(scope="class")
    def out(self, mixed: Mixed, tmp_path_factory: pytest.TempPathFactory) -> Path:
        out = tmp_path_factory.mktemp("predictions") / "new"
        before = tree(mixed.data.images)
        run = ["--run", mixed.run.path, "--images", mixed.data.images, "--out", out]
        outcome = run_hardpix("predict", *run, "--confidence", "--probabilities")
        assert outcome.code == 0, outcome.err
        assert tree(mixed.data.images) == before
        return out

    def test_labels_are_the_ids_of_the_users_masks_in_16_bits(self, out: Path, mixed: Mixed) -> None:
        for stem, size in SIZES.items():
            labels = read(out / "labels" / f"{stem}.png")
            assert labels.dtype == np.uint16
            assert labels.shape == size
            best = logits_by_hand(mixed.run, read(mixed.data.images / f"{stem}.png")).argmax(0).numpy()
            agreeing = (np.array(IDS)[best] == labels).mean()
            assert agreeing > 0.999, stem

    def test_confidence_is_the_probability_of_the_label(self, out: Path, mixed: Mixed) -> None:
        for stem in SIZES:
            confidence = read(out / "confidence" / f"{stem}.png")
            assert confidence.dtype == np.uint16
            logits = logits_by_hand(mixed.run, read(mixed.data.images / f"{stem}.png"))
            np.testing.assert_allclose(confidence / 65535, logits.softmax(0).amax(0), atol=2e-5)

    def test_probabilities_are_those_of_all_classes(self, out: Path, mixed: Mixed) -> None:
        for stem, size in SIZES.items():
            found = np.load(out / "probabilities" / f"{stem}.npy")
            assert found.dtype == np.float16
            assert found.shape == (len(IDS), *size)
            logits = logits_by_hand(mixed.run, read(mixed.data.images / f"{stem}.png"))
            np.testing.assert_allclose(found, logits.softmax(0), atol=6e-4)

    def test_overlays_have_the_size_of_the_image(self, out: Path) -> None:
        for stem, size in SIZES.items():
            assert read(out / "overlays" / f"{stem}.jpg").shape == (*size, 3)

    def test_there_is_nothing_else_but_a_record(self, out: Path, mixed: Mixed) -> None:
        assert {file.name for file in out.iterdir()} == {
            "labels",
            "overlays",
            "confidence",
            "probabilities",
            "hardpix.json",
        }
        record = json.loads((out / "hardpix.json").read_text())
        assert record["checkpoint"] == str(mixed.run.checkpoint("best"))
        assert {"hardpix.json", *record["files"]} == set(tree(out))

    def test_maps_not_asked_for_are_not_written(self, tiny_run: Run, data: Data, tmp_path: Path) -> None:
        out = tmp_path / "out"
        run = ["--run", tiny_run.path, "--images", data.images, "--out", out]
        assert run_hardpix("predict", *run, "--overlays", "false").code == 0
        assert {file.name for file in out.iterdir()} == {"labels", "hardpix.json"}
        assert {read(file).dtype for file in (out / "labels").iterdir()} == {np.dtype(np.uint8)}


def test_unreadable_images_are_listed_and_the_rest_is_done(mixed: Mixed, tmp_path: Path) -> None:
    images = tmp_path / "images"
    shutil.copytree(mixed.data.images, images)
    (images / "torn.png").write_bytes((images / "four.png").read_bytes()[:300])
    (images / "text.jpg").write_text("no picture")
    shutil.copy(images / "four.png", images / "a" / "two.bmp")
    outcome = run_hardpix("predict", "--run", mixed.run.path, "--images", images, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    for name in ("torn.png", "text.jpg", "two.bmp"):
        assert name in outcome.out
    assert "3 of 7 images left out" in outcome.out
    written = {
        str(file.relative_to(tmp_path / "out" / "labels")) for file in (tmp_path / "out").rglob("labels/**/*.png")
    }
    assert written == {"a/one.png", "b/one.png", "b/deep/three.png", "four.png"}


class TestMine:
    @pytest.fixture(scope="class")
    def out(self, mixed: Mixed, tmp_path_factory: pytest.TempPathFactory) -> Path:
        out = tmp_path_factory.mktemp("hardness") / "new"
        run = ["--run", mixed.run.path, "--images", mixed.data.images, "--masks", mixed.data.masks, "--out", out]
        outcome = run_hardpix("mine", *run)
        assert outcome.code == 0, outcome.err
        return out

    def test_png_is_sigmoid_of_the_branch(self, out: Path, mixed: Mixed) -> None:
        task = mixed.run.load_task()
        untap(task.network)
        encoder, branch = task.network.model.encoder, task.shown_signal.branch
        for stem, (height, width) in SIZES.items():
            image = read(mixed.data.images / f"{stem}.png")
            pixels = torch.zeros(1, 3, -(-height // 32) * 32, -(-width // 32) * 32)
            mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
            pixels[0, :, :height, :width] = torch.tensor((image / 255 - mean) / std).permute(2, 0, 1)
            with torch.no_grad():
                scores = branch(((encoder(pixels),), {}), None)
            scores = torch.nn.functional.interpolate(scores, pixels.shape[-2:], mode="bilinear", align_corners=False)
            expected = 65535 * torch.sigmoid(scores)[0, 0, :height, :width]
            stored = read(out / "hardness" / f"{stem}.png")
            assert stored.dtype == np.uint16
            # Half a step of rounding, and the last digits of float32.
            np.testing.assert_allclose(stored, expected, atol=0.6)

    def test_table_is_that_of_the_maps(self, out: Path, mixed: Mixed) -> None:
        with (out / "hardness.csv").open() as file:
            table = list(csv.DictReader(file))
        assert {row["image"] for row in table} == set(SIZES)
        names = {"class 0": 0, "class 7": 7, "class 3000": 3000}
        for stem in SIZES:
            hardness = read(out / "hardness" / f"{stem}.png") / 65535
            mask = read(mixed.data.masks / f"{stem}.png")
            rows = {row["class"]: row for row in table if row["image"] == stem}
            there = {name for name, stored in names.items() if (mask == stored).any()}
            assert set(rows) == there | {"all"}
            for name, row in rows.items():
                pixels = hardness.ravel() if name == "all" else hardness[mask == names[name]]
                assert row["class_from"] == "mask"
                assert int(row["pixels"]) == pixels.size
                assert float(row["mean"]) == pytest.approx(pixels.mean(), abs=1e-5)
                assert float(row["p95"]) == pytest.approx(np.percentile(pixels, 95), abs=1e-5)

    def test_maps_are_weights_of_another_training(self, out: Path, mixed: Mixed, tmp_path: Path) -> None:
        runs = {}
        for floor in (0.0, 1e6):
            signal = f"{{class_path: hardpix.signals.Precomputed, init_args: {{floor: {floor}}}}}"
            objective = f"{{class_path: WeightedCrossEntropy, init_args: {{signal: {signal}}}}}"
            runs[floor] = Run(tmp_path / f"{floor}", trusted=True)
            outcome = run_hardpix(
                *("fit", *mixed.data.arguments, *TINY, "--run", runs[floor].path, "--model.objective", objective),
                *("--data.weights", out / "hardness", "--trainer.max_epochs", 1, "--model.optimizer", "SGD"),
            )
            assert outcome.code == 0, outcome.err
        plain = Run(tmp_path / "plain", trusted=True)
        run_hardpix(
            *("fit", *mixed.data.arguments, *TINY, "--run", plain.path, "--model.objective", "WeightedCrossEntropy"),
            *("--trainer.max_epochs", 1, "--model.optimizer", "SGD"),
        )
        # A floor far above the weights leaves plain cross-entropy; without one, they count.
        for name, expected in weights(plain).items():
            torch.testing.assert_close(weights(runs[1e6])[name], expected)
        assert any(not torch.allclose(weights(runs[0.0])[name], value) for name, value in weights(plain).items())

    def test_a_run_without_hardness_is_refused(self, fit_tiny: Fit, data: Data, tmp_path: Path) -> None:
        plain = fit_tiny("--model.objective", "WeightedCrossEntropy", "--trainer.max_epochs", 1)
        outcome = run_hardpix("mine", "--run", plain.path, "--images", data.images, "--out", tmp_path / "out")
        assert outcome.code == 2
        assert "expected a run that learned hardness, found one whose objective has no HardnessLevel" in outcome.err
        assert not (tmp_path / "out").exists()


class TestScores:
    def test_held_out_images_are_scored_as_in_training(self, tiny_run: Run) -> None:
        outcome = run_hardpix("test", "--run", tiny_run.path, "--checkpoint", "last")
        assert outcome.code == 0, outcome.err
        scores = json.loads((tiny_run.path / "scores.json").read_text())
        assert scores["images"] == 2
        for name in ("miou", "border_miou", "accuracy"):
            assert scores[name] == pytest.approx(column(tiny_run, f"val/{name}")[-1], abs=1e-6)
        assert f"{100 * scores['miou']:.2f}" in outcome.out

    def test_the_report_is_that_of_the_predictions_and_the_next_one_replaces_it(
        self, mixed: Mixed, tmp_path: Path
    ) -> None:
        run = tmp_path / "run"
        shutil.copytree(mixed.run.path, run)
        assert run_hardpix("test", "--run", run).code == 0
        outcome = run_hardpix("test", "--run", run)
        assert outcome.code == 0, outcome.err
        assert str(run / "report" / "index.html") in outcome.out
        own = json.loads((run / "report" / "summary.json").read_text())
        assert own["scores"]["miou"] == pytest.approx(json.loads((run / "scores.json").read_text())["miou"], abs=1e-6)
        assert own["hardness"] is not None
        assert (run / "report" / "pictures" / "000000" / "image.jpg").exists()

    def test_a_report_of_other_classes_is_refused_before_anything_is_lost(self, mixed: Mixed, tmp_path: Path) -> None:
        run = tmp_path / "run"
        shutil.copytree(mixed.run.path, run)
        assert run_hardpix("test", "--run", run).code == 0
        before = tree(run)
        maps = tmp_path / "maps"
        maps.mkdir()
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(maps / "a.png")
        predicted = shutil.copytree(maps, tmp_path / "predicted")
        other = ["--truth", maps, "--predictions", predicted, "--out", tmp_path / "other"]
        assert run_hardpix("diagnose", *other).code == 0
        outcome = run_hardpix("test", "--run", run, "--against", tmp_path / "other")
        assert outcome.code == 2
        assert "expected a report" in outcome.err
        assert tree(run) == before

    def test_the_report_of_other_images_is_that_of_diagnose(self, mixed: Mixed, tmp_path: Path) -> None:
        images = ["--run", mixed.run.path, "--images", mixed.data.images]
        report, again = tmp_path / "report", tmp_path / "again"
        assert run_hardpix("test", *images, "--masks", mixed.data.masks, "--report", report).code == 0
        assert run_hardpix("predict", *images, "--out", tmp_path / "out").code == 0
        table = ["--label_map", json.dumps({str(stored): k for k, stored in enumerate(IDS)})]
        maps = ["--truth", mixed.data.masks, "--predictions", tmp_path / "out" / "labels", *table]
        outcome = run_hardpix("diagnose", *maps, "--out", again)
        assert outcome.code == 0, outcome.err
        found, expected = (json.loads((path / "summary.json").read_text()) for path in (report, again))
        assert found["inputs"]["count"] == len(SIZES)
        for key in ("scores", "class_scores", "class_kinds", "pairs", "size_scores", "confusion"):
            assert found[key] == expected[key], key

    def test_the_report_has_what_could_not_be_used(self, mixed: Mixed, tmp_path: Path) -> None:
        images = tmp_path / "images"
        shutil.copytree(mixed.data.images, images)
        (images / "four.png").write_bytes((images / "four.png").read_bytes()[:300])
        (images / "b/deep/three.png").unlink()  # its mask stays
        given = ["--images", images, "--masks", mixed.data.masks, "--report", tmp_path / "report"]
        ended = run_hardpix("test", "--run", mixed.run.path, *given)
        assert ended.code == 0
        assert "file without an image" in ended.out
        inputs = json.loads((tmp_path / "report" / "summary.json").read_text())["inputs"]
        assert (inputs["count"], inputs["images_left_out"]) == (len(SIZES) - 2, 1)
        assert (inputs["truth"], inputs["images"]) == (str(mixed.data.masks), str(images))
        assert [Path(problem["where"]).name for problem in inputs["unused"]] == ["three.png"]
        assert [Path(problem["where"]).name for problem in inputs["left_out"]] == ["four.png"]

    def test_scores_are_those_of_the_written_predictions(self, mixed: Mixed, tmp_path: Path) -> None:
        images = ["--run", mixed.run.path, "--images", mixed.data.images]
        assert run_hardpix("test", *images, "--masks", mixed.data.masks, "--out", tmp_path / "s.json").code == 0
        assert run_hardpix("predict", *images, "--out", tmp_path / "out").code == 0
        scores = json.loads((tmp_path / "s.json").read_text())
        guess, truth = (
            np.concatenate([read(folder / f"{stem}.png").ravel() for stem in SIZES])
            for folder in (tmp_path / "out" / "labels", mixed.data.masks)
        )
        by_class = sklearn.metrics.jaccard_score(truth, guess, labels=IDS, average=None, zero_division=0)
        assert list(scores["class_iou"].values()) == pytest.approx(by_class.tolist())
        assert scores["accuracy"] == pytest.approx((guess == truth).mean())

    def test_scores_of_other_images_do_not_pass_for_the_runs_own(self, mixed: Mixed, tmp_path: Path) -> None:
        others = ["--run", mixed.run.path, "--images", mixed.data.images, "--masks", mixed.data.masks]
        before = tree(mixed.run.path)
        outcome = run_hardpix("test", *others)
        assert outcome.code == 0, outcome.err
        assert "not written; --out FILE" in outcome.out
        assert tree(mixed.run.path) == before
        assert run_hardpix("test", *others, "--out", tmp_path / "s.json").code == 0
        assert json.loads((tmp_path / "s.json").read_text())["of"] == str(mixed.data.images)

    @pytest.mark.parametrize("folder", ["images", "masks"])
    def test_scores_are_not_written_among_the_data(self, folder: str, mixed: Mixed) -> None:
        inside = getattr(mixed.data, folder) / "s.json"
        outcome = run_hardpix("test", "--run", mixed.run.path, "--out", inside)
        assert outcome.code == 2
        assert "expected a folder outside of what is read" in outcome.err
        assert not inside.exists()

    def test_images_added_later_are_not_scored(self, data: Data, tmp_path: Path) -> None:
        for name in ("images", "masks"):
            shutil.copytree(getattr(data, name), tmp_path / name)
        grown = Data(tmp_path / "images", tmp_path / "masks")
        run = tmp_path / "run"
        assert run_hardpix("fit", *grown.arguments, *TINY, "--run", run, "--trainer.max_epochs", 1).code == 0
        held_out = yaml.safe_load(Run(run).split.read_text())["val"]["stems"]
        for k in range(12, 40):
            write_pair(grown.images, grown.masks, f"frame_{k:03d}", np.random.default_rng(k), (0, 7, 200))
        assert list(Run(run, trusted=True).validation_set().stems) == held_out
        assert run_hardpix("test", "--run", run).code == 0
        assert json.loads((run / "scores.json").read_text())["images"] == len(held_out)

    def test_from_another_directory(self, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(data.images.parent)
        given = ["--data.images", data.images.name, "--data.masks", data.masks.name]
        run = tmp_path / "run"
        assert run_hardpix("fit", *given, *TINY, "--run", run, "--trainer.max_epochs", 1).code == 0
        monkeypatch.chdir(tmp_path)
        assert run_hardpix("test", "--run", run).code == 0

    def test_a_held_out_file_that_broke_since_is_named(self, data: Data, tmp_path: Path) -> None:
        for name in ("images", "masks"):
            shutil.copytree(getattr(data, name), tmp_path / name)
        own = Data(tmp_path / "images", tmp_path / "masks")
        run = tmp_path / "run"
        assert run_hardpix("fit", *own.arguments, *TINY, "--run", run, "--trainer.max_epochs", 1).code == 0
        broken = own.masks / f"{Run(run).read_split()['val']['stems'][1]}.png"
        broken.write_bytes(broken.read_bytes()[:60])
        outcome = run_hardpix("test", "--run", run)
        assert outcome.code == 2
        assert str(broken) in outcome.err
        assert "Traceback" not in outcome.err
        assert not (run / "scores.json").exists()

    def test_a_file_that_is_there_is_not_overwritten(self, tiny_run: Run, tmp_path: Path) -> None:
        (tmp_path / "mine.json").write_text("precious")
        outcome = run_hardpix("test", "--run", tiny_run.path, "--out", tmp_path / "mine.json")
        assert outcome.code == 2
        assert (tmp_path / "mine.json").read_text() == "precious"

    def test_files_named_otherwise_than_in_training(self, mixed: Mixed, tmp_path: Path) -> None:
        for folder, ending in ((mixed.data.images, "_rgb"), (mixed.data.masks, "_ids")):
            for stem in SIZES:
                file = tmp_path / folder.name / f"{stem}{ending}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(folder / f"{stem}.png", file)
        renamed = ["--run", mixed.run.path, "--images", tmp_path / "images", "--image_suffix", "_rgb"]
        masks = ["--masks", tmp_path / "masks", "--mask_suffix", "_ids"]
        assert run_hardpix("test", *renamed, *masks, "--out", tmp_path / "s.json").code == 0
        assert json.loads((tmp_path / "s.json").read_text())["images"] == len(SIZES)
        assert run_hardpix("predict", *renamed, "--out", tmp_path / "p").code == 0
        assert (tmp_path / "p" / "labels" / "four.png").is_file()
        assert run_hardpix("mine", *renamed, *masks, "--out", tmp_path / "m").code == 0
        assert (tmp_path / "m" / "hardness" / "four.png").is_file()

    def test_scores_go_into_a_folder_that_is_made(self, tiny_run: Run, tmp_path: Path) -> None:
        out = tmp_path / "new" / "folder" / "scores.json"
        assert run_hardpix("test", "--run", tiny_run.path, "--out", out).code == 0
        assert json.loads(out.read_text())["images"] > 0

    def test_scores_below_a_file_are_refused_before_the_work(self, tiny_run: Run, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("mine")
        outcome = run_hardpix("test", "--run", tiny_run.path, "--out", tmp_path / "file" / "scores.json")
        assert outcome.code == 2
        assert "mIoU" not in outcome.out
        assert (tmp_path / "file").read_text() == "mine"

    @pytest.mark.parametrize("content", [b"hello, world", b"classes:\n- name: road\n", b".", b"u"])
    def test_a_checkpoint_that_is_none_is_named(self, content: bytes, tiny_run: Run, tmp_path: Path) -> None:
        """Read as a pickle, each of them fails in its own way."""
        (tmp_path / "some.ckpt").write_bytes(content)
        outcome = run_hardpix("test", "--run", tiny_run.path, "--checkpoint", tmp_path / "some.ckpt")
        assert outcome.code == 2
        assert "found a file that cannot be read" in outcome.err

    @pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
    def test_a_broken_checkpoint_is_named(self, share: float, tiny_run: Run, tmp_path: Path) -> None:
        file, content = tmp_path / "some.ckpt", tiny_run.checkpoint("best").read_bytes()
        file.write_bytes(content[: round(share * len(content))])
        outcome = run_hardpix("test", "--run", tiny_run.path, "--checkpoint", file, "--out", tmp_path / "s.json")
        assert outcome.code == 2
        assert "found a file that cannot be read" in outcome.err
        assert str(file) in outcome.err

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            ({"weight": torch.zeros(3)}, "found another kind of file"),
            (
                {"state_dict": {"weight": torch.zeros(3)}, "epoch": 1},
                "expected the weights of the network",
            ),
        ],
    )
    def test_a_checkpoint_of_something_else_is_named(
        self, content: dict, said: str, tiny_run: Run, tmp_path: Path
    ) -> None:
        torch.save(content, tmp_path / "other.ckpt")
        run = ["--run", tiny_run.path, "--checkpoint", tmp_path / "other.ckpt"]
        outcome = run_hardpix("test", *run, "--out", tmp_path / "s.json")
        assert outcome.code == 2
        assert said in outcome.err
        assert "other.ckpt" in outcome.err

    def test_images_without_masks_are_refused(self, tiny_run: Run, data: Data) -> None:
        outcome = run_hardpix("test", "--run", tiny_run.path, "--images", data.images)
        assert outcome.code == 2
        assert "--images and --masks go together" in outcome.err
