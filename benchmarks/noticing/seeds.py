"""One seed, from the founding of its agency to the figures that the report is made of."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from agents.renewal import Waiting
from alerts.detection.config import load
from alerts.detection.engine import RuleEngine
from alerts.detection.work_reasons import Policy, known_in_time, work_reason
from benchmarks.noticing.alert_queue import AlertQueue
from benchmarks.noticing.baselines import Baselines
from benchmarks.noticing.feed import minutes
from benchmarks.noticing.memory_judge import MemoryJudge
from benchmarks.noticing.tally import Tally, weights
from benchmarks.noticing.variants import HOPS_MAX, variants
from enrichment.decode import decode
from enrichment.facts import Known
from enrichment.schemas import Work
from simulator.records import Change, Label, Played
from simulator.world import World

#: A Monday.
FIRST = date(2026, 11, 16)


@dataclass(frozen=True)
class Size:
    """How large and how long a simulated agency is, how many times as often as believable intents come, how hard."""

    staff: int = 150
    days: int = 5
    intent_factor: float = 20.0
    hard: bool = False
    #: A limits file over the shipped one.
    limits: Path | None = None
    first: date = FIRST


class Truth:
    """What there was to notice, and to leave alone."""

    def __init__(self, world: World) -> None:
        self._members = {member.staff_id: member for member in world.setting.staff}
        self.accesses = 0
        self.episodes: dict[tuple[str, bool], str] = {}
        #: Kind of label -> [explained at once, within 24 hours, all] of the accesses to a client.
        self.explained: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        self._days: dict[str, set[str]] = defaultdict(set)

    def take(self, played: Played, *, explained: bool, to_client: bool) -> None:
        """Count one access."""
        self.accesses += 1
        label = played.label
        self._days[played.key].add(played.occurred_at[:10])
        if label.episode is not None and not label.innocent:
            self.episodes[label.episode, bool(label.known)] = label.name
        elif to_client:
            counts = self.explained[label.kind]
            counts[0] += explained
            counts[1] += explained
            counts[2] += 1

    def explained_later(self, label: Label) -> None:
        """Count that work which became known within 24 hours explains an access."""
        if label.episode is None or label.innocent:
            self.explained[label.kind][1] += 1

    def staff_days(self) -> dict[str, int]:
        """Count days of staff at work by site, role, kind and hours."""
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
        return ["all", "kind service"]
    return [
        "all", f"site {member.unit.site}", f"role {member.role or 'none'}",
        "part time" if member.part_time else "full time", f"kind {member.kind}",
    ]  # fmt: skip


class LateWork:
    """Accesses without a work reason, until one becomes known within the grace: each once."""

    def __init__(self, policy: Policy, truth: Truth) -> None:
        self._policy = policy
        self._truth = truth
        self._waiting: dict[str, list[tuple[Waiting, Label]]] = defaultdict(list)

    def wait(self, waiting: Waiting, label: Label) -> None:
        """Let an access wait."""
        self._waiting[waiting.client_id or ""].append((waiting, label))

    def learn(self, changes: Sequence[Change]) -> None:
        """Look what a work item explains."""
        for known_at, record in changes:
            if record.kind != "work":
                continue
            work = Known(decode(Work, record.value), datetime.fromisoformat(known_at))
            left = []
            for waiting, label in self._waiting.pop(work.value.client_id, []):
                in_time = known_in_time(waiting, work, self._policy)
                if in_time and work_reason(waiting, waiting.actor, work, self._policy) is not None:
                    self._truth.explained_later(label)
                else:
                    left.append((waiting, label))
            if left:
                self._waiting[work.value.client_id] = left


def run_seed(seed: int, size: Size, *, with_variants: bool) -> dict[str, Any]:
    """Judge one seed's days in this process and give its figures, as JSON."""
    return asyncio.run(_run(seed, size, with_variants=with_variants))


