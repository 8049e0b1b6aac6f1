"""``accesswatch history``: every access, kept for years: how much there is, who opened what, and looking after it."""

import asyncio
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer

from console.alerts import at_the_keyboard
from enrichment.errors import CommandError, why
from enrichment.nz_time import nz_date, nz_text
from stream.printing import say, say_json, say_rows
from stream.settings import Settings, load

if TYPE_CHECKING:
    from history.answers import Answer, Purpose
    from history.table import HistoryTable

app = typer.Typer(help="The history: every access, kept for years.", no_args_is_help=True)
gap = typer.Typer(help="Assessments that were lost to the history.", no_args_is_help=True)
removal = typer.Typer(
    help="Removing from the history: asked for by one person, approved by another.", no_args_is_help=True
)
app.add_typer(gap, name="gap")
app.add_typer(removal, name="removal")

#: Seconds in which what was published before a flush is in the table.
FLUSH_SECONDS_MAX: Final = 60.0
_LOOK_SECONDS: Final = 0.2
_A_WEEK: Final = timedelta(days=6)
_SHOWN: Final = 50
_COLUMNS: Final = ("at", "staff", "client", "action", "outcome", "because", "asks about")
_FIRST_DAY, _LAST_DAY = date.min, date.max

_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_From = Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first New Zealand date.")]
_To = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last New Zealand date, inclusive.")
]


@dataclass(slots=True)
class Opened:
    """The history that the settings name."""

    table: "HistoryTable"
    settings: Settings


