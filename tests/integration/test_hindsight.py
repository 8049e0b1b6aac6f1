"""What becomes known after accesses, in the store: marks, closing, self reports, in any order, and after a crash again.

SQLite files always; PostgreSQL too where ``TEST_POSTGRESQL`` is set (see ``test_alert_store.py``).
"""

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from agents.notify import plan_of
from alerts.alert import Alert, alert_id
from alerts.assessment import Severity
from alerts.detection.registry import RULES
from alerts.detection.work_reasons import Actor
from alerts.grouping import HitRecord
from alerts.notify.routing import Reason
from alerts.store.late_evidence import WORK_KEPT, ReportChange, WorkChange
from alerts.store.outbox import LEASE
from alerts.store.queries import Filters
from alerts.store.staff import StaffChange
from alerts.store.store import Store
from alerts.store.tables import STAFF, WORK
from enrichment.nz_time import nz_date
from enrichment.schemas import SelfReport, Work
from tests.support import records
from tests.support.alert_builders import NOON, NOW, a_hit, an_answer
from tests.support.cases import AT_ONCE
from tests.support.databases import an_empty_database, kinds
from tests.support.routes import a_delivery, a_route

DAY = nz_date(NOON)
PAIR, ACTOR = alert_id("S-1", "C-1", DAY), alert_id("S-1", None, DAY)
HOUR, SOON = timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture(params=kinds())
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store with the real rules and the shipped limits."""
    with an_empty_database(request.param, tmp_path) as url:
        opened = Store.open(url, RULES, lambda: AT_ONCE)
        yield opened
        opened.close()


def hit(event_id: str, *rules: str, severity: Severity = "medium", **fields: Any) -> HitRecord:
    """An access of S-1 to C-1 that these rules ask about."""
    return a_hit(event_id, [an_answer(rule, severity) for rule in rules], **fields)


def known(after: timedelta = HOUR, work_id: str = "W-1", **fields: Any) -> WorkChange:
    """A work item of S-1 for C-1, published so long after noon."""
    return WorkChange(work_id, records.work(work_id, **fields), NOON + after)


def deleted(after: timedelta, work_id: str = "W-1") -> WorkChange:
    """The tombstone of a work item."""
    return WorkChange(work_id, None, NOON + after)


def reported(report_id: str = "P-1", staff_id: str = "S-1", client_id: str = "C-1", **fields: Any) -> ReportChange:
    """S-1 reports, an hour after noon, what they opened of C-1 in the two hours around it."""
    times: dict[str, Any] = {"reported_at": NOON + HOUR, "accessed_from": NOON - HOUR, "accessed_to": NOON + HOUR}
    identity: dict[str, Any] = {"report_id": report_id, "staff_id": staff_id, "client_id": client_id}
    return ReportChange(report_id, SelfReport.model_construct(**identity, **(times | fields)))


def marks(store: Store, of: str = PAIR) -> dict[str, bool]:
    """The alert's rules, and which of them are explained later."""
    return {reason.rule: reason.explained_later for reason in store.get(of).reasons}


def said(alert: Alert) -> tuple[str, str | None, str, bool]:
    """Status, outcome, severity, self reported."""
    return alert.status, alert.outcome, alert.severity, alert.self_reported


# Work


def test_work_that_explains_everything_closes_the_alert(store: Store) -> None:
    """One revision by the service; everything else stays as it was; the same work again changes nothing."""
    store.take_hits([hit("e-1", "repeat-visits"), hit("e-2", "media-surge", severity="high", at=NOON + HOUR)], NOW)
    before = store.get(PAIR)
    assert store.take_work([known()], NOW + HOUR) == 1
    after = store.get(PAIR)
    assert said(after) == ("closed", "explained", "high", False)
    assert marks(store) == {"media-surge": True, "repeat-visits": True}
    for same in ("rules", "policy", "access_count", "event_ids", "title", "raised_at", "versions"):
        assert getattr(before, same) == getattr(after, same)
    assert [(entry.revision, entry.what, entry.by) for entry in store.history(PAIR)][1:] == [(2, "closed", None)]
    assert store.take_work([known()], NOW + HOUR) == 0
    assert store.get(PAIR) == after


