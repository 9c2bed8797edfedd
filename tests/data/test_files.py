"""Files by stem."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hardpix.data.files import files_by_stem, natural_key


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_subfolders_types_and_hidden_files(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.PNG", "b/10.jpg", "a.x.tiff", "b/2.bmp", "notes.txt", ".hidden.png", ".git/x.png", "Thumbs.db")
    found = files_by_stem(tmp_path)
    assert {stem: [path.name for path in paths] for stem, paths in found.items()} == {
        "a.x": ["a.x.tiff"],
        "b/2": ["2.PNG", "2.bmp"],
        "b/10": ["10.jpg"],
    }
    assert list(found) == ["a.x", "b/2", "b/10"]


def test_endings_tell_stems_apart(tmp_path: Path) -> None:
    touch(tmp_path, "u/u_1_gtFine_labelIds.png", "u/u_1_gtFine_color.png", "u/u_1_gtFine_instanceIds.png")
    assert list(files_by_stem(tmp_path, "_gtFine_labelIds")) == ["u/u_1"]
    touch(tmp_path, "mixed/1.jpg", "mixed/1.png")
    assert [p.name for p in files_by_stem(tmp_path / "mixed", ".png")["1"]] == ["1.png"]


def test_folders_to_skip(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "masks/1.png")
    assert list(files_by_stem(tmp_path, skip=[tmp_path / "masks"])) == ["1"]


def test_linked_folders_are_followed(tmp_path: Path) -> None:
    touch(tmp_path, "real/1.png")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "day").symlink_to(tmp_path / "real")
    assert list(files_by_stem(tmp_path / "data")) == ["day/1"]


def test_links_that_lead_back_are_walked_once(tmp_path: Path) -> None:
    touch(tmp_path, "data/1.png", "data/sub/2.png")
    (tmp_path / "data" / "sub" / "up").symlink_to(tmp_path / "data")
    (tmp_path / "data" / "twin").symlink_to(tmp_path / "data" / "sub")
    assert list(files_by_stem(tmp_path / "data")) == ["1", "sub/2", "twin/2"]


@given(st.lists(st.integers(0, 10**6), unique=True), st.sampled_from(["", "f", "seq_03/x"]))
def test_numbers_are_sorted_as_numbers(numbers: list[int], before: str) -> None:
    stems = [f"{before}{n}" for n in numbers]
    assert sorted(stems, key=natural_key) == [f"{before}{n}" for n in sorted(numbers)]


@given(st.lists(st.text("ab01²٣/_", min_size=1), unique=True))
def test_any_stems_can_be_sorted_and_no_two_are_alike(stems: list[str]) -> None:
    keys = [natural_key(stem) for stem in stems]
    assert len(sorted(keys)) == len(set(keys)) == len(stems)
