"""Lines of a study made by hand, and small studies on disk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hardpix.diagnosis.scores import report_scores
from hardpix.diagnosis.settings import Settings
from hardpix.diagnosis.tally import columns_at
from hardpix.report.data_scripts import plain
from hardpix.report.report_pictures import write_pictures
from hardpix.study.configuration import config_hash
from hardpix.study.folder import StudyFolder
from hardpix.study.lines import Line

CLASSES = {
    "road": ((92, 62, 122), 0.37, 0.0),
    "sky": ((112, 160, 205), 0.22, 0.01),
    "building": ((110, 96, 98), 0.19, 0.02),
    "tree": ((92, 130, 40), 0.12, 0.05),
    "car": ((0, 90, 110), 0.06, 0.08),
    "person": ((210, 40, 70), 0.012, 0.35),
    "pole <thin>": ((232, 226, 206), 0.006, 0.96),
    "sign": ((245, 205, 40), 0.003, 0.7),
}
SETTINGS = Settings(len(CLASSES))
SCORES = report_scores(SETTINGS)
COLORS = [color for color, _, _ in CLASSES.values()]


def config_of(objective: str, **others: Any) -> dict[str, Any]:
    """A resolved configuration, as far as a table needs one."""
    return {
        "data": {"batch_size": 8, "crop_size": [256, 320], "workers": None} | others.pop("data", {}),
        "model": {"objective": objective, "power": 0.9} | others.pop("model", {}),
        "trainer": {"max_epochs": 20},
        "test": {"checkpoint": "last", "lines": None},
    }


def make_line(variant: str, order: int, seed: int, miou: float, class_iou: list[float | None] | None = None) -> Line:
    """A finished run whose mIoU is given, and whose other figures are drawn from (order, seed)."""
    rng = np.random.default_rng((order, seed))
    ious = list(np.clip(miou + rng.normal(0, 0.05, len(CLASSES)), 0, 1)) if class_iou is None else class_iou
    class_scores = {column.key: list(rng.uniform(0.2, 0.8, len(CLASSES))) for column in columns_at(SCORES, "class")}
    class_scores |= {"iou": ious, "share": [share for _, share, _ in CLASSES.values()]}
    class_scores["thin_share"] = [thin for _, _, thin in CLASSES.values()]
    bands = ["< 0.01 %", "0.01–0.1 %", "0.1–1 %", "≥ 1 %"]
    sizes = {key: [list(rng.uniform(0.1, 0.9, len(CLASSES))) for _ in bands] for key in ("recall", "iou")}
    config = config_of(variant)
    curve = [
        {
            "epoch": e,
            "miou": miou * (1 - 0.8 * np.exp(-e / 6)) + rng.normal(0, 0.008),
            "val_loss": 1.0 / e,
            "loss": 1.1 / e,
        }
        for e in range(1, 21)
    ]
    line: Line = {
        "format": 1,
        "variant": variant,
        "order": order,
        "seed": seed,
        "config_hash": config_hash(config),
        "config": config,
        "date": f"2026-01-0{1 + seed}T10:00:00.000000Z",
        "settings": vars(SETTINGS),
        "classes": [{"name": name, "id": k, "colour": COLORS[k]} for k, name in enumerate(CLASSES)],
        "scores": {"miou": miou, "border_miou": miou - 0.2}
        | {column.key: rng.uniform(0.3, 0.9) for column in columns_at(SCORES, "set") if column.key != "miou"},
        "class_scores": class_scores,
        "kinds": [
            {"key": "displaced", "title": "Displaced border", "colour": [86, 180, 233]},
            {"key": "missed", "title": "Missed object", "colour": [213, 94, 0]},
            {"key": "false", "title": "False response", "colour": [240, 228, 66]},
            {"key": "confused", "title": "Confused parts", "colour": [204, 121, 167]},
        ],
        "size_bands": [{"title": title} for title in bands],
        "size_scores": sizes,
        "images": 3,
        "epochs": 20,
        "steps": 900,
        "curve": curve,
        "versions": {"python": "3.11.7", "hardpix": "0.1.0", "torch": "2.15.0", "lightning": "2.6.6"},
        "hardware": "A processor, 1 of 2 threads",
        "costs": {
            "training_seconds": 300.0 + 10 * seed,
            "step_seconds": 0.25 + 0.01 * order,
            "peak_memory": 2**30 + seed * 2**20,
            "peak_gpu_memory": None,
            "test_seconds": 20.0,
        },
    }
    return plain(line)


def make_lines(variants: int = 4, seeds: int = 5) -> list[Line]:
    """Some variants, each better than the one before, with noise that the variants share."""
    names = ["cross-entropy", "learned hardness", "OHEM 0.7", "class balance (sqrt)", "focal & friends"]
    lines = []
    for order in range(variants):
        for seed in range(seeds):
            luck = np.random.default_rng(seed).normal(0, 0.02) + np.random.default_rng((9, order, seed)).normal(0, 0.01)
            lines.append(make_line(names[order], order, seed, 0.5 + 0.015 * order + luck))
    return lines


def write_report_pictures(folder: StudyFolder, lines: list[Line], size: tuple[int, int] = (90, 160)) -> None:
    """Reports of the lines as far as the page reads them: wrong pixels of three images, pictures of the lowest seed."""
    lowest = min(line["seed"] for line in lines)
    rows, columns = np.mgrid[: size[0], : size[1]]
    for line in lines:
        report = folder.run(line["variant"], line["seed"]) / "report"
        report.mkdir(parents=True)
        # The second image differs most, then the third.
        errors = [0.1, 0.1 + 0.05 * line["order"], 0.1 + 0.02 * line["order"]]
        pq.write_table(pa.table({"stem": ["a", "b", "c"], "errors": errors}), report / "images.parquet")
        if line["seed"] != lowest:
            continue
        for number in range(3):
            truth = np.where(rows < 45 + 10 * np.sin(columns / 20 + number), 1, 0)
            truth[20:70, 30 + 30 * number : 34 + 30 * number] = 6
            prediction = np.where(rows < 45 + 10 * np.sin((columns + 3 * line["order"]) / 20 + number), 1, 0)
            image = (np.array(COLORS)[truth] * 0.8 + 30 + columns[..., None] % 17).astype(np.uint8)
            write_pictures(
                report,
                number,
                class_colors=COLORS,
                kind_colors=[tuple(kind["colour"]) for kind in line["kinds"]],
                image=image,
                truth=truth,
                prediction=prediction,
                kinds=np.where(truth == prediction, 0, np.where(truth == 6, 2, 1)),
            )


@pytest.fixture(scope="session")
def drawn_study(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """Four variants of five seeds, with pictures."""
    folder = StudyFolder(tmp_path_factory.mktemp("drawn") / "study")
    folder.prepare({})
    lines = make_lines()
    for line in lines:
        folder.lines.put(line)
    write_report_pictures(folder, lines)
    return folder
