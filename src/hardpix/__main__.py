"""The command line: ``hardpix COMMAND …``."""

import os
import sys

# Before any other import: with ``python -m`` the current folder is first on the path, and any file there may have the
# name of a module.
if (
    __name__ == "__main__"
    and not sys.flags.safe_path
    and sys.path[0] != os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
):
    del sys.path[0]

from importlib.util import find_spec
from signal import SIGINT

from hardpix.cli.ending import EndRequests, Interrupted, end_at_once, interrupt
from hardpix.cli.errors import UntrustedRun, UsageError, of_system

# Slow imports come when Ctrl-C is handled.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Where the commands are whose arguments are those of a function.
FUNCTIONS = {
    "check": ("hardpix.commands.check", "check"),
    "test": ("hardpix.commands.test", "evaluate"),
    "predict": ("hardpix.commands.predict", "predict"),
    "label": ("hardpix.commands.label", "label"),
    "correct": ("hardpix.commands.correct", "correct"),
    "refine": ("hardpix.commands.refine", "refine"),
    "mine": ("hardpix.commands.mine", "mine"),
    "query": ("hardpix.commands.query", "query"),
    "estimate": ("hardpix.commands.estimate", "estimate"),
    "diagnose": ("hardpix.commands.diagnose", "diagnose"),
    "compare": ("hardpix.commands.compare", "compare"),
    "export": ("hardpix.commands.export", "export"),
    "replay": ("hardpix.commands.replay", "replay"),
    "rasterize": ("hardpix.commands.rasterize", "rasterize_annotations"),
    "demo": ("hardpix.commands.demo", "demo"),
}

# Classes whose settings need no class path before them.
DEFAULT_CLASSES = {
    "label": {"labeler": "hardpix.labelers.ConfidenceThreshold"},
    "estimate": {"estimator": "hardpix.estimators.ThresholdedConfidence"},
}

# Packages that commands import beyond torch and numpy, and the extra that brings them.
READ = ("torchvision", "torchmetrics", "jsonargparse", "yaml", "PIL", "tifffile", "rich", "cv2")
TRAIN = ("train", ("lightning", *READ, "safetensors"))
DIAGNOSE = ("diagnose", (*READ, "plotly", "pyarrow", "skimage"))

COMMANDS = {
    "check": "say what your images and masks hold, and whether anything is doubtful, without training",
    "data": "known data sets: list them, show the classes of one, check that a folder holds it",
    "fit": "train a network on your folders of images and masks",
    "test": "score a trained network on labeled images, and report where it is wrong",
    "predict": "label images: class ids, overlays, confidence",
    "label": "write pseudo-labels of images to train on, and how far to trust them",
    "correct": "find labels that look wrong, accept or reject each on a page, and write corrected masks",
    "refine": "correct label maps of any tool by their images: PAMR, PAR, dense CRF, or a refiner of your own",
    "mine": "write the learned hardness of every pixel, or the map of another signal",
    "query": "choose the regions or pixels that a person should label next",
    "estimate": "say how well images without labels are likely labeled: mIoU with an interval, worst images first",
    "diagnose": "show where and why label maps of any tool are wrong, and the mIoU to gain from each kind of error",
    "compare": "train several configurations from the same seeds; a table with confidence intervals",
    "export": "write the weights of a trained network as safetensors, for other programs",
    "replay": "compute a training step once more whose loss was not finite, and say where it begins",
    "rasterize": "draw annotations of LabelMe, COCO or CVAT as masks",
    "demo": "train one network in three ways on generated road scenes; show where it fails and what helps",
}


# Words before the same command where it goes on, and does not begin anew.
GOES_ON = ("compare", "correct", "estimate", "label", "mine", "predict", "query", "refine")


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0, 2 for what the user can mend (one message on stderr says what), 130 after Ctrl-C, 143 after
        SIGTERM; 1 where check or data check finds files that fit would refuse, or a run of compare failed.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    name = arguments[0] if arguments else ""

    def before_work(number: int) -> None:
        # Nothing is written yet, and an exception in the middle of an import may come out as any other.
        end_at_once(number, f"hardpix {name}: interrupted before it began")

    with EndRequests(before_work, f"hardpix {name}") as requests:
        try:
            return _run(arguments, requests)
        except BaseException as error:
            if not isinstance(error, KeyboardInterrupt) and requests.number is None:
                raise
            # Other errors after a signal come of it.
            by_signal = error if isinstance(error, Interrupted) else Interrupted(requests.number or SIGINT)
            requests.number = by_signal.number
            print(f"hardpix {name}: {_interrupted(arguments, by_signal)}", file=sys.stderr)
            return by_signal.code


def _interrupted(arguments: list[str], error: Interrupted) -> str:
    if arguments[0] == "fit":
        # A training knows whether it has saved anything to go on with, and where.
        return "; ".join(["interrupted", *getattr(error, "__notes__", ())])
    import shlex

    way_on = "to go on" if arguments[0] in GOES_ON else "to start again"
    return f"interrupted; {way_on}: hardpix {shlex.join(arguments)}"


