"""From a hit to a question: what settles, who is asked, what they answer, scores and slips. On both stores."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.alert import alert_id
from alerts.assessment import Severity
from alerts.detection.registry import RULES
from alerts.detection.work_reasons import Circumstances
from alerts.grouping import HitRecord
from alerts.store.database import Database, NotPossible
from alerts.store.late_evidence import WorkChange
from alerts.store.queries import Filters
from alerts.store.settling import JUDGED_WITHIN
from alerts.store.staff import StaffChange
from alerts.store.store import Store
from cases.investigations import staff_under_investigation
from cases.tables import INVESTIGATIONS
from enrichment.nz_time import nz_date, working_deadline
from tests.support import records
from tests.support.alert_builders import NOON, NOW, a_hit, an_answer
from tests.support.cases import SHIPPED
from tests.support.databases import an_empty_database, kinds

DAY = nz_date(NOON)
PAIR, ACTOR = alert_id("S-1", "C-1", DAY), alert_id("S-1", None, DAY)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
LIMIT = 100


@pytest.fixture(params=kinds())
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store with the real rules, the shipped limits and a canary."""
    with an_empty_database(request.param, tmp_path) as url:
        opened = Store.open(url, RULES, lambda: SHIPPED, frozenset({"CANARY-1"}))
        yield opened
        opened.close()


def hit(
    event_id: str, *rules: str, severity: Severity = "medium", may_be_slip: bool = False, **fields: Any
) -> HitRecord:
    """An access of S-1 to C-1 at noon that these rules ask about."""
    record = a_hit(event_id, [an_answer(rule, severity) for rule in rules], **fields)
    return replace(record, circumstances=Circumstances(may_be_slip=may_be_slip))


def state(store: Store, of: str = PAIR) -> tuple[str, str, str | None]:
    """Status, audience, outcome."""
    alert = store.get(of)
    return alert.status, alert.audience, alert.outcome


def settle(store: Store, after: timedelta, read_to: timedelta | None = None) -> tuple[list[str], list[str]]:
    """Let what has settled so long after noon become new; the rules of alerts and of notices."""
    found = store.settle(NOON + after, NOON + (after if read_to is None else read_to), LIMIT)
    return [one.rule for one in found.raised], list(found.notices)


# -- settling ---------------------------------------------------------------------------------------------------------


def test_what_does_not_settle_is_new_at_once(store: Store) -> None:
    """And is counted once."""
    taken = store.take_hits([hit("e-1", "own-record", "restricted-record", severity="high")], NOW)
    assert [one.rule for one in taken.raised] == ["own-record"]
    assert state(store) == ("new", "integrity", None)
    assert not store.anything_settles(NOON + timedelta(days=1))


def test_an_alert_all_of_whose_reasons_settle_is_pending_until_its_time(store: Store) -> None:
    """Thirty minutes from the record of its first access: published, not listed, told to nobody before."""
    assert store.take_hits([hit("e-1", "restricted-record", severity="high")], NOW).raised == ()
    assert state(store) == ("pending", "integrity", None)
    assert store.listed(Filters(), LIMIT) == []
    assert [one.alert_id for one in store.listed(Filters(status="pending"), LIMIT)] == [PAIR]
    assert not store.anything_settles(NOON + 30 * MINUTE - SECOND)
    assert settle(store, 30 * MINUTE - SECOND) == ([], [])
    assert store.anything_settles(NOON + 30 * MINUTE)
    assert settle(store, 30 * MINUTE) == (["restricted-record"], [])
    assert state(store) == ("new", "integrity", None)
    assert [one.alert_id for one in store.listed(Filters(), LIMIT)] == [PAIR]
    assert settle(store, 31 * MINUTE) == ([], [])
    assert [entry.what for entry in store.history(PAIR)] == ["raised", "settled"]
    assert store.verify().problems == []


def test_nothing_is_new_before_the_work_of_its_time_is_read(store: Store) -> None:
    """However late it is read."""
    store.take_hits([hit("e-1", "restricted-record")], NOW)
    assert settle(store, timedelta(hours=5), read_to=30 * MINUTE - SECOND) == ([], [])
    assert state(store)[0] == "pending"
    assert settle(store, timedelta(hours=5), read_to=30 * MINUTE) == (["restricted-record"], [])


