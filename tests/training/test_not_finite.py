"""NaN and infinity stop a training, and no file holds them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from hardpix.commands.replay import replay
from hardpix.training.dump import read_dump
from hardpix.training.finite import StopWhereNotFinite, not_finite
from hardpix.training.run import Run
from runs import TINY, Data, Outcome, run_hardpix, tree

OWN = ("--data.train_set", "my_networks.BadSquares", "--data.val_set", "my_networks.Squares")
SIZES = ("--data.train_set.length", 8, "--data.val_set.length", 2, "--data.batch_size", 2)
TWO = ("--model.network.outputs", 2)
WEIGHTED = ("--model.objective", "WeightedCrossEntropy", "--model.objective.signal", "Precomputed")


def fit_squares(run: Path, *settings: object) -> Outcome:
    return run_hardpix("fit", *TINY, *OWN, *SIZES, *TWO, "--run", run, *settings)


def dump_of(outcome: Outcome) -> Path:
    found = re.search(r"hardpix replay (\S+\.pt)", outcome.err)
    assert found is not None, outcome.err
    return Path(found[1])


def assert_checkpoints_are_finite(run: Path) -> None:
    for file in (run / "checkpoints").glob("*.ckpt"):
        assert not_finite(torch.load(file, weights_only=True)["state_dict"]) == []


def test_a_rate_far_too_high(data: Data, tmp_path: Path) -> None:
    high = ("--model.optimizer", "SGD", "--model.optimizer.lr", 1e30, "--model.warmup", 0)
    outcome = run_hardpix("fit", *data.arguments, *TINY, *high, "--run", tmp_path / "run", "--trainer.max_epochs", 8)
    assert outcome.code == 2
    assert "Traceback" not in outcome.err
    assert "The training stops" in outcome.err
    assert_checkpoints_are_finite(tmp_path / "run")


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize("where", ["image", "weight"])
def test_one_bad_image_or_weight_is_named_and_replayed(where: str, value: str, tmp_path: Path) -> None:
    bad = ("--data.train_set.where", where, "--data.train_set.value", value)
    outcome = fit_squares(tmp_path / "run", *bad, *(WEIGHTED if where == "weight" else ()))
    assert outcome.code == 2
    wanted, of = {
        "image": ("a finite loss and gradient", r"found loss (nan|inf)"),
        "weight": (
            "finite maps ≥ 0 of the signals",
            r"found another \(expected a finite map of the signal 'precomputed'",
        ),
    }[where]
    assert re.search(rf"expected {wanted} in step \d \(epoch 1, batch \d\), {of}", " ".join(outcome.err.split()))
    assert "square_3" in outcome.err
    assert_checkpoints_are_finite(tmp_path / "run")

    file = dump_of(outcome)
    dump = read_dump(file)
    assert not_finite(dump["state_dict"]) == []
    found = replay(file, trust_run=True)
    assert "square_3" in found["images"]
    assert found["step"] == dump["step"]
    for name, loss in dump["losses"].items():
        assert found["losses"][name] == pytest.approx(loss, nan_ok=True)
    assert found["inputs"] == [where]
    assert found["weights"] == []
    # An image goes through the encoder first; weights of pixels only reach the loss.
    assert (found["module"] == "network.model.encoder.0 (Conv2d)") == (where == "image")


def test_the_state_of_the_dump_is_the_one_before_the_step(tmp_path: Path) -> None:
    """Also where the look comes one step late, as on a GPU, and with batch statistics and dropout."""
    found: dict[bool, dict] = {}

    for late in (False, True):
        run = tmp_path / str(late)
        late_callback = f"{{class_path: my_networks.Late, init_args: {{late: {str(late).lower()}}}}}"
        outcome = fit_squares(
            run,
            "--model.network.norm",
            "batch",
            "--model.network.dropout",
            0.3,
            "--trainer.callbacks",
            f"[{late_callback}]",
        )
        assert outcome.code == 2
        found[late] = read_dump(dump_of(outcome))
    assert found[True]["step"] == found[False]["step"]
    for name, value in found[False]["state_dict"].items():
        assert torch.equal(found[True]["state_dict"][name], value), name
    assert found[True]["losses"].keys() == found[False]["losses"].keys()


def test_weights_that_turn_bad_are_never_saved(data: Data, tmp_path: Path) -> None:
    run = tmp_path / "run"
    poison = "[{class_path: my_networks.PoisonWeights, init_args: {epoch: 1, batch: 1}}]"
    outcome = run_hardpix("fit", *data.arguments, *TINY, "--run", run, "--trainer.callbacks", poison)
    assert outcome.code == 2
    assert "expected finite weights in step 3 (epoch 2, batch 2)" in outcome.err
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 2
    assert_checkpoints_are_finite(run)


def test_a_bad_image_in_the_validation_is_named(tmp_path: Path) -> None:
    run = tmp_path / "run"
    own = ("--data.train_set", "my_networks.Squares", "--data.val_set", "my_networks.BadSquares")
    lengths = ("--data.train_set.length", 8, "--data.val_set.length", 5)
    outcome = run_hardpix("fit", *TINY, *own, *lengths, *TWO, "--run", run)
    assert outcome.code == 2
    assert "expected finite outputs of the network for the images of val" in outcome.err
    assert "square_3" in outcome.err
    assert "Traceback" not in outcome.err


class OneProcess:
    def broadcast(self, value: object) -> object:
        return value


class Scaled:
    """A precision plugin with a scaler."""

    scaler = object()


class TrainerOfOne:
    precision_plugin, strategy = Scaled(), OneProcess()
    global_step, current_epoch, estimated_stepping_batches, world_size, global_rank = 0, 0, 10, 1, 0
    precision, datamodule, sanity_checking, optimizers = "16-mixed", None, False, ()


class Module(nn.Linear):
    device = torch.device("cpu")
    losses: dict[str, Tensor]


def test_a_step_that_a_scaler_skips_is_no_fault_and_forty_one_in_a_row_are(tmp_path: Path) -> None:
    watch, module, trainer = StopWhereNotFinite(tmp_path, 0), Module(2, 1), TrainerOfOne()
    watch.on_fit_start(trainer, module)  # type: ignore[arg-type]

    def step(gradient: float) -> None:
        watch.on_train_batch_start(trainer, module, {"stem": ["a"]}, 0)  # type: ignore[arg-type]
        module.losses = {"loss": torch.tensor(1.0)}
        module.weight.grad = torch.full((1, 2), gradient)
        watch.on_after_backward(trainer, module)  # type: ignore[arg-type]

    for _ in range(3):
        for gradient in [torch.inf] * 40 + [1.0]:
            step(gradient)
    for _ in range(40):
        step(torch.inf)
    with pytest.raises(ValueError, match="a gradient that is not"):
        step(torch.inf)


class TestCommands:
    @pytest.fixture
    def bad(self, tiny_run: Run, tmp_path: Path) -> Run:
        """A run with a report and scores, whose best checkpoint then turned bad."""
        folder = Run(tmp_path / "run")
        shutil.copytree(tiny_run.path, folder.path)
        assert run_hardpix("test", "--run", folder.path).code == 0
        content = torch.load(folder.checkpoint("best"), weights_only=True)
        # Predicting and labeling read the network's weights alone.
        content["state_dict"]["recipe.network.model.decoder.3.weight"][0] = torch.nan
        torch.save(content, folder.checkpoint("best"))
        return folder

    @pytest.mark.parametrize("command", ["test", "predict", "mine", "label"])
    def test_weights_that_are_not_finite_are_refused(self, command: str, bad: Run, data: Data, tmp_path: Path) -> None:
        before = tree(bad.path)
        given = [] if command == "test" else ["--images", data.images, "--out", tmp_path / "out"]
        outcome = run_hardpix(command, "--run", bad.path, *given)
        assert outcome.code == 2
        assert f"expected finite weights in {bad.checkpoint('best')}, found 1 of" in outcome.err
        assert tree(bad.path) == before
        assert not (tmp_path / "out").exists()

    def test_outputs_that_are_not_finite_leave_the_earlier_report(
        self, tiny_run: Run, data: Data, tmp_path: Path
    ) -> None:
        """Finite weights may still overflow."""
        folder = Run(tmp_path / "run")
        shutil.copytree(tiny_run.path, folder.path)
        assert run_hardpix("test", "--run", folder.path).code == 0
        content = torch.load(folder.checkpoint("best"), weights_only=True)
        for name, value in content["state_dict"].items():
            if name.endswith(("encoder.0.weight", "decoder.0.weight", "decoder.3.weight")):
                value.fill_(3e38)
        torch.save(content, folder.checkpoint("best"))
        before = tree(folder.path)
        outcome = run_hardpix("test", "--run", folder.path)
        assert outcome.code == 2
        assert f"expected finite outputs of the network for {data.images}" in outcome.err
        assert tree(folder.path) == before
        outcome = run_hardpix("predict", "--run", folder.path, "--images", data.images, "--out", tmp_path / "out")
        assert outcome.code == 2
        assert "expected finite outputs" in outcome.err

    def test_replay_refuses_what_is_no_dump(self, tiny_run: Run, tmp_path: Path) -> None:
        (tmp_path / "a.pt").write_bytes(b"hello")
        for file in (tmp_path / "a.pt", tiny_run.checkpoint("last")):
            outcome = run_hardpix("replay", file)
            assert outcome.code == 2
            assert "expected a dump that hardpix fit wrote" in outcome.err
