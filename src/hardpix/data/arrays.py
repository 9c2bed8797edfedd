"""Arrays of npy and npz files: the head first, the numbers only where it is as expected."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from hardpix.data.errors import DataError, unusable
from hardpix.data.reading import reading

# First bytes of a zip file, and of an empty one.
ARCHIVES = (b"PK\3\4", b"PK\5\6")
READ_HEAD = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True)
class ArrayHead:
    """Shape and type of a stored array."""

    shape: tuple[int, ...]
    dtype: np.dtype


def array_head(path: str | Path, *, archives: bool = False) -> ArrayHead:
    """The head of a npy file; nothing behind it is read.

    Args:
        path: the file.
        archives: take an npz of one array as well.

    Raises:
        DataError: it cannot be read, is not of numbers, or tells of more numbers than the file has.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     np.savez_compressed(f"{folder}/a.npz", np.zeros((3, 400, 500), np.uint8))
        ...     array_head(f"{folder}/a.npz", archives=True).shape
        (3, 400, 500)
    """
    with reading(path, "an array that can be read"), _stored(path, archives) as (file, size):
        return _head(file, size)


def read_array(path: str | Path, *, archives: bool = False) -> np.ndarray:
    """All numbers of the file; `array_head` tells beforehand how many they are.

    Raises:
        DataError: as `array_head`, or the numbers are not those that were written, by the checksum of an npz.
    """
    with reading(path, "an array that can be read"), _stored(path, archives) as (file, size):
        _head(file, size)
        file.seek(0)
        values: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
        file.read(1)  # an npz compares its checksum at the end only
        return values


def map_array(path: str | Path) -> np.ndarray:
    """All numbers of a npy, left in the file until they are looked at; those of an npz are read.

    Raises:
        DataError: as `read_array`.
    """
    with open(path, "rb") as file:
        archive = file.read(4) in ARCHIVES
    if archive:
        return read_array(path, archives=True)
    array_head(path)
    with reading(path, "an array that can be read"):
        mapped: np.ndarray = np.lib.format.open_memmap(path, mode="r")
    return mapped


@contextmanager
def _stored(path: str | Path, archives: bool) -> Iterator[tuple[IO[bytes], int]]:
    """The array as a file, and its bytes."""
    with open(path, "rb") as file:
        start = file.read(4)
        file.seek(0)
        if start not in ARCHIVES:
            yield file, Path(path).stat().st_size
            return
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if not archives or len(entries) != 1:
                raise DataError.of([unusable(path, "one array", f"{len(entries)} arrays in an archive")])
            with archive.open(entries[0]) as entry:
                yield entry, entries[0].file_size


def _head(file: IO[bytes], size: int) -> ArrayHead:
    version = np.lib.format.read_magic(file)
    if version not in READ_HEAD:
        raise ValueError(f"version {version} of npy, which is none of plain numbers")
    shape, _, dtype = READ_HEAD[version](file)
    if dtype.kind not in "uifb":
        raise ValueError(f"an array of {dtype}, which are no numbers")
    if any(length < 0 for length in shape):
        raise ValueError(f"an array of the shape {shape}")
    held, told = size - file.tell(), dtype.itemsize
    for length in shape:
        told *= length
    if told > held:
        raise ValueError(f"{held:,} of the {told:,} bytes of an array of the shape {shape}")
    return ArrayHead(tuple(shape), dtype)
