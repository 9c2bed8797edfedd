"""Small data sets on disk, and runs that several tests look at."""

import csv
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hardpix.__main__ import main
from hardpix.networks import untap
from hardpix.training.run import Run

# A user's own modules, where Python looks for them.
OWN_CODE = Path(__file__).parent / "own_code"
sys.path.insert(0, str(OWN_CODE))
SIZE = (48, 64)

# A fit of a network of the user's own that takes a second.
TINY = (
    *("--model.network", "my_networks.Tiny", "--model.decoder", "decoder"),
    *("--data.workers", "0", "--data.batch_size", "4", "--data.crop_size", "[32,32]"),
    *("--trainer.max_epochs", "2", "--trainer.num_sanity_val_steps", "0", "--trainer.accelerator", "cpu"),
)


def write_pair(
    images: Path,
    masks: Path,
    stem: str,
    rng: np.random.Generator,
    ids: Sequence[int] = tuple(range(12)),
    size: tuple[int, int] = SIZE,
) -> None:
    """A noisy picture whose blocks have the brightness of their class, and its mask of stored ids."""
    blocks = rng.integers(0, len(ids), (-(-size[0] // 8), -(-size[1] // 8)))
    index = np.kron(blocks, np.ones((8, 8), dtype=np.int64))[: size[0], : size[1]]
    picture = 240 // len(ids) * index[..., None] + rng.integers(0, 12, (*size, 3))
    stored = np.array(ids)[index]
    for folder, values, kind in (
        (images, picture, np.uint8),
        (masks, stored, np.uint8 if max(ids) < 256 else np.uint16),
    ):
        file = folder / f"{stem}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values.astype(kind)).save(file)


@dataclass(frozen=True)
class Data:
    """A folder of images and one of masks."""

    images: Path
    masks: Path

    @property
    def arguments(self) -> list[str]:
        return ["--data.images", str(self.images), "--data.masks", str(self.masks)]


@dataclass(frozen=True)
class Outcome:
    """Result of a command."""

    code: int
    out: str
    err: str


# Commands that use a run, and so have --trust-run.
OF_RUNS = ("test", "predict", "mine", "label", "correct", "estimate", "export", "query")


def run_hardpix(*arguments: object, trust: bool = True) -> Outcome:
    """One command, in this process; the runs of these tests are their own, with networks of their own."""
    if trust and ((arguments[:1] and arguments[0] in OF_RUNS) or "--resume" in arguments) and "--run" in arguments:
        arguments = (*arguments, "--trust-run")
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return Outcome(code, out.getvalue(), err.getvalue())


Fit = Callable[..., Run]


def weights(folder: Run, which: str = "last") -> dict[str, torch.Tensor]:
    return torch.load(folder.checkpoint(which), weights_only=True)["state_dict"]


def rows(folder: Run, part: int = 0) -> list[dict[str, str]]:
    with (folder.logs / f"part_{part}" / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def column(folder: Run, name: str, part: int = 0) -> list[float]:
    return [float(row[name]) for row in rows(folder, part) if row.get(name)]


def logits_by_hand(run: Run, image: np.ndarray) -> torch.Tensor:
    """Output of the user's own network for one picture, without anything of hardpix around it."""
    task = run.load_task()
    network = untap(task.network)
    height, width = image.shape[:2]
    pixels = torch.zeros(1, 3, -(-height // 32) * 32, -(-width // 32) * 32)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    pixels[0, :, :height, :width] = torch.tensor((image / 255 - mean) / std).permute(2, 0, 1)
    with torch.no_grad():
        coarse = network(pixels)
    fine = torch.nn.functional.interpolate(coarse, pixels.shape[-2:], mode="bilinear", align_corners=False)
    return fine[0, :, :height, :width]


@pytest.fixture(scope="session")
def camvid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with train, trainannot, val and valannot; ids 0 to 10, 11 unlabeled."""
    root = tmp_path_factory.mktemp("camvid")
    rng = np.random.default_rng(0)
    for part, count in (("train", 8), ("val", 3)):
        for k in range(count):
            write_pair(root / part, root / f"{part}annot", f"0001TP_{k:06d}", rng)
    return root


@pytest.fixture(scope="session")
def nyuv2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with images, labels (ids 0 to 38, 255 unlabeled), depth of 8 bits, and both lists of stems."""
    root = tmp_path_factory.mktemp("nyuv2")
    rng = np.random.default_rng(2)
    for part, count in (("train", 8), ("val", 3)):
        stems = [f"{part}_{k:04d}" for k in range(count)]
        for stem in stems:
            write_pair(root / "images", root / "labels", stem, rng, ids=(*range(39), 255))
            (root / "depth").mkdir(exist_ok=True)
            Image.fromarray(rng.integers(30, 255, SIZE, dtype=np.uint8)).save(root / "depth" / f"{stem}.png")
        (root / f"{part}.txt").write_text("\n".join(stems))
    return root


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """12 images; their masks hold 0, 7 and 200."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(1)
    for k in range(12):
        write_pair(root / "images", root / "masks", f"frame_{k:03d}", rng, ids=(0, 7, 200))
    return Data(root / "images", root / "masks")


@pytest.fixture(scope="session")
def default_run(data: Data, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Outcome]:
    """hardpix fit with nothing but two folders (and a short training): its run folder and what it said."""
    path = tmp_path_factory.mktemp("default") / "run"
    outcome = run_hardpix("fit", *data.arguments, "--run", path, "--trainer.max_epochs", 2)
    assert outcome.code == 0, outcome.err
    return Run(path, trusted=True), outcome


@pytest.fixture(scope="session")
def fit_tiny(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Fits the tiny network on the data, with further arguments, into a new folder."""

    def fit(*arguments: object) -> Run:
        path = tmp_path_factory.mktemp("tiny") / "run"
        outcome = run_hardpix("fit", *data.arguments, *TINY, "--run", path, *arguments)
        assert outcome.code == 0, outcome.err
        return Run(path, trusted=True)

    return fit


@pytest.fixture(scope="session")
def tiny_run(fit_tiny: Callable[..., Run]) -> Run:
    """Two epochs of the tiny network with learned hardness."""
    return fit_tiny()


IDS = (0, 7, 3000)
SIZES = {"a/one": (48, 64), "a/two": (40, 56), "b/one": (33, 97), "b/deep/three": (64, 48), "four": (48, 64)}


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Contents and times of all files below a folder."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mtime_ns) for file in files}


def read(file: Path) -> np.ndarray:
    with Image.open(file) as image:
        return np.array(image)


@dataclass(frozen=True)
class Mixed:
    """A run on masks of 16 bits, images in subfolders and of several sizes, and files that no run has seen."""

    run: Run
    data: Data


@pytest.fixture(scope="session")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    root = tmp_path_factory.mktemp("mixed")
    data = Data(root / "images", root / "masks")
    rng = np.random.default_rng(4)
    for stem, size in SIZES.items():
        write_pair(data.images, data.masks, stem, rng, IDS, size)
    outcome = run_hardpix("fit", *data.arguments, *TINY, "--run", root / "run", "--trainer.max_epochs", 3)
    assert outcome.code == 0, outcome.err
    return Mixed(Run(root / "run", trusted=True), data)
