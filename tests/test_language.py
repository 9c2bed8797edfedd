"""Docstrings and comments: a noun or a verb first, short sentences, American spelling."""

import ast
import re
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEADLESS = {"What", "Who", "Whoever", "Which", "Whether", "Of", "How", "Where", "Those", "That", "If"}
LONGEST = 30
SOURCE = ROOT / "src" / "hardpix"
FILES = [path for folder in (SOURCE, ROOT / "tests", ROOT / "benchmarks") for path in sorted(folder.rglob("*.py"))]
# Words of prose, not those of identifiers, options and keys.
WORD = re.compile(r"(?<![\w./_\-$])[A-Za-z]+(?![\w(=:]|\.\w|_)")
BRITISH = re.compile(
    "colour|centre|centring|labell|metre|grey|neighbour|behaviour|favour|licence|modelling|analyse|catalogue"
    "|(normal|summar|minim|maxim|quant|initial|optim|synchron|recogn|organ|visual|special|general|parallel)is(e|ing|ation)"
)
SECTION = re.compile(r"\s*(Args|Attributes|Example|Raises|Returns|Shapes|Source|Warns|Yields)\b[^.]*:$")


def docstrings(code: str) -> Iterator[tuple[int, str]]:
    """Line and text of the docstrings of a module, its classes, functions and attributes."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Module | ast.ClassDef):
            for before, after in pairwise(node.body):
                if isinstance(before, ast.Assign | ast.AnnAssign) and isinstance(after, ast.Expr):
                    text = getattr(after.value, "value", None)
                    if isinstance(text, str):
                        yield after.lineno, text
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


def sentences(text: str) -> Iterator[str]:
    """Sentences of a docstring without examples and formulas; entries of a section end at a semicolon, too."""
    inside = False
    for paragraph in re.split(r"\n\s*\n", text):
        lines = paragraph.split("\n")
        inside = inside or bool(SECTION.match(lines[0]))
        if ">>>" in paragraph or (not inside and all(line.startswith("    ") for line in lines)):
            continue
        # An entry of a section, or of a list, is a text of its own.
        entries = re.split(r"\n(?=\s*(?:- |[\w, *]+(?: \(.*\))?: ))", paragraph)
        for entry in entries:
            end = r"(?<=[.!?;])\s+" if inside or entry.lstrip().startswith("- ") else r"(?<=[.!?])\s+(?=[A-Z\W\d])"
            yield from re.split(end, " ".join(entry.split()))


def words(sentence: str) -> int:
    return sum(bool(re.search(r"\w", word)) for word in sentence.split())


def british(text: str) -> list[str]:
    """British words of a text, without those in code."""
    return [word for word in WORD.findall(re.sub(r"`+[^`]*`+", "", text)) if BRITISH.search(word.lower())]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings(path: Path) -> None:
    for line, text in docstrings(path.read_text(encoding="utf-8")):
        first = re.match(r"\W*(\w+)", text)
        assert first is None or first[1] not in HEADLESS, f"{path}:{line}: {text.splitlines()[0]}"
        long = [sentence for sentence in sentences(text) if words(sentence) > LONGEST]
        assert long == [], f"{path}:{line}"
        assert british(" ".join(sentences(text))) == [], f"{path}:{line}"


def comments(path: Path) -> Iterator[tuple[int, str]]:
    """First lines of comments: line and text."""
    with path.open(encoding="utf-8") as lines:
        last = -1
        for token in tokenize.generate_tokens(lines.readline):
            if token.type == tokenize.COMMENT:
                line, goes_on = token.start[0], token.line.lstrip().startswith("#")
                if not (goes_on and line == last + 1):
                    yield line, token.string
                last = line if goes_on else -1


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_comments(path: Path) -> None:
    for line, text in comments(path):
        first = re.match(r"#\W*(\w+)", text)
        # A comment may say when something is so.
        assert first is None or first[1] not in HEADLESS - {"If", "Where"}, f"{path}:{line}: {text}"
        assert british(text) == [], f"{path}:{line}: {text}"


def test_what_is_refused() -> None:
    code = 'def f():\n    """What it is.\n\n    Args:\n        a: one;\n            two.\n    """\n'
    assert list(docstrings(code)) == [(1, "What it is.\n\nArgs:\n    a: one;\n        two.")]
    assert list(docstrings('class A:\n    b: int = 1\n    """Of b."""\n')) == [(3, "Of b.")]
    assert list(sentences("One. Two.\n\n    x = y. z\n\nThree.\n\nArgs:\n    a: four; five.\n    b (c): six.")) == [
        *("One.", "Two.", "Three.", "Args:", "a: four;", "five.", "b (c): six.")
    ]
    assert british("Grey of `ignore_colours`, by_colour, and neighbours of a colour-blind one") == [
        *("Grey", "neighbours", "colour")
    ]
    assert words("μ / mean μ is one − two, three.") == 7
