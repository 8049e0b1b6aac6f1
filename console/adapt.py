"""``accesswatch adapt``: raw records mapped again, how whole sources are, and gaps that somebody accepts."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
import typer

from agents.adapt import RAW_HEADER, outcomes_of, result_of
from agents.coverage import GAP_SECONDS
from alerts.store.database import Database, StoreError
from alerts.store.sources import Coverage, SourceStore
from console.alerts import at_the_keyboard
from console.connected import connected
from console.publishing import publishing
from enrichment.errors import CommandError, why
from enrichment.mapping.mapping import MAPPING_HEADER
from enrichment.mapping.outcome import Deleted, Mapped, Refused
from enrichment.nz_time import nz_date, nz_text
from stream import logs
from stream import settings as environment
from stream.printing import Console, Table, moment, say, say_json
from stream.schema_registry import SchemaRegistry
from stream.settings import Settings
from stream.sources import Source, sources

if TYPE_CHECKING:
    from console.polling import Columns, Pace
    from stream.producer import Publisher

#: Gaps of one source that are printed for a person; all are in the JSON.
GAPS_SHOWN: Final = 10
#: Records that cannot be mapped that are named; all are counted.
REFUSED_NAMED_MAX: Final = 20
_REASON_CHARACTERS_MAX: Final = 1_000

app = typer.Typer(help="Other systems' records: mapped again, and whether all of them came.", no_args_is_help=True)

_Sources = Annotated[
    list[str] | None, typer.Option("--source", help="Only this source, by the name of its mapping; may be repeated.")
]


@app.command("coverage")
def show_coverage(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Show of each source when its newest record came and what is missing; exit 1 where something is."""
    now = datetime.now(UTC)
    with _store(environment.load()) as store:
        found = store.coverage()
    if as_json:
        say_json(b"[" + b",\n".join(orjson.dumps(_json_of(one, now)) for one in found) + b"]")
        return
    if not found:
        say("Nothing is known of any source yet: a worker with the agent adapt notes what comes.")
        return
    table = Table("source", "newest record", "yesterday", "missing numbers", "fewer than counted", box=None)
    for one in found:
        yesterday = next((day.records for day in reversed(one.days) if day.day < nz_date(now)), 0)
        table.add_row(one.source, nz_text(one.newest), f"{yesterday:,}", f"{_missing(one, now):,}", _fewer(one))
    Console().print(table)
    for one in found:
        gaps = one.gaps()
        for gap in gaps[:GAPS_SHOWN]:
            say(f"{one.source}: {gap.first} to {gap.last} missing since {nz_text(_moment(gap.since_ms))}")
        if len(gaps) > GAPS_SHOWN:
            say(f"{one.source}: and {len(gaps) - GAPS_SHOWN:,} gaps more")
    if any(_missing(one, now) or one.missing_of_days() for one in found):
        raise CommandError("Some sources are not whole: docs/runbooks/source-gap.md says what to do.")


@app.command("accept")
def accept(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The name of its mapping.")],
    first: Annotated[int, typer.Argument(help="The first number that is missing.")],
    last: Annotated[int, typer.Argument(help="The last number that is missing.")],
    because: Annotated[str, typer.Option("--because", help="Why nothing will come: it is kept with who accepted it.")],
) -> None:
    """Take missing numbers of a source for come: somebody has found out that there are no such records."""
    if not because.strip() or len(because) > _REASON_CHARACTERS_MAX:
        raise typer.BadParameter(f"must hold 1 to {_REASON_CHARACTERS_MAX} characters", param_hint="--because")
    if first > last:
        raise typer.BadParameter("must not be greater than the last", param_hint="first")
    with _store(environment.load()) as store:
        found = store.accept(source, first, last, by=at_the_keyboard(), because=because.strip(), now=datetime.now(UTC))
    say(f"{found:,} missing number{'' if found == 1 else 's'} of {source} {'is' if found == 1 else 'are'} accepted.")


