"""Days of the agency through the real worker, and what it said of each access."""

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from alerts.detection.config import load as load_limits
from alerts.detection.registry import RULES
from alerts.store.store import Store
from benchmarks.noticing.baselines import Baselines
from benchmarks.noticing.feed import hours, minutes
from benchmarks.noticing.people import People
from benchmarks.noticing.seeds import Size, Truth, document
from benchmarks.noticing.stand import Stand, publish_reference, until
from benchmarks.noticing.tally import INTENDED, Tally
from enrichment.nz_time import ZONE
from simulator.records import ORDINARY, Label, Played, Reference
from simulator.world import World
from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.reading import follow
from stream.topics import ACCESS, ALERT, ASSESSMENT

#: A change of reference data is in force within 5 s (``docs/contract.md``), most often in tens of milliseconds.
IN_FORCE_SECONDS = 2.0
ASSESSED_SECONDS_MAX = 1_800.0
SETTLED_SECONDS = 5.0
#: The longest wait, in the agency's time, from an event to the next: longer than any question settles.
GAP_MAX = timedelta(minutes=35)
_TURN = 200
_HOUR = len("2026-11-16T09")
_EXAMPLES_OF_A_SORT = 3
_ABOUT_A_PAIR = {rule.id for rule in RULES.values() if rule.about == "pair"}


