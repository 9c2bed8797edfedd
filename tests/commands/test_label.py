"""``hardpix label``: pseudo-labels in the user's ids, there and back; predict --refine; runs as teachers.

What labels and refined predictions are is held against what ``hardpix predict`` writes.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch.nn.functional import interpolate

from hardpix.commands.label import classes_with_unlabeled, label, stored, unlabeled_id
from hardpix.data import ClassTable
from hardpix.pixels import DatasetInfo
from hardpix.refiners import PAMR
from hardpix.training.class_scores import class_ious
from hardpix.training.data_module import SegmentationData
from hardpix.training.frozen_run import FrozenRun
from hardpix.training.run import Run
from runs import IDS, SIZES, TINY, Data, Mixed, read, run_hardpix, tree

THRESHOLD = 0.36


@pytest.fixture(scope="module")
def predicted(mixed: Mixed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("predicted") / "out"
    images = ["--run", mixed.run.path, "--images", mixed.data.images]
    outcome = run_hardpix("predict", *images, "--out", out, "--probabilities", "--confidence")
    assert outcome.code == 0, outcome.err
    return out


@pytest.fixture(scope="module")
def labeled(mixed: Mixed, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("labeled") / "out"
    images = ["--run", mixed.run.path, "--images", mixed.data.images]
    outcome = run_hardpix("label", *images, "--out", out, "--labeler.threshold", THRESHOLD)
    assert outcome.code == 0, outcome.err
    return out, outcome.out


def test_labels_are_the_confident_predictions(labeled: tuple[Path, str], predicted: Path, mixed: Mixed) -> None:
    """By what predict writes: its ids where its confidence reaches the threshold, and unlabeled elsewhere."""
    out, said = labeled
    counts = np.zeros((3, 2), dtype=int)
    for stem in SIZES:
        ids, trust = read(out / "masks" / f"{stem}.png"), read(out / "trust" / f"{stem}.png")
        assert ids.shape == SIZES[stem]
        confidence = read(predicted / "confidence" / f"{stem}.png") / 65535
        prediction = read(predicted / "labels" / f"{stem}.png")
        certain = np.abs(confidence - THRESHOLD) > 1e-4
        kept = confidence >= THRESHOLD
        np.testing.assert_array_equal(ids[certain], np.where(kept, prediction, 255)[certain])
        np.testing.assert_array_equal(trust, np.where(ids == 255, 0, 65535))
        assert trust.dtype == np.uint16 or trust.max() > 255
        for k, stored_id in enumerate(IDS):
            counts[k] += (ids == stored_id).sum(), (prediction == stored_id).sum()
    assert 0 < counts[:, 0].sum() < counts[:, 1].sum()
    share = 100 * counts[:, 0].sum() / counts[:, 1].sum()
    assert f"{share:.3g} % of the pixels labeled" in said
    ious = class_ious(mixed.run, "best")
    for k, (kept_count, all_count) in enumerate(counts):
        row = next(line for line in said.splitlines() if f"│ class {IDS[k]} " in line)
        # Three digits, and beside the shares how well the class is found at all.
        of_all, of_predicted, iou = re.findall(r"[\d.]+|–", row.split(f"class {IDS[k]}")[1])
        assert float(of_all) == pytest.approx(100 * kept_count / counts[:, 1].sum(), rel=0.006)
        if all_count:
            assert float(of_predicted) == pytest.approx(100 * kept_count / all_count, rel=0.006)
        expected = ious[f"class {IDS[k]}"]
        assert iou == "–" if expected is None else float(iou) == pytest.approx(100 * expected, rel=0.051)


def test_the_folder_is_trained_on_directly(labeled: tuple[Path, str], mixed: Mixed, tmp_path: Path) -> None:
    """The command that it prints; the ids come back as the run's classes, the trust as the weight."""
    out, said = labeled
    command = shlex.split(said.split("hardpix fit ")[1].splitlines()[0])
    outcome = run_hardpix("fit", *command, *TINY, "--trainer.max_epochs", 1, "--run", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    data = SegmentationData(
        str(mixed.data.images),
        str(out / "masks"),
        classes=str(out / "classes.yaml"),
        weights=str(out / "trust"),
        workers=0,
    )
    table = mixed.run.read_classes()
    assert data.class_names == list(table.names)
    seen = {}
    for samples in (data.train_set, data.val_set):
        seen |= {sample["stem"]: sample for sample in (samples[k] for k in range(len(samples)))}
    assert seen.keys() == SIZES.keys()
    for stem, sample in seen.items():
        ids = read(out / "masks" / f"{stem}.png")
        expected = np.select([ids == each for each in IDS], range(3), 255)
        np.testing.assert_array_equal(sample["target"], expected)
        if "weight" in sample:
            np.testing.assert_array_equal(sample["weight"], expected != 255)


def test_a_record_is_kept_and_nothing_else_is_touched(mixed: Mixed, labeled: tuple[Path, str]) -> None:
    record = json.loads((labeled[0] / "hardpix.json").read_text())
    assert (record["command"], record["labeler"]) == ("label", "ConfidenceThreshold")
    assert len(record["files"]) == 2 * len(SIZES) + 1
    before = tree(mixed.data.images.parent)
    images = ["--run", mixed.run.path, "--images", mixed.data.images]
    assert run_hardpix("label", *images, "--out", mixed.data.images / "labels").code == 2
    assert tree(mixed.data.images.parent) == before
    again = run_hardpix("label", *images, "--out", labeled[0])
    assert again.code == 2
    assert "--overwrite" in again.err


def test_share_and_nothing_labeled(mixed: Mixed, tmp_path: Path) -> None:
    images = ["--run", mixed.run.path, "--images", mixed.data.images]
    outcome = run_hardpix("label", *images, "--out", tmp_path / "out", "--labeler.threshold", 1)
    assert outcome.code == 0, outcome.err
    assert "0 % of the pixels labeled, 5 images without any label" in outcome.out
    assert "nothing to train on: lower the labeler's threshold" in outcome.out
    assert "hardpix fit" not in outcome.out
    settings = ["--labeler", "ConfidenceThreshold", "--labeler.mode", "share", "--labeler.threshold", THRESHOLD]
    outcome = run_hardpix("label", *images, "--out", tmp_path / "out", "--overwrite", *settings)
    assert outcome.code == 0, outcome.err
    assert "100 % of the pixels labeled, 0 images without any label" in outcome.out
    shares = [np.unique(read(tmp_path / "out" / "trust" / f"{stem}.png")) for stem in SIZES]
    assert all(len(share) == 1 for share in shares)
    assert len({share[0] for share in shares}) > 1


def own_image(path: Path) -> torch.Tensor:
    """The image's own colors: a refiner does not see normalization."""
    return torch.from_numpy(read(path)).permute(2, 0, 1)[None].float()


REFINER = ["--refine", "PAMR", "--refine.steps", 3, "--refine.dilations", "[1,2]"]


def test_predictions_are_refined_by_the_image(mixed: Mixed, predicted: Path, tmp_path: Path) -> None:
    """Probabilities refined at the image's own size, from those that predict writes without a refiner."""
    out = tmp_path / "out"
    images = ["--run", mixed.run.path, "--images", mixed.data.images, "--out", out]
    outcome = run_hardpix("predict", *images, *REFINER, "--probabilities", "--confidence")
    assert outcome.code == 0, outcome.err
    assert json.loads((out / "hardpix.json").read_text())["refine"] == "PAMR"
    changed = 0
    for stem in SIZES:
        before = torch.from_numpy(np.load(predicted / "probabilities" / f"{stem}.npy")).float()
        refined = PAMR((1, 2), 3)(before[None], own_image(mixed.data.images / f"{stem}.png"))[0]
        found = torch.from_numpy(np.load(out / "probabilities" / f"{stem}.npy")).float()
        torch.testing.assert_close(found, refined, rtol=0, atol=2e-3)
        assert (found - before).abs().max() > 1e-2
        ids = read(out / "labels" / f"{stem}.png")
        top = refined.topk(2, 0).values
        clear = (top[0] - top[1] > 4e-3).numpy()
        np.testing.assert_array_equal(ids[clear], np.array(IDS)[refined.argmax(0).numpy()][clear])
        confidence = torch.from_numpy(read(out / "confidence" / f"{stem}.png") / 65535)
        torch.testing.assert_close(confidence.float(), top[0], rtol=0, atol=2e-3)
        changed += (ids != read(predicted / "labels" / f"{stem}.png")).sum()
    assert changed


def test_labels_are_those_of_refined_predictions(mixed: Mixed, tmp_path: Path) -> None:
    images = ["--run", mixed.run.path, "--images", mixed.data.images]
    predict = run_hardpix("predict", *images, *REFINER, "--confidence", "--out", tmp_path / "predicted")
    outcome = run_hardpix("label", *images, *REFINER, "--labeler.threshold", THRESHOLD, "--out", tmp_path / "labeled")
    assert (predict.code, outcome.code) == (0, 0), predict.err + outcome.err
    for stem in SIZES:
        confidence = read(tmp_path / "predicted" / "confidence" / f"{stem}.png") / 65535
        expected = np.where(confidence >= THRESHOLD, read(tmp_path / "predicted" / "labels" / f"{stem}.png"), 255)
        certain = np.abs(confidence - THRESHOLD) > 1e-4
        np.testing.assert_array_equal(read(tmp_path / "labeled" / "masks" / f"{stem}.png")[certain], expected[certain])


def test_a_refiner_is_that_of_one_call(mixed: Mixed, tmp_path: Path) -> None:
    for name, refine in (("one", PAMR((1,), 2)), ("two", None), ("three", PAMR((1,), 2))):
        label(mixed.run.path, mixed.data.images, tmp_path / name, refine=refine, trust_run=True)
        assert ("refine" in json.loads((tmp_path / name / "hardpix.json").read_text())) == (refine is not None)


def test_at_another_resolution_images_refine_at_their_own_size(
    fit_tiny: Callable[..., Run], data: Data, tmp_path: Path
) -> None:
    run = fit_tiny("--data.resolution", 0.5, "--data.crop_size", "[16,16]")
    images = ["--run", run.path, "--images", data.images, "--probabilities"]
    for out, settings in (("plain", []), ("refined", REFINER)):
        outcome = run_hardpix("predict", *images, "--out", tmp_path / out, *settings)
        assert outcome.code == 0, outcome.err
    plain, refined = (np.load(tmp_path / out / "probabilities" / "frame_003.npy") for out in ("plain", "refined"))
    image = own_image(data.images / "frame_003.png")
    expected = PAMR((1, 2), 3)(torch.from_numpy(plain).float()[None], image)[0]
    torch.testing.assert_close(torch.from_numpy(refined).float(), expected, rtol=0, atol=2e-3)
    blurred = interpolate(interpolate(image, scale_factor=0.5, mode="bilinear"), scale_factor=2, mode="bilinear")
    other = PAMR((1, 2), 3)(torch.from_numpy(plain).float()[None], blurred)[0]
    assert (other - expected).abs().max() > 1e-2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["--refine", "NoSuch"], "NoSuch"),
        (["--refine", "PAMR", "--refine.steps", "-1"], "steps ≥ 0"),
        (["--labeler.threshold", "2"], "expected a threshold from 0 to 1, found 2"),
        (["--refine", "PAMR", "--labeler.refiner", "PAMR"], "found --refine and --labeler.refiner: give one of them"),
    ],
)
def test_unusable_settings_are_refused(settings: list[str], message: str, mixed: Mixed, tmp_path: Path) -> None:
    images = ["--run", mixed.run.path, "--images", mixed.data.images, "--out", tmp_path / "out"]
    outcome = run_hardpix("label", *images, *settings)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (tmp_path / "out").exists()


