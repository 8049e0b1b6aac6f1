"""What is done to a running service so that its alerts fire, one exercise a runbook or more."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import yaml
from aiokafka.errors import KafkaError
from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from stream.producer import PublishError
from stream.topic_admin import administration
from stream.topics import ACCESS, ALERT, CATALOGUE
from tests.faults import agency, service_faults, store_faults
from tests.faults.fault import Heal, nothing
from tests.faults.scene import PARTITIONS, Scene
from tests.support.worker import publish

#: What makes a worker work for longer than the rule waits.
BACKLOG = 60_000
#: New alerts, more than anybody can look at; each is one person's own record on one day.
FLOOD = 100
SLOW_SECONDS = 20.0
#: A second; the feeder sends as many of others.
STRANGERS = 60
#: Lost unread, on each partition.
LOST = 50

#: Seconds without a record of a kind after which its feed counts as stopped here; four and a half days in production.
FEED_SECONDS = 45
#: Seconds between two records of a feed.
_FEED_EVERY_SECONDS = 5.0
#: The topics whose feeds say nothing now.
_silent: set[str] = set()

Inject = Callable[[Scene], Awaitable[Heal]]


@dataclass(frozen=True, slots=True)
class Exercise:
    """A fault, and the alert whose runbook is followed."""

    kind: str
    alert: str
    runbook: str
    what: str


@dataclass(frozen=True, slots=True)
class Injected(Exercise):
    """One whose fault is put into the scene that the others share."""

    inject: Inject


async def _stop_the_source(scene: Scene) -> Heal:
    rate, scene.feeder.per_second = scene.feeder.per_second, 0

    async def heal() -> None:
        scene.feeder.per_second = rate

    return heal


async def _poison(scene: Scene) -> Heal:
    await publish(scene.settings, ACCESS, [("s00", {"event_id": number}) for number in range(500)])
    return nothing


async def keep_feeding(scene: Scene) -> None:
    """Let every feed of reference data say something again and again, for as long as it does not stand still."""
    while True:
        for topic, records in agency.reference().items():
            if topic not in _silent:
                # Kafka is away in some exercises: the feed's sender goes on when it is back.
                with suppress(KafkaError, PublishError, OSError, TimeoutError):
                    await publish(scene.settings, topic, records[:1])
        await asyncio.sleep(_FEED_EVERY_SECONDS)


async def _stop_a_feed(_scene: Scene) -> Heal:
    _silent.add("ref.work.v1")

    async def heal() -> None:
        _silent.clear()

    return heal


async def _bad_limits(scene: Scene) -> Heal:
    file = scene.settings.limits
    assert file is not None
    before = await asyncio.to_thread(file.read_text)
    await asyncio.to_thread(file.write_text, "rules: {volume: {clients_max: -1}}")

    async def heal() -> None:
        await asyncio.to_thread(file.write_text, before)

    return heal


async def _end_the_worker(scene: Scene) -> Heal:
    worker = scene.fleet.workers[0]
    worker.wanted = False
    scene.fleet.kill(worker)

    async def heal() -> None:
        worker.wanted = True

    return heal


async def _freeze_the_worker(scene: Scene) -> Heal:
    worker = scene.fleet.workers[0]
    scene.fleet.freeze(worker)

    async def heal() -> None:
        scene.fleet.thaw(worker)

    return heal


async def _pile_up(scene: Scene) -> Heal:
    """A sender that was away sends what it has kept, all at once."""
    scene.feeder.burst(BACKLOG)
    return nothing


async def _own_records(scene: Scene) -> Heal:
    """Many people open their own records: an alert of each and each day."""
    await _publish(scene, (_own(number, "flood") for number in range(FLOOD)))
    return nothing


async def _slow_down(scene: Scene) -> Heal:
    """Redis stands for a while, and people open their own records meanwhile."""
    thaw = await service_faults.freeze_redis(scene)
    await _publish(scene, (_own(number, "slow") for number in range(FLOOD, FLOOD + 10)))
    await asyncio.sleep(SLOW_SECONDS)
    await thaw()
    return nothing


async def _lose_unread(scene: Scene) -> Heal:
    """While the worker stands, accesses come and are removed from Kafka as its retention would."""
    worker, topic = scene.fleet.workers[0], scene.topic(ACCESS)
    scene.fleet.freeze(worker)
    await asyncio.sleep(PARTITIONS * LOST / scene.feeder.per_second)
    with administration(scene.settings) as admin:
        await asyncio.to_thread(
            admin.delete_records, {TopicPartition(topic, number): -1 for number in range(PARTITIONS)}
        )
    scene.fleet.thaw(worker)
    return nothing


async def _refuse_alerts(scene: Scene) -> Heal:
    """The topic of alerts takes no record as large as an alert."""

    async def largest(size: int) -> None:
        resource = ConfigResource(
            ConfigResourceType.TOPIC, scene.topic(ALERT), configs={"max.message.bytes": str(size)}
        )
        with administration(scene.settings) as admin:
            await asyncio.to_thread(admin.alter_configs, [resource])

    await largest(100)
    await _publish(scene, (_own(number, "refused") for number in range(FLOOD + 10, FLOOD + 20)))

    async def heal() -> None:
        await largest(next(topic.bytes_max for topic in CATALOGUE if topic.name == ALERT))

    return heal


async def _strangers(scene: Scene) -> Heal:
    """People open clients of whom the feed has sent no record, as many as others."""

    async def send() -> None:
        for number in count():
            staff = agency.STAFF[number % len(agency.STAFF)]
            batch = [_access(f"stranger-{number}-{one}", staff, f"new-{number}") for one in range(STRANGERS)]
            await _publish(scene, batch)
            await asyncio.sleep(1)

    sending = asyncio.create_task(send())

    async def heal() -> None:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)

    return heal


async def _leave_nobody(scene: Scene) -> Heal:
    """Every route is read by the person whom an alert is about."""
    file = scene.settings.delivery
    assert file is not None
    before = await asyncio.to_thread(file.read_text)
    changed = yaml.safe_load(before)
    for route in changed["routes"]:
        route["staff"] = [agency.STAFF[0]]
    await asyncio.to_thread(file.write_text, yaml.safe_dump(changed))
    # It is in force within a second or two.
    await asyncio.sleep(5)
    first = [
        number for number in range(FLOOD + 20, FLOOD + 20 + 3 * len(agency.STAFF)) if _who(number) == agency.STAFF[0]
    ]
    await _publish(scene, (_own(number, "nobody") for number in first))

    async def heal() -> None:
        await asyncio.to_thread(file.write_text, before)

    return heal


async def _publish(scene: Scene, accesses: Iterable[dict[str, Any]]) -> None:
    await publish(scene.settings, ACCESS, [(access["staff_id"], access) for access in accesses])


def _who(number: int) -> str:
    return agency.STAFF[number % len(agency.STAFF)]


def _own(number: int, token: str) -> dict[str, Any]:
    """Somebody opens the own record, on a day that no other such access is of."""
    staff = _who(number)
    days = 1 + number // len(agency.STAFF)
    return _access(f"{token}-{number}", staff, agency.OWN[staff], timedelta(days=days))


def _access(event_id: str, staff: str, client: str, ago: timedelta = timedelta()) -> dict[str, Any]:
    at = (datetime.now(UTC) - ago).isoformat()
    return {"event_id": event_id, "occurred_at": at, "staff_id": staff, "action": "view", "client_id": client}


EXERCISES = (
    Injected("redis-freeze", "AccesswatchHeld", "held", "Redis was stopped with SIGSTOP", service_faults.freeze_redis),
    Injected(
        "redis-freeze", "AccesswatchNoProgress", "no-progress", "Redis was stopped with SIGSTOP",
        service_faults.freeze_redis,
    ),
    Injected(
        "redis-lost", "AccesswatchReferenceIncomplete", "reference-incomplete", "Redis was killed and came back empty",
        service_faults.lose_redis,
    ),
    Injected("disk-full", "AccesswatchDiskFull", "disk-full", "the store's disk was filled", store_faults.fill_disk),
    Injected("mail-away", "AccesswatchChannelDown", "channel-down", "the mail server closed", store_faults.close_mail),
    Injected("poison", "AccesswatchDeadLetters", "dead-letters", "500 records were sent that are no accesses", _poison),
    Injected("source-stops", "AccesswatchSourceSilent", "source-silent", "the sender was stopped", _stop_the_source),
    Injected(
        "feed-stops", "AccesswatchReferenceFeedSilent", "reference-feed-silent",
        f"the feed of work was stopped; the rule waited {FEED_SECONDS} s, not four and a half days", _stop_a_feed,
    ),
    Injected("limits", "AccesswatchLimitsRejected", "limits", "a limits file with a mistake was put in", _bad_limits),
    Injected("worker-killed", "AccesswatchAbsent", "worker-absent", "the only worker was killed", _end_the_worker),
    Injected("brokers-away", "AccesswatchHeld", "held", "every broker was killed", service_faults.all_away),
    Injected(
        "worker-frozen", "AccesswatchWorkerDown", "worker-absent", "the worker was stopped with SIGSTOP",
        _freeze_the_worker,
    ),
    Injected("backlog", "AccesswatchBehind", "behind", f"{BACKLOG:,} accesses were sent at once", _pile_up),
    Injected("flood", "AccesswatchAlertFlood", "alert-flood", f"{FLOOD} own records were opened", _own_records),
    Injected(
        "slow", "AccesswatchSlowAlertsBurn", "slow-alerts",
        f"Redis stood for {SLOW_SECONDS:.0f} s while own records were opened", _slow_down,
    ),
    Injected(
        "lost-unread", "AccesswatchLostUnread", "lost-unread",
        "the worker stood while accesses came and Kafka's records were deleted", _lose_unread,
    ),
    Injected(
        "refused", "AccesswatchUnpublished", "unpublished",
        "the topic of alerts was set to take no record above 100 bytes", _refuse_alerts,
    ),
    Injected(
        "strangers", "AccesswatchFactsMissing", "facts-missing",
        f"{STRANGERS} accesses a second to clients without a record were sent", _strangers,
    ),
    Injected(
        "nobody", "AccesswatchMessagesWithheld", "messages-withheld",
        "every route was given one reader, who opened the own record", _leave_nobody,
    ),
)  # fmt: skip
