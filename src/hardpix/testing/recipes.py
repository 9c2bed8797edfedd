"""Properties of recipes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import Mock

import torch
from torch import Tensor

from hardpix.labelers import Labeler
from hardpix.networks import TappedNetwork
from hardpix.networks.binding import bound
from hardpix.objectives import signals_in
from hardpix.pixels import prepare_all
from hardpix.recipes import Recipe
from hardpix.recipes.parts import parts_of
from hardpix.teachers import Teacher
from hardpix.testing.batches import make_batch, tapped
from hardpix.testing.bench import IGNORED, dataset_info, even_counts, same_state
from hardpix.testing.complaints import during, named, require

Batches = dict[str, dict[str, Any]]
# A recipe may update its teacher after every few steps.
_STEPS = 20


def check_recipe(recipe: Recipe, *, num_classes: int = 3) -> None:
    """Hold a recipe against what every recipe must be.

    - Its losses are a dictionary of finite scalars, "loss" among them; where nothing is labeled, and of a network that
      is sure, too.
    - Its gradients reach the network, the same parameters in every step, and never a teacher's. Whatever else it could
      learn, such as the branch of a signal, it does learn.
    - A teacher is updated in ``end_step``, and in ``forward`` at most once after each step that a recipe takes ahead; a
      labeler is told of the end of an epoch in ``end_epoch``. Steps ahead leave
      no trace in what learns.
    - ``bind`` may be called twice, and ``deployed`` is a tapped network.
    - A step that was saved and loaded goes on as if nothing had happened; evaluation changes no state.

    Args:
        recipe: not bound to a network yet. It stays as it is; copies are tried.
        num_classes: of the network and the labels that it is tried on.

    Raises:
        AssertionError: what does not hold, and what to do.

    Example:
        >>> class Plain(Recipe):
        ...     def forward(self, batches, progress):
        ...         return {"loss": self.pixels(batches["labeled"], progress).loss.mean()}
        >>> check_recipe(Plain())
    """
    with named(type(recipe).__name__):
        _check_losses(recipe, num_classes)
        _check_sure(recipe, num_classes)
        _check_bind(recipe, num_classes)
        _check_trained(recipe, num_classes)
        _check_calls(recipe, num_classes)
        _check_state(recipe, num_classes)


def _batches(recipe: Recipe, num_classes: int, label: int | None = None, seed: int = 1) -> Batches:
    found: Batches = {}
    for number, stream in enumerate(recipe.streams):
        px = make_batch(num_classes=num_classes, label=label, seed=seed + number)
        found[stream] = {"image": px.sample["image"]} | ({"target": px.labels} if stream == "labeled" else {})
    return found


def _bound(recipe: Recipe, num_classes: int) -> Recipe:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        with during("bind"):
            made = bound(copy.deepcopy(recipe), tapped(num_classes)).train()
        with during("prepare"):
            prepare_all(parts_of(made), dataset_info(even_counts(num_classes)))
        made.use_optimizer(_optimizer(made))
        return made


def _optimizer(recipe: Recipe) -> torch.optim.Optimizer:
    """One with a state of its own in the network's parameters."""
    return torch.optim.SGD([p for p in recipe.parameters() if p.requires_grad], lr=0.1, momentum=0.5)


