"""Thin things on the coarse grid of a network's logits: scores of the truth itself, averaged over cells.

    python benchmarks/label_grid.py --preset camvid --root DIR --grid 30x40 60x80

The truth's share of each class in every cell of the grid is enlarged bilinearly, as logits are, and scored as if it
were a prediction. No bound, since logits may be sharper than shares; but where this is near 0, no network on this grid
finds the class easily. Prints Markdown.
"""

from __future__ import annotations

import argparse

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import track
from torch import Tensor

from hardpix.data import SegmentationFolder, load_preset
from hardpix.metrics import SegmentationScores


def seen_through(target: Tensor, num_classes: int, grid: tuple[int, int]) -> Tensor:
    """(1, H, W) labels to the classes (1, H, W) of the largest share, after averaging over a grid."""
    shares = torch.stack([(target == k).float() for k in range(num_classes)], 1)
    coarse = F.adaptive_avg_pool2d(shares, grid)
    return F.interpolate(coarse, target.shape[-2:], mode="bilinear", align_corners=False).argmax(1)


def read_grid(text: str) -> tuple[int, int]:
    height, width = text.split("x")
    return int(height), int(width)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="camvid", help="name of a known data set, or a YAML file of one's own")
    parser.add_argument("--root", required=True, help="its folder")
    parser.add_argument("--part", default="val", help="train, val or test")
    parser.add_argument("--grid", nargs="+", type=read_grid, default=[(30, 40), (60, 80)], help="rows x columns")
    given = parser.parse_args()
    preset = load_preset(given.preset)
    folders = preset.folders(given.root, given.part)
    endings = {"image_suffix": folders.image_suffix, "mask_suffix": folders.mask_suffix}
    samples = SegmentationFolder(folders.images, folders.masks, preset.classes, **endings)
    scores = [SegmentationScores(len(preset.classes)) for _ in given.grid]
    for index in track(range(len(samples)), "scoring the truth", console=Console(stderr=True)):
        target = samples[index]["target"].as_subclass(Tensor).long().unsqueeze(0)
        for grid, counted in zip(given.grid, scores, strict=True):
            counted.update(seen_through(target, len(preset.classes), grid), target)
    found = [counted.compute() for counted in scores]
    print(f"| score | {' | '.join(f'{height}×{width}' for height, width in given.grid)} |")
    print("|---" * (len(found) + 1) + "|")
    rows = {"mIoU": [values["miou"] for values in found], "mIoU near borders": [v["border_miou"] for v in found]}
    rows |= {name: [v["class_iou"][k] for v in found] for k, name in enumerate(preset.classes.names)}
    for name, values in rows.items():
        print(f"| {name} | {' | '.join(f'{100 * float(value):.1f}' for value in values)} |")


if __name__ == "__main__":
    main()
