"""Classes that an objective for thin things is about: those that are asked for, or those found to be thin."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hardpix.pixels import DatasetInfo, PixelBatch, Prepared, global_sum, thin_parts


class ThinClasses(Prepared):
    """The classes that are asked for, or the thin ones: those with enough of their pixels in thin parts.

    Thin parts are those of :func:`hardpix.pixels.thin_parts`, as in the report. Their share is that of all labels seen
    in training so far, over all processes and with the batch at hand; evaluation uses the counts and keeps none.

    Args:
        classes: ids, or names, which :meth:`prepare` looks up (``hardpix fit`` calls it); None: the thin ones.
        thin_share: least share of the pixels of a thin class that lie in thin parts, in (0, 1].
        radius: of the disc, in pixels of the labels, that thin parts have no room for.

    Raises:
        ValueError: settings outside their range; names or ids that are no class.
        RuntimeError: a forward with names that nobody has looked up.

    Example:
        >>> px = PixelBatch(torch.zeros(1, 3, 1, 7), torch.tensor([[[0, 0, 0, 1, 2, 2, 2]]]))
        >>> ThinClasses(radius=1)(px), ThinClasses([0, 2])(px)
        (tensor([False,  True, False]), tensor([ True, False,  True]))
    """

    same_on_every_process = True
    ids: Tensor
    seen: Tensor

    def __init__(self, classes: Sequence[int | str] | None = None, thin_share: float = 1 / 3, radius: int = 3) -> None:
        super().__init__()
        if not 0 < thin_share <= 1 or radius < 1:
            raise ValueError(f"expected thin_share above 0 and up to 1, and radius ≥ 1, found {thin_share}, {radius}")
        if classes is not None and (isinstance(classes, str) or len(classes) == 0):
            raise ValueError(f"expected a list of classes, found {classes!r}; leave it out for those that are thin")
        self.classes = None if classes is None else list(classes)
        self.thin_share = thin_share
        self.radius = radius
        named = [number for number in self.classes or [] if not isinstance(number, str)]
        self.register_buffer("ids", torch.tensor(named if named == self.classes else [], dtype=torch.int64))
        self.register_buffer("seen", torch.zeros(2, 0, dtype=torch.int64))

    def prepare(self, info: DatasetInfo) -> None:
        """Look up the names of the classes."""
        if self.classes is None:
            return
        names = list(info.class_names)
        unknown = [name for name in self.classes if isinstance(name, str) and name not in names]
        if unknown:
            raise ValueError(f"expected names of classes, found {', '.join(unknown)}; there are {', '.join(names)}")
        found = [names.index(name) if isinstance(name, str) else name for name in self.classes]
        self.ids = torch.tensor(found, dtype=torch.int64, device=self.ids.device)

    def forward(self, px: PixelBatch, joined: bool = False) -> Tensor:
        """Mask of the classes, (C,) boolean; thin ones over all processes where ``joined``."""
        count = px.logits.shape[1]
        if self.classes is None:
            return self._thin(px, count, joined)
        if len(self.ids) == 0:
            raise RuntimeError(
                f"expected ids of the classes {', '.join(map(str, self.classes))}, found their names alone: give ids, "
                "or call prepare(hardpix.pixels.DatasetInfo(class_names, …)) first, as hardpix fit does"
            )
        asked = self.ids.tolist()
        if foreign := [number for number in asked if not 0 <= number < count]:
            raise ValueError(f"expected classes from 0 to {count - 1}, as the network has, found {foreign}")
        chosen = torch.zeros(count, dtype=torch.bool, device=px.logits.device)
        chosen[self.ids.to(chosen.device)] = True
        return chosen

    @torch.no_grad()
    def _thin(self, px: PixelBatch, count: int, joined: bool) -> Tensor:
        labels = torch.where(px.valid, px.labels, -1)
        thin = thin_parts(labels, self.radius, ignore_index=-1)
        places = ((labels + 1) * thin, labels + 1)
        found = torch.stack([place.flatten().bincount(minlength=count + 1)[1:] for place in places])
        found = global_sum(found) if joined else found
        if self.seen.shape[1] == count:
            found = found + self.seen.to(found.device)
        if self.training:
            self.seen = found
        return (found[0] > 0) & (found[0] >= self.thin_share * found[1])


def pixels_of(chosen: Tensor, px: PixelBatch) -> Tensor:
    """Labels (B, H, W) where they are of the chosen classes (C,), else −1."""
    labels = torch.where(px.valid, px.labels, 0)
    return torch.where(px.valid & chosen[labels], labels, -1)
