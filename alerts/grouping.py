"""Which alert a hit belongs to, what an alert gathers of its hits, and how that is said as an Alert.

The identity of a hit is (alert, event, rule). ``aggregate`` folds hits into what an alert needs to know of them, so
that the ten-thousandth hit of a day costs as much as the second: folding in any order, in any batches, gives the
same. ``render`` says what was gathered as an Alert, rules in the catalogue's order.

Sources: ``docs/policy.md`` (pair, actor; severity is the highest of the reasons', one step lower, not below low, when
self-reported), ``docs/contract.md`` section 3 (one alert per New Zealand day; the Alert's fields).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from pydantic import TypeAdapter

from alerts.alert import Alert, Outcome, Reason, Score, Status, alert_id, utc
from alerts.assessment import SEVERITIES, Answer, Assessment, Audience, Evidence, Severity, Versions
from alerts.detection.rule import About, AnyRule
from alerts.detection.work_reasons import Circumstances
from enrichment.nz_time import nz_date

#: An alert names its first accesses, by (occurred_at, event_id); the count says how many there are.
EVENT_IDS_MAX = 50
#: The rule whose accesses may be slips.
SCOPE = "scope"

Rules = Mapping[str, AnyRule]
#: Whether an access that may be a slip was one; ``may`` until what the actor did next has been looked at.
Slip = Literal["may", "yes", "no"]
_NOT_KNOWN = Circumstances()


@dataclass(frozen=True, slots=True)
class HitRecord:
    """One record of ``integrity.hit.v1`` with what its headers said.

    ``recorded_ms`` is the timestamp of the access in ``cms.access.v1``, in milliseconds; ``judged_at`` is the record's
    own, None where it is not known.
    """

    assessment: Assessment
    recorded_ms: int
    actor_conflicted: bool = False
    owner_conflicted: bool = False
    circumstances: Circumstances = _NOT_KNOWN
    judged_at: datetime | None = None

    @classmethod
    def of(
        cls,
        assessment: Assessment,
        recorded_ms: int,
        conflict: str,
        circumstances: Circumstances = _NOT_KNOWN,
        judged_at: datetime | None = None,
    ) -> "HitRecord":
        """Read the header ``accesswatch.conflict``: "actor" and "owner", with a comma between, or nothing."""
        said = conflict.split(",")
        return cls(assessment, recorded_ms, "actor" in said, "owner" in said, circumstances, judged_at)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom and which New Zealand day an alert is about."""

    alert_id: str
    staff_id: str
    client_id: str | None
    day: date


@dataclass(frozen=True, slots=True)
class AlertHit:
    """One rule's answer about one access, inside one alert."""

    event_id: str
    rule: str
    severity: Severity
    sentence: str
    evidence: tuple[Evidence, ...]
    occurred_at: datetime
    recorded_ms: int
    conflicted: bool
    versions: Versions
    #: Of the rule ``scope`` alone.
    slip: Slip | None = None


@dataclass(frozen=True, slots=True)
class LateEvidence:
    """Of some hits, as (event_id, rule), what was not known when they were judged."""

    explained: set[tuple[str, str]] = field(default_factory=set)
    covered: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class AlertDigest:
    """What an alert knows of all its distinct hits: the leading one per rule, the first accesses, the latest.

    ``unexplained`` counts, by rule, the hits that no work known later explains; ``uncovered`` counts those that no
    self report covers.
    """

    reasons: dict[str, AlertHit]
    first_events: tuple[tuple[datetime, str], ...]
    latest: AlertHit
    access_count: int
    conflicted: bool
    unexplained: dict[str, int]
    uncovered: int
    #: By rule, the record timestamp in ms of its first access, since the alert was last closed.
    recorded: dict[str, int] = field(default_factory=dict)
    #: How many accesses outside a scope are slips, are none, or may still turn out to be one.
    slips: dict[Slip, int] = field(default_factory=dict)

    @property
    def explained(self) -> bool:
        """Work that became known later explains every reason."""
        return not any(self.unexplained.values())

    @property
    def self_reported(self) -> bool:
        """A self report covers every access."""
        return not self.uncovered


