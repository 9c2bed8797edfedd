"""Hardness maps and probabilities in a diagnosis: ranking, calibration, labels that look wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from hardpix.diagnosis.image_findings import describe_image
from hardpix.diagnosis.image_maps import ImageMaps
from hardpix.diagnosis.settings import Settings
from small_runs import run, write_maps

C = 3
SIZES = {"a": (31, 40), "b": (17, 23)}


def labels() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    random = np.random.default_rng(0)
    truth = {stem: random.choice([0, 1, 2, 255], size, p=[0.4, 0.3, 0.2, 0.1]) for stem, size in SIZES.items()}
    guess = {stem: np.where(random.random(size) < 0.7, truth[stem], 1) for stem, size in SIZES.items()}
    return (
        {stem: values.astype(np.uint8) for stem, values in truth.items()},
        {stem: np.where(values == 255, 0, values).astype(np.uint8) for stem, values in guess.items()},
    )


def joined(maps: dict[str, np.ndarray]) -> np.ndarray:
    """Values at the labeled pixels of both images."""
    truth = labels()[0]
    return np.concatenate(
        [maps[stem][..., truth[stem] != 255].reshape(-1, (truth[stem] != 255).sum()).T for stem in SIZES]
    )


def wrong() -> np.ndarray:
    truth, guess = labels()
    return joined({stem: (truth[stem] != guess[stem])[None] for stem in SIZES})[:, 0]


@pytest.mark.parametrize("kind", ["png 8", "png 16", "npy 16", "npy float16", "npy float32", "npy float64"])
def test_hardness_ranks_the_errors(kind: str, tmp_path: Path) -> None:
    truth, guess = labels()
    random = np.random.default_rng(1)
    suffix, _, bits = kind.partition(" ")
    hardness = {}
    for stem, size in SIZES.items():
        values = random.beta(2, 2, size) * 0.7 + 0.3 * (truth[stem] != guess[stem])
        if bits.startswith("float"):
            # Maps are counted in steps of 1/65535: those that are equal here shall be equal there, too.
            hardness[stem] = (np.rint(values * 1000) / 1000).astype(bits)
        else:
            hardness[stem] = np.rint(values * (2 ** int(bits) - 1)).astype(f"uint{bits}")
    folder = write_maps(tmp_path / "hardness", hardness, f".{suffix}")
    found = run(tmp_path, truth, guess, classes=["x", "y", "z"], hardness=folder)
    of_pixels = joined({stem: values[None] for stem, values in hardness.items()})[:, 0].astype(float)
    assert found["inputs"]["unused"] == []
    assert found["hardness"]["auroc"] == pytest.approx(roc_auc_score(wrong(), of_pixels), abs=1e-9)
    assert found["hardness"]["risk"][-1] == pytest.approx(wrong().mean())
    tenths = np.array([tenth["errors"] for tenth in found["hardness"]["deciles"]])
    assert tenths.mean() == pytest.approx(wrong().mean())
    hardest = np.sort(of_pixels)[-len(of_pixels) // 10]
    assert tenths[-1] == pytest.approx(wrong()[of_pixels >= hardest].mean(), abs=0.03)
    said = next(s["text"] for s in found["sentences"] if s["view"] == "hardness")
    assert f"AUROC of {roc_auc_score(wrong(), of_pixels):.3f}." in said
    mean = pq.read_table(tmp_path / "report" / "images.parquet")["mean_hardness"].to_pylist()
    top = 1 if bits.startswith("float") else 2 ** int(bits) - 1
    expected = [hardness[stem][truth[stem] != 255].astype(float).mean() / top for stem in SIZES]
    assert mean == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_hardness_that_says_nothing(level: int, tmp_path: Path) -> None:
    truth, guess = labels()
    folder = write_maps(tmp_path / "hardness", {stem: np.full(size, level, np.uint8) for stem, size in SIZES.items()})
    found = run(tmp_path, truth, guess, classes=["x", "y", "z"], hardness=folder)
    assert found["hardness"]["auroc"] == pytest.approx(0.5)
    said = next(s["text"] for s in found["sentences"] if s["view"] == "hardness")
    assert said.startswith("The hardest tenth of the pixels by the hardness map holds 10 % of the errors;")


def softmax(seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    guess = labels()[1]
    probabilities = {}
    for stem, size in SIZES.items():
        logits = random.normal(0, 1.5, (C, *size))
        # The prediction is the most probable class.
        best = logits.max(0) + 0.2
        np.put_along_axis(logits, guess[stem].astype(int)[None], best[None], axis=0)
        powers = np.exp(logits)
        probabilities[stem] = powers / powers.sum(0)
    return probabilities


def error_of(confidence: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error in 15 bins, the upper edges part of theirs."""
    place = np.clip(np.ceil(confidence * 15) - 1, 0, 14)
    bins = [place == k for k in range(15)]
    return sum(abs(confidence[b].mean() - right[b].mean()) * b.mean() for b in bins if b.any())


