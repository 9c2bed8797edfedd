"""Reading images, and the float maps that may come with them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from hardpix.data.arrays import array_head, read_array
from hardpix.data.errors import DataError, Problem, unusable
from hardpix.data.limits import MAX_PIXELS, require_size
from hardpix.data.lossy import lossy_codec
from hardpix.data.reading import reading
from hardpix.data.tif import BLACK_IS_ZERO, ORIENTATION, RGB, WHITE_IS_ZERO, Raster, read_raster, tif_size

# Formats by their content, as Pillow names them; others have decoders that are seldom used, or start other programs.
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF", "JPEG2000", "AVIF")
# Pixels that are converted at once.
PART = 2**22
SIXTEEN_BIT = ("I;16", "I;16B", "I;16L", "I;16N")


def read_image(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """An image as (H, W, 3) uint8 RGB.

    The orientation that a camera noted in EXIF is applied, as viewers and labeling tools do. Gray becomes RGB, an
    alpha channel is dropped, 16 bits keep their upper 8. Of more than three bands the first three are taken;
    :class:`hardpix.data.ImageFormat` reads others, and numbers of another range.

    Args:
        path: of a png, jpg, tif, bmp or webp.
        max_pixels: height × width above which an image is refused by its header.

    Raises:
        DataError: the file cannot be read to its end, has several pages or too many pixels, or holds numbers that have
            no fixed range (float, 32 bit).

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Image.new("L", (3, 2), 7).save(f"{folder}/gray.png")
        ...     image = read_image(f"{folder}/gray.png")
        >>> image.shape, image[0, 0].tolist()
        ((2, 3, 3), [7, 7, 7])
    """
    if (raster := read_raster(path, max_pixels=max_pixels)) is not None:
        return _shown(path, raster)
    with opened(path, max_pixels) as image:
        if image.mode in SIXTEEN_BIT:
            gray = (np.asarray(image) >> 8).astype(np.uint8)
            return np.repeat(gray[..., None], 3, axis=2)
        if image.mode in ("I", "F"):
            raise DataError.of([unusable(path, "an image of 8 or 16 bits", f"PIL mode {image.mode}")])
        return _rgb(image)


def _rgb(image: Image.Image) -> np.ndarray:
    """The image as RGB, by parts: whole, Pillow and numpy would hold five copies at once."""
    rgb = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, PART // max(1, image.width))
    for top in range(0, image.height, rows):
        part = image.crop((0, top, image.width, min(top + rows, image.height)))
        # Pillow warns where a palette loses its transparency, even if that is meant.
        shown = part.convert("RGBA") if part.mode == "P" else part
        rgb[top : top + rows] = np.asarray(shown.convert("RGB"))
    return rgb


def _shown(path: str | Path, raster: Raster) -> np.ndarray:
    """The bands of a tif as RGB of 8 bits, where there is one reading of them."""
    if raster.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        found = f"{raster.described}, photometric {raster.photometric}"
        raise DataError.of([unusable(path, "gray, RGB, or bands of their own", found)])
    if raster.bands == 2:
        advice = "name the bands to use, such as --data.bands [1, 2]; the network then has as many input channels"
        raise DataError.of([Problem("image of two bands", Path(path), "1 band, or 3 and more", "2", advice)])
    image = upper_8_bits(path, raster.values[..., : 3 if raster.bands > 2 else 1], raster.bits)
    if raster.photometric == WHITE_IS_ZERO and raster.bands == 1:
        image = 255 - image
    return image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)


def upper_8_bits(path: str | Path, values: np.ndarray, bits: int | None = None) -> np.ndarray:
    """Numbers of up to 16 bits without sign as uint8, of which 255 is white.

    Args:
        path: the file, for the error.
        values: any number of bands.
        bits: of each number, where they are fewer than its type has, such as 12 in uint16.

    Raises:
        DataError: numbers of another type, which have no fixed black and white.
    """
    if values.dtype in (np.uint8, np.uint16):
        bits = bits or 8 * values.dtype.itemsize
        if bits < 8:
            return (values * (255 // (2**bits - 1))).astype(np.uint8)
        return values if bits == 8 else (values >> (bits - 8)).astype(np.uint8)
    known = values[np.isfinite(values)]
    span = f"from {known.min():.6g} to {known.max():.6g}" if known.size else "none of which is finite"
    advice = (
        "say which numbers are black and white, such as --data.value_range [0, 10000], or --data.value_range measured "
        "to take them from the images"
    )
    found = f"numbers of {values.dtype} {span}"
    raise DataError.of([Problem("image without a fixed range", Path(path), "8 or 16 bits", found, advice)])


def read_weight(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """A weight map as (H, W) float32: integers as v / 65535 (16 bits) or v / 255 (8 bits), floats as they are."""
    stored = read_numbers(path, max_pixels=max_pixels)
    weight = stored.astype(np.float32)
    if stored.dtype.kind in "ui":
        if stored.dtype not in (np.uint8, np.uint16):
            expected = "integers of 8 or 16 bits without sign, or floats"
            raise DataError.of([unusable(path, expected, f"{stored.dtype}")])
        weight /= np.iinfo(stored.dtype).max
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise DataError.of([unusable(path, "weights that are finite and not negative", "others")])
    return weight


def orientation(path: str | Path) -> int:
    """The orientation that EXIF notes in the head of a file, from 1 to 8; 1, upright, where nothing is noted."""
    try:
        with reading(path), open(path, "rb") as file, identified(file) as image:
            return int(image.getexif().get(ORIENTATION, 1))
    except DataError:
        return 1


def size_of(values: np.ndarray) -> str:
    """Height × width, as said in messages."""
    return f"{values.shape[0]}×{values.shape[1]}"


@contextmanager
def opened(path: str | Path, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """The image of a file, decoded to its end and upright.

    `info["stored_as"]` is Pillow's name of its samples' layout. Upright is as the orientation that EXIF notes says,
    whether the file is a photograph, a mask or a map: who writes it into a file means it. Whatever stops the reading
    becomes one DataError that names the file.
    """
    # Given a path, Pillow maps uncompressed tif into memory, and garbles those that lie on their side.
    with reading(path), _pillows_limit(path), open(path, "rb") as file, identified(file) as image:
        require_size(path, image.height, image.width, max_pixels)
        _require_one_frame(path, image)
        stored_as = layout(image)
        image.load()
        with suppress(SyntaxError, struct.error):  # EXIF that is broken says nothing of the orientation
            ImageOps.exif_transpose(image, in_place=True)
        image.info["stored_as"] = stored_as
        yield image


def identified(file: BufferedReader) -> Image.Image:
    """The image of a file, of which the header is read: Image.open without Pillow's own limit of pixels.

    That limit is one for the whole process, and not ours to change. A gif is read where it is called one: under another
    name it would be taken for a file whose numbers are ids or brightness, and its numbers are neither.

    Raises:
        UnidentifiedImageError: none of `FORMATS`.
    """
    start = file.read(16)
    Image.init()
    named_gif = Path(file.name).suffix.lower() == ".gif"
    for name in FORMATS:
        if name == "GIF" and not named_gif:
            continue
        # An installation may lack a codec.
        factory, accepts = Image.OPEN.get(name, (None, None))
        with suppress(SyntaxError, IndexError, TypeError, struct.error):
            accepted = factory is not None and (accepts is None or accepts(start))
            if factory is not None and accepted and not isinstance(accepted, str):
                file.seek(0)
                return factory(file, "")
    raise UnidentifiedImageError("no image in a format that is read, whatever its name (png, jpg, tif, bmp, webp)")


def _require_one_frame(path: str | Path, image: Image.Image) -> None:
    # A telephone's jpg has a preview behind the photograph, and a tif was looked at before.
    if image.format in ("PNG", "WEBP", "GIF") and (frames := getattr(image, "n_frames", 1)) > 1:
        raise DataError.of([unusable(path, "one image", f"an animation of {frames} frames")])


def image_size(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Height and width as the header has them, before any orientation is applied.

    Raises:
        DataError: the file cannot be read, or has too many pixels.
    """
    if (size := tif_size(path, max_pixels)) is not None:
        return size
    with (
        reading(path, "a file that can be read"),
        _pillows_limit(path),
        open(path, "rb") as file,
        identified(file) as image,
    ):
        require_size(path, image.height, image.width, max_pixels)
        return image.height, image.width


