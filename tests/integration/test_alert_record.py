"""Working an alert, and the record of it: what people do is written down, and what is changed afterwards is seen."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from alerts.alert import alert_id
from alerts.detection.registry import RULES
from alerts.store.database import NotPossible, open_engine, parse
from alerts.store.queries import Precision
from alerts.store.store import Store
from alerts.store.workflow import Waiting
from enrichment.nz_time import nz_date
from tests.support.alert_builders import NOON, NOW, a_hit, an_answer
from tests.support.console import accesswatch
from tests.support.routes import a_plan, decision
from tests.support.worker import without_ours

DAY = nz_date(NOON)
PAIR, ACTOR = alert_id("S-1", "C-1", DAY), alert_id("S-1", None, DAY)
SOON = timedelta(seconds=1)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """Two alerts that somebody has worked on and somebody was told of."""
    opened = Store.open(url, RULES)
    opened.take_hits([a_hit(), a_hit("e-2", [an_answer("own-record"), an_answer("volume")])], NOW)
    opened.take_hits([a_hit("e-3")], NOW)
    opened.route(a_plan(decision("mail", withheld=("hook",))), NOW, 10)
    opened.assign(PAIR, "S-8", "S-9", NOW)
    opened.note(PAIR, "Asked the manager.", "S-9", NOW)
    opened.close_alert(PAIR, "explained", because="A visit.", by="S-9", now=NOW)
    yield opened
    opened.close()


def test_what_waits_is_counted(store: Store) -> None:
    """Alerts for people, revisions for Kafka, messages for channels; and how long people took."""
    found = store.backlog(NOW + timedelta(minutes=10))
    assert found.alerts == {("high", "new"): Waiting(1, 600)}
    assert found.unpublished > 0
    assert found.notifications == {"mail": Waiting(3, 600)}
    assert found.acknowledged == (("high", 0),)


def test_what_people_do_is_in_the_history(store: Store) -> None:
    """Assigning and noting are no revisions; saying it again is nothing."""
    assert not store.assign(PAIR, "S-8", "S-7", NOW)
    assert store.assignee(PAIR) == "S-8"
    alert, changed = store.reopen(PAIR, because="More came.", by="S-9", now=NOW + SOON)
    assert (changed, alert.status, alert.outcome, alert.revision) == (True, "new", None, 4)
    assert not store.reopen(PAIR, because=None, by="S-9", now=NOW)[1]
    assert [(e.revision, e.what, e.by, e.because) for e in store.history(PAIR)] == [
        (1, "raised", None, None),
        (2, "revised", None, None),
        (None, "routed", None, "revision 1 (first), to mail; withheld, conflicted, not to hook"),
        (None, "routed", None, "revision 2 (first), to mail; withheld, conflicted, not to hook"),
        (None, "assigned", "S-9", "to S-8"),
        (None, "noted", "S-9", "Asked the manager."),
        (3, "closed", "S-9", "A visit."),
        (4, "reopened", "S-9", "More came."),
    ]
    for attempt in (
        lambda: store.assign("al-none", "S-8", "S-9", NOW),
        lambda: store.note("al-none", "?", "S-9", NOW),
    ):
        with pytest.raises(NotPossible, match="There is no alert al-none"):
            attempt()


def test_alerts_about_the_same_staff_member_are_shown_together(store: Store) -> None:
    """A week before and after, the newest first; nobody else's."""
    for days, staff in ((1, "S-1"), (7, "S-1"), (8, "S-1"), (1, "S-2")):
        store.take_hits([a_hit(f"e-{staff}-{days}", staff=staff, at=NOON + timedelta(days=days))], NOW)
    expected = [alert_id("S-1", "C-1", DAY + timedelta(days=days)) for days in (7, 1)] + [ACTOR]
    assert [alert.alert_id for alert in store.related(store.get(PAIR))] == expected


def test_precision_is_confirmed_over_decided(store: Store) -> None:
    """An alert counts for each of its rules; wrong data and no further action decide nothing."""
    store.close_alert(ACTOR, "data_error", because=None, by="S-9", now=NOW)
    for number, outcome in ((2, "confirmed"), (3, "self_reported"), (4, "no_further_action")):
        store.take_hits([a_hit(f"e-{number}-0", staff=f"S-{number}")], NOW)
        one = alert_id(f"S-{number}", "C-1", DAY)
        store.close_alert(one, outcome, because=None, by="S-9", now=NOW)  # type: ignore[arg-type]
    assert store.precision() == [Precision("own-record", 1, 3, 4), Precision("volume", 0, 0, 1)]


# The chain


def test_the_record_as_it_was_written_is_whole(store: Store) -> None:
    """After everything that may happen; a head that was noted stays good as more is added."""
    found = store.verify()
    assert (found.problems, found.entries) == ([], 9)
    store.take_hits([a_hit("e-4", [an_answer("volume")])], NOW)
    store.reopen(PAIR, because=None, by="S-9", now=NOW)
    assert store.verify((found.entries, found.head)).problems == []


