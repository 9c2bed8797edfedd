"""Memory of threads that read side by side: large images take turns, small ones do not wait."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition

from hardpix.data.arrays import array_head
from hardpix.data.errors import DataError
from hardpix.data.images import image_size

# Pixels of all threads together: eight photographs of 8 megapixels.
AT_ONCE = 2**26
ANY_SIZE = 2**63


class Room:
    """Room for a number of pixels, which threads share; one image of any size finds room alone.

    Args:
        pixels: that are held at once, unless one image has more.

    Example:
        >>> room = Room(pixels=10)
        >>> with room.for_files([]), room.taken(8):
        ...     room.held
        8
    """

    def __init__(self, pixels: int = AT_ONCE) -> None:
        self.pixels = pixels
        self.held = 0
        self._changed = Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Wait for room, and hold it."""
        with self._changed:
            self._changed.wait_for(lambda: not self.held or self.held + pixels <= self.pixels)
            self.held += pixels
        try:
            yield
        finally:
            with self._changed:
                self.held -= pixels
                self._changed.notify_all()

    @contextmanager
    def for_files(self, paths: Iterable[Path]) -> Iterator[None]:
        """Room for files that are read together, by their heads."""
        with self.taken(sum(map(_pixels, paths))):
            yield


def _pixels(path: Path) -> int:
    """Height × width; 0 where the head cannot be read, which is said when the file is."""
    try:
        if path.suffix.lower() == ".npy":
            height, width = (*array_head(path).shape, 1, 1)[:2]
        else:
            height, width = image_size(path, max_pixels=ANY_SIZE)
    except DataError:
        return 0
    return height * width
