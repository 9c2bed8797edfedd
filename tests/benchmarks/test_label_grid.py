"""The truth seen through a coarse grid, on maps where the answer is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from .conftest import load_script

pytestmark = pytest.mark.slow

label_grid = load_script("label_grid")


def test_the_labels_own_grid_changes_nothing() -> None:
    target = torch.randint(0, 4, (1, 6, 10), generator=torch.Generator().manual_seed(0))
    assert torch.equal(label_grid.seen_through(target, 4, (6, 10)), target)


def test_a_line_narrower_than_half_a_cell_is_gone_and_a_wider_one_is_not() -> None:
    target = torch.zeros(1, 32, 32, dtype=torch.long)
    target[:, :, 2:5] = 1
    target[:, :, 16:26] = 2
    seen = label_grid.seen_through(target, 3, (4, 4))
    assert not (seen == 1).any()
    assert (seen[:, :, 18:22] == 2).all()


def test_unlabelled_pixels_have_no_share() -> None:
    target = torch.full((1, 8, 8), 255)
    target[0, 0, 0] = 1
    assert (label_grid.seen_through(target, 3, (1, 1)) == 1).all()


def test_a_preset_whose_file_names_have_endings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for name in ("a_rgb.png", "a_ids.png"):
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "mine.yaml").write_text(
        "name: mine\nclasses: [{name: a, id: 0}, {name: b, id: 1}]\n"
        "val: {images: ., masks: ., image_suffix: _rgb, mask_suffix: _ids}\n"
    )
    asked = ["--preset", str(tmp_path / "mine.yaml"), "--root", str(tmp_path), "--grid", "8x8"]
    monkeypatch.setattr("sys.argv", ["label_grid.py", *asked])
    label_grid.main()
    assert "| mIoU | 100.0 |" in capsys.readouterr().out
