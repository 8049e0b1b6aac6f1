"""What a notification says: a question, where to look, and by default nobody's id.

Under ``detail: reference`` a message carries the alert's reference, severity, rule titles, times, counts and status.
Rules' sentences are left out, since they may name a record. A channel is given a ``Message`` and never an alert, so
what is not in it cannot leave: its forms (``text`` and ``html`` here, for e-mail, and those in ``channels/``) add
nothing.

``write`` makes the first word about one alert; ``write_due`` also reminders, escalations, digests and a storm's count.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from importlib.metadata import version
from typing import Any, Final, Literal, Protocol

from pydantic import TypeAdapter

from alerts.alert import Alert, Outcome, Status, taken_back
from alerts.assessment import SEVERITIES, Severity
from alerts.grouping import Rules
from enrichment.nz_time import nz_text
from enrichment.plain_text import plain

PRODUCT: Final = "accesswatch"
VERSION: Final = version(PRODUCT)


#: Alerts that such a message names, the most severe first; the others are counted.
LINES_MAX: Final = 50

Occasion = Literal["digest", "storm"]


@dataclass(frozen=True, slots=True)
class Line:
    """One alert, as a line says it."""

    alert_id: str
    severity: Severity
    title: str
    status: Status
    outcome: Outcome | None
    access_count: int
    first_access_at: datetime


@dataclass(frozen=True, slots=True)
class Several:
    """The alerts of one such message as they stood when it was made. ``since`` is when the first began to wait."""

    occasion: Occasion
    route: str
    since: datetime
    at: datetime
    #: Those that nobody has looked at yet, by severity.
    new: dict[Severity, int]
    #: How many are acknowledged or closed meanwhile.
    settled: int
    lines: tuple[Line, ...]


SEVERAL: TypeAdapter[Several] = TypeAdapter(Several)


def bring_together(occasion: Occasion, route: str, since: datetime, at: datetime, alerts: Sequence[Alert]) -> Several:
    """Return what there is to say of some alerts in one message."""
    new = Counter(alert.severity for alert in alerts if alert.status == "new")
    ordered = sorted(
        alerts, key=lambda one: (one.status != "new", -SEVERITIES.index(one.severity), one.raised_at, one.alert_id)
    )
    return Several(
        occasion=occasion,
        route=route,
        since=since,
        at=at,
        new={severity: new[severity] for severity in reversed(SEVERITIES) if new[severity]},
        settled=len(alerts) - new.total(),
        lines=tuple(
            Line(
                alert_id=alert.alert_id,
                severity=alert.severity,
                title=alert.title,
                status=alert.status,
                outcome=alert.outcome,
                access_count=alert.access_count,
                first_access_at=alert.first_access_at,
            )
            for alert in ordered[:LINES_MAX]
        ),
    )


Detail = Literal["reference", "ids"]

#: CloudEvents' ``type`` of a message about one alert.
ALERT_EVENT: Final = "accesswatch.alert.v1"

#: A word with a digit in it is taken for a value of ours from this length on.
_QUOTED_CHARACTERS_MIN: Final = 4

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
    outcome: Outcome | None
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
    thread. ``subject_id`` is what it is about, for a receiver that keeps a state of its own: an alert's id.
    """

    key: str
    thread_key: str
    subject_id: str
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
    #: The staff member whom a notice goes to; None where the channel knows its receivers itself.
    to_staff: str | None = None
    #: An address that the delivery file names; it goes before ``to_staff``.
    to_address: str | None = None

    def __post_init__(self) -> None:
        """Make plain what a person reads: titles and ids come from outside. ``data`` is for a program, and exact."""
        for name in ("subject", "title", "note", "where", "look"):
            object.__setattr__(self, name, plain(getattr(self, name)))
        object.__setattr__(self, "facts", tuple((plain(name), plain(value)) for name, value in self.facts))


@dataclass(frozen=True, slots=True)
class Wording:
    """What a channel's messages may say, and where they point to."""

    channel: str
    detail: Detail
    console_url: str | None
    rules: Rules
    #: Where staff members answer notices.
    answer_url: str | None = None
    #: Who is told of mistakes beside the manager.
    privacy_officer: str | None = None