@app.command("replay")
def replay(
    since: Annotated[
        datetime, typer.Option(parser=moment, help="Map again what came since: a date, a time, or 90m, 24h, 7d.")
    ],
    only: _Sources = None,
    until: Annotated[datetime | None, typer.Option(parser=moment, help="And before: as --since.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be made; publish nothing.")] = False,
) -> None:
    """Map raw records again with the mappings as they are now, and publish what they make.

    An access that was made before has the same event id and counts once; what a mended mapping makes otherwise keeps
    the outcome that the first one got. What cannot be mapped is named and counted, and not parked again; exit 1.
    """
    settings = connected(environment.load(), needs=("kafka",))
    chosen = _chosen(settings, only)
    if until is not None and since >= until:
        raise typer.BadParameter("must be later than --since", param_hint="--until")
    counted = asyncio.run(_replay(settings, chosen, since, until, dry_run=dry_run))
    for source in chosen:
        parts = ", ".join(f"{counted[source.name, result]:,} {result}" for result in _RESULTS)
        say(f"{source.name}: {parts}{' (nothing was published)' if dry_run else ''}")
    refused = sum(counted[source.name, "refused"] for source in chosen)
    if refused:
        raise CommandError(f"{refused:,} records could not be mapped.")


_RESULTS: Final = ("mapped", "deleted", "skipped", "refused")


def _chosen(settings: Settings, only: list[str] | None) -> list[Source]:
    found = sources(settings, SchemaRegistry.of(settings, fetches=True))
    if not found:
        raise CommandError("There are no sources: set ACCESSWATCH_MAPPINGS to a folder of mappings.")
    names = [one.name for one in found]
    if only and (unknown := [name for name in only if name not in names]):
        raise typer.BadParameter(f"{unknown[0]} is none; the sources are {', '.join(names)}", param_hint="--source")
    return [one for one in found if not only or one.name in only]


async def _replay(
    settings: Settings, chosen: list[Source], since: datetime, until: datetime | None, *, dry_run: bool
) -> Counter[tuple[str, str]]:
    from console.dead_letters import reader  # noqa: PLC0415 - Kafka's client is slow to import

    counted: Counter[tuple[str, str]] = Counter()
    targets = sorted({settings.topic(one.target) for one in chosen})
    with reader(settings) as reading:
        async with publishing(settings, targets) as (publisher, _bars):
            for source in chosen:
                for tp, (begin, end) in reading.bounds(reading.of([settings.topic(source.raw)]), since).items():
                    chunks = reading.records(tp, begin, end)
                    while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
                        for record in chunk:
                            if until is None or record.timestamp < until.timestamp() * 1000:
                                made = _made(source, record, counted)
                                await _publish(settings, source, record, [] if dry_run else made, publisher)
    return counted


def _made(source: Source, record: Any, counted: Counter[tuple[str, str]]) -> list[Mapped | Deleted]:
    """Return what a raw record makes; count it, and name what cannot be mapped."""
    made: list[Mapped | Deleted] = []
    for outcome in outcomes_of(record, source.mapping):
        counted[source.name, result_of(outcome)] += 1
        if isinstance(outcome, Mapped | Deleted):
            made.append(outcome)
        elif isinstance(outcome, Refused) and counted[source.name, "refused"] <= REFUSED_NAMED_MAX:
            say(f"{record.topic}-{record.partition} offset {record.offset}: {outcome.sentence}", err=True)
    return made


async def _publish(
    settings: Settings, source: Source, record: Any, made: list[Mapped | Deleted], publisher: "Publisher"
) -> None:
    place = f"{record.topic}:{record.partition}:{record.offset}".encode()
    headers = [(MAPPING_HEADER, source.mapping.header), (RAW_HEADER, place)]
    for one in made:
        value = one.value if isinstance(one, Mapped) else None
        await publisher.send(settings.topic(source.target), one.key.encode(), value, headers)


@contextmanager
def _store(settings: Settings, *, create: bool = False) -> Iterator[SourceStore]:
    """Open what is known of sources; it must be there unless it is to be made.

    Raises:
        CommandError: it is not, or the database does not answer, or what is asked of it is not possible.
    """
    try:
        database = Database.open(settings.database_url, create=create)
        try:
            yield SourceStore(database)
        finally:
            database.close()
    except StoreError as error:
        raise CommandError(str(error)) from None


