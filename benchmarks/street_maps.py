"""Label maps like those of streets, and predictions of them that are wrong as those of networks are."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hardpix.metrics import connected_components
from hardpix.scenes import GeneratedScenes
from hardpix.scenes.layout import sample_layout
from hardpix.scenes.render import render

NUM_CLASSES, VOID = 19, 255
Labels = NDArray[np.uint8]


def draw_pair(number: int, size: tuple[int, int]) -> tuple[Labels, Labels]:
    """Truth and prediction, (H, W); the same for the same number and size."""
    rng = np.random.default_rng(number)
    truth = _truth(rng, size)
    prediction = _prediction(truth, rng)
    _leave_unlabelled(truth, rng)
    return truth, prediction


def write_pairs(folder: Path, count: int, size: tuple[int, int]) -> list[tuple[Path, Path]]:
    """Pngs as Pillow saves them, in the folders "truth" and "predictions"."""
    paths = []
    for number in range(count):
        pair = (folder / "truth" / f"{number:05d}.png", folder / "predictions" / f"{number:05d}.png")
        for path, labels in zip(pair, draw_pair(number, size), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(labels).save(path)
        paths.append(pair)
    return paths


def _truth(rng: np.random.Generator, size: tuple[int, int]) -> Labels:
    """A generated scene; every other object of its first classes is of a class of its own, which makes 19."""
    labels = render(sample_layout(rng, size), rng).target.astype(np.uint8)
    objects = connected_components(labels)
    known = len(GeneratedScenes.classes)
    other = (objects.label < NUM_CLASSES - known) & (rng.random(len(objects.label)) < 0.5)
    return (objects.label + known * other).astype(np.uint8)[objects.map]


def _prediction(truth: Labels, rng: np.random.Generator) -> Labels:
    """Small objects erased, specks and regions of a wrong class, all borders bent by some pixels."""
    height, width = truth.shape
    scale = height / 1024
    objects = connected_components(truth)
    erased = (objects.area < 4000 * scale**2) & (rng.random(len(objects.area)) < 0.2)
    around = cv2.medianBlur(cv2.erode(truth, np.ones((3, 3), np.uint8)), 5)
    labels = np.where(erased[objects.map], around, truth)
    for largest, count in ((12, 60), (100, 12)):
        for _ in range(count):
            centre = (int(rng.integers(width)), int(rng.integers(height)))
            axes = np.maximum(rng.uniform(0.2, 1, 2) * largest * scale, 1).astype(int).tolist()
            cv2.ellipse(labels, centre, axes, rng.uniform(0, 180), 0, 360, int(rng.integers(NUM_CLASSES)), -1)
    coarse = rng.normal(0, 2.5 * scale, (2, max(height // 24, 2), max(width // 24, 2))).astype(np.float32)
    dy, dx = (cv2.resize(step, (width, height), interpolation=cv2.INTER_CUBIC) for step in coarse)
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(labels, columns + dx, rows + dy, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)


def _leave_unlabelled(truth: Labels, rng: np.random.Generator) -> None:
    """The bonnet of the car that looks on, and a few patches that nobody named."""
    height, width = truth.shape
    cv2.ellipse(truth, (width // 2, height), (int(0.4 * width), int(0.09 * height)), 0, 0, 360, VOID, -1)
    for _ in range(12):
        corners = rng.uniform(0, 1, 2) * (width, height) + rng.normal(0, 0.02 * height, (5, 2))
        cv2.fillPoly(truth, [cv2.convexHull(corners.astype(np.int32))], VOID)