ALERT_DIGEST: TypeAdapter[AlertDigest] = TypeAdapter(AlertDigest)


def subject_of(staff_id: str, client_id: str | None, occurred_at: datetime, rule: str, rules: Rules) -> Subject:
    """Return which alert a hit of *rule* belongs to."""
    about = client_id if _about(rule, client_id, rules) == "pair" else None
    day = nz_date(occurred_at)
    return Subject(alert_id(staff_id, about, day), staff_id, about, day)


def alert_ids_of(
    staff_id: str, client_id: str | None, occurred_at: datetime, live_hits: Iterable[str], rules: Rules
) -> tuple[str, ...]:
    """Return the ids of the alerts that an access with these live hits belongs to, the one about the pair first."""
    subjects = {subject_of(staff_id, client_id, occurred_at, rule, rules) for rule in live_hits}
    return tuple(s.alert_id for s in sorted(subjects, key=lambda s: s.client_id is None))


def split(record: HitRecord, rules: Rules) -> list[tuple[Subject, AlertHit]]:
    """Return each live hit of an assessment with the alert that it belongs to; shadow hits and abstentions fall out."""
    found = record.assessment
    hits = []
    for answer in found.answers:
        if answer.answer == "hit" and answer.stage == "live":
            subject = subject_of(found.staff_id, found.client_id, found.occurred_at, answer.rule, rules)
            hits.append((subject, _alert_hit(record, answer, subject)))
    return hits


def aggregate(
    so_far: AlertDigest | None,
    fresh: Sequence[AlertHit],
    known_events: Collection[str] = (),
    late: LateEvidence | None = None,
) -> AlertDigest:
    """Fold hits that the alert did not have into what it knows.

    Args:
        so_far: what the alert knew, None for a new one.
        fresh: at least one hit, each (event_id, rule) new to the alert.
        known_events: those of their event ids that had hit in this alert before.
        late: what is known of them that was not known when they were judged.
    """
    reasons = dict(so_far.reasons) if so_far else {}
    earliest = {event: at for at, event in so_far.first_events} if so_far else {}
    latest = so_far.latest if so_far else fresh[0]
    unexplained = dict(so_far.unexplained) if so_far else {}
    recorded = dict(so_far.recorded) if so_far else {}
    slips = Counter(so_far.slips if so_far else {})
    for hit in fresh:
        recorded[hit.rule] = min(hit.recorded_ms, recorded.get(hit.rule, hit.recorded_ms))
        if hit.slip is not None:
            slips[hit.slip] += 1
        open_still = late is None or (hit.event_id, hit.rule) not in late.explained
        unexplained[hit.rule] = unexplained.get(hit.rule, 0) + open_still
        kept = reasons.get(hit.rule)
        if kept is None or _leads(hit) < _leads(kept):
            reasons[hit.rule] = hit
        earliest[hit.event_id] = min(hit.occurred_at, earliest.get(hit.event_id, hit.occurred_at))
        latest = max(latest, hit, key=lambda h: (h.occurred_at, h.event_id, h.rule))
    return AlertDigest(
        reasons={rule: reasons[rule] for rule in sorted(reasons)},
        first_events=tuple(sorted((at, event) for event, at in earliest.items()))[:EVENT_IDS_MAX],
        latest=latest,
        access_count=(so_far.access_count if so_far else 0) + len({h.event_id for h in fresh} - set(known_events)),
        conflicted=(so_far.conflicted if so_far else False) or any(h.conflicted for h in fresh),
        unexplained={rule: unexplained[rule] for rule in sorted(unexplained)},
        uncovered=(so_far.uncovered if so_far else 0)
        + sum(late is None or (h.event_id, h.rule) not in late.covered for h in fresh),
        recorded={rule: recorded[rule] for rule in sorted(recorded)},
        slips=dict(slips),
    )


def reconsider(so_far: AlertDigest, explained: Mapping[str, int], covered: int) -> AlertDigest:
    """Take in what has become known of hits that the alert has.

    Args:
        so_far: what the alert knew.
        explained: by rule, how many more of its hits are explained; fewer where negative.
        covered: how many more hits a self report covers; fewer where negative.
    """
    unexplained = {rule: count - explained.get(rule, 0) for rule, count in so_far.unexplained.items()}
    return replace(so_far, unexplained=unexplained, uncovered=so_far.uncovered - covered)


