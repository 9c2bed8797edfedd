"""Codecs that change numbers, told by the content of a file and not by its name."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

# Their files do not say simply whether they are lossless.
ALWAYS = {"JPEG": "jpg", "MPO": "jpg", "AVIF": "avif", "HEIF": "heif"}
JPEG_IN_TIF = ("jpeg", "tiff_jpeg", "webp", "jpeg2000", "jpegxl", "jpeg_2000")


def lossy_codec(path: str | Path, image: Image.Image) -> str | None:
    """The name of the codec that changed the numbers of an image; None where none did, as far as the file tells.

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
    if name in ALWAYS:
        return ALWAYS[name]
    if name == "WEBP":
        return None if _webp_chunks(Path(path)) & {b"VP8L"} else "lossy webp"
    if name == "JPEG2000":
        return "jpeg 2000" if _is_irreversible(Path(path)) else None
    if name == "TIFF" and image.info.get("compression") in JPEG_IN_TIF:
        return f"tif with {image.info['compression']}"
    return None


def _webp_chunks(path: Path) -> set[bytes]:
    """Names of the chunks: VP8L is lossless, VP8 with a blank lossy."""
    content = path.read_bytes()
    names, at = set(), 12
    while at + 8 <= len(content):
        names.add(content[at : at + 4])
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return names


def _is_irreversible(path: Path) -> bool:
    """True where the wavelet is that of lossy files, by the codestream's first COD marker (ISO 15444-1, A.6.1)."""
    content = path.read_bytes()
    start = content.find(b"\xff\x4f\xff\x51")
    cod = content.find(b"\xff\x52", start)
    return start < 0 or cod < 0 or len(content) <= cod + 13 or content[cod + 13] == 0