def test_work_that_becomes_known_while_it_settles_closes_it_and_nobody_is_asked(store: Store) -> None:
    """As soon as it is read; its time passes and nothing becomes of it."""
    store.take_hits([hit("e-1", "contact-lookup", "volume")], NOW)
    store.take_work([WorkChange("W-1", records.work("W-1"), NOON + 10 * MINUTE)], NOON + 10 * MINUTE)
    assert state(store, ACTOR) == ("closed", "integrity", "explained")
    assert settle(store, timedelta(hours=1)) == ([], [])
    assert [one.outcome for one in store.listed(Filters(), LIMIT)] == ["explained"]
    assert (store.notices(None, LIMIT), store.precision()) == ([], [])


def test_a_reason_that_does_not_settle_makes_a_pending_alert_new(store: Store) -> None:
    """At once."""
    store.take_hits([hit("e-1", "restricted-record")], NOW)
    taken = store.take_hits([hit("e-2", "media-watchlist", at=NOON + MINUTE)], NOW)
    assert [one.rule for one in taken.raised] == ["media-watchlist"]
    assert state(store) == ("new", "integrity", None)


def test_a_later_hit_opens_a_closed_alert_as_pending_where_it_settles(store: Store) -> None:
    """With a time of its own; one that does not settle opens it as new."""
    store.take_hits([hit("e-1", "repeat-visits")], NOW)
    store.take_work([WorkChange("W-1", records.work("W-1"), NOON + MINUTE)], NOON + MINUTE)
    later = NOON + timedelta(hours=1)
    again = hit("e-2", "restricted-record", at=later, recorded=later)
    store.take_hits([again], later)
    # The work that closed it explains this access too.
    assert state(store)[::2] == ("closed", "explained")
    third = hit("e-3", "own-record", at=later, recorded=later)
    store.take_hits([third], later)
    assert state(store) == ("new", "integrity", None)


# -- notices ----------------------------------------------------------------------------------------------------------


def a_notice(store: Store, event_id: str = "e-1", **fields: Any) -> None:
    """A question about contact lookups that has settled."""
    store.take_hits([hit(event_id, "colleague-circle", **fields)], NOW)


def test_a_question_to_the_staff_member_is_a_notice(store: Store) -> None:
    """Not in the list of alerts nor in Integrity's figures; told once it has settled; they have 24 working hours."""
    a_notice(store)
    assert state(store) == ("pending", "actor", None)
    assert settle(store, 30 * MINUTE) == ([], ["colleague-circle"])
    assert state(store) == ("new", "actor", None)
    assert store.listed(Filters(), LIMIT) == []
    (notice,) = store.notices("S-1", LIMIT, waiting=True)
    assert (notice.told_at, notice.answer_by) == (NOON + 30 * MINUTE, working_deadline(NOON + 30 * MINUTE, 24))
    assert store.backlog(NOON + timedelta(days=1)).alerts == {}
    with pytest.raises(NotPossible, match="is a question to the staff member"):
        store.acknowledge(PAIR, "S-9", NOW)
    with pytest.raises(NotPossible, match="is a question to the staff member"):
        store.close_alert(PAIR, "confirmed", because=None, by="S-9", now=NOW)
    with pytest.raises(NotPossible, match="is a question to the staff member"):
        store.reopen(PAIR, because=None, by="S-9", now=NOW)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("work", ("closed", "actor", "explained")),
        ("mistake", ("closed", "actor", "self_reported")),
        ("talk", ("new", "integrity", None)),
    ],
)
def test_each_answer_has_its_outcome(store: Store, given: Any, expected: tuple[str, str, str | None]) -> None:
    """Once; the time to answer is over with it."""
    a_notice(store)
    settle(store, 30 * MINUTE)
    store.answer(PAIR, given, because=None, by="S-1", now=NOON + timedelta(hours=1))
    assert state(store) == expected
    with pytest.raises(NotPossible, match="it waits for no answer"):
        store.answer(PAIR, given, because=None, by="S-1", now=NOON + timedelta(hours=1))
    assert store.unanswered(NOON + timedelta(days=9), LIMIT).raised == ()
    assert len(store.listed(Filters(), LIMIT)) == (given == "talk")
    assert store.verify().problems == []


