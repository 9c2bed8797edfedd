"""Pictures inside of a page, as data URIs."""

from __future__ import annotations

import base64
import io

from PIL import Image


def data_uri(kind: str, content: bytes) -> str:
    """A picture file as a data URI.

    Args:
        kind: of the file, such as png or jpeg.
        content: of the file.

    Example:
        >>> data_uri("png", b"abc")
        'data:image/png;base64,YWJj'
    """
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def picture_uri(picture: Image.Image, kind: str, **options: object) -> str:
    """A picture as a data URI; the options are those of Pillow for files of that kind, PNG or JPEG."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return data_uri(kind.lower(), buffer.getvalue())
