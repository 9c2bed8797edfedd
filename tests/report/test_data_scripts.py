"""Data as scripts, read back by a JavaScript-agnostic reader, and hostile texts in them."""

from __future__ import annotations

import json
from array import array
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpix.report.data_scripts import as_script, assign, read_assigned

texts = st.text() | st.sampled_from(
    ["</script><script>alert(1)</script>", "<!--", "\u2028\u2029", "'\"\\`${1}", "\ud800x"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_scripts_hold_the_data_in_plain_ascii_without_a_tag(value: Any) -> None:
    script = as_script(value)
    assert json.loads(script) == value
    assert script.isascii()
    assert "<" not in script


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "null"),
        (np.array([1.5, np.inf, -np.inf]), "[1.5,null,null]"),
        (np.float32(0.1), "0.1"),  # its nearest double would be 0.10000000149011612
        (1 / 3, "0.333333"),
        (np.int64(2**53), "9007199254740992"),
        (np.array([[True], [False]]), "[[true],[false]]"),
        ((np.uint8(7), None), "[7,null]"),
        (array("q", [2**40, -1]), "[1099511627776,-1]"),
        ({3: "a"}, '{"3":"a"}'),
    ],
)
def test_arrays_and_what_is_not_a_number(value: Any, text: str) -> None:
    assert as_script(value) == text


def test_what_cannot_be_shown_is_refused() -> None:
    with pytest.raises(TypeError, match="found PosixPath"):
        as_script({"where": Path("a")})


def test_assigned_data_come_back_and_other_scripts_are_refused(tmp_path: Path) -> None:
    assign(tmp_path / "a.js", "hardpixReport", {"name": "</script>\u2028"})
    assert read_assigned(tmp_path / "a.js") == {"name": "</script>\u2028"}
    (tmp_path / "b.js").write_text("alert(1);\n")
    with pytest.raises(ValueError, match="expected the data of a report"):
        read_assigned(tmp_path / "b.js")


@given(st.dictionaries(texts, values, max_size=4))
def test_entry_by_entry_writes_the_same_as_at_once(value: dict[str, Any]) -> None:
    with TemporaryDirectory() as folder:
        assign(Path(folder) / "a.js", "hardpixReport", value)
        assert (Path(folder) / "a.js").read_text() == f"window.hardpixReport = {as_script(value)};\n"
