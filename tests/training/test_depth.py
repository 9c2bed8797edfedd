"""Depth from the files of a user to what signals see."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import my_networks
import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from hardpix.data import DepthFormat
from hardpix.scenes import GeneratedScenes
from hardpix.training.data_module import SegmentationData
from hardpix.training.run import Run
from runs import SIZE, TINY, Data, run_hardpix

SEEN = ("--model.objective", "WeightedCrossEntropy", "--model.objective.signal", "my_networks.Depth")
SCALE = ("--data.depth_format.scale", "0.001")


@pytest.fixture
def depth(data: Data, tmp_path: Path) -> Path:
    """Depth maps of 3 meters in millimeters, some of whose pixels are not known."""
    folder = tmp_path / "depth"
    folder.mkdir()
    stored = np.full(SIZE, 3000, np.uint16)
    stored[::2] = 0
    for file in data.images.iterdir():
        Image.fromarray(stored).save(folder / file.name)
    return folder


def fit(data: Data, run: Path, *arguments: object, code: int = 0) -> str:
    """Text of a fit of the tiny network, on the screen or as its error."""
    my_networks.Depth.seen = []
    outcome = run_hardpix("fit", *data.arguments, *TINY, *SEEN, "--run", run, *arguments)
    assert outcome.code == code, outcome.err
    assert "Traceback" not in outcome.err
    return " ".join((outcome.err if code else outcome.out).split())


def meters(batches: list[torch.Tensor]) -> list[float]:
    return sorted({round(value, 5) for batch in batches for value in batch[batch.isfinite()].tolist()})


def test_depth_reaches_the_objective_in_meters(data: Data, depth: Path, tmp_path: Path) -> None:
    said = fit(data, tmp_path / "run", "--data.depth", depth, *SCALE, "--data.augment.scale", "[1,1]")
    assert "depth:" not in said
    assert {tuple(batch.shape) for batch in my_networks.Depth.seen} == {(1, 32, 32), (4, 32, 32)}
    assert all(batch.dtype == torch.float32 and batch.isnan().any() for batch in my_networks.Depth.seen)
    assert meters(my_networks.Depth.seen) == [3.0]
    settings = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["data"]
    assert (settings["depth"], settings["depth_format"]["scale"]) == (str(depth), 0.001)


def test_scale_jitter_divides_depth_and_the_resolution_does_not(data: Data, depth: Path, tmp_path: Path) -> None:
    twice = ("--data.augment.scale", "[2,2]", "--data.resolution", 0.5)
    fit(data, tmp_path / "run", "--data.depth", depth, *SCALE, *twice)
    assert meters(my_networks.Depth.seen) == [1.5]


def test_images_without_depth_are_trained_on_and_counted(data: Data, depth: Path, tmp_path: Path) -> None:
    """Ten are trained on: one of them has no file, and one a file in which nothing is known; one more is held out."""
    for stem in ("frame_000", "frame_011"):
        (depth / f"{stem}.png").unlink()
    Image.fromarray(np.zeros(SIZE, np.uint16)).save(depth / "frame_005.png")
    settings = ["--data.depth", depth, *SCALE, "--data.val_stems", "frame_01?", "--trainer.max_epochs", 6]
    said = fit(data, tmp_path / "run", *settings, "--data.augment.scale", "[1,1]")
    none = "depth: 2 of 10 training images have none (frame_000, frame_005); they are trained on without it"
    assert said.count(none) == 1
    seen = "Depth of 8 training images: their medians are 3 to 3 m, 3 m in the middle; known at 50 % of the pixels."
    assert said.count(seen) == 1
    assert "frame_005.png: expected depth above 0 m somewhere, found none" in said
    assert "frame_011" not in said
    unknown = [int(batch.isnan().flatten(1).all(1).sum()) for batch in my_networks.Depth.seen]
    assert max(unknown) > 0
    assert meters(my_networks.Depth.seen) == [3.0]
    folders = {"images": str(data.images), "masks": str(data.masks), "val_stems": "frame_01?"}
    read = SegmentationData(**folders, depth=str(depth), depth_format=DepthFormat(scale=0.001))
    assert read.without_depth == ("frame_000", "frame_005")
    logged = next((tmp_path / "run").glob("logs/**/hparams.yaml")).read_text()
    assert "images_without_depth: 2" in logged
    assert SegmentationData(**folders).without_depth == ()


def test_an_image_that_is_held_out_needs_no_depth(data: Data, depth: Path, tmp_path: Path) -> None:
    (depth / "frame_010.png").unlink()
    said = fit(data, tmp_path / "run", "--data.depth", depth, *SCALE, "--data.val_stems", "frame_01?")
    assert "depth:" not in said
    folders = {"images": str(data.images), "masks": str(data.masks), "val_stems": "frame_01?"}
    read = SegmentationData(**folders, depth=str(depth), depth_format=DepthFormat(scale=0.001))
    for held_out in (read.val_set, Run(tmp_path / "run", trusted=True).validation_set()):
        assert "depth" not in held_out[0]
    assert run_hardpix("test", "--run", tmp_path / "run").code == 0


@pytest.mark.parametrize("stored", [0, 30_000_000])
def test_depth_of_a_held_out_image_may_be_wrong(stored: int, data: Data, depth: Path, tmp_path: Path) -> None:
    (depth / "frame_010.png").unlink()
    np.save(depth / "frame_010.npy", np.full(SIZE, stored))
    said = fit(data, tmp_path / "run", "--data.depth", depth, *SCALE, "--data.val_stems", "frame_01?")
    assert "frame_010" not in said


@pytest.mark.parametrize("kept", [(), ("frame_010", "frame_011")])
@pytest.mark.parametrize("there", [False, True])
def test_no_depth_of_any_training_image(
    kept: tuple[str, ...], there: bool, data: Data, depth: Path, tmp_path: Path
) -> None:
    """Without a file, or with one in which nothing is known."""
    for file in list(depth.iterdir()):
        if file.stem not in kept:
            file.unlink()
            if there:
                Image.fromarray(np.zeros(SIZE, np.uint16)).save(file)
    said = fit(data, tmp_path / "run", "--data.depth", depth, *SCALE, "--data.val_stems", "frame_01?", code=2)
    assert f"{depth}: expected " in said
    assert f"found {'none' if kept or there else 'no file'}" in said
    assert not (tmp_path / "run").exists()


def test_what_is_read_shows_whether_the_format_is_right(data: Data, depth: Path, tmp_path: Path) -> None:
    """Three meters in nine images, 150 in another, a quarter of whose pixels are known."""
    stored = np.zeros(SIZE, np.uint16)
    stored[::4] = 15000
    Image.fromarray(stored).save(depth / "frame_004.png")
    for file in depth.iterdir():
        if file.stem != "frame_004":
            Image.fromarray(np.asarray(Image.open(file)) // 10).save(file)
    scale = ("--data.depth_format.scale", "0.01")
    said = fit(data, tmp_path / "run", "--data.depth", depth, *scale, "--data.val_stems", "frame_01?")
    seen = (
        "Depth of 10 training images: their medians are 3 to 150 m, 3 m in the middle; known at 47.5 % of the pixels."
    )
    assert said.count(seen) == 1


@pytest.mark.parametrize(
    ("objective", "useless"),
    [
        (["--model.objective", "WeightedCrossEntropy"], True),
        ([], True),  # learned hardness, whose branch is a copy of the user's own decoder
        (["--model.objective", "WeightedCrossEntropy", "--model.objective.signal", "DepthPrivileged"], False),
        ([*SEEN], False),  # one of the user's own, which may read it
    ],
)
def test_depth_that_nothing_uses_is_said(
    objective: list[str], useless: bool, data: Data, depth: Path, tmp_path: Path
) -> None:
    given = [*data.arguments, *TINY, "--data.depth", depth, *SCALE, *objective, "--run", tmp_path / "run"]
    said = " ".join(run_hardpix("fit", *given).out.split())
    advice = "weigh by it (--model.objective WeightedCrossEntropy --model.objective.signal DepthPrivileged)"
    assert (f"--data.depth is read, and nothing uses it: {advice}, or leave it out" in said) == useless


def test_a_rate_of_branches_where_there_is_none_is_said(data: Data, tmp_path: Path) -> None:
    rate = ("--model.branch_learning_rate", "0.01")
    plain = ("--model.objective", "WeightedCrossEntropy")
    hardness = (*plain, "--model.objective.signal", "HardnessLevel")
    for number, (objective, said) in enumerate([(plain, True), (hardness, False)]):
        run = run_hardpix("fit", *data.arguments, *TINY, *objective, *rate, "--run", tmp_path / str(number))
        assert ("there is no branch that no gradient leaves" in " ".join(run.out.split())) == said


@pytest.mark.parametrize("batch_size", [1, 2])
def test_depth_that_was_forgotten_is_said_before_anything_is_written(
    batch_size: int, data: Data, tmp_path: Path
) -> None:
    weighted = ("--model.objective", "WeightedCrossEntropy", "--model.objective.signal", "DepthPrivileged")
    run = tmp_path / "run"
    given = [*data.arguments, *TINY, *weighted, "--data.batch_size", batch_size, "--run", run]
    outcome = run_hardpix("fit", *given)
    assert outcome.code == 2
    assert "DepthPrivileged needs depth maps of the training images: give a folder of them (--data.depth)" in " ".join(
        outcome.err.split()
    )
    assert "batch_size" not in outcome.err
    assert not run.exists()


@pytest.mark.parametrize("inside_a_product", [False, True])
def test_a_signal_of_ones_own_says_which_map_it_misses(inside_a_product: bool, data: Data, tmp_path: Path) -> None:
    signal = "{class_path: my_networks.Superpixels}"
    if inside_a_product:
        signal = f"{{class_path: Product, init_args: {{signals: [{{class_path: Uniform}}, {signal}]}}}}"
    weighted = ("--model.objective", "WeightedCrossEntropy", "--model.objective.signal", signal)
    outcome = run_hardpix("fit", *data.arguments, *TINY, *weighted, "--run", tmp_path / "run")
    assert outcome.code == 2
    said = " ".join(outcome.err.split())
    assert "Superpixels needs superpixels maps of the training images: give a train_set whose samples have" in said
    # There is no such setting.
    assert "--data.superpixels" not in said
    assert not (tmp_path / "run").exists()


def test_depth_in_millimetres_that_is_taken_for_meters(data: Data, depth: Path, tmp_path: Path) -> None:
    said = fit(data, tmp_path / "run", "--data.depth", depth, code=2)
    assert "frame_000.png: expected a median of 0.05 to 200 m, found a median of 3000 m" in said
    assert "0.001 for millimeters" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data.depth", "true"], "found --data.depth true and no preset that names one: give it as --data.depth DIR"),
        ([*SCALE], "depth_format goes with depth: give the folder of the depth maps as --data.depth"),
        (["--data.depth", "x", "--data.depth_format.scale", "-1"], "expected scale > 0"),
        (["--data.depth", "x", "--data.depth_format.scale", "mm"], "data.depth_format.scale"),
        (["--data.depth", "x", "--data.depth_format.scal", "1"], "unknown key scal; there are scale, offset, invalid"),
        (
            ["--data.depth", "x", "--data.depth_format.focal", "1"],
            "expected baseline (in meters) and focal (in pixels)",
        ),
        (["--data.depth", "x"], "x: expected a folder, found nothing"),
    ],
)
def test_settings_of_depth_that_cannot_be(arguments: list[str], said: str, data: Data, tmp_path: Path) -> None:
    found = fit(data, tmp_path / "run", *arguments, code=2)
    assert said in found
    assert "Union" not in found


@pytest.mark.parametrize("setting", [["--data.depth", "true"], [*SCALE], ["--data.depth_suffix", "_z"]])
def test_data_sets_of_ones_own_bring_their_own_depth(setting: list[str]) -> None:
    squares = "{class_path: my_networks.Squares, init_args: {length: 4}}"
    outcome = run_hardpix("fit", "--data.train_set", squares, "--data.val_set", squares, *setting)
    assert outcome.code == 2
    assert f"train_set goes without {setting[0].removesuffix('.scale')}: remove one of them" in outcome.err


def test_a_resumed_run_reads_the_same_depth(
    data: Data, depth: Path, tmp_path: Path, fit_tiny: Callable[..., Run]
) -> None:
    epochs = ["--trainer.max_epochs", 3, "--data.depth", depth, *SCALE]
    stop = "[{class_path: my_networks.StopAt, init_args: {epoch: 2}}]"
    with pytest.raises(my_networks.Interruption):
        fit(data, tmp_path / "run", *epochs, "--trainer.callbacks", stop)
    my_networks.Depth.seen = []
    assert run_hardpix("fit", "--run", tmp_path / "run", "--resume").code == 0
    resumed = my_networks.Depth.seen[1:]
    fit(data, tmp_path / "whole", *epochs)
    for found, expected in zip(resumed, my_networks.Depth.seen[-len(resumed) :], strict=True):
        torch.testing.assert_close(found, expected, equal_nan=True)


def test_a_resumed_run_ends_with_the_weights_and_percentiles_of_the_whole(
    data: Data, depth: Path, tmp_path: Path
) -> None:
    signal = ["--model.objective", "WeightedCrossEntropy", "--model.objective.signal", "DepthPrivileged"]
    common = [*data.arguments, *TINY, *signal, "--trainer.max_epochs", 3, "--data.depth", depth, *SCALE]
    stop = "[{class_path: my_networks.StopAt, init_args: {epoch: 2}}]"
    with pytest.raises(my_networks.Interruption):
        run_hardpix("fit", *common, "--run", tmp_path / "run", "--trainer.callbacks", stop)
    assert run_hardpix("fit", "--run", tmp_path / "run", "--resume").code == 0
    assert run_hardpix("fit", *common, "--run", tmp_path / "whole").code == 0
    resumed, whole = (
        torch.load(Run(tmp_path / name).checkpoint("last"), weights_only=True)["state_dict"]
        for name in ("run", "whole")
    )
    assert resumed.keys() == whole.keys()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)
    assert (next(value for name, value in whole.items() if name.endswith("quantiles")) > 0).all()


def test_generated_scenes_have_depth_but_no_sky(tmp_path: Path) -> None:
    scenes = "{{class_path: hardpix.scenes.GeneratedScenes, init_args: {{length: 4, size: [64, 128], seed: {}}}}}"
    own = ["--data.train_set", scenes.format(0), "--data.val_set", scenes.format(1), "--data.augment.scale", "[1,1]"]
    my_networks.Depth.seen = []
    outcome = run_hardpix(
        *("fit", *own, *TINY, *SEEN, "--model.network.outputs", 12, "--data.crop_size", "[64,128]"),
        *("--data.augment.flip", 0, "--trainer.max_epochs", 1, "--run", tmp_path / "run"),
    )
    assert outcome.code == 0, outcome.err
    exact = torch.stack([GeneratedScenes(4, 0, (64, 128))[k]["depth"] for k in range(4)])
    (seen,) = my_networks.Depth.seen[1:]
    assert 0.02 < seen.isnan().float().mean() < 0.7
    order = [next(k for k in range(4) if torch.equal(one.nan_to_num(-1), exact[k].nan_to_num(-1))) for one in seen]
    assert sorted(order) == [0, 1, 2, 3]


def test_depth_of_a_known_data_set_is_asked_for_by_true(data: Data, depth: Path, tmp_path: Path) -> None:
    """The layout of nyuv2, with its lists of stems and its format of depth."""
    root = tmp_path / "nyu"
    shutil.copytree(data.images, root / "images")
    (root / "labels").mkdir()
    (root / "depth").mkdir()
    stems = sorted(file.stem for file in data.images.iterdir())
    for stem in stems:
        labels = np.random.default_rng(0).integers(0, 39, SIZE)
        Image.fromarray(labels.astype(np.uint8)).save(root / "labels" / f"{stem}.png")
        Image.fromarray(np.full(SIZE, 51, np.uint8)).save(root / "depth" / f"{stem}.png")
    (root / "train.txt").write_text("\n".join(stems[:8]))
    (root / "val.txt").write_text("\n".join(stems[8:]))
    my_networks.Depth.seen = []
    outcome = run_hardpix(
        *("fit", "--data.preset", "nyuv2", "--data.root", root, "--data.depth", "true"),
        *("--data.augment.scale", "[1,1]", *TINY, *SEEN, "--model.network.outputs", 39, "--run", tmp_path / "run"),
    )
    assert outcome.code == 0, outcome.err
    assert "Training: 8 images; validation: 4 images" in outcome.out
    assert meters(my_networks.Depth.seen) == [pytest.approx(1.999)]
    split = Run(tmp_path / "run", trusted=True).read_split()
    assert split is not None
    assert split["val"]["stems"] == stems[8:]


def test_a_network_that_learned_with_depth_is_used_without_it(data: Data, depth: Path, tmp_path: Path) -> None:
    """One image has no depth; side outputs share the map."""
    (depth / "frame_000.png").unlink()
    objective = {
        "class_path": "Sum",
        "init_args": {
            "objectives": {
                "pixels": {"class_path": "WeightedCrossEntropy", "init_args": {"signal": "DepthPrivileged"}},
                "side": {"class_path": "SideOutputs", "init_args": {"signal": "depth"}},
            }
        },
    }
    config = tmp_path / "depth.yaml"
    config.write_text(yaml.safe_dump({"model": {"objective": objective}}))
    stages = ["--model.stages", "[decoder]", "--trainer.log_every_n_steps", 1]
    rate = ["--model.branch_learning_rate", 0.5]
    ways = {"with": ["--config", config, "--data.depth", depth, *SCALE, *stages, *rate], "without": []}
    runs = {name: Run(tmp_path / name, trusted=True) for name in ways}
    for name, settings in ways.items():
        outcome = run_hardpix("fit", *data.arguments, *TINY, "--run", runs[name].path, *settings)
        assert outcome.code == 0, outcome.err
    with next(runs["with"].path.glob("logs/*/metrics.csv")).open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["train/loss"]]
    assert all(float(row["train/depth"]) > 0 and float(row["train/side/stages/decoder"]) > 0 for row in rows)
    # A branch that teaches the encoder learns at its rate; branch_learning_rate is for those that no gradient leaves.
    saved = torch.load(runs["with"].checkpoint("last"), weights_only=True)["optimizer_states"][0]["param_groups"]
    rates = {group["name"]: group["initial_lr"] for group in saved}
    assert rates.keys() == {"network", "heads"}
    assert rates["heads"] == rates["network"]
    shapes = [
        {name: value.shape for name, value in run.load_task("last").network.model.state_dict().items()}
        for run in runs.values()
    ]
    assert shapes[0] == shapes[1]
    assert run_hardpix("test", "--run", runs["with"].path).code == 0
    out = tmp_path / "out"
    assert run_hardpix("predict", "--run", runs["with"].path, "--images", data.images, "--out", out).code == 0
    assert len(list((out / "labels").iterdir())) == 12
