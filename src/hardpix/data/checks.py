"""Everything that can be wrong with a user's folders, found before training, in one list."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from hardpix.data.classes import ClassTable
from hardpix.data.depth import DepthFormat
from hardpix.data.errors import DataError, Problem
from hardpix.data.image_doubts import BandsSeen, image_doubts, look, nearly_black
from hardpix.data.image_format import PLAIN, ImageFormat
from hardpix.data.maps import MapKind, with_settings
from hardpix.data.mask_checks import MOST_LABELS, judge_masks
from hardpix.data.mask_facts import MaskFacts, mask_facts
from hardpix.data.masks import read_mask
from hardpix.data.pairs import ImagePaths, folder_problems, pairing_problems, unread_files
from hardpix.data.problem_report import ALONE, ProblemReport
from hardpix.data.problems import too_many_labels, wrong_size
from hardpix.data.reading import reading
from hardpix.data.room import Room
from hardpix.data.turned import fits_both_ways, masks_of_turned_images


@dataclass
class _Finding:
    """Contents of one stem's files."""

    size: tuple[int, int] | None = None
    mask: MaskFacts | None = None
    lacking: set[str] = field(default_factory=set)
    maps_seen: dict[str, Any] = field(default_factory=dict)
    bands_seen: BandsSeen | None = None
    fits_both_ways: bool | None = None
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def check_folders(
    folders: ImagePaths,
    classes: ClassTable | None = None,
    *,
    depth_format: DepthFormat | None = None,
    image_format: ImageFormat = PLAIN,
    ignore_index: int = 255,
    progress: bool = False,
    palette: str | None = None,
    option: str = "--data.",
) -> ProblemReport:
    """Read every file to its end and list all that is wrong, without stopping at the first.

    Args:
        folders: images, masks and further maps.
        classes: what the masks should hold; None takes the ids found.
        depth_format: how stored depth becomes meters; by default as the folders have it, else it is in meters.
        image_format: which bands and numbers of the images are used.
        ignore_index: must be no class.
        progress: show a bar on the terminal.
        palette: where no classes are given, "colors" takes them from the colors of palette files, "ids" from their
            indices whatever colors they show.
        option: what the options of the command begin with that the messages name.

    It finds as problems:

    - folders that are missing, have no images, or have subfolders without the right to read them;
    - images without a mask (or weight map), and several files of one stem;
    - files that cannot be read to their end, and maps of another size than their image;
    - ids or colors outside the classes, and class lists that do not fit the masks;
    - ids whose meaning would be a guess (see `find_dialects`), and palettes that contradict each other;
    - depth in another unit, and depth of no image at all.

    It finds as warnings:

    - masks without an image, and files of types that are not read;
    - classes that never occur, masks without a label, and depth maps without a known depth;
    - masks of photographs that EXIF turns, where sizes do not tell how they lie;
    - images that are all but black, bands that are not used, and numbers that keep few gray levels.

    Nothing is written.

    Example:
        >>> check_folders(ImagePaths(Path("nowhere"))).problems[0].kind
        'folder that does not exist'
    """
    if problems := folder_problems(folders):
        return ProblemReport((), classes, {}, {}, tuple(problems), ())
    problems = pairing_problems(folders)
    stems = tuple(folders.files["images"])
    kinds = with_settings(folders.kinds, depth_format, image_format.max_pixels)
    workers = min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers) as pool:
        inspect = partial(_inspect, folders, kinds=kinds, classes=classes, image_format=image_format, palette=palette)
        room = Room()

        def inspect_in_turn(stem: str) -> _Finding:
            with room.for_files(found[stem][0] for found in folders.files.values() if stem in found):
                return inspect(stem)

        in_order = pool.map(inspect_in_turn, stems)
        console = Console(stderr=True)
        bar = track(in_order, "Reading the data", len(stems), console=console, disable=not progress, transient=True)
        findings = dict(zip(stems, bar, strict=True))
    problems += [problem for finding in findings.values() for problem in finding.problems]
    warnings = [warning for finding in findings.values() for warning in finding.warnings] + _alone(folders)
    warnings += unread_files(folders)
    bands_seen = {stem: finding.bands_seen for stem, finding in findings.items() if finding.bands_seen is not None}
    warnings += image_doubts(folders.images, bands_seen, len(stems), image_format)
    masks = {stem: finding.mask for stem, finding in findings.items() if finding.mask is not None}
    labels = {stem: dict(mask.labels) for stem, mask in masks.items()}
    if masks:
        assert folders.masks is not None
        judged = judge_masks(folders.masks, masks, classes, ignore_index, palette=palette, option=option)
        classes = judged.classes
        problems += judged.problems
        warnings += judged.warnings
        fits = {stem: finding.fits_both_ways for stem, finding in findings.items() if stem in masks}
        known = {stem: fit for stem, fit in fits.items() if fit is not None}
        warnings += filter(None, [masks_of_turned_images(folders.masks, masks, known)])
    sizes = {stem: finding.size for stem, finding in findings.items() if finding.size is not None}
    lacking = {key: tuple(stem for stem, finding in findings.items() if key in finding.lacking) for key in kinds}
    for key, kind in kinds.items():
        if len(lacking[key]) == len(stems) and any(stem in stems for stem in folders.files[kind.folder]):
            problems.append(kind.nothing_known(folders.given[kind.folder]))
    seen = {
        key: {stem: finding.maps_seen[key] for stem, finding in findings.items() if key in finding.maps_seen}
        for key in kinds
    }
    return ProblemReport(stems, classes, labels, sizes, tuple(problems), tuple(warnings), lacking, seen, masks)