def write(alert: Alert, first_revision: int, wording: Wording) -> Message:
    """Write the message about a revision; ``first_revision`` is the one that opened the thread on this channel."""
    extract = extracted(alert, wording)
    link = f"{wording.console_url.rstrip('/')}/{alert.alert_id}" if wording.console_url else None
    word = "explained" if extract.taken_back else alert.severity
    note = _TAKEN_BACK if extract.taken_back else _QUESTION
    return Message(
        key=message_key(alert.alert_id, alert.revision, wording.channel),
        thread_key=message_key(alert.alert_id, first_revision, wording.channel),
        subject_id=alert.alert_id,
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


def quotable(message: Message) -> frozenset[str]:
    """Return what an answer may quote of a message and nobody may find in it: ids, and every value of some length.

    A single word, of which an answer may be made too, is left out; one with a digit in it is not.
    """
    ids = {message.key, message.thread_key, message.subject_id}
    if message.to_staff is not None:
        ids.add(message.to_staff)
    if message.extract is not None:
        ids |= {one for one in (message.extract.staff_id, message.extract.client_id) if one is not None}
    values = [message.subject, message.title, message.look, message.link or "", *(value for _, value in message.facts)]
    values += _texts(message.data)
    words = {word.strip(",.;()[]") for value in values for word in value.split()}
    numbered = {word for word in words if len(word) >= _QUOTED_CHARACTERS_MIN and any(map(str.isdigit, word))}
    return frozenset(ids | numbered | {value for value in values if len(value.split()) > 1})


def _texts(value: Any) -> list[str]:
    """Return every text inside a value of JSON."""
    if isinstance(value, str):
        return [value]
    inside: Iterable[Any] = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [text for one in inside for text in _texts(one)]


def message_key(alert_id: str, revision: int, channel: str) -> str:
    """Name a notification: the same on every attempt, by any worker."""
    return f"{alert_id}.{revision}.{channel}"


def extracted(alert: Alert, wording: Wording) -> Extract:
    """Return what the channel may know of the alert."""
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


#: CloudEvents' ``type`` of messages about several alerts.
DIGEST_EVENT: Final = "accesswatch.digest.v1"
STORM_EVENT: Final = "accesswatch.storm.v1"

_REMINDER: Final = (
    "Nobody has acknowledged it yet. This is a question, not a finding: ordinary work may well explain it."
)
_ESCALATED: Final = "Nobody has acknowledged it, so it comes here too. This is a question, not a finding."
_QUESTIONS: Final = "These are questions, not findings: ordinary work may well explain them."
_STORM: Final = (
    "More alerts came than this route tells one by one; those counted here wait in the list and are told no other way."
)


class DueMessage(Protocol):
    """What of a line of the notification log says which message it is."""

    @property
    def key(self) -> str: ...  # noqa: D102 as in Due
    @property
    def occasion(self) -> str: ...  # noqa: D102
    @property
    def alert(self) -> Alert | None: ...  # noqa: D102
    @property
    def first_revision(self) -> int: ...  # noqa: D102
    @property
    def several(self) -> Several | None: ...  # noqa: D102
    @property
    def to_staff(self) -> str | None: ...  # noqa: D102


def write_due(due: DueMessage, wording: Wording) -> Message:
    """Write the message that a line of the notification log asks for; the same line always gives the same message."""
    if due.several is not None:
        return write_several(due.key, due.several, wording)
    if due.alert is None:
        raise ValueError("a message is about one alert or several")
    if due.occasion in MISTAKES:
        return write_mistake(due.key, due.alert, wording, due.to_staff)
    if due.alert.audience == "actor":
        return write_notice(due.key, due.alert, wording)
    message = write(due.alert, due.first_revision, wording)
    if due.occasion.startswith("reminder-"):
        word = f"reminder {due.occasion.removeprefix('reminder-')}, {due.alert.severity}"
        return _again(message, due, word, _REMINDER)
    if due.occasion == "escalated":
        return _again(message, due, f"escalated, {due.alert.severity}", _ESCALATED)
    return message


#: Occasions on which a mistake is told of that a staff member has reported.
MISTAKES: Final = frozenset({"mistake_to_manager", "mistake_to_privacy"})
#: CloudEvents' ``type`` of a notice.
NOTICE_EVENT: Final = "accesswatch.notice.v1"
_NOTICE: Final = "There is a question for you about your work in the client management system"
_NOTICE_NOTE: Final = "It is a question, not a finding. Nobody else was sent this message."


def write_notice(key: str, alert: Alert, wording: Wording) -> Message:
    """Write to the staff member that there is a question and where to answer it, and nothing of what it is about."""
    link = f"{wording.answer_url.rstrip('/')}/{alert.alert_id}" if wording.answer_url else None
    return Message(
        key=key,
        thread_key=key,
        subject_id=alert.alert_id,
        at=alert.updated_at,
        subject=f"[accesswatch] {_NOTICE}",
        title=_NOTICE,
        severity=SEVERITIES[0],
        facts=(("Reference", alert.alert_id),),
        note=_NOTICE_NOTE,
        where="Please answer it here:",
        look=f"accesswatch notices show {alert.alert_id}",
        link=link,
        event_type=NOTICE_EVENT,
        data={"notice_id": alert.alert_id, "link": link},
        to_staff=alert.staff_id,
    )


#: CloudEvents' ``type`` of a mistake that was reported.
MISTAKE_EVENT: Final = "accesswatch.mistake.v1"
_MISTAKE: Final = "A staff member has reported that they opened a client record by mistake"
_MISTAKE_NOTE: Final = "They said so themselves, as the policy asks of everybody."


def write_mistake(key: str, alert: Alert, wording: Wording, to_staff: str | None) -> Message:
    """Write to a manager, or to the Privacy Officer where there is no *to_staff*, that a mistake was reported.

    It says which question it was the answer to, and neither whose nor which record.
    """
    return Message(
        key=key,
        thread_key=key,
        subject_id=alert.alert_id,
        at=alert.updated_at,
        subject=f"[accesswatch] {_MISTAKE} ({alert.alert_id})",
        title=_MISTAKE,
        severity=SEVERITIES[0],
        facts=(("Reference", alert.alert_id),),
        note=_MISTAKE_NOTE,
        where="What it was is found here:",
        look=f"accesswatch notices show {alert.alert_id}",
        link=None,
        event_type=MISTAKE_EVENT,
        data={"notice_id": alert.alert_id},
        to_staff=to_staff,
        to_address=wording.privacy_officer if to_staff is None else None,
    )


def write_several(key: str, several: Several, wording: Wording) -> Message:
    """Write a message about several alerts. It names no staff member and no client under any ``detail``."""
    total = sum(several.new.values())
    storm = several.occasion == "storm"
    alerts = f"{total} alert{'' if total == 1 else 's'}"
    title = f"{total} more {'waits' if total == 1 else 'wait'} in the list" if storm else f"{alerts} to look at"
    severity = next(iter(several.new), SEVERITIES[0])
    note = _STORM if storm else _QUESTIONS
    return Message(
        key=key,
        thread_key=key,
        subject_id=key,
        at=several.at,
        subject=f"[accesswatch] {severity if several.new else 'digest'}: {title} ({several.route})",
        title=title,
        severity=severity,
        facts=tuple(_facts_of_several(several)),
        note=note,
        where="All that nobody has looked at yet:",
        look="accesswatch alerts list --status new",
        link=wording.console_url,
        event_type=STORM_EVENT if storm else DIGEST_EVENT,
        data=_data_of_several(several, note, wording.console_url),
    )


def _again(message: Message, due: DueMessage, word: str, note: str) -> Message:
    data: Mapping[str, Any] = {**message.data, "note": note, "occasion": due.occasion}
    reference = message.subject.rpartition(" (")[2].rstrip(")")
    subject = f"[accesswatch] {word}: {message.title} ({reference})"
    # A channel that is told only now begins a thread of its own.
    thread_key = message.thread_key if due.first_revision else due.key
    return replace(message, key=due.key, thread_key=thread_key, subject=subject, note=note, data=data)


def _facts_of_several(several: Several) -> list[tuple[str, str]]:
    facts = [
        ("Route", several.route),
        ("Since", nz_text(several.since)),
        ("New", ", ".join(f"{count} {severity}" for severity, count in several.new.items()) or "none"),
    ]
    if several.settled:
        facts.append(("Settled", f"{several.settled} acknowledged or closed meanwhile"))
    shown = several.lines if several.occasion == "digest" else ()
    facts += [(line.severity.capitalize(), _line(line)) for line in shown]
    more = sum(several.new.values()) + several.settled - len(shown)
    if several.occasion == "digest" and more > 0:
        facts.append(("More", f"{more} in the list"))
    return facts


def _line(line: Line) -> str:
    state = "" if line.status == "new" else f", {line.outcome.replace('_', ' ') if line.outcome else line.status}"
    accesses = f"{line.access_count} access{'' if line.access_count == 1 else 'es'}"
    return f"{line.title}: {line.alert_id}, {accesses} from {nz_text(line.first_access_at)}{state}"


def _data_of_several(several: Several, note: str, link: str | None) -> dict[str, Any]:
    return {
        "route": several.route,
        "occasion": several.occasion,
        "since": several.since,
        "new": several.new,
        "settled": several.settled,
        "alerts": several.lines,
        "note": note,
        "link": link,
    }


def text(message: Message) -> str:
    """Write it for a reader without HTML."""
    lines = [f"{message.title}.", "", *(f"  {name:<14}{value}" for name, value in message.facts), "", message.note]
    lines += [message.where, "", f"  {message.look}"]
    lines += [f"  {message.link}"] if message.link else []
    return "\n".join(lines) + "\n"


def html(message: Message) -> str:
    """Write the same as HTML, without a style, a picture or a script."""
    title, link = escape(message.title), escape(message.link or "")
    rows = "".join(
        f'<tr><th align="left">{escape(name)}</th><td>{escape(value)}</td></tr>\n' for name, value in message.facts
    )
    linked = f'<p><a href="{link}">{link}</a></p>\n' if link else ""
    return (
        f'<!doctype html>\n<html lang="en-NZ"><meta charset="utf-8"><title>{title}</title>\n'
        f'<p><strong>{title}.</strong></p>\n<table cellpadding="4">\n{rows}</table>\n'
        f"<p>{escape(message.note)}</p>\n<p>{escape(message.where)}</p>\n"
        f"<pre>{escape(message.look)}</pre>\n{linked}</html>\n"
    )
