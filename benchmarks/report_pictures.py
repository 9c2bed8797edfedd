"""The pictures of a report in the docs: short trainings on generated scenes, their reports, and what a browser shows.

Folders that are there already are kept, so that the pictures alone are remade in seconds after the page has changed.
"""

import argparse
import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from hardpix.scenes import GeneratedScenes

ROOT = Path(__file__).parents[1]
WIDTH = 1400
CLASSES = len(GeneratedScenes.classes)
# Name, address, and height of each picture.
PICTURES = {
    "report": ("#verdict", 900),
    "report_gallery": ("#gallery?class=8", 635),
    "report_picture": ("#picture?image=8", 900),
}
SIGNALS = {
    "cross_entropy": ["Uniform"],
    "learned_hardness": ["HardnessLevel", "--model.objective.signal.form", "published"],
}


def write_scenes(folder: Path, count: int, seed: int, size: tuple[int, int]) -> Path:
    """Images and masks of generated scenes."""
    if folder.exists():
        return folder
    for item in GeneratedScenes(count, seed, size):
        for kind, values in (("images", item["image"].permute(1, 2, 0)), ("masks", item["target"])):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values.numpy().astype(np.uint8)).save(folder / kind / f"{item['stem']}.png")
    table = GeneratedScenes.classes
    entries = [
        {"name": name, "id": k, "color": list(colors[0])}
        for k, (name, colors) in enumerate(zip(table.names, table.colors, strict=True))
    ]
    (folder / "classes.yaml").write_text(yaml.safe_dump({"classes": entries}), encoding="utf-8")
    return folder


def run(*arguments: object) -> None:
    """One command of hardpix."""
    subprocess.run([sys.executable, "-m", "hardpix", *map(str, arguments)], check=True)


def make_report(place: Path, epochs: int, scenes: int) -> Path:
    """Train both variants, and report the second against the first."""
    train, val = (
        write_scenes(place / name, n, k, (160, 320))
        for k, (name, n) in enumerate([("train", scenes), ("val", scenes // 3)])
    )
    given = [
        "--data.images",
        train / "images",
        "--data.masks",
        train / "masks",
        "--data.classes",
        train / "classes.yaml",
    ]
    given += ["--data.val_images", val / "images", "--data.val_masks", val / "masks", "--data.crop_size", "[128,256]"]
    given += [
        "--model.network",
        "hardpix.networks.LiteUNet",
        "--model.network.num_classes",
        CLASSES,
        "--trainer.max_epochs",
        epochs,
    ]
    reports: list[Path] = []
    for name, signal in SIGNALS.items():
        if not (place / name / "checkpoints").exists():
            run("fit", "--run", place / name, *given, "--model.objective", "WeightedCrossEntropy",
                "--model.objective.signal", *signal)  # fmt: skip
        against = ["--against", reports[0]] if reports else []
        run("test", "--run", place / name, "--lines", "pole,wire,railing", *against)
        reports.append(place / name / "report")
    return reports[-1]


def shoot(report: Path, out: Path) -> None:
    """Write the pictures of a report."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        shoot_with(browser, report, out)
        browser.close()


def shoot_with(browser: Any, report: Path, out: Path) -> None:
    """Write the pictures, in 256 colors."""
    for name, (address, height) in PICTURES.items():
        page = browser.new_page(viewport={"width": WIDTH, "height": height})
        page.goto((report / "index.html").absolute().as_uri() + address)
        page.locator("main h1").first.wait_for()
        page.wait_for_load_state("networkidle")
        taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        taken.quantize(256, dither=Image.Dither.NONE).save(out / f"{name}.png", optimize=True)
        page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="for scenes, runs and reports; kept")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--scenes", type=int, default=150)
    parser.add_argument("--report", type=Path, help="take pictures of this report, and train nothing")
    given = parser.parse_args()
    shoot(given.report or make_report(given.folder, given.epochs, given.scenes), given.out)


if __name__ == "__main__":
    main()
