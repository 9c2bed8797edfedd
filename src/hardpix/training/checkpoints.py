"""Which weights of a training are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint


class BestCheckpoint(ModelCheckpoint):
    """Keeps the weights of the highest validation mIoU as best.ckpt, also in a run folder that was moved since."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, filename="best", monitor="val/miou", mode="max", enable_version_counter=False)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # Lightning forgets the best score in another folder, and would delete the file in the former one.
        assert self.dirpath is not None
        here = str(Path(self.dirpath) / "best.ckpt")
        moved = {name: here for name in ("best_model_path", "kth_best_model_path") if state_dict[name]}
        scores = dict(zip([here], state_dict["best_k_models"].values(), strict=False))
        super().load_state_dict(state_dict | moved | {"best_k_models": scores, "dirpath": self.dirpath})


class LastCheckpoint(ModelCheckpoint):
    """Keeps the weights after every epoch as last.ckpt, to go on from.

    Not the best's own ``save_last``: that writes nothing in an epoch that is not better. And not after a validation
    within an epoch: the order of the images begins anew with every epoch, so only its end can be gone on from.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, filename="last", enable_version_counter=False, save_on_train_epoch_end=True)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        # It has one file, in its own folder, whatever came before.
        pass
