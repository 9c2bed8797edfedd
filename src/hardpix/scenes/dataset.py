"""Road scenes as a data set that needs no files."""

from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from hardpix.data.classes import ClassTable
from hardpix.scenes.ambiguity import ambiguity
from hardpix.scenes.classes import CLASSES, PALETTE
from hardpix.scenes.layout import sample_layout
from hardpix.scenes.render import render

# Whatever changes what a seed draws makes a new generator with a new name: results on two of them do not compare.
VERSION = "roads-1"


class GeneratedScenes(Dataset[dict[str, Any]]):
    """Procedural street scenes with labels, depth, and the known ambiguity of every pixel.

    A scene is a pure function of ``VERSION``, ``seed`` and its index: the same in every process and worker and in any
    order. No file and no global random state takes part. Scenes of another seed are a held-out set.

    Args:
        length: number of scenes.
        seed: which series of scenes, 0 or more.
        size: height and width in pixels. The geometry is drawn at any size; thin things get thinner with it.

    Each item is a dict of

    - ``image``: uint8 (3, H, W), RGB
    - ``target``: int64 (H, W), classes as in ``classes``; nothing is ignored
    - ``depth``: float32 (H, W), meters along the line of sight's axis; NaN in the sky
    - ``ambiguity``: float32 (H, W) in [0, 1], see :mod:`hardpix.scenes.ambiguity`
    - ``stem``: a name for files

    Example:
        >>> scenes = GeneratedScenes(2, seed=3, size=(64, 128))
        >>> item = scenes[1]
        >>> item["image"].shape, item["target"].dtype, item["stem"]
        (torch.Size([3, 64, 128]), torch.int64, 'roads-1_3_00001')
    """

    classes = ClassTable(CLASSES, range(len(CLASSES)), PALETTE)

    def __init__(self, length: int, seed: int = 0, size: tuple[int, int] = (256, 512)) -> None:
        if length < 0 or seed < 0:
            raise ValueError(f"length and seed must be 0 or more, found length={length} and seed={seed}")
        if min(size) < 16:
            raise ValueError(f"size is (height, width), each at least 16 pixels, found {tuple(size)}")
        self.length = length
        self.seed = seed
        self.size = (int(size[0]), int(size[1]))

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not 0 <= index < self.length:
            raise IndexError(f"scene {index} of a set of {self.length}")
        # Geometry and appearance have their own generators: the same scene can be drawn again in other paint.
        layout = sample_layout(np.random.default_rng((self.seed, index, 0)), self.size)
        picture = render(layout, np.random.default_rng((self.seed, index, 1)))
        return {
            "image": torch.from_numpy(picture.image),
            "target": torch.from_numpy(picture.target.astype(np.int64)),
            "depth": torch.from_numpy(picture.depth),
            "ambiguity": torch.from_numpy(ambiguity(picture, layout.light)),
            "stem": f"{VERSION}_{self.seed}_{index:05d}",
        }