def test_a_reason_that_nothing_excuses_keeps_the_alert_open(store: Store) -> None:
    """Marks are given; an acknowledged alert is open too; a hit of another rule leaves the marks."""
    store.take_hits([hit("e-1", "repeat-visits", "own-record")], NOW)
    store.acknowledge(PAIR, "S-9", NOW)
    assert store.take_work([known()], NOW) == 1
    assert marks(store) == {"own-record": False, "repeat-visits": True}
    assert said(store.get(PAIR))[:2] == ("acknowledged", None)


def test_a_reason_is_marked_when_every_access_that_hit_it_is_explained(store: Store) -> None:
    """Work 24 hours and a minute after the first of two accesses explains the second alone: nothing to be seen yet."""
    store.take_hits([hit("e-1", "repeat-visits", at=NOON - HOUR), hit("e-2", "repeat-visits")], NOW)
    assert store.take_work([known(24 * HOUR)], NOW) == 0
    assert (marks(store), store.get(PAIR).revision) == ({"repeat-visits": False}, 1)
    assert store.take_work([known(HOUR, "W-2")], NOW) == 1
    assert said(store.get(PAIR))[:2] == ("closed", "explained")


def test_an_alert_about_an_actor_is_explained_access_by_access(store: Store) -> None:
    """Each access has its own client."""
    store.take_hits([hit("e-1", "volume"), hit("e-2", "volume", client="C-2")], NOW)
    assert store.take_work([known()], NOW) == 0
    assert store.take_work([known(work_id="W-2", client_id="C-2")], NOW) == 1
    assert said(store.get(ACTOR))[:2] == ("closed", "explained")


def test_the_unit_counts_as_it_was_when_the_access_was_judged(store: Store) -> None:
    """Kept with the hit."""
    unit = Actor("employee", "U-1", ("case_manager",))
    store.take_hits([hit("e-1", "repeat-visits", actor=unit), hit("e-2", "volume")], NOW)
    assert store.take_work([known(org_unit="U-1")], NOW) == 1
    assert (said(store.get(PAIR))[0], said(store.get(ACTOR))[0]) == ("closed", "new")


def test_a_later_hit_opens_an_explained_alert_again(store: Store) -> None:
    """Of another rule: it keeps its marks, its outcome is null. Of the same, not explained: that mark goes."""
    store.take_hits([hit("e-1", "repeat-visits")], NOW)
    store.take_work([known()], NOW)
    store.take_hits([hit("e-2", "relative-record")], NOW)
    assert said(store.get(PAIR))[:2] == ("new", None)
    assert marks(store) == {"relative-record": False, "repeat-visits": True}
    store.take_hits([hit("e-3", "repeat-visits", client="C-1", at=NOON - 2 * HOUR, judged=NOON)], NOW)
    store.take_work([deleted(25 * HOUR)], NOW)
    assert marks(store) == {"relative-record": False, "repeat-visits": True}, "W-1 was known in time for e-3 as well"


def test_an_alert_that_somebody_closed_stays_as_they_left_it(store: Store) -> None:
    """Work revises open alerts only."""
    store.take_hits([hit("e-1", "repeat-visits")], NOW)
    closed, _ = store.close_alert(PAIR, "confirmed", because=None, by="S-9", now=NOW)
    assert store.take_work([known()], NOW) == 0
    assert store.get(PAIR) == closed


def test_deleting_work_takes_no_mark_back_unless_it_was_gone_before_the_access_was_judged(store: Store) -> None:
    """The alert says what became known in time; but what was withdrawn before the judging said nothing of it."""
    store.take_hits([hit("e-1", "repeat-visits", "own-record"), hit("e-2", "volume", judged=NOON + 3 * HOUR)], NOW)
    store.take_work([known()], NOW)
    assert (marks(store)["repeat-visits"], marks(store, ACTOR)) == (True, {"volume": True})
    store.take_hits([hit("e-3", "search-browsing", client=None)], NOW)
    assert store.take_work([deleted(2 * HOUR)], NOW) == 1
    assert (marks(store)["repeat-visits"], marks(store, ACTOR)["volume"]) == (True, False)
    store.take_hits([hit("e-4", "repeat-visits")], NOW)
    assert not marks(store)["repeat-visits"], "what was deleted explains nothing more"


