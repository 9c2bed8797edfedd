"""Scores of every metric by loops, sets, scikit-learn and scipy, from whole batches of tensors."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.ndimage
import sklearn.metrics
from skimage.morphology import skeletonize
from torch import Tensor

from hardpix.metrics import ErrorKind

from .test_boundary_errors import bands_by_loops
from .test_boundary_f import boundary_by_loops
from .test_boundary_iou import band_by_loops
from .test_calibration import error_by_loops
from .test_classwise_calibration import errors_by_loops
from .test_error_kinds import by_the_rules
from .test_label_suspects import suspects_by_loops, thresholds_by_loops
from .test_objects import counts_by_sets
from .test_thin_parts import disc_of, thin_by_opening

CLASSES = 3
Scores = dict[str, Any]


def images(*maps: Tensor) -> Iterator[tuple[np.ndarray, ...]]:
    return zip(*(each.numpy() for each in maps), strict=True)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.array([a / b if b else np.nan for a, b in zip(part.flat, whole.flat, strict=True)]).reshape(part.shape)


def labeled(*maps: Tensor) -> tuple[np.ndarray, ...]:
    """Values of the labeled pixels of all images; the last map is the target."""
    valid = maps[-1].numpy() != 255
    return tuple(each.numpy()[valid] for each in maps)


def segmentation(prediction: Tensor, target: Tensor) -> Scores:
    guess, truth = labeled(prediction, target)
    iou = sklearn.metrics.jaccard_score(truth, guess, labels=range(CLASSES), average=None)
    return {"class_iou": iou, "miou": iou.mean(), "accuracy": sklearn.metrics.accuracy_score(truth, guess)}


def boundary_iou(prediction: Tensor, target: Tensor) -> Scores:
    both, either = np.zeros((2, 2, CLASSES))
    for guess, truth in images(prediction, target):
        for place, reach in enumerate((1, 2)):
            a, b = (band_by_loops(labels, truth, reach) for labels in (guess, truth))
            for k in range(CLASSES):
                drawn, true = a & (guess == k), b & (truth == k)
                both[place, k] += (drawn & true).sum()
                either[place, k] += (drawn | true).sum()
    return {"boundary_iou": ratio(both, either)}


def boundary_f(prediction: Tensor, target: Tensor) -> Scores:
    met, edge = np.zeros((2, 2, 2, CLASSES))
    for guess, truth in images(prediction, target):
        edges = [(boundary_by_loops(labels, truth), labels) for labels in (guess, truth)]
        for k in range(CLASSES):
            predicted, true = (boundary & (labels == k) for boundary, labels in edges)
            for side, (own, other) in enumerate(((predicted, true), (true, predicted))):
                distance = scipy.ndimage.distance_transform_edt(~other) if other.any() else np.full(own.shape, np.inf)
                for place, tolerance in enumerate((1, 2)):
                    met[side, place, k] += (own & (distance <= tolerance)).sum()
                    edge[side, place, k] += own.sum()
    precision, recall = ratio(met, edge)
    return {"boundary_precision": precision, "boundary_recall": recall}


def boundary_errors(prediction: Tensor, target: Tensor) -> Scores:
    found: Scores = {}
    bands = [bands_by_loops(guess, truth, 1) for guess, truth in images(prediction, target)]
    for place, name in enumerate(("false_response", "merging_mistake", "displacement")):
        inside = np.stack([of_image[place] for of_image in bands])
        truth, guess = target.numpy()[inside], prediction.numpy()[inside]
        found[f"{name}_pixels"] = 1 - sklearn.metrics.accuracy_score(truth, guess)
        found[f"{name}_class"] = 1 - sklearn.metrics.recall_score(truth, guess, labels=range(CLASSES), average=None)
    return found


def thin_parts(prediction: Tensor, target: Tensor) -> Scores:
    found, thin, false = np.zeros((3, 2, CLASSES))
    for guess, truth in images(prediction, target):
        drawn = np.where(truth == 255, 255, guess)
        for place, radius in enumerate((1, 2)):
            true_thin, drawn_thin = thin_by_opening(truth, radius), thin_by_opening(drawn, radius)
            for k in range(CLASSES):
                true = true_thin & (truth == k)
                near = scipy.ndimage.binary_dilation(true, disc_of(radius))
                found[place, k] += (true & (drawn == k)).sum()
                thin[place, k] += true.sum()
                false[place, k] += ((drawn == k) & (truth != k) & (drawn_thin | near)).sum()
    return {"thin_recall": ratio(found, thin), "thin_iou": ratio(found, thin + false)}


def cl_dice(prediction: Tensor, target: Tensor) -> Scores:
    met, lines = np.zeros((2, 2, CLASSES))
    for guess, truth in images(prediction, target):
        for k in range(CLASSES):
            a, b = (guess == k) & (truth != 255), truth == k
            for side, (own, other) in enumerate(((a, b), (b, a))):
                line = skeletonize(own)
                met[side, k] += (line & other).sum()
                lines[side, k] += line.sum()
    precision, sensitivity = ratio(met, lines)
    return {"topology_precision": precision, "topology_sensitivity": sensitivity}


def error_kinds(prediction: Tensor, target: Tensor) -> Scores:
    kinds, displaced = np.zeros((len(ErrorKind), CLASSES, CLASSES)), np.zeros((2, CLASSES, CLASSES))
    for guess, truth in images(prediction, target):
        kind, displacement = by_the_rules(guess, truth, 2)
        for place in np.ndindex(truth.shape):
            if kind[place] != 255:
                kinds[kind[place], truth[place], guess[place]] += 1
            if displacement[place]:
                displaced[displacement[place] - 1, truth[place], guess[place]] += 1
    return {"kinds": kinds, "displaced": displaced}


def objects(prediction: Tensor, target: Tensor) -> Scores:
    counts = [counts_by_sets(guess, truth, [4, 9, 16], 3) for guess, truth in images(prediction, target)]
    return {name: sum(each[name] for each in counts) for name in ("objects", "missed", "predicted", "false")}


def error_ranking(hardness: Tensor, prediction: Tensor, target: Tensor) -> Scores:
    values, guess, truth = labeled(hardness, prediction, target)
    values, wrong = np.rint(values * 65535), guess != truth
    kept = wrong[np.argsort(values, kind="stable")]
    # Without ties, the mean of the risks with 1, 2 … N pixels kept.
    return {
        "auroc": sklearn.metrics.roc_auc_score(wrong, values),
        "aurc": (np.cumsum(kept) / np.arange(1, len(kept) + 1)).mean(),
    }


def hardness_deciles(hardness: Tensor, prediction: Tensor, target: Tensor) -> Scores:
    """Scores of a single part, all pixels."""
    return {name: np.array([value]) for name, value in segmentation(prediction, target).items()}


def calibration(confidence: Tensor, prediction: Tensor, target: Tensor, masks: dict[str, Tensor]) -> Scores:
    found: Scores = {}
    for prefix, mask in (("", target < 256), ("one_", masks["one"]), ("two_", masks["two"])):
        inside = (mask & (target != 255)).numpy()
        values = np.rint(confidence.numpy()[inside] * 65535).astype(int).tolist()
        pixels = list(zip(values, prediction.numpy()[inside], target.numpy()[inside], strict=True))
        found[f"{prefix}ece"] = error_by_loops(pixels, 7)
    return found


def classwise_calibration(probabilities: Tensor, target: Tensor) -> Scores:
    values = np.rint(probabilities.numpy() * 65535).swapaxes(0, 1)
    return {"class_ece": errors_by_loops(values.reshape(CLASSES, -1), target.numpy().ravel(), 7)}


def self_confidence(probabilities: Tensor, target: Tensor) -> Scores:
    flat = probabilities.numpy().swapaxes(0, 1).reshape(CLASSES, -1)
    return {"thresholds": thresholds_by_loops(flat, target.numpy().ravel())}


def confident_joint(probabilities: Tensor, target: Tensor) -> Scores:
    counts = np.zeros((3, CLASSES, CLASSES))
    for shares, labels in images(probabilities, target):
        # The loops have one class more, of which nothing is ever sure.
        padded = np.concatenate([shares, np.zeros((1, *labels.shape))])
        counts += suspects_by_loops(padded, labels, np.array([0.25] * CLASSES + [2]), 0)[1][:, :CLASSES, :CLASSES]
    return dict(zip(("confident_joint", "displaced_borders", "suspects"), counts, strict=True))


REFERENCES: dict[str, Callable[..., Scores]] = {
    "SegmentationScores": segmentation,
    "BoundaryIoU": boundary_iou,
    "BoundaryF": boundary_f,
    "BoundaryErrors": boundary_errors,
    "ThinParts": thin_parts,
    "ClDice": cl_dice,
    "ErrorKindScores": error_kinds,
    "ObjectScores": objects,
    "ErrorRanking": error_ranking,
    "HardnessDeciles": hardness_deciles,
    "Calibration": calibration,
    "ClasswiseCalibration": classwise_calibration,
    "SelfConfidence": self_confidence,
    "ConfidentJoint": confident_joint,
}
