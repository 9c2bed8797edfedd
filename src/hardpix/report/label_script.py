"""Script of an image's labels as ids: data that the page loads, which it may not read out of a png."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Mapping
from typing import Any

from PIL import Image

_PNG = "data:image/png;base64,"
LAYERS = ("truth", "prediction", "kinds")


def label_script(uris: Mapping[Any, str]) -> str:
    r"""The script; it hands the data URIs of the layers to the page.

    Example:
        >>> label_script({"truth": "data:image/png;base64,YWJj"})
        'hardpixData({"truth": "data:image/png;base64,YWJj"});\n'
    """
    return f"hardpixData({json.dumps(dict(uris))});\n"


def read_label_script(text: str) -> dict[str, str]:
    """The data URIs in a script that `label_script` wrote, whoever has had it since.

    Raises:
        ValueError: it holds anything else.
    """
    found = re.fullmatch(r"hardpixData\((\{.*\})\);\n", text)
    uris = json.loads(found[1]) if found else None
    if not isinstance(uris, dict) or not uris.keys() <= {*LAYERS}:
        raise ValueError("no labels of a report")
    for uri in uris.values():
        if not isinstance(uri, str) or not uri.startswith(_PNG):
            raise ValueError("labels that are no png")
        require_png(base64.b64decode(uri.removeprefix(_PNG), validate=True))
    return uris


def require_png(content: bytes) -> None:
    """Refuse bytes that are no whole png.

    Raises:
        ValueError: they are something else.
    """
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            picture.verify()
    except Exception as error:  # Pillow has errors of many kinds for broken files.
        raise ValueError(f"no png: {error}") from error
