"""What is known of a person, and how two people are related: as plain values for JSON, and as lines for a reader.

Tokens of contact details are never shown, only which kinds are held.
"""

from datetime import date, datetime
from typing import Any, get_args

import orjson

from enrichment.directory import Directory
from enrichment.dossier import links_of
from enrichment.facts import Known
from enrichment.kinship import HOPS_MAX, Edge, Path, cut_short, strongest_paths
from enrichment.newzealand import nz_text
from enrichment.redis_shelf import RedisShelf
from enrichment.wire import Access, Client, Record, RelationshipKind, Staff

#: Entries of one kind that are listed; a club may have thousands. JSON has them all.
LISTED_MAX = 50

_ANY_KIND = frozenset(get_args(RelationshipKind))


async def node_of(shelf: RedisShelf, node: str) -> dict[str, Any]:
    """Give what is known of one node."""
    dossier = (await shelf.read([node]))[node]
    person: Known[Staff] | Known[Client] | None = dossier.staff or dossier.client
    return {
        "node": node,
        "record": None if person is None else _record(person, f"ref.{node.partition(':')[0]}.v1"),
        "own_record_of": sorted(dossier.owners),
        "work": [_record(one, "ref.work.v1") for one in dossier.work],
        "relationships": [_edge(edge) for edge in dossier.edges],
        "watchlist": [_record(one, "ref.watchlist.v1") for one in dossier.watchlist],
        "self_reports": [_record(one, "ref.self_report.v1") for one in dossier.self_reports],
        "reference": shelf.state,
    }


async def paths_of(shelf: RedisShelf, staff: str, client: str, on: date, confidence_min: float) -> dict[str, Any]:
    """Give the strongest path of each length that there is, whether or not it is sure enough."""
    access = Access.model_validate_json(_asking(staff, client, on))
    graph = (await Directory(shelf).facts_for([access], HOPS_MAX))[0].graph
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
