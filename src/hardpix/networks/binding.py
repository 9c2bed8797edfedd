"""Binding of parts to a network, and the commonest mistake in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from hardpix.networks.tapped_network import TappedNetwork


class Bindable(Protocol):
    """Anything with a ``bind``, such as a signal, an objective or a recipe."""

    def bind(self, network: TappedNetwork, /) -> Any:
        """Build what depends on the network, and return the object itself."""


class NotReturnedError(ValueError):
    """A ``bind`` that returns something else than its object."""


Part = TypeVar("Part", bound=Bindable)


def bound(part: Part, network: TappedNetwork) -> Part:
    """The part, bound to a network.

    Raises:
        NotReturnedError: its ``bind`` returns something else than the part itself.

    Example:
        >>> import hardpix
        >>> from torch import nn
        >>> class Forgetful:
        ...     def bind(self, network):
        ...         self.stages = network.stages
        >>> bound(Forgetful(), hardpix.tap(nn.Conv2d(3, 2, 1)))
        Traceback (most recent call last):
        ...
        hardpix.networks.binding.NotReturnedError: expected Forgetful.bind(network) to return the object itself, found \
None: end it with `return self`
    """
    found = part.bind(network)
    if found is not part:
        shown = "None" if found is None else f"a {type(found).__name__}"
        raise NotReturnedError(
            f"expected {type(part).__name__}.bind(network) to return the object itself, found {shown}: end it with "
            "`return self`"
        )
    return part
