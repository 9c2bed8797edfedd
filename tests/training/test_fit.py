"""Trainings, and the files that they leave."""

import shlex
import shutil
from pathlib import Path

import my_networks
import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from hardpix.commands.fit_settings import build_parser
from hardpix.networks import LiteUNet
from hardpix.signals import HardnessLevel
from hardpix.training.data_module import SegmentationData
from hardpix.training.run import Run
from runs import TINY, Data, Fit, Outcome, column, rows, run_hardpix, weights


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert torch.equal(a[name], b[name]), name


class TestTwoFolders:
    """hardpix fit --data.images DIR --data.masks DIR and nothing else."""

    def test_classes_are_the_ids_of_the_masks(self, default_run: tuple[Run, Outcome]) -> None:
        folder, _ = default_run
        table = folder.read_classes()
        assert table.ids == ((0,), (7,), (200,))
        assert folder.load_task().num_classes == 3

    def test_network_and_objective_are_the_defaults(self, default_run: tuple[Run, Outcome]) -> None:
        task = default_run[0].load_task()
        assert isinstance(task.network.model, LiteUNet)
        assert any(isinstance(module, HardnessLevel) for module in task.recipe.modules())

    def test_blocks_of_file_names_are_held_out_and_the_screen_says_so(
        self, default_run: tuple[Run, Outcome], data: Data
    ) -> None:
        folder, outcome = default_run
        said = " ".join(outcome.out.split())
        assert "Validation: 2 of 12 images in 2 contiguous blocks" in said
        assert "frames of a video may leak there" in said
        split = yaml.safe_load(folder.split.read_text())
        train, val = split["train"]["stems"], split["val"]["stems"]
        assert len(val) == 2
        assert sorted(train + val) == sorted(file.stem for file in data.images.iterdir())
        assert all(stem in said for stem in val)

    def test_the_end_says_how_good_where_and_what_next(self, default_run: tuple[Run, Outcome]) -> None:
        folder, outcome = default_run
        best = max(column(folder, "val/miou"))
        assert f"best validation mIoU: {100 * best:.2f}" in outcome.out
        for command in ("test", "predict", "mine"):
            assert f"hardpix {command} --run {folder.path}" in outcome.out

    def test_what_is_said_is_not_wrapped(self, default_run: tuple[Run, Outcome]) -> None:
        # A search in a log, or a path copied out of it, needs lines as they were meant.
        assert any(
            line.startswith("Validation: ") and line.endswith("there.") for line in default_run[1].out.split("\n")
        )

    def test_nothing_else_is_said(self, default_run: tuple[Run, Outcome]) -> None:
        _, outcome = default_run
        for chatter in ("litlogger", "treespec", "workers", "log_every_n_steps", "GPU available", "not empty"):
            assert chatter not in outcome.out + outcome.err

    def test_run_folder_is_complete(self, default_run: tuple[Run, Outcome]) -> None:
        folder, _ = default_run
        assert {file.name for file in folder.path.iterdir()} == {
            "config.yaml",
            "classes.yaml",
            "split.yaml",
            "files.json",
            "checkpoints",
            "logs",
            "record.json",
        }
        assert {file.name for file in folder.checkpoints.iterdir()} == {"best.ckpt", "last.ckpt"}
        assert yaml.safe_load(folder.config.read_text())["data"]["val_share"] == 0.2

    def test_curves_are_in_csv_and_tensorboard_alike(self, default_run: tuple[Run, Outcome]) -> None:
        folder, _ = default_run
        miou = column(folder, "val/miou")
        assert len(miou) == 2
        events = EventAccumulator(str(folder.logs / "part_0"))
        events.Reload()
        assert [event.value for event in events.Scalars("val/miou")] == pytest.approx(miou)
        names = rows(folder)[-1].keys()
        assert {"val/border_miou", "val/accuracy", "val/loss", "val/iou/class 200", "lr-AdamW/branches"} <= names


def test_the_bar_ends_before_what_is_said_of_the_end(data: Data, tmp_path: Path) -> None:
    given = ["--run", tmp_path / "run", "--trainer.enable_progress_bar", "true"]
    outcome = run_hardpix("fit", *data.arguments, *TINY, *given)
    assert outcome.code == 0, outcome.err
    bars = [k for k, line in enumerate(outcome.out.splitlines()) if line.startswith("epoch 2/2 ") and "•" in line]
    said = [k for k, line in enumerate(outcome.out.splitlines()) if "everything of this run is in" in line]
    assert bars, outcome.out
    assert bars[-1] < said[0]