async def _run(seed: int, size: Size, *, with_variants: bool) -> dict[str, Any]:
    world = World(seed, size.first, days=size.days, staff=size.staff, intent_factor=size.intent_factor, hard=size.hard)
    judge = MemoryJudge(
        RuleEngine(load(size.limits), "benchmark"),
        variants=variants() if with_variants else {},
        hops_max=HOPS_MAX if with_variants else 0,
    )
    limits = judge.rule_engine.limits
    other, ours, truth = Baselines(), Tally(), Truth(world)
    late = LateWork(limits.policy, truth)
    varied: dict[str, Tally] = defaultdict(Tally)
    reference = list(world.reference())
    judge.learn(reference)
    other.learn(reference)
    now = datetime.fromisoformat(world.setting.day(0).at(0))
    with AlertQueue(limits, ours, size.intent_factor) as queue:
        queue.register(reference)
        for step in minutes(world):
            judge.learn([one.record for one in step.changes], now)
            other.learn([one.record for one in step.changes])
            late.learn(step.changes)
            hits = []
            for played, said in zip(step.accesses, await judge.judge(step.accesses), strict=True):
                to_client = b'"client_id":null' not in played.value
                truth.take(played, explained=said.explained, to_client=to_client)
                other.take(played)
                if said.waiting is not None:
                    late.wait(said.waiting, played.label)
                if said.trail is not None:
                    queue.opened(played.key, said.trail)
                for rule, severity, alert in said.hits:
                    ours.hit(alert, rule, severity, played)
                for variant, alert in said.variants:
                    varied[variant].hit(alert, variant.partition(" ")[0], "low", played)
                if said.hit is not None:
                    hits.append(said.hit)
            now = step.ends
            queue.step(step.changes, hits, now)
        other.end()
        queue.end(now + timedelta(minutes=1))
        asked = queue.asked()
    points = {name: _curve_point(ours, name, varied[name], size.intent_factor) for name in judge.variants}
    return document(seed, size, truth, ours, other, asked=asked) | {"variants": points}


def document(
    seed: int, size: Size, truth: Truth, ours: Tally, other: Baselines, *, asked: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Write a seed's figures down for the report.

    Args:
        seed: its number.
        size: of its agency.
        truth: what there was.
        ours: the alerts, and what their accesses were.
        other: other ways of noticing.
        asked: by alert, whether anybody was asked; of an alert that is missing nobody was.
    """
    tallies = {"accesswatch": ours, "ministry": other.ministry, "siem": other.siem, "volume": other.volume}
    methods = {name: tally.document() for name, tally in tallies.items()}
    for alerts in methods.values():
        for alert in alerts:
            alert["groups"] = truth.groups_of(alert["staff"])
    nobody = {"asked": False, "told": False, "score": None, "asked_at": None}
    for alert in methods["accesswatch"]:
        alert.update(asked.get(alert["id"], nobody))
    return {
        "seed": seed,
        "hard": size.hard,
        "factor": size.intent_factor,
        "accesses": truth.accesses,
        "staff_days": truth.staff_days(),
        "explained": dict(truth.explained),
        "episodes": [[*key, name] for key, name in truth.episodes.items()],
        "methods": methods,
        "variants": {},
    }


def _curve_point(ours: Tally, name: str, variant: Tally, factor: float) -> dict[str, float]:
    """Put a variant's hits in the place of its rule's, and count alerts and episodes, before anything settles."""
    rule = name.partition(" ")[0]
    flags: Counter[str] = Counter()
    alone: set[str] = set()
    episodes: set[tuple[str, bool]] = set()
    for tally, wanted in ((ours, lambda other: other != rule), (variant, lambda _: True)):
        for alert_id, alert in tally.alerts.items():
            kept = [found for other, found in alert.rules.items() if wanted(other)]
            for found in kept:
                flags[alert_id] |= found
            if kept:
                episodes |= alert.episodes
                if alert.stands_alone:
                    alone.add(alert_id)
    weighed = [weights(found, stands_alone=alert_id in alone, factor=factor) for alert_id, found in flags.items()]
    return {
        "right": sum(right for right, _ in weighed),
        "false": sum(false for _, false in weighed),
        "known": sum(known for _, known in episodes),
        "undeclared": sum(not known for _, known in episodes),
    }
