"""Images that hold the errors of a class, a kind, a pair or a size: the filters of the gallery."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from hardpix.metrics import ErrorKind

# Among the kinds of wrong pixels.
FALSE_RESPONSE = ErrorKind.FALSE_RESPONSE - 1


class ErrorIndex:
    """Wrong pixels by image, collected from the details of one image after the other; only what is not zero is kept.

    The keys, with classes, kinds and bands by their index:

    - `"class"`: `"c"`, the false negatives and false positives of a class, which both lower its IoU;
    - `"class_kind"`: `"c,k"`, errors of one kind, each for one class: a false response for its predicted class, any
      other for its true class;
    - `"pair"`: `"t,p"`, pixels of t predicted as p;
    - `"band"`: `"c,b"` and `",b"`, pixels not found of the objects of a size band, of one class and of all.

    Example:
        >>> index = ErrorIndex()
        >>> index.add(0, {"kinds": [[1, 2, 0, 30]], "bands": [[1, 0, 30]]})
        >>> index.add(7, {"kinds": [[1, 2, 3, 5], [2, 1, 0, 4]], "bands": []})
        >>> index.as_dict()["pair"]["1,2"]
        {'image': array('q', [0, 7]), 'pixels': array('q', [30, 5])}
    """

    def __init__(self) -> None:
        # Arrays, since a large set has millions of entries.
        self._images: dict[tuple[str, str], array[int]] = defaultdict(lambda: array("q"))
        self._pixels: dict[tuple[str, str], array[int]] = defaultdict(lambda: array("q"))

    def add(self, image: int, details: Mapping[str, Any]) -> None:
        """Count the next image.

        Args:
            image: its number, above those before.
            details: wrong pixels as "kinds", [truth, prediction, kind, pixels] each, and "bands", those not found of
                the objects of a size, [class, band, pixels] each.
        """
        for truth, prediction, kind, pixels in _whole(details["kinds"]):
            self._add("pair", f"{truth},{prediction}", image, pixels)
            for class_ in {truth, prediction}:
                self._add("class", f"{class_}", image, pixels)
            self._add("class_kind", f"{prediction if kind == FALSE_RESPONSE else truth},{kind}", image, pixels)
        for class_, band, pixels in _whole(details["bands"]):
            self._add("band", f"{class_},{band}", image, pixels)
            self._add("band", f",{band}", image, pixels)

    def _add(self, name: str, key: str, image: int, pixels: int) -> None:
        images, counts = self._images[name, key], self._pixels[name, key]
        if images and images[-1] == image:
            counts[-1] += pixels
        else:
            images.append(image)
            counts.append(pixels)

    def as_dict(self) -> dict[str, dict[str, dict[str, array[int]]]]:
        """name → key → the images, and the pixels in each."""
        found: dict[str, dict[str, dict[str, array[int]]]] = {"class": {}, "class_kind": {}, "pair": {}, "band": {}}
        for name, key in sorted(self._images):
            images, pixels = self._images[name, key], self._pixels[name, key]
            found[name][key] = {"image": images, "pixels": pixels}
        return found


def _whole(rows: Iterable[Iterable[Any]]) -> Iterable[list[int]]:
    return ([int(value) for value in row] for row in rows)
