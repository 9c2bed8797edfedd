"""Errors of a user: one message that says what to do, exit code 2, before anything is written."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.training.run import Run
from runs import TINY, Data, Outcome, run_hardpix, tree

OBJECTIVE = ("--model.objective", "WeightedCrossEntropy", "--model.objective.signal")


@pytest.fixture
def own(data: Data, tmp_path: Path) -> Data:
    """A copy of the data, to break."""
    shutil.copytree(data.images, tmp_path / "images")
    shutil.copytree(data.masks, tmp_path / "masks")
    return Data(tmp_path / "images", tmp_path / "masks")


def refused(own: Data, *arguments: object, tiny: bool = True) -> Outcome:
    """Fits, and holds what every refusal has in common."""
    run = own.images.parent / "run"
    before = tree(own.images.parent)
    outcome = run_hardpix("fit", *own.arguments, *(TINY if tiny else ()), "--run", run, *arguments)
    assert outcome.code == 2
    assert "Traceback" not in outcome.err
    assert outcome.err.strip().startswith("hardpix fit: ")
    assert len(outcome.err) < 4000
    assert tree(own.images.parent) == before
    assert not run.exists()
    assert "epoch 1" not in outcome.out
    return outcome


def test_all_that_is_wrong_with_the_files_is_in_one_list(own: Data) -> None:
    (own.masks / "frame_000.png").unlink()
    Image.fromarray(np.zeros((10, 20), dtype=np.uint8)).save(own.masks / "frame_001.png")
    (own.images / "frame_002.png").write_bytes((own.images / "frame_002.png").read_bytes()[:200])
    (own.masks / "frame_003.png").write_text("no picture")
    stray = np.zeros((48, 64), dtype=np.uint8)
    stray[:2, :2] = 99
    Image.fromarray(stray).save(own.masks / "frame_004.png")
    table = own.images.parent / "classes.yaml"
    table.write_text("classes:\n" + "".join(f"- {{name: c{k}, id: {k}}}\n" for k in (0, 7, 200)))
    said = refused(own, "--data.classes", table).err
    assert "5 problems in the data" in said
    for k, found in enumerate(["expected a mask", "found 10×20", "frame_002.png", "frame_003.png", "99 (4 pixels)"]):
        line = next(line for line in said.splitlines() if f"frame_00{k}.png" in line)
        assert found in line
    assert said.count("what to do") == 4
    for name in ("frame_005", "frame_011"):
        assert name not in said


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (["--model.decoder", "null"], ["the decoder of Tiny is not known", "--model.decoder"]),
        (
            ["--model.network.outputs", "5"],
            ["expected a network of 3 output channels", "c0, c7, c200", "found 5 of Tiny"],
        ),
    ],
)
def test_files_and_network_that_are_wrong_are_in_one_list(network: list[str], said: list[str], own: Data) -> None:
    (own.masks / "frame_000.png").unlink()
    table = own.images.parent / "classes.yaml"
    table.write_text("classes:\n" + "".join(f"- {{name: c{k}, id: {k}}}\n" for k in (0, 7, 200)))
    outcome = refused(own, "--data.classes", table, *network)
    assert "1 problem in the data" in outcome.err
    assert all(part in outcome.err for part in ["frame_000.png", *said])


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ("[ground, thing]", ["class list that contradicts the masks", "found ids 0, 7, 200; never: thing"]),
        ("nowhere.yaml", ["expected a YAML file of the class table", "found none at nowhere.yaml"]),
    ],
)
def test_class_lists_that_do_not_fit(classes: str, said: list[str], own: Data) -> None:
    outcome = refused(own, "--data.classes", classes)
    assert all(part in outcome.err for part in said)


def test_one_class_alone(own: Data) -> None:
    for file in own.masks.iterdir():
        Image.fromarray(np.zeros((48, 64), dtype=np.uint8)).save(file)
    said = refused(own).err
    assert "expected at least two classes, found class 0 alone (ids 0)" in said


def test_nothing_labelled_in_what_is_held_out(own: Data) -> None:
    for k in (10, 11):
        Image.fromarray(np.full((48, 64), 255, dtype=np.uint8)).save(own.masks / f"frame_{k:03d}.png")
    said = refused(own, "--data.val_stems", "frame_01?").err
    assert "expected labels of the images to validate on, found none" in said


def test_folder_without_images(own: Data) -> None:
    for file in own.images.iterdir():
        file.unlink()
    assert "folder without images" in refused(own).err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data.images", "nowhere"], "nowhere: expected a folder, found nothing"),
        (["--data.val_images", "x"], "--data.val_images and --data.val_masks go together"),
        (["--data.val_share", "1.5"], "expected a share to hold out between 0 and 1"),
        (["--data.val_stems", "seq_*"], 'found "seq_*", which matches none'),
        (["--data.resolution", "0"], "expected resolution > 0"),
        (["--data.batch_size", "0"], "expected batch_size ≥ 1 and workers ≥ 0, found 0 and 0"),
        (["--data.divisor", "0"], "and divisor ≥ 1, found 1.0 and 0"),
        (["--data.preset", "camvid", "--data.root", "x"], "preset goes without --data.images, --data.masks"),
        (["--data.root", "x"], "images goes without --data.root"),
        (["--data.train_set", "my_networks.Nameless"], "train_set goes without --data.images, --data.masks"),
        (["--trainer.max_epochs", "-1"], "learning rate"),
        (["--model.warmup", "2"], "expected warmup as a share"),
    ],
)
def test_settings_that_contradict_the_data_or_themselves(arguments: list[str], said: str, own: Data) -> None:
    assert said in refused(own, *arguments).err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data.preset", "camvid"], "preset goes with root"),
        (["--data.preset", "camvid", "--data.root", "x", "--data.mask_suffix", "_a"], "without --data.mask_suffix"),
        (["--data.train_set", "my_networks.Nameless"], "train_set and val_set go together"),
        (
            ["--data.train_set", "my_networks.Nameless", "--data.val_set", "my_networks.Nameless"],
            "found none in Nameless",
        ),
    ],
)
def test_settings_that_leave_open_what_the_data_are(arguments: list[str], said: str) -> None:
    outcome = run_hardpix("fit", *arguments)
    assert outcome.code == 2
    assert said in outcome.err


@pytest.mark.parametrize("images", [1, 2])
def test_one_image_a_step_for_a_network_that_needs_more(images: int, own: Data) -> None:
    pooling = ["--model.network", "my_networks.Pooling", "--data.batch_size", images, "--data.workers", 0]
    decoder = ["--model.decoder", "decoder", "--data.crop_size", "[32,32]"]
    if images == 1:
        said = refused(own, *pooling, *decoder, tiny=False).err
        assert "Pooling cannot learn from one image at a time: Expected more than 1 value per channel" in said
        assert "give --data.batch_size 2 or more" in said
    else:
        run = ["--run", own.images.parent / "run", "--trainer.max_epochs", 1]
        assert run_hardpix("fit", *own.arguments, *pooling, *decoder, *run).code == 0


def test_nothing_to_train_on() -> None:
    outcome = run_hardpix("fit")
    assert outcome.code == 2
    assert "give --data.images and --data.masks" in outcome.err


@pytest.mark.parametrize(
    ("network", "found", "name"),
    [
        (["my_networks.Tiny", "--model.network.outputs", "5"], 5, "Tiny"),
        (["segmentation_models_pytorch.FPN", "--model.network.classes", "4"], 4, "FPN"),
        (["torchvision.models.segmentation.lraspp_mobilenet_v3_large"], 21, "LRASPP"),
    ],
)
def test_network_with_other_channels_than_classes(network: list[str], found: int, name: str, own: Data) -> None:
    kind, *settings = network
    if name != "Tiny":
        parameter = {"FPN": "encoder_weights", "LRASPP": "weights_backbone"}[name]
        settings += [f"--model.network.{parameter}", "null"]
    decoder = ["--model.decoder", "decoder" if name == "Tiny" else "null"]
    said = refused(own, "--data.workers", 0, *decoder, "--model.network", kind, *settings, tiny=False).err
    assert "expected a network of 3 output channels" in said
    assert f"found {found} of {name}" in said
    assert "class 0, class 7, class 200" in said


def test_network_whose_decoder_is_not_known(own: Data) -> None:
    said = refused(own, "--model.decoder", "null").err
    assert "the decoder of Tiny is not known" in said
    assert "'encoder' (Sequential), 'decoder' (Sequential)" in said
    assert "--model.decoder" in said


def test_network_that_takes_other_images(own: Data) -> None:
    said = refused(own, "--model.network", "my_networks.Picky").err
    assert "Picky cannot take a training image, 3 channels of 32×32" in said
    assert "--data.crop_size" in said
    assert "I want 224" in said


def test_weights_asked_for_without_a_folder_of_them(own: Data) -> None:
    said = refused(own, *OBJECTIVE, "hardpix.signals.Precomputed").err
    assert "--data.weights" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data.batchsize", "3"], ["unknown option --data.batchsize", "did you mean --data.batch_size"]),
        (["--data.images2", "x", "--seeed=3"], ["unknown option --data.images2;", "unknown option --seeed=3; did you"]),
        (["--data.batch_size", "eight"], ["data.batch_size: expected int, found eight"]),
        (["--data.crop_size", "3"], ["data.crop_size: expected tuple, found 3"]),
        (["--trainer.precision", "bf17"], ["trainer.precision: expected", "'bf16-mixed'", "found bf17"]),
        (["--config", "nowhere.yaml"], ["config: File does not exist", "nowhere.yaml"]),
        (["--model.network", "nowhere.Net"], ["model.network (nowhere.Net): No module named 'nowhere'"]),
        (
            ["--model.network", "torch.nn.Nope"],
            ["model.network (torch.nn.Nope): ", "has no attribute 'Nope'"],
        ),
        (
            [*OBJECTIVE, "hardpix.signals.HardnessLevel", "--model.objective.signal.alpa", "1"],
            ["model.objective.signal (hardpix.signals.HardnessLevel): unknown key alpa; there are alpha, floor, kind"],
        ),
        (
            [*OBJECTIVE, "hardpix.signals.HardnessLevel", "--model.objective.signal.floor", "-1"],
            ["expected floor > 0 (it bounds the weights' ratio by (1 + floor) / floor), found -1.0"],
        ),
        (
            [*OBJECTIVE, "hardpix.signals.HardnessLevel", "--model.objective.signal.floor", "0.5"],
            ["expected no alpha or floor in the graded form, which has neither, found floor=0.5", "form='published'"],
        ),
        (
            [*OBJECTIVE, "hardpix.signals.HardnessLevel", "--model.objective.signal.kind", "heavy"],
            ["model.objective.signal.kind (hardpix.signals.HardnessLevel)", "one of ['copy', 'light'], found heavy"],
        ),
    ],
)
def test_settings_that_do_not_exist_or_have_another_type(arguments: list[str], said: list[str], own: Data) -> None:
    outcome = refused(own, *arguments)
    assert all(part in outcome.err for part in said), outcome.err
    assert "Union" not in outcome.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("data:\n  batchsize: 3\n", "write data.batch_size instead of data.batchsize"),
        ("colour: blue\n", "remove colour; hardpix fit --help lists all settings"),
        ("dta:\n  batch_size: 3\n", "dta"),
        ("data: [\n", "did not find expected node content"),
        ("data.batchsize: 3\n", "write data.batch_size instead of data.batchsize"),
        ("1: 3\n", "remove 1; hardpix fit --help lists all settings"),
        ("data: {2: 3}\n", "found data.2\n"),
        (
            "model: {network: {class_path: my_networks.Tiny, init_args: {a.b: 3}}}\n",
            "found model.network.init_args.a.b\n",
        ),
    ],
)
def test_config_files_that_are_wrong(content: str, said: str, own: Data) -> None:
    file = own.images.parent / "own.yaml"
    file.write_text(content)
    refusal = refused(own, "--config", file).err
    assert said in refusal
    assert "and '" not in refusal


def test_a_module_of_the_users_that_is_not_done(own: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    (own.images.parent / "my_broken_networks.py").write_text("Net = undefined\n")
    monkeypatch.syspath_prepend(str(own.images.parent))
    # The compiled module is none of what must be left as it was.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    config = own.images.parent / "own.yaml"
    config.write_text("model: {network: {class_path: my_broken_networks.Net, init_args: {a: 3}}}\n")
    assert "name 'undefined' is not defined" in refused(own, "--config", config).err


UNKNOWN = """
data: {batchsize: 3, imagess: x}
sed: 3
model:
  objective:
    class_path: hardpix.objectives.WeightedCrossEntropy
    init_args: {signal: {class_path: hardpix.signals.HardnessLevel, init_args: {alpa: 1, floor: 0.2, form: published}}}
