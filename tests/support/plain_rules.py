"""All rules once more, slowly and obviously, written from ``docs/policy.md`` alone: what the product is compared with.

Works on plain JSON documents and imports nothing of ours. Every question is answered by looking through everything.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Doc = dict[str, Any]

ZONE = ZoneInfo("Pacific/Auckland")
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
SEVERITIES = ["low", "medium", "high", "critical"]
ROLE_KINDS = {
    "case_manager": {"case_management", "application", "review", "appointment"},
    "contact_centre": {"call", "appointment"},
    "quality_assurance": {"quality_check", "review"},
    "fraud_investigation": {"investigation"},
    "staff_assistance": {"staff_assistance"},
    "internal_integrity": {"investigation"},
    "privacy": {"investigation"},
    "media": {"review"},
}
FAMILY = {"partner", "parent", "child", "sibling", "grandparent", "whanau", "household"}
ALL_KINDS = FAMILY | {"former_partner", "friend", "acquaintance", "club", "business", "colleague"}
PAIR = {
    "own-record", "staff-record", "relative-record", "acquaintance-record", "business-record", "shared-contact",
    "colleague-circle", "proxy-lookup", "media-watchlist", "media-surge", "repeat-visits", "restricted-record",
}  # fmt: skip


def when(text: str) -> datetime:
    """A time of a document."""
    return datetime.fromisoformat(text)


def nz_day(at: datetime) -> date:
    """The New Zealand date."""
    return at.astimezone(ZONE).date()


@dataclass
class World:
    """All reference documents."""

    staff: list[Doc]
    client: list[Doc]
    relationship: list[Doc]
    work: list[Doc]
    watchlist: list[Doc]
    agreement: list[Doc] = field(default_factory=list)


@dataclass
class Past:
    """An access as it was judged."""

    access: Doc
    at: datetime
    explained: bool
    unexplained: bool
    dormant: bool


@dataclass
class Verdict:
    """What is said of one access: the rules that hit, each with its severity, and those that abstain."""

    outcome: str
    hits: dict[str, str] = field(default_factory=dict)
    abstains: set[str] = field(default_factory=set)


class PlainRules:
    """Judges accesses one after the other."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.staff = {one["staff_id"]: one for one in world.staff}
        self.clients = {one["client_id"]: one for one in world.client}
        self.owner = {client: one["staff_id"] for one in world.staff for client in one.get("client_ids", [])}
        self.work: dict[str, list[Doc]] = {}
        for one in world.work:
            self.work.setdefault(one["client_id"], []).append(one)
        self.around: dict[str, list[Doc]] = {}
        for one in world.relationship:
            for end in {self.person(one["a"]), self.person(one["b"])}:
                self.around.setdefault(end, []).append(one)
        self.past: dict[str, Past] = {}
        self.by_staff: dict[str, list[Past]] = {}
        self.by_client: dict[str, list[Past]] = {}

    # -- people ---------------------------------------------------------------------------------------------------

    def person(self, node: str) -> str:
        """A staff member and each of their own client records are one."""
        kind, _, identity = node.partition(":")
        return f"staff:{self.owner[identity]}" if kind == "client" and identity in self.owner else node

    def paths(self, start: str, goal: str, kinds: set[str], hops: int, day: date) -> Iterator[int]:
        """The number of hops of each path from one person to another that is sure enough."""
        yield from self._walk(self.person(start), self.person(goal), kinds, hops, day, 1.0, [self.person(start)])

    def _walk(  # noqa: PLR0917 private and recursive
        self, here: str, goal: str, kinds: set[str], hops: int, day: date, sure: float, seen: list[str]
    ) -> Iterator[int]:
        if hops == 0:
            return
        for one in self.around.get(here, []):
            ends = [self.person(one["a"]), self.person(one["b"])]
            if one["kind"] not in kinds or not valid(one, day):
                continue
            there = ends[1] if ends[0] == here else ends[0]
            confidence = sure * one.get("confidence", 1)
            if there in seen or confidence < 0.5:
                continue
            if there == goal:
                yield len(seen)
            else:
                yield from self._walk(there, goal, kinds, hops - 1, day, confidence, [*seen, there])

    # -- work -----------------------------------------------------------------------------------------------------

    def reasons(self, access: Doc) -> list[tuple[int, str]]:
        """The number and the kind of every work reason."""
        actor, at, found = self.staff.get(access["staff_id"]), when(access["occurred_at"]), []
        for work in self.work.get(access.get("client_id") or "", []):
            closed = work.get("closed_at")
            if at < when(work["opened_at"]) - DAY or (closed is not None and at > when(closed) + DAY):
                continue
            roles = actor.get("roles", []) if actor else []
            if work.get("staff_id") == access["staff_id"]:
                found.append((1, work["kind"]))
            elif (
                actor
                and work.get("org_unit") == actor["org_unit"]
                and any(work["kind"] in ROLE_KINDS.get(role, ()) for role in roles)
            ):
                found.append((2, work["kind"]))
            elif access.get("work_id") == work["work_id"]:
                found.append((3, work["kind"]))
        return found

    # -- judging --------------------------------------------------------------------------------------------------

    def judge(self, access: Doc) -> Verdict:
        """Judge one access; it is seen by all that come after."""
        at, client_id = when(access["occurred_at"]), access.get("client_id")
        reasons = self.reasons(access)
        client = self.clients.get(client_id) if client_id else None
        past = Past(
            access, at, bool(reasons), client_id is not None and not reasons,
            client is not None and client["status"] in {"closed", "deceased"},
        )  # fmt: skip
        if access["event_id"] not in self.past:
            self.past[access["event_id"]] = past
            self.by_staff.setdefault(access["staff_id"], []).append(past)
            if client_id:
                self.by_client.setdefault(client_id, []).append(past)
        asked = _Asked(self, access, at, client_id, client, self.staff.get(access["staff_id"]), reasons)
        hits, abstains = asked.answers()
        if hits:
            outcome = "hit"
        elif abstains:
            outcome = "abstained"
        elif reasons:
            outcome = "explained"
        else:
            outcome = "no_subject" if client_id is None else "unexplained"
        return Verdict(outcome, hits, abstains)


