"""Names and docstrings keep to the words of ``docs/glossary.md``: what was given up does not come back."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Migrations are what they were.
LEFT_ALONE = ("alerts/store/migrations/", "tests/contracts/test_words.py")
#: Names that were given up, each for the word of its field.
GIVEN_UP = frozenset(
    [
        "Told",
        "Shelf",
        "CachedShelf",
        "RedisShelf",
        "MemoryShelf",
        "ParsedShelf",
        "shelf",
        "Tracking",
        "Preload",
        "Dossier",
        "dossier",
        "Kinship",
        "kinship",
        "Hindsight",
        "Quiet",
        "Abstain",
        "Rulebook",
        "rulebook",
        "Noted",
        "asked_where",
        "signs",
        "Gathered",
        "Telling",
        "Heard",
        "Matter",
        "matter",
        "Load",
        "Knowledge",
        "Ending",
        "Parking",
        "Parked",
        "ParkLimit",
        "Assembly",
        "_Assembly",
        "looked_up_at",
        "_said",
        "_told",
        "hindsight_of",
    ]
)
#: Of which each class has its own: a second one would be taken for the first.
ONE_OF_EACH = ("Standing", "Screen", "Filters")
_VERB = re.compile(r"(Give|Say)\b")


def sources() -> list[Path]:
    """Every Python file that is committed or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    return [ROOT / one for one in listed if not one.startswith(LEFT_ALONE) and (ROOT / one).exists()]


def mistakes(tree: ast.AST) -> Iterator[str]:
    """Return what of a module's names and docstrings is not in our words."""
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef(name=str(name)) | ast.FunctionDef(name=str(name)) | ast.AsyncFunctionDef(name=str(name)):
                docstring = ast.get_docstring(node) or ""
                if _VERB.match(docstring):
                    yield f"line {node.lineno}: the docstring of {name} begins with {docstring.split()[0]}"
            case ast.Name(id=str(name)) | ast.arg(arg=str(name)) | ast.Attribute(attr=str(name)):
                pass
            case ast.alias(name=str(name)):
                name = name.rpartition(".")[2]
            case _:
                continue
        if name in GIVEN_UP:
            yield f"line {node.lineno}: {name} was given up, see docs/glossary.md"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_names_and_docstrings_are_in_our_words(path: Path) -> None:
    """No name that was given up, no docstring that begins with Give or Say."""
    assert list(mistakes(ast.parse(path.read_text("utf-8")))) == []


@pytest.mark.parametrize(
    "source",
    [
        "class Rulebook: ...",
        "from enrichment.errors import Told",
        "def read(shelf): ...",
        "def read():\n    '''Give the facts.'''",
        "x = one.dossier",
    ],
)
def test_what_was_given_up_is_seen(source: str) -> None:
    """Else the test above could not fail."""
    assert list(mistakes(ast.parse(source)))


def test_ordinary_english_is_not_refused() -> None:
    """Words are names only where they name something."""
    source = "def read(said):\n    '''Return what was told: quiet signs, gathered on the shelf.'''\n    return said"
    assert list(mistakes(ast.parse(source))) == []