"""


@pytest.mark.parametrize(
    ("more", "also"),
    [
        ([], []),
        (["--data.batch_size", "eight"], ["data.batch_size: expected int, found eight"]),
        (["--data.masks", "nowhere"], ["folder that does not exist", "nowhere: expected a folder"]),
        (["--model.network.outputs", "5"], ["expected a network of 3 output channels", "found 5 of Tiny"]),
    ],
)
def test_all_unknown_keys_of_all_files_are_in_one_list_with_the_rest(
    more: list[str], also: list[str], own: Data
) -> None:
    for name, content in (("one.yaml", UNKNOWN), ("two.yaml", "trainer: {max_epoch: 3}\n")):
        (own.images.parent / name).write_text(content)
    files = [word for name in ("one.yaml", "two.yaml") for word in ("--config", own.images.parent / name)]
    said = refused(own, *files, *more).err
    assert "unknown key (5)" in said
    below = "model.objective.init_args.signal.init_args"
    for file, key, right in [
        ("one.yaml", "data.batchsize", "data.batch_size"),
        ("one.yaml", "data.imagess", "data.images"),
        ("one.yaml", "sed", "seed"),
        ("one.yaml", f"{below}.alpa", f"{below}.alpha"),
        ("two.yaml", "trainer.max_epoch", "trainer.max_epochs"),
    ]:
        assert f"{file}: expected settings of hardpix fit, found {key}\n" in said
        assert f"write {right} instead of {key}\n" in said
    assert all(part in said for part in also)


def test_run_folder_that_is_taken(own: Data, tiny_run: Run) -> None:
    before = tree(tiny_run.path)
    outcome = run_hardpix("fit", *own.arguments, *TINY, "--run", tiny_run.path)
    assert outcome.code == 2
    assert "found an earlier run" in outcome.err
    assert "--resume" in outcome.err
    assert tree(tiny_run.path) == before


def test_run_folder_with_files_of_the_user(own: Data) -> None:
    mine = own.images.parent / "mine"
    mine.mkdir()
    (mine / "classes.yaml").write_text("precious")
    outcome = run_hardpix("fit", *own.arguments, *TINY, "--run", mine)
    assert outcome.code == 2
    assert "expected a new or empty folder as --run, found files" in outcome.err
    assert [file.name for file in mine.iterdir()] == ["classes.yaml"]
    assert (mine / "classes.yaml").read_text() == "precious"


@pytest.mark.parametrize("folder", ["images", "masks"])
def test_run_folder_inside_the_data(folder: str, own: Data) -> None:
    inside = getattr(own, folder) / "run"
    assert "expected a run folder outside of the data" in refused(own, "--run", inside).err
    assert not inside.exists()


@pytest.mark.parametrize("command", ["test", "predict", "mine"])
class TestRuns:
    def refused(self, command: str, data: Data, out: Path, *arguments: object) -> str:
        needed = [] if command == "test" else ["--images", data.images, "--out", out]
        outcome = run_hardpix(command, *needed, *arguments)
        assert outcome.code == 2
        assert outcome.err.startswith(f"hardpix {command}: ")
        assert "Traceback" not in outcome.err
        assert not out.exists()
        return outcome.err

    def test_missing_run(self, command: str, data: Data, tmp_path: Path) -> None:
        said = self.refused(command, data, tmp_path / "out", "--run", tmp_path / "nowhere")
        assert "expected the folder of a run, with config.yaml in it" in said

    @pytest.mark.parametrize("checkpoint", ["nowhere.ckpt", "bset"])
    def test_missing_checkpoint(self, checkpoint: str, command: str, data: Data, tiny_run: Run, tmp_path: Path) -> None:
        said = self.refused(command, data, tmp_path / "out", "--run", tiny_run.path, "--checkpoint", checkpoint)
        assert f"expected a checkpoint at {checkpoint}" in said
        assert "best.ckpt, last.ckpt" in said

    def test_no_run_named(self, command: str, data: Data, tmp_path: Path) -> None:
        assert "required: run" in self.refused(command, data, tmp_path / "out")

    def test_no_such_device(self, command: str, data: Data, tiny_run: Run, tmp_path: Path) -> None:
        said = self.refused(command, data, tmp_path / "out", "--run", tiny_run.path, "--device", "abacus")
        assert "expected a device such as cpu or cuda:0, found 'abacus'" in said

    @pytest.mark.parametrize(
        ("before", "now", "said"),
        [
            ("my_networks.Tiny", "my_lost_networks.Tiny", "No module named 'my_lost_networks'"),
            ("dropout: 0.0", "droppout: 0.0", "unknown key droppout; there are outputs"),
        ],
    )
    def test_a_network_that_cannot_be_found_again(
        self, before: str, now: str, said: str, command: str, data: Data, tiny_run: Run, tmp_path: Path
    ) -> None:
        shutil.copytree(tiny_run.path, tmp_path / "run")
        config = tmp_path / "run" / "config.yaml"
        config.write_text(config.read_text().replace(before, now))
        refusal = self.refused(command, data, tmp_path / "out", "--run", tmp_path / "run")
        assert "model.network (my_" in refusal
        assert said in refusal
        assert "where Python finds your own modules" in refusal
        assert "Union" not in refusal


@pytest.mark.parametrize("command", ["predict", "mine"])
def test_folder_without_a_single_usable_image(command: str, tiny_run: Run, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_text("no picture")
    outcome = run_hardpix(command, "--run", tiny_run.path, "--images", tmp_path / "images", "--out", tmp_path / "out")
    assert outcome.code == 2
    assert "a.png" in outcome.err
    assert not (tmp_path / "out").exists()


def test_errors_during_training_keep_their_traceback(own: Data, fit_tiny: Callable[..., Run]) -> None:
    run = own.images.parent / "run"
    with pytest.raises(ValueError, match="a mistake of my own"):
        run_hardpix(
            *("fit", *own.arguments, *TINY, "--run", run),
            *("--trainer.callbacks", "[{class_path: my_networks.Mistake}]"),
        )
