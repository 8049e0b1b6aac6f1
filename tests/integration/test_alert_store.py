"""The store's promises, on real databases: once, in order, at least once, every change a revision.

SQLite files always; PostgreSQL too where there is one (``tests/support/databases.py``).
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

import history.tables  # noqa: F401 what the migrations make
from alerts.alert import ALERT, Alert, alert_id
from alerts.assessment import Answer
from alerts.grouping import AlertHit, AlertState, Subject, aggregate, render, split
from alerts.notify.routing import RateState, RoutingInput, SendDecision
from alerts.store import database
from alerts.store.database import NoStore, NotPossible, StoreError, open_engine, parse
from alerts.store.outbox import LEASE
from alerts.store.queries import Filters
from alerts.store.store import Store
from alerts.store.tables import METADATA
from cases.tables import BOUND
from tests.support.alert_builders import NOON, NOW, RULES, a_hit, an_answer
from tests.support.alert_workers import HITS, the_hits
from tests.support.routes import a_plan, decision

DAY = date(2026, 11, 20)
PAIR = alert_id("S-1", "C-1", DAY)
ACTOR = alert_id("S-1", None, DAY)
SOON = timedelta(seconds=1)
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A store with all its tables and nothing in it."""
    opened = Store.open(url, RULES)
    yield opened
    opened.close()


def contents(store: Store) -> dict[str, Alert]:
    """All alerts by id."""
    return {alert.alert_id: alert for alert in store.listed(Filters(), 1000)}


def published(store: Store, holder: str = "relay", now: datetime = NOW) -> list[tuple[str, int]]:
    """What a relay takes, without telling that it was published."""
    return [(row.alert_id, row.revision) for row in store.claim_unpublished(holder, now, 100)]


# Once


def test_a_hit_counts_once(store: Store) -> None:
    """In the same batch, again, and mixed with others; a known hit makes no revision."""
    first = store.take_hits([a_hit(), a_hit()], NOW)
    assert (len(first.raised), first.new_hits, first.known_hits) == (1, 1, 1)
    before = contents(store)
    again = store.take_hits([a_hit()], NOW + SOON)
    assert (again.raised, again.revised, again.known_hits) == ((), 0, 1)
    assert contents(store) == before


def test_one_batch_makes_one_revision_of_an_alert(store: Store) -> None:
    """However many hits of it the batch holds; another batch makes another."""
    store.take_hits([a_hit(), a_hit("e-2"), a_hit("e-3", [an_answer("relative-record"), an_answer("volume")])], NOW)
    taken = store.take_hits([a_hit("e-4")], NOW + SOON)
    assert (taken.raised, taken.revised) == ((), 1)
    assert {found.alert_id: (found.revision, found.access_count) for found in contents(store).values()} == {
        PAIR: (2, 4),
        ACTOR: (1, 1),
    }
    assert (contents(store)[PAIR].raised_at, contents(store)[PAIR].updated_at) == (NOW, NOW + SOON)


def test_what_raised_an_alert_is_said_once(store: Store) -> None:
    """The rule with the highest severity, the first of the catalogue among equals."""
    answers = [an_answer("media-watchlist", "medium"), an_answer("relative-record"), an_answer("own-record")]
    taken = store.take_hits([a_hit(answers=answers)], NOW)
    assert [(raised.alert_id, raised.rule, raised.severity) for raised in taken.raised] == [
        (PAIR, "own-record", "high")
    ]


def test_a_redelivery_keeps_the_first_content_and_adds_what_is_new(store: Store) -> None:
    """The same event judged again with other facts: the union of its hits."""
    store.take_hits([a_hit(answers=[an_answer("own-record", "medium", "First.")])], NOW)
    again = [an_answer("own-record", "critical", "Second."), an_answer("relative-record", "low", "Added.")]
    store.take_hits([a_hit(answers=again)], NOW)
    alert = contents(store)[PAIR]
    assert ([reason.sentence for reason in alert.reasons], alert.severity, alert.access_count) == (
        ["First.", "Added."], "medium", 1,
    )  # fmt: skip


OTHER_CONTENTS = [
    pytest.param({"client": "C-2"}, id="of another client"),
    pytest.param({"staff": "S-2"}, id="by somebody else"),
    pytest.param({"at": NOON + timedelta(days=1)}, id="on another day"),
]