@contextmanager
def _pillows_limit(path: str | Path) -> Iterator[None]:
    """Around decoders that have Pillow's limit built in, such as that of webp."""
    try:
        yield
    except Image.DecompressionBombError as error:
        expected = f"at most {2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} megapixels in a file of this format"
        advice = "save it as png or tif, which may have as many as max_pixels allows"
        raise DataError.of([Problem("image of too many pixels", Path(path), expected, "more", advice)]) from error


def layout(image: Image.Image) -> str:
    """Such as "L;4" for gray of 4 bits, where the mode says no more than "L"; known before the image is loaded only."""
    tiles = getattr(image, "tile", ())
    settings = tiles[0][3] if tiles else image.mode
    return str(settings[0] if isinstance(settings, tuple) else settings)


def read_numbers(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """One number a pixel from npy, tif or png, in the type in which it is stored."""
    if Path(path).suffix.lower() == ".npy":
        values = _read_npy(path, max_pixels)
    elif (raster := read_raster(path, max_pixels=max_pixels)) is not None:
        if raster.bands != 1:
            raise DataError.of([unusable(path, "one number a pixel", raster.described)])
        if raster.codec is not None:
            raise DataError.of([_changed(path, raster.codec)])
        values = raster.values[..., 0]
    else:
        with opened(path, max_pixels) as image:
            if image.mode in ("P", "PA"):
                raise DataError.of([unusable(path, "one number a pixel", "the indices of a palette")])
            if (codec := lossy_codec(path, image)) is not None:
                raise DataError.of([_changed(path, codec)])
            values = np.array(image)
            if image.info["stored_as"] == "L;I":  # Pillow shows 0 as white where the file says so
                values = 255 - values
    if values.dtype.kind not in "uifb":
        raise DataError.of([unusable(path, "an array of numbers", f"one of {values.dtype}")])
    if values.ndim != 2:
        raise DataError.of([unusable(path, "one number a pixel", f"an array of shape {values.shape}")])
    return values


def _changed(path: str | Path, codec: str) -> Problem:
    return unusable(path, "a lossless file", f"{codec}, which changes numbers")


def _read_npy(path: str | Path, max_pixels: int) -> np.ndarray:
    shape = array_head(path).shape
    if len(shape) != 2:
        raise DataError.of([unusable(path, "one number a pixel", f"an array of shape {shape}")])
    require_size(path, shape[0], shape[1], max_pixels)
    return read_array(path)
