"""Images of four bands and 16 bits from the file through fit, predict, test, mine and diagnose."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
import yaml
from PIL import Image

from hardpix.data import ClassTable, ImageFormat, ImagePaths
from hardpix.training.augmentation import Augmentation
from hardpix.training.data_module import SegmentationData
from hardpix.training.inference import open_folder
from hardpix.training.run import Run
from runs import OWN_CODE, Data, Outcome, read, run_hardpix

assert OWN_CODE
MEAN, STD = (0.485 + 0.456 + 0.406) / 3, (0.229 + 0.224 + 0.225) / 3
SIZE = (32, 48)
SHORT = (
    *("--data.workers", "0", "--data.batch_size", "4", "--data.crop_size", "[32,32]"),
    *("--trainer.max_epochs", "1", "--trainer.max_steps", "2", "--trainer.num_sanity_val_steps", "0"),
    *("--trainer.accelerator", "cpu", "--trainer.enable_progress_bar", "false"),
)


@dataclass(frozen=True)
class Fields(Data):
    """Reflectance of 16 bits, red, green, blue and near infrared; the classes are bright in the last alone."""

    stored: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Fields:
    root = tmp_path_factory.mktemp("fields")
    rng = np.random.default_rng(0)
    stored = {}
    for folder in ("images", "masks"):
        (root / folder).mkdir()
    for k in range(8):
        bands = rng.integers(200, 3000, (*SIZE, 4)).astype(np.uint16)
        stored[f"f{k}"] = bands
        tifffile.imwrite(root / "images" / f"f{k}.tif", bands, photometric="rgb", byteorder="<>"[k % 2])
        # Where near infrared is above the mean that the network sees as 0.
        Image.fromarray((bands[..., 3] / 3000 > MEAN).astype(np.uint8)).save(root / "masks" / f"f{k}.png")
    return Fields(root / "images", root / "masks", stored)


def fit_one_band(fields: Fields, path: Path, channel: int, count: int, *arguments: object) -> Run:
    """A network that says what one channel holds, and learns nothing."""
    network = ("--model.network", "my_networks.OneBand", "--model.decoder", "decoder")
    settings = ("--model.network.channel", channel, "--model.network.in_channels", count)
    rate = ("--model.optimizer", "SGD", "--model.optimizer.lr", "0")
    outcome = run_hardpix("fit", *fields.arguments, *network, *settings, *rate, *SHORT, "--run", path, *arguments)
    assert outcome.code == 0, outcome.err
    return Run(path, trusted=True)


@pytest.mark.parametrize(("bands", "channel"), [((1, 2, 3, 4), 3), ((4, 1), 0), ((4,), 0)])
def test_near_infrared_arrives(fields: Fields, tmp_path: Path, bands: tuple[int, ...], channel: int) -> None:
    """Its logit is the closed form of the file's numbers, so that labels are the masks, and test says so."""
    settings = ("--data.bands", str(list(bands)), "--data.value_range", "[0, 3000]")
    run = fit_one_band(fields, tmp_path / "run", channel, len(bands), *settings)
    out = tmp_path / "out"
    outcome = run_hardpix(
        "predict", "--run", run.path, "--images", fields.images, "--out", out, "--probabilities", "true"
    )
    assert outcome.code == 0, outcome.err
    for stem, stored in fields.stored.items():
        seen = (stored[..., 3].astype(np.float64) / 3000 - MEAN) / STD
        expected = 1 / (1 + np.exp(-2 * seen))
        np.testing.assert_allclose(np.load(out / "probabilities" / f"{stem}.npy")[1], expected, atol=1e-3)
        np.testing.assert_array_equal(read(out / "labels" / f"{stem}.png"), read(fields.masks / f"{stem}.png"))
        assert (out / "overlays" / f"{stem}.jpg").is_file()
    for command in (["test", "--report", tmp_path / "report"], ["mine", "--out", tmp_path / "mined"]):
        others = ["--images", fields.images, "--masks", fields.masks]
        outcome = run_hardpix(command[0], "--run", run.path, *command[1:], *others)
        assert outcome.code == 0, outcome.err
        if command[0] == "test":
            assert "mIoU              │ 100.00" in outcome.out
    assert run_hardpix("test", "--run", run.path).code == 0


