"""Code that a user may have in a file of their own: hardpix has never heard of it."""

import os
import sys
import time
from collections.abc import Sequence
from typing import Literal

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import SegformerForSemanticSegmentation

from hardpix.pixels import PixelBatch
from hardpix.signals import Signal
from hardpix.training.finite import StopWhereNotFinite


class Tiny(nn.Module):
    """Two convolutions at half the size, and what else a test asks for."""

    def __init__(
        self, outputs: int = 3, norm: Literal["none", "batch", "frozen"] = "none", dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.frozen = norm == "frozen"
        layers: list[nn.Module] = [nn.Conv2d(3, 8, 3, stride=2, padding=1)]
        layers += [] if norm == "none" else [nn.BatchNorm2d(8)]
        self.encoder = nn.Sequential(*layers, nn.ReLU())
        self.decoder = nn.Sequential(
            nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Dropout(dropout), nn.Conv2d(8, outputs, 1)
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.decoder(self.encoder(image))

    def train(self, mode: bool = True) -> "Tiny":
        super().train(mode)
        if self.frozen:
            self.encoder[1].eval()
        return self


class Interruption(Exception):
    """As when a machine is switched off."""


class StopAt(Callback):
    """Interrupts the training after some steps of an epoch, but not once it was resumed."""

    def __init__(self, epoch: int, batch: int = 0, by_hand: bool = False) -> None:
        self.epoch, self.batch, self.resumed = epoch, batch, False
        self.kind = KeyboardInterrupt if by_hand else Interruption

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict) -> None:
        self.resumed = True

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        if not self.resumed and (trainer.current_epoch, batch_idx) == (self.epoch, self.batch):
            raise self.kind


class SignalAt(Callback):
    """Sends this process a signal at a moment of an epoch, but not once the training was resumed."""

    def __init__(
        self, number: int, epoch: int, batch: int, moment: Literal["step", "validation"] = "step", hangs: float = 0
    ) -> None:
        self.number, self.place, self.moment, self.hangs = number, (epoch, batch), moment, hangs

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict) -> None:
        self.moment = "step"
        self.place = (-1, -1)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int) -> None:
        self._send("step", trainer, batch_idx)

    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: object, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        self._send("validation", trainer, batch_idx)

    def _send(self, moment: str, trainer: Trainer, batch: int) -> None:
        if moment == self.moment and (trainer.current_epoch, batch) == self.place:
            os.kill(os.getpid(), self.number)
            time.sleep(self.hangs)


class OutOfTime(Callback):
    """Ends the training within an epoch, as Lightning does at its max_time, but not once it was resumed."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: Trainer, *_: object) -> None:
        trainer.should_stop = trainer.should_stop or trainer.global_step == self.step

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict) -> None:
        self.step = -1


class LossTypes(Callback):
    """Notes the type of the loss and of the logits of every step."""

    seen: Sequence[tuple[torch.dtype, torch.dtype]] = ()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        pl_module.network.model.register_forward_hook(self._note_logits)

    def _note_logits(self, module: nn.Module, inputs: object, output: Tensor) -> None:
        self._logits = output.dtype

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: dict, batch: object, batch_idx: int
    ) -> None:
        LossTypes.seen = [*LossTypes.seen, (self._logits, outputs["loss"].dtype)]


class Progress(Signal):
    """Notes how much of the training it was told to be done."""

    name = "noted"
    seen: Sequence[float | None] = ()

    def forward(self, px: PixelBatch) -> Tensor:
        Progress.seen = [*Progress.seen, px.progress]
        return px.valid.float()


class Depth(Signal):
    """Notes the depth of every batch; as much weight everywhere."""

    name = "depth"
    seen: Sequence[Tensor] = ()

    def forward(self, px: PixelBatch) -> Tensor:
        if "depth" not in px.sample:
            raise RuntimeError("I want depth")
        Depth.seen = [*Depth.seen, px.sample["depth"]]
        return px.valid.float()


class Superpixels(Signal):
    """Wants a map that hardpix knows nothing of."""

    name = "superpixels"
    reads = frozenset({"superpixels"})

    def forward(self, px: PixelBatch) -> Tensor:
        return px.sample["superpixels"].float()


class Doubt(Signal):
    """Distance of the network's confidence from 1."""

    name = "doubt"

    def forward(self, px: PixelBatch) -> Tensor:
        return 1 - px.confidence


class Squares(Dataset):
    """Bright squares on dark ground."""

    classes = ("ground", "square")

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, object]:
        target = torch.zeros(32, 48, dtype=torch.long)
        target[4 + index : 16 + index, 8:24] = 1
        image = (40 + 160 * target).to(torch.uint8).expand(3, -1, -1)
        return {"image": image, "target": target}


class SquaresOfManySizes(Squares):
    """Bright squares in images of three sizes by turns."""

    def __getitem__(self, index: int) -> dict[str, object]:
        sample = super().__getitem__(index % 8)
        height, width = [(32, 48), (40, 33), (70, 90)][index % 3]
        target = torch.zeros(height, width, dtype=torch.long)
        target[:32, :33] = sample["target"][:, :33]  # type: ignore[index]
        image = (40 + 7 * index + 120 * target).to(torch.uint8).expand(3, -1, -1)
        return {"image": image, "target": target}