@pytest.mark.parametrize("kind", ["npy float32", "npy float16", "npz float64", "npz uint16", "npy uint8"])
def test_calibration(kind: str, tmp_path: Path) -> None:
    truth, guess = labels()
    suffix, _, type_ = kind.partition(" ")
    top = 1 if type_.startswith("float") else np.iinfo(type_).max
    stored = {stem: (values * top).astype(type_) for stem, values in softmax(2).items()}
    folder = write_maps(tmp_path / "probabilities", stored, f".{suffix}")
    found = run(tmp_path, truth, guess, classes=["x", "y", "z"], probabilities=folder)
    assert found["inputs"]["unused"] == []
    confidence = {
        stem: np.take_along_axis(values.astype(float) / top, guess[stem].astype(int)[None], axis=0)
        for stem, values in stored.items()
    }
    sure, right = joined(confidence)[:, 0], ~wrong()
    overall = found["calibration"]["overall"]
    assert overall["ece"] == pytest.approx(error_of(sure, right), abs=2e-3)
    assert overall["too_sure"] == pytest.approx(sure.mean() - right.mean(), abs=1e-4)
    assert sum(entry["count"] for entry in overall["bins"]) == len(sure)
    of_images = pq.read_table(tmp_path / "report" / "images.parquet")["ece"].to_pylist()
    for value, stem in zip(of_images, SIZES, strict=True):
        known = truth[stem] != 255
        own = error_of(confidence[stem][0][known], (truth[stem] == guess[stem])[known])
        assert value == pytest.approx(own, abs=2e-3)
    said = next(s["text"] for s in found["sentences"] if s["view"] == "calibration")
    off = 100 * (sure.mean() - right.mean())
    side = "above" if off > 0 else "below"
    assert said.startswith(f"The network's mean confidence is {abs(off):.1f} points {side} its accuracy")


def swapped_labels() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Labels of which two blocks are wrong, and what is really there."""
    there = np.zeros((40, 60), dtype=np.uint8)
    there[:, 20:40] = 1
    there[:, 40:] = 2
    truth = {"a": there.copy(), "b": there.copy(), "c": there.copy()}
    truth["b"][5:15, 25:35] = 0
    truth["c"][20:30, 45:57] = 0
    truth["c"][0:3] = 255
    return truth, dict.fromkeys(truth, there)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_labels_that_contradict_sure_probabilities_are_suspect(suffix: str, tmp_path: Path) -> None:
    truth, there = swapped_labels()
    sure = 0.05 + 0.85 * (np.arange(C)[:, None, None] == there["a"])
    folder = write_maps(tmp_path / "probabilities", dict.fromkeys(truth, sure.astype(np.float32)), suffix)
    found = run(tmp_path, truth, there, classes=["x", "y", "z"], probabilities=folder, pictures=True)
    keys = ("image", "given", "suspected", "area", "box")
    # Two rows and columns all around are taken for a displaced border.
    assert [tuple(region[key] for key in keys) for region in found["suspects"]] == [
        (2, 0, 2, 6 * 8, [22, 47, 6, 8]),
        (1, 0, 1, 6 * 6, [7, 27, 6, 6]),
    ]
    assert [region["margin"] for region in found["suspects"]] == pytest.approx([0.85, 0.85])
    # Confidence in the class of the label, where that is the label.
    known = np.concatenate([sure[0][mask == 0] for mask in truth.values()]).mean()
    assert [region["rank_score"] for region in found["suspects"]] == pytest.approx(
        [0.85 * 48 * known, 0.85 * 36 * known]
    )
    assert found["suspect_regions"] == 2
    shares = pq.read_table(tmp_path / "report" / "images.parquet")["suspects"].to_pylist()
    assert shares == pytest.approx([0, 36 / 2400, 48 / 2220])
    pictures = {path.parent.name for path in (tmp_path / "report").glob("pictures/*/suspects.png")}
    assert pictures == {"000001", "000002"}
    said = next(s["text"] for s in found["sentences"] if s["view"] == "suspects")
    assert said.startswith("2 regions may be mislabeled rather than hard;")
    assert said.endswith("is labeled x and seems to be z.")


@pytest.mark.parametrize(
    ("of_pixels", "thresholds", "mislabelled"),
    [
        # A third class is the likeliest but not confident; of the two in question it is the label, or the other one.
        ((0.35, 0.25, 0.40), (0.6, 0.2, 0.7), False),
        ((0.25, 0.35, 0.40), (0.6, 0.2, 0.7), True),
        # The network does not know the class of the label.
        ((0.10, 0.85, 0.05), (0.4, 0.6, 0.7), False),
        ((0.10, 0.85, 0.05), (0.5, 0.6, 0.7), True),
    ],
)
def test_a_region_looks_mislabelled_where_the_other_class_is_likelier_and_that_of_the_label_known(
    of_pixels: tuple[float, ...], thresholds: tuple[float, ...], mislabelled: bool
) -> None:
    truth = np.zeros((10, 12), np.uint8)
    probabilities = np.broadcast_to(np.array(of_pixels)[:, None, None], (C, 10, 12))
    maps = ImageMaps(truth, truth, Settings(C), probabilities=probabilities, thresholds=np.array(thresholds))
    found = describe_image(maps, {})
    assert [(s["given"], s["suspected"], s["mislabelled"]) for s in found.suspects] == [(0, 1, mislabelled)]
    assert found.suspects[0]["margin"] == pytest.approx(of_pixels[1] - of_pixels[0])
    assert found.suspect_regions == mislabelled


def test_no_label_is_suspect_where_all_agree(tmp_path: Path) -> None:
    there = swapped_labels()[1]
    sure = 0.05 + 0.85 * (np.arange(C)[:, None, None] == there["a"])
    folder = write_maps(tmp_path / "probabilities", dict.fromkeys(there, sure), ".npy")
    found: dict[str, Any] = run(tmp_path, there, there, classes=["x", "y", "z"], probabilities=folder)
    assert (found["suspects"], found["suspect_regions"]) == ([], 0)
    assert "suspects" not in [sentence["view"] for sentence in found["sentences"]]
