"""``hardpix label``: pseudo-labels of a folder of images, to train on."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import ExitStack, closing
from copy import deepcopy
from pathlib import Path

import numpy as np
import yaml
from rich.table import Table
from torch.utils.data import Subset

from hardpix.cli.arguments import checked_input
from hardpix.cli.output import Output, output_folder
from hardpix.cli.results import write_whole
from hardpix.commands.signal_maps import to_16_bit
from hardpix.data import ClassTable, Transformed, write_mask
from hardpix.data.labels import HIGHEST_ID
from hardpix.data.wording import counted
from hardpix.labelers import ConfidenceThreshold, Labeler
from hardpix.pixels import prepare_all
from hardpix.pixels.percent import in_percent, percent
from hardpix.refiners import Refiner
from hardpix.training.class_scores import caution_about_labels, class_ious
from hardpix.training.fingerprint import fingerprint
from hardpix.training.given_files import GivenFiles
from hardpix.training.inference import console, infer, open_run
from hardpix.training.run import Run
from hardpix.training.trained_on import trained_on


def label(
    run: Path,
    images: Path,
    out: Path,
    labeler: Labeler | None = None,
    refine: Refiner | None = None,
    checkpoint: str = "best",
    device: str | None = None,
    image_suffix: str | None = None,
    max_pixels: int | None = None,
    overwrite: bool = False,
    trust_run: bool = False,
) -> None:
    """Label the images of a folder as far as a trained network can be trusted, to train on them.

    Writes OUT/masks, png with the ids of your own masks; pixels where the network is not to be trusted have the id of
    unlabeled ones. OUT/trust holds 16-bit png, 65535 × the trust in each label, and OUT/classes.yaml the classes of
    these masks. Each map has the image's own size and name. Says how many pixels are labeled, by class, and how to
    train on them: masks as --data.masks, trust as --data.weights. Images that cannot be read are listed and left out.

    Args:
        run: Folder that hardpix fit wrote.
        images: Folder of images; searched with its subfolders.
        out: New folder for the labels.
        labeler: Class that decides what is labeled; by default hardpix.labelers.ConfidenceThreshold, with settings such
            as --labeler.threshold 0.9.
        refine: Class that corrects the probabilities by the image first, such as hardpix.refiners.PAMR or PAMR, with
            settings such as --refine.steps 3; none by default.
        checkpoint: best, last, or the path of a checkpoint.
        device: Such as cpu or cuda:1; a GPU if there is one.
        image_suffix: Ending of the image file names that is no part of the stem; that of the run if none is given.
        max_pixels: Height × width of the largest file that is read; that of the run if none is given.
        overwrite: Whether earlier results of hardpix in OUT may be replaced; other files never are.
        trust_run: Whether classes of any module may be imported that the run names; for your own runs and those of
            people you trust.
    """
    folder = Run(run, trust_run)
    labeler = ConfidenceThreshold() if labeler is None else labeler
    with ExitStack() as until_done:
        with checked_input():
            given = GivenFiles(images, image_suffix=image_suffix, max_pixels=max_pixels)
            task, samples, checked = open_run(folder, checkpoint, device, given, predict_only=True)
            classes = folder.read_classes()
            if refine is not None:
                if labeler.refiner is not None:
                    raise ValueError("expected one refiner, found --refine and --labeler.refiner: give one of them")
                # The given settings stay as they are.
                labeler = deepcopy(labeler)
                labeler.refiner = refine
            prepare_all(labeler.modules(), folder.dataset_info())
            labeler = labeler.to(task.device).eval()
            made_by = {
                "command": "label",
                "checkpoint": str(folder.checkpoint(checkpoint)),
                "images": str(images),
                "labeler": type(labeler).__name__,
            }
            if labeler.refiner is not None:
                made_by["refine"] = type(labeler.refiner).__name__
            files = {stem: [f"{kind}/{stem}.png" for kind in ("masks", "trust")] for stem in samples.stems}
            depends_on = fingerprint(folder, checkpoint, samples, made_by, labeler)
            read = [images, *folder.data_folders()]
            output = until_done.enter_context(
                output_folder(
                    Output(out, files, ["classes.yaml"]), read, overwrite, made_by, depends_on, checked.everything
                )
            )
        seen = trained_on(folder, samples.files["images"])
        for sentence in seen.sentences(
            "labels there are better than on other images, and their own masks are better still"
        ):
            console.print(sentence)
        ious = class_ious(folder, checkpoint)
        if caution := caution_about_labels(ious):
            console.print("\n- ".join(["Caution", *caution]), style="yellow")
        unlabeled = unlabeled_id(classes)
        written = classes_with_unlabeled(classes, unlabeled)
        write_whole(out / "classes.yaml", yaml.safe_dump(written.to_dict(), sort_keys=False, allow_unicode=True))
        transformed = Transformed(samples, folder.evaluation_transform(keep_original=True))
        found_all = infer(task, Subset(transformed, output.remaining), labeler=labeler, label="labeling")
        for found in until_done.enter_context(closing(found_all)):
            assert found.labels is not None
            target, trust = found.labels.target[0].numpy(), found.labels.weight[0].numpy()
            valid = target != task.ignore_index
            write_mask(out / "masks" / f"{found.stem}.png", stored(target, valid, classes, unlabeled))
            write_mask(out / "trust" / f"{found.stem}.png", to_16_bit(np.where(valid, trust, 0)))
            prediction = found.prediction.numpy()
            groups = (prediction.ravel(), prediction[valid], target[valid])
            output.done(found.stem, [np.bincount(ids, minlength=len(classes)).tolist() for ids in groups])
        counts = np.array([output.notes[stem] for stem in samples.stems], dtype=np.int64)
        predicted, kept, labeled = counts.sum(axis=0)
        without = int((counts[:, 2].sum(axis=1) == 0).sum())
        console.print(_summary(classes.names, predicted, kept, labeled, ious))
        share = percent(_share(labeled.sum(), predicted.sum()))
        console.print(
            f"{counted(len(samples), 'image')} in {out}: {share} of the pixels labeled, "
            f"{counted(without, 'image')} without any label; unlabeled pixels have the id {unlabeled}"
        )
        if labeled.any():
            console.print(_how_to_train(images, samples.folders.image_suffix, out))
            console.print(_how_to_train_together(folder, images, samples.folders.image_suffix, out))
        else:
            console.print("nothing to train on: lower the labeler's threshold, such as --labeler.threshold 0.8")


def unlabeled_id(classes: ClassTable) -> int:
    """Id that unlabeled pixels are written with: the first that the classes have for it, else one that is free.

    Example:
        >>> unlabeled_id(ClassTable(["road", "car"], [0, 1], ignore_ids=[7, 255]))
        7
        >>> unlabeled_id(ClassTable(["black", "white"], [0, 255]))
        65535
    """
    if classes.ignore_ids:
        return classes.ignore_ids[0]
    taken = {i for entry in classes.ids for i in entry}
    return next(i for i in (255, HIGHEST_ID, *range(HIGHEST_ID)) if i not in taken)


def classes_with_unlabeled(classes: ClassTable, unlabeled: int) -> ClassTable:
    """The classes of masks of ids, of which one is that of unlabeled pixels; without a threshold, which leaves none."""
    ignored = dict.fromkeys([unlabeled, *classes.ignore_ids])
    return ClassTable(classes.names, classes.ids, classes.colors, [*ignored], classes.ignore_colors, tree=classes.tree)


def stored(target: np.ndarray, valid: np.ndarray, classes: ClassTable, unlabeled: int) -> np.ndarray:
    """Ids of the user's masks, (H, W), for indices of classes where they are valid.

    Example:
        >>> table = ClassTable(["road", "car"], [4, 9])
        >>> stored(np.array([[1, 255]]), np.array([[True, False]]), table, 255)
        array([[  9, 255]], dtype=uint8)
    """
    ids = classes.stored(np.where(valid, target, 0))
    return np.where(valid, ids, np.min_scalar_type(unlabeled).type(unlabeled))


def _how_to_train(images: Path, suffix: str, out: Path) -> str:
    settings = {
        "--data.images": images,
        **({"--data.image_suffix": suffix} if suffix else {}),
        "--data.masks": out / "masks",
        "--data.classes": out / "classes.yaml",
        "--data.weights": out / "trust",
        "--model.objective": "WeightedCrossEntropy",
        "--model.objective.signal": "Precomputed",
        "--model.objective.signal.floor": 0,
    }
    words = [str(word) for setting in settings.items() for word in setting]
    return (
        f"to train on them, with the other settings of the run:\n  hardpix fit {shlex.join(words)}\n"
        "and its data.val_images, data.val_masks to be validated on labels of people"
    )


def _how_to_train_together(folder: Run, images: Path, suffix: str, out: Path) -> str:
    pair = {"images": str(images), "masks": str(out / "masks"), "trust": str(out / "trust")}
    pair |= {"image_suffix": suffix} if suffix else {}
    more = yaml.safe_dump([pair], default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6).strip()
    own = folder.read_config()["data"]
    known = {f"--data.{name}": own[name] for name in ("images", "masks") if own.get(name)}
    settings = {**(known or {"--data.images": "DIR", "--data.masks": "DIR"}), "--data.classes": out / "classes.yaml"}
    words = [str(word) for setting in settings.items() for word in setting]
    return f"or on labels of people and these together:\n  hardpix fit {shlex.join([*words, '--data.more', more])}"


def _summary(
    names: tuple[str, ...],
    predicted: np.ndarray,
    kept: np.ndarray,
    labeled: np.ndarray,
    ious: Mapping[str, float | None],
) -> Table:
    """The share of each class, beside how well it is known to be found: a network may be sure, and wrong."""
    table = Table("class", "labeled, % of all pixels", "of the pixels predicted so, % labeled")
    if ious:
        table.add_column("IoU in validation, %")
    for name, *counts in zip(names, predicted, kept, labeled, strict=True):
        shares = [_share(counts[2], predicted.sum()), _share(counts[1], counts[0])]
        iou = ious.get(name)
        shares += [float("nan") if iou is None else iou] if ious else []
        table.add_row(name, *map(in_percent, shares))
    return table


def _share(count: int, total: int) -> float:
    return count / total if total else float("nan")
