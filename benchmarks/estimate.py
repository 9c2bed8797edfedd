"""Estimates of quality without labels, held against the truth: which estimator comes nearest, and what do shifts do?

python benchmarks/estimate.py --runs runs/a runs/b --second runs/c                # prints
python benchmarks/estimate.py --runs runs/a runs/b --second runs/c --record
"""

import argparse
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from environment import describe_run
from PIL import Image, ImageFilter
from torch import Tensor
from torch.utils.data import Dataset

from hardpix.data import Transformed
from hardpix.data.transforms import restore
from hardpix.estimators import (
    Agreement,
    DifferenceOfConfidence,
    Estimator,
    Evidence,
    ExpectedConfusion,
    LearnedHardness,
    Predictor,
    TemperatureFit,
    ThresholdedConfidence,
    confidence_bins,
    count_pixels,
    quality_of,
    score_of,
    stack,
)
from hardpix.estimators.evidence import BINS
from hardpix.training.run import Run

RECORD = Path(__file__).parent / "results" / "estimate.md"
METHOD = """\
Each estimator is fitted on one half of the images that a run held out, and predicts the other half, there and back. The
halves are the first and the last images (*halves*: of a video, other places than those that were labeled), or every
other image (*alternating*: images of one kind). The half to predict is seen as it is, or darker (× 0.45), blurred
(Gaussian, σ = 2 pixels), or as JPEG of quality 8; the half to fit on stays as it is. Labeled pixels alone count.
"""
COLUMNS = (
    ("mIoU, points", "miou_error", 100),
    ("accuracy, points", "accuracy_error", 100),
    ("class IoU, points", "class_iou_error", 100),
    ("image mIoU, points", "image_miou_error", 100),
    ("rank correlation", "rank_correlation", 1),
    ("images covered, %", "image_coverage", 100),
    ("classes covered, %", "class_coverage", 100),
)
LEGEND = """\
Mean absolute error of the set's mIoU and accuracy, of its classes' IoU and of the images' mIoU, all in percentage
points; Spearman's rank correlation of the images' mIoU; share of the images' mIoU and of the classes' IoU inside
intervals of 90 %. Means over both directions and all runs.
"""


def dark(picture: Image.Image) -> Image.Image:
    return picture.point(lambda value: int(0.45 * value))


def blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(2))


def compressed(picture: Image.Image) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=8)
    return Image.open(file).convert("RGB")


SHIFTS: dict[str, Callable[[Image.Image], Image.Image] | None] = {
    "as it is": None,
    "darker": dark,
    "blurred": blurred,
    "JPEG": compressed,
}


class Shifted(Dataset):
    """Samples whose images are changed."""

    def __init__(self, samples: Dataset, change: Callable[[Image.Image], Image.Image] | None) -> None:
        self.samples, self.change = samples, change

    def __len__(self) -> int:
        return len(self.samples)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> dict:
        sample = self.samples[index]
        if self.change is None:
            return sample
        picture = Image.fromarray(sample["image"].permute(1, 2, 0).numpy())
        return sample | {"image": torch.from_numpy(np.array(self.change(picture))).permute(2, 0, 1)}


class Network:
    """The network of a run, and the images that it held out."""

    def __init__(self, path: Path, device: torch.device, every: int) -> None:
        self.run = Run(path)
        self.task = self.run.load_task().to(device)
        self.samples = self.run.validation_set()
        self.places = range(0, len(self.samples), every)  # type: ignore[arg-type]
        self.count = len(self.places)
        signal = self.task.shown_signal
        self.signal = None if signal is None or signal.reads or signal.needs_target else signal

    @torch.inference_mode()
    def look(self, shift: str) -> Iterator[tuple[Tensor, Tensor | None, Tensor]]:
        """Logits, level of learned hardness, and labels, image by image."""
        seen = Transformed(Shifted(self.samples, SHIFTS[shift]), self.run.evaluation_transform())
        for place in self.places:
            sample = seen[place]
            px = self.task.deployed.pixels(sample["image"][None].to(self.task.device), None)
            sizes = (sample["content_size"], sample["original_size"])
            level = None if self.signal is None else restore(self.signal.level(px), *sizes)[0].cpu()
            yield restore(px.logits[0].float(), *sizes).cpu(), level, torch.as_tensor(sample["target"])


