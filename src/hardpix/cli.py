"""The command line: ``hardpix COMMAND …``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec

COMMANDS = {
    "fit": "train a network on your folders of images and masks",
    "test": "score a trained network on labelled images",
    "predict": "label images: class ids, overlays, confidence",
    "mine": "write the learned hardness of every pixel",
    "demo": "train twice on generated road scenes and show what learned hardness changes",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, or 2 for input that cannot be used."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"hardpix: unknown command {name!r}\n\n{_usage()}", file=sys.stderr)
        return 2
    if find_spec("lightning") is None or find_spec("jsonargparse") is None:
        print(f"hardpix {name} needs the training packages: pip install 'hardpix[train]'", file=sys.stderr)
        return 2
    try:
        _load(name)(rest)
    except (ValueError, FileNotFoundError, FileExistsError) as error:
        print(f"hardpix {name}: {error}", file=sys.stderr)
        return 2
    return 0


def _load(name: str) -> Callable[[list[str]], object]:
    # Imported when asked for: `hardpix --help` shall not wait for torch and lightning.
    if name == "fit":
        from hardpix.training.fit import fit

        return fit
    if name == "demo":
        from hardpix.demo import demo

        return demo
    from jsonargparse import auto_cli

    from hardpix.training.mine import mine
    from hardpix.training.predict import predict
    from hardpix.training.score import score

    commands: dict[str, Callable[..., object]] = {"test": score, "predict": predict, "mine": mine}
    command = commands[name]
    return lambda rest: auto_cli(command, args=rest, prog=f"hardpix {name}", as_positional=False)


def _usage() -> str:
    lines = "\n".join(f"  {name:<9} {text}" for name, text in COMMANDS.items())
    return (
        f"usage: hardpix COMMAND …\n\n{lines}\n\n"
        "hardpix COMMAND --help explains a command. A first training:\n"
        "  hardpix fit --data.images DIR --data.masks DIR"
    )


if __name__ == "__main__":
    raise SystemExit(main())
