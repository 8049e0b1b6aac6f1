"""One alert as a brief for the person on call: plain text, the important thing first."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

from alerts.alert import Alert, Reason
from alerts.merging import Rules
from alerts.rules.catalogue import page
from alerts.store.reading import Entry, Notification
from enrichment.newzealand import nz_text

_WIDTH: Final = 100
_NAME: Final = 14
_WAITS: Final = {"pending": "pending, due", "gathered": "waits for the message about several, due"}
#: The headings of a rule's page, and what they are called in a brief.
_HEADINGS: Final = {
    "Looks for": None,
    "Cannot see": "Cannot see",
    "Innocent when": "Innocent when",
    "Then": "First",
}


def brief(
    alert: Alert,
    history: Sequence[Entry],
    notifications: Sequence[Notification],
    rules: Rules,
    *,
    assignee: str | None = None,
    related: Sequence[Alert] = (),
) -> str:
    """Write what, when, why, what would make it innocent, what to do first, and what became of it."""
    lines = [
        f"{alert.title}.",
        *_head(alert),
        *_named("Assigned", f"to {assignee}" if assignee else "to nobody"),
        "",
        "A question, not a finding. Why it is asked:",
        "",
    ]
    for number, reason in enumerate(alert.reasons, 1):
        lines += [*_reason(number, reason, rules), ""]
    lines += ["History", *(_entry(entry) for entry in history)]
    if notifications:
        lines += ["", "Told", *(_told(notification) for notification in notifications)]
    if related:
        days = len({other.day for other in (alert, *related)})
        lines += ["", f"Related: {len(related)} more about this staff member within a week ({days} days in all)"]
        lines += [_other(other) for other in related]
    return "\n".join(lines) + "\n"


def guidance(rule_page: str) -> dict[str, str]:
    """Read the headed paragraphs of a rule's page: heading to text. What has no such form gives nothing."""
    found: dict[str, str] = {}
    heading = None
    for line in rule_page.splitlines():
        start = next((name for name in _HEADINGS if line.startswith(f"{name} ")), None)
        if start is not None:
            heading = start
            found[heading] = line.removeprefix(start).strip()
        elif heading is not None and line.startswith(" ") and line.strip():
            found[heading] += f" {line.strip()}"
        else:
            heading = None
    return found


def _head(alert: Alert) -> Iterator[str]:
    state = alert.status if alert.outcome is None else f"{alert.status} as {alert.outcome}"
    yield from _named("Reference", f"{alert.alert_id}, revision {alert.revision}")
    yield from _named("Severity", f"{alert.severity}, {state}")
    yield from _named("Staff member", alert.staff_id)
    yield from _named("Client", alert.client_id or "none: it is about the staff member's day")
    when = nz_text(alert.first_access_at)
    if alert.last_access_at != alert.first_access_at:
        when += f" to {nz_text(alert.last_access_at)}"
    yield from _named("When", when)
    more = alert.access_count - len(alert.event_ids)
    listed = ", ".join(alert.event_ids) + (f" and {more} more" if more > 0 else "")
    yield from _named("Accesses", f"{alert.access_count}: {listed}")
    yield from _named("Policy", ", ".join(alert.policy) or "none")
    if alert.self_reported:
        yield from _named("Reported", "the staff member reported opening it by mistake")
    if alert.conflicted:
        yield from _named("Conflict", "it touches Internal Integrity's own people")
    versions = alert.versions
    yield from _named(
        "Judged with", f"rules {versions.rules}, limits {versions.limits}, reference data {versions.reference}"
    )


def _reason(number: int, reason: Reason, rules: Rules) -> Iterator[str]:
    rule = rules.get(reason.rule)
    later = "; work that became known later explains it" if reason.explained_later else ""
    yield f"  {number}. {rule.title if rule else reason.rule} ({reason.rule}){later}"
    yield from _wrapped(reason.sentence, "     ")
    for fact in reason.evidence:
        as_of = f", as of {nz_text(fact.as_of)}" if fact.as_of else ""
        yield from _wrapped(f"{fact.fact} {fact.id}, from {fact.source}{as_of}", "     - ")
    said = guidance(page(rule)) if rule else {}
    for heading, name in _HEADINGS.items():
        if name is not None and heading in said:
            yield from _named(name, said[heading], "     ")


def _entry(entry: Entry) -> str:
    by = f" by {entry.by}" if entry.by else ""
    outcome = f" as {entry.outcome}" if entry.outcome else ""
    because = f": {entry.because}" if entry.because else ""
    what = entry.what if entry.revision is None else f"revision {entry.revision} {entry.what}"
    return f"  {nz_text(entry.at)}  {what}{outcome}{by}, {entry.severity}{because}"


def _other(alert: Alert) -> str:
    state = alert.status if alert.outcome is None else f"{alert.status} as {alert.outcome}"
    return f"  {alert.alert_id}  {alert.day.isoformat()}  {alert.severity}, {state}: {alert.title}"


def _told(notification: Notification) -> str:
    state = notification.state
    if state == "sent" and notification.sent_at:
        state = f"sent {nz_text(notification.sent_at)}"
    elif state == "pending" and notification.attempts:
        state = f"pending, tried {notification.attempts} times, next {nz_text(notification.next_attempt_at)}"
    elif state in {"pending", "gathered"}:
        state = f"{_WAITS[state]} {nz_text(notification.next_attempt_at)}"
    elif state == "withheld":
        state = "withheld: every route that might take it has a conflict"
    elif state == "silenced":
        state = f"silenced by {notification.silence}"
    elif state == "summed":
        state = f"told with others in {notification.told_in}"
    elif state == "superseded":
        state = "not sent: a newer message took its place"
    occasion = "" if notification.occasion == "told" else f", {notification.occasion.replace('-', ' ')}"
    instead = f", conflicted, instead of route {notification.instead_of}" if notification.instead_of else ""
    why = f" ({notification.last_error})" if notification.last_error else ""
    return f"  revision {notification.revision}{occasion} through {notification.channel}{instead}: {state}{why}"


def _named(name: str, text: str, indent: str = "  ") -> list[str]:
    head = f"{indent}{name:<{_NAME}}"
    return textwrap.wrap(text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent), break_long_words=False
    )