def halves(count: int) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Places of images to fit on and to predict, there and back.

    Example: of 4 images the halves are 0, 1 and 2, 3; alternating ones are 0, 2 and 1, 3.
    """
    places = np.arange(count)
    pairs = {"halves": (places[: count // 2], places[count // 2 :]), "alternating": (places[::2], places[1::2])}
    return {kind: [(first, second), (second, first)] for kind, (first, second) in pairs.items()}


def temperatures(network: Network) -> dict[tuple[str, int], float]:
    """Temperature of each half to fit on."""
    fits = {
        (kind, way): (TemperatureFit(network.task.ignore_index), set(fitted.tolist()))
        for kind, ways in halves(network.count).items()
        for way, (fitted, _) in enumerate(ways)
    }
    for k, (logits, _, target) in enumerate(network.look("as it is")):
        for fit, members in fits.values():
            if k in members:
                fit.add(logits, target)
    return {key: fit.temperature for key, (fit, _) in fits.items()}


def count(
    network: Network, second: Network | None, shift: str, known: dict[tuple[str, int], float]
) -> dict[tuple[str, float], Evidence]:
    """Evidence of all images by score and temperature."""
    found: dict[tuple[str, float], list[Evidence]] = {}
    others = network.look(shift) if second is None else second.look(shift)
    for (logits, level, target), (other, _, _) in zip(network.look(shift), others, strict=True):
        bins = {"confidence": confidence_bins(logits)}
        if level is not None:
            bins["hardness"] = (BINS * (1 - level)).floor().clamp(0, BINS - 1).long()
        if second is not None:
            bins["agreement"] = (logits.argmax(0) == other.argmax(0)).long()
        wanted = [(score, 1.0) for score in bins] + [("confidence", value) for value in set(known.values())]
        for score, temperature in wanted:
            number = 2 if score == "agreement" else BINS
            settings = {"bin_count": number, "temperature": temperature, "ignore_index": network.task.ignore_index}
            evidence = count_pixels(logits, bins[score], target, **settings)
            found.setdefault((score, temperature), []).append(evidence)
    return {key: stack(each) for key, each in found.items()}


def estimators(scores: set[str]) -> list[Estimator]:
    every = [
        ThresholdedConfidence(),
        DifferenceOfConfidence(),
        ExpectedConfusion(),
        Agreement(),
        LearnedHardness(),
    ]
    return [each for each in every if each.score in scores]


def measure(network: Network, second: Network | None) -> dict[tuple[str, str, str], list[dict[str, float]]]:
    """Scores by halves, shift and estimator, one for each direction; "true" are the set's."""
    known = temperatures(network)
    plain = count(network, second, "as it is", known)
    found: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    for shift in SHIFTS:
        seen = plain if shift == "as it is" else count(network, second, shift, known)
        for kind, ways in halves(network.count).items():
            for way, (fitted, others) in enumerate(ways):
                for estimator in estimators({score for score, _ in plain}):
                    key = (estimator.score, known[kind, way] if estimator.calibrated else 1.0)
                    given = seen[key].take(others)
                    predictor = Predictor(estimator, plain[key].take(fitted))
                    assert given.confusion is not None
                    whole = predictor.whole(given.total(), len(others))
                    true, each = quality_of(given.confusion.sum(0)), quality_of(given.confusion)
                    row = score_of(whole, predictor.images(given), true, each)
                    row["true_miou"] = float(true.miou)
                    found.setdefault((kind, shift, type(estimator).__name__), []).append(row)
    return found


def table(found: dict[tuple[str, str, str], list[dict[str, float]]]) -> list[str]:
    """Markdown: one table for each kind of halves."""
    lines = []
    for kind in dict.fromkeys(key[0] for key in found):
        lines += ["", f"Fitted and predicted: *{kind}*.", ""]
        lines += [f"| seen | estimator | {' | '.join(title for title, _, _ in COLUMNS)} |", "|---" * 9 + "|"]
        for (own, shift, name), rows in found.items():
            if own == kind:
                cells = [_cell([row[key] for row in rows], factor, key) for _, key, factor in COLUMNS]
                lines.append(f"| {shift} | {name} | {' | '.join(cells)} |")
    return lines


def _cell(values: list[float], factor: int, key: str) -> str:
    mean = factor * float(np.mean(np.abs(values) if key.endswith("error") else values))
    return f"{mean:.2f}" if factor == 1 else f"{mean:.0f}" if key.endswith("coverage") else f"{mean:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\n\n{METHOD}\n{LEGEND}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders that hardpix fit wrote")
    parser.add_argument("--second", type=Path, help="another run with the same classes, for Agreement")
    parser.add_argument("--every", type=int, default=1, help="every how many of a run's images are taken (default 1)")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"), help="cpu, cuda, … (default cpu)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="that torch uses on the CPU")
    parser.add_argument("--record", type=Path, nargs="?", const=RECORD, help=f"write a page (default {RECORD.name})")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    header = ["# How near estimates without labels come", "", METHOD, LEGEND]
    header += [*describe_run(("torch", "numpy"), given.device, given.threads), ""]
    second = None if given.second is None else Network(given.second, given.device, given.every)
    lines: list[str] = []
    found: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    for path in given.runs:
        network = Network(path, given.device, given.every)
        own = measure(network, second)
        truth = {
            shift: 100 * np.mean([row["true_miou"] for key, rows in own.items() if key[1] == shift for row in rows])
            for shift in SHIFTS
        }
        said = ", ".join(f"{value:.1f} {shift}" for shift, value in truth.items())
        lines.append(f"- {path.name}: {network.count} images; mIoU of a half, mean in %: {said}")
        for key, rows in own.items():
            found.setdefault(key, []).extend(rows)
    lines += table(found)
    sys.stdout.write("\n".join(lines) + "\n")
    if given.record:
        given.record.write_text("\n".join([*header, *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
