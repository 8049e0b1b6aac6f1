"""What the messages say that are no first word about one alert: reminders, escalations, digests, a storm's count."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

from alerts.alert import Alert
from alerts.assessment import SEVERITIES
from alerts.delivery.gathered import Line, Several
from alerts.delivery.messages import Message, Wording, write
from enrichment.newzealand import nz_text

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
    """What of a line of the ledger says which message it is."""

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


def write_due(due: DueMessage, wording: Wording) -> Message:
    """Write the message that a line of the ledger asks for; the same line always gives the same message."""
    if due.several is not None:
        return write_several(due.key, due.several, wording)
    if due.alert is None:
        raise ValueError("a message is about one alert or several")
    message = write(due.alert, due.first_revision, wording)
    if due.occasion.startswith("reminder-"):
        word = f"reminder {due.occasion.removeprefix('reminder-')}, {due.alert.severity}"
        return _again(message, due, word, _REMINDER)
    if due.occasion == "escalated":
        return _again(message, due, f"escalated, {due.alert.severity}", _ESCALATED)
    return message


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
        matter=key,
        at=several.at,
        subject=f"[accesswatch] {severity if several.new else 'digest'}: {title} ({several.route})",
        title=title,
        severity=severity,
        facts=tuple(_facts(several)),
        note=note,
        where="All that nobody has looked at yet:",
        look="accesswatch alerts list --status new",
        link=wording.console_url,
        event_type=STORM_EVENT if storm else DIGEST_EVENT,
        data=_data(several, note, wording.console_url),
    )


def _again(message: Message, due: DueMessage, word: str, note: str) -> Message:
    data: Mapping[str, Any] = {**message.data, "note": note, "occasion": due.occasion}
    reference = message.subject.rpartition(" (")[2].rstrip(")")
    subject = f"[accesswatch] {word}: {message.title} ({reference})"
    # A channel that is told only now begins a thread of its own.
    thread_key = message.thread_key if due.first_revision else due.key
    return replace(message, key=due.key, thread_key=thread_key, subject=subject, note=note, data=data)


def _facts(several: Several) -> list[tuple[str, str]]:
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


def _data(several: Several, note: str, link: str | None) -> dict[str, Any]:
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
