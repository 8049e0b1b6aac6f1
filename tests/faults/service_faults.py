"""What happens to Kafka and to Redis."""

import asyncio
import os
import signal
import time
from contextlib import suppress

import redis

from stream.topics import ACCESS
from tests.faults.fault import Fault, Heal, nothing
from tests.faults.scene import Scene

#: Seconds in which a worker must say that Kafka is away.
SAID_SECONDS_MAX = 30.0
#: Bytes by which Redis has too little memory, and how often it is looked whether it has evicted for that.
EVICTED_BYTES = 60_000
EVICTIONS_LOOKED_FOR = 100


async def kill_broker(scene: Scene) -> Heal:
    """Kill -9 one broker; it comes back with its data."""
    await asyncio.to_thread(scene.dice.choice(scene.stand.kafka.brokers).kill)
    return _restored(scene)


async def freeze_broker(scene: Scene) -> Heal:
    """SIGSTOP one broker: its connections stay open and silent."""
    await asyncio.to_thread(scene.dice.choice(scene.stand.kafka.brokers).freeze)
    return _restored(scene)


async def move_leaders(scene: Scene) -> Heal:
    """Kill the leader of a partition of accesses, then that of another: each time others take over."""
    for partition in (0, 1):
        leader = await asyncio.to_thread(scene.stand.kafka.leader, scene.topic(ACCESS), partition)
        await asyncio.to_thread(leader.kill)
        await asyncio.sleep(2)
        await asyncio.to_thread(scene.stand.kafka.restore)
    return nothing


async def all_away(scene: Scene) -> Heal:
    """Kill -9 every broker. A worker must say so: its consumers keep their partitions and wait without a word.

    One that starts meanwhile has no pages yet: it ends with the sentence, again and again.
    """
    refusals = scene.fleet.said("Kafka does not answer")
    for broker in scene.stand.kafka.brokers:
        await asyncio.to_thread(broker.kill)
    since = time.monotonic()
    scene.watch.said.clear()

    async def heal() -> None:
        said = any("Kafka" in sentence for sentence in scene.watch.said)
        said |= scene.fleet.said("Kafka does not answer") > refusals
        if not said and time.monotonic() - since > SAID_SECONDS_MAX:
            scene.complaints.append("all brokers were away, and no worker said that Kafka does not answer")
        await asyncio.to_thread(scene.stand.kafka.restore)

    return heal


def _restored(scene: Scene) -> Heal:
    async def heal() -> None:
        await asyncio.to_thread(scene.stand.kafka.restore)

    return heal


async def freeze_redis(scene: Scene) -> Heal:
    """SIGSTOP: connections stay open, and nothing answers."""
    pid = scene.stand.redis.pid
    os.kill(pid, signal.SIGSTOP)

    async def heal() -> None:
        os.kill(pid, signal.SIGCONT)

    return heal


async def lose_redis(scene: Scene) -> Heal:
    """Kill -9; it comes back empty."""
    await asyncio.to_thread(scene.stand.redis.kill)

    async def heal() -> None:
        await asyncio.to_thread(scene.stand.redis.start)

    return heal


async def flush_redis(scene: Scene) -> Heal:
    """FLUSHALL: everything is gone from one moment to the next, and it answers all the while."""
    with redis.Redis.from_url(scene.stand.redis.url) as connection:
        assert connection.dbsize() > 0, "there was nothing to flush: the fault was not injected"
        connection.flushall()
    return nothing


async def evict_redis(scene: Scene) -> Heal:
    """Let it evict whatever it likes from one moment to the next; it answers all the while."""
    with redis.Redis.from_url(scene.stand.redis.url) as connection:
        before = connection.info()
        connection.config_set("maxmemory-policy", scene.dice.choice(("allkeys-lru", "allkeys-random", "volatile-lru")))
        connection.config_set("maxmemory", int(before["used_memory"]) - EVICTED_BYTES)
        for _ in range(EVICTIONS_LOOKED_FOR):
            with suppress(redis.OutOfMemoryError):
                connection.set("another", "x")
            if connection.info("stats")["evicted_keys"] > before["evicted_keys"]:
                break
            await asyncio.sleep(0.1)
        else:
            raise AssertionError("nothing was evicted: the fault was not injected")

    async def heal() -> None:
        with redis.Redis.from_url(scene.stand.redis.url) as connection:
            connection.config_set("maxmemory-policy", "noeviction")
            connection.config_set("maxmemory", 0)

    return heal


FAULTS = (
    Fault("broker-kill", kill_broker, 3.0, 1.0, strikes="kafka"),
    Fault("broker-freeze", freeze_broker, 15.0, strikes="kafka"),
    Fault("leader-moves", move_leaders, brokers_min=3, strikes="kafka"),
    Fault("all-brokers-away", all_away, 100.0, 10.0, strikes="kafka"),
    Fault("redis-freeze", freeze_redis, 8.0, 4.0, strikes="redis"),
    Fault("redis-lost", lose_redis, 3.0, 1.0, strikes="redis"),
    Fault("redis-flushall", flush_redis, strikes="redis"),
    Fault("redis-evicts", evict_redis, 8.0, 4.0, strikes="redis"),
)
