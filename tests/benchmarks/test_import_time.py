"""The report of import times, on seconds that are given."""

import pytest

from .conftest import FOLDER, load_script

pytestmark = pytest.mark.slow


def test_shares_are_those_within_a_round_and_a_missed_target_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    import_time = load_script("import_time")
    seconds = {name: [1.0, 2.0, 4.0, 8.0] for name in import_time.CONTESTANTS}
    seconds["hardpix --help"] = [0.5, 1.0, 2.0, 4.0]
    lines = import_time.report(seconds)
    assert "| `hardpix --help` | 1.50 s | 0.50 [0.50, 0.50] | at most 0.3 |" in lines
    assert lines[-1] == "Targets: missed by hardpix --help."
    seconds["hardpix --help"] = [0.1, 0.2, 0.4, 0.8]
    assert import_time.report(seconds)[-1] == "Targets: all met."