@pytest.mark.parametrize("other", OTHER_CONTENTS)
@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "later"])
def test_an_event_id_that_comes_again_with_another_content_raises_no_second_alert(
    store: Store, other: dict[str, Any], together: bool
) -> None:
    """The first content is the access: whatever hits of the other, about a pair or an actor, counts nowhere."""
    first = a_hit(answers=[an_answer("own-record"), an_answer("volume")])
    second = a_hit(answers=[an_answer("own-record"), an_answer("relative-record"), an_answer("volume")], **other)
    for batch in [[first, second]] if together else [[first], [second]]:
        store.take_hits(batch, NOW)
    found = contents(store)
    assert (found[PAIR].event_ids, found[ACTOR].event_ids) == (("e-1",), ("e-1",))
    kept = {reason.rule for alert in found.values() for reason in alert.reasons}
    # Of another client the actor, and so that alert, is the same.
    assert (set(found), kept) == ({PAIR, ACTOR}, {"own-record", "volume"})


def test_nothing_live_raises_nothing(store: Store) -> None:
    """Shadow hits are counted elsewhere."""
    shadow = a_hit(answers=[Answer("own-record", "hit", "shadow", "high", "Shadow.")])
    assert (store.take_hits([shadow], NOW).raised, store.take_hits([], NOW).raised) == ((), ())
    assert contents(store) == {}


def test_any_batches_give_the_same_content(store: Store) -> None:
    """What comes hit by hit through the database says what all of them at once say in memory."""
    for record in reversed(the_hits()):
        store.take_hits([record], NOW)
    together: dict[Subject, list[AlertHit]] = {}
    for record in the_hits():
        for subject, hit in split(record, RULES):
            together.setdefault(subject, []).append(hit)
    stored = contents(store)
    for subject, hits in together.items():
        alert = stored[subject.alert_id]
        state = AlertState(alert.revision, alert.raised_at, alert.updated_at, alert.status, alert.outcome)
        assert render(subject, aggregate(None, hits), state, RULES) == replace(alert, score=None)


def test_an_access_at_the_calendars_beginning_is_kept(store: Store) -> None:
    """Any valid time may come; it must not stop what comes after."""
    store.take_hits([a_hit(at=datetime(1, 1, 1, tzinfo=UTC))], NOW)
    store.take_hits([a_hit("e-2", at=datetime.fromisoformat("0001-01-01T00:00:00+13:00"))], NOW)
    assert len(store.hits_of_event("e-2")) == 1


# Several processes, and crashes


def started(url: str, seed: int) -> subprocess.Popen[str]:
    """A process that takes all hits."""
    command = [sys.executable, "-m", "tests.support.alert_workers", url, str(seed)]
    return subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)


def assert_everything_is_there_once(url: str) -> None:
    """All hits, each once, revisions without a gap, the last of which is the alert."""
    store = Store.open(url, RULES)
    found = contents(store)
    assert sum(alert.access_count for alert in found.values()) == HITS
    leaving = store.claim_unpublished("relay", NOW, 10_000)
    for key, alert in found.items():
        revisions = [row for row in leaving if row.alert_id == key]
        assert [row.revision for row in revisions] == list(range(1, alert.revision + 1))
        assert ALERT.validate_json(revisions[-1].payload) == alert
        assert [entry.revision for entry in store.history(key)] == list(range(1, alert.revision + 1))
    store.close()


def test_processes_that_start_at_once_share_one_database(url: str) -> None:
    """Both make the tables, both take the same hits in orders of their own."""
    workers = [started(url, seed) for seed in (1, 2)]
    assert [(worker.communicate()[0] != "", worker.returncode) for worker in workers] == [(True, 0)] * 2
    assert_everything_is_there_once(url)


def test_a_process_killed_on_the_way_leaves_nothing_half_done(url: str) -> None:
    """Killed again and again, each time at another point; the last one takes everything."""
    for lines in (2, 12):
        worker = started(url, lines)
        assert worker.stdout is not None
        for _ in range(lines):
            worker.stdout.readline()
        worker.kill()
        worker.communicate()
    last = started(url, 99)
    last.communicate()
    assert last.returncode == 0
    assert_everything_is_there_once(url)


# Working an alert


def test_acknowledging_and_closing_are_revisions(store: Store) -> None:
    """Each once; a closed alert cannot be acknowledged; another outcome corrects the first."""
    store.take_hits([a_hit()], NOW)
    assert store.acknowledge(PAIR, "S-9", NOW + SOON)[1]
    assert not store.acknowledge(PAIR, "S-8", NOW + SOON)[1]
    assert store.close_alert(PAIR, "explained", because="A review.", by="S-9", now=NOW + 2 * SOON)[1]
    assert not store.close_alert(PAIR, "explained", because=None, by="S-8", now=NOW + 3 * SOON)[1]
    with pytest.raises(NotPossible, match=f"Alert {PAIR} is closed"):
        store.acknowledge(PAIR, "S-9", NOW)
    alert, _ = store.close_alert(PAIR, "confirmed", because=None, by="S-9", now=NOW + 4 * SOON)
    assert store.get(PAIR) == alert
    assert [(e.revision, e.what, e.by, e.because, e.outcome) for e in store.history(PAIR)] == [
        (1, "raised", None, None, None),
        (2, "acknowledged", "S-9", None, None),
        (3, "closed", "S-9", "A review.", "explained"),
        (4, "closed", "S-9", None, "confirmed"),
    ]
    assert published(store) == [(PAIR, revision) for revision in (1, 2, 3, 4)]


