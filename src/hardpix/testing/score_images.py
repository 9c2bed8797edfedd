"""Maps of images on which figures of the report are tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hardpix.diagnosis.scores import ImageMaps

# Unlabeled rows between two images that are joined to one.
_APART = 32


def score_images(num_classes: int) -> dict[str, ImageMaps]:
    """Images of several sizes, with and without labels and further maps; read-only."""
    from hardpix.diagnosis.scores import ImageMaps
    from hardpix.diagnosis.settings import Settings

    settings = Settings(num_classes)
    names = tuple(f"class {k}" for k in range(num_classes))

    def image(seed: int, size: tuple[int, int], further: bool = True, label: int | None = None) -> ImageMaps:
        random = np.random.default_rng(seed)
        blocks = random.integers(0, num_classes, (-(-size[0] // 4), -(-size[1] // 4)))
        truth = np.kron(blocks, np.ones((4, 4), dtype=np.uint8))[: size[0], : size[1]].astype(np.uint8)
        guess = random.integers(0, num_classes, size).astype(np.uint8)
        prediction = np.where(random.random(size) < 0.3, guess, truth)
        truth[random.random(size) < 0.1] = settings.ignore_index
        if label is not None:
            truth[:] = label
        given: dict[str, Any] = {}
        if further:
            predicted = prediction == np.arange(num_classes)[:, None, None]
            probabilities = random.random((num_classes, *size)) + 2 * predicted
            given = {
                "image": random.integers(0, 256, (*size, 3)).astype(np.uint8),
                "probabilities": (probabilities / probabilities.sum(0)).astype(np.float32),
                "hardness": random.random(size).astype(np.float32),
                "thresholds": np.full(num_classes, 0.5),
            }
        for values in (truth, prediction, *given.values()):
            values.flags.writeable = False
        return ImageMaps(truth, prediction, settings, "drawn", names, **given)

    return {
        "one image": image(1, (17, 23)),
        "another image": image(2, (17, 23)),
        "a wide image": image(3, (5, 40)),
        "one pixel": image(4, (1, 1), label=0),
        "labels of one class": image(5, (9, 12), label=num_classes - 1),
        "an image without a label": image(6, (9, 12), label=settings.ignore_index),
        "an image without further maps (image, probabilities, hardness)": image(7, (9, 12), further=False),
    }


def joined(images: Sequence[ImageMaps]) -> ImageMaps:
    """One image that holds several of one width, with unlabeled rows between them."""
    first = images[0]

    def stacked(name: str, axis: int, filling: float) -> np.ndarray:
        parts: list[np.ndarray] = []
        for maps in images:
            values = getattr(maps, name)
            shape = tuple(_APART if k == axis else size for k, size in enumerate(values.shape))
            parts += [values, np.full(shape, filling, dtype=values.dtype)]
        return np.concatenate(parts[:-1], axis)

    ignored = first.settings.ignore_index
    return replace(
        first,
        truth=stacked("truth", 0, ignored),
        prediction=stacked("prediction", 0, ignored),
        image=stacked("image", 0, 0),
        probabilities=stacked("probabilities", 1, 1 / first.num_classes),
        hardness=stacked("hardness", 0, 0),
    )
