"""Files that are not what their name says, or are damaged, are named with the reason, whatever the decoder raises."""

import io
import os
import struct
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from hardpix.data import DataError, ImagePaths, MapKind, SegmentationFolder, check_folders, read_depth, read_image
from hardpix.data.bands import read_bands
from hardpix.data.file_forms import file_form
from hardpix.data.images import image_size, orientation, read_numbers, read_weight
from hardpix.data.masks import read_mask
from hardpix.diagnosis.file_pairs import ImageFiles
from hardpix.diagnosis.readers import read_hardness, read_probabilities, size_problem

COLORS = np.random.default_rng(0).integers(0, 255, (24, 32, 3)).astype(np.uint8)
READERS = [read_image, read_mask, read_numbers, read_weight, read_depth, read_bands, image_size]
SILENT = [orientation, file_form]  # what cannot be read has no orientation, and the form of its name


def content(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(COLORS).save(buffer, kind, **options)
    return buffer.getvalue()


def named(read: Callable, path: Path) -> list[Path]:
    """The files that a reader finds unusable."""
    try:
        read(path)
    except DataError as error:
        return [problem.where for problem in error.problems]
    return []


def npy_head(shape: str, kind: str = "'<f4'") -> bytes:
    """The head of a npy file after its specification, version 1.0."""
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize("kind", ["SGI", "DDS", "GIF", "PPM", "TGA", "ICO", "PCX", "EPS", "ICNS", "QOI", "IM"])
def test_formats_that_are_not_asked_for_are_not_decoded(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(content(kind))
    for read in READERS:
        with pytest.raises(DataError, match=r"a\.png: .*no image in a format that is read"):
            read(tmp_path / "a.png")
    assert orientation(tmp_path / "a.png") == 1
    assert file_form(tmp_path / "a.png").name == "png"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["PNG", "JPEG", "TIFF", "BMP", "WEBP", "AVIF", "JPEG2000", "DDS", "SGI"]),
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=6),
    kept=st.floats(0.01, 1),
)
def test_no_damage_raises_anything_else(kind: str, flips: list[tuple[float, int]], kept: float, tmp_path: Path) -> None:
    damaged = bytearray(content(kind))
    for place, bits in flips:
        damaged[int(place * (len(damaged) - 1))] ^= bits
    path = tmp_path / "a.png"
    path.write_bytes(damaged[: max(1, int(kept * len(damaged)))])
    assert {place for read in [*READERS, *SILENT] for place in named(read, path)} <= {path}


ARRAYS = {
    "flipped": npy_head("(64, 96(, "),
    "huge": npy_head("(1000000, 100000000)"),
    "larger than numbers are": npy_head("(99999999999999999999999, 9)"),
    "negative": npy_head("(-64, 96)"),
    "twice negative": npy_head("(3, -64, -96)") + bytes(3 * 64 * 96 * 4),
    "nested": npy_head("((64, 96), 3)"),
    "deep": npy_head("(" * 4000 + ")" * 4000),
    "text": npy_head("('a', 'b')"),
    "named": npy_head("(64, 96)", "[('a', '<f4')]") + bytes(64 * 96 * 4),
    "cut": npy_head("(64, 96)") + bytes(64 * 95 * 4),
    "no array": b"\x93NUMPY",
    "version": b"\x93NUMPY\x09\0",
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_whose_head_lies_are_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(ARRAYS[name])
    for read in (read_numbers, read_weight, read_depth, read_hardness, lambda file: read_probabilities(file, 3)):
        with pytest.raises(DataError) as caught:
            read(path)
        assert [problem.where for problem in caught.value.problems] == [path]
    problem = size_problem(ImageFiles("a", {"hardness": path}), "hardness", (64, 96))
    assert problem is None or problem.where == path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_flipped_byte_of_an_archive_is_named_or_changes_nothing(save: Callable, tmp_path: Path) -> None:
    stored = np.random.default_rng(1).random((3, 12, 16)).astype(np.float16)
    path = tmp_path / "a.npz"
    save(path, stored)
    whole = path.read_bytes()
    for place in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        if not (places := named(lambda path: read_probabilities(path, 3), path)):
            np.testing.assert_array_equal(read_probabilities(path, 3), stored)
        assert set(places) <= {path}


def test_an_archive_of_many_more_numbers_is_refused_by_its_head(tmp_path: Path) -> None:
    """3 × 40,000 × 40,000 floats would be 19 GB; only the head is there."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", npy_head("(3, 40000, 40000)"))
    with pytest.raises(DataError, match=r"a\.npz: expected .*, found ValueError: 0 of the 19,200,000,000 bytes"):
        read_probabilities(tmp_path / "a.npz", 3)


def test_another_size_is_refused_before_the_numbers_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", np.zeros((3, 40, 50), np.float32))
    damaged = bytearray((tmp_path / "a.npz").read_bytes())
    damaged[9000] = 1  # of the 24,000 of the numbers: whoever reads them finds another checksum
    (tmp_path / "a.npz").write_bytes(damaged)
    with pytest.raises(DataError, match="Bad CRC-32"):
        read_probabilities(tmp_path / "a.npz", 3)
    with pytest.raises(DataError, match=r"found 40×50"):
        read_probabilities(tmp_path / "a.npz", 3, (12, 16))
    problem = size_problem(ImageFiles("a", {"probabilities": tmp_path / "a.npz"}), "probabilities", (12, 16))
    assert problem is not None
    assert problem.found == "40×50"


@pytest.mark.parametrize("read", [*READERS, *SILENT, lambda path: read_probabilities(path, 3)])
def test_a_fifo_is_refused_and_not_waited_for(read: Callable, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    found: list[str] = []

    def attempt() -> None:
        try:
            read(tmp_path / "a.png")
        except DataError as error:
            found.append(error.problems[0].found)
        else:
            found.append("nothing")

    reader = threading.Thread(target=attempt, daemon=True)
    reader.start()
    reader.join(timeout=20)
    assert found == ["nothing" if read in SILENT else "a FIFO"]


def broken(path: Path) -> np.ndarray:
    raise LookupError("no such key in the header")


def test_a_reader_of_ones_own_may_raise_anything(tmp_path: Path) -> None:
    for folder in ("images", "masks", "own"):
        (tmp_path / folder).mkdir()
        Image.fromarray(COLORS[..., 0] % 2).save(tmp_path / folder / "a.png")
    maps = {MapKind("own", "own", 0, broken): tmp_path / "own"}
    report = check_folders(ImagePaths(tmp_path / "images", tmp_path / "masks", maps=maps))
    assert [(problem.where, problem.found) for problem in report.problems] == [
        (tmp_path / "own" / "a.png", "LookupError: no such key in the header")
    ]
    samples = SegmentationFolder(tmp_path / "images", tmp_path / "masks", maps=maps)
    with pytest.raises(DataError, match=r"own/a\.png: .* found LookupError"):
        samples[0]
