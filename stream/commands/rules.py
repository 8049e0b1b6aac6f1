"""``accesswatch rules``: the rules as they stand, one rule's page, and trying other limits on past accesses."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from alerts.assessment import ASSESSMENT
from alerts.examples import example
from alerts.limits import LoadedLimits
from alerts.limits import load as load_limits
from alerts.manual import paragraphs, tuned
from alerts.rules.catalogue import RULES
from stream.commands.failure import CommandFailed
from stream.commands.rules_try import try_limits
from stream.connections import aiokafka_options, connected
from stream.reading import backwards
from stream.settings import Settings, load
from stream.topics import HIT

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
        except (CommandFailed, KafkaError, OSError) as error:
            typer.echo(f"Hits are not counted: Kafka does not answer ({type(error).__name__}).", err=True)
    table = Table("rule", "stage", "about", "limits", "hits in 24 h", box=None, pad_edge=False)
    for rule in RULES.values():
        said = ", ".join(f"{name} {value}" for name, value in tuned(rule, limits).items())
        table.add_row(
            rule.id, limits.rules[rule.id].stage, rule.about, said, "?" if hits is None else str(hits[rule.id])
        )
    Console().print(table)
    typer.echo(f"Limits {limits.hash}.")


@app.command()
def show(rule_id: Annotated[str, typer.Argument(metavar="ID", help="A rule's id.")]) -> None:
    """Show a rule's page: what it looks for, cannot see, when it is innocent, what to do then, and an example."""
    if rule_id not in RULES:
        raise CommandFailed(f"There is no rule {rule_id}; the rules are {', '.join(RULES)}.")
    rule, limits = RULES[rule_id], load_limits(load().limits)
    first, found = paragraphs(rule)
    typer.echo(f"{rule.id}: {first}")
    for heading, text in found:
        typer.echo(f"  {heading:<14}{text}")
    typer.echo(f"  {'Stage':<14}{limits.rules[rule.id].stage}")
    for line in _limits_said(rule_id, limits):
        typer.echo(line)
    typer.echo(f"  {'Clauses':<14}{', '.join(rule.clauses)}")
    typer.echo(f"  {'Example':<14}{example(rule.id)}")


def _limits_said(rule_id: str, limits: LoadedLimits) -> list[str]:
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
