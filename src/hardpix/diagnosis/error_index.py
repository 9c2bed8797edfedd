"""Which images hold the errors of a class, a kind, a pair or a size: what the gallery is filtered by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any


class ErrorIndex:
    """Wrong pixels by image, collected from the details of one image after the other; only what is not zero is kept.

    The keys, with classes, kinds and bands by their index:
    `"class"`: `"c"`, the pixels that lower the IoU of a class: of its truth found wrong, or found where it is not;
    `"class_kind"`: `"c,k"`, those of one kind;
    `"pair"`: `"t,p"`, pixels of t taken for p;
    `"band"`: `"c,b"` and `",b"`, pixels not found of the objects of a size band, of one class and of all.

    Example:
        >>> index = ErrorIndex()
        >>> index.add(0, {"kinds": [[1, 2, 0, 30]], "objects": []})
        >>> index.add(7, {"kinds": [[1, 2, 3, 5], [2, 1, 0, 4]], "objects": []})
        >>> index.as_dict()["pair"]
        {'1,2': {'image': [0, 7], 'pixels': [30, 5]}, '2,1': {'image': [7], 'pixels': [4]}}
    """

    def __init__(self) -> None:
        self._sums: dict[str, dict[str, dict[int, int]]] = {
            name: defaultdict(lambda: defaultdict(int)) for name in ("class", "class_kind", "pair", "band")
        }

    def add(self, image: int, details: Mapping[str, Any]) -> None:
        """Count one image: its wrong pixels `kinds` as [truth, prediction, kind, pixels], and its `objects`."""
        for truth, prediction, kind, pixels in _whole(details["kinds"]):
            self._sums["pair"][f"{truth},{prediction}"][image] += pixels
            for class_ in {truth, prediction}:
                self._sums["class"][f"{class_}"][image] += pixels
                self._sums["class_kind"][f"{class_},{kind}"][image] += pixels
        for thing in details["objects"]:
            found = thing["found"]
            if found is None or found >= 1 or thing.get("band") is None:
                continue
            missed = round(int(thing["area"]) * (1 - float(found)))
            for key in (f"{int(thing['class'])},{int(thing['band'])}", f",{int(thing['band'])}"):
                self._sums["band"][key][image] += missed

    def as_dict(self) -> dict[str, dict[str, dict[str, list[int]]]]:
        """name → key → the images, and the pixels in each."""
        return {
            name: {
                key: {"image": list(pixels), "pixels": list(pixels.values())} for key, pixels in sorted(by_key.items())
            }
            for name, by_key in self._sums.items()
        }


def _whole(rows: Iterable[Iterable[Any]]) -> Iterable[list[int]]:
    return ([int(value) for value in row] for row in rows)