def test_old_work_is_forgotten_and_not_kept(store: Store) -> None:
    """It still explains what the store has, however late it is read."""
    late = NOW + WORK_KEPT + 2 * HOUR
    store.take_hits([hit("e-1", "repeat-visits", "own-record")], NOW)
    assert store.take_work([known()], late) == 1
    store.take_hits([hit("e-2", "volume")], late)
    assert marks(store, ACTOR) == {"volume": False}
    store.take_work([known(work_id="W-2")], NOW)
    store.forget_old_work(late)
    store.take_hits([hit("e-3", "volume", staff="S-1")], late)
    assert marks(store, ACTOR) == {"volume": False}


# Self reports


def test_a_self_report_lowers_the_severity_while_it_covers_everything(store: Store) -> None:
    """Before or after the hits; an access that it does not cover takes it back; a wider report gives it again."""
    store.take_reports([reported()], NOW)
    taken = store.take_hits([hit("e-1", "own-record", severity="high")], NOW)
    assert said(store.get(PAIR)) == ("new", None, "medium", True)
    assert [raised.severity for raised in taken.raised] == ["medium"]
    store.take_hits([hit("e-2", "own-record", severity="high", at=NOON + 2 * HOUR)], NOW)
    assert said(store.get(PAIR)) == ("new", None, "high", False)
    assert store.take_reports([reported("P-2", accessed_to=NOON + 2 * HOUR)], NOW) == 1
    assert said(store.get(PAIR)) == ("new", None, "medium", True)
    assert store.take_reports([reported("P-2", accessed_to=NOON + 2 * HOUR)], NOW) == 0
    assert store.take_reports([ReportChange("P-2", None)], NOW) == 1
    assert said(store.get(PAIR)) == ("new", None, "high", False)
    assert store.take_reports([ReportChange("P-2", None), ReportChange("P-0", None)], NOW) == 0


def test_a_report_that_is_changed_covers_what_it_says_now(store: Store) -> None:
    """And a closed alert says so too: it stays closed."""
    store.take_hits([hit("e-1", "own-record", severity="high")], NOW)
    store.take_reports([reported()], NOW)
    store.close_alert(PAIR, "self_reported", because=None, by="S-9", now=NOW)
    store.take_reports([reported(client_id="C-2")], NOW)
    assert said(store.get(PAIR)) == ("closed", "self_reported", "high", False)


def test_an_alert_about_an_actor_is_self_reported_when_each_access_is(store: Store) -> None:
    """Each with its own client; one without a client never is."""
    store.take_hits([hit("e-1", "volume"), hit("e-2", "volume", client="C-2")], NOW)
    store.take_reports([reported()], NOW)
    assert not store.get(ACTOR).self_reported
    store.take_reports([reported("P-2", client_id="C-2")], NOW)
    assert store.get(ACTOR).self_reported
    store.take_hits([hit("e-3", "search-browsing", client=None)], NOW)
    assert not store.get(ACTOR).self_reported


# Whatever the order


STEPS: list[Callable[[Store], object]] = [
    lambda store: store.take_hits([hit("e-1", "repeat-visits", "volume")], NOW),
    lambda store: store.take_hits([hit("e-2", "repeat-visits", at=NOON + HOUR)], NOW),
    lambda store: store.take_work([known()], NOW),
    lambda store: store.take_reports([reported()], NOW),
]


