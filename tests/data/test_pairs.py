"""Files that belong together, by the names that systems and archives give them."""

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hardpix.data import SegmentationFolder, split_by_pattern


def save(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


FORMS = ["NFC", "NFD"]


@pytest.mark.parametrize("image_form", FORMS)
@pytest.mark.parametrize("mask_form", FORMS)
@pytest.mark.parametrize("asked_form", FORMS)
def test_names_pair_up_however_their_accents_are_stored(
    image_form: Any, mask_form: Any, asked_form: Any, tmp_path: Path
) -> None:
    """Some systems store é as one character, others as e and an accent."""
    save(tmp_path / "images" / unicodedata.normalize(image_form, "Orléans/é_1_früh.png"), np.zeros((2, 3, 3), np.uint8))
    save(
        tmp_path / "masks" / unicodedata.normalize(mask_form, "Orléans/é_1_spät.png"),
        np.array([[0, 1, 2]] * 2, np.uint8),
    )
    endings = {
        "image_suffix": unicodedata.normalize(asked_form, "_früh"),
        "mask_suffix": unicodedata.normalize(asked_form, "_spät"),
    }
    data = SegmentationFolder(tmp_path / "images", tmp_path / "masks", **endings)
    assert data[0]["target"].tolist() == [[0, 1, 2]] * 2
    stem = unicodedata.normalize(asked_form, "Orléans/é_1")
    again = SegmentationFolder(tmp_path / "images", tmp_path / "masks", stems=[stem], **endings)
    assert again.stems == data.stems
    assert split_by_pattern([*data.stems, "x"], unicodedata.normalize(asked_form, "*é*")).val == data.stems
