"""``hardpix rasterize``: masks of annotations of LabelMe, COCO and CVAT."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import yaml

from hardpix.cli.arguments import checked_input
from hardpix.cli.results import write_whole
from hardpix.cli.terminal import Terminal
from hardpix.commands.label import classes_with_unlabeled, unlabeled_id
from hardpix.data import ClassTable, DataError, Problem, write_mask
from hardpix.data.annotations import ASK, AnnotatedImage, rasterize, read_annotations
from hardpix.data.class_source import class_table
from hardpix.data.images import image_size
from hardpix.data.masks import read_mask
from hardpix.data.wording import counted, first_three


def rasterize_annotations(
    annotations: Path,
    images: Path,
    out: Path,
    classes: str | list[str] | None = None,
    background: str | None = None,
    onto: Path | None = None,
    line_width: float = 3.0,
    point_size: float = 1.0,
) -> None:
    """Draw the annotations of LabelMe, COCO or CVAT as masks, to train on.

    Writes OUT/masks, one png an image with the ids of your classes, and OUT/classes.yaml. Shapes are drawn in the order
    of the file; what is not drawn is unlabeled. Images without annotations get no mask. Nothing is written before all
    annotations have been checked against the images and the classes.

    Args:
        annotations: File of COCO (json) or CVAT for images 1.1 (xml), or folder of LabelMe files.
        images: Folder of the images; searched with its subfolders.
        out: New folder for the masks.
        classes: YAML file of the class table, name of a preset, or names of the classes with the ids 0, 1, 2, …; by
            default the names that were drawn, in the order of the alphabet.
        background: Name of the class of all pixels that are not drawn; without it they are unlabeled.
        onto: Folder of masks that this command wrote before, with the same classes: what is drawn now lies over them,
            and OUT/masks has them all.
        line_width: Pixels across a line.
        point_size: Pixels across a point.
    """
    console = Terminal(highlight=False, soft_wrap=True)
    with checked_input():
        if out.exists():
            raise FileExistsError(f"expected a new folder as --out, found {out}; give another name")
        if not line_width > 0 or not point_size > 0:
            raise ValueError(f"expected line_width and point_size above 0, found {line_width} and {point_size}")
        drawn = read_annotations(annotations)
        table = class_table(classes)
        drawn, unanswered = _answered(drawn, table)
        if table is None:
            named = {shape.name for image in drawn for shape in image.shapes} | ({background} if background else set())
            if not named:
                raise ValueError(f"expected shapes, found none in {annotations}")
            table = ClassTable.from_names(sorted(named))
        if onto is not None and (table is None or background is not None):
            raise ValueError(
                "expected --classes and no --background with --onto, found "
                f"{'a background' if background is not None else 'no classes'}: masks of earlier rounds have the ids "
                "of a class table, and keep what is not drawn now"
            )
        earlier = {} if onto is None else masks_before(onto)
        files, problems = _files_of(drawn, images)
        problems += _unknown_names(drawn, table, background)
        problems += _of_another_size(files.values(), images, earlier)
        if problems:
            raise DataError.of(problems, table.names)
    ids = {name: entry[0] for name, entry in zip(table.names, table.ids, strict=True)}
    unlabeled = unlabeled_id(table)
    rest = unlabeled if background is None else ids[background]
    counts = np.zeros(2, dtype=np.int64)
    hidden: dict[str, int] = {}
    for image in drawn:
        path, size = files[id(image)]
        found = rasterize(image.shapes, size, ids.__getitem__, rest, line_width=line_width, point_size=point_size)
        stem = path.relative_to(images).with_suffix("")
        mask = found.mask
        if (before := earlier.pop(f"{stem}.png", None)) is not None:
            mask = np.where(mask == unlabeled, read_mask(before), mask)
        write_mask(out / "masks" / f"{stem}.png", mask)
        counts += np.array([(mask != unlabeled).sum(), mask.size])
        if found.hidden:
            hidden[str(stem)] = found.hidden
    for name, before in earlier.items():
        mask = read_mask(before)
        write_mask(out / "masks" / name, mask)
        counts += np.array([(mask != unlabeled).sum(), mask.size])
    written = classes_with_unlabeled(table, unlabeled)
    write_whole(out / "classes.yaml", yaml.safe_dump(written.to_dict(), sort_keys=False, allow_unicode=True))
    share = 100 * counts[0] / max(1, counts[1])
    where = f"{out / 'masks'}: {share:.3g} % of the pixels labeled, in classes of {out / 'classes.yaml'}"
    console.print(f"{counted(len(drawn) + len(earlier), 'mask')} in {where}", markup=False)
    if hidden:
        part = 100 * sum(hidden.values()) / max(1, counts[1])
        console.print(
            f"shapes of several classes overlap at {part:.3g} % of the pixels, in {counted(len(hidden), 'image')} "
            f"({first_three(list(hidden))}): the later one was drawn over the earlier",
            markup=False,
        )
    if unanswered:
        console.print(f"{counted(unanswered, 'shape')} still named {ASK!r}, as hardpix query asks: left out")
    if left_out := sum(image.left_out for image in drawn):
        console.print(f"{counted(left_out, 'annotation')} without an outline, such as a box alone: left out")


def _answered(drawn: Sequence[AnnotatedImage], table: ClassTable | None) -> tuple[list[AnnotatedImage], int]:
    """The images without shapes that ask for a label and have none, and how many of these there were."""
    if table is not None and ASK in table.names:
        return [*drawn], 0
    kept = [replace(image, shapes=tuple(shape for shape in image.shapes if shape.name != ASK)) for image in drawn]
    return kept, sum(len(image.shapes) for image in drawn) - sum(len(image.shapes) for image in kept)


def _files_of(
    drawn: Sequence[AnnotatedImage], images: Path
) -> tuple[Mapping[int, tuple[Path, tuple[int, int]]], list[Problem]]:
    """The file and size of every annotated image, and what does not fit."""
    by_name: dict[str, list[Path]] = {}
    for path in sorted(images.rglob("*")):
        if path.is_file():
            by_name.setdefault(path.name, []).append(path)
            by_name.setdefault(f"{path.stem}.*", []).append(path)
    files: dict[int, tuple[Path, tuple[int, int]]] = {}
    problems: list[Problem] = []
    seen: dict[Path, Path] = {}
    for image in drawn:
        inside = not Path(image.name).is_absolute() and ".." not in Path(image.name).parts
        exact = images / image.name
        fits = [exact] if inside and exact.is_file() else by_name.get(Path(image.name).name, [])
        if len(fits) != 1:
            found = "none" if not fits else f"{len(fits)} of that name"
            advice = "name the folder of the images as --images, or leave the annotations out"
            problems.append(Problem("annotated image", image.source, f"one {image.name} in {images}", found, advice))
            continue
        (path,) = fits
        if path in seen:
            problems.append(
                Problem("image annotated twice", image.source, f"{path} once", f"it in {seen[path]}, too", "keep one")
            )
        seen[path] = image.source
        try:
            size = image_size(path)
        except DataError as error:
            problems += error.problems
            continue
        if image.size is not None and image.size != size:
            advice = "annotate the image as it is, or give the image that was annotated"
            problems.append(Problem("image of another size", path, f"{image.size} as annotated", f"{size}", advice))
        files[id(image)] = path, size
    return files, problems


def masks_before(folder: Path) -> dict[str, Path]:
    """The masks of an earlier call, by their path below the folder.

    Raises:
        ValueError: there are none.
    """
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.png")) if path.is_file()}
    if not found:
        raise ValueError(f"expected png masks of an earlier hardpix rasterize in {folder} (--onto), found none")
    return found


def _of_another_size(
    files: Iterable[tuple[Path, tuple[int, int]]], images: Path, earlier: Mapping[str, Path]
) -> list[Problem]:
    problems = []
    for path, size in files:
        before = earlier.get(f"{path.relative_to(images).with_suffix('')}.png")
        if before is not None and (found := image_size(before)) != size:
            advice = "give the masks of these images as --onto"
            problems.append(Problem("mask of another size", before, f"{size} as its image", f"{found}", advice))
    return problems


def _unknown_names(drawn: Sequence[AnnotatedImage], table: ClassTable, background: str | None) -> list[Problem]:
    unknown: dict[str, Path] = {}
    for image in drawn:
        for shape in image.shapes:
            if shape.name not in table.names:
                unknown.setdefault(shape.name, image.source)
    if background is not None and background not in table.names:
        unknown.setdefault(background, Path("--background"))
    problems = []
    for name, where in unknown.items():
        close = get_close_matches(name, table.names, n=3)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        advice = f"{hint}rename it, or add the class to --classes"
        problems.append(Problem("class of no class table", where, f"one of {', '.join(table.names)}", name, advice))
    return problems
