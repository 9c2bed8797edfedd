"""Effect of refiners on the predictions of trained networks, where they harm, too.

Settings of each refiner are chosen by mIoU on the images of --choose, and scored on those of --score:

    hardpix predict --run runs/a --images train --out a_train --probabilities
    hardpix predict --run runs/a --images val --out a_val --probabilities
    python benchmarks/refined_predictions.py --classes camvid \
        --choose train trainannot a_train/probabilities --score val valannot a_val/probabilities --record
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from environment import describe_run

from hardpix.data import ClassTable, read_image
from hardpix.data.class_source import class_table
from hardpix.data.files import files_by_stem
from hardpix.data.masks import read_mask
from hardpix.metrics import class_iou, confusion_matrix
from hardpix.metrics.boundary_iou import boundary_iou_counts, boundary_iou_scores
from hardpix.metrics.thin_parts import thin_part_counts, thin_part_scores
from hardpix.refiners import PAMR, PAR, DenseCRF, Refiner

RECORD = Path(__file__).parent / "results" / "refined_predictions.md"
METHOD = """\
Each refiner corrects the probabilities that a trained network gave for an image. Its setting is the one of highest mIoU
on images of the training set, and what the last table shows are other images. *Boundary IoU*: mean over the
classes, in bands of 2 pixels. *Thin recall*: share of the pixels that are found where a disc of 3 pixels has no room,
mean over the classes. All in %.
"""
CANDIDATES: dict[str, dict[str, Refiner]] = {
    "PAMR": {
        "PAMR((1, 2), steps=1)": PAMR((1, 2), 1),
        "PAMR((1, 2, 4), steps=3)": PAMR((1, 2, 4), 3),
        "PAMR()": PAMR(),
    },
    "PAR": {
        "PAR((1, 2), steps=1)": PAR((1, 2), 1),
        "PAR((1, 2, 4), steps=3)": PAR((1, 2, 4), 3),
        "PAR()": PAR(),
    },
    "DenseCRF": {
        "DenseCRF()": DenseCRF(),
        "DenseCRF(3, 1, 1, 1, 30, 3)": DenseCRF(3, 1, 1, 1, 30, 3),
        "DenseCRF(5, 3, 3, 10, 80, 13)": DenseCRF(5, 3, 3, 10, 80, 13),
    },
}
WIDTH, RADIUS = 2, 3


class Counts:
    """Counts of one way to predict, summed over images."""

    def __init__(self, classes: int, miou_alone: bool) -> None:
        self.classes, self.miou_alone, self.images = classes, miou_alone, 0
        self.confusion = torch.zeros(classes, classes, dtype=torch.int64)
        self.band: np.ndarray | int = 0
        self.thin: np.ndarray | int = 0
        self.changed, self.pixels = 0, 0

    def add(self, prediction: np.ndarray, target: np.ndarray, before: np.ndarray) -> None:
        """The next image; labels (H, W), 255 without one."""
        given = torch.from_numpy(prediction.astype(np.int64)), torch.from_numpy(target.astype(np.int64))
        self.confusion += confusion_matrix(*given, self.classes)
        self.images += 1
        if self.miou_alone:
            return
        self.band = self.band + boundary_iou_counts(prediction, target, self.classes, widths=[WIDTH])
        self.thin = self.thin + thin_part_counts(prediction, target, self.classes, radii=[RADIUS])
        self.changed += int((prediction != before).sum())
        self.pixels += prediction.size

    @property
    def scores(self) -> dict[str, float]:
        """By the title of a column."""
        miou = float(class_iou(self.confusion).nanmean())
        if self.miou_alone:
            return {"mIoU": miou}
        band, thin = boundary_iou_scores(np.asarray(self.band)), thin_part_scores(np.asarray(self.thin))
        return {
            "mIoU": miou,
            "Boundary IoU": float(band["mean_boundary_iou"][0]),
            "thin recall": float(thin["mean_thin_recall"][0]),
            "thin IoU": float(thin["mean_thin_iou"][0]),
            "pixels changed": self.changed / self.pixels,
        }


def images(
    folders: list[str], table: ClassTable, every: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, np.ndarray]]:
    """Probabilities (1, C, H, W), image (1, 3, H, W) and target (H, W) of one image in so many."""
    pictures, masks = (files_by_stem(folder) for folder in folders[:2])
    shares = files_by_stem(folders[2], suffixes=(".npy",))
    for stem in [stem for stem in pictures if stem in masks and stem in shares][::every]:
        given = torch.from_numpy(np.load(shares[stem][0]).astype(np.float32))[None]
        picture = torch.from_numpy(read_image(pictures[stem][0])).movedim(-1, 0)[None]
        yield given / given.sum(1, keepdim=True), picture, table.codes(read_mask(masks[stem][0]))[0]


@torch.inference_mode()
def counted(
    refiners: Mapping[str, Refiner],
    folders: list[str],
    table: ClassTable,
    every: int,
    device: torch.device,
    miou_alone: bool = False,
) -> dict[str, Counts]:
    """Counts without and with each refiner."""
    counts = {name: Counts(len(table), miou_alone) for name in ["without", *refiners]}
    for number, (given, picture, target) in enumerate(images(folders, table, every)):
        before = given[0].argmax(0).numpy().astype(np.uint8)
        for name, count in counts.items():
            refined = refiners[name](given.to(device), picture.to(device)) if name in refiners else given
            count.add(refined[0].argmax(0).cpu().numpy().astype(np.uint8), target, before)
        sys.stderr.write(f"\r{folders[2]}: {number + 1} images")
    sys.stderr.write("\n")
    if not counts["without"].images:
        raise SystemExit(f"no image of {folders[0]} has both a mask in {folders[1]} and probabilities in {folders[2]}")
    return counts


def table_of(scores: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Markdown: scores, and differences to the first row."""
    first = next(iter(scores.values()))
    lines = [f"| | {' | '.join(first)} |", "|---" * (len(first) + 1) + "|"]
    for name, row in scores.items():
        cells = [
            f"{100 * value:.1f}"
            + ("" if row is first or key == "pixels changed" else f" ({100 * (value - first[key]):+.1f})")
            for key, value in row.items()
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n\n{METHOD}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    three = ("IMAGES", "MASKS", "PROBABILITIES")
    parser.add_argument(
        "--choose", nargs=3, action="append", required=True, metavar=three, help="once for each network"
    )
    parser.add_argument("--score", nargs=3, action="append", required=True, metavar=three, help="likewise")
    parser.add_argument("--classes", required=True, help="YAML file of the classes, or the name of a preset")
    parser.add_argument("--choose-every", type=int, default=1, help="choose by one image in so many (default 1)")
    parser.add_argument("--score-every", type=int, default=1, help="score one image in so many (default 1)")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="cpu, cuda, … (default cpu)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="that torch uses on the CPU")
    parser.add_argument("--record", type=Path, nargs="?", const=RECORD, help=f"write a page (default {RECORD.name})")
    given = parser.parse_args()
    if len(given.choose) != len(given.score):
        parser.error("expected --choose and --score once for each network")
    torch.set_num_threads(given.threads)
    table = class_table(given.classes)
    assert table is not None
    header = ["# What refiners do to the predictions of trained networks", "", METHOD]
    header += [*describe_run(("torch",), given.device, given.threads), ""]
    lines: list[str] = []
    every = {name: refiner for family in CANDIDATES.values() for name, refiner in family.items()}
    for choose, score in zip(given.choose, given.score, strict=True):
        found = {
            name: c.scores
            for name, c in counted(every, choose, table, given.choose_every, given.device, miou_alone=True).items()
        }
        chosen = [max(family, key=lambda name: found[name]["mIoU"]) for family in CANDIDATES.values()]
        final = counted({name: every[name] for name in chosen}, score, table, given.score_every, given.device)
        title, number = f"## {Path(score[2]).parent.name}", final["without"].images
        lines += [title, "", "Candidates, on images of the training set:", "", *table_of(found), ""]
        lines += [f"The best of each, on {number} others:", ""]
        lines += [*table_of({name: count.scores for name, count in final.items()}), ""]
    sys.stdout.write("\n".join(lines) + "\n")
    if given.record:
        given.record.write_text("\n".join([*header, *lines]), encoding="utf-8")


if __name__ == "__main__":
    main()