def test_a_hit_opens_a_closed_alert_again_and_leaves_an_acknowledged_one(store: Store) -> None:
    """Reopened it is new, without an outcome; a known hit opens nothing."""
    store.take_hits([a_hit()], NOW)
    store.acknowledge(PAIR, "S-9", NOW)
    store.take_hits([a_hit("e-2")], NOW)
    assert (store.get(PAIR).status, store.get(PAIR).revision) == ("acknowledged", 3)
    store.close_alert(PAIR, "explained", because=None, by="S-9", now=NOW)
    store.take_hits([a_hit("e-2")], NOW)
    assert store.get(PAIR).status == "closed"
    store.take_hits([a_hit("e-3")], NOW)
    assert (store.get(PAIR).status, store.get(PAIR).outcome) == ("new", None)
    assert [entry.what for entry in store.history(PAIR)][-1] == "reopened"


# Reading


def test_a_list_is_narrowed_by_what_is_asked_for(store: Store) -> None:
    """By score, then the newest raised first."""
    store.take_hits([a_hit(answers=[an_answer(severity="low")])], NOW)
    store.take_hits([a_hit("e-2", [an_answer("volume", "medium")], staff="S-2", client=None)], NOW + SOON)
    pair, actor = PAIR, alert_id("S-2", None, DAY)
    store.acknowledge(actor, "S-9", NOW)
    for filters, expected in [
        (Filters(), [actor, pair]),
        (Filters(status="new"), [pair]),
        (Filters(severity="medium"), [actor]),
        (Filters(rule="own-record"), [pair]),
        (Filters(staff="S-2"), [actor]),
        (Filters(client="C-1"), [pair]),
        (Filters(day=DAY), [actor, pair]),
        (Filters(day=date(2026, 11, 19)), []),
        (Filters(since=NOW + SOON), [actor]),
    ]:
        assert [alert.alert_id for alert in store.listed(filters, 10)] == expected, filters
    assert [alert.alert_id for alert in store.listed(Filters(), 1, 1)] == [pair]


def test_an_alert_is_found_by_the_beginning_of_its_id(store: Store) -> None:
    """If only one begins so; wildcards are only characters."""
    store.take_hits([a_hit(), a_hit("e-2", [an_answer("volume")])], NOW)
    assert store.get(PAIR[:10]).alert_id == PAIR
    for reference, sentence in [("al-", "More than one alert begins with al-"), ("%", "no alert %"), ("", "no alert")]:
        with pytest.raises(NotPossible, match=sentence):
            store.get(reference)


def test_the_hits_of_an_access_name_their_alerts(store: Store) -> None:
    """For ``explain``."""
    store.take_hits([a_hit(answers=[an_answer("volume"), an_answer("own-record")])], NOW)
    assert {(hit.alert_id, hit.rule) for hit in store.hits_of_event("e-1")} == {(PAIR, "own-record"), (ACTOR, "volume")}


# Outbox


def test_what_was_published_leaves_once_and_what_was_not_leaves_again(store: Store) -> None:
    """A relay that dies before it marks: the same rows with the same content, after its lease."""
    store.take_hits([a_hit()], NOW)
    rows = store.claim_unpublished("one", NOW, 10)
    assert published(store, "two", NOW + SOON) == []
    again = store.claim_unpublished("two", NOW + LEASE, 10)
    assert rows == again
    assert store.mark_published("two", [row.id for row in again], NOW) == 0
    assert published(store, "two", NOW + 2 * LEASE) == []


def test_the_revisions_of_an_alert_wait_for_the_one_that_is_being_published(store: Store) -> None:
    """Another relay gets other alerts meanwhile; a renewed claim lasts."""
    store.take_hits([a_hit()], NOW)
    (row,) = store.claim_unpublished("one", NOW, 10)
    store.take_hits([a_hit("e-2"), a_hit("e-3", [an_answer("volume")])], NOW)
    assert published(store, "two") == [(ACTOR, 1)]
    store.renew_claims("one", NOW + LEASE - SOON)
    assert published(store, "two", NOW + LEASE) == [(ACTOR, 1)]
    store.mark_published("one", [row.id], NOW)
    assert sorted(published(store, "two", NOW + LEASE)) == sorted([(ACTOR, 1), (PAIR, 2)])


