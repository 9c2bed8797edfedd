"""A report of a stranger to compare with: its data are read as data, and none of its scripts is copied."""

import base64
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.commands.diagnose import diagnose
from hardpix.report.label_script import label_script, read_label_script


def png(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "PNG")
    return buffer.getvalue()


LABELS = png(np.arange(64, dtype=np.uint8).reshape(8, 8) % 2)


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a.png").write_bytes(LABELS)
    return tmp_path / "masks"


@pytest.fixture
def theirs(masks: Path, tmp_path: Path) -> Path:
    diagnose(truth=masks, predictions=masks, out=tmp_path / "theirs", workers=1)
    return tmp_path / "theirs"


def uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


RAN = "document.title='ran';"
SCRIPTS = {
    "before": f"{RAN}{label_script({'truth': uri(LABELS)})}",
    "behind": f"{label_script({'truth': uri(LABELS)})}{RAN}",
    "inside": "hardpixData({\"truth\": (() => {document.title='ran'})()});\n",
    "another name": label_script({"__proto__": uri(LABELS)}),
    "another kind": label_script({"truth": "javascript:alert(1)"}),
    "another address": label_script({"truth": "https://example.com/a.png"}),
    "no png": label_script({"truth": uri(b"<svg onload='alert(1)'>")}),
    "cut off": label_script({"truth": uri(LABELS[:-20])}),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_of_another_report_are_refused_before_the_work(
    script: str, masks: Path, theirs: Path, tmp_path: Path
) -> None:
    (theirs / "pictures" / "000000" / "labels.js").write_text(SCRIPTS[script])
    with pytest.raises(ValueError, match=r"expected a picture of a report, found something else in .*labels\.js"):
        diagnose(truth=masks, predictions=masks, against=theirs, out=tmp_path / "mine", workers=1)
    assert not (tmp_path / "mine").exists()


def test_pictures_of_another_report_are_pictures(masks: Path, theirs: Path, tmp_path: Path) -> None:
    (theirs / "pictures" / "000000" / "prediction.png").write_text("<script>alert(1)</script>")
    with pytest.raises(ValueError, match=r"found something else in .*prediction\.png"):
        diagnose(truth=masks, predictions=masks, against=theirs, out=tmp_path / "mine", workers=1)


def test_a_pipe_in_another_report_is_not_waited_for(masks: Path, theirs: Path, tmp_path: Path) -> None:
    file = theirs / "pictures" / "000000" / "kinds.png"
    file.unlink(missing_ok=True)
    os.mkfifo(file)
    diagnose(truth=masks, predictions=masks, against=theirs, out=tmp_path / "mine", workers=1)
    assert not (tmp_path / "mine" / "against" / "pictures" / "000000" / "kinds.png").exists()


def test_what_is_a_report_is_shown_as_it_was(masks: Path, theirs: Path, tmp_path: Path) -> None:
    diagnose(truth=masks, predictions=masks, against=theirs, out=tmp_path / "mine", workers=1)
    names = ("prediction.png", "labels.js")
    for name in names:
        copy = tmp_path / "mine" / "against" / "pictures" / "000000" / name
        assert copy.read_bytes() == (theirs / "pictures" / "000000" / name).read_bytes()
    labels = read_label_script((theirs / "pictures" / "000000" / "labels.js").read_text())["truth"]
    with Image.open(io.BytesIO(base64.b64decode(labels.partition(",")[2]))) as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(Image.open(io.BytesIO(LABELS))))


@pytest.mark.parametrize("link", ["data", "pictures", "pictures/000000"])
def test_a_report_is_not_replaced_through_links(link: str, masks: Path, theirs: Path, tmp_path: Path) -> None:
    place = tmp_path / "somewhere"
    (theirs / link).rename(place)
    (theirs / link).symlink_to(place)
    before = {file: file.read_bytes() for file in place.rglob("*") if file.is_file()}
    with pytest.raises(ValueError, match=f"found links, {link}"):
        diagnose(truth=masks, predictions=masks, out=theirs, workers=1, overwrite=True)
    assert {file: file.read_bytes() for file in place.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("link", [".hardpix.new", ".hardpix.whole"])
def test_links_in_the_place_of_a_report_that_is_not_whole_are_refused(
    link: str, masks: Path, theirs: Path, tmp_path: Path
) -> None:
    place = tmp_path / "somewhere"
    place.mkdir()
    (place / "index.html").write_text("mine")
    (theirs / link).symlink_to(place)
    with pytest.raises(ValueError, match=f"found links, {link}"):
        diagnose(truth=masks, predictions=masks, out=theirs, workers=1, overwrite=True)
    assert {file.name: file.read_text() for file in place.iterdir()} == {"index.html": "mine"}