def _json_of(one: Coverage, now: datetime) -> dict[str, Any]:
    return {
        "source": one.source,
        "newest": one.newest.isoformat(),
        "missing": _missing_at_all(one),
        "missing_for_long": _missing(one, now),
        "gaps": [
            {"first": gap.first, "last": gap.last, "since": _moment(gap.since_ms).isoformat()} for gap in one.gaps()
        ],
        "days": [{"day": day.day, "records": day.records, "counted": day.counted} for day in one.days],
    }


def _missing(one: Coverage, now: datetime) -> int:
    return one.runs.missing(int((now.timestamp() - GAP_SECONDS) * 1000))


def _missing_at_all(one: Coverage) -> int:
    return one.runs.given_up + sum(len(gap) for gap in one.gaps())


def _fewer(one: Coverage) -> str:
    return f"{one.missing_of_days():,}" if any(day.counted is not None for day in one.days) else "not asked"


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


@app.command("poll")
def poll(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="The name of its mapping, and so of its raw topic.")],
    *,
    table: Annotated[str, typer.Option(help="The table or view, as schema.table where it needs one.")],
    key: Annotated[str, typer.Option(help="The column that tells rows apart.")],
    time: Annotated[str, typer.Option(help="The column with the time of each row.")],
    zone: Annotated[str | None, typer.Option(help="Zone of times without an offset, such as Pacific/Auckland.")] = None,
    overlap: Annotated[float, typer.Option(min=0, help="Minutes before the newest row that are read again.")] = 15.0,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between rounds.")] = 10.0,
    begin: Annotated[
        datetime | None, typer.Option("--from", parser=moment, help="The first time: only where nothing was read yet.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Read what there is now, and end.")] = False,
) -> None:
    """Read rows of ACCESSWATCH_POLL_DATABASE onto raw.SOURCE.v1, where a worker with the agent adapt maps them.

    Rows that become visible late are read as long as they are within the overlap. It needs to read the table, and no
    more. Where the database can hand over its changes (Debezium) that is better: it sees what was rewritten, too.
    """
    from console.polling import Columns, Pace  # noqa: PLC0415 - Kafka's client is slow to import

    settings = connected(environment.load(), needs=("kafka",))
    if settings.poll_database is None:
        raise CommandError("ACCESSWATCH_POLL_DATABASE is not set: set it to the URL of the database to read from.")
    (chosen,) = _chosen(settings, [source])
    try:
        of_times = None if zone is None else ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise typer.BadParameter("is no time zone, such as Pacific/Auckland", param_hint="--zone") from None
    logs.configure(settings.log_level, settings.log_format)
    columns = Columns(table, key, time, of_times)
    pace = Pace(timedelta(minutes=overlap), None if once else every, begin)
    asyncio.run(_poll(settings, settings.poll_database.get_secret_value(), chosen, columns, pace))


async def _poll(settings: Settings, url: str, source: Source, columns: "Columns", pace: "Pace") -> None:
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - slow to import

    from agents.outputs import NotPublished  # noqa: PLC0415
    from console.polling import Poll, Polled, open_source, stop_at_signals  # noqa: PLC0415
    from stream.connections import aiokafka_options  # noqa: PLC0415
    from stream.producer import RenewedOutputs  # noqa: PLC0415

    stop = stop_at_signals()
    engine = open_source(url)
    outputs = RenewedOutputs(aiokafka_options(settings))
    topic = settings.topic(source.raw)
    with _store(settings, create=True) as store:
        try:
            polled = await asyncio.to_thread(Polled.find, engine, columns)
            running = Poll(source.name, polled, engine, store, outputs, topic, pace)
            running.load()
            if pace.every_seconds is None:
                say(f"{await running.once():,} rows of {columns.table} are on {topic}.")
            else:
                await running.follow(pace.every_seconds, stop)
        except (SQLAlchemyError, NotPublished) as error:
            raise CommandError(f"{source.name} could not be read: {why(error)}.") from None
        finally:
            await outputs.close()
            engine.dispose()
