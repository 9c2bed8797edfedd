"""Check of masks whose images are not at hand."""

from __future__ import annotations

from hardpix.data.classes import ClassTable
from hardpix.data.image_format import PLAIN, ImageFormat
from hardpix.data.mask_checks import judge_masks, read_masks
from hardpix.data.pairs import ImagePaths, files_of_one_stem, folder_problems, unread_files, unreadable
from hardpix.data.problem_report import ProblemReport


def masks_alone(folders: ImagePaths) -> ImagePaths:
    """The same folders with the masks in the place of the images, for `check_masks`.

    Example:
        >>> masks_alone(ImagePaths("images", "masks", mask_suffix="_gt")).image_suffix
        '_gt'
    """
    assert folders.masks is not None
    return ImagePaths(
        folders.masks,
        folders.masks,
        image_suffix=folders.mask_suffix,
        mask_suffix=folders.mask_suffix,
        stems=folders.stems,
    )


def check_masks(
    folders: ImagePaths,
    classes: ClassTable | None = None,
    *,
    image_format: ImageFormat = PLAIN,
    ignore_index: int = 255,
    progress: bool = False,
    palette: str | None = None,
    option: str = "--data.",
) -> ProblemReport:
    """Read every mask and list all that is wrong, as `check_folders` does of masks with their images.

    Args:
        folders: as `masks_alone` gives them.
        classes: what the masks should hold; None takes the ids found.
        image_format: its limit of pixels holds for masks, too.
        ignore_index: must be no class.
        progress: show a bar on the terminal.
        palette: where no classes are given, "colors" takes them from the colors of palette files, "ids" from their
            indices whatever colors they show.
        option: what the options of the command begin with that the messages name.

    Example:
        >>> check_masks(masks_alone(ImagePaths("nowhere", "nowhere"))).problems[0].kind
        'folder that does not exist'
    """
    masks = folders.masks
    assert masks is not None
    if missing := folder_problems(ImagePaths(masks, image_suffix=folders.mask_suffix, stems=folders.stems)):
        return ProblemReport((), classes, {}, {}, tuple(missing), ())
    problems = [*unreadable(folders), *files_of_one_stem(folders, "masks")]
    stems = {paths[0]: stem for stem, paths in folders.files["masks"].items()}
    limit = image_format.max_pixels
    facts, broken = read_masks(stems, classes, palette=palette, max_pixels=limit, progress=progress)
    found = {stems[mask.path]: mask for mask in facts}
    judged = judge_masks(masks, found, classes, ignore_index, palette=palette, option=option)
    return ProblemReport(
        stems=tuple(stems.values()),
        classes=judged.classes,
        labels={stem: dict(mask.labels) for stem, mask in found.items()},
        sizes={stem: mask.size for stem, mask in found.items()},
        problems=(*problems, *broken, *judged.problems),
        warnings=(*judged.warnings, *unread_files(folders)),
        masks=found,
    )
