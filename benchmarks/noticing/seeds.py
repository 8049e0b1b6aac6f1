"""One seed, from the founding of its agency to the figures that the report is made of."""

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from benchmarks.noticing.baselines import Baselines
from benchmarks.noticing.feed import hours
from benchmarks.noticing.memory_judge import MemoryJudge
from benchmarks.noticing.tally import INTENDED, NATURAL, Tally, is_natural
from benchmarks.noticing.variants import HOPS_MAX, variants
from simulator.records import Played
from simulator.world import World

#: A Monday.
FIRST = date(2026, 11, 16)


@dataclass(frozen=True)
class Size:
    """How large and how long a simulated agency is, and how many times as often as believable intents come."""

    staff: int = 150
    days: int = 5
    intent_factor: float = 20.0


class Truth:
    """What there was to notice, and to leave alone."""

    def __init__(self, world: World) -> None:
        self._members = {member.staff_id: member for member in world.setting.staff}
        self.accesses = 0
        self.episodes: dict[tuple[str, bool], tuple[str, bool]] = {}
        #: Kind of label -> [explained, all] of the accesses to a client.
        self.explained: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._days: dict[str, set[str]] = defaultdict(set)

    def take(self, played: Played, *, explained: bool, to_client: bool) -> None:
        """Count one access."""
        self.accesses += 1
        label = played.label
        self._days[played.key].add(played.occurred_at[:10])
        if label.episode is not None and not label.innocent:
            self.episodes[label.episode, bool(label.known)] = (label.name, label.natural)
        elif to_client:
            self.explained[label.kind][0] += explained
            self.explained[label.kind][1] += 1

    def staff_days(self) -> dict[str, int]:
        """Count days of staff at work by site, role and hours."""
        found: Counter[str] = Counter()
        for staff_id, days in self._days.items():
            for group in groups(self._members.get(staff_id)):
                found[group] += len(days)
        return dict(found)

    def groups_of(self, staff_id: str) -> list[str]:
        """Return the groups that a staff member belongs to."""
        return groups(self._members.get(staff_id))


def groups(member: Any) -> list[str]:
    """Return the groups that parity is looked at over."""
    if member is None:
        return ["all"]
    if member.kind == "service":
        return ["all", "service account"]
    return [
        "all", f"site {member.unit.site}", f"role {member.role or 'none'}",
        "part time" if member.part_time else "full time", f"kind {member.kind}",
    ]  # fmt: skip


def run_seed(seed: int, size: Size, *, with_variants: bool) -> dict[str, Any]:
    """Judge one seed's days in this process and give its figures, as JSON."""
    return asyncio.run(_run(seed, size, with_variants=with_variants))


async def _run(seed: int, size: Size, *, with_variants: bool) -> dict[str, Any]:
    world = World(seed, FIRST, days=size.days, staff=size.staff, intent_factor=size.intent_factor)
    judge = MemoryJudge(variants=variants() if with_variants else {}, hops_max=HOPS_MAX if with_variants else 0)
    other, ours, truth = Baselines(), Tally(), Truth(world)
    varied: dict[str, Tally] = defaultdict(Tally)
    reference = list(world.reference())
    judge.learn(reference)
    other.learn(reference)
    for hour in hours(world):
        judge.learn(hour.records)
        other.learn(hour.records)
        for played, said in zip(hour.accesses, await judge.judge(hour.accesses), strict=True):
            to_client = b'"client_id":null' not in played.value
            truth.take(played, explained=said.explained, to_client=to_client)
            other.take(played)
            for rule, severity, alert in said.hits:
                ours.hit(alert, rule, severity, played)
            for variant, alert in said.variants:
                varied[variant].hit(alert, variant.partition(" ")[0], "low", played)
    other.end()
    points = {name: _curve_point(ours, name, varied[name]) for name in judge.variants}
    return document(seed, truth, ours, other) | {"variants": points}


def document(seed: int, truth: Truth, ours: Tally, other: Baselines) -> dict[str, Any]:
    """Write a seed's figures down for the report."""
    tallies = {"accesswatch": ours, "ministry": other.ministry, "siem": other.siem, "volume": other.volume}
    methods = {name: tally.document() for name, tally in tallies.items()}
    for method in methods.values():
        for alert in method["alerts"]:
            alert["groups"] = truth.groups_of(alert["staff"])
    return {
        "seed": seed,
        "accesses": truth.accesses,
        "staff_days": truth.staff_days(),
        "explained": dict(truth.explained),
        "episodes": [[*key, *value] for key, value in truth.episodes.items()],
        "methods": methods,
        "variants": {},
    }


def _curve_point(ours: Tally, name: str, variant: Tally) -> dict[str, int]:
    """Put a variant's hits in the place of its rule's, and count alerts and episodes."""
    rule = name.partition(" ")[0]
    flags: Counter[str] = Counter()
    for alert_id, alert in ours.alerts.items():
        for other, found in alert.rules.items():
            if other != rule:
                flags[alert_id] |= found
    for alert_id, alert in variant.alerts.items():
        flags[alert_id] |= alert.flags
    natural = [found for found in flags.values() if is_natural(found)]
    episodes = {key for key, rules in ours.found.items() if rules != {rule}} | variant.found.keys()
    return {
        "alerts": len(natural),
        "right": sum(bool(found & NATURAL) for found in natural),
        "false": sum(not found & INTENDED for found in natural),
        "known": sum(known for _, known in episodes),
        "undeclared": sum(not known for _, known in episodes),
    }
