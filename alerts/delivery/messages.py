"""What a notification says: a question, where to look, and by default nobody's id.

Under ``detail: reference`` a message carries the alert's reference, severity, rule titles,
times, counts and status. Rules' sentences are left out, since they may name a record.
"""

from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, Final, Literal

import orjson

from alerts.alert import Alert
from alerts.delivery.decide import taken_back
from alerts.merging import Rules
from enrichment.newzealand import nz_text

Detail = Literal["reference", "ids"]

#: CloudEvents' ``source`` and ``type``.
EVENT_SOURCE: Final = "/accesswatch/alerts"
EVENT_TYPE: Final = "accesswatch.alert.v1"

_TAKEN_BACK = "This takes back what was asked before: work that became known after the access explains it."
_QUESTION = "This is a question, not a finding: ordinary work may well explain it."


@dataclass(frozen=True, slots=True)
class Message:
    """One notification in the forms that channels take.

    ``key`` is the same whenever this revision is told through this channel; ``thread_key`` is the first one's.
    """

    key: str
    thread_key: str
    at: datetime
    subject: str
    text: str
    html: str
    event: bytes


@dataclass(frozen=True, slots=True)
class Wording:
    """What a channel's messages may say, and where they point to."""

    channel: str
    detail: Detail
    console_url: str | None
    rules: Rules


def write(alert: Alert, first_revision: int, wording: Wording) -> Message:
    """Write the message about a revision; ``first_revision`` is the one that opened the thread on this channel."""
    facts = _facts(alert, wording)
    look = f"accesswatch alerts show {alert.alert_id}"
    link = _link(alert, wording)
    key = message_key(alert.alert_id, alert.revision, wording.channel)
    return Message(
        key=key,
        thread_key=message_key(alert.alert_id, first_revision, wording.channel),
        at=alert.updated_at,
        subject=f"[accesswatch] {_word(alert)}: {alert.title} ({alert.alert_id})",
        text=_text(alert, facts, look, link),
        html=_html(alert, facts, look, link),
        event=_event(alert, key, link, wording),
    )


def message_key(alert_id: str, revision: int, channel: str) -> str:
    """Name a notification: the same on every attempt, by any worker."""
    return f"{alert_id}.{revision}.{channel}"


def _facts(alert: Alert, wording: Wording) -> list[tuple[str, str]]:
    when = nz_text(alert.first_access_at)
    if alert.last_access_at != alert.first_access_at:
        when += f" to {nz_text(alert.last_access_at)}"
    facts = [
        ("Reference", f"{alert.alert_id}, revision {alert.revision}"),
        ("Severity", alert.severity),
        ("Asks about", "; ".join(_titles(alert, wording.rules))),
        ("When", when),
        ("Accesses", str(alert.access_count)),
        ("Status", alert.status),
    ]
    if alert.self_reported:
        facts.append(("Reported", "by the staff member, as opened by mistake"))
    if alert.outcome is not None:
        facts.append(("Outcome", alert.outcome.replace("_", " ")))
    if wording.detail == "ids":
        facts += [("Staff member", alert.staff_id)]
        facts += [("Client", alert.client_id)] if alert.client_id is not None else []
    return facts


def _word(alert: Alert) -> str:
    return "explained" if taken_back(alert) else alert.severity


def _note(alert: Alert) -> str:
    return _TAKEN_BACK if taken_back(alert) else _QUESTION


def _titles(alert: Alert, rules: Rules) -> list[str]:
    return [rules[rule].title if rule in rules else rule for rule in alert.rules]


def _link(alert: Alert, wording: Wording) -> str | None:
    return f"{wording.console_url.rstrip('/')}/{alert.alert_id}" if wording.console_url else None


def _text(alert: Alert, facts: list[tuple[str, str]], look: str, link: str | None) -> str:
    lines = [f"{alert.title}.", "", *(f"  {name:<14}{value}" for name, value in facts), "", _note(alert)]
    lines += ["Why it was asked, what would make it innocent and what to do first:", "", f"  {look}"]
    lines += [f"  {link}"] if link else []
    return "\n".join(lines) + "\n"


def _html(alert: Alert, facts: list[tuple[str, str]], look: str, link: str | None) -> str:
    rows = "".join(f'<tr><th align="left">{escape(name)}</th><td>{escape(value)}</td></tr>\n' for name, value in facts)
    linked = f'<p><a href="{escape(link)}">{escape(link)}</a></p>\n' if link else ""
    return (
        f'<!doctype html>\n<html lang="en-NZ"><meta charset="utf-8"><title>{escape(alert.title)}</title>\n'
        f'<p><strong>{escape(alert.title)}.</strong></p>\n<table cellpadding="4">\n{rows}</table>\n'
        f"<p>{_note(alert)}</p>\n<p>Why it was asked, what would make it innocent and what to do first:</p>\n"
        f"<pre>{escape(look)}</pre>\n{linked}</html>\n"
    )


def _event(alert: Alert, key: str, link: str | None, wording: Wording) -> bytes:
    """Write the CloudEvents 1.0 form, JSON, structured mode."""
    data: dict[str, Any] = {
        "alert_id": alert.alert_id,
        "revision": alert.revision,
        "severity": alert.severity,
        "title": alert.title,
        "rules": [
            {"id": rule, "title": title} for rule, title in zip(alert.rules, _titles(alert, wording.rules), strict=True)
        ],
        "status": alert.status,
        "outcome": alert.outcome,
        "first_access_at": alert.first_access_at,
        "last_access_at": alert.last_access_at,
        "access_count": alert.access_count,
        "self_reported": alert.self_reported,
        "note": _note(alert),
        "link": link,
    }
    if wording.detail == "ids":
        data |= {"staff_id": alert.staff_id, "client_id": alert.client_id}
    envelope = {
        "specversion": "1.0",
        "id": key,
        "source": EVENT_SOURCE,
        "type": EVENT_TYPE,
        "subject": alert.alert_id,
        "time": alert.updated_at,
        "datacontenttype": "application/json",
        "data": data,
    }
    return orjson.dumps(envelope)
