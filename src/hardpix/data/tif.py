"""Tif files beyond plain pictures: any number of bands, any type of number, either byte order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from hardpix.data.errors import DataError, Problem, unusable
from hardpix.data.limits import MAX_PIXELS, require_size
from hardpix.data.reading import WHOLE, reading

# Classic and big tif, little and big endian.
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, CIELAB = 0, 1, 2, 3, 5, 6, 8
# Samples a pixel of the pictures that Pillow reads right.
CHANNELS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, CIELAB: 3}
ORIENTATION, NODATA = 274, 42113
COMPRESSION = 259
# Codecs that never change numbers: none, CCITT, LZW, deflate, JBIG, packbits, lzma, zstd, png. All others may.
LOSSLESS = (1, 2, 3, 4, 5, 8, 9, 10, 32766, 32771, 32773, 32946, 34661, 34925, 34926, 34933, 50000, 50013)
# Codecs that every Pillow decodes, lossy ones too.
PILLOWS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000)
NAMES = (
    dict.fromkeys((6, 7, 34892), "jpeg")
    | dict.fromkeys((33003, 33004, 33005, 34712), "jpeg 2000")
    | {34887: "lerc", 50001: "webp", 50002: "jpeg xl", 52546: "jpeg xl"}
)


@dataclass(frozen=True)
class Raster:
    """The numbers of a tif, upright, as they are stored.

    Attributes:
        values: (H, W, bands).
        photometric: the tif tag: how a viewer would show them.
        alpha: whether the file declares its last band to be opacity.
        nodata: the number that stands for "no data" (GDAL's tag), if the file names one.
        codec: name of a compression that may change numbers; None for those that never do.
        bits: of each number, where they are fewer than its type has.
    """

    values: np.ndarray
    photometric: int = BLACK_IS_ZERO
    alpha: bool = False
    nodata: float | None = None
    codec: str | None = None
    bits: int | None = None

    @property
    def bands(self) -> int:
        """Number of bands, without a declared opacity."""
        return self.values.shape[2] - self.alpha

    @property
    def described(self) -> str:
        """Bands and type in words.

        Example:
            >>> Raster(np.zeros((2, 3, 4), np.int16)).described
            '4 bands of int16'
        """
        count = self.values.shape[2]
        return f"{count} band{'s' if count > 1 else ''} of {self.values.dtype}" + (", the last opacity" * self.alpha)


def is_tif(path: str | Path) -> bool:
    """True where the content of a file is a tif, whatever its name."""
    with open(path, "rb") as file:
        return file.read(4) in MAGIC


def tif_codec(compression: int) -> str | None:
    """The name of a compression, by its tag, that may change numbers; None for those that never do.

    Example:
        >>> tif_codec(7), tif_codec(34934), tif_codec(5)
        ('jpeg', 'compression 34934', None)
    """
    if compression in LOSSLESS:
        return None
    return NAMES.get(int(compression), f"compression {int(compression)}")


def tif_bands(path: str | Path) -> str:
    """Bands and type of a tif's numbers in words, by its head alone; empty for other files.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     tifffile.imwrite(f"{folder}/a.tif", np.zeros((2, 3), np.float16))
        ...     tif_bands(f"{folder}/a.tif")
        '1 band of float16'
    """
    try:
        with reading(path), tifffile.TiffFile(path) as file:
            page = file.pages.first
            count, kind = page.samplesperpixel, page.dtype
    except DataError:
        return ""
    return f"{count} band{'s' if count > 1 else ''} of {kind}"


def read_raster(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Raster | None:
    """The bands of a tif as stored; None for other files, and for plain pictures, which Pillow reads right.

    Plain are pictures of up to 8 bits a sample whose bands are those of their color space, with or without opacity, and
    which are not too large for Pillow.

    Args:
        path: the file.
        max_pixels: height × width at which reading is refused.

    Raises:
        DataError: several pages, too many pixels, a type that is no number, or a file that cannot be read to its end.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> five = np.zeros((2, 3, 5), np.float64)
        >>> with TemporaryDirectory() as folder:
        ...     tifffile.imwrite(f"{folder}/a.tif", five, photometric="minisblack", planarconfig="contig")
        ...     read_raster(f"{folder}/a.tif").described
        '5 bands of float64'
    """
    with _decoding(path):
        if not is_tif(path):
            return None
        with tifffile.TiffFile(path) as file:
            page = _only_page(path, file)
            require_size(path, page.imagelength, page.imagewidth, max_pixels, page.samplesperpixel)
            alpha = tuple(page.extrasamples) in ((1,), (2,))
            if _is_plain(page, alpha):
                return None
            if page.dtype is None or page.dtype.kind not in "uifb":
                found = page.dtype or f"{page.bitspersample} bits of sample format {page.sampleformat}"
                raise DataError.of([unusable(path, "integers or floats", f"tif of {found}")])
            _require_complete(page, file.filehandle.size)
            values = page.asarray(maxworkers=1)
            if page.axes not in ("YX", "YXS", "SYX"):
                raise DataError.of([unusable(path, "bands of height × width", f"axes {page.axes} {page.shape}")])
            values = np.moveaxis(values, 0, 2) if page.axes == "SYX" else values.reshape(*page.shape[:2], -1)
            values = upright(values, page.tags.valueof(ORIENTATION, 1))
            codec = tif_codec(page.compression)
            kind = np.uint8 if values.dtype == bool else values.dtype.newbyteorder("=")
            # The decoder of jpeg has made RGB of YCbCr.
            photometric = RGB if codec == "jpeg" and page.photometric == YCBCR else int(page.photometric)
            return Raster(
                np.ascontiguousarray(values, dtype=kind), photometric, alpha, _nodata(page), codec, page.bitspersample
            )


def tif_size(path: str | Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int] | None:
    """Height and width in the header of a tif, before any orientation is applied; None for other files.

    Raises:
        DataError: several pages, too many pixels, or a header that cannot be read.
    """
    with _decoding(path):
        if not is_tif(path):
            return None
        with tifffile.TiffFile(path) as file:
            page = _only_page(path, file)
            require_size(path, page.imagelength, page.imagewidth, max_pixels, page.samplesperpixel)
            return page.imagelength, page.imagewidth


def upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """An image (H, W, …) turned as the orientation tag of tif and EXIF says.

    Example:
        >>> upright(np.array([[0, 1, 2], [3, 4, 5]]), 6).tolist()
        [[3, 0], [4, 1], [5, 2]]
    """
    if orientation in (3, 4, 6, 7):
        values = values[::-1]
    if orientation in (2, 3, 7):
        values = values[:, ::-1]
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    return values[::-1] if orientation == 8 else values


def _only_page(path: str | Path, file: tifffile.TiffFile) -> tifffile.TiffPage:
    """The page of full size; previews and masks of transparency that GIS tools add do not count."""
    pages = [page for page in file.pages if isinstance(page, tifffile.TiffPage) and not page.subfiletype & 5]
    if len(pages) != 1:
        found = f"{len(pages)} pages of {' × '.join(map(str, pages[0].shape))}" if pages else "none"
        advice = "save one page a file; bands belong into one page, as GDAL writes them"
        raise DataError.of([Problem("tif of several pages", Path(path), "one page", found, advice)])
    if file.is_shaped or file.is_imagej:  # such files may have one header for several pages
        shape = file.series[0].shape
        if np.prod(shape) > np.prod(pages[0].shape):
            raise DataError.of([unusable(path, "one page", f"a stack of shape {' × '.join(map(str, shape))}")])
    return pages[0]


def _is_plain(page: tifffile.TiffPage, alpha: bool) -> bool:
    if page.imagelength * page.imagewidth > (Image.MAX_IMAGE_PIXELS or inf):
        return False
    if int(page.compression) not in PILLOWS:
        return False
    unsigned = page.sampleformat in (1, 4)
    return unsigned and page.bitspersample <= 8 and page.samplesperpixel - alpha == CHANNELS.get(page.photometric)


def _require_complete(page: tifffile.TiffPage, size: int) -> None:
    """tifffile fills what lies behind the end of a file with zeros."""
    ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if max(ends, default=0) > size:
        raise EOFError(f"the file ends at {size} bytes, its image at {max(ends)}")


def _nodata(page: tifffile.TiffPage) -> float | None:
    try:
        return float(page.tags.valueof(NODATA, "none"))
    except ValueError:
        return None


@contextmanager
def _decoding(path: str | Path) -> Iterator[None]:
    with reading(path):
        try:
            yield
        except Exception as error:
            if "imagecodecs" not in str(error):
                raise
            found = f"{type(error).__name__}: {error}"
            advice = "pip install imagecodecs, or save the file uncompressed or with the compression deflate"
            raise DataError.of([Problem("tif of another codec", Path(path), WHOLE, found, advice)]) from error
