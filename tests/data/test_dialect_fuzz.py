"""Folders of masks in mixed dialects: exactly the labels that were meant, or a message that names a file."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from hardpix.data import ClassTable, ImagePaths, SegmentationFolder, check_folders, describe

HEIGHT, WIDTH = 24, 36
BACK, THING, VOID = 0, 1, 2
WHITE = 255
# EXIF's orientations, as what an upright array becomes in the file.
STORED = {1: lambda a: a, 3: lambda a: a[::-1, ::-1], 6: lambda a: np.rot90(a, 1), 8: lambda a: np.rot90(a, -1)}
RED, GRAY = (255, 0, 0), (90, 90, 90)


@dataclass(frozen=True)
class Way:
    """A way to store background, thing and void; void is None where it cannot be stored."""

    mode: str
    kind: str
    thing: int
    void: int | None = None
    palette: tuple[tuple[int, int, int], ...] = ()
    is_soft: bool = False


def ways() -> st.SearchStrategy[Way]:
    gray = st.sampled_from(["png", "tif", "bmp"])
    deep = st.sampled_from(["png", "tif"])
    colors = st.sampled_from([((0, 0, 0), RED), (RED, (0, 0, 0)), ((0, 0, 0), (0, 200, 0))])
    return st.one_of(
        st.builds(Way, st.sampled_from(["L", "RGB"]), gray, st.just(1), st.just(255)),
        st.builds(Way, st.sampled_from(["L", "RGB"]), gray, st.just(255)),
        st.builds(Way, st.just("L"), gray, st.just(255), is_soft=st.just(True)),
        st.builds(Way, st.just("1"), gray, st.just(1)),
        st.builds(Way, st.just("I;16"), deep, st.sampled_from([1, 255, 65535])),
        st.builds(Way, st.just("I;16"), deep, st.just(1), st.sampled_from([255, 65535])),
        st.builds(Way, st.just("P"), deep, st.just(1), st.just(255), colors),
    )


@dataclass(frozen=True)
class Mask:
    """One file: how it is stored, where the thing and the void are, and on which side it lies."""

    way: Way
    seed: int
    orientation: int
    void: bool
    empty: bool

    @property
    def meant(self) -> np.ndarray:
        rng = np.random.default_rng(self.seed)
        y, x = np.mgrid[:HEIGHT, :WIDTH]
        inside = (y - rng.integers(8, 16)) ** 2 + (x - rng.integers(8, 28)) ** 2 <= rng.integers(16, 49)
        meant = np.where(inside & (not self.empty), THING, BACK)
        if self.void and self.way.void is not None:
            meant[:, :2] = VOID
        return meant

    def image(self) -> Image.Image:
        way, upright = self.way, self.meant
        inverted = way.palette[:1] == (RED,)
        back, thing = (1, 0) if inverted else (0, way.thing)
        values = np.array([back, thing, way.void or 0])[upright]
        stored = np.ascontiguousarray(STORED[self.orientation](values))
        if way.mode == "1":
            return Image.fromarray(stored.astype(bool))
        if way.mode == "I;16":
            return Image.fromarray(stored.astype(np.uint16))
        if way.mode == "RGB":
            return Image.fromarray(np.repeat(stored.astype(np.uint8)[..., None], 3, axis=2))
        image = Image.fromarray(stored.astype(np.uint8), mode=way.mode)
        if way.mode == "P":
            image.putpalette([v for color in (*way.palette, *[GRAY] * 254) for v in color])
        return image.filter(ImageFilter.GaussianBlur(0.8)) if way.is_soft else image

    def save(self, path: Path) -> None:
        extra = {}
        if self.orientation != 1:
            exif = Image.Exif()
            exif[0x0112] = self.orientation
            extra = {"exif": exif}
        self.image().save(path, **extra)


@st.composite
def folders_of_masks(draw: st.DrawFn) -> list[Mask]:
    some = draw(st.lists(ways(), min_size=1, max_size=3))
    masks = []
    for seed in range(draw(st.integers(3, 6))):
        way = draw(st.sampled_from(some))
        # A bmp cannot say how it lies.
        side = 1 if way.kind == "bmp" else draw(st.sampled_from(list(STORED)))
        masks.append(Mask(way, seed, side, draw(st.booleans()), seed > 0 and draw(st.integers(0, 3)) == 0))
    if any(mask.way.thing == WHITE for mask in masks):
        # Where 255 is an object in one mask, a mask of nothing but 0 and an unlabeled 255 looks the same.
        masks = [replace(mask, void=mask.void and not (mask.empty and mask.way.void == WHITE)) for mask in masks]
    upside_down = [mask.way.palette[:1] == (RED,) for mask in masks]
    if any(upside_down) and not all(mask.way.mode == "P" for mask in masks):
        # Nobody can tell whether a mask without a palette has 0 and 1 as one with a palette.
        masks = [mask for mask, is_so in zip(masks, upside_down, strict=True) if not is_so] or masks
    return masks


@settings(max_examples=120)
@given(folders_of_masks(), st.sampled_from(["", "_gt"]), st.booleans())
def test_what_was_meant_or_a_message_that_names_a_file(masks: list[Mask], suffix: str, named: bool) -> None:
    with TemporaryDirectory() as root:
        images, folder = Path(root) / "images", Path(root) / "masks"
        images.mkdir()
        folder.mkdir()
        for k, mask in enumerate(masks):
            Image.fromarray(np.full((HEIGHT, WIDTH, 3), 99, np.uint8)).save(images / f"f{k}.png")
            mask.save(folder / f"f{k}{suffix}.{mask.way.kind}")
        table = ClassTable.from_names(["back", "thing"]) if named else None
        report = check_folders(ImagePaths(images, folder, mask_suffix=suffix), table)
        said = describe([*report.problems, *report.doubts])
        if re.search(rf"f\d{suffix}\.(png|tif|bmp)", said):
            return
        meant = np.stack([mask.meant for mask in masks])
        if len(np.unique(meant[meant != VOID])) < 2 or len(np.unique(meant)) < 2:
            assert report.problems or report.warnings
            return
        assert not report.problems, said
        samples = SegmentationFolder(images, folder, report.classes, mask_suffix=suffix)
        found = np.stack([samples[k]["target"].numpy() for k in range(len(masks))])
    back, thing = 0, 1
    if all(mask.way.palette[:1] == (RED,) for mask in masks):
        back, thing = 1, 0  # classes stand in the order of their ids
    np.testing.assert_array_equal(found, np.array([back, thing, 255])[meant])


def test_clean_folders_of_each_dialect_are_read_without_a_word() -> None:
    """The counterpart: a check that always speaks would pass as well."""
    clean = [
        Way("L", "png", 1, 255),
        Way("L", "bmp", 255),
        Way("RGB", "tif", 255),
        Way("1", "tif", 1),
        Way("I;16", "png", 65535),
        Way("I;16", "tif", 1, 65535),
        Way("P", "png", 1, 255, ((0, 0, 0), RED)),
    ]
    for way in clean:
        with TemporaryDirectory() as root:
            images, folder = Path(root) / "images", Path(root) / "masks"
            images.mkdir()
            folder.mkdir()
            masks = [Mask(way, seed, 1, seed < 4, False) for seed in range(4)]
            for k, mask in enumerate(masks):
                Image.fromarray(np.full((HEIGHT, WIDTH, 3), 99, np.uint8)).save(images / f"f{k}.png")
                mask.save(folder / f"f{k}.{way.kind}")
            report = check_folders(ImagePaths(images, folder))
            assert (report.problems, report.warnings) == ((), ()), way
            samples = SegmentationFolder(images, folder, report.classes)
            found = np.stack([samples[k]["target"].numpy() for k in range(4)])
            np.testing.assert_array_equal(found, np.array([0, 1, 255])[np.stack([mask.meant for mask in masks])])