@pytest.mark.parametrize(
    "settings", [["--data.batch_size", 2], ["--trainer.accumulate_grad_batches", 2, "--trainer.limit_train_batches", 1]]
)
def test_the_loss_on_the_screen_is_the_mean_of_the_epoch(settings: list[object], data: Data, tmp_path: Path) -> None:
    every = ["--trainer.log_every_n_steps", 1]
    outcome = run_hardpix("fit", *data.arguments, *TINY, "--run", tmp_path / "run", *every, *settings)
    losses = [
        (float(row["epoch"]), float(row["train/loss"])) for row in rows(Run(tmp_path / "run")) if row["train/loss"]
    ]
    for epoch in (0, 1):
        mean = np.mean([loss for of, loss in losses if of == epoch])
        line = next(line for line in outcome.out.splitlines() if line.startswith(f"epoch {epoch + 1}/2"))
        assert float(line.split("loss ")[1].split(",")[0]) == pytest.approx(mean, abs=1e-4)


@pytest.mark.parametrize("settings", [["--trainer.fast_dev_run", "true"], ["--trainer.max_epochs", 0]])
def test_without_a_checkpoint_nothing_is_said_to_be_done_with_one(
    settings: list[object], data: Data, tmp_path: Path
) -> None:
    outcome = run_hardpix("fit", *data.arguments, *TINY, "--run", tmp_path / "run", *settings)
    assert outcome.code == 0, outcome.err
    assert "hardpix test" not in outcome.out
    assert "no validation was done" not in outcome.out


def test_a_few_batches_can_be_overfitted(data: Data, tmp_path: Path) -> None:
    """Lightning then puts samplers of its own in place of ours, which yield indices alone."""
    few = ["--trainer.overfit_batches", 1]
    outcome = run_hardpix("fit", *data.arguments, *TINY, "--run", tmp_path / "run", *few)
    assert outcome.code == 0, outcome.err
    assert "epoch 2/2" in outcome.out


def test_epochs_without_an_end_are_counted_without_one(data: Data, tmp_path: Path) -> None:
    steps = ["--trainer.max_epochs", -1, "--trainer.max_steps", 4]
    outcome = run_hardpix("fit", *data.arguments, *TINY, "--run", tmp_path / "run", *steps)
    assert outcome.code == 0, outcome.err
    assert [line.partition(":")[0] for line in outcome.out.splitlines() if line.startswith("epoch")] == [
        "epoch 1",
        "epoch 2",
    ]


def test_what_to_do_next_can_be_pasted_into_a_shell(data: Data, tmp_path: Path) -> None:
    run = tmp_path / "a run's folder"
    short = ["--trainer.max_epochs", 1, "--trainer.limit_val_batches", 0]
    outcome = run_hardpix("fit", *data.arguments, *TINY, "--run", run, *short)
    assert outcome.code == 0, outcome.err
    commands = [shlex.split(line) for line in outcome.out.splitlines() if line.startswith("  hardpix ")]
    assert [command[1] for command in commands] == ["test", "predict", "mine"]
    for command in commands:
        # There is no best where nothing was validated.
        assert command[2:6] == ["--run", str(run), "--checkpoint", "last"]
    assert run_hardpix(*commands[0][1:6]).code == 0


def test_a_stray_id_and_a_class_that_only_validation_has_are_said(data: Data, tmp_path: Path) -> None:
    for folder in (data.images, data.masks):
        shutil.copytree(folder, tmp_path / folder.name)
    for stem, stray in (("frame_004", 9), ("frame_011", 8)):
        mask = np.array(Image.open(tmp_path / "masks" / f"{stem}.png"))
        mask[0, 0] = stray
        Image.fromarray(mask).save(tmp_path / "masks" / f"{stem}.png")
    own = ["--data.images", tmp_path / "images", "--data.masks", tmp_path / "masks", "--data.val_stems", "frame_01?"]
    outcome = run_hardpix(
        *("fit", *own, *TINY, "--model.network.outputs", 5, "--trainer.max_epochs", 1, "--run", tmp_path / "run")
    )
    assert outcome.code == 0, outcome.err
    assert "class 9: in the mask of frame_004 alone; a stray id?" in outcome.out
    assert "class 8: in no training image" in outcome.out
    assert "class 7: in" not in outcome.out


