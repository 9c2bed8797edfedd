"""Recognition of palette files on one side that show an index in different colors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os.path import commonpath
from pathlib import Path

from hardpix.data.mask_palettes import palettes_that_contradict
from hardpix.diagnosis.checking import Checked
from hardpix.diagnosis.doubt import Doubt
from hardpix.diagnosis.inputs import NEEDED
from hardpix.diagnosis.readings import Readings


def palettes_doubt(cases: Sequence[Checked], readings: Readings, *, refused: bool) -> Doubt | None:
    """Palettes of one side that contradict each other; files without a palette say nothing.

    Args:
        cases: the files.
        readings: the way in which the sides are read; where a table reads palettes by their colors, nothing is
            doubtful.
        refused: the doubt stops the work; else it is said.
    """
    for kind, side in zip(NEEDED, (readings.truth, readings.predictions), strict=True):
        files = [facts for case in cases for facts in case.palettes if facts.path == case.case.files[kind]]
        if not files:
            continue
        folder = Path(commonpath([facts.path.parent for facts in files]))
        # The palettes of the training are those of the table's own ids.
        table = replace(side.table, palette_seen=()) if side.renamed else side.table
        if problem := palettes_that_contradict(folder, files, table, "--"):
            found = f"{problem.where}: expected {problem.expected}, found {problem.found}"
            setting = "a class file with palette: colors and the colour of each class, as --classes"
            if not refused:
                return Doubt(f"{problem.kind}; {found}; to read the colors, add {setting}", refused)
            text = (
                f"{problem.kind}, so that one index may stand for two classes\n  {found}\n  "
                f"what to do: add to the command {setting}\n  "
                "what to do: or, if the indices are meant as they stand: --prediction-ids stored"
            )
            return Doubt(text, refused)
    return None
