"""Nothing of ours touches a name of Faust, mode or aiokafka that begins with an underscore: they promise none of it.

What is relied on of their public names is tried on the real thing by ``tests/integration``.
"""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import faust
import mode
import pytest
from aiokafka import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from stream.consumer import AccesswatchAssignor, BatchConsumer, _Listener
from stream.faust_app import AgentRuntime, _AgentsOnly

ROOT = Path(__file__).parents[2]
LIBRARIES = ("faust", "mode", "aiokafka")
FILES = sorted(path for room in ("stream", "agents") for path in (ROOT / room).rglob("*.py"))
BY_NAME = {"getattr", "setattr", "delattr", "hasattr"}
#: Ours -> the class of theirs that it stands on.
SUBCLASSES = [
    (BatchConsumer, mode.Service),
    (AgentRuntime, faust.App),
    (_AgentsOnly, faust.app.base.BootStrategy),
    (_Listener, ConsumerRebalanceListener),
    (AccesswatchAssignor, RoundRobinPartitionAssignor),
]


def private(name: str) -> bool:
    """Return whether a name is private; ``os._exit`` is public, whatever it looks like."""
    return name.startswith("_") and not name.startswith("__") and name != "_exit"


def own_names(tree: ast.AST) -> set[str]:
    """Return the private names that a file itself defines: functions, attributes, fields, parameters."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.attr if isinstance(node, ast.Attribute) else node.id)
    return {name for name in found if private(name)}


def touched(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name of everything private that is read of an object, imported from them, or asked for by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr):
            yield node.lineno, node.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in LIBRARIES:
            parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            yield from ((node.lineno, part) for part in parts if private(part))
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in {
            "getattr",
            "setattr",
            "delattr",
            "hasattr",
        }:
            named = node.args[1] if len(node.args) > 1 else None
            if isinstance(named, ast.Constant) and isinstance(named.value, str) and private(named.value):
                yield node.lineno, named.value


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_private_name_of_theirs_is_touched(path: Path) -> None:
    """Every private name in a file is defined in that file, or in a module of ours that it imports from."""
    tree = ast.parse(path.read_text("utf-8"))
    ours = own_names(tree)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ImportFrom)
            and (ROOT / (node.module or "").replace(".", "/")).with_suffix(".py").exists()
        ):
            ours |= own_names(ast.parse((ROOT / (node.module or "").replace(".", "/")).with_suffix(".py").read_text()))
    allowed = ours
    assert [(line, name) for line, name in touched(tree) if name not in allowed] == []


@pytest.mark.parametrize(("ours", "theirs"), SUBCLASSES, ids=lambda cls: cls.__name__)
def test_no_private_name_of_theirs_is_replaced_or_written(ours: type, theirs: type) -> None:
    """What our subclasses define and keep under a private name is not, by chance or on purpose, one of their base's."""
    assert issubclass(ours, theirs)
    kept = {name for base in theirs.__mro__[:-1] for name in written_by(base)} | set(filter(private, dir(theirs)))
    assert written_by(ours) & kept == set()


def written_by(cls: type) -> set[str]:
    """Return the private names that a class defines or writes, itself included; none where it has no text."""
    try:
        return own_names(ast.parse(inspect.cleandoc("\n" + inspect.getsource(cls)))) - {cls.__name__}
    except (OSError, TypeError, SyntaxError):
        return set()