def test_last_is_the_last_epoch_and_best_the_best(fit_tiny: Fit) -> None:
    # A rate at which the scores go up and down.
    signal = ["--model.objective.signal", "HardnessLevel", "--model.objective.signal.form", "published"]
    rate = ["--model.optimizer", "SGD", "--model.optimizer.lr", 2.0]
    folder = fit_tiny("--trainer.max_epochs", 6, "--model.objective", "WeightedCrossEntropy", *signal, *rate)
    miou = column(folder, "val/miou")
    steps = {name: torch.load(folder.checkpoint(name), weights_only=True)["global_step"] for name in ("best", "last")}
    per_epoch = 2
    assert steps["last"] == 6 * per_epoch
    assert steps["best"] == (miou.index(max(miou)) + 1) * per_epoch
    assert steps["best"] < steps["last"], "choose another learning rate: the last epoch was the best"


def test_same_seed_same_weights_whatever_the_number_of_workers(fit_tiny: Fit, tiny_run: Run) -> None:
    assert_same(weights(fit_tiny("--data.workers", 2)), weights(tiny_run))


def test_the_seed_decides_weights_order_and_augmentation(fit_tiny: Fit, tiny_run: Run, data: Data) -> None:
    settings = build_parser().parse_args(["--seed", "5", *data.arguments])
    assert settings.data.seed == 5
    images = [
        SegmentationData(str(data.images), str(data.masks), workers=0, seed=seed).first_batch()["image"]
        for seed in (0, 0, 5)
    ]
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])
    other = fit_tiny("--seed", 1)
    first = "recipe.network.model.encoder.0.weight"
    assert not torch.allclose(weights(other)[first], weights(tiny_run)[first], atol=0.02)


def test_groups_of_the_optimizer_have_their_own_learning_rates_and_one_schedule(fit_tiny: Fit) -> None:
    rates = ["--model.branch_learning_rate", 0.01, "--model.encoder_learning_rate", 1e-4]
    folder = fit_tiny(*rates, "--model.warmup", 0.25, "--model.power", 1.0, "--trainer.max_epochs", 4)
    saved = torch.load(folder.checkpoint("last"), weights_only=True)
    groups = {group["name"]: group for group in saved["optimizer_states"][0]["param_groups"]}
    assert [groups[name]["initial_lr"] for name in ("network", "encoder", "branches")] == [0.001, 1e-4, 0.01]
    branch = [name for name in saved["state_dict"] if ".branch." in name]
    assert len(groups["branches"]["params"]) == len(branch) > 0
    of_network = [name for name in saved["state_dict"] if ".network." in name]
    of_decoder = [name for name in of_network if ".decoder." in name]
    assert len(groups["network"]["params"]) == len(of_decoder) > 0
    assert len(groups["encoder"]["params"]) == len(of_network) - len(of_decoder) > 0
    # Eight steps, of which two rise; an epoch has two, and the rate at its start is written down.
    expected = [1 / 2, 1, 4 / 6, 2 / 6]
    assert column(folder, "lr-AdamW/network") == pytest.approx([0.001 * share for share in expected])
    assert column(folder, "lr-AdamW/encoder") == pytest.approx([1e-4 * share for share in expected])
    assert column(folder, "lr-AdamW/branches") == pytest.approx([0.01 * share for share in expected])


def test_accumulated_gradients_are_those_of_the_larger_batch(fit_tiny: Fit) -> None:
    plain = ["--model.objective", "WeightedCrossEntropy", "--model.optimizer", "SGD", "--model.optimizer.lr", 0.1]
    # The mean of two means is the mean of all only where both batches have as many labeled pixels.
    plain += ["--data.augment.scale", "[1,1]", "--trainer.max_epochs", 1, "--trainer.limit_train_batches"]
    together = fit_tiny(*plain, 1, "--data.batch_size", 8)
    one_by_one = fit_tiny(*plain, 2, "--data.batch_size", 4, "--trainer.accumulate_grad_batches", 2)
    for name, expected in weights(together).items():
        torch.testing.assert_close(weights(one_by_one)[name], expected)


