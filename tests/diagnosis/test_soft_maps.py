"""Scores and smoothed edges that were stored as levels of gray."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from .dialects import matrix_in, predicted, refused_then_right, same_scores, scene, typed, write

Capture = pytest.CaptureFixture[str]


def smoothed(indices: np.ndarray) -> np.ndarray:
    """0 and 255 with values between along the edges, as a resized or antialiased mask has."""
    return cv2.GaussianBlur(255 * indices, (5, 5), 0)


def score(indices: np.ndarray, seed: int, sure: float = 3) -> np.ndarray:
    """255 · sigmoid of a noisy map."""
    logits = sure * (2.0 * cv2.GaussianBlur(indices.astype(np.float32), (7, 7), 0) - 1)
    logits += np.random.default_rng(seed).normal(0, 0.5, indices.shape)
    return np.rint(255 / (1 + np.exp(-logits))).astype(np.uint8)


TRUTH = [scene(k, 2) for k in range(4)]
SCORES = [score(m, k) for k, m in enumerate(TRUTH)]
EDGES = [smoothed(predicted(m)) for m in TRUTH]
SOFT_TRUTH = [smoothed(m) for m in TRUTH]
BINARY = [predicted(m) for m in TRUTH]
PAIRS = {
    "a score, masks of 0 and 255": ([255 * m for m in TRUTH], SCORES, "--prediction_threshold 128"),
    "a score, masks of 0 and 1": (TRUTH, SCORES, "--prediction_threshold 128"),
    "an unsure score": ([255 * m for m in TRUTH], [score(m, 9, 0.4) for m in TRUTH], "--prediction_threshold 128"),
    "smoothed predictions": ([255 * m for m in TRUTH], EDGES, "--prediction_threshold 128"),
    "smoothed masks": (SOFT_TRUTH, BINARY, "--truth_threshold 128"),
    "smoothed masks, predictions of 0 and 255": (
        SOFT_TRUTH,
        [255 * m for m in BINARY],
        "--truth_threshold 128 --prediction_threshold 128",
    ),
    "smoothed on both sides": (SOFT_TRUTH, EDGES, "--truth_threshold 128 --prediction_threshold 128"),
    "smoothed masks and a score": (SOFT_TRUTH, SCORES, "--truth_threshold 128 --prediction_threshold 128"),
}


def as_classes(maps: list[np.ndarray]) -> list[np.ndarray]:
    return [(m >= 128).astype(int) if m.max() > 1 else m.astype(int) for m in maps]


@pytest.mark.parametrize("case", PAIRS)
@pytest.mark.parametrize("named", [False, True])
def test_levels_of_gray_are_refused_and_the_threshold_is_right(
    case: str, named: bool, tmp_path: Path, capsys: Capture
) -> None:
    truth, predictions, words = PAIRS[case]
    write(tmp_path, truth, predictions)
    settings = ["--label_map", "{0: 0, 255: 1}" if max(m.max() for m in truth) > 1 else "{0: 0, 1: 1}"] if named else []
    message, found = refused_then_right(tmp_path, capsys, truth, predictions, settings)
    assert words in message
    assert "found levels of gray" in message
    same_scores(found, as_classes(truth), as_classes(predictions), 2)


def test_another_level(tmp_path: Path) -> None:
    write(tmp_path, TRUTH, SCORES)
    assert typed(tmp_path, "--prediction_threshold", "77", "--classes", "ground,thing") == 0
    same_scores(matrix_in(tmp_path), TRUTH, [(m >= 77).astype(int) for m in SCORES], 2)


def test_a_score_of_16_bits(tmp_path: Path, capsys: Capture) -> None:
    random = np.random.default_rng(0)
    scores = [
        np.clip(m.astype(int) * 40000 + random.integers(0, 20000, m.shape), 0, 65535).astype(np.uint16) for m in TRUTH
    ]
    write(tmp_path, TRUTH, scores)
    assert typed(tmp_path) == 2
    assert "if it is a score of one class, say --prediction_threshold 32768" in capsys.readouterr().err
    assert typed(tmp_path, "--prediction_threshold", "32768") == 0


def test_many_classes_are_no_levels_of_gray(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    truth = np.kron(random.permutation(240).reshape(15, 16), np.ones((4, 4))).astype(np.uint8)
    truth[:2] = 255
    write(tmp_path, [truth], [np.roll(truth, 1, axis=0) % 240])
    assert typed(tmp_path) == 0


def test_ids_without_a_word_for_it_stay_ids(tmp_path: Path) -> None:
    write(tmp_path, TRUTH, SCORES)
    assert typed(tmp_path, "--prediction_ids", "stored") == 0
