"""``accesswatch reference status``, ``reference show`` and ``path``: what the service knows now, from Redis.

Tokens of contact details are never shown, only which kinds are held.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar, get_args

import orjson
import typer

from console.connected import connected
from enrichment.errors import CommandError
from enrichment.facts import Known
from enrichment.lookup import Directory, NotReadable
from enrichment.nz_time import nz_date, nz_text
from enrichment.reference.layout import links_of
from enrichment.reference.redis import RedisReferenceStore, answer, data_prefix
from enrichment.relationship_graph import HOPS_MAX, Edge, Path, cut_short, strongest_paths
from enrichment.schemas import ID_LENGTH_MAX, Access, Client, Record, RelationshipKind, Staff
from stream import settings as environment
from stream.connections import aiokafka_options
from stream.printing import Console, Table, say, say_json
from stream.redis_connection import check_reachable, connect, namespace
from stream.settings import Settings
from stream.topics import REFERENCE, reference_topic

#: Entries of one kind that are listed; a club may have thousands. JSON has them all.
LISTED_MAX = 50

_ANY_KIND = frozenset(get_args(RelationshipKind))


async def node_of(references: RedisReferenceStore, node: str) -> dict[str, Any]:
    """Return what is known of one node."""
    entity = (await references.read([node]))[node]
    person: Known[Staff] | Known[Client] | None = entity.staff or entity.client
    return {
        "node": node,
        "record": None if person is None else _record(person, f"ref.{node.partition(':')[0]}.v1"),
        "own_record_of": sorted(entity.owners),
        "work": [_record(one, "ref.work.v1") for one in entity.work],
        "relationships": [_edge(edge) for edge in entity.edges],
        "watchlist": [_record(one, "ref.watchlist.v1") for one in entity.watchlist],
        "self_reports": [_record(one, "ref.self_report.v1") for one in entity.self_reports],
        "reference": references.state,
    }


async def paths_of(
    references: RedisReferenceStore, staff: str, client: str, on: date, confidence_min: float
) -> dict[str, Any]:
    """Return the strongest path of each length that there is, whether or not it is sure enough."""
    access = Access.model_validate_json(_asking(staff, client, on))
    graph = (await Directory(references).facts_for([access], HOPS_MAX))[0].graph
    paths = strongest_paths(graph, staff, client, kinds=_ANY_KIND, hops_max=HOPS_MAX, confidence_min=0.0, on=on)
    return {
        "from": staff,
        "to": client,
        "on": on.isoformat(),
        "same_person": graph.who(staff) == graph.who(client),
        "too_many_to_say": cut_short(graph, staff, client, _ANY_KIND),
        "confidence_min": confidence_min,
        "paths": [_path(hops, path, confidence_min) for hops, path in sorted(paths.items())],
    }


def _asking(staff: str, client: str, on: date) -> bytes:
    return orjson.dumps(
        {
            "event_id": "path",
            "occurred_at": f"{on.isoformat()}T12:00:00+12:00",
            "staff_id": staff.partition(":")[2],
            "client_id": client.partition(":")[2],
            "action": "view",
        }
    )


def _path(hops: int, path: Path, confidence_min: float) -> dict[str, Any]:
    return {
        "hops": hops,
        "confidence": path.confidence,
        "counts": path.confidence >= confidence_min,
        "relationships": [_edge(edge) for edge in path.hops],
    }


def _record(known: Known[Any], topic: str) -> dict[str, Any]:
    record: Record = known.value
    fields = record.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if isinstance(record, Staff | Client):
        fields["links"] = [kind for kind, _ in links_of(record.links)]
    return {**fields, "source_topic": topic, "as_of": known.as_of.isoformat()}


def _edge(edge: Edge) -> dict[str, Any]:
    return {
        **edge.relationship.model_dump(mode="json", exclude_none=True),
        "source_topic": "ref.relationship.v1",
        "as_of": edge.as_of.isoformat(),
    }


# -- for a reader ---------------------------------------------------------------------------------------------------


def node_lines(found: dict[str, Any]) -> list[str]:
    """Write what is known of one node as lines."""
    lines = [f"{found['node']}:"]
    if found["record"] is None:
        lines.append("  no record of their own is known")
    else:
        lines += [f"  {name}: {_text(value)}" for name, value in found["record"].items() if name != "as_of"]
        lines.append(f"  as of: {_when(found['record'])}")
    lines += [f"own client record of staff:{owner}" for owner in found["own_record_of"]]
    lines += _listed("relationships", [_edge_line(edge) for edge in found["relationships"]])
    for name, title in (("work", "work items"), ("watchlist", "watchlist entries"), ("self_reports", "self-reports")):
        lines += _listed(title, [_fields_line(one) for one in found[name]])
    return [*lines, f"Read from reference data {found['reference']}."]


def path_lines(found: dict[str, Any]) -> list[str]:
    """Write the paths as lines."""
    lines = [f"From {found['from']} to {found['to']} on {found['on']}:"]
    if found["same_person"]:
        lines.append("  they are one person: the client record is the staff member's own.")
    for path in found["paths"]:
        verdict = "counts" if path["counts"] else f"does not count: below {found['confidence_min']}"
        hops = f"{path['hops']} hop{'s' if path['hops'] > 1 else ''}"
        lines.append(f"  {hops}, confidence {path['confidence']:.2f} ({verdict})")
        lines += [f"    {_edge_line(edge)}" for edge in path["relationships"]]
    if not found["paths"] and not found["same_person"]:
        lines.append(f"  no path of at most {HOPS_MAX} hops is recorded.")
    if found["too_many_to_say"]:
        lines.append("  There are more relationships around them than are looked at: further paths may exist.")
    return lines


def _listed(title: str, entries: list[str]) -> list[str]:
    if not entries:
        return []
    more = [f"  and {len(entries) - LISTED_MAX} more"] if len(entries) > LISTED_MAX else []
    return [f"{title}:", *(f"  {entry}" for entry in entries[:LISTED_MAX]), *more]


def _edge_line(edge: dict[str, Any]) -> str:
    since, until = edge.get("valid_from", "always"), edge.get("valid_to", "open")
    return (
        f"{edge['a']} - {edge['kind']} - {edge['b']}: source {edge['source']}, confidence {edge['confidence']}, "
        f"from {since} to {until}, {edge['relationship_id']}, as of {_when(edge)}"
    )


def _fields_line(record: dict[str, Any]) -> str:
    left_out = {"as_of", "source_topic", "client_ids"}
    return (
        ", ".join(f"{name} {_text(value)}" for name, value in record.items() if name not in left_out)
        + f", as of {_when(record)}"
    )


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    if isinstance(value, dict):
        return " ".join(f"{name} {_text(inner)}" for name, inner in value.items())
    return {None: "none", True: "yes", False: "no"}.get(value, str(value))


def _when(record: dict[str, Any]) -> str:
    return nz_text(datetime.fromisoformat(record["as_of"]))


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
    """Show what the service knows now of a staff member or a client, with sources and dates."""
    settings = connected(environment.load(), needs=("redis",))
    found = _asked(settings, lambda references: node_of(references, node))
    say_json(orjson.dumps(found)) if as_json else say(*node_lines(found))


def path(
    staff: Annotated[str, typer.Argument(metavar="staff:ID", parser=_staff, help="From whom.")],
    client: Annotated[str, typer.Argument(metavar="client:ID", parser=_client, help="To whom.")],
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day; today unless set.")] = None,
    as_json: _Json = False,
) -> None:
    """Show how a staff member and a client are related, by the strongest path of each length."""
    from alerts.detection.config import load as load_limits  # noqa: PLC0415 with all rules, which `show` does not need

    settings = connected(environment.load(), needs=("redis",))
    confidence_min = load_limits(settings.limits).policy.confidence_min
    day = on.date() if on is not None else nz_date(datetime.now(UTC))
    found = _asked(settings, lambda references: paths_of(references, staff, client, day, confidence_min))
    say_json(orjson.dumps(found)) if as_json else say(*path_lines(found))


def status(as_json: _Json = False) -> None:
    """Show how many records of each kind are known, how far behind Kafka they are, and since when."""
    settings = connected(environment.load())
    found = asyncio.run(_status(settings))
    if as_json:
        say_json(orjson.dumps(found))
        return
    table = Table("kind", "records", "behind", "last change", box=None)
    for kind, figures in found["kinds"].items():
        changed = "-" if figures["changed_at"] is None else nz_text(datetime.fromisoformat(figures["changed_at"]))
        table.add_row(kind, f"{figures['records']:,}", f"{figures['behind']:,}", changed)
    Console().print(table)
    say(f"Epoch {found['epoch']}, replaced or discarded {found['rebuilds']} times since Redis was last emptied.")


async def _status(settings: Settings) -> dict[str, Any]:
    from aiokafka.errors import KafkaError  # noqa: PLC0415 Kafka's client is slow to import

    from stream.connections import reason  # noqa: PLC0415
    from stream.topic_admin import TopicEnds  # noqa: PLC0415

    topics = {settings.topic(reference_topic(kind)): kind for kind in REFERENCE}
    ends = TopicEnds(aiokafka_options(settings))
    try:
        await ends.start()
        try:
            async with _references(settings) as references:
                epoch, records, applied = references.epoch or "", await references.records(), await references.applied()
                changed, rebuilds = await _times(settings, epoch)
            offsets = await ends.offsets(list(topics))
        finally:
            await ends.stop()
    except (KafkaError, OSError, TimeoutError) as error:
        raise CommandError(await reason(settings, error)) from None
    except NotReadable as error:
        raise CommandError(f"{error}.") from None
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
async def _references(settings: Settings) -> AsyncIterator[RedisReferenceStore]:
    client = connect(settings)
    try:
        await check_reachable(client, settings)
        references = RedisReferenceStore(client, namespace(settings))
        references.epoch = await references.current_epoch()
        if references.epoch is None:
            raise CommandError("Redis holds no reference data: a worker with the reference agent loads them.")
        yield references
    finally:
        await client.aclose()


def _asked(settings: Settings, question: Callable[[RedisReferenceStore], Awaitable[T]]) -> T:
    async def ask() -> T:
        async with _references(settings) as references:
            return await question(references)

    try:
        return asyncio.run(ask())
    except NotReadable as error:
        raise CommandError(f"{error}.") from None
