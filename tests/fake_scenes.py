"""Small street scenes with known faults, and rough counts of them."""

from __future__ import annotations

from typing import Any

import numpy as np

CLASSES = {
    "sky": (112, 160, 205),
    "building": (110, 96, 98),
    "road": (92, 62, 122),
    "vegetation": (92, 130, 40),
    "pole": (232, 226, 206),
    "sign": (245, 205, 40),
}
KINDS = {
    "displaced": ("Displaced border", (86, 180, 233), "Within 2 px of where the two classes meet in the truth."),
    "missed": ("Missed object", (213, 94, 0), "In an object of the truth of which less than a quarter is found."),
    "false": ("False response", (240, 228, 66), "In a predicted object that touches no truth of its class."),
    "confused": ("Confused parts", (204, 121, 167), "The rest: a part of an object taken for another class."),
}
FALSE = list(KINDS).index("false")
BANDS = [
    ("up to 32 px", 0, 32),
    ("32 to 256 px", 32, 256),
    ("256 to 1024 px", 256, 1024),
    ("above 1024 px", 1024, None),
]
ODD_NAMES = ["<img src=x onerror=alert(1)>", 'it\'s "100 %" #7 & more', "Straße_Ä/ö", "%3Cb%3E", "</script><b>"]
ODD_CLASS = "<img src=x onerror=alert(2)> & pole's"
C, K = len(CLASSES), len(KINDS)


def scene(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Truth, prediction, a better prediction, image; the faults are a shift, a lost pole, a false sign, a mix-up."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    truth = np.zeros((height, width), np.uint8)
    x = 0
    blocks = []
    while x < width:
        right = x + int(width * random.uniform(0.1, 0.3)) + 1
        top, kind = int(height * random.uniform(0.15, 0.5)), int(random.choice([1, 1, 3]))
        truth[top : height * 2 // 3, x:right] = kind
        blocks.append((top, x, right, kind))
        x = right
    slope = np.abs(columns - width / 2) < (rows - height * 0.5) * width / height
    truth[rows >= height * 0.6] = 3
    truth[(rows >= height * 0.6) & slope] = 2
    prediction = np.roll(truth, int(random.integers(1, 3)), axis=1)
    top, left, right, kind = blocks[int(random.integers(len(blocks)))]
    prediction[top + height // 8 : height // 2, left:right] = 4 - kind
    better = truth.copy()
    better[top + height // 8 : height // 3, left:right] = 4 - kind
    thick = max(1, width // 64)
    for pole in range(4):
        x = int(random.uniform(0.05, 0.92) * width)
        top, foot = int(height * random.uniform(0.1, 0.4)), int(height * random.uniform(0.65, 0.8))
        sign = (slice(top, top + 4 * thick), slice(x, x + 5 * thick))
        truth[top:foot, x : x + thick] = 4
        truth[sign] = 5
        if pole != 1:
            better[top:foot, x : x + thick] = 4
            prediction[top:foot, x + thick // 2 + 1 : x + thick + thick // 2 + 1] = 4
            prediction[sign] = 5
            better[sign] = 5
    y, x = int(height * random.uniform(0.05, 0.2)), int(width * random.uniform(0.1, 0.8))
    prediction[y : y + 5 * thick, x : x + 6 * thick] = 5
    truth[height - max(1, height // 20) :] = 255
    shade = 0.75 + 0.35 * rows / height
    colors = np.array([*CLASSES.values()] + [(30, 30, 34)] * 250, dtype=float)[truth]
    image = np.clip(colors * shade[..., None] + random.normal(0, 9, (height, width, 1)), 0, 255).astype(np.uint8)
    return truth, prediction, better, image


def kinds_of_error(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """0 where right or unlabeled, else 1 + a kind: near a border; a pole or sign lost; one invented; the rest."""
    wrong = (truth != prediction) & (truth != 255)
    border = np.zeros(truth.shape, bool)
    for axis in (0, 1):
        for step in (-2, -1, 1, 2):
            border |= np.roll(truth, step, axis) != truth
    kinds = np.full(truth.shape, 4, np.uint8)
    kinds[prediction >= 4] = 3
    kinds[(truth == 4) | (truth == 5)] = 2
    kinds[border & (truth < 4) & (prediction < 4)] = 1
    return np.where(wrong, kinds, 0).astype(np.uint8)


def confusion(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    known = truth != 255
    pairs = truth[known].astype(int) * C + prediction[known]
    return np.bincount(pairs, minlength=C * C).reshape(C, C)


def ious(matrix: np.ndarray) -> np.ndarray:
    hit = np.diag(matrix).astype(float)
    with np.errstate(invalid="ignore"):
        return hit / (matrix.sum(0) + matrix.sum(1) - hit)


def image_details(truth: np.ndarray, prediction: np.ndarray, kinds: np.ndarray) -> dict[str, Any]:
    rows = []
    for kind in range(K):
        matrix = confusion(np.where(kinds == kind + 1, truth, 255), prediction)
        rows += [[t, p, kind, int(matrix[t, p])] for t, p in zip(*np.nonzero(matrix), strict=True)]
    objects = []
    for class_ in (4, 5):
        mask = truth == class_
        if mask.any():
            top, left = np.argwhere(mask).min(0)
            bottom, right = np.argwhere(mask).max(0) + 1
            area = int(mask.sum())
            band = next(b for b, (_, low, high) in enumerate(BANDS) if high is None or area < high)
            box = [int(top), int(left), int(bottom - top), int(right - left)]
            found = float((prediction[mask] == class_).mean())
            objects.append({"class": class_, "area": area, "band": band, "box": box, "found": found})
    invented = (prediction == 5) & (truth != 5)
    if invented.any():
        top, left = np.argwhere(invented).min(0).tolist()
        entry = {"class": 5, "area": int(invented.sum()), "band": None, "box": [top, left, 8, 10], "found": None}
        objects.append(entry)
    objects.sort(key=lambda entry: (entry["found"] is None, entry["found"] or 0))
    bands = [[e["class"], e["band"], round(e["area"] * (1 - e["found"]))] for e in objects if (e["found"] or 1) < 1]
    return {"kinds": rows, "bands": bands, "objects": objects, "class_iou": ious(confusion(truth, prediction))}