def _inspect(
    folders: ImagePaths,
    stem: str,
    kinds: Mapping[str, MapKind],
    classes: ClassTable | None,
    image_format: ImageFormat,
    palette: str | None,
) -> _Finding:
    """Read all files of one stem; what one of them lacks does not keep the others from being read."""
    finding = _Finding()
    paths = {kind: found[stem][0] for kind, found in folders.files.items() if stem in found}
    limit = image_format.max_pixels
    by_color = classes.by_color if classes else palette == "colors"
    readers: dict[str, Callable[[Path], np.ndarray]] = {
        "images": image_format.read,
        "masks": partial(read_mask, by_color=by_color, max_pixels=limit),
    }
    readers |= {kind.folder: kind.read for kind in kinds.values()}
    arrays = {kind: _read(path, readers[kind], finding) for kind, path in paths.items()}
    image = arrays["images"]
    if image is not None:
        finding.size = (image.shape[0], image.shape[1])
        finding.bands_seen = look(paths["images"], image_format, image)
        if problem := nearly_black(paths["images"], image_format, image, finding.bands_seen):
            finding.warnings.append(problem)
        finding.problems += [
            wrong_size(paths[kind], finding.size, array.shape)
            for kind, array in arrays.items()
            if array is not None and array.shape[:2] != finding.size
        ]
    mask = arrays.get("masks")
    if mask is not None:
        facts = mask_facts(paths["masks"], mask, classes, palette=palette)
        if len(facts.labels) > MOST_LABELS:
            # Not kept: a folder of photographs or depth maps would fill the memory.
            finding.problems.append(too_many_labels(paths["masks"], facts.labels))
        else:
            finding.mask = facts
            if finding.size == mask.shape[:2]:
                finding.fits_both_ways = fits_both_ways(paths["images"], paths["masks"], finding.size)
    for key, kind in kinds.items():
        if kind.folder not in paths:
            finding.lacking.add(key)
        elif (values := arrays[kind.folder]) is not None:
            found = kind.look(paths[kind.folder], values)
            finding.problems += found.problems
            finding.warnings += found.warnings
            if found.seen is not None:
                finding.maps_seen[key] = found.seen
            if not found.known:
                finding.lacking.add(key)
    return finding


def _read(path: Path, reader: Callable[[Path], np.ndarray], finding: _Finding) -> np.ndarray | None:
    try:
        with reading(path):
            return reader(path)
    except DataError as error:
        finding.problems += error.problems
        return None


def _alone(folders: ImagePaths) -> list[Problem]:
    """Masks and further maps without an image."""
    return [
        Problem(ALONE, path, f"an image {stem}.*", "none", "add the image, or leave it: it is not used")
        for kind, found in folders.files.items()
        for stem, paths in found.items()
        if stem not in folders.files["images"]
        for path in paths
    ]