def test_what_the_network_sees_in_training(fields: Fields) -> None:
    """Crops without scale or jitter are windows of the closed form."""
    data = SegmentationData(
        str(fields.images),
        str(fields.masks),
        bands=[4, 2],
        value_range=[[0, 3000], [200, 3200]],
        workers=0,
        augment=Augmentation(scale=(1, 1), flip=0, photometric=False),
        crop_size=SIZE,
    )
    seen = data.first_batch()["image"][0]
    stored = fields.stored[data.train_set.stems[0]].astype(np.float64)  # type: ignore[attr-defined]
    expected = (np.stack([stored[..., 3] / 3000, (stored[..., 1] - 200) / 3000]) - MEAN) / STD
    torch.testing.assert_close(seen, torch.from_numpy(expected).float(), atol=1e-4, rtol=0)
    assert (data.channels, data.val_set[0]["image"].shape[0]) == (2, 2)


def test_overlays_show_the_first_three_bands_stretched(fields: Fields, tmp_path: Path) -> None:
    settings = ("--data.bands", "[4,1,2]", "--data.value_range", "[0, 3000]")
    run = fit_one_band(fields, tmp_path / "run", 0, 3, *settings)
    # Three channels have ImageNet's own mean of red.
    outcome = run_hardpix("predict", "--run", run.path, "--images", fields.images, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    stored = fields.stored["f0"][..., [3, 0, 1]].astype(np.float64)
    labels = read(tmp_path / "out" / "labels" / "f0.png")
    assert (labels == (stored[..., 0] / 3000 > 0.485)).all()
    colors = run.read_classes().paint(labels)
    expected = 0.45 * (stored / 3000 * 255) + 0.55 * colors
    shown = read(tmp_path / "out" / "overlays" / "f0.jpg").astype(np.float64)
    # A jpg of noise keeps means over blocks of 16 pixels, its unit of color.
    blocks = [values.reshape(2, 16, 3, 16, 3).mean((1, 3)) for values in (shown, expected)]
    np.testing.assert_allclose(blocks[0], blocks[1], atol=3)


def test_measured_range_is_that_of_the_training_images_and_kept(fields: Fields, tmp_path: Path) -> None:
    settings = ("--data.bands", "[1,2,3,4]", "--data.value_range", "measured")
    run = fit_one_band(fields, tmp_path / "run", 3, 4, *settings)
    split = run.read_split() or {}
    trained_on = np.stack([fields.stored[stem] for stem in split["train"]["stems"]]).reshape(-1, 4)
    found = run.read_image_format()
    np.testing.assert_allclose(np.array(found.pairs), np.percentile(trained_on, (1, 99), axis=0).T)
    assert yaml.safe_load(run.images.read_text())["channels"] == 4
    # Images of another brightness are read alike, as the run's own were.
    (tmp_path / "dark").mkdir()
    dark = fields.stored["f0"] // 4
    tifffile.imwrite(tmp_path / "dark" / "d.tif", dark, photometric="rgb")
    arguments = ("--run", run.path, "--images", tmp_path / "dark", "--out", tmp_path / "out", "--probabilities", "true")
    assert run_hardpix("predict", *arguments).code == 0
    low, high = (found.pairs or ())[3]
    seen = (((dark[..., 3] - low) / (high - low)).clip(0, 1) - MEAN) / STD
    np.testing.assert_allclose(
        np.load(tmp_path / "out" / "probabilities" / "d.npy")[1], 1 / (1 + np.exp(-2 * seen)), atol=1e-3
    )
    resumed = run_hardpix("fit", "--run", run.path, "--resume", "--trainer.max_steps", 4, "--trainer.max_epochs", 2)
    assert resumed.code == 0, resumed.err
    other = run_hardpix("fit", "--run", run.path, "--resume", "--trainer.max_epochs", 9, "--data.value_range", "[0, 1]")
    assert other.code == 2
    assert "expected images read as" in other.err


def test_the_default_network_has_as_many_channels(fields: Fields, tmp_path: Path) -> None:
    bands = ("--data.bands", "[1,2,3,4]")
    outcome = run_hardpix("fit", *fields.arguments, *SHORT, *bands, "--run", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert Run(tmp_path / "run", trusted=True).load_task("last").network.model.encoder.model.conv_stem.in_channels == 4
    arguments = ("--run", tmp_path / "run", "--images", fields.images, "--out", tmp_path / "out")
    assert run_hardpix("predict", *arguments, "--checkpoint", "last").code == 0


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (("my_networks.OneBand", "--model.network.channel", "0", "--model.network.in_channels", "3"), "in_channels"),
        (("my_networks.Tiny", "--model.network.outputs", "2"), None),
        (
            (
                "segmentation_models_pytorch.Unet",
                "--model.network.classes",
                "2",
                "--model.network.encoder_weights",
                "null",
            ),
            "in_channels",
        ),
    ],
)
def test_a_network_for_rgb_is_told_the_parameter(
    fields: Fields, tmp_path: Path, network: tuple[str, ...], said: str | None
) -> None:
    bands = ("--data.bands", "[1,2,3,4]", "--data.value_range", "[0,3000]")
    decoder = () if "Unet" in network[0] else ("--model.decoder", "decoder")
    outcome = run_hardpix(
        "fit", *fields.arguments, *SHORT, *bands, "--model.network", *network, *decoder, "--run", tmp_path / "run"
    )
    assert outcome.code == 2
    assert "expected a network for images of 4 channels, found" in outcome.err
    assert (f"--model.network.{said} 4" if said else "with_input_channels(network, 4)") in outcome.err


