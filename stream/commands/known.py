"""``accesswatch reference status``, ``reference show`` and ``path``: what the service knows now, from Redis."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import orjson
import typer
from rich.console import Console
from rich.table import Table

from enrichment.directory import NotReadable
from enrichment.kinds import ID_LENGTH_MAX
from enrichment.newzealand import nz_date, nz_text
from enrichment.redis_shelf import RedisShelf, answer, data_prefix
from stream import settings as environment
from stream.commands.failure import CommandFailed
from stream.commands.known_words import node_lines, node_of, path_lines, paths_of
from stream.connections import aiokafka_options, connected
from stream.redis_link import connect, namespace
from stream.settings import Settings
from stream.topics import REFERENCE, reference_topic

T = TypeVar("T")

_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def _node(text: str) -> str:
    kind, _, identity = text.partition(":")
    if kind not in {"staff", "client"} or not 1 <= len(identity) <= ID_LENGTH_MAX or not identity.isprintable():
        raise typer.BadParameter("write staff:ID or client:ID")
    return text


def _staff(text: str) -> str:
    if not text.startswith("staff:"):
        raise typer.BadParameter("write staff:ID")
    return _node(text)


def _client(text: str) -> str:
    if not text.startswith("client:"):
        raise typer.BadParameter("write client:ID")
    return _node(text)


def show(
    node: Annotated[str, typer.Argument(metavar="staff:ID|client:ID", parser=_node, help="Whom to show.")],
    as_json: _Json = False,
) -> None:
    """Say what the service knows now of a staff member or a client, with sources and dates."""
    settings = connected(environment.load(), needs=("redis",))
    found = _asked(settings, lambda shelf: node_of(shelf, node))
    typer.echo(orjson.dumps(found).decode() if as_json else "\n".join(node_lines(found)))


def path(
    staff: Annotated[str, typer.Argument(metavar="staff:ID", parser=_staff, help="From whom.")],
    client: Annotated[str, typer.Argument(metavar="client:ID", parser=_client, help="To whom.")],
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day; today unless set.")] = None,
    as_json: _Json = False,
) -> None:
    """Say how a staff member and a client are related, by the strongest path of each length."""
    from alerts.limits import load as load_limits  # noqa: PLC0415 with all rules, which `show` does not need

    settings = connected(environment.load(), needs=("redis",))
    confidence_min = load_limits(settings.limits).policy.confidence_min
    day = on.date() if on is not None else nz_date(datetime.now(UTC))
    found = _asked(settings, lambda shelf: paths_of(shelf, staff, client, day, confidence_min))
    typer.echo(orjson.dumps(found).decode() if as_json else "\n".join(path_lines(found)))


def status(as_json: _Json = False) -> None:
    """Say how many records of each kind are known, how far behind Kafka they are, and since when."""
    settings = connected(environment.load())
    found = asyncio.run(_status(settings))
    if as_json:
        typer.echo(orjson.dumps(found))
        return
    table = Table("kind", "records", "behind", "last change", box=None)
    for kind, figures in found["kinds"].items():
        changed = "-" if figures["changed_at"] is None else nz_text(datetime.fromisoformat(figures["changed_at"]))
        table.add_row(kind, f"{figures['records']:,}", f"{figures['behind']:,}", changed)
    Console().print(table)
    typer.echo(f"Epoch {found['epoch']}, replaced or discarded {found['rebuilds']} times since Redis was last emptied.")


async def _status(settings: Settings) -> dict[str, Any]:
    from aiokafka.errors import KafkaError  # noqa: PLC0415 Kafka's client is slow to import

    from stream.kafka_ends import TopicEnds  # noqa: PLC0415

    topics = {settings.topic(reference_topic(kind)): kind for kind in REFERENCE}
    ends = TopicEnds(aiokafka_options(settings))
    try:
        await ends.start()
        try:
            async with _shelf(settings) as shelf:
                epoch, records, applied = shelf.epoch or "", await shelf.records(), await shelf.applied()
                changed, rebuilds = await _times(settings, epoch)
            offsets = await ends.offsets(list(topics))
        finally:
            await ends.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        raise CommandFailed(f"Kafka does not answer at {settings.kafka} ({type(error).__name__}).") from None
    except NotReadable as error:
        raise CommandFailed(f"{error}.") from None
    behind = dict.fromkeys(REFERENCE, 0)
    for partition, end in offsets.items():
        behind[topics[partition.rpartition(":")[0]]] += max(0, end - applied.get(partition, 0))
    kinds = {
        kind: {"records": records.get(kind, 0), "behind": behind[kind], "changed_at": changed.get(kind)}
        for kind in REFERENCE
    }
    return {"epoch": epoch, "rebuilds": rebuilds, "kinds": kinds}


async def _times(settings: Settings, epoch: str) -> tuple[dict[str, str], int]:
    """When each kind was last changed, and how often the data were replaced or discarded."""
    client = connect(settings)
    try:
        changed = await answer(client.hgetall(f"{data_prefix(namespace(settings), epoch)}changed"))
        rebuilds = await answer(client.get(f"{namespace(settings)}rebuilds"))
    finally:
        await client.aclose()
    at = {kind.decode(): datetime.fromtimestamp(int(seconds), UTC).isoformat() for kind, seconds in changed.items()}
    return at, int(rebuilds or 0)


@asynccontextmanager
async def _shelf(settings: Settings) -> AsyncIterator[RedisShelf]:
    client = connect(settings)
    try:
        shelf = RedisShelf(client, namespace(settings))
        shelf.epoch = await shelf.current_epoch()
        if shelf.epoch is None:
            raise CommandFailed("Redis holds no reference data: a worker with the reference agent loads them.")
        yield shelf
    finally:
        await client.aclose()


def _asked(settings: Settings, question: Callable[[RedisShelf], Awaitable[T]]) -> T:
    async def ask() -> T:
        async with _shelf(settings) as shelf:
            return await question(shelf)

    try:
        return asyncio.run(ask())
    except NotReadable as error:
        raise CommandFailed(f"{error}.") from None
