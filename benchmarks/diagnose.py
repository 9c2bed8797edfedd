"""Cost of a diagnosis: every metric over reading the files, the whole command's images a second, its memory.

python benchmarks/diagnose.py                    # prints
python benchmarks/diagnose.py --record
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from environment import describe_run
from PIL import Image
from process_tree import Finished, run
from street_maps import NUM_CLASSES, VOID, Labels, write_pairs

from hardpix.data import ClassTable
from hardpix.data.palette import palette
from hardpix.diagnosis.file_pairs import ImageFiles
from hardpix.diagnosis.image_findings import describe_image
from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.parallel import cores
from hardpix.diagnosis.readers import Reader
from hardpix.diagnosis.scores import report_scores
from hardpix.diagnosis.scores.calibration import Calibration
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.sides import SideReader
from hardpix.diagnosis.tally import count_image, image_row
from hardpix.metrics import (
    boundary_error_counts,
    boundary_f_counts,
    boundary_iou_counts,
    cl_dice_counts,
    classify_errors,
    confident_thresholds,
    error_histogram,
    find_label_suspects,
    hardness_counts,
    match_objects,
    object_counts,
    self_confidence_counts,
    suspect_regions,
    thin_part_counts,
)
from hardpix.report.diagnose_image import PictureWriter

PACKAGES = ("numpy", "opencv-python-headless", "pillow", "torch")
RECORD = Path(__file__).parent / "results" / "diagnose.md"
FLOOR, WHOLE, TARGET = "floor", "all default metrics", 12
DRAWN = 8
WORKERS = 2  # where memory is measured
LINES = (8, 9)  # poles and wires
METHOD = f"""\
Label maps of {NUM_CLASSES} classes: generated street scenes with some unlabelled patches; as predictions the same with
borders bent by some pixels, small objects erased, and regions and specks of wrong classes. Pngs as Pillow saves them.

*One image*, on one thread, in processor time, which a busy neighbour disturbs less than the clock's. The floor is to
decode both pngs with Pillow and to count the pairs of classes with one np.bincount. In every round each contestant runs
once on one image, in an order that rotates, and gives a ratio to the floor of that round. "{WHOLE}" is everything from
the two files to the counts and the findings of the image; below it are its parts, each run by itself, and below them
what further maps or options add; these maps are in memory already.

*The command*, from its start to the finished report, a process of its own each time; files are hard links to {DRAWN}
drawn pairs. It reads every pair twice: all files are checked before the first is diagnosed.

