"""What a notification says: a question, where to look, and by default nobody's id.

Under ``detail: reference`` a message carries the alert's reference, severity, rule titles, times, counts and
status. Rules' sentences are left out, since they may name a record. A channel is given a ``Message`` and
never an alert, so what is not in it cannot leave. Its forms (``plain``, ``cloud_event`` and others) add nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from alerts.alert import Alert, ClosedAs, Status
from alerts.assessment import Severity
from alerts.delivery.decide import taken_back
from alerts.merging import Rules
from enrichment.newzealand import nz_text

Detail = Literal["reference", "ids"]

#: CloudEvents' ``type`` of a message about one alert.
ALERT_EVENT: Final = "accesswatch.alert.v1"

_TAKEN_BACK = "This takes back what was asked before: work that became known after the access explains it."
_QUESTION = "This is a question, not a finding: ordinary work may well explain it."
_WHY = "Why it was asked, what would make it innocent and what to do first:"


@dataclass(frozen=True, slots=True)
class Extract:
    """What a channel may know of one alert. ``staff_id`` and ``client_id`` are None under ``detail: reference``."""

    alert_id: str
    revision: int
    severity: Severity
    title: str
    #: Rule id and title.
    rules: tuple[tuple[str, str], ...]
    status: Status
    outcome: ClosedAs | None
    raised_at: datetime
    updated_at: datetime
    first_access_at: datetime
    last_access_at: datetime
    access_count: int
    self_reported: bool
    taken_back: bool
    staff_id: str | None = None
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One notification, before it takes the form of a channel.

    ``key`` is the same whenever this is told through this channel; ``thread_key`` is the first one's of its
    thread. ``matter`` is what it is about, for a receiver that keeps a state of its own: an alert's id.
    """

    key: str
    thread_key: str
    matter: str
    at: datetime
    subject: str
    title: str
    severity: Severity
    #: Named facts, a line each.
    facts: tuple[tuple[str, str], ...]
    #: How it is meant.
    note: str
    #: What is found by the command ``look``, and under ``link`` where a console's address is known.
    where: str
    look: str
    link: str | None
    #: CloudEvents' ``type`` and ``data``.
    event_type: str
    data: Mapping[str, Any]
    #: None where it is about several alerts.
    extract: Extract | None = None


@dataclass(frozen=True, slots=True)
class Wording:
    """What a channel's messages may say, and where they point to."""

    channel: str
    detail: Detail
    console_url: str | None
    rules: Rules


def write(alert: Alert, first_revision: int, wording: Wording) -> Message:
    """Write the message about a revision; ``first_revision`` is the one that opened the thread on this channel."""
    extract = extracted(alert, wording)
    link = f"{wording.console_url.rstrip('/')}/{alert.alert_id}" if wording.console_url else None
    word = "explained" if extract.taken_back else alert.severity
    note = _TAKEN_BACK if extract.taken_back else _QUESTION
    return Message(
        key=message_key(alert.alert_id, alert.revision, wording.channel),
        thread_key=message_key(alert.alert_id, first_revision, wording.channel),
        matter=alert.alert_id,
        at=alert.updated_at,
        subject=f"[accesswatch] {word}: {extract.title} ({alert.alert_id})",
        title=extract.title,
        severity=alert.severity,
        facts=tuple(_facts(extract)),
        note=note,
        where=_WHY,
        look=f"accesswatch alerts show {alert.alert_id}",
        link=link,
        event_type=ALERT_EVENT,
        data=_data(extract, note, link),
        extract=extract,
    )


def message_key(alert_id: str, revision: int, channel: str) -> str:
    """Name a notification: the same on every attempt, by any worker."""
    return f"{alert_id}.{revision}.{channel}"


def extracted(alert: Alert, wording: Wording) -> Extract:
    """Give what the channel may know of the alert."""
    ids = wording.detail == "ids"
    rules = wording.rules
    return Extract(
        alert_id=alert.alert_id,
        revision=alert.revision,
        severity=alert.severity,
        title=" ".join(alert.title.split()),
        rules=tuple((rule, rules[rule].title if rule in rules else rule) for rule in alert.rules),
        status=alert.status,
        outcome=alert.outcome,
        raised_at=alert.raised_at,
        updated_at=alert.updated_at,
        first_access_at=alert.first_access_at,
        last_access_at=alert.last_access_at,
        access_count=alert.access_count,
        self_reported=alert.self_reported,
        taken_back=taken_back(alert),
        staff_id=alert.staff_id if ids else None,
        client_id=alert.client_id if ids else None,
    )


def _facts(extract: Extract) -> list[tuple[str, str]]:
    when = nz_text(extract.first_access_at)
    if extract.last_access_at != extract.first_access_at:
        when += f" to {nz_text(extract.last_access_at)}"
    facts = [
        ("Reference", f"{extract.alert_id}, revision {extract.revision}"),
        ("Severity", extract.severity),
        ("Asks about", "; ".join(title for _, title in extract.rules)),
        ("When", when),
        ("Accesses", str(extract.access_count)),
        ("Status", extract.status),
    ]
    if extract.self_reported:
        facts.append(("Reported", "by the staff member, as opened by mistake"))
    if extract.outcome is not None:
        facts.append(("Outcome", extract.outcome.replace("_", " ")))
    if extract.staff_id is not None:
        facts.append(("Staff member", extract.staff_id))
    if extract.client_id is not None:
        facts.append(("Client", extract.client_id))
    return facts


def _data(extract: Extract, note: str, link: str | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "alert_id": extract.alert_id,
        "revision": extract.revision,
        "severity": extract.severity,
        "title": extract.title,
        "rules": [{"id": rule, "title": title} for rule, title in extract.rules],
        "status": extract.status,
        "outcome": extract.outcome,
        "first_access_at": extract.first_access_at,
        "last_access_at": extract.last_access_at,
        "access_count": extract.access_count,
        "self_reported": extract.self_reported,
        "note": note,
        "link": link,
    }
    if extract.staff_id is not None:
        data |= {"staff_id": extract.staff_id, "client_id": extract.client_id}
    return data
