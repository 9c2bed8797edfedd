"""Known data sets with depth, written as small trees in their own layouts."""

from pathlib import Path

import numpy as np
import pytest

from hardpix.data import DataError, SegmentationFolder, check_folders, load_preset

from .conftest import save

RNG = np.random.default_rng(0)
METERS = np.array([[1.0, 2.5, 4.0], [8.0, 3.25, 5.5]])


def picture() -> np.ndarray:
    return RNG.integers(0, 256, (2, 3, 3)).astype(np.uint8)


def opened(name: str | Path, root: Path, part: str = "train") -> SegmentationFolder:
    preset = load_preset(name)
    folders = preset.folders(root, part)
    check_folders(folders, preset.classes, depth_format=preset.depth_format).require()
    return SegmentationFolder.of(folders, preset.classes, depth_format=preset.depth_format)


class TestNyuV2:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        for k, stem in enumerate(["0003", "0004", "0130", "1000"]):
            save(tmp_path / "images" / f"{stem}.jpg", picture())
            save(tmp_path / "labels" / f"{stem}.png", np.array([[0, 1, 255], [38, 5, k]], np.uint8))
            save(tmp_path / "depth" / f"{stem}.png", np.round(METERS * 255 / 9.995).astype(np.uint8))
        (tmp_path / "train.txt").write_text("0004 \n0003\n\n")
        (tmp_path / "val.txt").write_text("0130\r\n1000")
        return tmp_path

    def test_lists_tell_the_parts(self, root: Path) -> None:
        assert opened("nyuv2", root).stems == ("0004", "0003")
        assert opened("nyuv2", root, "val").stems == ("0130", "1000")

    def test_eight_bits_reach_to_9_995_metres(self, root: Path) -> None:
        sample = opened("nyuv2", root)[0]
        np.testing.assert_allclose(sample["depth"], METERS, atol=9.995 / 255 / 2 + 1e-6)
        assert load_preset("nyuv2").depth_format.meters(np.array([255]))[0] == pytest.approx(9.995)

    def test_masks_hold_39_classes(self, root: Path) -> None:
        sample = opened("nyuv2", root)[1]
        assert sample["target"].tolist() == [[0, 1, 255], [38, 5, 0]]
        names = load_preset("nyuv2").classes.names
        assert (len(names), names[5], names[38]) == (39, "sofa", "otherfurniture")

    def test_a_listed_stem_without_an_image_is_named(self, root: Path) -> None:
        (root / "train.txt").write_text("0003\n0009\n0004.jpg\n")
        preset = load_preset("nyuv2")
        problems = check_folders(preset.folders(root, "train"), preset.classes).problems
        assert [(p.kind, p.where) for p in problems if p.expected == "an image"] == [
            ("no image of that stem", root / "images" / "0009"),
            ("no image of that stem", root / "images" / "0004.jpg"),
        ]
        assert all("without ending and file type" in p.advice for p in problems if p.expected == "an image")

    def test_what_is_not_listed_is_not_looked_at(self, root: Path) -> None:
        (root / "labels" / "0130.png").write_bytes(b"")
        (root / "depth" / "1000.png").unlink()
        preset = load_preset("nyuv2")
        report = check_folders(preset.folders(root, "train"), preset.classes, depth_format=preset.depth_format)
        assert (report.problems, report.stems, report.without_depth) == ((), ("0004", "0003"), ())
        assert not any(w.kind == "file without an image" for w in report.warnings)

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (None, "train.txt: expected a text file of stems, found nothing"),
            ("\n \n", "expected at least one stem, found none"),
            ("\N{PILE OF POO}".encode("utf-16"), "expected a text file of stems, found UnicodeDecodeError"),
        ],
    )
    def test_lists_that_cannot_be_read(self, content: str | bytes | None, said: str, root: Path) -> None:
        (root / "train.txt").unlink()
        if content is not None:
            (root / "train.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(DataError, match=said):
            load_preset("nyuv2").folders(root, "train")


class TestSunRgbd:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        for part, stem in (("train", "kv2/kinect2data/00004"), ("test", "xtion/xtion_align_data/00001")):
            bits = np.vectorize(lambda mm: int(f"{mm:016b}"[3:] + f"{mm:016b}"[:3], 2))
            save(tmp_path / part / "rgb" / f"{stem}.jpg", picture())
            save(tmp_path / part / "semantic" / f"{stem}.png", np.array([[0, 1, 37], [5, 6, 7]], np.uint8))
            save(tmp_path / part / "depth" / f"{stem}.png", bits((1000 * METERS + 200).astype(int)).astype(np.uint16))
        return tmp_path

    def test_bits_are_rotated_back_to_millimetres(self, root: Path) -> None:
        data = opened("sunrgbd", root)
        assert data.stems == ("kv2/kinect2data/00004",)
        np.testing.assert_allclose(data[0]["depth"], METERS + 0.2, rtol=1e-6)

    def test_37_classes_from_1(self, root: Path) -> None:
        assert opened("sunrgbd", root, "test")[0]["target"].tolist() == [[255, 0, 36], [4, 5, 6]]
        names = load_preset("sunrgbd").classes.names
        assert (len(names), names[0], names[36]) == (37, "wall", "bag")


class TestCityscapes:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        disparity = 2262.52 * 0.209313 / METERS
        disparity[0, 0] = np.nan
        stored = np.nan_to_num(np.round(256 * disparity + 1), nan=0).astype(np.uint16)
        for part, frame in (("train", "aachen/aachen_000000_000019"), ("val", "lindau/lindau_000000_000019")):
            save(tmp_path / "leftImg8bit" / part / f"{frame}_leftImg8bit.png", picture())
            save(tmp_path / "disparity" / part / f"{frame}_disparity.png", stored)
            masks = tmp_path / "gtFine" / part
            save(masks / f"{frame}_gtFine_labelIds.png", np.array([[7, 8, 33], [0, 17, 31]], np.uint8))
            save(masks / f"{frame}_gtFine_instanceIds.png", np.full((2, 3), 26001, np.uint16))
            save(masks / f"{frame}_gtFine_color.png", picture())
        return tmp_path

    def test_disparity_becomes_metres(self, root: Path) -> None:
        sample = opened("cityscapes", root)[0]
        assert sample["stem"] == "aachen/aachen_000000_000019"
        expected = METERS.copy()
        expected[0, 0] = np.nan
        # Half a step of 1/256 pixels, of the 59 that 8 m make.
        np.testing.assert_allclose(sample["depth"], expected, rtol=0.51 / 256 / 59)

    def test_ids_become_the_numbers_of_the_benchmark(self, root: Path) -> None:
        """Road 0, sidewalk 1, bicycle 18, pole 5, train 16; what is not evaluated is ignored."""
        assert opened("cityscapes", root, "val")[0]["target"].tolist() == [[0, 1, 18], [255, 5, 16]]
        classes = load_preset("cityscapes").classes
        assert (len(classes), classes.names[5], classes.colors[5]) == (19, "pole", ((153, 153, 153),))
        assert sorted([*classes.ignore_ids, *(i for (i,) in classes.ids)]) == list(range(34))

    def test_only_training_has_depth(self, root: Path) -> None:
        assert "depth" not in opened("cityscapes", root, "val")[0]
