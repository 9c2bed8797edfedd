"""The maps of one image, and everything that several figures of a report need of them, worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hardpix.diagnosis.settings import Settings
from hardpix.metrics import ErrorKinds, LabelSuspects, MatchedObjects, ObjectCounts, classify_errors, object_counts
from hardpix.metrics.label_pair import LabelPair, label_pair
from hardpix.metrics.label_suspects import suspects_in
from hardpix.metrics.matched_objects import match_pair


@dataclass(frozen=True, eq=False)
class ImageMaps:
    """One image's maps, of one height and width.

    Attributes:
        truth, prediction: (H, W) class indices 0 … C − 1, uint8 or uint16; `settings.ignore_index` without a label.
        settings: of the diagnosis.
        stem: the image's name, its path without the file type.
        class_names: C names.
        image: (H, W, 3) uint8.
        probabilities: (C, H, W), from 0 to 1: floats, or unsigned integers whose largest number means 1.
        confidence: (H, W), the same of the predicted class, where there are no probabilities of all classes.
        true_confidence: (H, W), the same of the class that is the label.
        hardness: (H, W), from 0 to 1 likewise.
        thresholds: (C,) of confident learning; without them, or without probabilities, no label is suspected.

    Raises:
        ValueError (when a property is first read): maps that do not fit each other; ids outside the classes;
            probabilities that are none.

    Example:
        >>> truth, prediction = np.array([[0, 0, 1, 255]], np.uint8), np.array([[0, 1, 1, 0]], np.uint8)
        >>> maps = ImageMaps(truth, prediction, Settings(2), class_names=("road", "pole"))
        >>> maps.pair.prediction, maps.class_index("pole")
        (array([[  0,   1,   1, 255]], dtype=uint8), 1)
    """

    truth: np.ndarray
    prediction: np.ndarray
    settings: Settings
    stem: str = ""
    class_names: tuple[str, ...] = ()
    image: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    confidence: np.ndarray | None = None
    hardness: np.ndarray | None = None
    thresholds: np.ndarray | None = None
    true_confidence: np.ndarray | None = None

    @property
    def num_classes(self) -> int:
        """C."""
        return self.settings.num_classes

    def class_index(self, name: str) -> int:
        """The index of a class by its name.

        Raises:
            ValueError: there is no class of that name.
        """
        if name not in self.class_names:
            raise ValueError(f"expected one of the classes {', '.join(self.class_names)}, found {name}")
        return self.class_names.index(name)

    @cached_property
    def pair(self) -> LabelPair:
        """Both label maps, checked: prediction, target, valid; ignore_index in both where truth has no label."""
        return label_pair(self.prediction, self.truth, self.num_classes, self.settings.ignore_index)

    @cached_property
    def objects(self) -> MatchedObjects:
        """Connected parts of both maps, and the right pixels of each."""
        return match_pair(self.pair)

    @cached_property
    def kinds(self) -> ErrorKinds:
        """The kind of error of each pixel."""
        return classify_errors(self.objects, self.settings.radius)

    @cached_property
    def sizes(self) -> ObjectCounts:
        """Objects by size band and class."""
        return object_counts(self.objects, self.settings.sizes, self.settings.radius)

    @cached_property
    def confusion(self) -> np.ndarray:
        """(C, C) int64 pixels, row true class, column predicted class."""
        return self.kinds.counts.sum(0).numpy()

    @cached_property
    def predicted_confidence(self) -> np.ndarray | None:
        """(H, W) probability of the predicted class; None where nothing tells. Unlabeled pixels hold anything."""
        return self.confidence if self.probabilities is None else self._probability_of(self.prediction)

    @cached_property
    def label_confidence(self) -> np.ndarray | None:
        """(H, W) probability of the class that is the label; likewise."""
        return self.true_confidence if self.probabilities is None else self._probability_of(self.truth)

    def _probability_of(self, labels: np.ndarray) -> np.ndarray:
        assert self.probabilities is not None
        index = np.minimum(labels, len(self.probabilities) - 1).astype(np.intp)
        return np.take_along_axis(self.probabilities, index[None], axis=0)[0]

    @cached_property
    def suspects(self) -> LabelSuspects | None:
        """Labels that confident learning suspects; None without probabilities and thresholds."""
        if self.probabilities is None or self.thresholds is None:
            return None
        _, truth, valid, _ = self.pair
        return suspects_in(self.probabilities, truth, valid, self.thresholds, self.settings.suspect_tolerance)