def test_a_notice_without_an_answer_becomes_internal_integritys(store: Store) -> None:
    """At the end of its working hours, with a reason that says so."""
    a_notice(store)
    settle(store, 30 * MINUTE)
    (notice,) = store.notices(None, LIMIT)
    assert notice.answer_by is not None
    assert store.unanswered(notice.answer_by - SECOND, LIMIT).raised == ()
    (raised,) = store.unanswered(notice.answer_by, LIMIT).raised
    assert raised.severity == "medium"
    alert = store.get(PAIR)
    assert (alert.audience, alert.status, alert.rules) == (
        "integrity",
        "new",
        ("colleague-circle", "unanswered-notice"),
    )
    assert "was not answered within 24 working hours" in alert.reasons[1].sentence
    assert alert.access_count == 1
    assert [one.alert_id for one in store.listed(Filters(), LIMIT)] == [PAIR]
    assert store.verify().problems == []


def test_the_second_without_an_answer_is_high(store: Store) -> None:
    """Within 90 dates."""
    for number, client in enumerate(("C-1", "C-2")):
        a_notice(store, f"e-{number}", client=client)
    settle(store, 30 * MINUTE)
    raised = [one.severity for one in store.unanswered(NOON + timedelta(days=9), LIMIT).raised]
    assert raised == ["medium", "high"]
    later = NOON + timedelta(days=30)
    store.take_hits([hit("e-9", "colleague-circle", at=later, recorded=later, client="C-3")], later)
    store.settle(later + 30 * MINUTE, later + 30 * MINUTE, LIMIT)
    (third,) = store.unanswered(later + timedelta(days=9), LIMIT).raised
    assert third.severity == "high"


def test_the_third_about_a_pair_is_told_to_integrity_alone(store: Store) -> None:
    """Told ones of 30 dates count, answered or not, but for those closed as explained."""
    for number in range(3):
        at = NOON + timedelta(days=number)
        store.take_hits([hit(f"e-{number}", "colleague-circle", at=at, recorded=at)], at)
        found = store.settle(at + 30 * MINUTE, at + 30 * MINUTE, LIMIT)
        assert bool(found.notices) == (number < 2)
        assert [one.rule for one in found.raised] == ([] if number < 2 else ["colleague-circle"])
    alert = store.get(alert_id("S-1", "C-1", DAY + timedelta(days=2)))
    assert alert.rules == ("colleague-circle", "unanswered-notice")
    assert "question 3 about this staff member and this client within 30 dates" in alert.reasons[1].sentence


def test_those_closed_as_explained_do_not_count(store: Store) -> None:
    """The staff member named the work."""
    for number in range(3):
        at = NOON + timedelta(days=number)
        store.take_hits([hit(f"e-{number}", "colleague-circle", at=at, recorded=at)], at)
        assert store.settle(at + 30 * MINUTE, at + 30 * MINUTE, LIMIT).notices == ("colleague-circle",)
        of = alert_id("S-1", "C-1", DAY + timedelta(days=number))
        store.answer(of, "work", because="work item W-1", by="S-1", now=at + timedelta(hours=1))


def test_the_sixth_to_an_actor_is_told_to_integrity(store: Store) -> None:
    """Whoever they are about, whether they settle together or one after the other."""
    for number in range(6):
        a_notice(store, f"e-{number}", client=f"C-{number}", at=NOON + number * SECOND, recorded=NOON + number * SECOND)
    assert settle(store, 31 * MINUTE) == (["colleague-circle"], ["colleague-circle"] * 5)
    a_notice(store, "e-9", client="C-9")
    # The second such alert of an actor is high, so that reason leads.
    assert settle(store, 32 * MINUTE) == (["unanswered-notice"], [])
    for client in ("C-5", "C-9"):
        assert store.get(alert_id("S-1", client, DAY)).audience == "integrity"


def test_three_about_a_pair_that_settle_together(store: Store) -> None:
    """As those of three dates do for somebody who is back from leave: the third is Internal Integrity's."""
    for number in range(3):
        at = NOON + timedelta(days=number)
        store.take_hits([hit(f"e-{number}", "colleague-circle", at=at, recorded=at)], at)
    assert settle(store, timedelta(days=4)) == (["colleague-circle"], ["colleague-circle"] * 2)
    assert store.get(alert_id("S-1", "C-1", DAY + timedelta(days=2))).audience == "integrity"


def test_nothing_is_put_to_somebody_on_leave(store: Store) -> None:
    """It settles until the day after the last of leave; work may still explain it meanwhile."""
    leave = [{"from": DAY.isoformat(), "to": (DAY + timedelta(days=2)).isoformat()}]
    store.take_staff([StaffChange("S-1", records.staff("S-1", leave=leave))])
    a_notice(store)
    assert settle(store, 30 * MINUTE) == ([], [])
    assert settle(store, timedelta(hours=20)) == ([], [])
    assert state(store) == ("pending", "actor", None)
    assert settle(store, timedelta(days=3)) == ([], ["colleague-circle"])


