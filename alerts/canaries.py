"""Canaries: accesses that each live rule must find, by reserved staff to reserved clients. Pure.

Source: ``docs/policy.md``, "Canaries". A plan has the reference records of the reserved ids and the accesses in two
parts: what must have been judged before, and what is looked for. The rules cannot tell them apart from anybody's; the
alert store closes their alerts by the reserved staff ids.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.detection.config import LoadedLimits
from alerts.detection.registry import RULES
from alerts.detection.rule import Limits
from enrichment.reference.layout import EntityRecord, ReferenceKind, record_id
from enrichment.relationship_graph import client_node, staff_node
from enrichment.schemas import (
    Access,
    Action,
    Client,
    Links,
    Record,
    Relationship,
    RelationshipKind,
    Scope,
    Search,
    Section,
    Staff,
    StaffKind,
    StaffStatus,
    WatchlistEntry,
)

#: Rules that no access is asked about: canaries say nothing of them.
NOT_BY_ACCESS: Final = frozenset({"unanswered-notice"})
#: How long before now the first accesses of a plan are, and those that are looked for. Two runs shall not overlap:
#: between searches of the one a record opened by the other would stand.
BEFORE: Final = timedelta(seconds=20)
LOOKED_FOR: Final = timedelta(seconds=10)
#: Between one access and the next. Only those of one person depend on their order.
_STEP: Final = timedelta(milliseconds=50)
_DAY: Final = timedelta(days=1)
#: What canaries have that is no person begins so: their unit, programme and sites, a contact detail, ids of records.
NAME: Final = "accesswatch-canary"


@dataclass(frozen=True, slots=True)
class Expected:
    """The access that a rule must hit, and whom its alert is about: a client, or the actor alone."""

    rule: str
    event_id: str
    staff_id: str
    client_id: str | None
    at: datetime


@dataclass(slots=True)
class Plan:
    """What one run publishes and looks for."""

    #: By kind; their ids are the keys.
    records: list[tuple[ReferenceKind, Record]] = field(default_factory=list)
    before: list[Access] = field(default_factory=list)
    looked_for: list[Access] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)
    #: Live rule -> why no access could be made for it, in a sentence.
    not_asked: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Ids:
    """Hands out reserved ids, each once."""

    staff: list[str]
    clients: list[str]
    run: str

    def a_staff_member(self) -> str | None:
        return self.staff.pop(0) if self.staff else None

    def a_client(self) -> str | None:
        return self.clients.pop(0) if self.clients else None


def plan(staff: Sequence[str], clients: Sequence[str], limits: LoadedLimits, now: datetime, run: str) -> Plan:
    """Return what a run at *now* publishes.

    Args:
        staff: reserved staff ids; the last of several is the one that no staff record has.
        clients: reserved client ids.
        limits: those in force; rules that are not live are left out.
        now: the accesses are in the minutes before it.
        run: tells the event ids of this run from those of others.
    """
    return _Planner(staff, clients, limits, now, run).made()


class _Planner:
    def __init__(
        self, staff: Sequence[str], clients: Sequence[str], limits: LoadedLimits, now: datetime, run: str
    ) -> None:
        self.plan = Plan()
        self._limits = limits
        self._reserved = len(clients)
        #: Clients with a record, but for those that are somebody's own.
        self._clients: list[str] = []
        self._ids = _Ids(list(staff), list(clients), run)
        self._unregistered = self._ids.staff.pop() if len(staff) > 1 else None
        self._now = now
        self._at = {False: now - BEFORE, True: now - LOOKED_FOR}
        self._actor = self._registered("employee")

    # -- parts ---------------------------------------------------------------------------------------------------

    def _registered(self, kind: StaffKind, status: StaffStatus = "active", *, scope: Scope | None = None) -> str | None:
        """Register the next reserved staff id."""
        staff_id = self._ids.a_staff_member()
        if staff_id is None:
            return None
        more: dict[str, Any] = {"scope": scope} if scope is not None else {}
        self.plan.records.append(("staff", Staff(staff_id=staff_id, kind=kind, status=status, org_unit=NAME, **more)))
        return staff_id

    def _amend(self, of: str, **more: Any) -> None:
        """Change the record with this id."""
        for number, (kind, record) in enumerate(self.plan.records):
            if record_id(kind, record) == of:
                self.plan.records[number] = (kind, record.model_copy(update=more))

    def _client(self, *, owner: str | None = None, **more: Any) -> str | None:
        """Register the next reserved client id, as a staff member's own where there is an *owner*."""
        client_id = self._ids.a_client()
        if client_id is None:
            return None
        self.plan.records.append(("client", Client(client_id=client_id, status="active", programme=NAME, **more)))
        if owner is not None:
            self._amend(owner, client_ids=(client_id,))
        else:
            self._clients.append(client_id)
        return client_id

    def _access(
        self,
        staff_id: str,
        action: Action = "view",
        client_id: str | None = None,
        *,
        looked_for: bool = True,
        **more: Any,
    ) -> Access:
        """Add an access, a little after the one before it."""
        accesses = self.plan.looked_for if looked_for else self.plan.before
        self._at[looked_for] += _STEP
        at = more.pop("at", self._at[looked_for])
        event_id = f"canary-{self._ids.run}-{'l' if looked_for else 'b'}{len(accesses)}"
        access = Access(
            event_id=event_id, occurred_at=at.isoformat(), staff_id=staff_id, client_id=client_id, action=action, **more
        )
        accesses.append(access)
        return access

    def _expect(self, rule: str, access: Access | None, needs: str) -> None:
        """Look for a rule's hit of this access; without one say what was missing."""
        if not self._live(rule):
            return
        if access is None:
            self.plan.not_asked[rule] = f"it needs {needs}: reserve more"
            return
        client_id = access.client_id if RULES[rule].about == "pair" else None
        self.plan.expected.append(Expected(rule, access.event_id, access.staff_id, client_id, access.occurred_at))

    def _limit(self, rule: str, name: str) -> int:
        limits: Limits = self._limits.rules[rule]
        return int(getattr(limits, name))

    def _live(self, rule: str) -> bool:
        return self._limits.rules[rule].stage == "live"

    # -- the whole -----------------------------------------------------------------------------------------------

    def made(self) -> Plan:
        """Return the plan."""
        actor = self._actor
        if actor is None:
            for rule in RULES:
                if self._live(rule) and rule not in NOT_BY_ACCESS:
                    self.plan.not_asked[rule] = "it needs a staff id: reserve some"
            return self.plan
        colleague = self._registered("employee")
        suspended = self._registered("employee", "suspended")
        contractor = self._registered("contractor", scope=Scope(sites=(f"{NAME}-1",)))
        service = self._registered("service")
        self._people(actor, colleague)
        self._marked(actor, [colleague, suspended, contractor, service, self._unregistered])
        self._kinds(suspended, contractor, service)
        self._counts(actor)
        self._without_a_client(actor)
        if colleague is not None:
            # After whatever else they open: for proxy-lookup this search must have led nowhere.
            self._search(colleague, looked_for=False)
        return self.plan

    def _people(self, actor: str, colleague: str | None) -> None:
        """Rules about whom the actor knows or is."""
        needs = "a client id"
        self._look(actor, "own-record", self._client(owner=actor), needs)
        theirs = self._client(owner=colleague) if colleague is not None else None
        self._look(actor, "staff-record", theirs, "two staff ids and a client id")
        related: tuple[tuple[str, RelationshipKind], ...] = (
            ("relative-record", "sibling"), ("acquaintance-record", "friend"), ("business-record", "business"),
        )  # fmt: skip
        for rule, kind in related:
            client_id = self._client()
            if client_id is not None:
                self._related(staff_node(actor), client_id, kind)
            self._look(actor, rule, client_id, needs)
        links = Links(phone=f"{NAME}-phone")
        self._amend(actor, links=links)
        self._look(actor, "shared-contact", self._client(links=links), needs)
        circle = self._client() if colleague is not None else None
        if colleague is not None and circle is not None:
            self._related(staff_node(colleague), circle, "club")
        access = self._look(actor, "colleague-circle", circle, "two staff ids and a client id")
        self._expect("proxy-lookup", access, "two staff ids and a client id")

    def _marked(self, actor: str, others: Sequence[str | None]) -> None:
        """Rules about what a client is known for."""
        watched = self._client()
        if watched is not None:
            entry = WatchlistEntry.model_validate(
                {
                    "entry_id": f"{NAME}-watch",
                    "client_ids": (watched,),
                    "label": "canary",
                    "published_at": (self._now - _DAY).isoformat(),
                }
            )
            self.plan.records.append(("watchlist", entry))
        self._look(actor, "media-watchlist", watched, "a client id")
        self._look(actor, "restricted-record", self._client(restricted=True), "a client id")
        needed = self._limit("media-surge", "staff_min") - 1
        there = [one for one in others if one is not None][:needed]
        surge = self._client() if len(there) == needed else None
        if surge is not None:
            for staff_id in there:
                self._access(staff_id, client_id=surge, looked_for=False)
        self._look(actor, "media-surge", surge, f"{needed + 1} staff ids and a client id")

    def _kinds(self, suspended: str | None, contractor: str | None, service: str | None) -> None:
        """Rules about what the actor is."""
        elsewhere = self._client(site=f"{NAME}-2")
        self._of(suspended, "off-duty", elsewhere, "three staff ids and eleven client ids")
        self._of(contractor, "scope", elsewhere, "four staff ids and eleven client ids")
        self._of(service, "service-account", elsewhere, "five staff ids and eleven client ids")
        self._of(self._unregistered, "unknown-staff", elsewhere, "two staff ids and eleven client ids")

    def _counts(self, actor: str) -> None:
        """Rules about how often, and how many."""
        again = self._clients[-1] if self._clients else None
        if again is not None:
            for days in range(1, self._limit("repeat-visits", "days_min")):
                at = self._now - BEFORE - days * _DAY
                self._access(actor, client_id=again, looked_for=False, at=at)
        self._look(actor, "repeat-visits", again, "three client ids")
        self._several(actor, "dormant-record", status="closed")
        self._several(actor, "contact-lookup", sections=("address",))
        while (client_id := self._client()) is not None:
            self._access(actor, client_id=client_id)
        opened = [one for one in self.plan.looked_for if one.staff_id == actor and one.client_id is not None]
        lacking = self._limit("volume", "clients_max") + 1 - len({one.client_id for one in opened})
        last = opened[-1] if opened and lacking <= 0 else None
        self._expect("volume", last, f"{self._reserved + lacking} client ids")

    def _several(self, actor: str, rule: str, *, status: str | None = None, sections: tuple[Section, ...] = ()) -> None:
        """Open as many clients as a rule asks for, so that the last is a hit."""
        needed = self._limit(rule, "clients_min")
        access = None
        for client_id in self._clients[:needed]:
            if status is not None:
                self._amend(client_id, status=status)
            access = self._access(actor, client_id=client_id, sections=sections)
        self._expect(rule, access if len(self._clients) >= needed else None, f"{needed + 2} client ids")

    def _without_a_client(self, actor: str) -> None:
        """Rules about what opens no client record."""
        search = None
        for _ in range(self._limit("search-browsing", "searches_max") + 1):
            search = self._search(actor)
        self._expect("search-browsing", search, "a staff id")
        records = self._limit("bulk-extract", "records_max")
        self._expect("bulk-extract", self._access(actor, "export", record_count=records), "a staff id")
        search_by = Search(fields=("client_id",), result_count=0)
        self._access(actor, "search", search=search_by, site=f"{NAME}-1")
        moved = self._access(actor, "search", search=search_by, site=f"{NAME}-2")
        self._expect("two-places", moved, "a staff id")

    def _look(self, actor: str, rule: str, client_id: str | None, needs: str) -> Access | None:
        access = self._access(actor, client_id=client_id) if client_id is not None else None
        self._expect(rule, access, needs)
        return access

    def _of(self, staff_id: str | None, rule: str, client_id: str | None, needs: str) -> None:
        access = self._access(staff_id, client_id=client_id) if staff_id is not None and client_id is not None else None
        self._expect(rule, access, needs)

    def _search(self, staff_id: str, *, looked_for: bool = True) -> Access:
        return self._access(staff_id, "search", looked_for=looked_for, search=Search(fields=("name",), result_count=0))

    def _related(self, node: str, client_id: str, kind: RelationshipKind) -> None:
        name = f"{NAME}-{kind}"
        other = client_node(client_id)
        self.plan.records.append(
            ("relationship", Relationship(relationship_id=name, a=node, b=other, kind=kind, source="declared"))
        )


def used_by_others(nodes: Mapping[str, EntityRecord]) -> list[str]:
    """Return a sentence for each reserved id of which a record is known that is no canary's.

    Args:
        nodes: what is known of each reserved id, by node.
    """
    found = []
    for node, entity in sorted(nodes.items()):
        strange = _strange(entity)
        if strange is not None:
            kind, _, name = node.partition(":")
            found.append(f"The {kind} id {name} is reserved for canaries, and {strange} that is no canary's has it.")
    return found


def _strange(entity: EntityRecord) -> str | None:
    """Return what of a node is no canary's."""
    if entity.staff is not None and entity.staff.value.org_unit != NAME:
        return "a staff record"
    if entity.client is not None and entity.client.value.programme != NAME:
        return "a client record"
    if any(not edge.relationship.relationship_id.startswith(NAME) for edge in entity.edges):
        return "a relationship"
    if entity.work:
        return "a work item"
    if any(not one.value.entry_id.startswith(NAME) for one in entity.watchlist):
        return "a watchlist entry"
    return "a self report" if entity.self_reports else None