def _run(arguments: list[str], requests: EndRequests) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"hardpix: unknown command {name!r}\n\n{_usage()}", file=sys.stderr)
        return 2
    if name == "replay" and rest and not rest[0].startswith("-"):
        rest = ["--dump", *rest]
    import shlex

    from hardpix.cli.own_modules import name_modules, own_folders, own_modules

    extra, needed = DIAGNOSE if name == "diagnose" else TRAIN
    if missing := [package for package in needed if find_spec(package) is None]:
        print(
            f"hardpix {name} needs the packages of the extra [{extra}], of which {', '.join(missing)} cannot be found: "
            f"pip install '.[{extra}]' in hardpix's checkout",
            file=sys.stderr,
        )
        return 2
    from hardpix.cli.problem_list import problems_file

    whole_list = None
    try:
        _require_text(rest)
        folders, words = own_folders(rest)
        whole_list, others = problems_file(words)
        # check says what is wrong without an error, and writes the list itself.
        words = words if name == "check" else others
        # A script finds what lies beside itself; class paths such as my_module.MyNet are of where the user is.
        with own_modules([*folders, os.getcwd()]):
            name_modules(" ".join(words))
            command = _load(name)
            requests.first = interrupt
            result = command(words)
    except UsageError as error:
        way_on = ""
        if isinstance(error, UntrustedRun) and error.option:
            way_on = f":\n  hardpix {shlex.join([name, *rest, *error.option])}"
        _say(f"hardpix {name}: {error}{way_on}{_whole_list(error, whole_list)}")
        return 2
    except ValueError as error:
        from hardpix.data.errors import DataError

        # Files were checked before the work; one that cannot be read now has changed since.
        if not isinstance(error, DataError) or requests.number is not None:
            raise
        _say(f"hardpix {name}: a file has changed since it was checked\n{error}")
        return 2
    except OSError as error:
        # A full disk, a folder that was deleted meanwhile: no fault of the program, whose traceback would say nothing.
        if error.errno is None or requests.number is not None:
            raise
        _say(f"hardpix {name}: {of_system(error)}", keep="")
        return 1
    return result if name in ("check", "compare", "data") and isinstance(result, int) else 0


def _say(text: str, keep: str = "\n\t") -> None:
    """Write to stderr, with escapes for the control characters that names of files may hold."""
    from hardpix.data.printable import printable

    print(printable(text, keep=keep), file=sys.stderr)


def _whole_list(error: UsageError, file: "Path | None") -> str:
    """A line on the file that has all problems, which is written if it was asked for; empty for short lists."""
    from hardpix.cli.problem_list import is_long, problems_of, write_problems

    problems = problems_of(error)
    if file is None or not problems:
        return "\n--problems FILE writes all of them into a table" if is_long(problems) else ""
    try:
        write_problems(file, problems)
    except OSError as reason:
        return f"\nthe list of problems could not be written to {file}: {reason.strerror}"
    return f"\nall {len(problems)} of them: {file}"


def _require_text(words: list[str]) -> None:
    """Refuse bytes that are no UTF-8: names of folders are written into records and reports."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise UsageError(f"expected names in UTF-8, found {word}: rename the file or folder") from None


def _load(name: str) -> "Callable[[list[str]], object]":
    # Imported when asked for: `hardpix --help` shall not wait for lightning.
    if name == "fit":
        from hardpix.commands.fit import fit

        return fit
    if name == "data":
        from hardpix.commands.data import data

        return data
    from functools import partial
    from importlib import import_module

    from hardpix.cli.arguments import run_command

    module, function = FUNCTIONS[name]
    command = getattr(import_module(module), function)
    return partial(run_command, command, name, classes=DEFAULT_CLASSES.get(name, {}))


def _usage() -> str:
    lines = "\n".join(f"  {name:<9} {text}" for name, text in COMMANDS.items())
    return (
        f"usage: hardpix COMMAND …\n\n{lines}\n\n"
        "hardpix COMMAND --help explains a command. Class paths such as my_module.MyNet are looked for where packages\n"
        "are installed, then in the folders of --path DIR, then in the current folder. Of a long list of problems the\n"
        "screen shows twenty of each kind: the whole list is OUT/problems.csv; where files are refused, and nothing\n"
        "is written, --problems FILE writes it. A first training:\n"
        "  hardpix fit --data.images DIR --data.masks DIR"
    )


if "HARDPIX_OWN_MODULES" in os.environ:
    # A process that multiprocessing has started unpickles objects of the user's own classes next.
    from hardpix.cli.own_modules import find_inherited_modules

    find_inherited_modules()

if __name__ == "__main__":
    raise SystemExit(main())