*Memory*: that of the command with all its processes, where their sum is largest, and of its first process alone; pages
that processes share are counted once. Looked at 10 times a second, as /proc has it."""
Contestants = dict[str, Callable[[], object]]


def contestants(truth_path: Path, prediction_path: Path, out: Path) -> Contestants:
    """Contestants that are timed on one image, by name: the floor, the whole, its parts, and what comes on top."""
    table = ClassTable([f"class {k}" for k in range(NUM_CLASSES)], range(NUM_CLASSES))
    settings, reader = Settings(NUM_CLASSES), Reader(SideReader(table), SideReader(table))
    case = ImageFiles("image", {"truth": truth_path, "predictions": prediction_path})
    truth, prediction = reader.labels(case)
    probabilities = _probabilities(prediction)
    scores = report_scores(settings)
    maps = ImageMaps(
        truth, prediction, settings, image=np.repeat(truth[..., None], 3, axis=2), probabilities=probabilities
    )
    hardness = (65535 - 257 * probabilities.max(axis=0).astype(np.int32)).astype(np.uint16)
    thresholds = confident_thresholds(self_confidence_counts(probabilities, truth, VOID))
    pair = (prediction, truth)
    objects = match_objects(*pair, NUM_CLASSES, VOID)
    row = image_row(scores, count_image(scores, maps))
    drawing = PictureWriter(out, palette(NUM_CLASSES))

    def floor() -> np.ndarray:
        true, predicted = (np.array(Image.open(path)) for path in (truth_path, prediction_path))
        return np.bincount((true.astype(np.uint16) * 256 + predicted).ravel())

    def whole() -> object:
        read = ImageMaps(*reader.labels(case), settings)
        return describe_image(read, image_row(scores, count_image(scores, read)))

    def confident_learning() -> object:
        self_confidence_counts(probabilities, truth, VOID)
        found = find_label_suspects(probabilities, truth, thresholds, VOID, tolerance=settings.suspect_tolerance)
        return suspect_regions(found.suspected, probabilities, truth, VOID)

    return {
        FLOOR: floor,
        WHOLE: whole,
        "— reading and checking the labels": lambda: reader.labels(case),
        "— objects of truth and prediction": lambda: match_objects(*pair, NUM_CLASSES, VOID),
        "— kinds of error": lambda: classify_errors(objects, settings.radius),
        "— scores by size": lambda: object_counts(objects, settings.sizes, settings.radius),
        "— Boundary IoU": lambda: boundary_iou_counts(*pair, NUM_CLASSES, VOID, widths=[settings.band]),
        "— boundary F-score": lambda: boundary_f_counts(*pair, NUM_CLASSES, VOID, tolerances=[settings.tolerance]),
        "— FErr, MErr, DErr": lambda: boundary_error_counts(*pair, NUM_CLASSES, VOID),
        "— thin parts": lambda: thin_part_counts(*pair, NUM_CLASSES, VOID, radii=[settings.thin_radius]),
        "— findings of the image": lambda: describe_image(maps, row),
        "+ clDice of two classes": lambda: cl_dice_counts(*pair, NUM_CLASSES, LINES, VOID),
        "+ hardness": lambda: (
            error_histogram(hardness, *pair, NUM_CLASSES, VOID),
            hardness_counts(hardness, *pair, NUM_CLASSES, VOID),
        ),
        "+ calibration": lambda: Calibration().count(replace(maps)),
        "+ confident learning, both passes": confident_learning,
        "+ pictures": lambda: drawing.draw(0, maps),
    }


def _probabilities(prediction: Labels) -> np.ndarray:
    """(C, H, W) uint8: unsure along the borders."""
    return np.stack([cv2.blur(np.uint8(255) * (prediction == k), (15, 15)) for k in range(NUM_CLASSES)])


def measure(pairs: list[tuple[Path, Path]], rounds: int, out: Path) -> dict[str, list[float]]:
    """Milliseconds of every contestant in every round, after one on each image that is not counted."""
    milliseconds: dict[str, list[float]] = {}
    for number, pair in enumerate(pairs):
        runs = contestants(*pair, out)
        order = list(runs)
        for k in range(len(range(number, rounds, len(pairs))) + 1):
            order = order[1:] + order[:1]
            for name in order:
                start = time.process_time()
                runs[name]()
                if k:
                    milliseconds.setdefault(name, []).append(1000 * (time.process_time() - start))
    return {name: milliseconds[name] for name in runs}


def table_of_parts(milliseconds: dict[str, list[float]]) -> list[str]:
    """Markdown."""
    lines = ["| what | median | times the floor in a round: median [quartiles] | target |", "|---|---|---|---|"]
    for name, values in milliseconds.items():
        ratios = [mine / base for mine, base in zip(values, milliseconds[FLOOR], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        target = f"≤ {TARGET}" if name == WHOLE else ""
        cells = (f"{statistics.median(values):.1f} ms", f"{middle:.2f} [{low:.2f}, {high:.2f}]", target)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def command_rates(pairs: list[tuple[Path, Path]], images: int, rounds: int, folder: Path) -> list[str]:
    """Markdown: images a second of the command, with one and with all cores, in every round once."""
    inputs = hard_links(pairs, images, folder / "inputs")
    settings = [(workers, pictures) for pictures in (False, True) for workers in sorted({1, cores()})]
    seconds: dict[tuple[int, bool], list[float]] = {setting: [] for setting in settings}
    for _ in range(rounds):
        for workers, pictures in settings:
            seconds[workers, pictures].append(diagnose(inputs, folder / "report", workers, pictures).seconds)
    lines = [f"| {images} images | processes | seconds | images a second |", "|---|---|---|---|"]
    for (workers, pictures), values in seconds.items():
        middle = statistics.median(values)
        name = "with pictures" if pictures else "thumbnails alone"
        lines.append(f"| {name} | {workers} | {middle:.1f} | {images / middle:.1f} |")
    return lines


def peak_memory(pairs: list[tuple[Path, Path]], counts: list[int], folder: Path) -> list[str]:
    """Markdown: the command's memory by the number of images."""
    if not sys.platform.startswith("linux"):
        return ["Memory was not measured: nothing tells it here."]
    lines = ["| images | all processes, at their peak | the first process alone |", "|---|---|---|"]
    for images in counts:
        inputs = hard_links(pairs, images, folder / str(images))
        finished = diagnose(inputs, folder / "report", WORKERS, pictures=False, watch=True)
        lines.append(f"| {images:,} | {finished.peak / 2**20:.0f} MiB | {finished.first_peak / 2**20:.0f} MiB |")
    return lines


