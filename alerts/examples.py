"""An example access for each rule, so that its sentence can be read before it is raised. All ids are made up."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import orjson

from alerts.case import Case
from alerts.judging import Rulebook
from alerts.limits import load
from alerts.rules.catalogue import RULES
from alerts.rules.form import Hit
from enrichment.decode import decode
from enrichment.facts import Facts, Known, SharedLink, Unknown
from enrichment.kinship import Edge, Graph
from enrichment.windows import Distinct, Earlier, Windows
from enrichment.wire import Access, Client, Record, Relationship, Staff, WatchlistEntry

M = TypeVar("M", bound=Record)

_AT = datetime(2026, 11, 20, 0, 14, tzinfo=UTC)
_AS_OF = datetime(2026, 11, 1, tzinfo=UTC)
_CLIENTS = (Earlier("C-102", _AT - timedelta(hours=2)), Earlier("C-103", _AT - timedelta(hours=1)))
_DAYS = tuple(date(2026, 11, day).toordinal() for day in (5, 12, 20))
_SEARCH = {"action": "search", "client_id": None, "search": {"fields": ("name",), "result_count": 12}}

#: What differs from an employee's view of an active client's record.
_ACCESS: Mapping[str, dict[str, Any]] = {
    "contact-lookup": {"sections": ("address",)},
    "search-browsing": _SEARCH,
    "bulk-extract": {"action": "export", "client_id": None, "record_count": 620},
    "two-places": {"site": "AKL-1"},
}
_ACTOR: Mapping[str, dict[str, Any]] = {
    "own-record": {"client_ids": ("C-101",)},
    "off-duty": {"status": "suspended"},
    "scope": {"kind": "contractor", "scope": {"sites": ("WLG-1",), "programmes": ()}},
    "service-account": {"kind": "service"},
}
_CLIENT: Mapping[str, dict[str, Any]] = {
    "restricted-record": {"restricted": True},
    "dormant-record": {"status": "closed"},
    "scope": {"site": "AKL-1"},
}
_EDGES: Mapping[str, tuple[str, str]] = {
    "relative-record": ("staff:S-1", "sibling"),
    "acquaintance-record": ("staff:S-1", "friend"),
    "business-record": ("staff:S-1", "business"),
    "colleague-circle": ("staff:S-2", "partner"),
    "proxy-lookup": ("staff:S-2", "partner"),
}
_WINDOWS: Mapping[str, Windows] = {
    "proxy-lookup": Windows(colleague_searches=(Earlier("S-2", _AT - timedelta(minutes=7)),)),
    "media-surge": Windows(surge_actors=Distinct(6, tuple(Earlier(f"S-{n}", _AT) for n in range(2, 7)))),
    "repeat-visits": Windows(visit_dates=_DAYS),
    "contact-lookup": Windows(lookup_clients=Distinct(3, _CLIENTS)),
    "search-browsing": Windows(searches_hour=47, explained_hour=3),
    "volume": Windows(clients_hour=52),
    "dormant-record": Windows(dormant_clients=Distinct(3, _CLIENTS)),
    "bulk-extract": Windows(records_day=620),
    "two-places": Windows(elsewhere=Earlier("DUD-2", _AT - timedelta(minutes=4))),
}


def example(rule_id: str) -> str:
    """Give the sentence that a rule says of its example."""
    rulebook = Rulebook(load(), "example")
    answered = RULES[rule_id].evaluate(_case(rule_id, rulebook), rulebook.limits.rules[rule_id])
    if not isinstance(answered, Hit):
        raise TypeError(f"the example of {rule_id} is no hit")
    return answered.sentence


def _case(rule_id: str, rulebook: Rulebook) -> Case:
    given: dict[str, Any] = {
        "event_id": "E-1", "occurred_at": _AT, "staff_id": "S-1", "action": "view", "client_id": "C-101",
    }  # fmt: skip
    access = _read(Access, given | _ACCESS.get(rule_id, {}))
    return Case(access, _facts(rule_id), (), rulebook.limits.policy, windows=_WINDOWS.get(rule_id, Windows()))


def _facts(rule_id: str) -> Facts:
    actor = {"staff_id": "S-1", "kind": "employee", "status": "active", "org_unit": "U-7"}
    staff = _known(Staff, actor | _ACTOR.get(rule_id, {}))
    colleague = _known(Staff, actor | {"staff_id": "S-2"})
    client = _known(Client, {"client_id": "C-101", "status": "active"} | _CLIENT.get(rule_id, {}))
    graph = Graph()
    if rule_id in _EDGES:
        end, kind = _EDGES[rule_id]
        known = {"relationship_id": "R-1", "a": end, "b": "client:C-101", "kind": kind, "source": "declared"}
        graph.add(Edge(_read(Relationship, known), _AS_OF))
    entry = {"entry_id": "M-1", "client_ids": (), "label": "news", "published_at": _AT - timedelta(hours=5)}
    return Facts(
        actor=Unknown("the staff record of the actor") if rule_id == "unknown-staff" else staff,
        client=client,
        owners=(colleague,) if rule_id == "staff-record" else (),
        work=(),
        watchlist=(_known(WatchlistEntry, entry),) if rule_id == "media-watchlist" else (),
        graph=graph,
        reference="example",
        neighbours={"S-2": colleague},
        shared=(SharedLink("address", "staff:S-1", _AS_OF, 2),) if rule_id == "shared-contact" else (),
    )


def _known(model: type[M], fields: Mapping[str, Any]) -> Known[M]:
    return Known(_read(model, fields), _AS_OF)


def _read(model: type[M], fields: Mapping[str, Any]) -> M:
    """Read a record as it would come from Kafka."""
    return decode(model, orjson.dumps(fields))
