"""Images that a run was trained on, among others: it is better there than anywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hardpix.cli.results import read_record
from hardpix.data import ImagePaths
from hardpix.data.same_files import same_files
from hardpix.data.wording import first_three, share_of
from hardpix.training.run import Run


@dataclass(frozen=True)
class TrainedOn:
    """Training images of a run among other images.

    Attributes:
        run: folder of the run.
        count: number of the other images.
        same: stems of images that were trained on, by their path or their content.
        alike: stems of images that are called like training images whose files are no longer there.
    """

    run: Path
    count: int
    same: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()

    def sentences(self, consequence: str) -> list[str]:
        """One sentence for each of the two kinds that occur.

        Args:
            consequence: end of the sentence on images that were trained on.

        Example:
            >>> TrainedOn(Path("runs/a"), 4, ("x", "y")).sentences("scores there are too good")
            ['2 of 4 images (50 %) are images that runs/a was trained on (x, y): scores there are too good']
        """
        said = []
        if self.same:
            said.append(
                f"{share_of(self.same, self.count)} are images that {self.run} was trained on "
                f"({first_three(self.same)}): {consequence}"
            )
        if self.alike:
            said.append(
                f"{share_of(self.alike, self.count)} are called like images that {self.run} was trained on, which are "
                f"no longer where they were ({first_three(self.alike)}); if they are the same: {consequence}"
            )
        return said


def doubts_about_labels(masks: Iterable[Path], images: Mapping[str, Path]) -> list[str]:
    """Sentences on validation images that a run was trained on whose labels are learned from.

    Args:
        masks: folders of masks to train on, of which ``hardpix label`` may have written some.
        images: files of the validation images by their stem.
    """
    records = [read_record(folder.parent) or {} for folder in masks]
    labeled = [record for record in records if record.get("command") == "label" and "checkpoint" in record]
    runs = {Path(record["checkpoint"]).parent.parent for record in labeled}
    doubts = []
    for run in sorted(runs):
        doubts += trained_on(Run(run), images).sentences(
            "its labels carry what it has seen, so that scores there are too good; hold out what it held out "
            "(--data.val_images or --data.val_stems)"
        )
    return doubts


def trained_on(folder: Run, images: Mapping[str, Path]) -> TrainedOn:
    """The training images of a run among others, of all its streams; none for a run on data sets in code.

    Images of the same name that have other contents are other images.

    Args:
        folder: of the run.
        images: files of the other images by their stem.
    """
    parts = [part for name, part in (folder.read_split() or {}).items() if name != "val"]
    there: list[Path] = []
    lost: set[str] = set()
    for part in parts:
        known = ImagePaths(part["images"], image_suffix=part["image_suffix"], stems=part["stems"])
        found = known.files["images"] if known.images.is_dir() else {}
        there += [path for paths in found.values() for path in paths]
        lost.update(set(known.stems or ()) - found.keys())
    same = same_files(images, there)
    alike = tuple(stem for stem in images if stem in lost and stem not in same)
    return TrainedOn(folder.path, len(images), same, alike)