TABLES = {
    "255 by default": (ClassTable(["a", "b"], [4, 9]), 255),
    "their own": (ClassTable(["a", "b"], [4, 9], ignore_ids=[0, 255]), 0),
    "large ids": (ClassTable(["a", "b"], [4, 3000]), 255),
    "black and white": (ClassTable.from_threshold(128), 65535),
    "drawn in gray": (ClassTable.from_ids([0, 255]), 65535),
    "both taken": (ClassTable(["a", "b", "c"], [0, 255, 65535]), 1),
    "colors": (ClassTable.from_colors([(0, 0, 0), (255, 0, 0)]), 255),
    "merged": (ClassTable.from_label_map({7: 0, 8: 1, 9: 1, 11: "ignore"}), 11),
}


@pytest.mark.parametrize(("table", "expected"), TABLES.values(), ids=TABLES)
def test_every_class_table_reads_what_was_written(table: ClassTable, expected: int) -> None:
    assert unlabeled_id(table) == expected
    target = np.array([[*range(len(table)), 255]])
    ids = stored(target, target != 255, table, expected)
    np.testing.assert_array_equal(ids[0, :-1], [entry[0] for entry in table.ids])
    assert ids[0, -1] == expected
    written = classes_with_unlabeled(table, expected)
    again = ClassTable.from_dict(yaml.safe_load(yaml.safe_dump(written.to_dict())))
    assert again.names == table.names
    np.testing.assert_array_equal(again.indices(ids), target)
    if expected in table.ignore_ids:
        # So do the settings of the run itself.
        np.testing.assert_array_equal(table.indices(ids), target)