def test_nothing_is_put_to_somebody_under_investigation(tmp_path: Path) -> None:
    """The alert is Internal Integrity's while an investigation about the actor is open."""
    url = f"sqlite:///{tmp_path / 'alerts.sqlite3'}"
    store = Store.open(url, RULES, lambda: SHIPPED, under_investigation=staff_under_investigation)
    with Database.open(url).writing() as connection:
        investigation = {
            "number": "I-1", "opened_at": NOON, "opened_on": DAY, "origin": "other", "staff_id": "S-1",
            "question": "?", "lead": "S-9", "status": "waiting", "is_covert": False,
        }  # fmt: skip
        connection.execute(INVESTIGATIONS.insert(), investigation)
    a_notice(store)
    assert settle(store, 30 * MINUTE) == (["colleague-circle"], [])
    assert state(store) == ("new", "integrity", None)
    with Database.open(url).writing() as connection:
        connection.execute(INVESTIGATIONS.update().values(status="closed"))
    a_notice(store, "e-2", client="C-2")
    assert settle(store, 30 * MINUTE) == ([], ["colleague-circle"])
    store.close()


def test_an_alert_of_both_is_integritys(store: Store) -> None:
    """And stays so."""
    a_notice(store)
    settle(store, 30 * MINUTE)
    taken = store.take_hits([hit("e-2", "own-record", severity="high", at=NOON + MINUTE)], NOON + timedelta(hours=1))
    assert [one.rule for one in taken.raised] == ["own-record"]
    assert state(store) == ("new", "integrity", None)
    assert store.unanswered(NOON + timedelta(days=9), LIMIT).raised == ()


def test_a_low_repeat_visit_is_for_the_staff_member(store: Store) -> None:
    """A medium one for Internal Integrity."""
    store.take_hits([hit("e-1", "repeat-visits", severity="low")], NOW)
    assert state(store) == ("pending", "actor", None)
    store.take_hits([hit("e-2", "repeat-visits", severity="medium", at=NOON + MINUTE)], NOW)
    assert state(store) == ("pending", "integrity", None)


# -- slips ------------------------------------------------------------------------------------------------------------


def a_scope_hit(store: Store, number: int, *, may_be_slip: bool, at: datetime = NOON) -> None:
    """An access outside a scope."""
    store.take_hits([hit(f"e-{number}", "scope", severity="high", may_be_slip=may_be_slip, at=at, recorded=at)], at)


def test_what_was_a_slip_is_put_to_the_staff_member(store: Store) -> None:
    """Looked at when it has settled; until then nobody is asked."""
    a_scope_hit(store, 1, may_be_slip=True)
    due = NOON + 2 * MINUTE + JUDGED_WITHIN
    assert store.slips_due(NOON + 2 * MINUTE - SECOND, LIMIT) == []
    (slip,) = store.slips_due(due, LIMIT)
    assert (slip.staff_id, slip.client_id, slip.at) == ("S-1", "C-1", NOON)
    assert store.settle(due, due, LIMIT).notices == ()
    decided = store.decide_slips([(slip, True)], due)
    assert (decided.raised, decided.revised) == ((), 1)
    assert store.settle(due, due, LIMIT).notices == ("scope",)
    assert state(store, ACTOR) == ("new", "actor", None)


@pytest.mark.parametrize("may_be_slip", [True, False])
def test_what_was_none_is_internal_integritys(store: Store, may_be_slip: bool) -> None:
    """Whether it never could be one or turned out to be none."""
    a_scope_hit(store, 1, may_be_slip=may_be_slip)
    due = NOON + 2 * MINUTE + JUDGED_WITHIN
    store.decide_slips([(one, False) for one in store.slips_due(due, LIMIT)], due)
    assert [one.rule for one in store.settle(due, due, LIMIT).raised] == ["scope"]
    assert state(store, ACTOR) == ("new", "integrity", None)


