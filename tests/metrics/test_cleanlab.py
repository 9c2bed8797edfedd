"""Confident learning against cleanlab."""

import cleanlab.count as cleanlab_count
import cleanlab.filter as cleanlab_filter
import numpy as np
import pytest
from hypothesis import assume, given, settings

from hardpix.metrics import confident_thresholds, find_label_suspects, self_confidence_counts

from .noisy_labels import CLASSES, make_scene, scenes


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(5))
def test_thresholds_joint_and_issues(seed: int, kind: type) -> None:
    probabilities, labels = make_scene(seed, kind=kind)
    labels[labels == 255] = 0
    flat, given_labels = probabilities.reshape(CLASSES, -1).T, labels.ravel()
    thresholds = confident_thresholds(self_confidence_counts(probabilities, labels))
    np.testing.assert_allclose(thresholds, cleanlab_count.get_confident_thresholds(given_labels, flat), atol=1e-7)
    found = find_label_suspects(probabilities, labels, thresholds)
    joint = found.counts[0].copy()
    # cleanlab lifts the diagonal to 1 at least.
    np.fill_diagonal(joint, joint.diagonal().clip(1))
    np.testing.assert_array_equal(joint, cleanlab_count.compute_confident_joint(given_labels, flat, calibrate=False))
    issues = cleanlab_filter.find_label_issues(given_labels, flat, filter_by="confident_learning", n_jobs=1)
    assert issues.sum() > 100
    np.testing.assert_array_equal(found.suspected.ravel() >= 0, issues)


@settings(max_examples=200)
@given(scenes(ignored=False))
def test_ties_and_absent_classes(scene: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, labels = scene
    flat, given_labels = probabilities.reshape(CLASSES, -1).T, labels.ravel().astype(int)
    thresholds = confident_thresholds(self_confidence_counts(*scene))
    theirs = cleanlab_count.get_confident_thresholds(given_labels, flat)
    np.testing.assert_allclose(np.nan_to_num(thresholds, nan=2).clip(2e-6), theirs, atol=1e-7)
    # A pixel passes from 1e-6 below its threshold on: rounding decides where that is, to the digits asked for above.
    assume((abs(flat - (theirs - 1e-6)) > 1e-7).all())
    found = find_label_suspects(*scene, thresholds)
    joint = found.counts[0].copy()
    np.fill_diagonal(joint, joint.diagonal().clip(1))
    np.testing.assert_array_equal(joint, cleanlab_count.compute_confident_joint(given_labels, flat, calibrate=False))
    if len(np.unique(given_labels)) > 1:
        issues = cleanlab_filter.find_label_issues(given_labels, flat, filter_by="confident_learning", n_jobs=1)
        np.testing.assert_array_equal(found.suspected.ravel() >= 0, issues)
