"""Runs of strangers: nothing that their files name is imported, called or unpickled unless the user says so."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from hardpix.__main__ import main
from hardpix.cli.errors import UntrustedRun
from hardpix.training.dump import write_dump
from hardpix.training.frozen_run import FrozenRun
from hardpix.training.run import Run
from hardpix.training.trust import is_known, require_trusted
from runs import Data, run_hardpix

Change = Callable[[dict[str, Any]], None]


def optimizer(path: str, **settings: Any) -> Change:
    return lambda config: config["model"].update(optimizer={"class_path": path, "init_args": settings})


def network(value: Any) -> Change:
    return lambda config: config["model"].update(network=value)


# Each would write the file "pwned" in the current folder.
COMMAND = "echo > pwned"
CODE = "open('pwned', 'w')"
ATTACKS: dict[str, Change] = {
    "os.system": optimizer("os.system", command=COMMAND),
    "os.popen": optimizer("os.popen", cmd=COMMAND),
    "timeit": optimizer("timeit.timeit", stmt=CODE, number=1),
    "run_path": optimizer("runpy.run_path", path_name="evil.py"),
    "through a module of ours": optimizer("hardpix.__main__.os.system", command=COMMAND),
    "network": network({"class_path": "subprocess.Popen", "init_args": {"args": COMMAND, "shell": True}}),
    "its name alone": network("evil.Net"),
    "inside an argument": network(
        {"class_path": "hardpix.networks.DDRNet23Slim", "init_args": {"num_classes": {"class_path": "evil.Net"}}}
    ),
    "inside further arguments": network(
        {"class_path": "hardpix.networks.DDRNet23Slim", "dict_kwargs": {"width": {"class_path": "evil.Net"}}}
    ),
    "objective": lambda config: config["model"].update(objective={"class_path": "evil.Net"}),
    "signal": lambda config: config["model"]["objective"]["init_args"].update(signal="evil.Net"),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, in which an attack leaves a file, and modules that leave it when they are imported."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "evil.py").write_text(f"{CODE}\nfrom torch import nn\nclass Net(nn.Module): pass\n")
    monkeypatch.delitem(__import__("sys").modules, "evil", raising=False)
    return tmp_path


@pytest.fixture
def stranger(default_run: Any, here: Path) -> Callable[[Change], Path]:
    def made(change: Change) -> Path:
        run = Path(shutil.copytree(default_run[0].path, here / "stranger"))
        config = yaml.safe_load((run / "config.yaml").read_text())
        if config["model"]["objective"] is None:
            signal = {"class_path": "hardpix.signals.HardnessLevel", "init_args": {}}
            path = "hardpix.objectives.WeightedCrossEntropy"
            config["model"]["objective"] = {"class_path": path, "init_args": {"signal": signal}}
        change(config)
        (run / "config.yaml").write_text(yaml.safe_dump(config))
        return run

    return made


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_command_runs_what_a_strangers_run_names(
    attack: str, stranger: Callable[[Change], Path], here: Path, data: Data, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(stranger(ATTACKS[attack]))
    images = ["--images", str(data.images)]
    for arguments in (
        ["test", "--run", run, "--pictures", "false"],
        ["predict", "--run", run, *images, "--out", "predicted"],
        ["label", "--run", run, *images, "--out", "labeled"],
        ["mine", "--run", run, *images, "--out", "mined"],
        ["export", "--run", run, "--out", "exported.safetensors"],
        ["replay", dump_in(run)],
        ["fit", "--run", run, "--resume", "--trainer.max_epochs", "3"],
    ):
        main(arguments)
        assert not (here / "pwned").exists(), arguments
    assert "--trust-run" in capsys.readouterr().err  # resuming needs all of it
    try:
        FrozenRun(Path(run))._read()
    except UntrustedRun:
        assert "optimizer" not in attack
    assert not (here / "pwned").exists()


def dump_in(run: str) -> str:
    """A dump of a step of that run."""
    file = Path(run) / "not_finite_step_1.pt"
    weights = torch.load(Path(run) / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    batch = {"image": torch.zeros(1, 3, 64, 64), "target": torch.zeros(1, 64, 64, dtype=torch.long), "stem": ["a"]}
    counts = {"step": 1, "epoch": 1, "batch": 1, "progress": 0.0, "seed": 0}
    rest = {"precision": "32-true", "map_kinds": [], "losses": {}, "batches": batch, "state_dict": weights}
    write_dump(file, counts | rest)
    return str(file)


def test_replay_refuses_a_strangers_network_and_says_how_to_go_on(
    stranger: Callable[[Change], Path], here: Path
) -> None:
    run = stranger(network({"class_path": "evil.Net"}))
    outcome = run_hardpix("replay", dump_in(str(run)), trust=False)
    assert outcome.code == 2
    assert "model.network: evil.Net, of" in outcome.err
    assert outcome.err.splitlines()[-1].endswith("--trust-run")
    assert not (here / "pwned").exists()


def test_inference_builds_no_optimizer(stranger: Callable[[Change], Path]) -> None:
    Run(stranger(ATTACKS["os.system"])).load_task()


def test_predicting_needs_no_objective(stranger: Callable[[Change], Path]) -> None:
    run = stranger(ATTACKS["objective"])
    task = Run(run).load_task(predict_only=True)
    saved = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    for name, value in task.network.state_dict().items():
        torch.testing.assert_close(value, saved[f"recipe.network.{name}"], rtol=0, atol=0)
    with pytest.raises(UntrustedRun, match=r"objective: evil\.Net"):
        Run(run).load_task()


def test_a_run_of_ones_own_network_is_used_with_one_more_option(
    tiny_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["test", "--run", str(tiny_run.path), "--out", str(tmp_path / "scores.json"), "--pictures", "false"]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "model.network: my_networks.Tiny, of" in said
    command = said.splitlines()[-1].split()
    assert command == ["hardpix", *arguments, "--trust-run"]
    assert main(command[1:]) == 0


@pytest.mark.parametrize("trusted", [False, True])
def test_a_module_in_the_run_folder_is_never_imported(
    trusted: bool, stranger: Callable[[Change], Path], here: Path
) -> None:
    run = stranger(network({"class_path": "stranger.net.Net"}))
    shutil.copy(here / "evil.py", run / "net.py")
    with pytest.raises(ValueError, match=r"no code in the folder of a run, found stranger\.net\.Net"):
        Run(run, trusted).load_task()
    assert not (here / "pwned").exists()


@pytest.mark.parametrize("option", [[], ["--trust-run"]])
def test_resuming_unpickles_nothing(option: list[str], stranger: Callable[[Change], Path], here: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
            return os.system, (COMMAND,)

    run = stranger(lambda config: None)
    file = run / "checkpoints" / "last.ckpt"
    torch.save(torch.load(file, weights_only=True) | {"more": Payload()}, file)
    outcome = run_hardpix("fit", "--run", run, "--resume", "--trainer.max_epochs", 3, *option, trust=False)
    assert outcome.code == 2
    assert "found posix.system" in outcome.err
    assert "a file that may run code is not loaded" in outcome.err
    assert not (here / "pwned").exists()


def test_a_teachers_run_is_trusted_by_its_own_setting(tiny_run: Run) -> None:
    with pytest.raises(UntrustedRun, match=r"add --model\.recipe\.teacher\.trust true"):
        FrozenRun(tiny_run.path)._read()
    assert FrozenRun(tiny_run.path, trust=True)._read().class_names == tiny_run.read_classes().names


def test_resuming_a_strangers_run_trusts_no_other_folder(stranger: Callable[[Change], Path]) -> None:
    teacher = {"class_path": "hardpix.training.frozen_run.FrozenRun", "init_args": {"run": "x", "trust": True}}
    run = stranger(lambda config: config["model"]["objective"].update(dict_kwargs={"teacher": teacher}))
    outcome = run_hardpix("fit", "--run", run, "--resume", trust=False)
    assert outcome.code == 2
    assert "trust: True" in outcome.err


@pytest.mark.parametrize("group", ["model", "data", "trainer"])
def test_settings_in_another_file_are_not_read(group: str, stranger: Callable[[Change], Path], here: Path) -> None:
    run = stranger(lambda config: config.update({group: "elsewhere.yaml"}))
    (here / "elsewhere.yaml").write_text("network: evil.Net\n")
    outcome = run_hardpix("fit", "--run", run, "--resume", trust=False)
    assert outcome.code == 2
    assert f"expected the settings of {group}" in outcome.err
    assert not (here / "pwned").exists()


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("hardpix.objectives.WeightedCrossEntropy", True),
        ("hardpix.scenes.GeneratedScenes", True),
        ("torch.nn.BatchNorm2d", True),
        ("torch.optim.SGD", True),
        ("torchvision.models.segmentation.lraspp_mobilenet_v3_large", True),
        ("segmentation_models_pytorch.Unet", True),
        ("transformers.SegformerForSemanticSegmentation", True),
        ("transformers.SegformerConfig", True),
        ("lightning.pytorch.callbacks.EarlyStopping", True),
        # They call what they are given, load pickles, or write where they are told to.
        ("torch.load", False),
        ("torch.hub.load", False),
        ("timm.create_model", False),
        ("segmentation_models_pytorch.from_pretrained", False),
        ("torchvision.datasets.FakeData", False),
        ("torchvision.io.write_file", False),
        ("lightning.pytorch.callbacks.ModelCheckpoint", False),
        ("lightning.pytorch.loggers.CSVLogger", False),
        ("my_networks.Tiny", False),
    ],
)
def test_known_are_classes_by_their_base_and_package(path: str, known: bool) -> None:
    assert is_known(path) is known


def test_arguments_that_run_code_are_refused(tmp_path: Path) -> None:
    network = {"class_path": "segmentation_models_pytorch.Unet", "dict_kwargs": {"checkpoint_path": "evil.pth"}}
    with pytest.raises(UntrustedRun, match=r"checkpoint_path: 'evil\.pth'"):
        require_trusted({"network": network}, tmp_path)


def test_every_configuration_of_ours_is_known(tmp_path: Path) -> None:
    files = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
    assert files
    for file in files:
        require_trusted(yaml.safe_load(file.read_text()), tmp_path)
