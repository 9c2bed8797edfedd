"""Wrong labels by a script: objects dilated, eroded, shifted or swapped, and how many of them a correction finds.

    python benchmarks/noisy_labels.py study --run RUN --images DIR --masks DIR --out study --seed 0

does all of it, into study/noisy and study/proposed, and prints the tables; what follows `--` goes to `hardpix correct`.
Where study/noisy is there it is taken. The steps one by one:

    python benchmarks/noisy_labels.py make --masks DIR --out noisy --seed 0
    hardpix correct --run RUN --images DIR --masks noisy/masks --out corrected
    python benchmarks/noisy_labels.py score --true DIR --noisy noisy --proposals corrected

`--stems` names a range of the sorted masks, such as :50 or 50:. `make` writes OUT/masks, OUT/errors (16-bit png, the
number of the error at each wrong pixel) and OUT/errors.csv, a row for each error. The given masks stay as they are.
Masks must be of ids, and an object is a connected part of one id.

`score` prints Markdown and writes PROPOSALS/verdicts.csv, the table of regions with the verdict on each. An error is
found if at least half of its pixels have the true label again. A corrected region is right if at least half of its
pixels get the true label, and spoils right labels if at least half of them had it. With --corrected it takes the masks
of `hardpix correct --apply` in place of those with all regions corrected.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from hardpix.data import write_mask
from hardpix.data.masks import read_mask

KINDS = ("dilated", "eroded", "shifted", "swapped")
EIGHT = np.ones((3, 3), dtype=bool)
VERDICTS = {"right": "right", "spoils": "spoil right labels", "wrong to wrong": "wrong before and after"}
COLUMNS = ("image", "error", "kind", "object", "pixels", "top", "left", "bottom", "right")


def disc(radius: int) -> np.ndarray:
    """Square window (2 r + 1) with a disc, as booleans."""
    steps = np.arange(-radius, radius + 1)
    return steps[:, None] ** 2 + steps**2 <= radius**2


def without(mask: np.ndarray, gone: np.ndarray, keep_out: np.ndarray) -> np.ndarray:
    """The mask in which `gone` has the label of the nearest pixel outside of it and of `keep_out`."""
    outside = gone | keep_out
    if outside.all():
        return mask
    rows, columns = ndimage.distance_transform_edt(outside, return_distances=False, return_indices=True)
    return np.where(gone, mask[rows, columns], mask)


def planted(
    mask: np.ndarray,
    thing: np.ndarray,
    kind: str,
    radius: int,
    ids: list[int],
    ignored: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """The mask with one object labeled wrong. Unlabeled pixels stay unlabeled."""
    own = int(mask[thing][0])
    if kind == "swapped":
        others = [other for other in ids if other != own]
        return np.where(thing, int(rng.choice(others)), mask) if others else mask
    if kind == "dilated":
        return np.where(
            cv2.dilate(thing.astype(np.uint8), disc(radius).astype(np.uint8)).view(bool) & ~ignored, own, mask
        )
    if kind == "eroded":
        left = cv2.erode(thing.astype(np.uint8), disc(radius).astype(np.uint8), borderValue=1).view(bool)
        # An object that would vanish stays.
        return without(mask, thing & ~left, thing | ignored) if left.any() else mask
    angle = rng.uniform(0, 2 * np.pi)
    offset = [round(2 * radius * np.sin(angle)), round(2 * radius * np.cos(angle))]
    moved = ndimage.shift(thing, offset, order=0, mode="constant", cval=False)
    empty = without(mask, thing & ~moved, thing | ignored)
    return np.where(moved & ~ignored, own, empty)


def spoil(
    truth: np.ndarray,
    ids: list[int],
    ignore: list[int],
    share: float,
    radius: int,
    least: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, list[dict[str, object]]]:
    """Noisy mask, the number of the error at each wrong pixel (0 at right ones), and the errors.

    Args:
        truth: (H, W) ids.
        ids: classes.
        ignore: ids of unlabeled pixels, which stay.
        share: of the objects that are labeled wrong.
        radius: of dilation and erosion in pixels; objects are shifted by twice as much.
        least: pixels of the smallest object; the largest has a tenth of the image.
        rng: draws objects, kinds, directions and classes.
    """
    ignored = np.isin(truth, ignore)
    noisy, number_of = truth.copy(), np.zeros(truth.shape, dtype=np.uint16)
    drawn: list[tuple[str, int]] = []
    for own in ids:
        parts, count = ndimage.label((truth == own) & ~ignored, EIGHT)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)
        for part in range(1, count + 1):
            if not least <= sizes[part] <= truth.size / 10 or rng.random() >= share:
                continue
            # An earlier error may have taken a part of it.
            thing = (parts == part) & (noisy == own)
            kind = KINDS[rng.integers(len(KINDS))]
            if not thing.any():
                continue
            changed = planted(noisy, thing, kind, radius, ids, ignored, rng)
            drawn.append((kind, own))
            number_of[changed != noisy] = len(drawn)
            noisy = changed
    number_of[noisy == truth] = 0
    errors = []
    for error, (kind, own) in enumerate(drawn, 1):
        rows, columns = np.nonzero(number_of == error)
        if len(rows):
            box = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
            entry = dict(zip(COLUMNS[1:], [error, kind, own, len(rows), *map(int, box)], strict=True))
            errors.append(entry)
    return noisy.astype(truth.dtype), number_of, errors


def mask_files(folder: Path) -> list[Path]:
    """Masks of a folder and its subfolders, as paths within it."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.suffix in (".png", ".tif", ".bmp")]
    return sorted(found)


