"""Images without labels beside the labeled ones: which images, how often, in which processes."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from hardpix.commands.fit_settings import build_parser
from hardpix.data.labeled_part import labeled_part
from hardpix.data.sampling import EndlessSampler
from hardpix.training.augmentation import Augmentation
from hardpix.training.data_module import SegmentationData
from hardpix.training.run import Run
from hardpix.training.streams import Stream
from runs import OWN_CODE, TINY, Data, run_hardpix, weights

PLAIN = "hardpix.objectives.WeightedCrossEntropy"


def diary(folder: Path) -> list[str]:
    folder.mkdir(exist_ok=True)
    return [
        "--model.recipe",
        "my_recipes.Diary",
        "--model.recipe.objective",
        PLAIN,
        "--model.recipe.folder",
        str(folder),
    ]


def pages(folder: Path, rank: int = 0) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{rank}.jsonl").read_text().splitlines()]


def stems(entries: list[dict[str, Any]], stream: str) -> list[str]:
    return [stem for page in entries for stem in page[stream][0]]


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """Five images without masks."""
    folder = tmp_path / "others"
    folder.mkdir()
    rng = np.random.default_rng(3)
    for k in range(5):
        Image.fromarray(rng.integers(0, 255, (40, 56, 3), np.uint8)).save(folder / f"extra_{k}.png")
    return folder


class TestLabeledPart:
    STEMS = ("b/x_9", "b/x_10", "b/x_11", "a_1", "a_2", "a_3", "a_4")

    def test_every_second_of_each_sequence_in_the_order_of_the_numbers(self) -> None:
        labeled, rest = labeled_part(self.STEMS, every=2)
        assert labeled == ("b/x_9", "b/x_11", "a_1", "a_3")
        assert rest == ("b/x_10", "a_2", "a_4")

    def test_numbers_at_the_end_of_folders_and_endings_make_no_sequences(self) -> None:
        names = ["seq1/001_left", "seq1/002_left", "seq2/001_left", "seq2/002_left"]
        assert labeled_part(names, every=2)[0] == ("seq1/001_left", "seq2/001_left")
        assert labeled_part(["one/red", "one/blue", "two/red"], every=2)[1] == ("one/red",)

    def test_a_pattern_or_a_file_of_stems(self, tmp_path: Path) -> None:
        (tmp_path / "labeled.txt").write_text("a_2\n\nb/x_9\n")
        assert labeled_part(self.STEMS, "b/*")[0] == ("b/x_9", "b/x_10", "b/x_11")
        assert labeled_part(self.STEMS, str(tmp_path / "labeled.txt"))[0] == ("b/x_9", "a_2")

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            ({"chosen": "c*"}, 'found none of them by labeled_stems "c*"'),
            ({"chosen": "*"}, "found all 7 of them"),
            ({"every": 1}, "expected labeled_every ≥ 2, found 1"),
            ({"every": 2, "chosen": "a*"}, "found both or neither"),
        ],
    )
    def test_nothing_labeled_and_everything_labeled_are_errors(self, settings: dict[str, Any], said: str) -> None:
        with pytest.raises(ValueError) as error:
            labeled_part(self.STEMS, **settings)
        assert said in str(error.value)

    def test_listed_stems_that_are_none_are_named(self, tmp_path: Path) -> None:
        (tmp_path / "labeled.txt").write_text("a_2\na_2.png\nz\n")
        with pytest.raises(ValueError, match=r"found 2 that are none: a_2.png, z; write paths .* such as b/x_9"):
            labeled_part(self.STEMS, str(tmp_path / "labeled.txt"))


class TestEndlessSampler:
    @pytest.mark.parametrize(("size", "length", "processes"), [(7, 3, 1), (7, 4, 2), (2, 9, 2), (5, 5, 3)])
    def test_processes_and_epochs_share_out_shuffled_passes(self, size: int, length: int, processes: int) -> None:
        samplers = [EndlessSampler(range(size), length, num_replicas=processes, rank=r) for r in range(processes)]
        seen: list[tuple[int, int]] = []
        for epoch in range(6):
            for sampler in samplers:
                sampler.set_epoch(epoch)
            parts = [list(sampler) for sampler in samplers]
            assert [len(part) for part in parts] == [len(sampler) for sampler in samplers] == [length] * processes
            seen += [place for step in zip(*parts, strict=True) for place in step]
        assert len(set(seen)) == len(seen)
        assert [number for _, number in seen] == [k // size for k in range(len(seen))]
        counts = Counter(index for index, _ in seen[: len(seen) // size * size])
        assert set(counts.values()) == {len(seen) // size}

    def test_passes_differ_and_the_seed_decides(self) -> None:
        orders = [tuple(index for index, _ in EndlessSampler(range(50), 50, seed=seed)) for seed in (0, 0, 1)]
        assert orders[0] == orders[1] != orders[2]
        two = [index for index, _ in EndlessSampler(range(50), 100)]
        assert two[:50] != two[50:]


def test_an_epoch_is_one_pass_over_the_labeled_images_and_the_other_stream_goes_on(
    data: Data, others: Path, tmp_path: Path
) -> None:
    """10 labeled images in batches of 4: 2 steps an epoch. 5 others in batches of 3: 18 in three epochs."""
    streams = f"{{unlabeled: {{images: {others}, batch_size: 3}}}}"
    given = [*diary(tmp_path / "diary"), "--data.streams", streams, "--trainer.max_epochs", 3]
    outcome = run_hardpix("fit", *data.arguments, *TINY, *given, "--run", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    seen = pages(tmp_path / "diary")
    assert len(seen) == 6
    for epoch in range(3):
        labeled = stems(seen[2 * epoch : 2 * epoch + 2], "labeled")
        assert len(set(labeled)) == len(labeled) == 8
    unlabeled = stems(seen, "unlabeled")
    assert len(unlabeled) == 18
    for start in range(0, 15, 5):
        assert sorted(unlabeled[start : start + 5]) == [f"extra_{k}" for k in range(5)]
    assert weights(Run(tmp_path / "run"))["recipe.teacher.updates"] == 6


def test_what_is_not_labeled_of_the_training_images_is_the_stream(data: Data, tmp_path: Path) -> None:
    """Masks of the others are not looked at: there need be none."""
    masks = tmp_path / "masks"
    masks.mkdir()
    for k in (0, 2, 4, 9, 10, 11):
        (masks / f"frame_{k:03d}.png").write_bytes((data.masks / f"frame_{k:03d}.png").read_bytes())
    given = ["--data.images", data.images, "--data.masks", masks, "--data.val_stems", "frame_009"]
    (tmp_path / "labeled.txt").write_text("frame_000\nframe_002\nframe_004\nframe_010\nframe_011\n")
    given += ["--data.labeled_stems", tmp_path / "labeled.txt", *diary(tmp_path / "diary"), "--data.batch_size", 2]
    outcome = run_hardpix("fit", *TINY, *given, "--run", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert "Labeled: 5 of the 11 training images; the other 6 count as unlabeled." in outcome.out
    split = yaml.safe_load((tmp_path / "run" / "split.yaml").read_text())
    rest = [f"frame_{k:03d}" for k in (1, 3, 5, 6, 7, 8)]
    assert split["unlabeled"]["stems"] == rest
    assert split["unlabeled"]["masks"] is None
    assert split["val"]["stems"] == ["frame_009"]
    seen = pages(tmp_path / "diary")
    assert set(stems(seen, "labeled")) <= {"frame_000", "frame_002", "frame_004", "frame_010", "frame_011"}
    assert set(stems(seen, "unlabeled")) == set(rest)
    # Two batches of 2 an epoch, and two epochs: 8 of an endless sequence over 6.
    assert len(stems(seen, "unlabeled")) == 8
    # The run can be tested and gone on with like any other.
    assert run_hardpix("fit", "--run", tmp_path / "run", "--resume", "--trainer.max_epochs", 3).code == 0
    assert run_hardpix("test", "--run", tmp_path / "run", "--pictures", "false").code == 0


def test_classes_are_counted_in_labeled_images_alone(data: Data) -> None:
    module = SegmentationData(str(data.images), str(data.masks), labeled_every=4, val_stems="frame_0[01]1", workers=0)
    assert module.train_set.stems == ("frame_000", "frame_005", "frame_009")  # type: ignore[attr-defined]
    counts = np.zeros(3, dtype=int)
    for stem in module.train_set.stems:  # type: ignore[attr-defined]
        with Image.open(data.masks / f"{stem}.png") as image:
            counts += [int((np.asarray(image) == k).sum()) for k in (0, 7, 200)]
    assert module.class_counts == counts.tolist()
    assert len(module.streams["unlabeled"]) == 7


def test_a_stream_has_crops_of_its_own_and_no_colors_changed(data: Data, others: Path) -> None:
    still = {"scale": (1.0, 1.0), "flip": 0.0}
    stream = Stream(str(others), crop_size=(40, 56), batch_size=2, **still)  # type: ignore[arg-type]
    module = SegmentationData(str(data.images), str(data.masks), streams={"unlabeled": stream}, workers=0)
    module.want(("labeled", "unlabeled"))
    batch = module.first_batches()["unlabeled"]
    with Image.open(others / "extra_0.png") as image:
        expected = torch.from_numpy(np.asarray(image) / 255).permute(2, 0, 1).float()
    mean, std = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(batch["image"][0] * std + mean, expected, atol=1e-5, rtol=0)
    assert "target" not in batch


def test_padding_of_a_stream_is_told_by_its_trust(data: Data, others: Path) -> None:
    stream = Stream(str(others), crop_size=(80, 112), scale=(1.0, 1.0), flip=0.0)
    module = SegmentationData(str(data.images), str(data.masks), streams={"unlabeled": stream}, workers=0)
    module.want(("unlabeled",))
    batch = module.first_batches()["unlabeled"]
    assert batch["target_weight"].sum() == 40 * 56
    inside = batch["target_weight"][0] > 0
    # Padding has the mean color, which is 0 once it is normalized, but for the rounding to bytes.
    assert batch["image"][0][:, ~inside].abs().max() < 0.02


def test_streams_draw_otherwise_than_labeled_images_do(data: Data, tmp_path: Path) -> None:
    """Not the same crop of the same image in the same epoch."""
    # Not the image to validate on, which may be in no stream.
    copies = Path(shutil.copytree(data.images, tmp_path / "copies", ignore=shutil.ignore_patterns("frame_011*")))
    still = Augmentation(photometric=False)
    settings = {"val_stems": "frame_011", "augment": still, "workers": 0, "crop_size": (32, 32)}
    module = SegmentationData(str(data.images), str(data.masks), streams={"unlabeled": Stream(str(copies))}, **settings)  # type: ignore[arg-type]
    module.want(("labeled", "unlabeled"))
    labeled, unlabeled = (module.first_batches()[name]["image"] for name in ("labeled", "unlabeled"))
    assert labeled.shape == unlabeled.shape
    assert not torch.equal(labeled, unlabeled)


class TestMessages:
    def fit(self, data: Data, run: Path, *given: object) -> Any:
        outcome = run_hardpix("fit", *data.arguments, *TINY, *given, "--run", run)
        assert "Traceback" not in outcome.err
        return outcome

    def test_a_stream_that_is_wanted_and_not_given(self, data: Data, tmp_path: Path) -> None:
        outcome = self.fit(data, tmp_path / "run", *diary(tmp_path / "diary"))
        assert outcome.code == 2
        said = " ".join(outcome.err.split())
        assert "expected images of the stream unlabeled, which the recipe wants, found none" in said
        assert "--data.streams '{unlabeled: {images: DIR}}'" in said
        assert not (tmp_path / "run").exists()

    def test_a_stream_that_is_given_and_not_wanted(self, data: Data, tmp_path: Path) -> None:
        """A baseline on the same labeled images: it trains, and says what it leaves."""
        outcome = self.fit(data, tmp_path / "run", "--data.labeled_every", 4)
        assert outcome.code == 0, outcome.err
        said = " ".join(outcome.out.split())
        assert "images of the stream unlabeled are not used: Supervised does not want them" in said

    def test_images_to_validate_on_are_in_no_stream(self, data: Data, tmp_path: Path) -> None:
        given = ["--data.streams", f"{{unlabeled: {{images: {data.images}}}}}", *diary(tmp_path / "diary")]
        outcome = self.fit(data, tmp_path / "run", *given, "--data.val_stems", "frame_00[34]")
        assert outcome.code == 2
        assert "image to train on and to validate on (2)" in outcome.err

    def test_what_is_wrong_with_both_kinds_of_images_comes_in_one_list(
        self, data: Data, others: Path, tmp_path: Path
    ) -> None:
        (others / "broken.png").write_bytes(b"no image")
        masks = tmp_path / "masks"
        masks.mkdir()
        for file in sorted(data.masks.iterdir())[1:]:
            (masks / file.name).write_bytes(file.read_bytes())
        given = ["--data.masks", masks, "--data.streams", f"{{unlabeled: {{images: {others}}}}}"]
        outcome = self.fit(data, tmp_path / "run", *diary(tmp_path / "diary"), *given)
        assert outcome.code == 2
        assert "2 problems in the data" in outcome.err
        assert "broken.png" in outcome.err
        assert "frame_000.png" in outcome.err

    def test_a_folder_and_a_choice_of_labeled_images_exclude_each_other(
        self, data: Data, others: Path, tmp_path: Path
    ) -> None:
        given = ["--data.streams", f"{{unlabeled: {{images: {others}}}}}", "--data.labeled_every", 2]
        outcome = self.fit(data, tmp_path / "run", *given)
        assert outcome.code == 2
        assert (
            "leave --data.unlabeled and --data.streams.unlabeled.images out, or the choice of labeled ones"
            in outcome.err
        )


@pytest.mark.slow
def test_two_processes_share_each_stream_and_end_the_same_steps(data: Data, others: Path, tmp_path: Path) -> None:
    """9 labeled images, 10 with the one that is repeated, and 5 others, in two processes that add up two batches."""
    streams = f"{{unlabeled: {{images: {others}}}}}"
    given = [*diary(tmp_path / "diary"), "--data.streams", streams, "--trainer.accumulate_grad_batches", "2"]
    given += ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.batch_size", "1"]
    command = [sys.executable, "-m", "hardpix", "fit", *data.arguments, *TINY, *given, "--run", str(tmp_path / "run")]
    command += ["--data.val_stems", "frame_00[345]", "--trainer.max_epochs", "1"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(OWN_CODE), *sys.path]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    # Before they have found each other, both look at a step of one image.
    both = [pages(tmp_path / "diary", rank)[-5:] for rank in (0, 1)]
    assert len(pages(tmp_path / "diary", 1)) == 5
    labeled = [stems(seen, "labeled") for seen in both]
    assert len({*labeled[0], *labeled[1]}) == 9
    unlabeled = [stem for pair in zip(*(stems(seen, "unlabeled") for seen in both), strict=True) for stem in pair]
    assert sorted(unlabeled[:5]) == sorted(unlabeled[5:]) == [f"extra_{k}" for k in range(5)]
    # 5 batches added up by twos: 3 steps of the optimizer.
    assert weights(Run(tmp_path / "run"))["recipe.teacher.updates"] == 3


PAGE = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(command, comments=True)
    for block in re.findall(r"```console\n(.*?)```", PAGE, flags=re.DOTALL)
    for command in block.replace("\\\n", " ").strip().splitlines()
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[2:4]))
def test_commands_of_the_page_have_settings_that_there_are(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    assert command[:2] == ["hardpix", "fit"]
    parser = build_parser()
    parser.parse_args(command[2:])
    assert not parser.unknown_keys


def test_the_first_command_of_the_page_trains(data: Data, others: Path, tmp_path: Path) -> None:
    places = {"images": str(data.images), "masks": str(data.masks)}
    given = [places.get(word, word.replace("more_images", str(others))) for word in COMMANDS[0][2:]]
    outcome = run_hardpix("fit", *given, *TINY, "--run", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert "eval mode" not in outcome.err
    state = weights(Run(tmp_path / "run"))
    # 10 images are trained on in batches of 4: two steps in each of two epochs.
    assert state["recipe.teacher._extra_state"] == 4
