"""How long an access takes: from its record's timestamp until its assessment, and its alert, can be read from Kafka.

That is a little more than until Kafka has acknowledged them, by one fetch. Accesses are published at a steady rate;
the worker runs all its agents on a SQLite store, as it does by default.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial

import orjson
from aiokafka import AIOKafkaConsumer

from benchmarks.ministry import Ministry
from benchmarks.pictures import lines
from benchmarks.stand import Stand, running, stand
from benchmarks.tables import circumstances, show, table
from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.topics import ACCESS, ALERT, ASSESSMENT

RATES = (20, 200, 1_000, 3_000, 10_000)
#: Seconds at each rate that are measured, after some that are not.
SECONDS, WARM_SECONDS = 10.0, 2.0
#: Seconds in which what is under way at the end must come out.
LATE_SECONDS_MAX = 10.0
_TICK_SECONDS = 0.005
#: Share of the accesses that open a record of the actor's own: more alerts than in life, so that they can be timed.
OWN_RECORDS = 0.005
Seen = dict[str, float]


def measure(command: str, *, accesses: int, staff: int, clients: int, rounds: int, write: bool) -> None:
    """Print the table."""
    del accesses, rounds  # the rates say how many
    needed = int(sum(RATES) * (SECONDS + WARM_SECONDS)) + len(RATES)
    ministry = Ministry(staff, clients, needed, OWN_RECORDS)
    with stand(ministry, published=False) as place:
        found = asyncio.run(_all(place, ministry.accesses))
    rows = [
        [f"{rate:,}", len(assessed), *_shown(assessed), len(alerts), *_shown(alerts)]
        for rate, (assessed, alerts) in found.items()
    ]
    head = ("accesses/s", "assessed", "p50 ms", "p99 ms", "max ms", "alerts", "p50 ms", "p99 ms", "max ms")
    said = (
        f"{SECONDS:.0f} s at each rate, {staff:,} staff, {clients:,} clients; {OWN_RECORDS:.1%} of the accesses open a "
        "record of the actor's own, so that there are alerts to time."
    )
    show("latency", f"{table(head, rows)}\n\n{said} {circumstances(command)}", write=write)
    if write:
        drawn = {
            "assessment, p50": [(rate, _share(one, 0.5)) for rate, (one, _) in found.items()],
            "assessment, p99": [(rate, _share(one, 0.99)) for rate, (one, _) in found.items()],
            "alert, p99": [(rate, _share(one, 0.99)) for rate, (_, one) in found.items() if one],
        }
        lines("latency.svg", "milliseconds, over accesses a second", drawn, log_y=True)


async def _all(place: Stand, accesses: Sequence[tuple[bytes, bytes]]) -> dict[int, tuple[list[float], list[float]]]:
    found = {}
    taken = 0
    options = aiokafka_options(place.settings)
    with running(place, place.ours("screen,alert")):
        consumer = AIOKafkaConsumer(
            place.settings.topic(ASSESSMENT), place.settings.topic(ALERT), **options,
            auto_offset_reset="latest", enable_auto_commit=False,
        )  # fmt: skip
        await consumer.start()
        assessed, alerts = dict[str, float](), dict[str, float]()
        reading = asyncio.create_task(_read(consumer, place.settings.topic(ALERT), assessed, alerts))
        async with Publisher(options) as publisher:
            for rate in RATES:
                count = int(rate * (SECONDS + WARM_SECONDS)) + 1
                sent = await _publish(publisher, place, accesses[taken : taken + count], rate)
                taken += count
                await _until(partial(_all_of, sent, assessed))
                measured = dict(list(sent.items())[int(rate * WARM_SECONDS) :])
                found[rate] = (
                    [assessed[one] - at for one, at in measured.items() if one in assessed],
                    [alerts[one] - at for one, at in measured.items() if one in alerts],
                )
        reading.cancel()
        await consumer.stop()
    return found


def _all_of(sent: Seen, assessed: Seen) -> bool:
    return sent.keys() <= assessed.keys()


async def _publish(publisher: Publisher, place: Stand, part: Sequence[tuple[bytes, bytes]], rate: int) -> Seen:
    """Publish at a steady rate; give when each was recorded."""
    sent: Seen = {}
    began = time.time()
    topic = place.settings.topic(ACCESS)
    while len(sent) < len(part):
        due = min(len(part), int((time.time() - began) * rate) + 1)
        for key, value in part[len(sent) : due]:
            now = time.time()
            await publisher.send(topic, key, value, timestamp_ms=int(now * 1000))
            sent[orjson.loads(value)["event_id"]] = now
        await publisher.flush()
        await asyncio.sleep(_TICK_SECONDS)
    return sent


async def _read(consumer: AIOKafkaConsumer, alert_topic: str, assessed: Seen, alerts: Seen) -> None:
    while True:
        for partition, records in (await consumer.getmany(timeout_ms=100)).items():
            now = time.time()
            for record in records:
                said = orjson.loads(record.value)
                if partition.topic == alert_topic:
                    for event in said["event_ids"]:
                        alerts.setdefault(event, now)
                else:
                    assessed.setdefault(said["event_id"], now)


async def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LATE_SECONDS_MAX
    while time.monotonic() < deadline and not done():  # noqa: ASYNC110 it is Kafka that is waited for
        await asyncio.sleep(0.1)
    # Alerts follow their hits.
    await asyncio.sleep(1)


def _shown(seconds: Sequence[float]) -> list[str]:
    if not seconds:
        return ["-", "-", "-"]
    return [f"{_share(seconds, share):.1f}" for share in (0.5, 0.99, 1.0)]


def _share(seconds: Sequence[float], share: float) -> float:
    """Return the milliseconds that this share of them stays within."""
    in_order = sorted(seconds)
    return in_order[min(len(in_order) - 1, int(len(in_order) * share))] * 1000