def chosen_files(folder: Path, stems: str) -> list[Path]:
    """Masks of a folder within a range such as ":50"."""
    return mask_files(folder)[slice(*(int(end) if end else None for end in stems.split(":")))]


def make(given: argparse.Namespace) -> None:
    files = chosen_files(given.masks, given.stems)
    if not files:
        raise SystemExit(f"expected masks in {given.masks}, found none")
    if given.out.exists():
        raise SystemExit(f"expected a new folder, found {given.out}")
    ids = sorted({int(i) for file in files for i in np.unique(read_mask(given.masks / file))} - set(given.ignore))
    rng = np.random.default_rng(given.seed)
    rows = []
    for file in files:
        truth = read_mask(given.masks / file)
        if truth.ndim != 2:
            raise SystemExit(f"expected masks of ids, found colors in {file}")
        noisy, number_of, errors = spoil(truth, ids, given.ignore, given.share, given.radius, given.min_area, rng)
        write_mask(given.out / "masks" / file, noisy)
        stem = file.with_suffix("")
        write_mask(given.out / "errors" / f"{stem}.png", number_of)
        rows += [{"image": str(stem), **error} for error in errors]
    with (given.out / "errors.csv").open("w", newline="") as table:
        writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    wrong = sum(int(row["pixels"]) for row in rows)  # type: ignore[call-overload]
    print(f"{len(rows)} errors of {wrong} pixels in {len(files)} masks: {given.out}")


def compare(
    truth: np.ndarray,
    noisy: np.ndarray,
    corrected: np.ndarray,
    number_of: np.ndarray,
    changes: np.ndarray,
    ignore: list[int],
) -> tuple[dict[int, bool], dict[int, str], dict[str, int]]:
    """Found errors, a verdict on each corrected region, and counts of pixels, of one image.

    Args:
        truth: (H, W) ids, as are `noisy` and `corrected`.
        noisy: labels that were corrected.
        corrected: labels afterwards.
        number_of: number of the planted error at each pixel.
        changes: number of the corrected region at each pixel.
        ignore: ids without a label, which do not count.
    """
    right = corrected == truth
    errors = {int(e): bool(right[number_of == e].mean() >= 0.5) for e in np.unique(number_of[number_of > 0])}
    regions = {}
    for region in np.unique(changes[(changes > 0) & (corrected != noisy)]):
        pixels = changes == region
        was_right = (noisy == truth)[pixels].mean() >= 0.5
        verdict = "right" if right[pixels].mean() >= 0.5 else "spoils" if was_right else "wrong to wrong"
        regions[int(region)] = verdict
    labeled = ~np.isin(truth, ignore)
    counts = {
        "labeled": labeled,
        "wrong before": labeled & (noisy != truth),
        "wrong after": labeled & ~right,
        "mended": labeled & (noisy != truth) & right,
        "spoiled": labeled & (noisy == truth) & ~right,
    }
    return errors, regions, {name: int(pixels.sum()) for name, pixels in counts.items()}


def write_verdicts(path: Path, rows: list[tuple[dict[str, str], str]]) -> None:
    """The table of regions with the verdict on each."""
    with path.open("w", newline="") as table:
        writer = csv.DictWriter(table, [*(rows[0][0] if rows else []), "verdict"], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "verdict": verdict} for row, verdict in rows)


def study(given: argparse.Namespace) -> None:
    """All three steps."""
    given.noisy, given.proposals, given.corrected = given.out / "noisy", given.out / "proposed", None
    given.true = given.masks
    images = given.out / "images"
    if not given.noisy.exists():
        make(argparse.Namespace(**{**vars(given), "out": given.noisy}))
    stems = {path.with_suffix("") for path in mask_files(given.noisy / "masks")}
    for path in given.images.rglob("*"):
        within = path.relative_to(given.images)
        if within.with_suffix("") in stems and not (images / within).exists():
            (images / within).parent.mkdir(parents=True, exist_ok=True)
            (images / within).symlink_to(path.resolve())
    folders = ["--images", images, "--masks", given.noisy / "masks", "--out", given.proposals]
    command = [sys.executable, "-m", "hardpix", "correct", "--run", given.run, *folders, *given.settings]
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr)
    score(given)


