"""The signal whose map a report shows: its name, and the meaning of its values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from hardpix.cli.results import RECORD, read_json


@dataclass(frozen=True)
class ShownSignal:
    """A signal in the words of a report.

    Attributes:
        name: of the signal, as in `Signal.name`.
        expects_loss: whether a value v stands for an expected loss of v / (1 − v) times the average, as in
            `Signal.expects_loss`.

    Example:
        >>> ShownSignal("label_doubt").words
        'label doubt'
    """

    name: str = "hardness"
    expects_loss: bool = False

    @property
    def words(self) -> str:
        """The name within a sentence."""
        return self.name.replace("_", " ").strip()


HARDNESS = ShownSignal()


def recorded_signal(maps: Path) -> ShownSignal | None:
    """The signal of a folder of maps, by the record that `hardpix mine` writes beside it; None without one."""
    try:
        record = read_json(maps.resolve().parent / RECORD)
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("command") != "mine" or not isinstance(record.get("signal"), str):
        return None
    return ShownSignal(record["signal"], record.get("expects_loss") is True)


def signal_of(maps: Path | None, name: str | None) -> ShownSignal:
    """The signal of a folder of maps: that of a given name, else of the record beside the folder, else hardness.

    Raises:
        ValueError: a name without maps, or an empty one.
    """
    if name is not None:
        if maps is None:
            raise ValueError("--signal is the name of the maps of --hardness: give their folder, too")
        if not ShownSignal(name).words:
            raise ValueError(f"expected the name of a signal as --signal, such as hardness, found {name!r}")
        return replace(recorded_signal(maps) or HARDNESS, name=name)
    return (maps and recorded_signal(maps)) or HARDNESS