@pytest.mark.parametrize("order", [*itertools.permutations(range(len(STEPS)))], ids=str)
def test_it_does_not_matter_what_was_read_first(tmp_path: Path, order: tuple[int, ...]) -> None:
    """Each step twice, as after a crash: in the end both alerts say the same, and are closed as explained."""
    store = Store.open(f"sqlite:///{tmp_path / 'alerts.sqlite3'}", RULES, lambda: AT_ONCE)
    for number in order:
        STEPS[number](store)
        STEPS[number](store)
    found = {alert.alert_id: (*said(alert), alert.access_count) for alert in store.listed(Filters(), 10)}
    assert found == {PAIR: ("closed", "explained", "low", True, 2), ACTOR: ("closed", "explained", "low", True, 1)}
    assert marks(store) == {"repeat-visits": True}
    for key in found:
        revisions = [entry.revision for entry in store.history(key)]
        assert revisions == list(range(1, len(revisions) + 1))
    store.close()


# Taking back


def test_those_who_were_told_hear_that_it_is_explained(store: Store) -> None:
    """And nobody else does, nor when a person closes it."""
    everybody = plan_of(a_delivery(a_route(), a_route("more", "hook")))
    store.take_hits([hit("e-1", "repeat-visits"), hit("e-2", "repeat-visits", staff="S-2")], NOW)
    store.route(plan_of(a_delivery(a_route())), NOW, 10)
    store.take_work([known()], NOW)
    store.close_alert(alert_id("S-2", "C-1", DAY), "explained", because=None, by="S-9", now=NOW)
    routed = store.route(everybody, NOW, 10)
    assert [[decision.reason for decision in one.decisions] for one in routed] == [[Reason.TAKEN_BACK], []]
    assert [(told.revision, told.channel) for told in store.notifications(PAIR)] == [(1, "mail"), (2, "mail")]
    due = store.claim_due("mail", holder="one", now=NOW, lease=LEASE, limit=10)
    assert {(one.alert.alert_id, one.alert.revision) for one in due if one.alert} == {
        (PAIR, 1), (alert_id("S-2", "C-1", DAY), 1),
    }  # fmt: skip


def test_content_that_nobody_named_is_not_kept(store: Store, tmp_path: Path) -> None:
    """A work item's further fields stay outside."""
    item = Work.model_validate_json(records.as_json({**records.LEAST[Work], "note": "Tangiwai"}))
    store.take_work([WorkChange("W-1", item, NOON)], NOW)
    files = list((tmp_path).rglob("alerts.sqlite3*"))
    assert not any(b"Tangiwai" in path.read_bytes() for path in files)


# Deletions


def test_a_deletion_that_can_be_read_in_two_ways(store: Store) -> None:
    """As in Redis: what has the first id goes; only where there is none, what has the other. Staff, work, reports."""
    store.take_hits([hit("e-1", "own-record")], NOW)
    store.take_reports([reported('"P-1"'), reported("P-1")], NOW)
    for still in (True, False):
        store.take_reports([ReportChange('"P-1"', None, "P-1")], NOW)
        assert store.get(PAIR).self_reported is still
    store.take_work([known(work_id="W-1"), known(work_id='"W-1"')], NOW)
    assert work_kept(store) == {"W-1", '"W-1"'}
    store.take_work([WorkChange('"W-1"', None, NOON, "W-1")], NOW)
    assert work_kept(store) == {"W-1"}
    # Put and deleted in one batch, and put once more.
    store.take_work([known(work_id="W-2"), WorkChange("{}", None, NOON, "W-2"), known(work_id="W-3")], NOW)
    assert work_kept(store) == {"W-1", "W-3"}
    store.take_work([WorkChange('"W-1"', None, NOON, "W-1"), WorkChange("W-3", None, NOON)], NOW)
    assert work_kept(store) == set()
    staff = [StaffChange(one, records.staff(one)) for one in ("S-8", '"S-8"', "S-9")]
    store.take_staff(staff)
    store.take_staff([StaffChange('"S-8"', None, "S-8"), StaffChange('"S-9"', None, "S-9")])
    assert staff_kept(store) == {"S-8"}


def work_kept(store: Store) -> set[str]:
    """The ids of the work items that the store holds."""
    with store._database.reading() as connection:
        return set(connection.execute(select(WORK.c.work_id)).scalars())


def staff_kept(store: Store) -> set[str]:
    """The ids of the staff members that the store holds."""
    with store._database.reading() as connection:
        return set(connection.execute(select(STAFF.c.staff_id)).scalars())
