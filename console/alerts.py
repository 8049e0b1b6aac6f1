"""``accesswatch alerts``: the store, as a list and as a brief for the person on call. Needs the database alone."""

import getpass
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Annotated, Final

import orjson
import typer

from alerts.alert import Alert, ClosedAs, Reason, Status, alert_json
from alerts.assessment import Severity
from alerts.detection.registry import RULES, page
from alerts.grouping import Rules
from alerts.store.database import StoreError
from alerts.store.queries import Combination, Entry, Filters, Notification, Precision
from alerts.store.store import Store
from enrichment.errors import CommandError
from enrichment.nz_time import nz_text
from enrichment.plain_text import plain
from stream import settings as environment
from stream.printing import Console, Table, moment, say, say_columns, say_json, say_rows

BY_CHARACTERS_MAX: Final = 64

Reference = Annotated[str, typer.Argument(metavar="ID", help="The alert's id, or enough of its beginning.")]


@contextmanager
def alert_store() -> Iterator[Store]:
    """Open the store that the settings name; what it cannot do becomes the command's sentence."""
    try:
        settings = environment.load()
        store = Store.open_existing(settings.database_url, RULES, viewer=settings.actor)
        try:
            yield store
        finally:
            store.close()
    except StoreError as error:
        raise CommandError(str(error)) from None


def at_the_keyboard() -> str:
    """Name who is at the keyboard, for the history."""
    actor = environment.load().actor
    if actor is not None:
        return actor[:BY_CHARACTERS_MAX]
    try:
        return getpass.getuser()[:BY_CHARACTERS_MAX]
    except (OSError, KeyError, ImportError):
        return "somebody without a user name"


COLUMNS = ("id", "raised", "severity", "status", "staff", "client", "accesses", "asks about")
_IDS = ("staff", "client")


def columns(*, ids: bool = True) -> list[str]:
    """Name the columns."""
    return [name for name in COLUMNS if ids or name not in _IDS]


def cells(alert: Alert, *, ids: bool = True) -> list[str]:
    """Fill the columns; without *ids*, those that name nobody."""
    whom = [alert.staff_id, alert.client_id or "-"] if ids else []
    return [
        alert.alert_id,
        nz_text(alert.raised_at),
        alert.severity,
        alert.status if alert.outcome is None else f"{alert.status} ({alert.outcome})",
        *whom,
        str(alert.access_count),
        alert.title,
    ]


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
) -> list[str]:
    """Write, a line each, what, when, why, what would make it innocent, what to do first, and what became of it."""
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
        lines += ["", "Told", *(_notification_text(notification) for notification in notifications)]
    if related:
        days = len({other.day for other in (alert, *related)})
        lines += ["", f"Related: {len(related)} more about this staff member within a week ({days} days in all)"]
        lines += [_other(other) for other in related]
    return lines


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
    if alert.score is not None:
        yield from _named("Score", f"{alert.score.value:.2f}. {alert.score.basis}")
    if alert.audience == "actor":
        yield from _named("Audience", "the staff member: it is a notice, or may become one")
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


def _notification_text(notification: Notification) -> str:
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
    return textwrap.wrap(
        plain(text), _WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False
    )


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        plain(text), _WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent), break_long_words=False
    )


_LIMIT_MAX: Final = 10_000
#: What a person is shown unless more is asked for; a script gets all.
_SHOWN: Final = 50

