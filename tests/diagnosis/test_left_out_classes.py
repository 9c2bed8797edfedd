"""Masks and predictions that a class table reads without a word, though a class gets no pixel."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.__main__ import main
from hardpix.commands.diagnose import diagnose
from hardpix.data import ClassTable
from hardpix.diagnosis.sides import SideReader


def written(folder: Path, maps: list[np.ndarray]) -> Path:
    folder.mkdir()
    for number, values in enumerate(maps):
        Image.fromarray(values).save(folder / f"{number}.png")
    return folder


def drawn() -> list[np.ndarray]:
    """Four masks of 0 and 1, a block of 1 that moves."""
    masks = []
    for number in range(4):
        mask = np.zeros((24, 32), np.uint8)
        mask[4:14, 2 + number : 20 + number] = 1
        masks.append(mask)
    return masks


def options(tmp_path: Path, *more: str) -> list[str]:
    folders = ("--truth", str(tmp_path / "t"), "--predictions", str(tmp_path / "p"), "--out", str(tmp_path / "out"))
    return ["diagnose", *folders, "--pictures", "false", "--workers", "1", *more]


def test_a_named_class_without_a_pixel_beside_255_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "t", [255 * mask for mask in drawn()])
    written(tmp_path / "p", drawn())
    assert main(options(tmp_path, "--classes", "background,lesion")) == 2
    said = capsys.readouterr().err
    share = 100 * np.mean([mask.mean() for mask in drawn()])
    assert f"no mask holds lesion, while 255 holds {share:.1f} % of the pixels" in said
    assert "--label_map '{0: 0, 255: 1}'" in said
    found = diagnose(
        tmp_path / "t",
        tmp_path / "p",
        tmp_path / "out",
        classes=["background", "lesion"],
        label_map={0: 0, 255: 1},
        prediction_ids="index",
        pictures=False,
        workers=1,
    )
    assert found["scores"]["miou"] == pytest.approx(1)


def test_predictions_below_the_threshold_of_a_class_table_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path / "t", [255 * mask for mask in drawn()])
    # Hardly anything is right: agreement alone would not tell.
    written(tmp_path / "p", [mask[::-1, ::-1].copy() for mask in drawn()])
    table = tmp_path / "table.yaml"
    table.write_text("classes:\n- {name: background, id: 0}\n- {name: lesion, id: 255}\nthreshold: 128\n")
    assert main(options(tmp_path, "--classes", str(table))) == 2
    said = capsys.readouterr().err
    assert "the predictions hold ids up to 1 alone, below the threshold 128" in said
    assert "--prediction_ids index" in said


def test_a_map_of_predictions_leaves_the_colors_of_others_alone() -> None:
    """Black is no class here, whether or not an id is renamed."""
    table = ClassTable(["sky", "road"], [0, 1], [(10, 20, 30), (40, 50, 60)])
    colored = np.zeros((2, 2, 3), np.uint8)
    colored[0] = (40, 50, 60)
    for side in (SideReader(table), SideReader(table, {5: 1})):
        codes, known = side.codes(colored)
        assert known.tolist() == [[True, True], [False, False]]
        assert codes[0].tolist() == [1, 1]