TAMPERED = [
    ("UPDATE alert_history SET because = 'A fair.' WHERE because = 'A visit.'", "was changed"),
    ("UPDATE alert_history SET \"at\" = '2026-01-01 00:00:00' WHERE what = 'closed'", "was changed"),
    ("DELETE FROM alert_history WHERE what = 'noted'", "is missing"),
    ("DELETE FROM alert_history WHERE what = 'closed'", "its head speaks of 9"),
    ("UPDATE alert_history SET number = NULL WHERE what = 'noted'", "is missing"),
    ("UPDATE alerts SET status = 'new' WHERE status = 'closed'", "columns of alert .* are not what it says"),
    ("UPDATE alerts SET payload = replace(payload, 'high', 'low') WHERE severity = 'high'", "not its last revision"),
    ("UPDATE alerts SET assignee = NULL", "not assigned to whom its history says"),
    ("UPDATE alerts SET gathered = replace(gathered, '\"uncovered\":3', '\"uncovered\":0')", "has gathered"),
    ("UPDATE alert_hits SET sentence = 'Nothing.' WHERE event_id = 'e-3'", "hits of revision 2 of alert"),
    ("DELETE FROM alert_hits WHERE event_id = 'e-3'", "alert_hits holds 3 rows; the history speaks of 4"),
    ("UPDATE alert_hits SET explained_by = 'W-1' WHERE event_id = 'e-3'", "has gathered is not what its hits say"),
    (
        "UPDATE outbox SET payload = '{}' WHERE revision = 2",
        "outbox does not hold revision 2",
    ),
    ("DELETE FROM outbox WHERE revision = 3", "outbox holds 3 rows; the history speaks of 4"),
    ("DELETE FROM notifications WHERE channel = 'hook' AND revision = 2", "notifications holds 5 rows"),
    ("UPDATE notifications SET channel = 'other' WHERE channel = 'hook' AND revision = 2", "who was to be told"),
    ("UPDATE chain SET entries = 8", "its head speaks of 8"),
    ("DELETE FROM chain", "its head speaks of 0"),
]


@pytest.mark.parametrize(("statement", "sentence"), TAMPERED)
def test_what_was_changed_behind_its_back_is_seen(url: str, store: Store, statement: str, sentence: str) -> None:
    """Each row: one statement by somebody with access to the database, and what is said of it."""
    assert store.verify().problems == []
    engine = open_engine(parse(url), create=False)
    with engine.begin() as connection:
        assert connection.exec_driver_sql(statement).rowcount
    engine.dispose()
    problems = store.verify().problems
    assert any(re.search(sentence, problem) for problem in problems), problems


def test_a_chain_that_was_made_anew_is_not_the_one_that_was_noted(store: Store, tmp_path: Path) -> None:
    """Somebody who can write everything can make a whole chain: only the head kept elsewhere shows it."""
    found = store.verify()
    other = Store.open(f"sqlite:///{tmp_path / 'other.sqlite3'}", RULES)
    for number in range(found.entries):
        other.take_hits([a_hit(f"f-{number}")], NOW)
    assert other.verify().problems == []
    assert "is not the one that was noted before" in other.verify((found.entries, found.head)).problems[0]
    assert "was noted before" in other.verify((found.entries + 5, found.head)).problems[0]
    other.close()


def test_the_commands_do_all_that(tmp_path: Path) -> None:
    """From the list to the proof."""
    database = tmp_path / "alerts.sqlite3"
    store = Store.open(f"sqlite:///{database}", RULES)
    store.take_hits([a_hit(), a_hit("e-2", at=NOON + timedelta(days=1))], NOW)
    store.close()
    environment = {
        **without_ours(),
        "ACCESSWATCH_DATABASE": f"sqlite:///{database}",
        "ACCESSWATCH_ACTOR": "S-9",
    }

    def said(*arguments: str) -> str:
        done = accesswatch("alerts", *arguments, environment=environment)
        return done.stdout + done.stderr + str(done.returncode)

    assert said("assign", PAIR, "--to", "Aroha") == f"{PAIR} is assigned to Aroha.\n0"
    assert said("note", PAIR, "Asked the manager.") == f"Noted about {PAIR}.\n0"
    assert said("note", PAIR, "two\nlines").endswith("2")
    closed = said("close", PAIR, "--outcome", "confirmed", "--because", "As asked.")
    assert closed == f"{PAIR} is closed as confirmed.\n0"
    assert said("precision") == "own-record\t1\t1\t1\t1.00\n0"
    assert said("reopen", PAIR) == f"{PAIR} is open again.\n0"
    shown = said("show", PAIR)
    for sentence in ("to Aroha", "noted by S-9, high: Asked the manager.", "Related: 1 more about this staff member"):
        assert sentence in shown
    head = said("verify").splitlines()[0].split()[-1]
    assert said("verify", "--noted", head).startswith("Nothing was changed or removed. 6 entries")
    assert said("verify", "--noted", "nonsense").endswith("2")
    engine = open_engine(parse(environment["ACCESSWATCH_DATABASE"]), create=False)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alert_history SET \"by\" = 'S-7' WHERE what = 'noted'"))
    engine.dispose()
    assert "The alert store is not as it was written." in said("verify")