def test_a_relay_held_up_past_its_lease_lets_the_newest_leave_once_more(store: Store) -> None:
    """Its late record may stand behind newer ones in the topic: the newest must come last."""
    store.take_hits([a_hit()], NOW)
    (late,) = store.claim_unpublished("late", NOW, 10)
    store.take_hits([a_hit("e-2")], NOW)
    quick = store.claim_unpublished("quick", NOW + LEASE, 10)
    assert store.mark_published("quick", [row.id for row in quick], NOW) == 0
    assert store.mark_published("late", [late.id], NOW) == 1
    assert published(store, "quick") == [(PAIR, 2)]


# Notifications


#: Everybody is told by mail.
TO_MAIL = a_plan(decision("mail"))


def due(store: Store, now: datetime = NOW, holder: str = "one") -> list[tuple[str, int, int]]:
    """What the mail channel has to send: alert, revision, attempt."""
    found = store.claim_due("mail", holder=holder, now=now, lease=LEASE, limit=10)
    return [(one.alert.alert_id, one.alert.revision, one.attempts) for one in found if one.alert]


def test_a_revision_is_routed_once(store: Store) -> None:
    """The decision sees how the alert stood before; withheld is written down, and never sent."""
    store.take_hits([a_hit()], NOW)
    store.close_alert(PAIR, "explained", because=None, by="S-9", now=NOW)
    store.take_hits([a_hit("e-2", [an_answer("own-record", "critical")])], NOW)
    seen = []

    def decide(routing_input: RoutingInput, rates: RateState, now: datetime) -> tuple[SendDecision, ...]:
        before = routing_input.before
        seen.append((before and (before.severity, before.status), routing_input.alert.revision))
        return decision("mail", withheld=("hook",))(routing_input, rates, now)

    assert len(store.route(a_plan(decide), NOW, 10)) == 3
    assert store.route(a_plan(decide), NOW, 10) == []
    assert seen == [(None, 1), (("high", "new"), 2), (("high", "closed"), 3)]
    assert {(n.revision, n.channel, n.state) for n in store.notifications(PAIR)} == {
        (revision, channel, state)
        for revision in (1, 2, 3)
        for channel, state in (("mail", "pending"), ("hook", "withheld"))
    }
    assert store.claim_due("hook", holder="one", now=NOW, lease=LEASE, limit=10) == []


def test_a_message_is_claimed_by_one_until_its_lease_ends(store: Store) -> None:
    """Then by anybody, with the attempt counted; sent, by nobody."""
    store.take_hits([a_hit()], NOW)
    store.route(TO_MAIL, NOW, 10)
    assert due(store) == [(PAIR, 1, 1)]
    assert due(store, holder="two") == []
    (again,) = store.claim_due("mail", holder="two", now=NOW + LEASE, lease=LEASE, limit=10)
    assert (again.attempts, again.first_attempt_at) == (2, NOW)
    store.record_sent(again, NOW + LEASE)
    assert due(store, NOW + 3 * LEASE) == []
    assert [(n.state, n.sent_at) for n in store.notifications(PAIR)] == [("sent", NOW + LEASE)]


def test_of_one_alert_the_earlier_message_goes_first(store: Store) -> None:
    """A later one waits while it is tried again, not when it is parked; the thread begins with the first."""
    store.take_hits([a_hit()], NOW)
    store.take_hits([a_hit("e-2")], NOW)
    store.route(TO_MAIL, NOW, 10)
    (first,) = store.claim_due("mail", holder="one", now=NOW, lease=LEASE, limit=10)
    store.record_failed(first, "HTTP 503", NOW + timedelta(hours=1))
    assert due(store, NOW + timedelta(minutes=59)) == []
    (first,) = store.claim_due("mail", holder="one", now=NOW + timedelta(hours=1), lease=LEASE, limit=10)
    store.record_failed(first, "HTTP 410", None)
    (second,) = store.claim_due("mail", holder="one", now=NOW + timedelta(hours=1), lease=LEASE, limit=10)
    assert second.alert is not None
    assert (second.alert.revision, second.first_revision) == (2, 1)
    assert [(n.state, n.last_error) for n in store.notifications(PAIR)] == [("parked", "HTTP 410"), ("pending", None)]


# The database


