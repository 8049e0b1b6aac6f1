"""Which alert a hit belongs to, and what an alert gathers of its hits, whatever their order of arrival.

The identity of a hit is (alert, event, rule). ``gather`` folds hits into what an alert
needs to know of them, so that the ten-thousandth hit of a day costs as much as the second:
folding in any order, in any batches, gives the same. ``alerts/composing.py`` says it as an Alert.
Rules: ``RULES.md`` (pair, actor), ``CONTRACT.md`` section 3 (one alert per New Zealand day).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from pydantic import TypeAdapter

from alerts.alert import utc
from alerts.assessment import SEVERITIES, Answer, Assessment, Evidence, Severity, Versions
from alerts.explanation import Circumstances
from alerts.identity import alert_id
from alerts.rules.form import About, AnyRule
from enrichment.newzealand import nz_date

#: An alert names its first accesses, by (occurred_at, event_id); the count says how many there are.
EVENT_IDS_MAX = 50

Rules = Mapping[str, AnyRule]
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


@dataclass(frozen=True, slots=True)
class Late:
    """Of some hits, as (event_id, rule), what was not known when they were judged."""

    explained: set[tuple[str, str]] = field(default_factory=set)
    covered: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Gathered:
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

    @property
    def explained(self) -> bool:
        """Work that became known later explains every reason."""
        return not any(self.unexplained.values())

    @property
    def self_reported(self) -> bool:
        """A self report covers every access."""
        return not self.uncovered


GATHERED: TypeAdapter[Gathered] = TypeAdapter(Gathered)


def subject_of(staff_id: str, client_id: str | None, occurred_at: datetime, rule: str, rules: Rules) -> Subject:
    """Say which alert a hit of *rule* belongs to."""
    about = client_id if _about(rule, client_id, rules) == "pair" else None
    day = nz_date(occurred_at)
    return Subject(alert_id(staff_id, about, day), staff_id, about, day)


def alert_ids_of(
    staff_id: str, client_id: str | None, occurred_at: datetime, live_hits: Iterable[str], rules: Rules
) -> tuple[str, ...]:
    """Give the ids of the alerts that an access with these live hits belongs to, the one about the pair first."""
    subjects = {subject_of(staff_id, client_id, occurred_at, rule, rules) for rule in live_hits}
    return tuple(s.alert_id for s in sorted(subjects, key=lambda s: s.client_id is None))


def split(record: HitRecord, rules: Rules) -> list[tuple[Subject, AlertHit]]:
    """Give each live hit of an assessment with the alert that it belongs to; shadow hits and abstentions fall out."""
    found = record.assessment
    hits = []
    for answer in found.answers:
        if answer.answer == "hit" and answer.stage == "live":
            subject = subject_of(found.staff_id, found.client_id, found.occurred_at, answer.rule, rules)
            hits.append((subject, _alert_hit(record, answer, subject)))
    return hits


def gather(
    so_far: Gathered | None, fresh: Sequence[AlertHit], known_events: Collection[str] = (), late: Late | None = None
) -> Gathered:
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
    for hit in fresh:
        open_still = late is None or (hit.event_id, hit.rule) not in late.explained
        unexplained[hit.rule] = unexplained.get(hit.rule, 0) + open_still
        kept = reasons.get(hit.rule)
        if kept is None or _leads(hit) < _leads(kept):
            reasons[hit.rule] = hit
        earliest[hit.event_id] = min(hit.occurred_at, earliest.get(hit.event_id, hit.occurred_at))
        latest = max(latest, hit, key=lambda h: (h.occurred_at, h.event_id, h.rule))
    return Gathered(
        reasons={rule: reasons[rule] for rule in sorted(reasons)},
        first_events=tuple(sorted((at, event) for event, at in earliest.items()))[:EVENT_IDS_MAX],
        latest=latest,
        access_count=(so_far.access_count if so_far else 0) + len({h.event_id for h in fresh} - set(known_events)),
        conflicted=(so_far.conflicted if so_far else False) or any(h.conflicted for h in fresh),
        unexplained={rule: unexplained[rule] for rule in sorted(unexplained)},
        uncovered=(so_far.uncovered if so_far else 0)
        + sum(late is None or (h.event_id, h.rule) not in late.covered for h in fresh),
    )


def reconsider(so_far: Gathered, explained: Mapping[str, int], covered: int) -> Gathered:
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
    )


def _leads(hit: AlertHit) -> tuple[int, datetime, str]:
    """Smallest first: the highest severity, then the earliest access, then its id."""
    return (-SEVERITIES.index(hit.severity), hit.occurred_at, hit.event_id)
