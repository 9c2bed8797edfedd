"""The recipe of a comparison: what its variants must share, unless it is the very thing to compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hardpix.study.configuration import Config, Difference, differences

# The first group with a prefix of the setting's name has it; "" is the method, in which variants may always differ.
GROUPS = (
    ("batch", ("data.batch_size", "trainer.accumulate_grad_batches")),
    # Maps that a signal reads belong to the method; images that lack them are trained on all the same.
    ("", ("data.depth", "data.weights", "data.workers", "data.val_batch_size", "checkpoint_minutes")),
    ("data", ("data.",)),
    ("optimizer", ("model.optimizer", "model.warmup", "model.power")),
    ("network", ("model.network",)),
    (
        "",
        (
            "model.recipe",
            "model.objective",
            "model.branch_learning_rate",
            "model.decoder",
            "model.embedding",
            "model.stages",
        ),
    ),
    ("network", ("model.",)),
    ("epochs", tuple(f"trainer.{name}" for name in ("max_", "min_", "limit_", "overfit_batches", "fast_dev_run"))),
    ("trainer", ("trainer.",)),
)
PARTS = ("data", "epochs", "batch", "optimizer", "network", "trainer")


def part_of(key: str) -> str:
    """The part of the recipe that a setting belongs to; "" for the method.

    Example:
        >>> [part_of(key) for key in ("data.crop_size", "data.batch_size", "trainer.max_epochs", "model.objective")]
        ['data', 'batch', 'epochs', '']
    """
    return next((part for part, prefixes in GROUPS if key.startswith(prefixes)), "trainer")


def recipe_differences(first: Config, other: Config) -> dict[str, list[Difference]]:
    """Differences of two configurations in what should be one recipe, by its parts.

    Example:
        >>> first = {"data": {"batch_size": 8}, "model": {"objective": None}}
        >>> found = recipe_differences(first, {"data": {"batch_size": 4}, "model": {"objective": "mine.Own"}})
        >>> {part: [str(one) for one in of_part] for part, of_part in found.items()}
        {'batch': ['data.batch_size: 8 → 4']}
    """
    found: dict[str, list[Difference]] = {}
    for difference in differences(first, other):
        if part := part_of(difference.key):
            found.setdefault(part, []).append(difference)
    return found


def refused(name: str, first: str, found: dict[str, list[Difference]], allowed: Iterable[str]) -> list[str]:
    """Messages on differences in the recipe that nobody allowed, a line each.

    Args:
        name: of the variant.
        first: name of the first variant, with which it is compared.
        found: of `recipe_differences`.
        allowed: parts of the recipe.
    """
    return [
        f"{name}: expected the recipe of {first}, found another {part} ({listed(of_part)}); leave it as it is, or "
        f"--allow {part} if the comparison is about it"
        for part, of_part in found.items()
        if part not in set(allowed)
    ]


def listed(found: Sequence[Difference], most: int = 3) -> str:
    """The first differences in words, and how many more there are."""
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(map(str, found[:most])) + more
