"""Table and page of a study, remade from its lines."""

from __future__ import annotations

from collections.abc import Sequence

from hardpix.cli.results import write_whole
from hardpix.study.figures import figures
from hardpix.study.folder import StudyFolder
from hardpix.study.lines import Line, finished
from hardpix.study.table import markdown, with_interval, with_spread
from hardpix.study.write_page import write_page


def show(folder: StudyFolder, lines: Sequence[Line]) -> list[str]:
    """Write table.md and index.html; what they say of mIoU, a sentence a variant, and where they are."""
    write_whole(folder.table, markdown(lines))
    if not finished(lines):
        return [f"no run is finished; written to {folder.table}"]
    write_page(folder, lines)
    miou = figures(finished(lines))[0]
    said = []
    for name in miou.values:
        text = f"{name}: mIoU {with_spread(miou.spread(name), miou.group)}"
        if name != miou.first:
            text += f", difference {with_interval(miou.difference(name), miou.group)}".replace("**", "")
        said.append(text)
    return [*said, f"written to {folder.table} and {folder.page}"]