def hard_links(pairs: list[tuple[Path, Path]], images: int, folder: Path) -> Path:
    """A folder of so many pairs; the disk holds each drawn one once."""
    for number in range(images):
        for path in pairs[number % len(pairs)]:
            link = folder / path.parent.name / f"{number:06d}.png"
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, link)
    return folder


def diagnose(inputs: Path, out: Path, workers: int, pictures: bool, watch: bool = False) -> Finished:
    """The command, in a process of its own."""
    options = {
        "truth": inputs / "truth",
        "predictions": inputs / "predictions",
        "out": out,
        "classes": "[" + ",".join(f"class {k}" for k in range(NUM_CLASSES)) + "]",
        "workers": workers,
        "pictures": str(pictures).lower(),
        "overwrite": "true",
    }
    command = [f"--{name}={value}" for name, value in options.items()]
    return run([sys.executable, "-m", "hardpix", "diagnose", *command], watch)


def report(given: argparse.Namespace) -> list[str]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        pairs = write_pairs(folder / "large", DRAWN, tuple(given.size))
        small = write_pairs(folder / "small", DRAWN, tuple(given.small_size))
        (folder / "pictures").mkdir()
        height, width = given.size
        lines = [f"One image of {height}×{width}, {given.rounds} rounds over {DRAWN} images:", ""]
        lines += table_of_parts(measure(pairs, given.rounds, folder / "pictures"))
        lines += ["", f"The command on images of {height}×{width}, median of {given.runs}:", ""]
        lines += command_rates(pairs, given.images, given.runs, folder / "rates")
        height, width = given.small_size
        lines += ["", f"Memory of the command, {WORKERS} workers, images of {height}×{width}, thumbnails alone:", ""]
        return lines + peak_memory(small, given.memory_images, folder / "memory")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n\n{METHOD}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    size = {"nargs": 2, "type": int, "metavar": ("HEIGHT", "WIDTH")}
    parser.add_argument("--size", default=(1024, 2048), **size, help="of the images (default 1024 2048)")
    parser.add_argument("--rounds", type=int, default=16, help="of every contestant on one image (default 16)")
    parser.add_argument("--images", type=int, default=32, help="that the command is given (default 32)")
    parser.add_argument("--runs", type=int, default=1, help="of the command with each setting (default 1)")
    parser.add_argument("--small-size", default=(256, 512), **size, help="for memory (default 256 512)")
    parser.add_argument("--memory-images", type=int, nargs="+", default=[200, 2000], help="(default 200 2000)")
    parser.add_argument("--record", type=Path, nargs="?", const=RECORD, help=f"write a page (default {RECORD.name})")
    given = parser.parse_args()
    if given.rounds < 2:
        parser.error(f"quartiles need at least 2 rounds, found --rounds {given.rounds}")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    header = ["# What a diagnosis costs", "", METHOD, "", *describe_run(PACKAGES, torch.device("cpu"), 1), ""]
    lines = report(given)
    sys.stdout.write("\n".join(lines) + "\n")
    if given.record:
        given.record.write_text("\n".join([*header, *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
