"""Random changes of training images."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, ParamSpec

from hardpix.data import TrainingTransform
from hardpix.data.rare_classes import rarity
from hardpix.training.streams import Stream

P = ParamSpec("P")

# Settings that had their place among those of the data once.
_MOVED = ("scale", "max_class_share", "flip", "photometric")


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training images, and of what belongs to them.

    Args:
        scale: range of the scale jitter; what is enlarged s times gets a depth s times smaller.
        max_class_share: largest share of a crop's labeled pixels that one class may have.
        flip: chance of a horizontal flip.
        photometric: whether brightness, contrast, saturation and hue are jittered; of bands other than [1, 2, 3]
            brightness and contrast alone, all bands alike.
        rare_crops: chance of a crop around a pixel of a rare class (rare class sampling, arXiv 2111.14887).
        rare_temperature: of these draws; a small one draws the rarest class alone, a large one all alike.
    """

    scale: tuple[float, float] = (0.5, 2.0)
    max_class_share: float = 0.75
    flip: float = 0.5
    photometric: bool = True
    rare_crops: float = 0.0
    rare_temperature: float = 0.01

    def __post_init__(self) -> None:
        if not 0 <= self.rare_crops <= 1 or not self.rare_temperature > 0:
            raise ValueError(
                "expected rare_crops from 0 to 1 and rare_temperature above 0, found "
                f"{self.rare_crops} and {self.rare_temperature}"
            )

    def of(self, stream: Stream) -> Augmentation:
        """The changes of a stream's images, with the settings that it has of its own.

        Example:
            >>> Augmentation(max_class_share=1.0).of(Stream(flip=0.0)).flip
            0.0
        """
        scale = self.scale if stream.scale is None else stream.scale
        flip = self.flip if stream.flip is None else stream.flip
        return replace(self, scale=scale, flip=flip, photometric=stream.photometric, rare_crops=0.0)

    def transform(
        self, crop_size: tuple[int, int], *, is_rgb: bool, class_counts: Callable[[], Sequence[int]], **others: Any
    ) -> TrainingTransform:
        """The transform that crops images and makes these changes.

        Args:
            crop_size: height and width.
            is_rgb: true where the channels are red, green and blue; others have neither saturation nor hue.
            class_counts: training pixels of each class, asked for where crops go by them.
            others: further arguments of `TrainingTransform`.
        """
        useless = () if is_rgb else ("saturation", "hue")
        dropped = useless if self.photometric else ("brightness", "contrast", "saturation", "hue")
        off: dict[str, Any] = dict.fromkeys(dropped, 0.0)
        if self.rare_crops:
            others = others | {"rare_crops": self.rare_crops, "rarity": rarity(class_counts(), self.rare_temperature)}
        return TrainingTransform(
            crop_size, scale=self.scale, max_class_share=self.max_class_share, flip=self.flip, **off, **others
        )


AUGMENTATION = Augmentation()


def takes_moved(init: Callable[P, None]) -> Callable[P, None]:
    """A constructor with the argument ``augment`` that also takes what is in it by itself, as it did before.

    Warns:
        FutureWarning: it does so until the next release.
    """

    @wraps(init)
    def with_moved(*arguments: P.args, **given: P.kwargs) -> None:
        names = [name for name in _MOVED if name in given]
        moved: dict[str, Any] = {name: given.pop(name) for name in names}
        if moved:
            new = ", ".join(f"{name}=…" for name in moved)
            message = f"{', '.join(moved)} moved: write augment=Augmentation({new}); it works until the next release"
            warnings.warn(message, FutureWarning, stacklevel=2)
            given["augment"] = replace(given.get("augment", AUGMENTATION), **moved)  # type: ignore[type-var]
        init(*arguments, **given)

    return with_moved