app = typer.Typer(help="Alerts: questions about accesses, and what became of them.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("must look like 2026-11-20") from None


@app.command("list")
def list_alerts(
    *,
    status: Annotated[Status | None, typer.Option(help="Only alerts with this status.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="Only alerts with this severity.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only alerts that this rule is a reason of.")] = None,
    staff: Annotated[str | None, typer.Option(help="Only alerts about this staff id.")] = None,
    client: Annotated[str | None, typer.Option(help="Only alerts about this client id.")] = None,
    day: Annotated[date | None, typer.Option(parser=_day, help="Only this New Zealand date.")] = None,
    since: Annotated[
        datetime | None, typer.Option(parser=moment, help="Only alerts raised since: a date, a time, or 90m, 24h, 7d.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, max=_LIMIT_MAX, help=f"At most so many: 50, {_LIMIT_MAX} with --json.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """List Internal Integrity's alerts, by score, then the newest first: a table, or tab-separated lines in a pipe."""
    filters = Filters(status=status, severity=severity, rule=rule, staff=staff, client=client, day=day, since=since)
    with alert_store() as store:
        found = store.listed(filters, limit or (_LIMIT_MAX if as_json else _SHOWN))
    if as_json:
        say_json(b"[" + b",\n".join(alert_json(alert) for alert in found) + b"]")
    elif sys.stdout.isatty():
        _table(found)
    else:
        for alert in found:
            say_columns(cells(alert))


@app.command()
def show(reference: Reference, as_json: _Json = False) -> None:
    """Show one alert as a brief: what, when, why, what would make it innocent, what to do first, its history."""
    with alert_store() as store:
        alert = store.get(reference)
        history = store.history(alert.alert_id)
        notifications = store.notifications(alert.alert_id)
        assignee, related = store.assignee(alert.alert_id), store.related(alert)
    if as_json:
        beside = {"history": history, "notifications": notifications, "assignee": assignee}
        extra = orjson.dumps(beside | {"related": [other.alert_id for other in related]})
        say_json(alert_json(alert)[:-1] + b"," + extra[1:])
    else:
        say(*brief(alert, history, notifications, RULES, assignee=assignee, related=related))


_TEXT_CHARACTERS_MAX: Final = 2_000
_HEAD_FORM: Final = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


def _one_line(text: str) -> str:
    if not text or len(text) > _TEXT_CHARACTERS_MAX or not text.isprintable():
        raise typer.BadParameter(f"takes one line of at most {_TEXT_CHARACTERS_MAX} printable characters")
    return text


def _somebody(text: str) -> str:
    if not text or len(text) > BY_CHARACTERS_MAX or not text.isprintable():
        raise typer.BadParameter(f"takes at most {BY_CHARACTERS_MAX} printable characters")
    return text


def _noted_head(text: str) -> tuple[int, str]:
    found = _HEAD_FORM.fullmatch(text)
    if found is None:
        raise typer.BadParameter("must look like what `alerts verify` prints: 1234:0a1b...")
    return int(found[1]), found[2]


_Because = Annotated[
    str | None, typer.Option(parser=_one_line, help="Why, for the history; it goes nowhere else.", metavar="TEXT")
]


def ack(reference: Reference) -> None:
    """Write down that somebody is looking at it."""
    with alert_store() as store:
        alert, changed = store.acknowledge(store.get(reference).alert_id, at_the_keyboard(), datetime.now(UTC))
    say(f"{alert.alert_id} {'is acknowledged' if changed else 'was acknowledged already'}.")


def assign(
    reference: Reference,
    to: Annotated[str, typer.Option(parser=_somebody, help="Who works on it.", metavar="NAME")],
) -> None:
    """Write down who works on it."""
    with alert_store() as store:
        alert_id = store.get(reference).alert_id
        changed = store.assign(alert_id, to, at_the_keyboard(), datetime.now(UTC))
    say(f"{alert_id} {'is' if changed else 'was already'} assigned to {to}.")


def note(
    reference: Reference,
    text: Annotated[str, typer.Argument(parser=_one_line, metavar="TEXT", help="One line, for the history.")],
) -> None:
    """Write something down about it, in its history; it goes nowhere else."""
    with alert_store() as store:
        alert_id = store.get(reference).alert_id
        store.note(alert_id, text, at_the_keyboard(), datetime.now(UTC))
    say(f"Noted about {alert_id}.")


def close(
    reference: Reference,
    outcome: Annotated[ClosedAs, typer.Option(help="What became of the question.")],
    because: _Because = None,
) -> None:
    """Close an alert with its outcome; another outcome later corrects it."""
    with alert_store() as store:
        alert_id, by = store.get(reference).alert_id, at_the_keyboard()
        alert, changed = store.close_alert(alert_id, outcome, because=because, by=by, now=datetime.now(UTC))
    say(f"{alert.alert_id} {'is closed' if changed else 'was closed already'} as {outcome}.")


def reopen(reference: Reference, because: _Because = None) -> None:
    """Open a closed alert again, as new."""
    with alert_store() as store:
        alert_id, by = store.get(reference).alert_id, at_the_keyboard()
        alert, changed = store.reopen(alert_id, because=because, by=by, now=datetime.now(UTC))
    say(f"{alert.alert_id} {'is open again' if changed else 'was open already'}.")


def verify(
    noted: Annotated[
        str | None,
        typer.Option(metavar="HEAD", help="A head that was printed before and kept elsewhere."),
    ] = None,
) -> None:
    """Prove that no alert, hit, history entry or revision was changed or removed; print the head of the chain.

    Whoever can write the database can compute the whole chain anew: note the head elsewhere, and give it with --noted.
    """
    with alert_store() as store:
        found = store.verify(_noted_head(noted) if noted is not None else None)
    for problem in found.problems:
        say(problem)
    if found.problems:
        raise CommandError("The alert store is not as it was written.")
    say(f"Nothing was changed or removed. {found.entries} entries; the head is {found.entries}:{found.head}")


def precision(
    *,
    together: Annotated[
        bool, typer.Option("--together", help="By sets of rules that were reasons of one alert, as scores are made.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show for each rule how many of its decided alerts were confirmed."""
    with alert_store() as store:
        found: Sequence[Precision | Combination] = store.combinations() if together else store.precision()
    if as_json:
        say_json(orjson.dumps(found))
    else:
        heads = ("rule", "confirmed", "decided", "closed", "precision")
        say_rows(heads, [_cells(one) for one in found])


def _cells(one: Precision | Combination) -> list[str]:
    share = f"{one.confirmed / one.decided:.2f}" if one.decided else "-"
    asked = one.rule if isinstance(one, Precision) else " and ".join(one.questions)
    return [asked, str(one.confirmed), str(one.decided), str(one.closed), share]


for _command in (
    ack,
    assign,
    note,
    close,
    reopen,
    verify,
    precision,
):
    app.command()(_command)


def _table(found: list[Alert]) -> None:
    table = Table(*columns(), box=None)
    table.columns[0].no_wrap = True
    for alert in found:
        table.add_row(*cells(alert))
    Console().print(table)
    if not found:
        say("No alert fits.")