def test_the_sixth_slip_of_seven_dates_is_none(store: Store) -> None:
    """Five are; the one on the eighth date is one again."""
    for number in range(6):
        a_scope_hit(store, number, may_be_slip=True, at=NOON + number * SECOND)
    due = NOON + 3 * MINUTE
    store.decide_slips([(one, True) for one in store.slips_due(due, LIMIT)], due)
    store.settle(due, due, LIMIT)
    assert state(store, ACTOR)[1] == "integrity"
    later = NOON + timedelta(days=7)
    a_scope_hit(store, 9, may_be_slip=True, at=later)
    due = later + 3 * MINUTE
    store.decide_slips([(one, True) for one in store.slips_due(due, LIMIT)], due)
    assert store.get(alert_id("S-1", None, DAY + timedelta(days=7))).audience == "actor"


def test_a_notice_that_is_no_slip_after_all_is_raised_for_integrity(store: Store) -> None:
    """One that was told of another slip of the same alert; counted once."""
    a_scope_hit(store, 1, may_be_slip=True)
    due = NOON + 3 * MINUTE
    store.decide_slips([(one, True) for one in store.slips_due(due, LIMIT)], due)
    assert store.settle(due, due, LIMIT).notices == ("scope",)
    a_scope_hit(store, 2, may_be_slip=True, at=NOON + 10 * MINUTE)
    later = NOON + 20 * MINUTE
    decided = store.decide_slips([(one, False) for one in store.slips_due(later, LIMIT)], later)
    assert [one.rule for one in decided.raised] == ["scope"]
    assert state(store, ACTOR) == ("new", "integrity", None)
    assert store.settle(later, later, LIMIT).raised == ()


# -- scores and canaries ----------------------------------------------------------------------------------------------


def test_a_score_is_the_share_that_people_confirmed(store: Store) -> None:
    """A prior of strength four by severity, then what was decided about alerts with the same questions."""
    store.take_hits([hit("e-1", "own-record", severity="high")], NOW)
    first = store.get(PAIR).score
    assert first is not None
    assert (first.value, first.decided, first.confirmed) == (0.5, 0, 0)
    assert first.basis == "No alert with these questions has been decided; 0.5 is assumed for severity high."
    for number, outcome in enumerate(("confirmed", "confirmed", "explained", "no_further_action")):
        client = f"C-1{number}"
        store.take_hits([hit(f"d-{number}", "own-record", severity="high", client=client)], NOW)
        store.close_alert(alert_id("S-1", client, DAY), outcome, because=None, by="S-9", now=NOW)  # type: ignore[arg-type]
    store.take_hits([hit("e-2", "own-record", severity="high", client="C-9")], NOW)
    score = store.get(alert_id("S-1", "C-9", DAY)).score
    assert score is not None
    assert (score.value, score.decided, score.confirmed) == (round(4 / 7, 4), 3, 2)
    assert score.basis == "Of 3 decided alerts with these questions, 2 were confirmed."
    assert [one.alert_id for one in store.listed(Filters(status="new"), LIMIT)] == [
        alert_id("S-1", "C-9", DAY), PAIR,
    ]  # fmt: skip
    (combination,) = store.combinations()
    assert (combination.questions, combination.confirmed, combination.decided, combination.closed) == (
        ("own-record",), 2, 3, 4,
    )  # fmt: skip


def test_a_canary_is_closed_by_the_service_and_seen_by_nobody(store: Store) -> None:
    """Not listed, not counted, and no further hit opens it."""
    for number in range(2):
        taken = store.take_hits([hit(f"e-{number}", "own-record", severity="high", staff="CANARY-1")], NOW)
        assert taken.raised == ()
    alert = store.get(alert_id("CANARY-1", "C-1", DAY))
    assert (alert.status, alert.outcome) == ("closed", "canary")
    assert store.listed(Filters(), LIMIT) == []
    with pytest.raises(NotPossible, match="is a canary"):
        store.reopen(alert.alert_id, because=None, by="S-9", now=NOW)


def test_a_deadline_counts_working_days_only() -> None:
    """From a Friday's noon to Monday's; over Christmas and New Year to the next working day."""
    friday = datetime.fromisoformat("2026-11-20T12:00:00+13:00")
    assert working_deadline(friday, 24) == datetime.fromisoformat("2026-11-23T12:00:00+13:00")
    assert working_deadline(friday, 0.5) == friday + timedelta(minutes=30)
    christmas = datetime.fromisoformat("2026-12-24T12:00:00+13:00")
    # The 25th and 28th are holidays, as are Saturday and Sunday no working days.
    assert nz_date(working_deadline(christmas, 24)) == date(2026, 12, 29)
