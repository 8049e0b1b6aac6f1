"""Days of the agency through the real worker, and what it said of each access."""

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import orjson

from alerts.detection.registry import RULES
from benchmarks.noticing.baselines import Baselines
from benchmarks.noticing.feed import hours
from benchmarks.noticing.seeds import FIRST, Size, Truth, document
from benchmarks.noticing.stand import Stand, publish_reference, until
from benchmarks.noticing.tally import Tally
from enrichment.nz_time import ZONE
from simulator.records import ORDINARY, Label, Played
from simulator.world import World
from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.reading import follow
from stream.topics import ACCESS, ALERT, ASSESSMENT

#: A change of reference data is in force within 5 s (``docs/contract.md``), most often in tens of milliseconds.
IN_FORCE_SECONDS = 2.0
ASSESSED_SECONDS_MAX = 1_800.0
SETTLED_SECONDS = 5.0
_TURN = 200
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
        #: A few assessments of each sort, for the examples.
        self.examples: dict[tuple[str, str, bool], str] = {}  # kind, name, whether a rule hit

    @property
    def assessed(self) -> int:
        """How many assessments were read."""
        return self.outcomes.total()

    def assess(self, assessment: dict[str, Any]) -> None:
        """Take one assessment."""
        self.outcomes[assessment["outcome"]] += 1
        label = self.labels.get(assessment["event_id"], ORDINARY)
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
        """Return whom each alert is for, by the key that ``assess`` gives it; nobody while it is pending."""
        return {
            f"{alert['staff_id']} {alert['client_id']} {alert['day']}": {
                "asked": alert["status"] != "pending" and alert["audience"] == "integrity",
                "told": alert["status"] != "pending" and alert["audience"] == "actor",
                "score": (alert["score"] or {}).get("value"),
                "asked_at": alert["updated_at"],
            }
            for alert in self.newest.values()
        }

    def alert(self, alert: dict[str, Any]) -> None:
        """Take one revision of an alert."""
        known = self.statuses.get(alert["alert_id"])
        if known is None or known[0] < alert["revision"]:
            self.statuses[alert["alert_id"]] = (alert["revision"], alert["status"], alert["outcome"])
            self.newest[alert["alert_id"]] = alert


async def run(stand: Stand, seed: int, size: Size, rate: float, say: Callable[[str], None]) -> dict[str, Any]:
    """Publish the agency, play its days at a rate (accesses a second), and give the figures as of a seed."""
    world = World(seed, FIRST, days=size.days, staff=size.staff, intent_factor=size.intent_factor)
    heard, other = AlertTopic(world), Baselines()
    topic = stand.settings.topic(ACCESS)
    began = time.monotonic()
    async with Publisher(aiokafka_options(stand.settings)) as publisher, _listening(stand, heard):
        records = list(world.reference())
        other.learn(records)
        await stand.ready(await publish_reference(publisher, stand.settings, records))
        say(f"{len(records):,} reference records in force after {time.monotonic() - began:.0f} s")
        began = time.monotonic()
        for hour in hours(world):
            records = [one.record for one in hour.changes]
            other.learn(records)
            # Whether work explains an access later depends on when its record was published, in simulated time.
            at = hour.accesses[0].occurred_at if hour.accesses else None
            await publish_reference(publisher, stand.settings, records, at)
            await asyncio.sleep(IN_FORCE_SECONDS)
            await _play(publisher, topic, hour.accesses, rate=rate, heard=heard, other=other)
        other.end()
        await until(lambda: heard.assessed >= heard.played, ASSESSED_SECONDS_MAX)
        seconds = time.monotonic() - began
        await asyncio.sleep(SETTLED_SECONDS)
    say(f"{heard.played:,} accesses assessed in {seconds:.0f} s: {dict(heard.outcomes)}")
    closed = Counter(outcome for _, status, outcome in heard.statuses.values() if status == "closed")
    result = document(seed, size, heard.truth, heard.tally, other, asked=heard.asked())
    return result | {
        "size": {"staff": size.staff, "days": size.days, "intent_factor": size.intent_factor, "rate": rate},
        "alerts_on_topic": len(heard.statuses),
        "closed_by_later_work": closed["explained"],
        "latency": latency(stand),
        "examples": [{"of": key, "explained": explain(stand, event)} for key, event in _chosen(heard).items()],
    }


async def _play(
    publisher: Publisher, topic: str, accesses: Sequence[Played], *, rate: float, heard: AlertTopic, other: Baselines
) -> None:
    began = time.monotonic()
    for number, played in enumerate(accesses):
        if number % _TURN == 0:
            task = await publisher.hand_over()
            await asyncio.sleep(max(0.0, number / rate - (time.monotonic() - began)))
            await task
        if played.label != ORDINARY:
            heard.labels[played.event_id] = played.label
        heard.played += 1
        other.take(played)
        await publisher.send(topic, played.key.encode(), played.value, timestamp_ms=time.time_ns() // 1_000_000)
    await publisher.flush()


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
