"""Codecs that change numbers, told by the content of a file and not by its name."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from hardpix.data.tif import COMPRESSION, tif_codec

# Lossless whatever is in them. A tif tells by its compression, a webp by its chunks.
LOSSLESS_FORMATS = ("PNG", "BMP", "GIF")
# JPEG 2000 and avif may be lossless, but their files do not say so: the reversible wavelet, too, is cut off at a size.
NAMES = {"JPEG": "jpg", "MPO": "jpg", "JPEG2000": "jpeg 2000"}


def lossy_codec(path: str | Path, image: Image.Image) -> str | None:
    """The name of the codec that may have changed the numbers of an image; None where none can have.

    Args:
        path: the file.
        image: of it, as Pillow identified it.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Image.new("RGB", (8, 8)).save(f"{folder}/a.webp", quality=80)
        ...     with Image.open(f"{folder}/a.webp") as image:
        ...         lossy_codec(f"{folder}/a.webp", image)
        'lossy webp'
    """
    name = image.format or ""
    if name in LOSSLESS_FORMATS:
        return None
    if name == "WEBP":
        return None if _webp_chunks(Path(path)) & {b"VP8L"} else "lossy webp"
    if isinstance(image, TiffImageFile):
        codec = tif_codec(image.tag_v2.get(COMPRESSION, 1))
        return codec and f"tif with {codec}"
    return NAMES.get(name, name.lower())


def _webp_chunks(path: Path) -> set[bytes]:
    """Names of the chunks: VP8L is lossless, VP8 with a blank lossy."""
    content = path.read_bytes()
    names, at = set(), 12
    while at + 8 <= len(content):
        names.add(content[at : at + 4])
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return names
