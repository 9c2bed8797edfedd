"""A small network, and what it says of random images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from hardpix.networks import TappedNetwork, tap
from hardpix.pixels import PixelBatch


class SmallNetwork(nn.Module):
    """1×1 convolutions: an encoder, a decoder, and an auxiliary head. No pixel knows of another one."""

    def __init__(self, num_classes: int, channels: int = 6) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, channels, 1)
        self.decoder = nn.Sequential(nn.ReLU(), nn.Conv2d(channels, num_classes, 1))
        self.auxiliary = nn.Conv2d(channels, num_classes, 1)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Logits (B, C, H, W) as "out", and those of the auxiliary head as "aux"."""
        features = self.encoder(image)
        return {"out": self.decoder(features), "aux": self.auxiliary(features)}


def tapped(num_classes: int = 3) -> TappedNetwork:
    """A small tapped network with the same weights in every call.

    It has features, an embedding, an auxiliary head, and the stage "encoder".

    Example:
        >>> network = tapped(num_classes=4)
        >>> network(torch.zeros(2, 3, 5, 7)).logits.shape
        torch.Size([2, 4, 5, 7])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = SmallNetwork(num_classes)
    return tap(model, decoder="decoder", stages=["encoder"])


def sure_of(px: PixelBatch, size: float, seed: int = 3) -> PixelBatch:
    """The batch, its logits −size or size: sure of the right class, of a wrong one, or of several; on the same graph.

    Example:
        >>> sure = sure_of(make_batch(), 120)
        >>> sure.logits.unique().tolist(), round(sure.loss.max().item())
        ([-120.0, 120.0], 241)
    """
    signs = 2 * torch.randint(0, 2, px.logits.shape, generator=torch.Generator().manual_seed(seed)) - 1
    return replace(px, logits=size * signs.to(px.logits) + (px.logits - px.logits.detach()))


def make_batch(
    network: TappedNetwork | None = None,
    size: tuple[int, int, int] = (2, 4, 5),
    *,
    label: int | None = None,
    with_target: bool = True,
    reads: Iterable[str] = (),
    sample: Mapping[str, Any] | None = None,
    num_classes: int = 3,
    seed: int = 1,
) -> PixelBatch:
    """Random images and labels, and what a network and a teacher say of them. The same in every call.

    Args:
        network: as :func:`tapped` makes it; None for a new one.
        size: B, H and W.
        label: class, or ``ignore_index``, of all pixels; None draws classes and leaves a fifth of the pixels unlabeled.
        with_target: False for images without labels.
        reads: names of maps of the sample. "depth" is 1 to 10 and unknown (NaN) at a fifth of the pixels; the others
            are drawn from 0 to 1.
        sample: further entries of the sample, as they are.
        num_classes: classes of the labels, and of a new network.
        seed: of the draws.

    Example:
        >>> px = make_batch(reads=["depth"])
        >>> px.logits.shape, px.sample["depth"].shape, px.valid.float().mean().item() < 1
        (torch.Size([2, 3, 4, 5]), torch.Size([2, 4, 5]), True)
    """
    network = tapped(num_classes) if network is None else network
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    images, height, width = size
    image = draw(images, 3, height, width)
    target = torch.randint(0, num_classes, size, generator=generator)
    target[draw(*size) < 0.2] = network.ignore_index
    if label is not None:
        target[:] = label
    maps: dict[str, Any] = {}
    for name in sorted(reads):
        maps[name] = draw(*size)
        if name == "depth":
            maps[name] = (1 + 9 * maps[name]).masked_fill(draw(*size) < 0.2, torch.nan)
    with torch.no_grad():
        teacher = tapped(num_classes).pixels(image.flip(1))
    px = network.pixels(
        image, target if with_target else None, progress=0.7, teacher=teacher, **maps | dict(sample or {})
    )
    # A tap makes two classes of one channel; a batch from elsewhere may have a single one.
    return px if num_classes > 1 else replace(px, logits=px.logits[:, 1:])