class TestFrozenRun:
    """Teachers out of run folders."""

    def test_it_says_what_predict_writes(self, mixed: Mixed, predicted: Path) -> None:
        transform = mixed.run.evaluation_transform()
        sample = transform(mixed.run.validation_set()[0])
        teacher = FrozenRun(mixed.run.path, trust=True).train()
        px = teacher({"image": sample["image"][None]})
        height, width = sample["content_size"]
        stem = sample["stem"]
        ids = np.array(IDS)[px.logits.argmax(1)[0, :height, :width].numpy()]
        np.testing.assert_array_equal(ids, read(predicted / "labels" / f"{stem}.png"))
        assert not px.logits.requires_grad

    def test_it_is_in_no_checkpoint_and_read_when_needed(self, mixed: Mixed) -> None:
        teacher = FrozenRun(mixed.run.path, trust=True)
        assert teacher.teacher is None
        teacher({"image": torch.zeros(1, 3, 32, 32)})
        assert teacher.teacher is not None
        assert list(teacher.parameters()) == []
        assert teacher.state_dict() == {}
        teacher.load_state_dict({})
        assert FrozenRun("no/such/run").state_dict() == {}
        with pytest.raises(FileNotFoundError, match="expected the folder of a run"):
            FrozenRun("no/such/run")({"image": torch.zeros(1, 3, 32, 32)})

    def test_other_classes_are_refused(self, mixed: Mixed) -> None:
        names = mixed.run.read_classes().names
        FrozenRun(mixed.run.path, trust=True).prepare(DatasetInfo(names, lambda: [1, 1, 1]))
        with pytest.raises(ValueError, match="expected a teacher of the student's 3 classes in their order"):
            FrozenRun(mixed.run.path, trust=True).prepare(DatasetInfo(names[::-1], lambda: [1, 1, 1]))


