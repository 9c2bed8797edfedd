"""Findings to show: street-like scenes drawn by hand, predictions that err near borders and on thin things."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from hardpix.demo.page import Example, Findings, RunScores

CLASSES = {
    "sky": (112, 160, 205),
    "building": (110, 96, 98),
    "road": (92, 62, 122),
    "sidewalk": (222, 120, 205),
    "vegetation": (92, 130, 40),
    "pole": (232, 226, 206),
    "sign": (245, 205, 40),
    "person": (210, 40, 70),
    "train": (0, 90, 110),
}
PLAIN, BALANCE, LEARNED = "Cross-entropy", "Class balance", "Learned hardness"


def _scene(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(labels)
    horizon = int(height * random.uniform(0.45, 0.55))
    x = 0
    while x < width:
        right = x + int(random.uniform(0.08, 0.22) * width) + 1
        draw.rectangle((x, horizon * random.uniform(0.15, 0.8), right, horizon + 4), fill=int(random.choice([1, 1, 4])))
        x = right
    draw.rectangle((0, horizon, width, height), fill=3)
    draw.polygon([(width * 0.45, horizon), (width * 0.55, horizon), (width * 0.95, height), (0, height)], fill=2)
    for _ in range(5):
        x, foot = random.uniform(0, width), random.uniform(horizon, height * 0.8)
        tall = (foot - horizon + 20) * random.uniform(1.0, 1.8)
        draw.line((x, foot, x, foot - tall), fill=5, width=max(1, int(tall / 40)))
        draw.rectangle((x - tall / 14, foot - tall, x + tall / 14, foot - tall * 0.86), fill=6)
        draw.ellipse((x + 14, foot - tall / 2, x + 18 + tall / 12, foot), fill=7)
    truth = np.array(labels).astype(np.int64)
    colors = np.array(list(CLASSES.values()), float)[truth]
    shade = np.linspace(1.1, 0.75, height)[:, None, None]
    image = colors * 0.6 * shade + 60 + random.normal(0, 9, (height, width, 1))
    truth[-3:] = 255
    return np.clip(image, 0, 255).astype(np.uint8), truth


def _predicted(truth: np.ndarray, seed: int, errs: float) -> np.ndarray:
    """The truth as seen with a smooth random displacement: wrong at borders, wrong on what is thin."""
    random = np.random.default_rng(seed)
    height, width = truth.shape
    coarse = random.normal(0, errs, (2, 9, 17))
    shift = np.stack([np.array(Image.fromarray(c.astype(np.float32)).resize((width, height))) for c in coarse])
    y, x = np.mgrid[:height, :width]
    known = np.where(truth == 255, 2, truth)
    return known[np.clip(y + shift[0], 0, height - 1).astype(int), np.clip(x + shift[1], 0, width - 1).astype(int)]


def _near_borders(truth: np.ndarray, radius: int) -> np.ndarray:
    near = np.zeros(truth.shape)
    for step in range(1, radius + 1):
        for axis in (0, 1):
            near += np.roll(truth, step, axis) != truth
            near += np.roll(truth, -step, axis) != truth
    return near / (4 * radius)


def _example(seed: int, height: int = 256, width: int = 512) -> Example:
    image, truth = _scene(seed, height, width)
    return Example(
        stem=f"scene_{seed:04d}",
        image=image,
        truth=truth,
        predictions={PLAIN: _predicted(truth, seed, 4.5), LEARNED: _predicted(truth, seed + 500, 3.5)},
        hardness=0.12 + 5 * np.sqrt(_near_borders(truth, 6)),
        ambiguity=_near_borders(truth, 2),
    )


@pytest.fixture(scope="session")
def dozen() -> Findings:
    plain = [0.981, 0.902, 0.954, 0.871, 0.853, 0.412, 0.377, 0.448, float("nan")]
    balance = [0.972, 0.900, 0.951, 0.869, 0.852, 0.460, 0.390, 0.445, float("nan")]
    learned = [0.980, 0.909, 0.955, 0.871, 0.861, 0.471, 0.402, 0.441, float("nan")]
    return Findings(
        runs=[
            RunScores(PLAIN, 0.7248, 0.4312, dict(zip(CLASSES, plain, strict=True))),
            RunScores(BALANCE, 0.7299, 0.4433, dict(zip(CLASSES, balance, strict=True))),
            RunScores(LEARNED, 0.7362, 0.4519, dict(zip(CLASSES, learned, strict=True))),
        ],
        examples=[_example(seed) for seed in range(12)],
        class_names=list(CLASSES),
        class_colors=list(CLASSES.values()),
        auroc={"learned hardness": 0.861, "loss": 0.794, "1 − confidence": 0.823, "distance to a border": 0.842},
        stability={
            "learned hardness": [0.71, 0.82, 0.88, 0.91, 0.93, 0.94, 0.95],
            "loss": [0.42, 0.48, 0.55, float("nan"), 0.59, 0.61, 0.66],
        },
        thin=["pole", "sign", "person"],
        reports={PLAIN: "plain/index.html", BALANCE: "balance/index.html", LEARNED: "learned/index.html"},
        facts={
            "Command": "make demo",
            "Time": "241 s in all: 112 s for cross-entropy, 129 s for learned hardness, on 2 cores without a GPU",
            "Network": "DDRNet-23-slim, 5.7 M parameters; 0 of the hardness branch's remain at inference",
            "Scenes": "GeneratedScenes v1, 256×512; 400 to train, 60 held out; seed 0",
            "Versions": "hardpix 0.1.0, torch 2.15, Python 3.11",
        },
    )


@pytest.fixture(scope="session")
def findings(dozen: Findings) -> Findings:
    return replace(dozen, examples=dozen.examples[:1])
