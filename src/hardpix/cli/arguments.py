"""Command lines and YAML: parsers whose help is short and whose errors are one message."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, DefaultHelpFormatter

from hardpix.cli.class_names import class_at, hint_of, missing_parameters, name_the_class_first, nearest_classes
from hardpix.cli.errors import UsageError, of_system
from hardpix.cli.listed_classes import lists_of_classes, with_settings
from hardpix.data import Problem
from hardpix.data.remedies import own_settings

# Settings of Lightning's Trainer without an effect here: its test and predict loops are not run, nor its samplers used.
OF_NO_USE = ("limit_test_batches", "limit_predict_batches", "use_distributed_sampler", "barebones", "model_registry")


# Prefixes of the parser's messages that only wrap another error.
WRAPPERS = ("Parser key ", "Problem with given class_path ", "Does not validate against any of the Union subtypes")


@contextmanager
def checked_input(*also: type[Exception]) -> Iterator[None]:
    """Around what is done before the work starts: settings and files that cannot be used become a UsageError.

    So do errors of the types in ``also``. Errors that come later are not the user's to mend, and keep their traceback.
    """
    mendable: tuple[type[Exception], ...] = (ValueError, OSError, *also)
    try:
        yield
    except UsageError:
        raise
    except mendable as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise UsageError(of_system(error)) from error
        raise UsageError(explain(error)) from error


class HelpFormatter(DefaultHelpFormatter):
    """Help without what nobody can act on: links between arguments, lists of all subclasses, defaults that are null."""

    def add_argument(self, action: argparse.Action) -> None:
        links = type(action).__name__ == "ActionLink"
        of_lightning = action.dest.startswith("trainer.")
        if not links and not (of_lightning and action.dest.endswith((".help", *OF_NO_USE))):
            super().add_argument(action)

    def _expand_help(self, action: argparse.Action) -> str:
        text = super()._expand_help(action)
        body, opening, details = text.rpartition(" (") if text.endswith(")") else (text, "", "")
        if "type: " not in details and "default: " not in details:
            # A type with brackets of its own, or none at all.
            found = re.search(r" \((required, )?(type|default): ", text)
            place = len(text) if found is None else found.start()
            body, opening, details = text[:place], text[place : place + 2], text[place + 2 :]
        if action.dest.startswith("trainer."):
            # Lightning explains its settings at length; its manual is the place for that.
            body = re.split(r"(?<=\.)\s", body, maxsplit=1)[0].replace("``", "")
        details = re.sub(r", known subclasses: .*", ")", details, flags=re.DOTALL)
        details = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", details).replace(", default: null", "")
        return body + opening + details


class Parser(ArgumentParser):
    """A parser whose errors are UsageErrors, without a page of usage before them."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        # A shortened name would be taken for the option that begins so, and a mistyped one in silence.
        own: dict[str, Any] = {"formatter_class": HelpFormatter, "allow_abbrev": False}
        super().__init__(*arguments, **own | settings)
        self.unknown_keys: list[Problem] = []

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        if not self.exit_on_error:
            # A parser inside a parser, for the arguments of one class: the outermost one reports.
            super().error(message, ex)
        names = [name for action in self._actions for name in action.option_strings]
        types = {action.dest: getattr(action, "_typehint", None) for action in self._actions}
        told = explain(ex or ValueError(message), names, types)
        raise UsageError(f"{told}\n{self.prog} --help lists all settings") from ex


def run_command(
    command: Callable[..., object], name: str, arguments: list[str], classes: Mapping[str, str] = MappingProxyType({})
) -> object:
    """Call a function with what its parameters' names were given on the command line.

    Its docstring is the help; a boolean parameter needs no value to be true. Errors name the options that it has.

    Args:
        command: the function.
        name: of the command.
        arguments: what follows the name.
        classes: for parameters that are None by default, the class path that their settings are of if none is given.
    """
    description = inspect.cleandoc(command.__doc__ or "").partition("\nArgs:")[0]
    parser = Parser(
        prog=f"hardpix {name}",
        description=description,
        usage=f"hardpix {name} {_usage(command)}",
        formatter_class=ParagraphsFormatter,
    )
    parser.add_function_arguments(command, as_group=False, fail_untyped=False)
    parser.set_defaults({parameter: {"class_path": path} for parameter, path in classes.items()})
    for action in parser._actions:
        if action.dest in inspect.signature(command).parameters and isinstance(action.default, bool):
            action.nargs, action.const, action.metavar = "?", True, "true|false"
    # Words of a name may be joined by dashes, too.
    arguments = [re.sub(r"^--[\w-]+", lambda name: "--" + name[0][2:].replace("-", "_"), word) for word in arguments]
    arguments = with_settings(arguments, lists_of_classes(command))
    parsed = parser.parse_args(_appended(parser, arguments))
    try:
        with checked_input():
            # Classes refuse their settings when they are made.
            settings = parser.instantiate(parsed)
        return command(**settings.as_dict())
    except UsageError as error:
        raise error.reworded(own_settings(str(error), inspect.signature(command).parameters)) from error


