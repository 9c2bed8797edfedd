"""Images of any bit depth, written after the formats' specifications without an imaging library."""

import struct
import zlib
from pathlib import Path

import numpy as np


def packed_rows(values: np.ndarray, bits: int) -> list[bytes]:
    """Rows of samples, the first bit first, each row filled up to whole bytes."""
    rows = []
    for row in values.reshape(len(values), -1).tolist():
        digits = "".join(f"{v:0{bits}b}" for v in row)
        digits += "0" * (-len(digits) % 8)
        rows.append(int(digits, 2).to_bytes(len(digits) // 8, "big"))
    return rows


def write_png(path: Path, values: np.ndarray, bits: int) -> None:
    """A png: (H, W) gray, (H, W, 2) with alpha, (H, W, 3) colors, (H, W, 4) with alpha."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = values.shape[:2]
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[values[0, 0].size]
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row for row in packed_rows(values, bits))
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def write_tif(
    path: Path,
    values: np.ndarray,
    bits: int,
    *,
    zero_is_white: bool = False,
    deflated: bool = False,
    planes: bool = False,
) -> None:
    """A big-endian tif: (H, W) gray, or (H, W, 3) colors, one plane a channel if asked for."""
    height, width = values.shape[:2]
    samples = values[0, 0].size
    parts = values.transpose(2, 0, 1) if planes else [values]
    strips = [b"".join(packed_rows(part, bits)) for part in parts]
    if deflated:
        strips = [zlib.compress(strip) for strip in strips]
    photometric = 2 if samples == 3 else 0 if zero_is_white else 1
    after = 8 + 2 + 10 * 12 + 4  # where there is room behind the directory
    behind = b""

    def numbers(tag: int, kind: int, values: list[int]) -> bytes:
        nonlocal behind
        stored = struct.pack(f">{len(values)}{'H' if kind == 3 else 'L'}", *values)
        if len(stored) > 4:
            behind, stored = behind + stored, struct.pack(">L", after + len(behind))
        return struct.pack(">HHL", tag, kind, len(values)) + stored.ljust(4, b"\0")

    first = after + (2 * samples if samples > 2 else 0) + (8 * len(strips) if planes else 0)
    starts = [first + sum(map(len, strips[:k])) for k in range(len(strips))]
    directory = b"".join(
        [
            numbers(256, 4, [width]),
            numbers(257, 4, [height]),
            numbers(258, 3, [bits] * samples),
            numbers(259, 3, [8 if deflated else 1]),
            numbers(262, 3, [photometric]),
            numbers(273, 4, starts),
            numbers(277, 3, [samples]),
            numbers(278, 4, [height]),
            numbers(279, 4, [len(strip) for strip in strips]),
            numbers(284, 3, [2 if planes else 1]),
        ]
    )
    head = b"MM\0*" + struct.pack(">LH", 8, 10)
    path.write_bytes(head + directory + bytes(4) + behind + b"".join(strips))
