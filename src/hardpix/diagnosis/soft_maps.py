"""Recognition of maps that hold a score or soft edges in place of ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from hardpix.diagnosis.checks import Checked
from hardpix.diagnosis.doubt import Doubt, files_of
from hardpix.diagnosis.readings import Readings
from hardpix.pixels.percent import percent

# As many values that are neither black nor white, and it is no accident.
VALUES = 8


def is_soft(pixels: Mapping[int, int], others: Mapping[int, int]) -> bool:
    """Recognize levels of gray: many values, dark and bright ones, and one of two signs.

    - The other side has two values, as masks of one thing have.
    - At least half of the pixels are nearly black or nearly white, and there are both.

    Args:
        pixels: pixels of every value of one side.
        others: the same of the other side.

    Example:
        >>> soft = {0: 900, **{v: 1 for v in range(5, 250, 5)}, 255: 100}
        >>> is_soft(soft, soft), is_soft({k: 10 for k in range(150)}, {k: 10 for k in range(150)})
        (True, False)
    """
    between = [value for value in pixels if 0 < value < 255]
    if not pixels or max(pixels) > 255 or len(between) < VALUES:
        return False
    if set(others) == {0, 255}:
        return True
    if min(between) >= 128 or max(between) < 128:
        return False
    if set(others) == {0, 1}:
        return True
    black, white = (sum(n for v, n in pixels.items() if low <= v <= high) for low, high in ((0, 8), (247, 255)))
    every = sum(pixels.values())
    return min(black, white) >= 0.001 * every and black + white >= 0.5 * every


def soft_maps_doubt(readings: Readings, cases: Sequence[Checked]) -> Doubt | None:
    """Sides of gray levels: a score of one class, or masks whose edges were smoothed."""
    sides = {"truth": readings.pairs.of_truth, "prediction": readings.pairs.of_predictions}
    truth, predicted = sides.values()
    of_two = {0: 1, 255: 1}
    soft = {"truth": is_soft(truth, predicted), "prediction": is_soft(predicted, truth)}
    # Beside levels of gray, levels of gray are no ids either.
    soft = {
        "truth": soft["truth"] or (soft["prediction"] and is_soft(truth, of_two)),
        "prediction": soft["prediction"] or (soft["truth"] and is_soft(predicted, of_two)),
    }
    if not readings.found:
        # In a class table, gray levels are ids.
        soft = {name: found and None in map(_side(readings, name), sides[name]) for name, found in soft.items()}
    if not any(soft.values()):
        return None
    lines = ["expected ids of classes, found levels of gray, which would each be taken for a class"]
    for name, words in (("truth", "masks"), ("prediction", "predictions")):
        if soft[name]:
            held = sides[name]
            gray = set(held) - {0, 255}
            where = files_of(
                cases,
                lambda case, name=name, gray=gray: bool((case.truth if name == "truth" else case.predicted) & gray),  # type: ignore[misc]
                "truth" if name == "truth" else "predictions",
            )
            lines.append(
                f"the {words} hold {len(held)} values from {min(held)} to {max(held)}, {percent(_share_between(held))} "
                f"of their pixels neither 0 nor 255, as a score or a smoothed edge has, in {where}"
            )
    if soft["truth"] and set(predicted) == {0, 255}:
        soft["prediction"] = True
    settings = " ".join(f"--{name}_threshold 128" for name, found in soft.items() if found)
    if not soft["prediction"] and not readings.found and readings.table.ids != ((0,), (1,)):
        settings += " --prediction_ids index"
    lines.append(f"what to do: add to the command, with the level of your choice: {settings}")
    lines.append("or, if they are ids all the same: --prediction_ids stored")
    return Doubt("\n  ".join(lines), refused=True)


def _side(readings: Readings, name: str) -> Callable[[int], int | None]:
    return (readings.truth if name == "truth" else readings.predictions).index_of


def _share_between(pixels: Mapping[int, int]) -> float:
    """The share of pixels that are neither 0 nor 255."""
    return sum(n for value, n in pixels.items() if 0 < value < 255) / sum(pixels.values())
