"""The rules' manual: each rule's page, limits and clauses, and an example sentence, as Markdown.

``python -m alerts.detection.manual`` prints it; ``make docs`` writes it to ``docs/rules.md``. Each rule has an example
access here, judged by the rule itself, so that its sentence can be read before it is raised. All ids are made up.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import orjson

from alerts import notices
from alerts.detection.config import LoadedLimits, load
from alerts.detection.engine import RuleEngine
from alerts.detection.registry import RULES, page
from alerts.detection.rule import AnyRule, Case, Hit
from alerts.detection.rules import (
    bulk_extract,
    contact_lookup,
    dormant_record,
    media_surge,
    proxy_lookup,
    repeat_visits,
    search_browsing,
    two_places,
    unanswered_notice,
    volume,
)
from enrichment.decode import decode
from enrichment.facts import Facts, Known, SharedLink, Unknown
from enrichment.relationship_graph import Edge, Graph
from enrichment.schemas import Access, Client, Record, Relationship, Staff, WatchlistEntry
from enrichment.windows.spec import NO_ANSWERS, Distinct, Earlier, Windows

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
    "proxy-lookup": {proxy_lookup.SEARCHES.key: (Earlier("S-2", _AT - timedelta(minutes=7)),)},
    "media-surge": {media_surge.ACTORS.key: Distinct(6, tuple(Earlier(f"S-{n}", _AT) for n in range(2, 7)))},
    "repeat-visits": {repeat_visits.DATES.key: _DAYS},
    "contact-lookup": {contact_lookup.CLIENTS.key: Distinct(3, _CLIENTS)},
    "search-browsing": {search_browsing.SEARCHES.key: 47},
    "volume": {volume.CLIENTS.key: Distinct(52)},
    "dormant-record": {dormant_record.CLIENTS.key: Distinct(3, _CLIENTS)},
    "bulk-extract": {bulk_extract.RECORDS.key: 620},
    "two-places": {two_places.SITES.key: Earlier("DUD-2", _AT - timedelta(minutes=4))},
}


def example(rule_id: str) -> str:
    """Return the sentence that a rule says of its example."""
    if rule_id == unanswered_notice.RULE.id:
        return notices.sentence("unanswered", _AT, load().policy.answer_hours, 1)
    rule_engine = RuleEngine(load(), "example")
    answered = RULES[rule_id].evaluate(_case(rule_id, rule_engine), rule_engine.limits.rules[rule_id])
    if not isinstance(answered, Hit):
        raise TypeError(f"the example of {rule_id} is no hit")
    return answered.sentence


def _case(rule_id: str, rule_engine: RuleEngine) -> Case:
    given: dict[str, Any] = {
        "event_id": "E-1", "occurred_at": _AT, "staff_id": "S-1", "action": "view", "client_id": "C-101",
    }  # fmt: skip
    access = _read(Access, given | _ACCESS.get(rule_id, {}))
    return Case(access, _facts(rule_id), (), rule_engine.limits.policy, windows=_WINDOWS.get(rule_id, NO_ANSWERS))


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


_TITLE = """# The rules

Each rule puts a question to Internal Integrity; none is a finding about a person. This page is made from the rules
themselves (`make docs`): do not edit it. Limits are the shipped ones of `deploy/limits.yaml`.
"""
_ABOUT = {
    "pair": "one alert for a staff member, a client and a New Zealand day",
    "actor": "one alert for a staff member and a New Zealand day",
}


def manual() -> str:
    """Write the whole manual."""
    limits = load()
    return "\n".join([_TITLE, *(line for rule in RULES.values() for line in _chapter(rule, limits))]) + "\n"


def paragraphs(rule: AnyRule) -> tuple[str, list[tuple[str, str]]]:
    """Return a rule's first sentence, and its headings with what stands behind each."""
    first, _, body = page(rule).strip().partition("\n\n")
    found = re.findall(r"^(Looks for|Cannot see|Innocent when|Then)\s+(.+)$", body, re.MULTILINE)
    return " ".join(first.split()), found


def tuned(rule: AnyRule, limits: LoadedLimits) -> dict[str, object]:
    """Return a rule's limits without its stage."""
    return limits.rules[rule.id].model_dump(exclude={"stage"})


def _chapter(rule: AnyRule, limits: LoadedLimits) -> Iterator[str]:
    first, found = paragraphs(rule)
    yield f"## {rule.id}\n"
    yield f"{first}\n"
    for heading, text in found:
        yield f"- **{heading}** {text}"
    said = ", ".join(f"`{name}` {value}" for name, value in tuned(rule, limits).items())
    yield f"- **Limits** {said or 'none but the stage'}"
    yield f"- **Alert** {_ABOUT[rule.about]}; clauses {', '.join(f'`{clause}`' for clause in rule.clauses)}"
    if rule.gives_way_to:
        yield f"- **Gives way** to a live hit of {', '.join(f'`{other}`' for other in rule.gives_way_to)}"
    yield f"\n> {example(rule.id)}\n"


if __name__ == "__main__":
    sys.stdout.write(manual())