def score(given: argparse.Namespace) -> None:
    with (given.noisy / "errors.csv").open(newline="") as table:
        kinds = {(row["image"], int(row["error"])): row["kind"] for row in csv.DictReader(table)}
    with (given.proposals / "regions.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    corrected = given.proposals if given.corrected is None else given.corrected
    found: dict[tuple[str, int], bool] = {}
    verdicts: dict[tuple[str, int], str] = {}
    total: dict[str, int] = {}
    for file in mask_files(given.noisy / "masks"):
        stem = str(file.with_suffix(""))
        labels = [read_mask(folder / file) for folder in (given.true, given.noisy / "masks", corrected / "masks")]
        maps = [read_mask(folder / f"{stem}.png") for folder in (given.noisy / "errors", given.proposals / "changes")]
        errors, regions, counts = compare(*labels, *maps, given.ignore)
        found |= {(stem, error): hit for error, hit in errors.items()}
        verdicts |= {(stem, region): verdict for region, verdict in regions.items()}
        total = {name: total.get(name, 0) + count for name, count in counts.items()}
    print("| planted errors | number | found | % |\n|---|---|---|---|")
    for kind in (*KINDS, "all"):
        of_kind = [hit for error, hit in found.items() if kind in (kinds[error], "all")]
        share = f"{100 * sum(of_kind) / len(of_kind):.1f}" if of_kind else "–"
        print(f"| {kind} | {len(of_kind)} | {sum(of_kind)} | {share} |")
    corrected_rows = [(row, verdicts[key]) for row in rows if (key := (row["image"], int(row["region"]))) in verdicts]
    write_verdicts(given.proposals / "verdicts.csv", corrected_rows)
    print(f"\n| corrected regions, of {len(rows)} proposed | number | % |\n|---|---|---|")
    for verdict, name in VERDICTS.items():
        count = list(verdicts.values()).count(verdict)
        print(f"| {name} | {count} | {100 * count / max(len(verdicts), 1):.1f} |")
    print("\n| corrected to | regions | right | spoil right labels | % right |\n|---|---|---|---|---|")
    for name in sorted({row.get("to", "") for row, _ in corrected_rows}):
        own = [verdict for row, verdict in corrected_rows if row.get("to", "") == name]
        right, spoils = own.count("right"), own.count("spoils")
        print(f"| {name} | {len(own)} | {right} | {spoils} | {100 * right / len(own):.1f} |")
    print("\n| pixels | number | % of labeled |\n|---|---|---|")
    for name in ("wrong before", "wrong after", "mended", "spoiled"):
        print(f"| {name} | {total[name]} | {100 * total[name] / max(total['labeled'], 1):.3f} |")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    making = commands.add_parser("make", help="write masks with planted errors")
    scoring = commands.add_parser("score", help="count what a correction finds and spoils")
    whole = commands.add_parser("study", help="make, hardpix correct and score")
    making.set_defaults(do=make)
    scoring.set_defaults(do=score)
    whole.set_defaults(do=study, settings=[])
    for command in (making, whole):
        command.add_argument("--masks", type=Path, required=True, help="folder of true masks of ids")
        command.add_argument("--out", type=Path, required=True, help="new folder")
        command.add_argument("--stems", default=":", help="range of the sorted masks, such as :50")
        command.add_argument("--share", type=float, default=0.3, help="of the objects that are labeled wrong")
        command.add_argument("--radius", type=int, default=4, help="of dilation and erosion; shifts are twice as far")
        command.add_argument("--min_area", type=int, default=60, help="pixels of the smallest object")
        command.add_argument("--seed", type=int, default=0)
    whole.add_argument("--run", type=Path, required=True, help="folder of a run that was not trained on these images")
    whole.add_argument("--images", type=Path, required=True, help="folder of the images")
    scoring.add_argument("--true", type=Path, required=True, help="folder of the true masks")
    scoring.add_argument("--noisy", type=Path, required=True, help="folder that make wrote")
    scoring.add_argument("--proposals", type=Path, required=True, help="folder that hardpix correct wrote")
    scoring.add_argument("--corrected", type=Path, help="folder that hardpix correct --apply wrote")
    for command in (making, scoring, whole):
        command.add_argument("--ignore", type=int, nargs="*", default=[255], help="ids of unlabeled pixels")
    words = sys.argv[1:] if arguments is None else arguments
    # Words after -- belong to another command.
    own = words[: words.index("--")] if "--" in words else words
    given = parser.parse_args(own)
    given.settings = words[len(own) + 1 :]
    given.do(given)


if __name__ == "__main__":
    main()
