"""Builders of hits for the tests of alerts: they supply everything that a test is not about."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from alerts.alert import Alert, Reason
from alerts.assessment import Answer, Assessment, Evidence, Severity, Versions
from alerts.detection.rule import About, AnyRule, Case, Limits, NoMatch, Rule, RuleResult
from alerts.detection.work_reasons import Actor, Circumstances, Owner
from alerts.grouping import HitRecord

#: A Friday morning in New Zealand (NZDT): 09:14:07 on 20 November 2026 there.
NOON = datetime(2026, 11, 19, 20, 14, 7, tzinfo=UTC)
NOW = NOON + timedelta(seconds=2)
VERSIONS = Versions("1", "abc", "ref-1")
#: Whom ``an_alert`` is about; ids that no message may carry by default.
STAFF, CLIENT = "S-4711", "C-0815"


def _quiet(_case: Case, _limits: Limits) -> RuleResult:
    return NoMatch("never asks")


def _rule(id_: str, title: str, about: About, *clauses: str) -> AnyRule:
    return Rule(id=id_, title=title, about=about, clauses=clauses, limits=Limits, evaluate=_quiet)


#: A small catalogue: three rules about a pair, two about an actor.
RULES: dict[str, AnyRule] = {
    rule.id: rule
    for rule in (
        _rule("own-record", "Own record", "pair", "never.kaimahi"),
        _rule("relative-record", "Record of a relative", "pair", "never.close", "like.whanau"),
        _rule("media-watchlist", "Record of somebody in the news", "pair", "like.media"),
        _rule("volume", "Many records in an hour", "actor", "purpose"),
        _rule("unknown-staff", "Unknown user", "actor", "control"),
    )
}


def an_answer(rule: str = "own-record", severity: Severity = "high", sentence: str | None = None) -> Answer:
    """A live hit of one rule."""
    evidence = (Evidence("staff record", "S-1", "ref.staff.v1", NOON - timedelta(days=1)),)
    return Answer(rule, "hit", "live", severity, sentence or f"{rule} asks.", evidence)


def a_hit(
    event_id: str = "e-1",
    answers: Sequence[Answer] | None = None,
    *,
    staff: str = "S-1",
    client: str | None = "C-1",
    at: datetime = NOON,
    recorded: datetime | None = None,
    actor_conflicted: bool = False,
    owner_conflicted: bool = False,
    versions: Versions = VERSIONS,
    work_id: str | None = None,
    actor: Actor | None = None,
    owners: tuple[Owner, ...] = (),
    judged: datetime | None = None,
) -> HitRecord:
    """One record of ``integrity.hit.v1``."""
    assessment = Assessment(
        event_id=event_id,
        occurred_at=at,
        staff_id=staff,
        client_id=client,
        action="view",
        outcome="hit",
        explanation=None,
        answers=tuple(answers) if answers is not None else (an_answer(),),
        alert_ids=(),
        versions=versions,
    )
    milliseconds = int((recorded or NOON).timestamp() * 1000)
    said = Circumstances(work_id, actor, owners)
    return HitRecord(assessment, milliseconds, actor_conflicted, owner_conflicted, said, judged or NOON)


def an_alert(*rules: str) -> Alert:
    """An alert whose sentences and evidence name everybody."""
    rules = rules or ("own-record",)
    evidence = (Evidence("staff record", STAFF, "ref.staff.v1", NOON),)
    return Alert(
        alert_id="al-abcdefghijklmnopqrst",
        revision=2,
        raised_at=NOW,
        updated_at=NOW,
        day=date(2026, 11, 20),
        staff_id=STAFF,
        client_id=CLIENT,
        severity="high",
        title="Own record",
        rules=rules,
        reasons=tuple(Reason(rule, f"{STAFF} opened {CLIENT}.", evidence, explained_later=False) for rule in rules),
        first_access_at=NOON,
        last_access_at=NOON + timedelta(minutes=3),
        access_count=2,
        event_ids=("event-1", "event-2"),
        policy=("never.kaimahi",),
        self_reported=False,
        conflicted=False,
        status="new",
        outcome=None,
        versions=VERSIONS,
    )