def _step(recipe: Recipe, batches: Batches, progress: float = 0.5) -> dict[str, Tensor]:
    """Losses of a step, its draws the same in every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        return recipe(batches, progress)


def _check_losses(recipe: Recipe, num_classes: int) -> None:
    reached: list[set[str]] = []
    for what, label in (("an ordinary batch", None), ("no labeled pixel", IGNORED)):
        made = _bound(recipe, num_classes)
        with during(what):
            losses = _step(made, _batches(recipe, num_classes, label))
            require("loss" in losses, f"expected a 'loss' among the losses, found {sorted(losses)}")
            for name, value in losses.items():
                require(value.ndim == 0, f"expected {name!r} as a scalar, found shape {tuple(value.shape)}")
                require(bool(value.isfinite()), f"expected a finite {name!r}, found {value.item()}")
            losses["loss"].backward()
        reached.append({path for path, parameter in made.named_parameters() if parameter.grad is not None})
        require(
            any(parameter.grad is not None for parameter in made.network.parameters()),
            f"{what}: no gradient reaches the network",
        )
        taught = [
            f"{path}.{name}"
            for path, teacher in made.named_modules()
            if isinstance(teacher, Teacher)
            for name, parameter in teacher.named_parameters()
            if parameter.grad is not None
        ]
        require(not taught, f"{what}: a gradient reaches the teacher ({', '.join(taught[:3])}): ask it without one")
    missing = sorted(reached[0] - reached[1])
    require(
        not missing,
        f"without a labeled pixel no gradient reaches {', '.join(missing[:3])}: several processes wait for one",
    )


def _check_sure(recipe: Recipe, num_classes: int) -> None:
    made = _bound(recipe, num_classes)
    with torch.no_grad(), during("a network that is sure (its last layers times 10⁴)"):
        for parameter in made.network.model.get_submodule("decoder").parameters():
            parameter.mul_(1e4)
        for name, value in _step(made, _batches(recipe, num_classes)).items():
            require(bool(value.isfinite()), f"expected a finite {name!r}, found {value.item()}")


def _check_trained(recipe: Recipe, num_classes: int) -> None:
    """Parameters beside the network's and the teachers' have gradients, at some time of the training."""
    made = _bound(recipe, num_classes)
    for progress in (0.0, 0.5, 1.0):
        _step(made, _batches(recipe, num_classes), progress)["loss"].backward()
    others = {id(p) for part in made.modules() if isinstance(part, Teacher) for p in part.parameters()}
    others |= {id(parameter) for parameter in made.network.parameters()}
    own = [(path, p) for path, p in made.named_parameters() if p.requires_grad and id(p) not in others]
    idle = [path for path, parameter in own if parameter.grad is None]
    require(
        not idle,
        f"nothing trains {len(idle)} of its own parameters ({', '.join(idle[:3])}): signals learn by "
        "with_signal_losses(objective, px) in place of objective(px); set requires_grad of what shall not learn to "
        "False",
    )
    for signal in signals_in(made):
        gradients = [p.grad for p in signal.parameters() if p.requires_grad and p.grad is not None]
        require(
            not gradients or any(bool(gradient.any()) for gradient in gradients),
            f"every gradient of {type(signal).__name__}'s own parameters is 0: nothing trains its branch",
        )


def _check_calls(recipe: Recipe, num_classes: int) -> None:
    """Teachers are updated after the steps, and labelers hear of the ends of epochs, where they do something then."""
    made = _bound(recipe, num_classes)
    updates, epochs = (_counted(made, kind, method) for kind, method in ((Teacher, "update"), (Labeler, "end_epoch")))
    optimizer, steps = _optimizer(made), Mock()
    optimizer.register_step_post_hook(lambda *_: steps())
    made.use_optimizer(optimizer)
    learned = [p for p in made.parameters() if p.requires_grad]
    before = [parameter.detach().clone() for parameter in learned]
    losses = _step(made, _batches(recipe, num_classes))
    for name, count in updates.items():
        require(
            count() <= steps.call_count,
            f"{name}.update is called in forward: call it in end_step, after the optimizer's step",
        )
    require(
        all(torch.equal(one, two) for one, two in zip(before, learned, strict=True)) and not optimizer.state,
        "forward changes what the optimizer learns, or the optimizer: bring both back after steps that were tried",
    )
    losses["loss"].backward()
    for _ in range(_STEPS):
        made.end_step()
    made.end_epoch()
    for name, count in updates.items():
        require(count() > 0, f"nothing updates {name}: call its update(self.network) in end_step")
    for name, count in epochs.items():
        require(count() > 0, f"nothing tells {name} of the end of an epoch: call its end_epoch() in end_epoch")


def _counted(recipe: Recipe, kind: type[Teacher] | type[Labeler], method: str) -> dict[str, Callable[[], int]]:
    """The numbers of calls so far, by name, of a method that a part of this kind has made its own."""
    counters: dict[str, Callable[[], int]] = {}
    for path, part in recipe.named_modules():
        if isinstance(part, kind) and getattr(type(part), method) is not getattr(kind, method):
            called = Mock(wraps=getattr(part, method))
            setattr(part, method, called)
            counters[f"{path} ({type(part).__name__})"] = partial(getattr, called, "call_count")
    return counters


def _check_bind(recipe: Recipe, num_classes: int) -> None:
    network = tapped(num_classes)
    made = copy.deepcopy(recipe)
    require(made.bind(network) is made, "bind(network) must return the recipe itself: end it with return self")
    before = list(made.parameters())
    made.bind(network)
    require(
        len(before) == len(after := list(made.parameters()))
        and all(one is two for one, two in zip(before, after, strict=True)),
        "a second bind(network) makes new parameters: build only what is not there yet",
    )
    require(isinstance(made.deployed, TappedNetwork), f"expected a tapped network as deployed, found {made.deployed!r}")


def _train(recipe: Recipe, num_classes: int, seed: int) -> dict[str, Tensor]:
    """One step of an optimizer without a state of its own."""
    parameters = [parameter for parameter in recipe.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    recipe.use_optimizer(optimizer)
    losses = _step(recipe, _batches(recipe, num_classes, seed=seed))
    optimizer.zero_grad()
    losses["loss"].backward()
    optimizer.step()
    recipe.end_step()
    recipe.end_epoch()
    return {name: value.detach() for name, value in losses.items()}


def _check_state(recipe: Recipe, num_classes: int) -> None:
    original, loaded = _bound(recipe, num_classes), _bound(recipe, num_classes)
    _train(original, num_classes, seed=1)
    state = copy.deepcopy(original.state_dict())
    with torch.no_grad():
        _step(original.eval(), _batches(recipe, num_classes))
    require(
        same_state(state, original.state_dict()),
        "evaluation changes the state: change buffers only where self.training is True",
    )
    original.train()
    loaded.load_state_dict(state)
    twin = copy.deepcopy(original)
    expected = _train(original, num_classes, seed=5)
    for what, other in (("what loads its state_dict", loaded), ("a deep copy", twin)):
        with during(f"{what} must go on as the original does; all that learns or counts belongs into the state_dict"):
            torch.testing.assert_close(_train(other, num_classes, seed=5), expected, rtol=0, atol=0)
            require(same_state(other.state_dict(), original.state_dict()), "its state after a step is another one")
