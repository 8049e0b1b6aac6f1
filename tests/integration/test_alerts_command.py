"""``accesswatch alerts`` as a person uses it: list, show, ack, close; and what it says when it cannot."""

import csv
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from alerts.alert import ALERT, alert_id
from alerts.detection.registry import RULES
from alerts.store.store import Store
from console.alerts import app, guidance
from enrichment.errors import CommandError
from tests.support.alert_builders import NOW, a_hit, an_answer

DAY = date(2026, 11, 20)
PAIR = alert_id("S-1", "C-1", DAY)
ACTOR = alert_id("S-1", None, DAY)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store that the command will open, with two alerts in it."""
    monkeypatch.setenv("ACCESSWATCH_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("ACCESSWATCH_ACTOR", "S-77")
    opened = Store.open(f"sqlite:///{tmp_path / 'alerts.sqlite3'}", RULES)
    answers = [an_answer("own-record"), an_answer("unknown-staff", "medium"), an_answer("of-tomorrow", "low")]
    opened.take_hits([a_hit(answers=answers)], NOW)
    yield opened
    opened.close()


def run(*arguments: str, exit_code: int = 0) -> Result:
    """Run the command and make sure how it ended."""
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == exit_code, result.output
    return result


def told(*arguments: str) -> str:
    """The sentence with which the command fails."""
    result = run(*arguments, exit_code=1)
    assert isinstance(result.exception, CommandError)
    return str(result.exception)


@pytest.mark.usefixtures("store")
def test_a_list_in_a_pipe_is_tab_separated() -> None:
    """One line an alert, the same columns in each."""
    rows = list(csv.reader(run("list").output.splitlines(), delimiter="\t"))
    assert {row[0]: row[2:7] for row in rows} == {
        PAIR: ["high", "new", "S-1", "C-1", "1"],
        ACTOR: ["medium", "new", "S-1", "-", "1"],
    }


def test_a_list_as_json_holds_whole_alerts(store: Store) -> None:
    """As they stand on the topic."""
    listed = [ALERT.validate_python(item) for item in orjson.loads(run("list", "--json").output)]
    assert {alert.alert_id: alert for alert in listed} == {key: store.get(key) for key in (PAIR, ACTOR)}


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("found", "arguments"),
    [
        ([PAIR], ["--severity", "high"]),
        ([ACTOR], ["--rule", "unknown-staff"]),
        ([PAIR], ["--client", "C-1", "--staff", "S-1", "--status", "new"]),
        ([], ["--day", "2026-11-19"]),
        ([], ["--since", "2026-11-20T09:14:10+13:00"]),
        ([PAIR], ["--since", "2026-11-20", "--severity", "high"]),
        ([], ["--staff", "S-2"]),
    ],
)
def test_a_list_is_narrowed(found: list[str], arguments: list[str]) -> None:
    """Every filter, alone or with others."""
    assert [line.split("\t")[0] for line in run("list", *arguments).output.splitlines()] == found


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "arguments",
    ["--day yesterday", "--since soon", "--status open", "--limit 0", "--since 2026-11-20T09:00:00"],
)
def test_wrong_usage_ends_with_2(arguments: str) -> None:
    """Nothing is guessed; a time without an offset least of all."""
    run("list", *arguments.split(), exit_code=2)


def test_a_brief_says_what_when_why_and_what_first(store: Store) -> None:
    """With the rule's own page: what would make it innocent, what to do first; and the history."""
    store.acknowledge(PAIR, "S-9", NOW)
    brief = run("show", PAIR[:12]).output
    for words in (
        f"{PAIR}, revision 2",
        "Fri 20 Nov 2026, 09:14:07 NZDT",
        "own-record asks.",
        "staff record S-1, from ref.staff.v1, as of",
        "Innocent when",
        "First  ",
        "of-tomorrow asks.",
        "revision 1 raised, high",
        "revision 2 acknowledged by S-9",
        "A question, not a finding.",
    ):
        assert words in brief


def test_a_brief_as_json_is_the_alert_with_its_history(store: Store) -> None:
    """The alert's fields on top, as they stand on the topic."""
    shown = orjson.loads(run("show", PAIR, "--json").output)
    assert ALERT.validate_python(shown) == store.get(PAIR)
    assert ([entry["what"] for entry in shown["history"]], shown["notifications"]) == (["raised"], [])


def test_acknowledging_and_closing_leave_a_name_and_a_reason(store: Store) -> None:
    """Saying the same again is fine and changes nothing."""
    assert run("ack", PAIR).output == f"{PAIR} is acknowledged.\n"
    assert run("ack", PAIR).output == f"{PAIR} was acknowledged already.\n"
    closing = ("close", PAIR, "--outcome", "explained", "--because", "Kei te pai: a whānau review.")
    assert run(*closing).output == f"{PAIR} is closed as explained.\n"
    assert run(*closing).output == f"{PAIR} was closed already as explained.\n"
    assert [(e.what, e.by, e.because) for e in store.history(PAIR)][1:] == [
        ("acknowledged", "S-77", None),
        ("closed", "S-77", "Kei te pai: a whānau review."),
    ]
    assert told("ack", PAIR) == f"Alert {PAIR} is closed (explained); a further hit would open it again."


@pytest.mark.usefixtures("store")
def test_what_cannot_be_done_is_one_sentence() -> None:
    """An unknown id, too short a beginning, an outcome that there is not."""
    assert told("show", "al-none") == "There is no alert al-none."
    assert told("show", "al-") == "More than one alert begins with al-; give more of its id."
    run("close", PAIR, "--outcome", "guessed", exit_code=2)
    run("close", PAIR, "--outcome", "explained", "--because", "two\nlines", exit_code=2)


def test_without_a_store_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And makes none."""
    monkeypatch.setenv("ACCESSWATCH_STATE_DIR", str(tmp_path))
    path = tmp_path / "alerts.sqlite3"
    assert told("list") == f"There is no alert store at {path} yet; a worker makes it when it first starts."
    assert not path.exists()


def test_a_page_is_read_by_its_headings() -> None:
    """Lines that go on are joined; a page without headings gives nothing."""
    page = "Title.\n\nLooks for     one.\nInnocent when two,\n              and more.\nThen          three.\n\nOther.\n"
    assert guidance(page) == {"Looks for": "one.", "Innocent when": "two, and more.", "Then": "three."}
    assert guidance("No form at all.") == {}