def test_the_migrations_make_what_the_code_expects(url: str, store: Store) -> None:
    """Alembic finds no difference between the tables and their description, those of cases included."""
    assert {table.name for table in BOUND} <= METADATA.tables.keys()
    engine = open_engine(parse(url), create=False)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()
    store.take_hits([a_hit()], NOW)


def test_the_migrations_go_down_and_up_again(url: str, store: Store) -> None:
    """With alerts in them: what a release added is counted anew."""
    store.take_hits([a_hit(), a_hit("e-2"), a_hit("e-3", [an_answer("volume")])], NOW)
    before = contents(store)
    engine = open_engine(parse(url), create=False)
    for revision in ("0001", "head"):
        database.move(engine, revision)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()
    assert contents(store) == before
    store.take_hits([a_hit("e-4")], NOW)
    assert (store.get(PAIR).access_count, store.get(PAIR).self_reported) == (3, False)


def test_a_store_of_the_release_before_gets_what_this_one_added(url: str, store: Store) -> None:
    """At 0010 it has none of it: whatever a release adds comes after what others have applied already."""
    store.take_hits([a_hit(), a_hit("e-3", client="C-2")], NOW)
    decided = alert_id("S-1", "C-2", DAY)
    store.close_alert(decided, "confirmed", because=None, by="S-9", now=NOW)
    engine = open_engine(parse(url), create=False)
    database.move(engine, "0010")
    with engine.connect() as connection:
        assert "audience" not in {column["name"] for column in inspect(connection).get_columns("alerts")}
    engine.dispose()
    upgraded = Store.open(url, RULES)
    assert upgraded.get(PAIR).audience == "integrity"
    (questions,) = upgraded.combinations()
    assert (questions.questions, questions.confirmed) == (upgraded.get(decided).rules, 1)
    assert {alert.alert_id for alert in upgraded.listed(Filters(), 10)} == {PAIR, decided}
    upgraded.take_hits([a_hit("e-2")], NOW)
    assert upgraded.get(PAIR).access_count == 2
    upgraded.close()


def test_opening_an_existing_database_keeps_what_is_in_it(url: str, store: Store) -> None:
    """By a worker and by a command."""
    store.take_hits([a_hit()], NOW)
    for open_it in (Store.open, Store.open_existing):
        again = open_it(url, RULES)
        assert contents(again) == contents(store)
        again.close()


def test_a_newer_database_is_not_touched(url: str, store: Store) -> None:
    """One sentence, for a worker and for a command."""
    engine = open_engine(parse(url), create=False)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for open_it in (Store.open, Store.open_existing):
        with pytest.raises(StoreError, match="was made by a newer release of accesswatch; install that one"):
            open_it(url, RULES)
    assert contents(store) == {}


def test_a_command_makes_no_database(tmp_path: Path) -> None:
    """It says that there is none yet."""
    path = tmp_path / "none.sqlite3"
    with pytest.raises(NoStore, match=r"There is no alert store at .*none\.sqlite3 yet"):
        Store.open_existing(f"sqlite:///{path}", RULES)
    path.touch()
    with pytest.raises(NoStore, match="yet; a worker makes it"):
        Store.open_existing(f"sqlite:///{path}", RULES)


def test_a_sqlite_file_is_its_owners_alone(tmp_path: Path) -> None:
    """It holds personal data; so do the files beside it."""
    store = Store.open(f"sqlite:///{tmp_path / 'new' / 'alerts.sqlite3'}", RULES)
    store.take_hits([a_hit()], NOW)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "new").iterdir()}
    store.close()
    assert set(modes.values()) == {0o600}


UNUSABLE = [
    ("nonsense", "is no URL"),
    ("mysql://root:hunter2@db/x", "runs on SQLite or PostgreSQL, not on mysql"),
    ("sqlite://", "needs the path of a SQLite file"),
    ("sqlite:////proc/none/alerts.sqlite3", "cannot be made"),
    (
        "postgresql://aw:hunter2@127.0.0.1:1/aw",
        r"PostgreSQL aw at 127\.0\.0\.1:1 cannot be used: .*Connection refused\.",
    ),
]


@pytest.mark.parametrize(("bad", "sentence"), UNUSABLE)
def test_a_database_that_cannot_be_used_is_one_sentence(bad: str, sentence: str) -> None:
    """Without the password."""
    with pytest.raises(StoreError, match=sentence) as raised:
        Store.open(bad, RULES)
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    """Somebody else's file is not touched."""
    path = tmp_path / "letter.txt"
    path.write_text("Tēnā koe, " * 200)
    with pytest.raises(StoreError, match=r"letter\.txt cannot be used: file is not a database\."):
        Store.open(f"sqlite:///{path}", RULES)
    assert path.read_text().startswith("Tēnā koe")
