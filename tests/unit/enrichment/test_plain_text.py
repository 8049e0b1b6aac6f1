"""What a person is shown cannot steer the terminal, and nothing prints but the two modules that see to it."""

import ast
import json
import logging
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notify.channels.syslog.cef import cef
from alerts.notify.message import Wording, html, text, write
from enrichment.log import events
from enrichment.plain_text import plain, plain_json
from stream.logs import formatter
from stream.printing import Console, Line, Table
from tests.support.alert_builders import RULES, an_alert

PACKAGES = ("console", "sandbox", "stream", "agents", "alerts", "enrichment", "simulator")
#: Where rich and typer may be asked to print; the others write manuals of our own words into files.
PRINTING = {"stream/printing.py"}
MANUALS = {"alerts/detection/manual.py", "agents/metrics.py", "stream/logs.py"}
RICH_TEXT = {"Text", "Table", "Console", "Panel", "Markdown", "print", "markup", "inspect"}

PLAIN = [
    pytest.param("S-1", "S-1", id="an id"),
    pytest.param("Tāmaki Makaurau — ¿sí? 東京 שלום", "Tāmaki Makaurau — ¿sí? 東京 שלום", id="letters of any script"),
    pytest.param("[bold]x[/]\\", "[bold]x[/]\\", id="markup is text"),
    pytest.param("\x1b[2J", "<U+001B>[2J", id="an escape sequence"),
    pytest.param("a\rb\nc\td", "a<U+000D>b<U+000A>c<U+0009>d", id="line ends and tabs"),
    pytest.param("\x9b31m\x7f", "<U+009B>31m<U+007F>", id="C1 and DEL"),
    pytest.param("a\u202eb\u2066", "a<U+202E>b<U+2066>", id="bidirectional marks"),
    pytest.param("a\u200bb\ufeff\u00ad", "a<U+200B>b<U+FEFF><U+00AD>", id="without width"),
    pytest.param("\u3164\u2800\uffa0", "<U+3164><U+2800><U+FFA0>", id="blank-looking"),
    pytest.param("a\ufe0fb\U000e0100", "a<U+FE0F>b<U+E0100>", id="variation selectors"),
    pytest.param("a\u2028b\u00a0c", "a<U+2028>b<U+00A0>c", id="separators and odd spaces"),
    pytest.param("\udce9\ue000\U000f0000", "<U+DCE9><U+E000><U+F0000>", id="surrogates and private use"),
]  # fmt: skip


@pytest.mark.parametrize(("hostile", "shown"), PLAIN)
def test_plain(hostile: str, shown: str) -> None:
    """A character is shown as itself, or by its number."""
    assert plain(hostile) == shown


@given(st.text(st.characters()))
def test_plain_text_moves_nothing_on_a_terminal(hostile: str) -> None:
    """Whatever it is: the cursor stays in its line, the title and the modes as they were."""
    shown = plain(hostile)
    assert shown.isprintable()
    screen = pyte.Screen(2_000, 3)
    modes = set(screen.mode)
    pyte.Stream(screen).feed("before" + shown)
    assert (screen.cursor.y, screen.title, screen.icon_name, screen.mode) == (0, "", "", modes)
    assert screen.display[0].startswith("before")


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_plain_json_is_the_same_json(content: object) -> None:
    """Each character that is not plain is written as JSON's escape."""
    written = json.dumps(content, ensure_ascii=False)
    shown = plain_json(written)
    assert plain(shown) == shown
    assert json.loads(shown) == content


def test_no_module_prints_past_the_two() -> None:
    """`print`, `typer.echo`, writing to stdout and rich's own text stand in no other module of ours."""
    looked_at = [path for package in PACKAGES for path in Path(package).rglob("*.py")]
    found = {
        f"{path}: {ast.unparse(node)}"
        for path in looked_at
        if str(path) not in PRINTING | MANUALS
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if _prints(node)
    }
    assert len(looked_at) > 150
    assert found == set()


def test_what_may_print_would_be_found() -> None:
    """Each way of printing is one that the check above sees."""
    ways = [
        "print(x)", "typer.echo(x)", "click.secho(x)", "sys.stdout.write(x)", "sys.stderr.write(x)", "os.write(1, x)",
        "sys.stdout.buffer.write(x)", "from rich.text import Text", "from rich.console import Console",
        "import rich.table",
        "from rich import print", "sys.__stdout__.write(x)", "sys.stdout.writelines(x)", "Text.from_markup(x)",
    ]  # fmt: skip
    assert [way for way in ways if not any(map(_prints, ast.walk(ast.parse(way))))] == []


def _prints(node: ast.AST) -> bool:
    match node:
        case (
            ast.Call(func=ast.Name(id="print"))
            | ast.Call(func=ast.Attribute(attr="from_markup" | "from_ansi" | "echo" | "secho" | "print_exception"))
            | ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr="write"), args=[ast.Constant(value=1 | 2), *_])
        ):
            return True
        case ast.Call(func=ast.Attribute(attr="write" | "writelines", value=target)):
            return any(word in ast.unparse(target) for word in ("stdout", "stderr"))
        case ast.ImportFrom(module=str(module)) if module == "rich" or module.startswith("rich."):
            return any(name.name in RICH_TEXT for name in node.names)
        case ast.Import():
            return any(name.name.startswith("rich") for name in node.names)
    return False


HOSTILE = "\x1b[2J\x1b]0;owned\x07[/][bold]\r\u202eS-1"
SHOWN = "<U+001B>[2J<U+001B>]0;owned<U+0007>[/][bold]<U+000D><U+202E>S-1"


def test_lines_tables_and_consoles_are_plain() -> None:
    """Text, cells, what is put behind, and strings that are printed."""
    out = StringIO()
    console = Console(file=out, width=1000, force_terminal=True)
    table = Table("a", "b", box=None)
    table.add_row(HOSTILE, Line(HOSTILE, style="red"))
    console.print(HOSTILE, table, Line.of(HOSTILE, (HOSTILE, "bold")).append(HOSTILE))
    written = out.getvalue()
    assert written.count(SHOWN) == 6
    assert [part for part in ("\x1b[2J", "\x07", "\r", "\u202e") if part in written] == []


@pytest.mark.parametrize("as_text", [True, False])
def test_log_lines_are_plain(as_text: bool) -> None:
    """As lines and as JSON: fields, lists, objects and the words of a library."""
    out = StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter(text=as_text))
    logger = logging.getLogger("test_plain_text")
    logger.addHandler(handler)
    logger.propagate = False
    events("test_plain_text").error("something", why=HOSTILE, more=[{HOSTILE: HOSTILE}])
    logger.error("topic %s", HOSTILE)
    logger.removeHandler(handler)
    lines = out.getvalue().rstrip("\n").split("\n")
    assert [plain(line) for line in lines] == lines
    if as_text:
        assert [line.count(SHOWN) for line in lines] == [3, 1]
    else:
        assert json.loads(lines[0])["more"] == [{HOSTILE: HOSTILE}]
        assert json.loads(lines[1])["event"] == f"topic {HOSTILE}"


def test_messages_are_plain_and_their_data_exact() -> None:
    """Subject, title, facts: what a person reads. What a program reads is as it is."""
    alert = replace(an_alert(), title=HOSTILE, staff_id=HOSTILE, client_id="C\u3164")
    message = write(alert, 1, Wording("mail", "ids", None, RULES))
    assert message.data["staff_id"] == HOSTILE
    for written in (message.subject, message.title, *(value for _, value in message.facts), cef(message)):
        assert plain(written) == written
    assert all(plain(line) == line for line in (text(message) + html(message)).split("\n"))
