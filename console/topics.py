"""``accesswatch topics``: creates what is missing, and says how existing topics differ."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from console.connected import connected
from enrichment.errors import CommandError
from stream import settings as environment
from stream.acls import as_commands, needed, roles
from stream.printing import Console, Table, say, say_json
from stream.sources import catalogue
from stream.specs import AGENTS
from stream.topics import PARTITIONS

_PARTITIONS_MAX = 1_000
_REPLICATION_MAX = 10

app = typer.Typer(help="The topics of accesswatch in Kafka.", no_args_is_help=True)


@app.command()
def create(
    partitions: Annotated[
        int, typer.Option(min=1, max=_PARTITIONS_MAX, help="Partitions of each new topic.")
    ] = PARTITIONS,
    replication: Annotated[
        int | None,
        typer.Option(
            min=1, max=_REPLICATION_MAX, help="Copies of each record; as many as brokers, at most 3, unless set."
        ),
    ] = None,
) -> None:
    """Create the topics that are missing. An existing topic is never altered."""
    from stream.topic_admin import administration, create_missing  # noqa: PLC0415 - Kafka's client is slow to import

    settings = connected(environment.load(), needs=("kafka",))
    topics = len(catalogue(settings))
    with administration(settings) as admin:
        created = create_missing(admin, settings, partitions=partitions, replication=replication)
    for name in created:
        say(f"created {name}")
    say(f"{len(created)} created, {topics - len(created)} were there already.")


@app.command()
def check(
    as_json: Annotated[bool, typer.Option("--json", help="Print the differences as JSON.")] = False,
) -> None:
    """Show how the topics differ from what `topics create` makes; exit 1 when one is missing or could lose records."""
    from stream.topic_admin import administration, differences  # noqa: PLC0415 - Kafka's client is slow to import

    settings = connected(environment.load(), needs=("kafka",))
    topics = len(catalogue(settings))
    with administration(settings) as admin:
        found = differences(admin, settings)
    if as_json:
        say_json(json.dumps([asdict(difference) for difference in found], indent=2))
    elif found:
        table = Table("topic", "setting", "wanted", "found", "", box=None)
        for difference in found:
            remark = "" if difference.matters else "your choice"
            table.add_row(difference.topic, difference.setting, difference.wanted, difference.found, remark)
        Console().print(table)
    serious = {difference.topic for difference in found if difference.matters}
    if serious:
        raise CommandError(
            f"{len(serious)} of {topics} topics are missing or differ in what matters: "
            "`accesswatch topics create` makes the missing ones; change the others with Kafka's own tools."
        )
    if not as_json:
        say(f"All {topics} topics are right.")


@app.command()
def rights(
    chosen: Annotated[
        str, typer.Option("--roles", help=f"Whose, comma-separated: {', '.join(roles())}.", show_default="all agents")
    ] = ",".join(AGENTS),
    principal: Annotated[
        str | None, typer.Option(help="Print the lines for Kafka's own tool that grant them, as to User:accesswatch.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """Show what Kafka must let an agent or a command do, and no more; asks nobody."""
    names = [name.strip() for name in chosen.split(",") if name.strip()]
    unknown = [name for name in names if name not in roles()]
    if unknown or not names:
        raise typer.BadParameter(f"the roles are {', '.join(roles())}", param_hint="--roles")
    found = needed(environment.load(), names)
    if as_json:
        say_json(json.dumps([asdict(right) for right in found], indent=2))
    elif principal is not None:
        say(*as_commands(found, principal))
    else:
        table = Table("who", "may", "which", "", "why", box=None)
        for right in found:
            table.add_row(right.role, right.operation, right.resource, right.name, right.why)
        Console().print(table)
