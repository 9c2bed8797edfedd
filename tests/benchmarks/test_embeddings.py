"""The picture of embeddings: its figure by hand, and a picture of a tiny run."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from ..training.conftest import data, fit_tiny  # noqa: F401
from .conftest import load_script

pytestmark = pytest.mark.slow

embeddings = load_script("embeddings")


def test_neighbours_are_sought_in_other_images() -> None:
    # On a circle, in degrees: image 0 has 0 (class 0) and 1 (class 0); image 1 has 10 (class 0) and 350 (class 1).
    angles = torch.deg2rad(torch.tensor([0.0, 1.0, 9.0, 350.0]))
    rows = torch.stack([angles.cos(), angles.sin()], 1)
    classes, images = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 1, 1])
    # All three of class 0 find class 0 in the other image; the one of class 1 finds class 0.
    assert embeddings.neighbours_of_own_class(rows, classes, images) == pytest.approx(0.5)


def test_a_class_is_thinned_to_as_many_as_asked_for() -> None:
    chosen = embeddings.thin(torch.tensor([0] * 9 + [2] * 2), 4)
    assert torch.bincount(torch.tensor([0] * 9 + [2] * 2)[chosen]).tolist() == [4, 0, 2]


def test_two_runs_side_by_side(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    run, out = request.getfixturevalue("fit_tiny")(), tmp_path / "embeddings.png"
    asked = [str(run.path), str(run.path), "--names", "before", "after", "--per-image", "20", "--out", str(out)]
    monkeypatch.setattr("sys.argv", ["embeddings.py", *asked])
    embeddings.main()
    said = capsys.readouterr().out.splitlines()
    assert said[0].removeprefix("before") == said[1].removeprefix("after")
    with Image.open(out) as picture:
        assert picture.size[0] == 2 * embeddings.PANEL
        # Colored dots, in both panels.
        for left in (0, embeddings.PANEL):
            box = (left, embeddings.MARGIN, left + embeddings.PANEL, embeddings.PANEL)
            assert len(picture.crop(box).getcolors(1 << 20)) > 3
