"""Known data sets."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hardpix.data import ClassTable, DataError, ImagePaths, SegmentationFolder, load_preset, preset_names

TABLE = "name: x\nclasses: [{name: a, id: 0}]"


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_complete(name: str, tmp_path: Path) -> None:
    preset = load_preset(name)
    assert "train" in preset.parts
    assert ClassTable.from_dict(preset.classes.to_dict()) == preset.classes
    for part, entries in preset.parts.items():
        if isinstance(listed := entries.get("stems"), str):
            (tmp_path / listed).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / listed).write_text("a\n")
        assert preset.folders(tmp_path, part).masks is not None


def test_camvid_as_published() -> None:
    """Eleven classes of the SegNet tutorial; colors of the data set's own label list."""
    preset = load_preset("camvid")
    by_id = dict(zip([i for (i,) in preset.classes.ids], preset.classes.names, strict=True))
    names = ["sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"]
    assert by_id == dict(enumerate(names))
    colors = {name: colour for name, (colour,) in zip(preset.classes.names, preset.classes.colors, strict=True)}
    assert colors["road"] == (128, 64, 128)
    assert colors["bicyclist"] == (0, 128, 192)
    assert preset.classes.ignore_ids == (11,)
    assert preset.folders("/d", "test") == ImagePaths(Path("/d/test"), Path("/d/testannot"))


def test_a_preset_of_ones_own_opens_a_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "name: mine\n"
        "train: {images: img, masks: lab, mask_suffix: _lab}\n"
        "classes: [{name: a, id: 3}, {name: b, id: [4, 5]}]\n"
    )
    for folder, name, values in (("img", "1.png", np.zeros((1, 3, 3))), ("lab", "1_lab.png", np.array([[3, 4, 5]]))):
        (tmp_path / folder).mkdir()
        Image.fromarray(values.astype(np.uint8)).save(tmp_path / folder / name)
    preset = load_preset(tmp_path / "mine.yaml")
    data = SegmentationFolder.of(preset.folders(tmp_path, "train"), preset.classes)
    assert data[0]["target"].tolist() == [[0, 1, 1]]
    with pytest.raises(ValueError, match="one of train, found 'val'"):
        preset.folders(tmp_path, "val")


class TestStemsInAList:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        (tmp_path / "img").mkdir()
        for name in ("a1", "a2", "a10", "b1"):
            Image.new("RGB", (2, 2)).save(tmp_path / "img" / f"{name}.png")
        return tmp_path

    def preset(self, root: Path, stems: str) -> Path:
        path = root / "mine.yaml"
        path.write_text(f"{TABLE}\ntrain: {{images: img, stems: {stems}}}")
        return path

    def test_stems_are_taken_as_they_are(self, root: Path) -> None:
        paths = load_preset(self.preset(root, "[b1, a2]")).folders(root, "train")
        assert paths.stems == ("b1", "a2")

    def test_patterns_are_matched_with_the_images(self, root: Path) -> None:
        paths = load_preset(self.preset(root, '["a?", b1]')).folders(root, "train")
        assert paths.stems == ("a1", "a2", "b1")

    def test_patterns_that_match_nothing_are_named(self, root: Path) -> None:
        with pytest.raises(DataError, match=r"expected images named c\*, found a1, a2, a10 …"):
            load_preset(self.preset(root, '["c*"]')).folders(root, "train")

    def test_a_missing_folder_is_left_to_be_said_as_such(self, root: Path) -> None:
        paths = load_preset(self.preset(root, '["a*"]')).folders(root / "elsewhere", "train")
        assert paths.stems is None


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(
        ValueError, match=r"one of the presets voc2012, voc2012_aug, .*: did you mean voc2012 or voc2012_aug\?$"
    ):
        load_preset("VOC2021")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("classes: [{name: a, id: 0}]\ntrain: {images: a}", "expected the keys name, .* found classes, train"),
        ("name: x\nclasses: [{name: a, id: 0}]", "one or more of train, val, test, .* found name, classes"),
        ("name: x\ntrain: {images: a}", "expected the keys name, .* found name, train"),
        (f"{TABLE}\ntrian: {{images: a}}\ntrain: {{images: a}}", "found name, classes, trian, train"),
        (f"{TABLE}\ntrain: {{image: a}}", "expected images and perhaps .* under train, found {'image': 'a'}"),
        (f"{TABLE}\ntrain: {{images: a, mask: b}}", "under train"),
        (f"{TABLE}\nval: {{images: a, masks: }}", "each with a text under val, found {'images': 'a', 'masks': None}"),
        (f"{TABLE}\ntrain: {{images: 3}}", "each with a text under train, found {'images': 3}"),
        (f"{TABLE}\ntrain: {{images: a}}\ndepth_format: 3", "expected some of scale, .* under depth_format, found 3"),
        (f"{TABLE}\ntrain: {{images: a}}\ndepth_format: {{scal: 3}}", "under depth_format, found {'scal': 3}"),
        (f"{TABLE}\ntrain: {{images: a}}\ndepth_format: {{scale: 0}}", "expected scale > 0"),
        (f"{TABLE}\ntrain: {{images: a}}\ndepth_format: {{scale: x}}", "expected a number as scale"),
        (f"{TABLE}\ntest: images", "under test, found 'images'"),
        (f"{TABLE}\ntrain: {{images: a, stems: []}}", "under train, found {'images': 'a', 'stems': \\[\\]}"),
        (f"{TABLE}\ntrain: {{images: a, stems: [1]}}", "under train, found {'images': 'a', 'stems': \\[1\\]}"),
        (f"{TABLE}\ntrain: {{images: [a]}}", "under train, found {'images': \\['a'\\]}"),
        (
            f"{TABLE}\nlicense: 3\ntrain: {{images: a}}",
            "a text each under about, source, license, found {'license': 3}",
        ),
    ],
)
def test_files_that_are_no_preset(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        load_preset(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_unknown_presets_are_told_which_there_are() -> None:
    with pytest.raises(ValueError, match="one of the presets camvid"):
        load_preset("kamvid")
