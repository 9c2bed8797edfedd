"""The pictures of one image in a report: layers of one size that the page lays over each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from hardpix.data.heat import heat_colors
from hardpix.data.palette import ERROR_COLORS, Color
from hardpix.report.data_uri import picture_uri
from hardpix.report.label_script import label_script

THUMBNAIL_WIDTH = 160
# One byte a pixel holds this many classes, and one value more for what has no label.
_MOST_CLASSES = 255


def write_pictures(
    out: Path,
    number: int,
    *,
    class_colors: Sequence[Color],
    kind_colors: Sequence[Color],
    image: np.ndarray | None = None,
    truth: np.ndarray | None = None,
    prediction: np.ndarray | None = None,
    kinds: np.ndarray | None = None,
    hardness: np.ndarray | None = None,
    suspects: np.ndarray | None = None,
    longest_side: int | None = None,
    thumbnail_alone: bool = False,
) -> None:
    """Write `pictures/NNNNNN/` and the thumbnails of one image; layers that are None are left out.

    There are two thumbnails, `NNNNNN.jpg` of the first layer and, where there are errors, `NNNNNN.png` to lie over it.
    Labels are also written as ids (`labels.js`), so that the page can tell what lies under the pointer. A page on disk
    may show the pixels of a png beside it, but not read them.

    Args:
        out: the folder of the report.
        number: place of the image in the report.
        class_colors: of the classes, by index.
        kind_colors: of the kinds of error, in their order.
        image: (H, W, 3) uint8.
        truth: (H, W) class indices; any other value is unlabeled, and transparent.
        prediction: (H, W) likewise.
        kinds: (H, W); k + 1 where the error is of the k-th kind; any other value is transparent.
        hardness: (H, W) from 0 to 1.
        suspects: (H, W) bool.
        longest_side: larger pictures are made smaller; labels take the nearest pixel, so thin things may suffer.
        thumbnail_alone: write no more than that.

    Raises:
        ValueError: the layers differ in size.
    """
    given = {"image": image, "truth": truth, "prediction": prediction, "kinds": kinds, "hardness": hardness}
    layers = {name: layer for name, layer in {**given, "suspects": suspects}.items() if layer is not None}
    if not layers:
        return
    sizes = {name: layer.shape[:2] for name, layer in layers.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"expected layers of one size for image {number}, found {sizes}")
    # before they are made smaller, which thin errors may not survive
    errors = None
    if kinds is not None and ((kinds > 0) & (kinds <= len(kind_colors))).any():
        errors = _colored("kinds", kinds, class_colors, kind_colors)
    layers = {name: _fit(layer, longest_side, smooth=name == "image") for name, layer in layers.items()}
    if thumbnail_alone:
        name, layer = next(iter(layers.items()))
        shown = Image.fromarray(layer) if name == "image" else _colored(name, layer, class_colors, kind_colors)
        _write_thumbnails(out, number, shown, errors)
        return
    folder = out / "pictures" / f"{number:06d}"
    folder.mkdir(parents=True, exist_ok=True)
    pictures: dict[str, Image.Image] = {}
    for name, layer in layers.items():
        if name == "image":
            pictures[name] = Image.fromarray(layer)
            pictures[name].save(folder / "image.jpg", quality=88, subsampling=0)
        else:
            pictures[name] = _colored(name, layer, class_colors, kind_colors)
            pictures[name].save(folder / f"{name}.png", optimize=True)
    labels = {name: layers[name] for name in ("truth", "prediction", "kinds") if name in layers}
    if labels and len(class_colors) <= _MOST_CLASSES:
        uris = {name: _ids(layer, _count(name, class_colors, kind_colors)) for name, layer in labels.items()}
        (folder / "labels.js").write_text(label_script(uris), encoding="utf-8")
    _write_thumbnails(out, number, next(iter(pictures.values())), errors)


def _fit(layer: np.ndarray, longest_side: int | None, smooth: bool) -> np.ndarray:
    height, width = layer.shape[:2]
    if longest_side is None or max(height, width) <= longest_side:
        return layer
    scale = longest_side / max(height, width)
    new_height, new_width = max(1, round(height * scale)), max(1, round(width * scale))
    if smooth:
        return np.asarray(Image.fromarray(layer).resize((new_width, new_height), Image.Resampling.LANCZOS))
    rows = ((np.arange(new_height) + 0.5) * height / new_height).astype(int)
    columns = ((np.arange(new_width) + 0.5) * width / new_width).astype(int)
    return layer[rows[:, None], columns]


def _colored(name: str, layer: np.ndarray, class_colors: Sequence[Color], kind_colors: Sequence[Color]) -> Image.Image:
    if name == "hardness":
        picture = Image.fromarray((np.clip(np.nan_to_num(layer), 0, 1) * 255).round().astype(np.uint8))
        picture.putpalette(heat_colors().tobytes())
        return picture
    if name == "suspects":
        colors: Sequence[Color] = [ERROR_COLORS["suspect"]]
        layer = np.where(layer, 0, 1)
    else:
        colors = kind_colors if name == "kinds" else class_colors
        layer = layer.astype(np.int64) - (name == "kinds")
    # the color after the last is what stands for everything else, and is seen through
    layer = np.where((layer >= 0) & (layer < len(colors)), layer, len(colors))
    table = np.zeros((len(colors) + 1, 4), np.uint8)
    table[:-1, :3], table[:-1, 3] = np.asarray(colors).reshape(-1, 3), 255
    if len(colors) > _MOST_CLASSES:
        return Image.fromarray(table[layer])
    picture = Image.fromarray(layer.astype(np.uint8))
    picture.putpalette(table[:, :3].tobytes())
    picture.info["transparency"] = len(colors)
    return picture


def _count(name: str, class_colors: Sequence[Color], kind_colors: Sequence[Color]) -> int:
    return len(kind_colors) + 1 if name == "kinds" else len(class_colors)


def _ids(layer: np.ndarray, count: int) -> str:
    """A data URI of a label map as gray values; 255 where there is no label."""
    ids = np.where((layer >= 0) & (layer < count), layer, 255).astype(np.uint8)
    return picture_uri(Image.fromarray(ids), "PNG", optimize=True)


def _write_thumbnails(out: Path, number: int, picture: Image.Image, errors: Image.Image | None) -> None:
    thumbnails = out / "thumbnails"
    thumbnails.mkdir(exist_ok=True)
    if picture.mode == "RGB":
        paper = picture.copy()
    else:
        shown = picture.convert("RGBA")
        paper = Image.new("RGB", shown.size, (110, 108, 116))
        paper.paste(shown, mask=shown.getchannel("A"))
    paper.thumbnail((THUMBNAIL_WIDTH, THUMBNAIL_WIDTH * 4), Image.Resampling.LANCZOS)
    paper.save(thumbnails / f"{number:06d}.jpg", quality=82)
    if errors is not None:
        # A pixel is as opaque as there are errors in what it shows; by the root, or a thin one would hardly be seen.
        small = errors.convert("RGBA").resize(paper.size, Image.Resampling.BOX)
        small.putalpha(small.getchannel("A").point([round((255 * share) ** 0.5) for share in range(256)]))
        small.save(thumbnails / f"{number:06d}.png", optimize=True)
