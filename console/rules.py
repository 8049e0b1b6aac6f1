"""``accesswatch rules``: the rules as they stand, one rule's page, and trying other limits on past accesses."""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from rich.progress import Progress

from alerts.assessment import ASSESSMENT
from alerts.detection.config import LoadedLimits
from alerts.detection.config import load as load_limits
from alerts.detection.engine import RuleEngine
from alerts.detection.manual import example, paragraphs, tuned
from alerts.detection.registry import RULES
from console.connected import connected
from console.loading import read_lines
from console.trial import ACCESSES_MAX, Outcome, attempt
from enrichment.decode import Refused, decode
from enrichment.errors import CommandError
from enrichment.lookup import NotReadable
from enrichment.schemas import Access
from stream import RELEASE
from stream.connections import aiokafka_options, why_not
from stream.printing import Console, Table, say
from stream.reading import backwards, between
from stream.settings import Settings, load
from stream.topic_admin import TopicEnds
from stream.topics import ACCESS, HIT

_UNITS = {"h": "hours", "d": "days"}


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
    books = RuleEngine(load_limits(settings.limits), RELEASE), RuleEngine(load_limits(limits), RELEASE)
    values, bad = _values(settings, since, from_file)
    if len(values) > ACCESSES_MAX:
        raise CommandError(f"These are {len(values):,} accesses; at most {ACCESSES_MAX:,} can be tried at once.")
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("judging", total=len(values))
        try:
            outcome = attempt(
                values, settings, books, processes=processes, done=lambda count: progress.advance(task, count)
            )
        except NotReadable as error:
            raise CommandError(f"Nothing can be tried now: {error}.") from None
    hashes = (books[0].limits.hash, books[1].limits.hash)
    say(*_outcome_lines(outcome, hashes, bad))


def _values(settings: Settings, since: str | None, file: Path | None) -> tuple[list[bytes], int]:
    """Return the valid accesses in their order, and how many were not."""
    if file is not None:
        # One that is too long is no valid access either.
        lines = [line or b"" for _, line, _ in read_lines(file)]
    else:
        length = re.fullmatch(r"([1-9][0-9]{0,4})([hd])", since or "")
        if length is None:
            raise typer.BadParameter("must look like 12h or 7d", param_hint="--since")
        back = timedelta(**{_UNITS[length[2]]: int(length[1])})
        try:
            lines = asyncio.run(_recorded(settings, datetime.now(UTC) - back))
        except (KafkaError, OSError) as error:
            raise CommandError(why_not(settings, error)) from None
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
    consumer = AIOKafkaConsumer(
        **options, enable_auto_commit=False, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    try:
        await ends.start()
        await consumer.start()
        partitions = await ends.partitions([topic])
        consumer.assign(partitions)
        upper = await consumer.end_offsets(partitions)
        found = await consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000)))
        lowers = {tp: at.offset for tp, at in found.items() if at is not None}
        records = await between(consumer, options, lowers, upper, ACCESSES_MAX)
    finally:
        await consumer.stop()
        await ends.stop()
    records.sort(key=lambda record: record.timestamp)
    return [record.value for record in records if record.value is not None]


def _outcome_lines(outcome: Outcome, hashes: tuple[str, str], bad: int) -> Iterator[str]:
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


app = typer.Typer(help="The rules and their limits.", no_args_is_help=True)
app.command("try")(try_limits)

#: Hits of the last day that are counted; more are said to be at least so many.
COUNTED_MAX = 100_000
_DAY = timedelta(days=1)


@app.command("list")
def list_rules(
    quick: Annotated[bool, typer.Option("--quick", help="Do not count the hits of the last day in Kafka.")] = False,
) -> None:
    """List the rules with their stages and limits, and how often each hit, live, in the last 24 hours."""
    settings = load()
    limits = load_limits(settings.limits)
    hits: Counter[str] | None = None
    if not quick:
        try:
            hits = asyncio.run(_hits(connected(settings, needs=("kafka",))))
        except CommandError as error:
            say(f"Hits are not counted: {error}", err=True)
        except (KafkaError, OSError) as error:
            say(f"Hits are not counted: {why_not(settings, error)}", err=True)
    table = Table("rule", "stage", "about", "limits", "hits in 24 h", box=None, pad_edge=False)
    for rule in RULES.values():
        said = ", ".join(f"{name} {value}" for name, value in tuned(rule, limits).items())
        table.add_row(
            rule.id, limits.rules[rule.id].stage, rule.about, said, "?" if hits is None else str(hits[rule.id])
        )
    Console().print(table)
    say(f"Limits {limits.hash}.")


@app.command()
def show(rule_id: Annotated[str, typer.Argument(metavar="ID", help="A rule's id.")]) -> None:
    """Show a rule's page: what it looks for, cannot see, when it is innocent, what to do then, and an example."""
    if rule_id not in RULES:
        raise CommandError(f"There is no rule {rule_id}; the rules are {', '.join(RULES)}.")
    rule, limits = RULES[rule_id], load_limits(load().limits)
    first, found = paragraphs(rule)
    say(f"{rule.id}: {first}")
    for heading, text in found:
        say(f"  {heading:<14}{text}")
    say(f"  {'Stage':<14}{limits.rules[rule.id].stage}")
    for line in _limits_lines(rule_id, limits):
        say(line)
    say(f"  {'Clauses':<14}{', '.join(rule.clauses)}")
    say(f"  {'Example':<14}{example(rule.id)}")


def _limits_lines(rule_id: str, limits: LoadedLimits) -> list[str]:
    return [f"  {'Limit':<14}{name} {value}" for name, value in tuned(RULES[rule_id], limits).items()] or [
        f"  {'Limit':<14}none but the stage"
    ]


async def _hits(settings: Settings) -> Counter[str]:
    """Count the live hits of the records of the last 24 hours, the newest first."""
    since_ms = (datetime.now(UTC) - _DAY).timestamp() * 1000
    seen: set[tuple[str, str]] = set()
    looked_at = 0
    async with backwards(aiokafka_options(settings), settings.topic(HIT)) as steps:
        async for records in steps:
            recent = [record for record in records if record.timestamp >= since_ms]
            for record in recent:
                assessment = ASSESSMENT.validate_json(record.value)
                seen |= {
                    (assessment.event_id, answer.rule)
                    for answer in assessment.answers
                    if answer.answer == "hit" and answer.stage == "live"
                }
            looked_at += len(records)
            if not recent or looked_at >= COUNTED_MAX:
                break
    return Counter(rule for _, rule in seen)