def _appended(parser: Parser, arguments: list[str]) -> list[str]:
    """Lists that are given by an option more than once, as the parser has them: ``--scores+ A --scores+ B``."""
    options = {name for action in parser._actions for name in action.option_strings}
    given = [word.partition("=")[0] for word in arguments]
    again = {name for name in options if f"{name}+" in options and given.count(name) > 1}
    pairs = zip(given, arguments, strict=True)
    return [word.replace(name, f"{name}+", 1) if name in again else word for name, word in pairs]


class ParagraphsFormatter(HelpFormatter):
    """Keeps the empty lines of a description."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        return "\n\n".join(fill(part, width, indent) for part in text.split("\n\n"))


def explain(error: BaseException, names: Sequence[str] = (), types: Mapping[str, Any] = MappingProxyType({})) -> str:
    """The fault itself, out of a chain of errors of which each repeats the next inside its own text.

    Args:
        error: from a parser, or from a class whose settings were refused.
        names: the options that there are, for a suggestion.
        types: type hints of the settings by their name, for the same.

    Example:
        >>> explain(ValueError("expected alpha ≥ 0, found -1"))
        'expected alpha ≥ 0, found -1'
    """
    keys: list[str] = []
    class_path = ""
    while True:
        message = str(error)
        if found := re.match(r'Parser key "([^"]+)":', message):
            if not keys or found[1] != keys[-1]:
                keys.append(found[1])
        elif found := re.match(r"Problem with given class_path '([^']+)'", message):
            class_path = found[1]
        several = re.match(r"Does not validate against any of the Union subtypes\nSubtypes: \[(.*)\]\n", message)
        if several and _choices(several[1]) > 1:
            given = message.rpartition("Given value: ")[2]
            return _located(keys, class_path, f"expected {_plain(several[1])}, found {given}")
        if error.__cause__ is None or not (message.startswith(WRAPPERS) or message == str(error.__cause__)):
            return _located(keys, class_path, _reworded(message, keys, class_path, names, types))
        error = error.__cause__


def _choices(subtypes: str) -> int:
    """Number of a union's types that are more than null."""
    return len([part for part in re.split(r", (?![^\[]*\])", subtypes) if "NoneType" not in part])


def _plain(types: str) -> str:
    types = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", types).replace("typing.", "").replace("NoneType", "null")
    return types.replace("Literal[", "one of [")


def _located(keys: list[str], class_path: str, message: str) -> str:
    place = ".".join(keys)
    if class_path:
        place = f"{place} ({class_path})" if place else class_path
    return f"{place}: {message}" if place else message


def _reworded(
    message: str, keys: Sequence[str], class_path: str, names: Sequence[str], types: Mapping[str, Any]
) -> str:
    """The parser's own words for the commonest mistakes, as expected, found, what to do."""
    if found := re.match(r"Expected an? (.+)\. Got value: (.*)", message, re.DOTALL):
        return f"expected {_plain(found[1])}, found {found[2]}"
    if found := re.match(r"Group '(.+)' does not accept option '(.+)'", message):
        return f"unknown key {found[1]}.{found[2]}{_suggestion(f'--{found[1]}.{found[2]}', names).replace('--', '')}"
    if found := re.match(r"Option '(.+)' is not accepted", message):
        kind = class_at(class_path)
        advice = None if kind is None else name_the_class_first(".".join(keys), kind, found[1])
        return advice or f"unknown key {found[1]}{_parameters(class_path)}"
    if found := re.match(r"unrecognized arguments: (.*)", message):
        options = [word for word in found[1].split() if word.startswith("-")] or found[1].split()
        return "\n".join(f"unknown option {option}{_suggestion(option, names)}" for option in options)
    if found := re.match(r"Expected a dot import path string: (.*)", message):
        near = nearest_classes(found[1], _type_of(keys, class_path, types))
        return f"expected the name of a class of hardpix or the path of any class, found {found[1]}{near}"
    if found := re.match(r"Multiple subclasses with name (\w+)\. .*ambiguity: (.*)\.$", message):
        return f"expected the path of a class, since several are called {found[1]}: give one of {found[2]}"
    if (found := re.match(r"(?:module|No module named) '([^']+)'", message)) and class_path.startswith(found[1]):
        return f"{message}{nearest_classes(class_path, _type_of(keys, '', types))}"
    if class_path and (found := re.match(r"the following arguments are required: (.*)", message)):
        return missing_parameters(".".join(keys), found[1].split(", "))
    return message


def _type_of(keys: Sequence[str], class_path: str, types: Mapping[str, Any]) -> Any:
    """The type hint of a setting: a parameter of the class, or an option of the command."""
    if class_path and len(keys) > 1:
        return hint_of(class_path, keys[-1])
    return types.get(".".join(keys))


def _suggestion(name: str, names: Sequence[str]) -> str:
    close = get_close_matches(name.partition("=")[0], names, n=3)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _parameters(class_path: str) -> str:
    module, _, name = class_path.rpartition(".")
    if not module:
        return ""
    try:
        parameters = inspect.signature(getattr(__import__(module, fromlist=[name]), name)).parameters
    except (ImportError, AttributeError, TypeError, ValueError):
        return ""
    return f"; there are {', '.join(parameters)}"


def _usage(command: Callable[..., object]) -> str:
    parameters = inspect.signature(command).parameters.values()
    required = [f"--{p.name} {p.name.upper()}" for p in parameters if p.default is inspect.Parameter.empty]
    return " ".join([*required, "[options]"])
