"""Sparse labels drawn from dense masks: clicks, scribbles, boxes, blocks, as an annotator would leave them.

    python benchmarks/sparse_labels.py --masks data/camvid/trainannot --classes camvid --kind clicks --out data/clicks

The masks keep the data set's ids; everything that is not drawn has the id of unlabeled pixels. The same seed and file
name give the same labels, whatever other files there are.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from hardpix.data import read_mask, write_mask
from hardpix.data.class_source import class_table

# Regions of fewer pixels are no object that an annotator would see.
SMALLEST = 16
Draw = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def regions_of(ids: np.ndarray, labeled: np.ndarray) -> list[np.ndarray]:
    """Masks of the 8-connected parts of each id: the largest of every id first, then the others; both by size."""
    firsts, others = [], []
    for number in np.unique(ids[labeled]):
        count, parts, stats, _ = cv2.connectedComponentsWithStats(((ids == number) & labeled).astype(np.uint8))
        by_size = sorted(range(1, count), key=lambda part: (-stats[part, cv2.CC_STAT_AREA], part))
        firsts += [parts == part for part in by_size[:1]]
        others += [parts == part for part in by_size[1:] if stats[part, cv2.CC_STAT_AREA] >= SMALLEST]
    return sorted(firsts, key=np.count_nonzero, reverse=True) + sorted(others, key=np.count_nonzero, reverse=True)


def depth_of(region: np.ndarray, kind: int = cv2.DIST_L2) -> np.ndarray:
    """Distance of a region's pixels to what is outside of it or of the image."""
    framed = np.pad(region.astype(np.uint8), 1)
    return cv2.distanceTransform(framed, kind, cv2.DIST_MASK_PRECISE if kind == cv2.DIST_L2 else 3)[1:-1, 1:-1]


def disc(size: int) -> np.ndarray:
    """A round brush of so many pixels across."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))


def clicks(ids: np.ndarray, labeled: np.ndarray, random: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Mask of so many clicks: one a region, as long as they last, the rest by the regions' areas.

    A click is well inside of its region, and `size` pixels across, as far as the region goes.
    """
    regions = regions_of(ids, labeled)
    drawn = np.zeros(ids.shape, bool)
    if not regions:
        return drawn
    areas = np.array([np.count_nonzero(region) for region in regions])
    rest = random.choice(len(regions), max(0, count - len(regions)), p=areas / areas.sum())
    taken = np.zeros(ids.shape, bool)
    for number in [*range(min(count, len(regions))), *rest]:
        depth = np.where(taken, 0, depth_of(regions[number]))
        inside = np.flatnonzero((depth >= 0.5 * depth.max()) & (depth > 0))
        if not len(inside):
            continue
        dot = np.zeros(ids.shape, np.uint8)
        dot.flat[random.choice(inside)] = 1
        taken |= dot > 0
        drawn |= (cv2.dilate(dot, disc(size)) > 0) & regions[number]
    return drawn


def scribbles(ids: np.ndarray, labeled: np.ndarray, random: np.random.Generator, size: int) -> np.ndarray:
    """Mask of one stroke a region, along half or more of its skeleton, `size` pixels wide."""
    from skimage.morphology import skeletonize

    drawn = np.zeros(ids.shape, bool)
    for region in regions_of(ids, labeled):
        bones = skeletonize(region)
        rows, columns = np.nonzero(bones)
        if not len(rows):
            continue
        # The part of the skeleton nearest to one of its pixels, which is one piece but for branches.
        start = random.integers(len(rows))
        apart = np.hypot(rows - rows[start], columns - columns[start])
        kept = np.argsort(apart, kind="stable")[: max(1, round(random.uniform(0.5, 1.0) * len(rows)))]
        stroke = np.zeros(ids.shape, np.uint8)
        stroke[rows[kept], columns[kept]] = 1
        drawn |= (cv2.dilate(stroke, disc(size)) > 0) & region
    return drawn


def boxes(ids: np.ndarray, labeled: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Mask of the largest square inside of each region."""
    drawn = np.zeros(ids.shape, bool)
    for region in regions_of(ids, labeled):
        depth = depth_of(region, cv2.DIST_C)
        reach = int(depth.max()) - 1
        row, column = divmod(int(random.choice(np.flatnonzero(depth == depth.max()))), ids.shape[1])
        drawn[row - reach : row + reach + 1, column - reach : column + reach + 1] = True
    return drawn


def blocks(ids: np.ndarray, labeled: np.ndarray, random: np.random.Generator, count: int, side: int) -> np.ndarray:
    """Mask of so many squares at random places, labeled throughout."""
    drawn = np.zeros(ids.shape, bool)
    for _ in range(count):
        row, column = (random.integers(max(1, length - side + 1)) for length in ids.shape)
        drawn[row : row + side, column : column + side] = True
    return drawn & labeled


def sparse(ids: np.ndarray, unlabeled: list[int], draw: Draw, random: np.random.Generator) -> np.ndarray:
    """The ids where they are drawn, the first unlabeled id elsewhere."""
    drawn = draw(ids, ~np.isin(ids, unlabeled), random)
    return np.where(drawn, ids, ids.dtype.type(unlabeled[0]))


def random_of(seed: int, stem: str) -> np.random.Generator:
    """Random numbers of one file."""
    return np.random.default_rng((seed, zlib.crc32(stem.encode())))


def main() -> None:
    """Write the sparse masks of a folder, and say which share of the pixels they label."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--masks", type=Path, required=True, help="folder of dense masks of ids, png")
    parser.add_argument("--out", type=Path, required=True, help="new folder of the sparse masks")
    parser.add_argument("--classes", help="class table with the unlabeled ids: name of a preset or YAML; else 255")
    parser.add_argument("--kind", choices=("clicks", "scribbles", "boxes", "blocks"), default="clicks")
    parser.add_argument("--count", type=int, default=20, help="clicks or blocks an image")
    parser.add_argument("--size", type=int, help="pixels across: of clicks 1, of scribbles 3, of blocks 10")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.out.exists():
        parser.error(f"expected a new folder as --out, found {given.out}")
    table = None if given.classes is None else class_table(given.classes, None, None, None)
    unlabeled = [*(table.ignore_ids if table is not None else ())] or [255]
    draws: dict[str, Draw] = {
        "clicks": partial(clicks, count=given.count, size=given.size or 1),
        "scribbles": partial(scribbles, size=given.size or 3),
        "boxes": boxes,
        "blocks": partial(blocks, count=given.count, side=given.size or 10),
    }
    labeled = pixels = 0
    files = sorted(given.masks.glob("*.png"))
    if not files:
        parser.error(f"expected png masks, found none in {given.masks}")
    for path in files:
        ids = read_mask(path)
        if ids.ndim != 2:
            parser.error(f"expected masks of ids, found colors in {path}")
        found = sparse(ids, unlabeled, draws[given.kind], random_of(given.seed, path.stem))
        write_mask(given.out / path.name, found)
        labeled += int((~np.isin(found, unlabeled)).sum())
        pixels += found.size
    print(f"{len(files)} masks, {100 * labeled / max(pixels, 1):.4g} % of the pixels labeled")


if __name__ == "__main__":
    main()