def test_clipped_gradients_move_the_weights_by_rate_times_norm(fit_tiny: Fit) -> None:
    sgd = ["--model.optimizer", "SGD", "--model.optimizer.weight_decay", 0, "--model.warmup", 0]
    one_step = ["--trainer.max_epochs", 1, "--trainer.limit_train_batches", 1, "--trainer.gradient_clip_val", 0.01]
    still, moved = (weights(fit_tiny(*sgd, *one_step, "--model.optimizer.lr", rate)) for rate in (0.0, 5.0))
    distance = torch.cat([(moved[name] - still[name]).flatten() for name in still]).norm()
    assert distance.item() == pytest.approx(5.0 * 0.01, rel=1e-3)


def test_half_types_in_the_network_and_float32_in_the_loss(fit_tiny: Fit) -> None:
    my_networks.LossTypes.seen = []
    fit_tiny("--trainer.precision", "bf16-mixed", "--trainer.callbacks", "[{class_path: my_networks.LossTypes}]")
    assert len(my_networks.LossTypes.seen) == 4
    assert set(my_networks.LossTypes.seen) == {(torch.bfloat16, torch.float32)}


def test_channels_last_is_the_same_training_in_another_order_of_memory(fit_tiny: Fit) -> None:
    # Adam makes much of rounding where a gradient is nearly 0.
    sgd = ["--model.optimizer", "SGD", "--model.optimizer.lr", 0.1]
    plain, last = (weights(fit_tiny(*sgd, "--model.channels_last", choice)) for choice in ("false", "true"))
    for name, expected in plain.items():
        torch.testing.assert_close(last[name], expected, rtol=1e-3, atol=1e-5)
    kernel = "recipe.network.model.encoder.0.weight"
    assert not last[kernel].is_contiguous()
    assert last[kernel].is_contiguous(memory_format=torch.channels_last)


def test_another_logger_by_its_class(fit_tiny: Fit, tmp_path: Path) -> None:
    logger = f"{{class_path: CSVLogger, init_args: {{save_dir: {tmp_path}, name: mine}}}}"
    folder = fit_tiny("--trainer.logger", logger, "--trainer.max_epochs", 1)
    assert (tmp_path / "mine" / "version_0" / "metrics.csv").is_file()
    assert not folder.logs.exists()


def test_class_balance_counts_the_training_masks_and_no_others(fit_tiny: Fit, data: Data) -> None:
    objective = "{class_path: WeightedCrossEntropy, init_args: {signal: {class_path: hardpix.signals.ClassBalance}}}"
    folder = fit_tiny("--model.objective", objective, "--trainer.max_epochs", 1)
    counts = np.zeros(3)
    for stem in yaml.safe_load(folder.split.read_text())["train"]["stems"]:
        stored = np.asarray(Image.open(data.masks / f"{stem}.png"))
        counts += [(stored == k).sum() for k in (0, 7, 200)]
    expected = counts.sum() / 3 / counts
    np.testing.assert_allclose(weights(folder)["recipe.objective.signal.weights"], expected, rtol=1e-6)


def test_own_data_sets_need_no_files(fit_tiny: Fit, tmp_path: Path) -> None:
    settings = {
        "data": {
            "train_set": {"class_path": "my_networks.Squares", "init_args": {"length": 8}},
            "val_set": {"class_path": "my_networks.Squares", "init_args": {"length": 3}},
        }
    }
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump(settings))
    outcome = run_hardpix("fit", "--config", file, *TINY, "--model.network.outputs", 2, "--run", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    folder = Run(tmp_path / "run", trusted=True)
    assert folder.read_classes().names == ("ground", "square")
    assert len(folder.validation_set()) == 3
    outcome = run_hardpix("test", "--run", folder.path)
    assert outcome.code == 0, outcome.err


def test_data_folders_are_left_as_they_were(tiny_run: Run, data: Data) -> None:
    assert {file.name for folder in (data.images, data.masks) for file in folder.iterdir()} == {
        f"frame_{k:03d}.png" for k in range(12)
    }
