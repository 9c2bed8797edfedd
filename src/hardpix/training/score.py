"""``hardpix test``: score a trained network on labelled images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.table import Table
from torch.utils.data import Dataset

from hardpix.console.arguments import checked_input
from hardpix.console.results import require_outside
from hardpix.data import Transformed
from hardpix.metrics import SegmentationScores
from hardpix.training.inference import choose_device, console, infer, open_run
from hardpix.training.run_folder import RunFolder


def score(
    run: Path,
    images: Path | None = None,
    masks: Path | None = None,
    checkpoint: str = "best",
    out: Path | None = None,
    device: str | None = None,
    image_suffix: str | None = None,
    mask_suffix: str | None = None,
) -> dict[str, Any]:
    """Score a trained network on labelled images.

    Prints and writes mIoU, mIoU within 3 pixels of a border, accuracy, and the IoU of every class, at the size of the
    labels, from one confusion matrix over all images. Without folders, the images that the run was validated on are
    scored, and the scores written to scores.json in the run's folder.

    Args:
        run: Folder that hardpix fit wrote.
        images: Folder of labelled images.
        masks: Folder of their masks, with the same ids as in training.
        checkpoint: best, last, or the path of a checkpoint.
        out: New file for the scores as JSON.
        device: Such as cpu or cuda:1; a GPU if there is one.
        image_suffix: Ending of the image file names that is no part of the stem; that of the run if none is given.
        mask_suffix: The same of the mask file names.

    Returns:
        The scores, from 0 to 1; None for a class that is neither in the truth nor predicted.
    """
    folder = RunFolder(run)
    with checked_input():
        if (images is None) != (masks is None):
            raise ValueError("--images and --masks go together: give both, or neither for what the run held out")
        if out is not None and out.exists():
            raise FileExistsError(f"expected a new file for the scores, found {out}; give another name as --out")
        samples: Dataset
        if images is not None and masks is not None:
            task, samples = open_run(folder, checkpoint, device, images, masks, image_suffix, mask_suffix)
        else:
            task, samples = folder.load_task(checkpoint).to(choose_device(device)), folder.validation_set()
        read = [images, masks, *folder.data_folders()]
        # Scores of other images than the run's own would pass for those.
        file = folder.path / "scores.json" if out is None and images is None else out
        if file is not None:
            require_outside(file, [path for path in read if path is not None])
            file.parent.mkdir(parents=True, exist_ok=True)
    scores = SegmentationScores(task.num_classes, task.ignore_index)
    count = 0
    for found in infer(task, Transformed(samples, folder.evaluation_transform()), label="testing"):
        assert found.target is not None
        scores.update(found.prediction[None], found.target[None])
        count += 1
    values = scores.compute()
    by_class = values.pop("class_iou").reshape(-1).tolist()
    result: dict[str, Any] = {
        "images": count,
        "of": "what the run held out" if images is None else str(images.absolute()),
        "checkpoint": str(folder.checkpoint(checkpoint)),
        **{name: _number(float(value)) for name, value in values.items()},
        "class_iou": {name: _number(iou) for name, iou in zip(task.class_names, by_class, strict=True)},
    }
    console.print(score_table({run.name: result}))
    if file is None:
        console.print("not written; --out FILE writes the scores of other images than the run's own")
    else:
        file.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        console.print(f"written to {file}")
    return result


def score_table(runs: dict[str, dict[str, Any]]) -> Table:
    """Scores of one or more runs side by side, in percent."""
    table = Table("", *runs)
    rows = {"mIoU": "miou", "mIoU near borders": "border_miou", "accuracy": "accuracy"}
    for label, key in rows.items():
        table.add_row(label, *(_percent(scores[key]) for scores in runs.values()), end_section=key == "accuracy")
    for name in next(iter(runs.values()))["class_iou"]:
        table.add_row(name, *(_percent(scores["class_iou"][name]) for scores in runs.values()))
    return table


def _number(value: float) -> float | None:
    # JSON has no NaN.
    return None if value != value else value


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f}"
