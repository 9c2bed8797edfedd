"""Choice of the training images whose labels count; the rest are a stream without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hardpix.data.labeled_part import labeled_part
from hardpix.data.pairs import folder_problems
from hardpix.training.sources import Sources
from hardpix.training.split_plan import split_stems
from hardpix.training.streams import UNLABELED


def with_labeled_part(
    sources: Sources, chosen: str | None, every: int | None, val_share: float, val_stems: str | None
) -> Sources:
    """The same with a part of the training images as the labeled ones; the rest are the unlabeled stream.

    What is held out of the training images is held out before: it has all its labels, and is in no stream.

    Raises:
        ValueError: the unlabeled stream has a folder already; nothing would be labeled, or unlabeled.
    """
    if UNLABELED in sources.streams:
        raise ValueError(
            "labeled_stems and labeled_every make the unlabeled stream of the other training images: leave "
            "--data.unlabeled and --data.streams.unlabeled.images out, or the choice of labeled ones"
        )
    training, validation = sources.training, sources.validation
    if folder_problems(training):
        return sources  # said where the folders are checked
    stems: Sequence[str] = tuple(training.files["images"])
    remarks = list(sources.remarks)
    if validation is None:
        split = split_stems(stems, val_share, val_stems)
        remarks.append(split.sentence)
        stems, validation = split.train, replace(training, stems=split.val)
    labeled, rest = labeled_part(stems, chosen, every)
    remarks.append(
        f"Labeled: {len(labeled)} of the {len(stems)} training images; the other {len(rest)} count as unlabeled."
    )
    unlabeled = replace(training.keeping(lambda kind: False), masks=None, stems=rest)
    streams = {**sources.streams, UNLABELED: unlabeled}
    return Sources(replace(training, stems=labeled), validation, streams, sources.more, tuple(remarks))
