"""A picture of what networks make of held-out pixels: their embeddings by class, in two dimensions, run beside run.

    python benchmarks/embeddings.py runs/camvid_ce_0 runs/camvid_contrast_0 --out docs/images/embeddings.png

For each run the images that it held out go through its network. The embedding is what enters the last classifier, at
unit length. Some of its cells of each class and image are drawn and laid out by t-SNE with the same settings and seed.
Above each panel stands how many of the cells have a nearest neighbor, in another image, of their own class.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.progress import track
from sklearn.manifold import TSNE
from torch import Tensor
from torch.utils.data import DataLoader

from hardpix.data import Transformed
from hardpix.objectives.groups import cells_at, groups_of
from hardpix.objectives.sampling import draw_by_group
from hardpix.pixels import cell_labels
from hardpix.training.run import Run

PANEL, MARGIN, DOT = 720, 40, 4


@torch.inference_mode()
def collect(run: Run, checkpoint: str, per_image: int) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings (N, D), their classes (N,) and images (N,)."""
    task = run.load_task(checkpoint)
    samples = Transformed(run.validation_set(), run.evaluation_transform())
    generator = torch.Generator().manual_seed(0)
    rows, classes, images = [], [], []
    loader = DataLoader(samples, batch_size=None)
    for index, sample in enumerate(track(loader, f"embedding {run.path.name}", console=Console(stderr=True))):
        embedding = task.network(sample["image"].unsqueeze(0)).taps.embedding
        if embedding is None:
            raise SystemExit(f"no embedding is known of the network of {run.path}")
        height, width = embedding.shape[-2:]
        # The padding for evaluation has no labels.
        inside = [
            round(side * part / whole)
            for side, part, whole in zip(
                (height, width), sample["content_size"], sample["image"].shape[-2:], strict=True
            )
        ]
        target = sample["target"].as_subclass(Tensor).long().unsqueeze(0)
        labels = torch.full((1, height, width), task.ignore_index)
        labels[:, : inside[0], : inside[1]] = cell_labels(
            target, (inside[0], inside[1]), task.num_classes, task.ignore_index
        )
        drawn = draw_by_group(groups_of(labels, task.num_classes).flatten(), task.num_classes, per_image, generator)
        rows.append(cells_at(F.normalize(embedding.float(), dim=1), drawn))
        classes.append(labels.flatten()[drawn])
        images.append(torch.full((len(drawn),), index))
    return torch.cat(rows), torch.cat(classes), torch.cat(images)


def neighbours_of_own_class(rows: Tensor, classes: Tensor, images: Tensor) -> float:
    """Share of the embeddings whose nearest one in another image has their class; the mean over classes."""
    similar = (rows @ rows.T).masked_fill(images[:, None] == images, -torch.inf)
    same = classes[similar.argmax(1)] == classes
    return float(torch.stack([same[classes == c].float().mean() for c in classes.unique()]).mean())


def thin(classes: Tensor, most: int) -> Tensor:
    """Positions of at most so many of each class."""
    return draw_by_group(classes, int(classes.max()) + 1, most, torch.Generator().manual_seed(0))


def panel(points: np.ndarray, colors: np.ndarray, title: str, font: ImageFont.ImageFont) -> Image.Image:
    """A scatter plot of (N, 2) points."""
    image = Image.new("RGB", (PANEL, PANEL + MARGIN), "white")
    draw = ImageDraw.Draw(image)
    draw.text((MARGIN // 2, MARGIN // 4), title, fill="black", font=font)
    low, high = points.min(0), points.max(0)
    places = (points - low) / (high - low) * (PANEL - 2 * MARGIN) + MARGIN
    # In random order, so that no class hides the others.
    for k in np.random.default_rng(0).permutation(len(points)):
        x, y = places[k, 0], places[k, 1] + MARGIN
        draw.ellipse((x - DOT, y - DOT, x + DOT, y + DOT), fill=tuple(colors[k]), outline="white")
    return image


def legend(names: tuple[str, ...], colors: np.ndarray, width: int, font: ImageFont.ImageFont) -> Image.Image:
    """The classes and their colors, in a row that wraps."""
    image = Image.new("RGB", (width, 2 * MARGIN), "white")
    draw = ImageDraw.Draw(image)
    x, y = MARGIN // 2, MARGIN // 4
    for name, colour in zip(names, colors, strict=True):
        length = int(draw.textlength(name, font=font)) + 50
        if x + length > width:
            x, y = MARGIN // 2, y + MARGIN
        draw.ellipse((x, y + 4, x + 14, y + 18), fill=tuple(colour))
        draw.text((x + 20, y), name, fill="black", font=font)
        x += length
    return image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders that hardpix fit wrote")
    parser.add_argument("--names", nargs="+", help="titles of the panels; the names of the folders if none are given")
    parser.add_argument("--checkpoint", default="last", help="best or last (default last)")
    parser.add_argument("--per-image", type=int, default=5, help="cells of a class and image (default 5)")
    parser.add_argument("--per-class", type=int, default=250, help="cells of a class in the picture (default 250)")
    parser.add_argument("--out", type=Path, default=Path("embeddings.png"))
    given = parser.parse_args()
    font = ImageFont.load_default(size=18)
    panels = []
    for path, name in zip(given.runs, given.names or [path.name for path in given.runs], strict=True):
        run = Run(path, trusted=True)
        rows, classes, images = collect(run, given.checkpoint, given.per_image)
        share = neighbours_of_own_class(rows, classes, images)
        print(f"{name}: {100 * share:.1f} % of the cells have a nearest neighbour of their class (mean over classes)")
        chosen = thin(classes, given.per_class)
        points = TSNE(init="pca", perplexity=30, random_state=0).fit_transform(rows[chosen].numpy())
        table = run.read_classes()
        colors = table.paint(classes[chosen].numpy()[None])[0]
        panels.append(panel(points, colors, f"{name}: {100 * share:.0f} % nearest to their class", font))
    every = table.paint(np.arange(len(table))[None])[0]
    keys = legend(table.names, every, PANEL * len(panels), font)
    picture = Image.new("RGB", (PANEL * len(panels), PANEL + MARGIN + keys.height), "white")
    for k, image in enumerate(panels):
        picture.paste(image, (k * PANEL, 0))
    picture.paste(keys, (0, PANEL + MARGIN))
    picture.save(given.out)
    print(f"written to {given.out}")


if __name__ == "__main__":
    main()