@contextmanager
def opened(settings: Settings | None = None) -> Iterator[Opened]:
    """Open the history that the settings name; what it cannot do becomes the command's sentence."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 slow to import, as the next

    from alerts.store.database import Database, StoreError  # noqa: PLC0415
    from history.table import HistoryTable  # noqa: PLC0415

    settings = settings or load()
    folder = settings.history_folder
    if folder is None:
        raise CommandError("There is no history: ACCESSWATCH_HISTORY is off, or unset beside PostgreSQL.")
    try:
        database = Database.open(settings.database_url)
    except StoreError as error:
        raise CommandError(str(error)) from None
    try:
        table = HistoryTable(settings.database_url, folder, database)
        try:
            yield Opened(table, settings)
        finally:
            table.close()
    except StoreError as error:
        raise CommandError(str(error)) from None
    except (OSError, SQLAlchemyError) as error:
        raise CommandError(f"The history at {folder} cannot be read ({why(error)}).") from None
    finally:
        database.close()


def period(first: datetime | None, last: datetime | None) -> tuple[date, date]:
    """Return the days that were asked for, all where none were.

    Raises:
        typer.BadParameter: the period ends before it begins.
    """
    days = (first.date() if first else _FIRST_DAY, last.date() if last else _LAST_DAY)
    if days[1] < days[0]:
        raise typer.BadParameter("--to is before --from")
    return days


def purpose(kind: str, because: str, case_or_request: str | None = None) -> "Purpose":
    """Return who is at the keyboard, and why they read."""
    from history.answers import Purpose  # noqa: PLC0415

    return Purpose(at_the_keyboard(), "command line", kind, because, case_or_request)


@app.command()
def status(as_json: _Json = False) -> None:
    """Show how much the history holds, to which time it is complete, and what stands in its way."""
    from history.upkeep import status as look  # noqa: PLC0415

    with opened() as history:
        found = look(history.table)
    if as_json:
        document = asdict(found) | {"months": len(found.months), "by_month": found.months}
        say_json(orjson.dumps(document))
        return
    months = f"{found.months[0]} to {found.months[-1]}" if found.months else "no month yet"
    say(f"{found.rows:,} accesses, {found.bytes:,} bytes, {months}.", _complete(found.complete_to))
    for one in found.gaps:
        say(
            f"Gap: partition {one.partition}, offsets {one.first_offset} to {one.last_offset}, accepted on "
            f"{nz_text(one.accepted_at)}: {one.because}"
        )
    for partition, first, last in found.open_gaps:
        say(
            f"Stands still: partition {partition}, offsets {first} to {last} were gone before they were read; "
            f'`accesswatch history gap accept {partition} --because "..."`'
        )
    if found.unread:
        say(f"{found.unread:,} records on the topic of assessments are none; they are kept as they are.")
    say(f"Legal holds in force: {found.holds}.")


@app.command()
def query(
    *,
    client: Annotated[str | None, typer.Option(metavar="ID", help="Every access to this client's record.")] = None,
    staff: Annotated[str | None, typer.Option(metavar="ID", help="Every access of this staff member.")] = None,
    event: Annotated[
        str | None, typer.Option(metavar="ID", help="One access; with its day it is found sooner.")
    ] = None,
    first: _From = None,
    last: _To = None,
    because: Annotated[str, typer.Option(help="Why you read: it goes into the reading log.")] = "asked by command",
    case: Annotated[str | None, typer.Option(help="The case or request that it is for.")] = None,
    as_json: _Json = False,
) -> None:
    """Find accesses: who opened a client's record, what a staff member opened, or one access by its id.

    Who asked, for what and why is written into the reading log before anything is shown.
    """
    from history.answers import FOOTPRINT_ROWS_MAX, INVESTIGATION_ROWS_MAX  # noqa: PLC0415
    from history.reading import HistoryReading  # noqa: PLC0415
    from history.rows import document_of  # noqa: PLC0415

    if sum(one is not None for one in (client, staff, event)) != 1:
        raise typer.BadParameter("give one of --client, --staff and --event")
    days = period(first, last)
    why_read = purpose("query", because, case)
    with opened() as history:
        reading = HistoryReading(history.table)
        if client is not None:
            found = reading.of_clients([client], *days, rows_max=FOOTPRINT_ROWS_MAX, purpose=why_read)
        elif staff is not None:
            found = reading.of_staff(staff, *days, rows_max=INVESTIGATION_ROWS_MAX, purpose=why_read)
        else:
            bounds = days if first or last else (None, None)
            found = reading.of_event(str(event), *bounds, purpose=why_read)
    if as_json:
        gaps = [asdict(one) for one in found.gaps]
        rows = [document_of(row) for row in found.rows]
        say_json(orjson.dumps({"complete_to": found.complete_to, "gaps": gaps, "rows": rows}))
        return
    say_rows(_COLUMNS, [_cells(row) for row in found.rows], none="No access is recorded.")
    for line in trust(found):
        say(line)


def trust(found: "Answer") -> list[str]:
    """Return sentences that say how far an answer may be trusted."""
    lines = [_complete(found.complete_to)]
    lines += [f"The history begins in {found.begins:%B %Y}."] if found.begins is not None else []
    lines += [
        f"Missing: {one.last_offset - one.first_offset + 1:,} assessments of partition {one.partition} were lost."
        for one in found.gaps
    ]
    return lines


def _complete(to: datetime | None) -> str:
    return f"Complete to {nz_text(to)}." if to is not None else "To which time it is complete is not known yet."


def _cells(row: Any) -> tuple[str, ...]:
    assessment = row.assessment
    explanation = assessment.explanation
    return (
        nz_text(assessment.occurred_at), assessment.staff_id, assessment.client_id or "", assessment.action,
        assessment.outcome, f"{explanation.kind} {explanation.id}" if explanation is not None else "",
        ", ".join(one.rule for one in assessment.answers if one.answer == "hit"),
    )  # fmt: skip


@app.command()
def flush(as_json: _Json = False) -> None:
    """Wait until what was published before is in the table."""
    from history.state import lease_is_held, put_state, state_of  # noqa: PLC0415

    token = secrets.token_hex(8)
    with opened() as history:
        with history.table.database.writing() as connection:
            put_state(connection, "flush_asked", token)
        deadline = time.monotonic() + FLUSH_SECONDS_MAX
        while time.monotonic() < deadline:
            with history.table.database.reading() as connection:
                done, writes = state_of(connection, "flush_done"), lease_is_held(connection, datetime.now(UTC))
                complete = state_of(connection, "complete_to")
            if done == token:
                break
            time.sleep(_LOOK_SECONDS)
        else:
            reason = "is behind" if writes else "is not running: start a worker with the agent history"
            raise CommandError(f"What was published is not in the history after 60 s: its writer {reason}.")
    if as_json:
        say_json(orjson.dumps({"complete_to": complete}))
    else:
        say(_complete(datetime.fromisoformat(complete) if complete else None))


@app.command()
def compact(
    months: Annotated[
        list[str] | None, typer.Argument(metavar="[2026-11 ...]", help="Which months; all where none.")
    ] = None,
) -> None:
    """Merge the small files of months into few, each access once; however small they are."""
    from history.compaction import compact as merge  # noqa: PLC0415

    with opened() as history:
        there = list(history.table.months())
        unknown = [month for month in months or () if month not in there]
        if unknown:
            raise CommandError(f"The history has nothing of {unknown[0]}: its months are {', '.join(there) or 'none'}.")
        for month in months or there:
            say(f"{month}: {merge(history.table, month):,} accesses.")
        history.table.sweep(datetime.now(UTC))


@app.command()
def verify(as_json: _Json = False) -> None:
    """Compare every file and count with what was written; exit 1 where anything is not as it was."""
    from history.upkeep import verify as look  # noqa: PLC0415

    with opened() as history:
        found = look(history.table)
    if as_json:
        say_json(orjson.dumps(asdict(found)))
    else:
        say(*found.problems, f"{found.files} files with {found.rows:,} records were looked at.")
        say(*(f"Head of the chain of {name}: {head}." for name, head in found.heads.items()))
    if found.problems:
        number = len(found.problems)
        raise CommandError(f"{number} {'thing is' if number == 1 else 'things are'} not as written.")


@app.command()
def coverage(first: _From = None, last: _To = None, as_json: _Json = False) -> None:
    """Name every record of the accesses' topic that was neither assessed nor parked; exit 1 where there is one.

    By when they were recorded, the last seven days where no dates are given, as far as the history is complete.
    """
    from aiokafka.errors import KafkaError  # noqa: PLC0415 slow to import

    from console.connected import connected  # noqa: PLC0415
    from history.reading import HistoryReading  # noqa: PLC0415
    from history.state import state_of  # noqa: PLC0415
    from stream.connections import aiokafka_options, why_not  # noqa: PLC0415
    from stream.coverage import NAMED_MAX  # noqa: PLC0415
    from stream.coverage import coverage as look  # noqa: PLC0415
    from stream.topics import ACCESS, dead_letter_topic  # noqa: PLC0415

    settings = connected(load(), needs=("kafka",))
    today = nz_date(datetime.now(UTC))
    days = (first.date() if first else today - _A_WEEK, last.date() if last else today)
    if days[1] < days[0]:
        raise typer.BadParameter("--to is before --from")
    topics = (settings.topic(ACCESS), settings.topic(dead_letter_topic(ACCESS)))
    with opened(settings) as history:
        with history.table.database.reading() as connection:
            complete = state_of(connection, "complete_to")
        if complete is None:
            raise CommandError("The history has not been written yet: start a worker with the agent history.")
        reading, to = HistoryReading(history.table), datetime.fromisoformat(complete)
        try:
            found = asyncio.run(look(aiokafka_options(settings), reading, topics, days, complete_to=to))
        except (KafkaError, OSError) as error:
            raise CommandError(why_not(settings, error)) from None
    if as_json:
        missing = [one._asdict() for one in found.missing[:NAMED_MAX]]
        say_json(orjson.dumps({"records": found.records, "to": found.to, "missing": missing}))
    else:
        say(*(f"Partition {one.partition}, offset {one.offset}" for one in found.missing[:NAMED_MAX]))
        say(f"{found.records:,} records to {nz_text(found.to)} were looked at.")
    if found.missing:
        number = len(found.missing)
        raise CommandError(f"{number:,} {'record was' if number == 1 else 'records were'} neither assessed nor parked.")


@gap.command()
def accept(
    partition: Annotated[int, typer.Argument(help="The partition that stands still.")],
    because: Annotated[str, typer.Option(help="Why these assessments are lost; it stays in every answer.")],
) -> None:
    """Accept that assessments are lost, so that the history goes on with this partition."""
    from history.state import accept_gap  # noqa: PLC0415

    with opened() as history, history.table.database.writing() as connection:
        found = accept_gap(connection, partition, because=because, by=at_the_keyboard(), now=datetime.now(UTC))
    if found is None:
        raise CommandError(f"Partition {partition} has no open gap.")
    say(f"Accepted: partition {partition}, offsets {found.first_offset} to {found.last_offset}; the history goes on.")


@app.command()
def rebuild(
    force: Annotated[bool, typer.Option("--force", help="Do it: what Kafka no longer has is gone then.")] = False,
) -> None:
    """Make the history anew from what Kafka still has; what was erased does not come back.

    Stop the worker that writes it first. The old folder is kept beside it, with the date in its name.
    """
    from history.state import lease_is_held  # noqa: PLC0415

    settings = load()
    with opened(settings) as history:
        with history.table.database.reading() as connection:
            if lease_is_held(connection, datetime.now(UTC)):
                raise CommandError("A worker writes the history: stop it first.")
        if not force:
            raise CommandError("What Kafka no longer has will be gone from the history: say --force, after a backup.")
        kept = history.table.set_aside(datetime.now(UTC))
    say(f"The history begins anew with the next start of a worker. The old one is kept at {kept}.")


@removal.command()
def ask(
    *,
    client: Annotated[
        str | None, typer.Option(metavar="ID", help="Erase every access to this client's record.")
    ] = None,
    event: Annotated[str | None, typer.Option(metavar="ID", help="Erase one access.")] = None,
    until: Annotated[str | None, typer.Option(metavar="2019-11", help="Dispose of all months to this one.")] = None,
    authority: Annotated[str, typer.Option(help="By whose authority: a disposal authority, an order.")],
) -> None:
    """Ask for a removal; another person approves it."""
    from history.removals import ask as ask_for  # noqa: PLC0415
    from history.rows import first_of  # noqa: PLC0415

    given = [("client", client), ("event", event), ("months", until)]
    chosen = [(kind, subject) for kind, subject in given if subject is not None]
    if len(chosen) != 1:
        raise typer.BadParameter("give one of --client, --event and --until")
    ((kind, subject),) = chosen
    if kind == "months":
        try:
            first_of(subject)
        except ValueError:
            raise typer.BadParameter("--until takes a month, like 2019-11") from None
    with opened() as history, history.table.database.writing() as connection:
        by = at_the_keyboard()
        removal_id = ask_for(connection, kind, subject, authority=authority, by=by, now=datetime.now(UTC))  # type: ignore[arg-type]
    say(f"Asked for: {removal_id}. Another person approves it: accesswatch history removal approve {removal_id}")


@removal.command()
def approve(removal_id: Annotated[str, typer.Argument(metavar="ID", help="As `removal ask` printed it.")]) -> None:
    """Approve a removal and carry it out: rows are gone from the table and the disk."""
    from history.removals import approve as approve_it  # noqa: PLC0415
    from history.removals import carry_out  # noqa: PLC0415

    with opened() as history:
        with history.table.database.writing() as connection:
            found = approve_it(connection, removal_id, by=at_the_keyboard(), now=datetime.now(UTC))
        say(f"{carry_out(history.table, found):,} rows are removed, by {found.authority}.")
