"""What an alert says: content from what was gathered of its hits, rules in the catalogue's order.

Sources: ``CONTRACT.md`` section 3 (the Alert's fields), ``RULES.md`` (severity is the highest
of the reasons', one step lower, not below low, when self-reported).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from alerts.alert import Alert, ClosedAs, Reason, Status, utc
from alerts.assessment import SEVERITIES
from alerts.merging import Gathered, Rules, Subject


@dataclass(frozen=True, slots=True)
class Standing:
    """What people and time make of an alert, beside its content."""

    revision: int
    raised_at: datetime
    updated_at: datetime
    status: Status
    outcome: ClosedAs | None


def compose(subject: Subject, gathered: Gathered, standing: Standing, rules: Rules) -> Alert:
    """Say what was gathered as an alert: rules and clauses in the catalogue's order, one reason per rule."""
    ordered = in_order(gathered.reasons, rules)
    reasons = [gathered.reasons[rule] for rule in ordered]
    severity = max((r.severity for r in reasons), key=SEVERITIES.index)
    if gathered.self_reported:
        severity = SEVERITIES[max(0, SEVERITIES.index(severity) - 1)]
    policy = dict.fromkeys(clause for rule in ordered if rule in rules for clause in rules[rule].clauses)
    return Alert(
        alert_id=subject.alert_id,
        revision=standing.revision,
        raised_at=utc(standing.raised_at),
        updated_at=utc(standing.updated_at),
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
        status=standing.status,
        outcome=standing.outcome,
        versions=gathered.latest.versions,
    )


def leading_rule(gathered: Gathered, rules: Rules) -> str:
    """Name the rule that speaks for the alert: the first of the catalogue among those with the highest severity."""
    ordered = in_order(gathered.reasons, rules)
    return max(ordered, key=lambda rule: SEVERITIES.index(gathered.reasons[rule].severity))


def in_order(rule_ids: Iterable[str], rules: Rules) -> list[str]:
    """Sort rule ids as the catalogue has them; ids that only a newer worker knows come last, by name."""
    place = {rule: number for number, rule in enumerate(rules)}
    return sorted(rule_ids, key=lambda rule: (place.get(rule, len(place)), rule))


def _title(gathered: Gathered, rules: Rules) -> str:
    leading = leading_rule(gathered, rules)
    title = rules[leading].title if leading in rules else leading
    more = len(gathered.reasons) - 1
    return title if not more else f"{title}, and {more} more {'question' if more == 1 else 'questions'}"
