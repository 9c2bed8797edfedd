"""Settings of a diagnosis, apart from its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hardpix.metrics.label_pair import length_in_pixels
from hardpix.metrics.objects import SIZE_LIMITS, limits_in_pixels
from hardpix.pixels.class_tree import ClassTree


@dataclass(frozen=True)
class Settings:
    """Settings of the counts.

    Class maps hold indices 0 … C − 1, and `ignore_index` where there is no label.

    Raises:
        ValueError: a width, a radius or size limits that nothing can be counted with.
    """

    num_classes: int
    lines: tuple[int, ...] = ()
    """Indices of the classes that are line-like, for clDice."""
    band: float = 0.02
    """Width of Boundary IoU's band, a share of the diagonal, or pixels from 1 on."""
    radius: int = 3
    """Pixels by which a border may be displaced, and by which an object may miss its class and be none of it."""
    tolerance: int = 3
    """Pixels between two boundaries that the boundary F-score takes for one."""
    thin_radius: int = 3
    """Radius of the disc that thin parts have no room for."""
    sizes: tuple[float, ...] = SIZE_LIMITS
    """Limits of the size bands: below 1 shares of the image, else pixels."""
    suspect_tolerance: int = 2
    """Rows and columns within which a suspect label next to its suspected class is a displaced border."""

    groups: tuple[tuple[str, ...], ...] = ()
    """At each level of the class tree, that of the smallest groups first, the name of each class's group."""

    def __post_init__(self) -> None:
        # A report keeps them as lists.
        object.__setattr__(self, "groups", tuple(map(tuple, self.groups)))
        for name in ("radius", "tolerance", "thin_radius"):
            if getattr(self, name) < 1:
                raise ValueError(f"expected a {name} of at least 1 pixel, found {getattr(self, name)}")
        try:
            length_in_pixels(self.band, (1, 1))
        except ValueError as error:
            raise ValueError(f"band: {error}") from error
        if not self.sizes:
            raise ValueError("expected at least one limit of size bands, found no sizes")
        limits_in_pixels(self.sizes, 1)

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        lines: str | Sequence[str] | None = None,
        sizes: Sequence[float] | None = None,
        tree: ClassTree | None = None,
        **lengths: Any,
    ) -> Settings:
        """Settings for classes of these names.

        Args:
            names: of the classes, in their order.
            lines: names of those that are line-like, in a list or with commas between them.
            sizes: limits of the size bands; by default those of the class.
            tree: of these classes.
            lengths: further settings.

        Raises:
            ValueError: a name that no class has, or something that nothing can be counted with.

        Example:
            >>> settings = Settings.of(["road", "pole"], "pole", radius=5)
            >>> settings.lines, settings.radius
            ((1,), 5)
        """
        own: dict[str, Any] = {} if sizes is None else {"sizes": tuple(sizes)}
        levels = () if tree is None else tree.levels
        groups = tuple(tuple(level.names[k] for k in level.of_class) for level in levels)
        return cls(len(names), line_numbers(lines, names), groups=groups, **lengths, **own)

    @property
    def ignore_index(self) -> int:
        """The value of unlabeled pixels in class maps: the largest one of their type."""
        return 255 if self.num_classes <= 255 else 65535

    @property
    def band_title(self) -> str:
        """The band's width in words."""
        return f"{100 * self.band:g} % of the diagonal" if self.band < 1 else f"{self.band:g} px"


def line_numbers(lines: str | Sequence[str] | None, names: Sequence[str]) -> tuple[int, ...]:
    """Indices of the classes that are line-like, by their names, in a list or with commas between them.

    Raises:
        ValueError: a name that no class has.

    Example:
        >>> line_numbers("pole, fence", ["road", "fence", "pole"])
        (2, 1)
    """
    asked = [name.strip() for name in lines.split(",")] if isinstance(lines, str) else lines or ()
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise ValueError(f"expected lines among the classes {', '.join(names)}, found {', '.join(unknown)}")
    return tuple(names.index(name) for name in asked)