class Picky(Tiny):
    """Takes images of one size alone."""

    def forward(self, image: Tensor) -> Tensor:
        if image.shape[-1] != 224:
            raise RuntimeError("I want 224 columns")
        return super().forward(image)


class Mistake(Callback):
    """Fails in the middle of a training."""

    def on_train_batch_end(self, *arguments: object) -> None:
        raise ValueError("a mistake of my own")


class Downloading(Tiny):
    """Wants weights from far away."""

    def __init__(self, encoder_weights: str | None = "imagenet") -> None:
        super().__init__()
        if encoder_weights is not None:
            raise ConnectionError("there is no network")


def pretrained_segformer(num_labels: int, name: str = "nvidia/mit-b0") -> nn.Module:
    """A published SegFormer with a classifier for other classes."""
    return SegformerForSemanticSegmentation.from_pretrained(name, num_labels=num_labels, ignore_mismatched_sizes=True)


class Nameless(Squares):
    """Does not say what its classes are."""

    classes = None

    def __init__(self) -> None:
        super().__init__(4)


class Pooling(Tiny):
    """Looks at the mean of the image through batch normalization, as the pooling of DeepLab does."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__(outputs)
        self.pooled = nn.BatchNorm2d(8)

    def forward(self, image: Tensor) -> Tensor:
        features = self.encoder(image)
        return self.decoder(features + self.pooled(features.mean((2, 3), keepdim=True)))


class OneBand(nn.Module):
    """Two classes, whose logits are 0 and `slope` times one channel of what the network sees."""

    def __init__(self, channel: int, in_channels: int = 4, slope: float = 2.0) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(in_channels, in_channels, 1, bias=False)
        self.decoder = nn.Conv2d(in_channels, 2, 1, bias=False)
        with torch.no_grad():
            self.encoder.weight.copy_(torch.eye(in_channels)[..., None, None])
            self.decoder.weight.zero_()
            self.decoder.weight[1, channel] = slope

    def forward(self, image: Tensor) -> Tensor:
        return self.decoder(self.encoder(image))


class TwoHeads(Tiny):
    """Returns the logits of an auxiliary head before its own."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__(outputs)
        self.side = nn.Conv2d(8, outputs, 1)

    def forward(self, image: Tensor) -> list[Tensor]:
        features = self.encoder(image)
        return [self.side(features), self.decoder(features)]


class Slow(Callback):
    """Takes as many seconds for every step as the environment says, without any change to what is learned."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))


class MakeFolder(Callback):
    """Makes a folder after the first step."""

    def __init__(self, path: str) -> None:
        self.path = path

    def on_train_batch_end(self, *_: object) -> None:
        os.makedirs(self.path, exist_ok=True)


class RefuseFiles(Callback):
    """From the first step on, no file of this process may be made in a folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def on_train_start(self, *_: object) -> None:
        def look(event: str, arguments: tuple) -> None:
            if event == "open" and str(arguments[0]).startswith(self.folder):
                raise RuntimeError(f"{arguments[0]} was opened")

        sys.addaudithook(look)


class BadSquares(Squares):
    """Float images with names and weights; the fourth holds a number that is not finite in one of its maps."""

    def __init__(self, length: int, where: str = "image", value: str = "nan") -> None:
        super().__init__(length)
        self.where, self.value = where, float(value)

    def __getitem__(self, index: int) -> dict[str, object]:
        sample = super().__getitem__(index)
        sample |= {"image": sample["image"] / 255.0, "weight": torch.ones(32, 48), "stem": f"square_{index}"}
        if index == 3:
            sample[self.where] = sample[self.where].clone()
            sample[self.where][..., 8:24, 12:36] = self.value
        return sample


class PoisonWeights(Callback):
    """Makes a weight NaN after some step, as a broken optimizer would."""

    def __init__(self, epoch: int, batch: int) -> None:
        self.place = (epoch, batch)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        if (trainer.current_epoch, batch_idx) == self.place:
            with torch.no_grad():
                pl_module.network.model.decoder[3].bias[1] = torch.nan


class Late(Callback):
    """Has the loss of a step looked at one step late, as on a GPU, or at once."""

    def __init__(self, late: bool) -> None:
        self.late = late

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for callback in trainer.callbacks:
            if isinstance(callback, StopWhereNotFinite):
                callback.late = self.late


class ScaledDoubt(Doubt):
    """The same with a fixed scale, so that reports show it."""

    name = "network_doubt"

    def level(self, px: PixelBatch) -> Tensor:
        return px.map(self)


class Tied(Tiny):
    """One weight by two names, weights in an order of their own, and a view of a larger memory."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__(outputs)
        self.encoder.append(nn.Conv2d(8, 8, 3, padding=1))
        self.encoder[-1].weight = self.decoder[0].weight
        self.register_buffer("scale", torch.arange(16.0)[::2].view(1, 8, 1, 1) / 8)
        self.to(memory_format=torch.channels_last)

    def forward(self, image: Tensor) -> Tensor:
        return self.decoder(self.encoder(image) * self.scale)


class Remembering(Tiny):
    """Keeps something else than tensors."""

    def get_extra_state(self) -> str:
        return "a text"

    def set_extra_state(self, state: str) -> None:
        pass
