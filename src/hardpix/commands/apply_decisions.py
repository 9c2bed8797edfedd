"""``hardpix correct --apply``: masks in which the accepted regions are corrected."""

from __future__ import annotations

import csv
from contextlib import ExitStack
from io import StringIO
from pathlib import Path

import numpy as np

from hardpix.cli.arguments import checked_input
from hardpix.cli.errors import UsageError
from hardpix.cli.output import Output, output_folder
from hardpix.cli.results import write_whole
from hardpix.data.masks import read_mask
from hardpix.data.rewrite_mask import rewrite_mask
from hardpix.data.wording import counted, first_three
from hardpix.report.corrections.decisions import digest, read_decisions, read_proposals, require_unchanged
from hardpix.training.inference import console


def apply_decisions(file: Path, out: Path, proposals: Path | None = None, overwrite: bool = False) -> None:
    """Write OUT/masks, the given masks with exactly the accepted regions changed, and OUT/regions.csv.

    Masks without an accepted region are copied. Regions without a decision are not changed, and counted on the screen.

    Args:
        file: decisions that the page saved.
        out: new folder.
        proposals: folder of the page; by default where it was when it was written.
        overwrite: whether earlier results there may be replaced.

    Raises:
        UsageError: decisions on other proposals, or on masks that have changed since.
    """
    with ExitStack() as until_done:
        with checked_input():
            decisions = read_decisions(file)
            folder = decisions.proposals if proposals is None else proposals
            known = read_proposals(folder)
            masks = Path(known["mask_folder"])
            paths = {stem: masks / name for stem, name in known["files"].items()}
            require_unchanged(decisions, known, paths)
            maps = {stem: folder / "changes" / f"{stem}.png" for stem in known["changes"]}
            if damaged := [stem for stem, path in maps.items() if not _same(path, known["changes"][stem])]:
                raise UsageError(
                    f"expected the maps of changes as hardpix correct wrote them, found {len(damaged)} changed or gone "
                    f"({first_three(damaged)}): run it again"
                )
            rows = list(csv.DictReader(StringIO((folder / "regions.csv").read_text(encoding="utf-8"))))
            suggested = {(row["image"], int(row["region"])): known["names"].index(row["to"]) for row in rows}
            named = {
                (stem, number): kind
                for kind, found in (("accepted", decisions.accepted), ("rejected", decisions.rejected))
                for stem, numbers in found.items()
                for number in numbers
            }
            if unknown := sorted(named.keys() - suggested.keys()):
                raise UsageError(
                    f"expected decisions on regions of the table, found {len(unknown)} on others, such as region "
                    f"{unknown[0][1]} of {unknown[0][0]}: give the file as the page saved it"
                )
            files = {stem: [f"masks/{name}"] for stem, name in known["files"].items()}
            made_by = {"command": "correct", "decisions": str(file), "proposals": str(folder)}
            depends_on = f"{known['fingerprint']} {digest(file)}"
            output = Output(out, files, ["regions.csv"])
            until_done.enter_context(output_folder(output, [masks, folder], overwrite, made_by, depends_on))
        values = [tuple(value) if isinstance(value, list) else value for value in known["values"]]
        settings = {"by_color": known["by_color"], "max_pixels": known["max_pixels"]}
        for stem in [stem for stem in paths if stem not in output.notes]:
            accepted = [number for number in decisions.accepted.get(stem, []) if (stem, number) in suggested]
            changes = read_mask(maps[stem]) if accepted else np.zeros((0, 0))
            edits = [(changes == number, values[suggested[stem, number]]) for number in accepted]
            rewrite_mask(paths[stem], out / files[stem][0], edits, **settings)
            output.done(stem)
        text = StringIO()
        table = csv.DictWriter(text, [*(rows[0] if rows else []), "decision"], lineterminator="\n")
        table.writeheader()
        for row in rows:
            table.writerow({**row, "decision": named.get((row["image"], int(row["region"])), "undecided")})
        write_whole(out / "regions.csv", text.getvalue())
    count = sum(kind == "accepted" for kind in named.values())
    undecided = len(rows) - len(named)
    left = f"; {counted(undecided, 'region')} without a decision left as they were" if undecided else ""
    console.print(
        f"{counted(count, 'region')} of {len(rows)} corrected in {sum(map(bool, decisions.accepted.values()))} of "
        f"{counted(len(paths), 'mask')}, which are in {out / 'masks'}{left}"
    )


def _same(path: Path, known: str) -> bool:
    return path.is_file() and digest(path) == known