def test_without_settings_the_doubts_are_said(fields: Fields, tmp_path: Path) -> None:
    outcome = run_hardpix("fit", *fields.arguments, *SHORT, "--run", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert "4 bands in 8 of 8 images" in outcome.out
    assert "--data.bands [1, 2, 3, 4] uses all" in outcome.out
    assert "--data.value_range [" in outcome.out
    assert not Run(tmp_path / "run").images.exists()
    assert Run(tmp_path / "run").read_image_format() == ImageFormat()


def test_images_brighter_than_the_range_of_the_run_are_said(fields: Fields, tmp_path: Path, four_bands: Run) -> None:
    (tmp_path / "bright").mkdir()
    tifffile.imwrite(tmp_path / "bright" / "a.tif", fields.stored["f0"] * 5, photometric="rgb")
    share = 100 * (fields.stored["f0"].astype(int) * 5 >= 3000).mean()
    said = f"{share:.3g} % of the numbers in 1 of 1 images (a) at or above white"
    for images, expected in ((tmp_path / "bright", True), (fields.images, False)):
        outcome = run_hardpix(
            "predict", "--run", four_bands.path, "--images", images, "--out", tmp_path / f"of_{images.name}"
        )
        assert outcome.code == 0
        assert (said in outcome.out) == expected


def test_images_that_lack_a_band_are_left_out_of_a_prediction(fields: Fields, tmp_path: Path) -> None:
    run = fit_one_band(fields, tmp_path / "run", 0, 1, "--data.bands", "[4]", "--data.value_range", "[0,3000]")
    (tmp_path / "mixed").mkdir()
    tifffile.imwrite(tmp_path / "mixed" / "four.tif", fields.stored["f0"], photometric="rgb")
    tifffile.imwrite(tmp_path / "mixed" / "three.tif", fields.stored["f0"][..., :3], photometric="rgb")
    outcome = run_hardpix("predict", "--run", run.path, "--images", tmp_path / "mixed", "--out", tmp_path / "out")
    assert outcome.code == 0
    assert "1 of 2 images left out" in outcome.out
    assert "expected band 4, of the bands [4] to use, found 3 bands of uint16" in outcome.out
    assert [path.name for path in (tmp_path / "out" / "labels").iterdir()] == ["four.png"]


@pytest.mark.parametrize("command", ["fit", "predict", "test", "mine", "diagnose"])
def test_the_limit_of_pixels_is_a_setting_of_every_command(
    command: str, fields: Fields, tmp_path: Path, four_bands: Run
) -> None:
    images = ("--images", fields.images)
    commands: dict[str, Callable[[int], Outcome]] = {
        "fit": lambda limit: run_hardpix(
            "fit", *fields.arguments, *SHORT, "--run", tmp_path / f"{limit}", "--data.max_pixels", limit
        ),
        "diagnose": lambda limit: run_hardpix(
            *("diagnose", "--truth", fields.masks, "--predictions", fields.masks, "--workers", 1),
            *("--out", tmp_path / f"{limit}", "--max_pixels", limit),
        ),
    }
    others: dict[str, tuple] = {
        "predict": ("--out", tmp_path / "out"),
        "mine": ("--out", tmp_path / "out"),
        "test": ("--masks", fields.masks),
    }
    run = commands.get(
        command,
        lambda limit: run_hardpix(command, "--run", four_bands.path, *images, *others[command], "--max_pixels", limit),
    )
    refused = run(SIZE[0] * SIZE[1] - 1)
    assert refused.code == 2
    assert "expected at most 0.001535 megapixels, found 0.001536 (height 32 × width 48)" in refused.err
    assert run(SIZE[0] * SIZE[1]).code == 0


@pytest.fixture(scope="module")
def four_bands(fields: Fields, tmp_path_factory: pytest.TempPathFactory) -> Run:
    settings = ("--data.bands", "[1,2,3,4]", "--data.value_range", "[0,3000]")
    return fit_one_band(fields, tmp_path_factory.mktemp("four") / "run", 3, 4, *settings)


def test_diagnose_shows_chosen_bands(fields: Fields, tmp_path: Path) -> None:
    arguments = ("--truth", fields.masks, "--predictions", fields.masks, "--images", fields.images, "--workers", 1)
    outcome = run_hardpix(
        "diagnose", *arguments, "--out", tmp_path / "a", "--bands", "[4,1,2]", "--value_range", "measured"
    )
    assert outcome.code == 0, outcome.err
    refused = run_hardpix("diagnose", *arguments[:4], "--out", tmp_path / "b", "--bands", "[4,1,2]")
    assert refused.code == 2
    assert "give their folder as --images" in refused.err


def test_data_sets_of_ones_own_of_any_number_of_channels() -> None:
    samples = [
        {"image": torch.rand(5, 40, 40), "target": torch.zeros(40, 40, dtype=torch.long), "stem": str(k)}
        for k in range(2)
    ]
    data = SegmentationData(train_set=samples, val_set=samples, classes=["a", "b"], workers=0)  # type: ignore[arg-type]
    assert data.channels == 5
    assert data.first_batch()["image"].shape[:2] == (1, 5)
    with pytest.raises(ValueError, match=r"train_set goes without --data\.bands"):
        SegmentationData(train_set=samples, val_set=samples, classes=["a", "b"], bands=[1])  # type: ignore[arg-type]


def test_images_unlike_those_of_the_training_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "images").mkdir()
    values = np.linspace(0, 3000, 32 * 48 * 4).reshape(32, 48, 4).astype(np.uint16)
    tifffile.imwrite(tmp_path / "images" / "a.tif", values, photometric="rgb", extrasamples=["unspecified"])
    open_folder(ImagePaths(tmp_path / "images"), ClassTable.from_names(["a", "b"]), 255, ImageFormat())
    said = capsys.readouterr().out
    assert "4 bands in 1 of 1 images" in said
    assert "gray levels" in said
    assert said.count("give images as the run was trained on") >= 1
    assert "--bands" not in said


