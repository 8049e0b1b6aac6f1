"""``accesswatch rules try``: what other limits would have said of past accesses."""

import asyncio
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.progress import Progress

from alerts.judging import Rulebook
from alerts.limits import load as load_limits
from alerts.rules.catalogue import RULES
from enrichment.decode import Refused, decode
from enrichment.directory import NotReadable
from enrichment.wire import Access
from stream import RELEASE
from stream.commands.failure import CommandFailed
from stream.connections import aiokafka_options, connected
from stream.kafka_ends import TopicEnds
from stream.settings import Settings, load
from stream.topics import ACCESS
from stream.trial import ACCESSES_MAX, Outcome, attempt

_UNITS = {"h": "hours", "d": "days"}
_POLL_MS = 1_000
#: Polls in a row that may bring nothing before what is there counts as read.
_EMPTY_POLLS_MAX = 3


def try_limits(
    limits: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="A limits file: what differs from the shipped.")
    ],
    since: Annotated[str | None, typer.Option(help="Take accesses recorded since then from Kafka: 12h, 7d.")] = None,
    from_file: Annotated[
        Path | None, typer.Option("--from-file", exists=True, dir_okay=False, help="Take them from a file, one a line.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=64, help="How many processes share the work.")] = (
        os.cpu_count() or 1
    ),
) -> None:
    """Judge past accesses with other limits beside the current ones; say what would appear and what would go.

    Touches nothing. Facts are those of today, and windows begin with the first access that is tried.
    """
    if (since is None) == (from_file is None):
        raise typer.BadParameter("give either --since or --from-file", param_hint="--since")
    settings = connected(load(), needs=("redis",) if since is None else ("kafka", "redis"))
    books = Rulebook(load_limits(settings.limits), RELEASE), Rulebook(load_limits(limits), RELEASE)
    values, bad = _values(settings, since, from_file)
    if len(values) > ACCESSES_MAX:
        raise CommandFailed(f"These are {len(values):,} accesses; at most {ACCESSES_MAX:,} can be tried at once.")
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("judging", total=len(values))
        try:
            outcome = attempt(
                values, settings, books, processes=processes, done=lambda count: progress.advance(task, count)
            )
        except NotReadable as error:
            raise CommandFailed(f"Nothing can be tried now: {error}.") from None
    hashes = (books[0].limits.hash, books[1].limits.hash)
    typer.echo("\n".join(_said(outcome, hashes, bad)))


def _values(settings: Settings, since: str | None, file: Path | None) -> tuple[list[bytes], int]:
    """Give the valid accesses in their order, and how many were not."""
    if file is not None:
        lines = [line for line in file.read_bytes().splitlines() if line.strip()]
    else:
        length = re.fullmatch(r"([1-9][0-9]{0,4})([hd])", since or "")
        if length is None:
            raise typer.BadParameter("must look like 12h or 7d", param_hint="--since")
        back = timedelta(**{_UNITS[length[2]]: int(length[1])})
        try:
            lines = asyncio.run(_recorded(settings, datetime.now(UTC) - back))
        except (KafkaError, OSError) as error:
            raise CommandFailed(f"Kafka does not answer at {settings.kafka} ({type(error).__name__}).") from None
    valid = [line for line in lines if _is_valid(line)]
    return valid, len(lines) - len(valid)


def _is_valid(value: bytes) -> bool:
    try:
        decode(Access, value)
    except Refused:
        return False
    return True


async def _recorded(settings: Settings, since: datetime) -> list[bytes]:
    """Read the accesses that were recorded since then, in the order of their records' time."""
    options, topic = aiokafka_options(settings), settings.topic(ACCESS)
    ends = TopicEnds(options)
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await ends.start()
        await consumer.start()
        partitions = await ends.partitions([topic])
        consumer.assign(partitions)
        upper = await consumer.end_offsets(partitions)
        found = await consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
        reading = {tp for tp in partitions if found[tp] is not None and found[tp].offset < upper[tp]}
        for tp in reading:
            consumer.seek(tp, found[tp].offset)
        records = await _until(consumer, reading, upper)
    finally:
        await consumer.stop()
        await ends.stop()
    records.sort(key=lambda record: record.timestamp)
    return [record.value for record in records if record.value is not None]


async def _until(consumer: Any, reading: set[Any], upper: Any) -> list[Any]:
    records: list[Any] = []
    empty = 0
    while reading and empty < _EMPTY_POLLS_MAX and len(records) <= ACCESSES_MAX:
        fetched = await consumer.getmany(*reading, timeout_ms=_POLL_MS)
        empty = 0 if fetched else empty + 1
        for tp, some in fetched.items():
            records += [record for record in some if record.offset < upper[tp]]
        reading = {tp for tp in reading if await consumer.position(tp) < upper[tp]}
    return records


def _said(outcome: Outcome, hashes: tuple[str, str], bad: int) -> Iterator[str]:
    yield f"{outcome.tried:,} accesses, limits {hashes[0]} now and {hashes[1]} new; facts are those of today."
    if bad:
        yield f"{bad:,} records are no valid accesses and were left out."
    days = max(1, len(outcome.days))
    now, new = len(outcome.alerts_now) / days, len(outcome.alerts_new) / days
    yield f"Alerts a day, over {days} {'day' if days == 1 else 'days'}: {now:.1f} now, {new:.1f} new."
    for rule in RULES:
        change = outcome.rules.get(rule)
        if change is None:
            continue
        yield f"{rule}: {change.now:,} hits now, {change.new:,} new; {change.appearing:,} appear, {change.going:,} go."
        yield from (f"  appears {one}" for one in change.appear)
        yield from (f"  goes    {one}" for one in change.go)