def valid(relationship: Doc, day: date) -> bool:
    """Both ends inclusive."""
    start, end = relationship.get("valid_from"), relationship.get("valid_to")
    return (start is None or date.fromisoformat(start) <= day) and (end is None or day <= date.fromisoformat(end))


def by_field(access: Doc) -> bool:
    """A search by name, date of birth, tax number or address that opened nothing."""
    search = access.get("search")
    fields = set(search["fields"]) if search else set()
    return (
        access["action"] == "search"
        and access.get("client_id") is None
        and bool(fields & {"name", "date_of_birth", "tax_number", "address"})
    )


def lookup(access: Doc) -> bool:
    """Only address, contact, tax number, identity, and not contact alone."""
    shown = set(access.get("sections", []))
    return shown <= {"address", "contact", "tax_number", "identity"} and bool(
        shown & {"address", "tax_number", "identity"}
    )


def taken(access: Doc) -> int:
    """Records of a print or an export."""
    return int(access.get("record_count", 1)) if access["action"] in {"print", "export"} else 0


@dataclass
class _Asked:
    """One access and what is known of it; each rule is a method named after it."""

    all: PlainRules
    access: Doc
    at: datetime
    client_id: str | None
    client: Doc | None
    actor: Doc | None
    reasons: list[tuple[int, str]]

    def answers(self) -> tuple[dict[str, str], set[str]]:
        hits: dict[str, str] = {}
        abstains = set()
        rules = [
            *sorted(PAIR - {"colleague-circle", "proxy-lookup"}), "colleague-circle", "proxy-lookup",
            "contact-lookup", "search-browsing", "volume", "dormant-record", "bulk-extract", "off-duty", "scope",
            "two-places", "service-account", "unknown-staff",
        ]  # fmt: skip
        for rule in rules:
            if rule in PAIR and self.client_id is None:
                continue
            if rule in {"colleague-circle", "proxy-lookup"} and hits.keys() & {
                "relative-record", "acquaintance-record", "business-record",
            }:  # fmt: skip
                continue
            answer = getattr(self, rule.replace("-", "_"))()
            if answer == "abstain":
                abstains.add(rule)
            elif answer:
                hits[rule] = answer
        return hits, abstains

    # what several rules ask

    @property
    def unexplained(self) -> bool:
        return self.client_id is not None and not self.reasons

    @property
    def named(self) -> bool:
        return any(number in {1, 2} for number, _ in self.reasons)

    @property
    def ends(self) -> tuple[str, str]:
        return f"staff:{self.access['staff_id']}", f"client:{self.client_id}"

    def hops(self, kinds: set[str], most: int) -> int:
        """The shortest path, 0 for none."""
        return min(self.all.paths(*self.ends, kinds, most, nz_day(self.at)), default=0)

    def window(self, length: timedelta, of: list[Past] | None = None) -> list[Past]:
        mine = self.all.by_staff[self.access["staff_id"]] if of is None else of
        return [one for one in mine if self.at - length <= one.at <= self.at]

    # the rules

    def own_record(self) -> str | None:
        if self.actor is None:
            return "abstain"
        return "high" if self.client_id in self.actor.get("client_ids", []) else None

    def staff_record(self) -> str | None:
        owners = [
            one
            for one in self.all.world.staff
            if self.client_id in one.get("client_ids", [])
            and one["staff_id"] != self.access["staff_id"]
            and one["status"] != "ended"
        ]
        roles = set(self.actor.get("roles", [])) if self.actor else set()
        excused = roles & {"staff_assistance", "fraud_investigation", "internal_integrity"} and any(
            number in {1, 2} and kind in {"staff_assistance", "investigation"} for number, kind in self.reasons
        )
        return "high" if owners and not excused else None

    def relative_record(self) -> str | None:
        return {0: None, 1: "high", 2: "medium"}[self.hops(FAMILY, 2)]

    def acquaintance_record(self) -> str | None:
        if self.hops({"friend", "former_partner"}, 1):
            return "high"
        if self.hops({"acquaintance", "club"}, 1):
            return "medium"
        day, me, them = nz_day(self.at), *map(self.all.person, self.ends)
        for first in self.all.around.get(me, []):
            partner = next((end for end in map(self.all.person, (first["a"], first["b"])) if end != me), me)
            for second in self.all.around.get(partner, []):
                joined = {self.all.person(second["a"]), self.all.person(second["b"])} == {partner, them}
                kinds = (first["kind"], second["kind"]) == ("partner", "former_partner")
                sure = first.get("confidence", 1) * second.get("confidence", 1) >= 0.5
                then = valid(first, day) and valid(second, day)
                if len({me, partner, them}) == 3 and joined and kinds and sure and then:
                    return "medium"
        return None

    def business_record(self) -> str | None:
        return "medium" if self.hops({"business"}, 1) else None

    def shared_contact(self) -> str | None:
        if self.actor is None or self.client is None:
            return None if self.named else "abstain"
        if self.client_id in self.actor.get("client_ids", []):
            return None
        own = [self.actor, *(self.all.clients[c] for c in self.actor.get("client_ids", []) if c in self.all.clients)]
        shared = set()
        for kind in ("address", "phone", "email", "bank_account"):
            token = self.client.get("links", {}).get(kind)
            if token is None or token not in [one.get("links", {}).get(kind) for one in own]:
                continue
            if sum(one.get("links", {}).get(kind) == token for one in self.all.clients.values()) <= 8:
                shared.add(kind)
        if self.named:
            shared &= {"bank_account"}
        if not shared or self.hops(ALL_KINDS, 2):
            return None
        return "high" if "bank_account" in shared else "medium"

    def colleague_contacts(self) -> list[str] | None:
        """The colleagues whose circle it is; None where it is not known."""
        if self.reasons:
            return []
        if self.actor is None:
            return None
        if self.client_id in self.actor.get("client_ids", []):
            return []
        day, found, me = nz_day(self.at), [], self.all.person(f"client:{self.client_id}")
        for one in self.all.around.get(me, []):
            if one["kind"] in {"colleague", "business"} or not valid(one, day) or one.get("confidence", 1) < 0.5:
                continue
            ends = [self.all.person(one["a"]), self.all.person(one["b"])]
            if ends[0] == ends[1]:
                continue
            other = ends[1] if ends[0] == me else ends[0]
            staff = self.all.staff.get(other.removeprefix("staff:")) if other.startswith("staff:") else None
            if (
                staff
                and staff["staff_id"] != self.access["staff_id"]
                and staff["status"] != "ended"
                and staff["org_unit"] == self.actor["org_unit"]
            ):
                found.append(staff["staff_id"])
        return found

    def colleague_circle(self) -> str | None:
        colleague_contacts = self.colleague_contacts()
        return "abstain" if colleague_contacts is None else "medium" if colleague_contacts else None

    def proxy_lookup(self) -> str | None:
        colleague_contacts = self.colleague_contacts()
        if colleague_contacts is None:
            return "abstain"
        for colleague in colleague_contacts:
            for one in self.window(timedelta(minutes=60), self.all.by_staff.get(colleague, [])):
                if self.led_nowhere(one):
                    return "high"
        return None

    def weight(self) -> float:
        """The weight of the watchlist entry that has most, 0 where none has enough."""
        best = 0.0
        for entry in self.all.world.watchlist:
            expires = entry.get("expires_at")
            if self.client_id not in entry["client_ids"] or when(entry["published_at"]) > self.at:
                continue
            if expires is not None and self.at > when(expires):
                continue
            age = (self.at - when(entry["published_at"])) / HOUR
            weight = 0.5 ** (age / entry.get("half_life_hours", 72))
            if weight >= 0.1:
                best = max(best, weight)
        return best

    def media_watchlist(self) -> str | None:
        weight = self.weight()
        if not weight or self.named:
            return None
        return "high" if weight >= 0.5 else "medium"

    def media_surge(self) -> str | None:
        if not self.unexplained or self.weight():
            return None
        window = self.window(DAY, self.all.by_client[self.client_id or ""])
        actors = {one.access["staff_id"] for one in window if one.unexplained}
        return "high" if len(actors) >= 5 else None

    def repeat_visits(self) -> str | None:
        if not self.unexplained:
            return None
        day = nz_day(self.at)
        days = {
            nz_day(one.at)
            for one in self.all.by_staff[self.access["staff_id"]]
            if one.unexplained and one.access["client_id"] == self.client_id
        }
        number = len({one for one in days if timedelta(0) <= day - one <= timedelta(days=29)})
        return "medium" if number >= 3 else "low" if number == 2 else None

    def restricted_record(self) -> str | None:
        service = self.actor is not None and self.actor["kind"] == "service"
        batch = (self.access["action"], self.access["channel"]) == ("view", "batch")
        if self.named or (self.reasons and service and batch):
            return None
        if self.client is None:
            return "abstain"
        return "high" if self.client.get("restricted") else None

    def contact_lookup(self) -> str | None:
        if not self.unexplained or not lookup(self.access):
            return None
        found = {one.access["client_id"] for one in self.window(DAY) if one.unexplained and lookup(one.access)}
        return "medium" if len(found) >= 3 else None

    def search_browsing(self) -> str | None:
        if not by_field(self.access):
            return None
        return "medium" if sum(self.led_nowhere(one) for one in self.window(HOUR)) > 15 else None

    def led_nowhere(self, search: Past) -> bool:
        """A search by field whose next access, as known now, opens no client within two minutes."""
        if not by_field(search.access):
            return False
        mine = self.all.by_staff[search.access["staff_id"]]
        later = [one for one in mine if search.at < one.at <= self.at]
        following = [one for one in later if one.at == min(each.at for each in later)]
        opens = [one for one in following if one.access.get("client_id") is not None]
        return not opens or opens[0].at - search.at > timedelta(seconds=120)

    def volume(self) -> str | None:
        if not self.unexplained:
            return None
        clients = {one.access["client_id"] for one in self.window(HOUR) if one.unexplained}
        return None if len(clients) <= 40 else "high" if len(clients) >= 80 else "medium"

    def dormant_record(self) -> str | None:
        if not self.unexplained:
            return None
        if self.client is None:
            return "abstain"
        if self.client["status"] not in {"closed", "deceased"}:
            return None
        found = {one.access["client_id"] for one in self.window(DAY) if one.unexplained and one.dormant}
        return "low" if len(found) >= 3 else None

    def bulk_extract(self) -> str | None:
        one = taken(self.access)
        day = sum(taken(past.access) for past in self.window(DAY) if not self.agreed(past.access))
        if not one or self.agreed(self.access) or (one < 200 and (one < 20 or day < 500)):
            return None
        third_party = self.actor is not None and self.actor["kind"] == "third_party"
        excused = any(number in {1, 2} and kind in {"investigation", "quality_check"} for number, kind in self.reasons)
        if excused and not third_party:
            return None
        return "critical" if one >= 5000 or day >= 5000 else "high"

    def agreed(self, access: Doc) -> bool:
        """A print or an export under an agreement that fits."""
        terms = next((one for one in self.all.world.agreement if one["agreement_id"] == access.get("agreement_id")), {})
        actor, day = self.all.staff.get(access["staff_id"]), nz_day(when(access["occurred_at"])).isoformat()
        return bool(
            terms
            and access["action"] in {"print", "export"}
            and terms["valid_from"] <= day <= (terms.get("valid_to") or day)
            and access.get("record_count", 1) <= terms["records_max"]
            and (not terms.get("sections") or set(access.get("sections", [])) <= set(terms["sections"]))
            and (
                actor is None
                or actor["kind"] not in {"contractor", "third_party"}
                or actor.get("employer") == terms["party"]
            )
        )

    def off_duty(self) -> str | None:
        if self.actor is None:
            return "abstain"
        day = nz_day(self.at).isoformat()
        if self.actor["status"] in {"suspended", "ended"}:
            return "high"
        if not (self.actor.get("start_date") or day) <= day <= (self.actor.get("end_date") or day):
            return "high"
        away = any(leave["from"] <= day <= leave["to"] for leave in self.actor.get("leave", []))
        today = [one for one in self.all.by_staff[self.access["staff_id"]] if nz_day(one.at) == nz_day(self.at)]
        worked = sum(one.explained for one in today if one.at <= self.at)
        return "medium" if away and self.unexplained and worked <= 2 else None

    def scope(self) -> str | None:
        if self.actor is None:
            return "abstain"
        scope = self.actor.get("scope")
        if self.actor["kind"] not in {"contractor", "third_party"}:
            return None
        if scope is None:
            return "high" if self.actor["kind"] == "third_party" else None
        if self.client is None:
            return None
        for name, covered in (("site", scope.get("sites")), ("programme", scope.get("programmes"))):
            if covered and self.client.get(name) is not None and self.client[name] not in covered:
                return "high"
        return None

    def two_places(self) -> str | None:
        site = self.access.get("site")
        if self.actor is None or self.actor["kind"] == "service" or site is None:
            return None
        window = self.window(timedelta(minutes=10))
        return "medium" if any(one.access.get("site") not in {None, site} for one in window) else None

    def service_account(self) -> str | None:
        service = self.actor is not None and self.actor["kind"] == "service"
        return "high" if service and self.access.get("channel", "desktop") in {"desktop", "mobile"} else None

    def unknown_staff(self) -> str | None:
        return "medium" if self.actor is None else None