@pytest.mark.parametrize("factor", [1, 1 / 10_000])
@pytest.mark.parametrize("command", ["fit", "check"])
def test_validation_images_of_another_unit(fields: Fields, tmp_path: Path, command: str, factor: float) -> None:
    """They are said before training; those of the same unit are not."""
    (tmp_path / "val").mkdir()
    for stem, stored in fields.stored.items():
        values = stored if factor == 1 else (stored * factor).astype(np.float32)
        tifffile.imwrite(tmp_path / "val" / f"{stem}.tif", values, photometric="rgb")
    option = "--data." if command == "fit" else "--"
    places = {"images": fields.images, "masks": fields.masks, "val_images": tmp_path / "val", "val_masks": fields.masks}
    arguments = [word for name, place in places.items() for word in (option + name, place)]
    arguments += [f"{option}bands", "[1, 2, 3, 4]", f"{option}value_range", "measured"]
    if command == "fit":
        arguments += ["--run", tmp_path / "run", "--model.network", "my_networks.OneBand", "--model.decoder", "decoder"]
        arguments += ["--model.network.channel", 3, "--model.network.in_channels", 4, *SHORT]
    outcome = run_hardpix(command, *arguments)
    assert outcome.code == 0, outcome.err
    said = "100 % of the numbers in 8 of 8 images (f0, f1, f2 …) below black"
    assert (said in outcome.out) == (factor != 1)
    assert ("image all but black (8)" in outcome.out) == (factor != 1)


@pytest.mark.parametrize("command", ["predict", "mine", "test"])
def test_one_image_of_another_unit_is_said_of_a_run(fields: Fields, tmp_path: Path, command: str) -> None:
    run = fit_one_band(fields, tmp_path / "run", 3, 4, "--data.bands", "[1, 2, 3, 4]", "--data.value_range", "measured")
    (tmp_path / "others").mkdir()
    for k, (stem, stored) in enumerate(fields.stored.items()):
        values = (stored / 10_000 if k == 5 else stored).astype(np.float32)
        tifffile.imwrite(tmp_path / "others" / f"{stem}.tif", values, photometric="rgb")
    arguments = ["--run", run.path, "--images", tmp_path / "others"]
    arguments += ["--masks", fields.masks] if command == "test" else ["--out", tmp_path / "out"]
    outcome = run_hardpix(command, *arguments)
    assert outcome.code == 0, outcome.err
    assert "100 % of the numbers in 1 of 8 images (f5) below black" in outcome.out
