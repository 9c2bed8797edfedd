"""Validation and test of a segmentation network, as Lightning sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torchmetrics import MeanMetric

from hardpix.data import restore
from hardpix.metrics import SegmentationScores
from hardpix.pixels import cross_entropy_map, valid_mask
from hardpix.training.dump import stems_of
from hardpix.training.finite import NotFinite


class ScoredModule(LightningModule):
    """A module whose logits are scored at the size of the labels: mIoU, accuracy, borders, loss, and IoU by class.

    Args:
        num_classes: C.
        ignore_index: the id of unlabeled pixels.
    """

    class_names: list[str]

    def __init__(self, num_classes: int, ignore_index: int) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.scores = SegmentationScores(num_classes, ignore_index)
        self.mean_loss = MeanMetric()
        self._seen: list[tuple[list[str], Tensor]] = []

    def _evaluate(self, batch: dict[str, Any]) -> None:
        # As at inference: scores of a mixed-precision run would depend on the machine, and differ from those of test.
        with torch.autocast(self.device.type, enabled=False):
            logits = self(batch["image"])
        # Each image is scored at the resolution of its own labels.
        loss_sum = logits.new_zeros((), dtype=torch.float32)
        count = logits.new_zeros((), dtype=torch.int64)
        for scores, content_size, target in zip(logits, batch["content_size"], batch["target"], strict=True):
            restored = restore(scores.float(), content_size, target.shape).unsqueeze(0)
            target = target.unsqueeze(0)
            loss_sum += cross_entropy_map(restored, target, self.ignore_index).sum()
            count += valid_mask(target, self.num_classes, self.ignore_index).sum()
            self.scores.update(restored.argmax(1), target)
        self.mean_loss.update(loss_sum / count.clamp(min=1), weight=count)
        # Looked at when the scores are: until then the device goes on. The mean leaves NaN out.
        self._seen.append((stems_of(batch), loss_sum.isfinite()))

    def _report(self, stage: str) -> None:
        seen, self._seen = self._seen, []
        if seen and not torch.stack([finite for _, finite in seen]).all():
            stems = [stem for names, finite in seen if not finite for stem in names]
            raise NotFinite(
                f"expected finite outputs of the network for the images of {stage}, found others for "
                f"{', '.join(stems[:3]) or 'images without stems'}{f' and more of {len(stems)}' * (len(stems) > 3)}: "
                "leave images with NaN or infinity out, or lower the learning rate (--model.optimizer.lr)"
            )
        # Every process has the scores of all; sync_dist only tells Lightning so.
        scores = self.scores.compute()
        by_class = dict(zip(self.class_names, scores.pop("class_iou").reshape(-1).tolist(), strict=True))
        loss = self.mean_loss.compute()
        self.scores.reset()
        self.mean_loss.reset()
        for name, value in scores.items():
            self.log(f"{stage}/{name}", value.float().to(self.device), prog_bar=name == "miou", sync_dist=True)
        self.log(f"{stage}/loss", loss, sync_dist=True)
        self.log_dict({f"{stage}/iou/{name}": value for name, value in by_class.items()}, sync_dist=True)

    def validation_step(self, batches: Sequence[dict[str, Any]], batch_idx: int) -> None:
        for batch in batches:
            self._evaluate(batch)

    def on_validation_epoch_end(self) -> None:
        self._report("val")

    def test_step(self, batches: Sequence[dict[str, Any]], batch_idx: int) -> None:
        self.validation_step(batches, batch_idx)

    def on_test_epoch_end(self) -> None:
        self._report("test")