def _about(rule: str, client_id: str | None, rules: Rules) -> About:
    if client_id is None:
        return "actor"
    return rules[rule].about if rule in rules else "pair"


def _alert_hit(record: HitRecord, answer: Answer, subject: Subject) -> AlertHit:
    found = record.assessment
    about_pair = subject.client_id is not None
    return AlertHit(
        event_id=found.event_id,
        rule=answer.rule,
        severity=answer.severity or SEVERITIES[0],
        sentence=answer.sentence,
        evidence=answer.evidence,
        occurred_at=utc(found.occurred_at),
        recorded_ms=record.recorded_ms,
        conflicted=record.actor_conflicted or (about_pair and record.owner_conflicted),
        versions=found.versions,
        slip=("may" if record.circumstances.may_be_slip else "no") if answer.rule == SCOPE else None,
    )


def _leads(hit: AlertHit) -> tuple[int, datetime, str]:
    """Smallest first: the highest severity, then the earliest access, then its id."""
    return (-SEVERITIES.index(hit.severity), hit.occurred_at, hit.event_id)


@dataclass(frozen=True, slots=True)
class AlertState:
    """What people and time make of an alert, beside its content."""

    revision: int
    raised_at: datetime
    updated_at: datetime
    status: Status
    outcome: Outcome | None
    audience: Audience = "integrity"
    score: Score | None = None


def render(subject: Subject, gathered: AlertDigest, state: AlertState, rules: Rules) -> Alert:
    """Return what was gathered as an alert: rules and clauses in the catalogue's order, one reason per rule."""
    ordered = in_order(gathered.reasons, rules)
    reasons = [gathered.reasons[rule] for rule in ordered]
    severity = max((r.severity for r in reasons), key=SEVERITIES.index)
    if gathered.self_reported:
        severity = SEVERITIES[max(0, SEVERITIES.index(severity) - 1)]
    policy = dict.fromkeys(clause for rule in ordered if rule in rules for clause in rules[rule].clauses)
    return Alert(
        alert_id=subject.alert_id,
        revision=state.revision,
        raised_at=utc(state.raised_at),
        updated_at=utc(state.updated_at),
        day=subject.day,
        staff_id=subject.staff_id,
        client_id=subject.client_id,
        severity=severity,
        title=_title(gathered, rules),
        rules=tuple(ordered),
        reasons=tuple(
            Reason(r.rule, r.sentence, r.evidence, explained_later=not gathered.unexplained[r.rule]) for r in reasons
        ),
        first_access_at=gathered.first_events[0][0],
        last_access_at=gathered.latest.occurred_at,
        access_count=gathered.access_count,
        event_ids=tuple(event for _, event in gathered.first_events),
        policy=tuple(policy),
        self_reported=gathered.self_reported,
        conflicted=gathered.conflicted,
        status=state.status,
        outcome=state.outcome,
        versions=gathered.latest.versions,
        audience=state.audience,
        score=state.score,
    )


def leading_rule(gathered: AlertDigest, rules: Rules) -> str:
    """Name the rule that speaks for the alert: the first of the catalogue among those with the highest severity."""
    ordered = in_order(gathered.reasons, rules)
    return max(ordered, key=lambda rule: SEVERITIES.index(gathered.reasons[rule].severity))


def in_order(rule_ids: Iterable[str], rules: Rules) -> list[str]:
    """Sort rule ids as the catalogue has them; ids that only a newer worker knows come last, by name."""
    place = {rule: number for number, rule in enumerate(rules)}
    return sorted(rule_ids, key=lambda rule: (place.get(rule, len(place)), rule))


def _title(gathered: AlertDigest, rules: Rules) -> str:
    leading = leading_rule(gathered, rules)
    title = rules[leading].title if leading in rules else leading
    more = len(gathered.reasons) - 1
    return title if not more else f"{title}, and {more} more {'question' if more == 1 else 'questions'}"