class TestOwnLabelers:
    """Labelers of a user's own."""

    def test_they_learn_of_the_training_set(self, mixed: Mixed, predicted: Path, tmp_path: Path) -> None:
        """Classes and counts by hand: the masks of the stems that the run was trained on."""
        images = ["--run", mixed.run.path, "--images", mixed.data.images, "--out", tmp_path / "out"]
        stems = mixed.run.read_split()["train"]["stems"]
        masks = [read(mixed.run.data_folders()[1] / f"{stem}.png") for stem in stems]
        counts = [sum(int((mask == stored_id).sum()) for mask in masks) for stored_id in IDS]
        for k in (0, 2):
            settings = ["--labeler", "my_prepared.NamedClass", "--labeler.keep", f"class {IDS[k]}"]
            outcome = run_hardpix("label", *images, "--overwrite", *settings)
            assert outcome.code == 0, outcome.err
            for stem in SIZES:
                kept = read(predicted / "labels" / f"{stem}.png") == IDS[k]
                np.testing.assert_array_equal(
                    read(tmp_path / "out" / "masks" / f"{stem}.png"), np.where(kept, IDS[k], 255)
                )
                trust = np.where(kept, counts[k] / sum(counts), 0)
                np.testing.assert_allclose(read(tmp_path / "out" / "trust" / f"{stem}.png") / 65535, trust, atol=1e-5)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            (["NamedClass", "--labeler.keep", "fence"], "expected one of class 0, class 7, class 3000 as keep"),
            (["Pair"], "expected PseudoLabels(target, weight) from Pair.forward(px), found tuple"),
            (["OneTooMany"], "from OneTooMany.forward(px), found ids from 3 to 3 in 100 % of the pixels"),
            (["WithChannel"], "from WithChannel.forward(px), found (1, 1, "),
        ],
    )
    def test_a_broken_contract_is_one_message_and_leaves_nothing(
        self, settings: list[str], message: str, mixed: Mixed, tmp_path: Path
    ) -> None:
        images = ["--run", mixed.run.path, "--images", mixed.data.images, "--out", tmp_path / "a" / "out"]
        outcome = run_hardpix("label", *images, "--labeler", f"my_prepared.{settings[0]}", *settings[1:])
        assert outcome.code == 2
        assert message in " ".join(outcome.err.split())
        assert not (tmp_path / "a").exists()

    def test_a_failure_in_the_middle_is_no_whole_folder(self, mixed: Mixed, tmp_path: Path) -> None:
        out = tmp_path / "out"
        images = ["--run", mixed.run.path, "--images", mixed.data.images, "--out", out]
        with pytest.raises(RuntimeError, match="a mistake of my own"):
            run_hardpix("label", *images, "--labeler", "my_prepared.FailsLater")
        assert json.loads((out / "hardpix.json").read_text())["finished"] is False
        first = next(iter(SIZES))
        assert {file.relative_to(out).as_posix() for file in out.rglob("*.png")} == {
            f"{kind}/{first}.png" for kind in ("masks", "trust")
        }