class AlertTopic:
    """What the worker has said, counted as it comes; memory grows with intents and alerts, not with accesses."""

    def __init__(self, world: World) -> None:
        self.truth = Truth(world)
        self.tally = Tally()
        self.labels: dict[str, Label] = {}
        self.played = 0
        self.outcomes: Counter[str] = Counter()
        self.statuses: dict[str, tuple[int, str, str | None]] = {}
        #: The newest revision of each alert.
        self.newest: dict[str, dict[str, Any]] = {}
        #: When Internal Integrity was first asked, by alert; and the notices that were told.
        self.integrity: dict[str, str] = {}
        self.told: set[str] = set()
        #: A few assessments of each sort, for the examples.
        self.examples: dict[tuple[str, str, bool], str] = {}  # kind, name, whether a rule hit

    @property
    def assessed(self) -> int:
        """How many assessments were read."""
        return self.outcomes.total()

    def assess(self, assessment: dict[str, Any]) -> None:
        """Take one assessment."""
        label = self.labels.get(assessment["event_id"], ORDINARY)
        if assessment["explained_later"]:
            self.truth.explained_later(label)
            return
        self.outcomes[assessment["outcome"]] += 1
        at = datetime.fromisoformat(assessment["occurred_at"]).astimezone(ZONE).isoformat(timespec="milliseconds")
        played = Played(assessment["event_id"], at, assessment["staff_id"], b"", label)
        explained, client = assessment["explanation"] is not None, assessment["client_id"]
        self.truth.take(played, explained=explained, to_client=client is not None)
        hits = [one for one in assessment["answers"] if one["answer"] == "hit" and one["stage"] == "live"]
        for hit in hits:
            alert = f"{played.key} {client if hit['rule'] in _ABOUT_A_PAIR else None} {at[:10]}"
            self.tally.hit(alert, hit["rule"], hit["severity"], played)
        if client is not None and label.kind in {"intent", "look-alike"}:
            self.examples.setdefault((label.kind, label.name, bool(hits)), played.event_id)

    def asked(self) -> dict[str, dict[str, Any]]:
        """Return who was asked about each alert, by the key that ``assess`` gives it."""
        return {
            _key(alert): {
                "asked": alert_id in self.integrity,
                "told": alert_id in self.told,
                "score": (alert["score"] or {}).get("value"),
                "asked_at": self.integrity.get(alert_id),
            }
            for alert_id, alert in self.newest.items()
        }

    def intended(self, alert_id: str) -> bool:
        """Return whether an intended access is among those of an alert."""
        found = self.tally.alerts.get(_key(self.newest[alert_id])) if alert_id in self.newest else None
        return found is not None and bool(found.flags & INTENDED)

    def alert(self, alert: dict[str, Any]) -> None:
        """Take one revision of an alert."""
        if alert["status"] == "new" and alert["audience"] == "integrity":
            self.integrity.setdefault(alert["alert_id"], alert["updated_at"])
        elif alert["status"] == "new":
            self.told.add(alert["alert_id"])
        known = self.statuses.get(alert["alert_id"])
        if known is None or known[0] < alert["revision"]:
            self.statuses[alert["alert_id"]] = (alert["revision"], alert["status"], alert["outcome"])
            self.newest[alert["alert_id"]] = alert


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast days are played."""

    #: Accesses a second, at most.
    rate: float
    #: How many times as fast as the clock; None: an hour at once, as fast as *rate* lets it.
    speed: float | None = None


def settling(speed: float) -> dict[str, Any]:
    """Return limits by which questions settle so many times as fast as by the shipped ones."""
    return {
        "rules": {rule: {"settle_minutes": one.settle_minutes / speed} for rule, one in load_limits().rules.items()}
    }


async def run(stand: Stand, seed: int, size: Size, pace: Pace, say: Callable[[str], None]) -> dict[str, Any]:
    """Publish the agency, play its days, and give the figures as of a seed."""
    world = World(seed, size.first, days=size.days, staff=size.staff, intent_factor=size.intent_factor, hard=size.hard)
    heard, other = AlertTopic(world), Baselines()
    began = time.monotonic()
    async with Publisher(aiokafka_options(stand.settings)) as publisher, _listening(stand, heard):
        records = list(world.reference())
        other.learn(records)
        await stand.ready(await publish_reference(publisher, stand.settings, records))
        say(f"{len(records):,} reference records in force after {time.monotonic() - began:.0f} s")
        began = time.monotonic()
        player = _Player(stand, publisher, heard, other, pace.rate)
        if pace.speed is None:
            await player.by_hours(world)
        else:
            await player.by_the_clock(world, pace.speed, size.intent_factor, say)
        other.end()
        await until(lambda: heard.assessed >= heard.played, ASSESSED_SECONDS_MAX)
        seconds = time.monotonic() - began
        await asyncio.sleep(SETTLED_SECONDS)
    say(f"{heard.played:,} accesses assessed in {seconds:.0f} s: {dict(heard.outcomes)}")
    closed = Counter(outcome for _, status, outcome in heard.statuses.values() if status == "closed")
    result = document(seed, size, heard.truth, heard.tally, other, asked=heard.asked())
    return result | {
        "size": {
            "staff": size.staff,
            "days": size.days,
            "intent_factor": size.intent_factor,
            "rate": pace.rate,
            "speed": pace.speed,
        },
        "alerts_on_topic": len(heard.statuses),
        "closed_by_later_work": closed["explained"],
        "latency": latency(stand),
        "examples": [{"of": key, "explained": explain(stand, event)} for key, event in _chosen(heard).items()],
    }


@dataclass(frozen=True, slots=True)
class _Player:
    """Publishes days, step by step."""

    stand: Stand
    publisher: Publisher
    heard: AlertTopic
    other: Baselines
    rate: float

    async def by_hours(self, world: World) -> None:
        """Publish each hour: what becomes known in it, then its accesses."""
        for hour in hours(world):
            # Whether work explains an access later depends on when its record was published, in simulated time.
            records = [one.record for one in hour.changes]
            await self._learn(records, hour.accesses[0].occurred_at if hour.accesses else None)
            await asyncio.sleep(IN_FORCE_SECONDS)
            await self._play(hour.accesses)

    async def by_the_clock(self, world: World, speed: float, factor: float, say: Callable[[str], None]) -> None:
        """Publish each minute when its time comes; people answer meanwhile; return when the last question settled.

        What becomes known is stamped with the agency's time: work that comes in the grace explains what went before.
        """
        store = await asyncio.to_thread(Store.open_existing, self.stand.settings.database_url, RULES)
        people = People(store, self.heard.intended, factor, speed)
        asked: set[str] = set()
        due, before, hour = time.monotonic(), None, ""
        for minute in minutes(world):
            at = minute.ends
            # Nights are cut short, but not so that anything would settle that otherwise does not.
            due += 0.0 if before is None else min(at - before, GAP_MAX).total_seconds() / speed
            before = at
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if minute.name[:_HOUR] != hour:
                hour = minute.name[:_HOUR]
                say(f"{hour} h: {self.heard.played:,} accesses played, {max(0.0, time.monotonic() - due):.1f} s late")
            for change in minute.changes:
                await self._learn([change.record], change.known_at)
            await self._play(minute.accesses)
            for alert_id in self.heard.integrity.keys() - asked:
                people.ask(alert_id, datetime.now(UTC))
                asked.add(alert_id)
            await asyncio.to_thread(people.step, datetime.now(UTC))
        await asyncio.sleep(GAP_MAX.total_seconds() / speed)
        await asyncio.to_thread(people.step, datetime.now(UTC))
        await asyncio.to_thread(store.close)

    async def _learn(self, records: Sequence[Reference], at: str | None) -> None:
        self.other.learn(records)
        await publish_reference(self.publisher, self.stand.settings, records, at)

    async def _play(self, accesses: Sequence[Played]) -> None:
        topic = self.stand.settings.topic(ACCESS)
        began = time.monotonic()
        for number, played in enumerate(accesses):
            if number % _TURN == 0:
                task = await self.publisher.hand_over()
                await asyncio.sleep(max(0.0, number / self.rate - (time.monotonic() - began)))
                await task
            if played.label != ORDINARY:
                self.heard.labels[played.event_id] = played.label
            self.heard.played += 1
            self.other.take(played)
            await self.publisher.send(
                topic, played.key.encode(), played.value, timestamp_ms=time.time_ns() // 1_000_000
            )
        await self.publisher.flush()


def _key(alert: dict[str, Any]) -> str:
    return f"{alert['staff_id']} {alert['client_id']} {alert['day']}"


@asynccontextmanager
async def _listening(stand: Stand, heard: AlertTopic) -> AsyncIterator[None]:
    tasks = [
        asyncio.create_task(_read(stand, ASSESSMENT, heard.assess)),
        asyncio.create_task(_read(stand, ALERT, heard.alert)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(stand: Stand, topic: str, take: Callable[[dict[str, Any]], None]) -> None:
    async for records in follow(aiokafka_options(stand.settings), stand.settings.topic(topic)):
        for record in records:
            if record.value is not None:
                take(orjson.loads(record.value))


def _chosen(heard: AlertTopic) -> dict[tuple[str, str, bool], str]:
    """Choose a few examples of each sort: noticed, left alone, missed."""
    sorts = (("intent", True), ("look-alike", False), ("intent", False))
    found: dict[tuple[str, str, bool], str] = {}
    for kind, hit in sorts:
        keys = [key for key in heard.examples if (key[0], key[2]) == (kind, hit)]
        found |= {key: heard.examples[key] for key in keys[:_EXAMPLES_OF_A_SORT]}
    return found


def explain(stand: Stand, event_id: str) -> str:
    """Return what ``accesswatch explain`` prints of an access."""
    done = subprocess.run(  # noqa: S603 our own command
        [sys.executable, "-m", "console", "explain", event_id],
        env=dict(stand.environment), capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def latency(stand: Stand) -> dict[str, float | None]:
    """Return the bounds in seconds below which 50 and 99 in 100 alerts came, from the worker's own histogram."""
    buckets = stand.samples("accesswatch_access_to_alert_seconds_bucket")
    counts = sorted((float(dict(labels)["le"]), number) for labels, number in buckets.items())
    total = counts[-1][1] if counts else 0.0
    return {
        "count": total,
        **{name: next((le for le, number in counts if total and number >= share * total), None)
           for name, share in (("p50", 0.5), ("p99", 0.99))},
    }  # fmt: skip
