"""``accesswatch notices``: questions put to staff members, and their answers."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Final
from uuid import NAMESPACE_URL, uuid5

import orjson
import typer

from alerts.alert import Alert
from alerts.notices import NoticeAnswer
from alerts.store.notices import Notice
from console.alerts import Reference, alert_store, at_the_keyboard
from enrichment.errors import CommandError
from enrichment.nz_time import nz_text
from stream import settings as environment
from stream.connections import aiokafka_options
from stream.printing import say, say_json, say_rows
from stream.topics import reference_topic

_LIMIT_MAX: Final = 10_000
_SHOWN: Final = 50
_COLUMNS: Final = ("notice", "told", "answer by", "staff", "client", "state", "answer", "about")

app = typer.Typer(help="Notices: questions put to staff members, and their answers.", no_args_is_help=True)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_notices(
    *,
    staff: Annotated[str | None, typer.Option(help="Only questions to this staff id.")] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that wait for an answer.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, max=_LIMIT_MAX, help=f"At most so many: {_SHOWN}, {_LIMIT_MAX} with --json.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """List notices, the newest first: a table, or tab-separated lines in a pipe."""
    with alert_store() as store:
        found = store.notices(staff, limit or (_LIMIT_MAX if as_json else _SHOWN), waiting=waiting)
    if as_json:
        say_json(orjson.dumps([_document(one) for one in found]))
    else:
        say_rows(_COLUMNS, [_cells(one) for one in found], none="No notice fits.")


@app.command()
def show(reference: Reference, as_json: _Json = False) -> None:
    """Show one notice as the staff member is asked: what was opened, when, and that no work was found."""
    with alert_store() as store:
        found = store.notice(reference)
    if as_json:
        say_json(orjson.dumps(_document(found)))
        return
    alert = found.alert
    say(f"Question {alert.alert_id}, put to staff member {alert.staff_id} on {nz_text(found.told_at)}.", "")
    say(*(f"  {line}" for line in asked(alert)), "")
    if found.answer is not None:
        say(f"Answered: {_WORDS[found.answer]}.")
    elif alert.status == "new" and alert.audience == "actor":
        until = f" by {nz_text(found.answer_by)}" if found.answer_by is not None else ""
        say(f"Please answer{until}: accesswatch notices answer {alert.alert_id} with one of", "")
        say("  --work ID   this work item was the reason", "  --mistake   I opened it by mistake")
        say("  --talk      I would like to talk to somebody")
    else:
        say(f"It waits for no answer: it is {'closed' if alert.status == 'closed' else 'with Internal Integrity'}.")


#: The answers in words.
_WORDS: Final = {"work": "a work item was the reason", "mistake": "opened by mistake", "talk": "asked to talk"}


def asked(alert: Alert) -> list[str]:
    """Return what a staff member is told of a notice: never what else is known."""
    when = nz_text(alert.first_access_at)
    if alert.last_access_at != alert.first_access_at:
        when += f" to {nz_text(alert.last_access_at)}"
    times = "once" if alert.access_count == 1 else f"{alert.access_count} times"
    what = f"client record {alert.client_id}" if alert.client_id is not None else "client records"
    return [
        f"You opened {what} {times}, {when}.",
        "No work item was found that explains it. This is a question, not a finding.",
    ]


@app.command()
def answer(
    reference: Reference,
    work: Annotated[str | None, typer.Option(metavar="ID", help="This work item was the reason.")] = None,
    mistake: Annotated[bool, typer.Option("--mistake", help="Opened by mistake; a self report follows.")] = False,
    talk: Annotated[bool, typer.Option("--talk", help="The staff member would like to talk to somebody.")] = False,
) -> None:
    """Answer a notice: with the work that was the reason, as a mistake, or by asking to talk."""
    if (work is not None) + mistake + talk != 1:
        raise typer.BadParameter("give one of --work, --mistake and --talk")
    if work is not None and not (1 <= len(work) <= _ID_CHARACTERS_MAX and work.isprintable()):
        raise typer.BadParameter("--work takes the id of a work item")
    given: NoticeAnswer = "work" if work is not None else "mistake" if mistake else "talk"
    now = datetime.now(UTC)
    with alert_store() as store:
        found = store.notice(reference).alert
        clients = sorted({found.client_id} if found.client_id is not None else store.clients_of(found.alert_id))
        if mistake:
            # First: an answer without the report that it promises could not be made good.
            asyncio.run(_report(found, clients, now))
        by = at_the_keyboard()
        alert = store.answer(found.alert_id, given, because=f"work item {work}" if work else None, by=by, now=now)
    state = f"closed as {alert.outcome}" if alert.outcome is not None else "with Internal Integrity"
    say(f"{alert.alert_id} is answered ({_WORDS[given]}) and {state}.")


_ID_CHARACTERS_MAX: Final = 64


async def _report(alert: Alert, clients: list[str], now: datetime) -> None:
    """Publish that the staff member opened these records by mistake; the same answer gives the same report."""
    from stream.producer import Publisher  # noqa: PLC0415 - Kafka's client is slow to import

    settings = environment.load()
    if settings.kafka is None:
        raise CommandError("ACCESSWATCH_KAFKA is not set: the self report that follows could not be published.")
    topic = settings.topic(reference_topic("self_report"))
    async with Publisher(aiokafka_options(settings)) as publisher:
        for client_id in clients:
            report_id = f"notice-{uuid5(NAMESPACE_URL, f'{alert.alert_id}/{client_id}')}"
            report = {
                "report_id": report_id,
                "staff_id": alert.staff_id,
                "client_id": client_id,
                "reported_at": now,
                "accessed_from": alert.first_access_at,
                "accessed_to": alert.last_access_at,
            }
            await publisher.send(topic, report_id.encode(), orjson.dumps(report))
        await publisher.flush()


def _document(found: Notice) -> dict[str, object]:
    alert = found.alert
    return {
        "notice_id": alert.alert_id,
        "staff_id": alert.staff_id,
        "client_id": alert.client_id,
        "told_at": found.told_at,
        "answer_by": found.answer_by,
        "answer": found.answer,
        "status": alert.status,
        "outcome": alert.outcome,
        "audience": alert.audience,
        "rules": alert.rules,
        "first_access_at": alert.first_access_at,
        "last_access_at": alert.last_access_at,
        "access_count": alert.access_count,
        "asked": asked(alert),
    }


def _cells(found: Notice) -> list[str]:
    alert = found.alert
    state = "closed" if alert.status == "closed" else "waits" if alert.audience == "actor" else "with Integrity"
    return [
        alert.alert_id,
        nz_text(found.told_at),
        nz_text(found.answer_by) if found.answer_by is not None else "-",
        alert.staff_id,
        alert.client_id or "-",
        state,
        _WORDS[found.answer] if found.answer is not None else "-",
        alert.title,
    ]
