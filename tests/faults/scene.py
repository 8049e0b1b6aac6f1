"""One run's scene: its topics, its agency, its workers, its feeder, its receivers, and who watches them."""

import asyncio
import logging
import os
import random
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import redis
import yaml
from pydantic import SecretStr

from stream.settings import PREFIX, Settings
from stream.topic_admin import administration, create_missing
from stream.topics import ACCESS, ALERT, ASSESSMENT, HIT
from tests.faults import agency
from tests.faults.feeder import Feeder
from tests.faults.fleet import COMMAND, Fleet
from tests.faults.receivers import Receivers
from tests.faults.stand import Stand, small_disk
from tests.faults.watch import Watch
from tests.faults.workload import SPICES, Workload
from tests.support.worker import publish

PARTITIONS = 4
RATE = 150
#: After so many seconds without a commit, with records waiting, a worker ends itself; the product's default is 120.
STUCK_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to be."""

    seed: int
    spices: tuple[str, ...] = SPICES
    command: Sequence[str] = COMMAND
    #: Workers with names that they keep (static membership).
    named: bool = False
    rate: int = RATE
    #: How much of what is planted is sent.
    planted: float = 1.0
    #: So many staff members beside the forty.
    crowd: int = 0
    #: Whether the store lies on a disk that is soon full, where one can be had.
    small_disk: bool = True


@dataclass(slots=True)
class Scene:
    """All that a fault may touch."""

    plan: Plan
    stand: Stand
    settings: Settings
    directory: Path
    fleet: Fleet
    feeder: Feeder
    receivers: Receivers
    watch: Watch
    dice: random.Random
    #: The small disk that holds the store, where there could be one.
    disk: Path | None
    #: What faults have found wrong while they were at it.
    complaints: list[str] = field(default_factory=list)

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.settings.state_dir / "alerts.sqlite3"

    def topic(self, name: str) -> str:
        """The name of a topic in this run."""
        return self.settings.topic(name)


@asynccontextmanager
async def a_scene(plan: Plan, stand: Stand, directory: Path, *, at_work: bool = True) -> AsyncIterator[Scene]:
    """Set a scene and clear it away, with one worker at work unless nothing shall have begun yet."""
    # Brokers are away on purpose here; what aiokafka says of it hides what matters.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    stand.kafka.restore()
    with redis.Redis.from_url(stand.redis.url) as connection:
        connection.flushall()
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(small_disk(directory)) if plan.small_disk else None
        scene = _described(plan, stand, directory, disk)
        with administration(scene.settings) as admin:
            create_missing(admin, scene.settings, partitions=PARTITIONS)
        for topic, records in agency.reference(plan.crowd).items():
            await publish(scene.settings, topic, records)
        await scene.receivers.open_hook()
        stack.push_async_callback(scene.receivers.close_hook)
        await scene.receivers.open_mail()
        stack.push_async_callback(scene.receivers.close_mail)
        stack.callback(scene.fleet.end)
        if at_work:
            scene.fleet.start()
        else:
            scene.feeder.per_second = 0
        await stack.enter_async_context(_running(scene))
        await scene.fleet.wait_ready()
        yield scene


@asynccontextmanager
async def _running(scene: Scene) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work) for work in (scene.watch.run(), scene.fleet.keep(), scene.feeder.run())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


def _described(plan: Plan, stand: Stand, directory: Path, disk: Path | None) -> Scene:
    directory.mkdir(parents=True, exist_ok=True)
    token = secrets.token_hex(4)
    limits = directory / "limits.yaml"
    limits.write_text(yaml.safe_dump(agency.LIMITS))
    receivers = Receivers()
    settings = Settings(
        kafka=stand.kafka.bootstrap,
        redis=SecretStr(stand.redis.url),
        topic_prefix=f"faults-{token}.",
        group=f"faults-{token}",
        state_dir=(disk or directory) / "state",
        history="off",
        limits=limits,
        delivery=receivers.write_delivery(directory / "delivery"),
        stuck_seconds=STUCK_SECONDS,
    )
    fleet = Fleet(_environment(settings), directory, plan.command, plan.named)
    feeder = Feeder(settings, Workload(plan.seed, plan.spices, plan.planted, plan.crowd), plan.rate)
    outputs = tuple(settings.topic(name) for name in (ASSESSMENT, f"{ACCESS}.dlq", HIT, ALERT))
    groups = {
        settings.topic(ACCESS): settings.consumer_group("screen"),
        settings.topic(HIT): settings.consumer_group("alert"),
    }
    watch = Watch(stand.kafka.bootstrap, groups, outputs, fleet, PARTITIONS)
    dice = random.Random(plan.seed)  # noqa: S311 seeded on purpose
    return Scene(plan, stand, settings, directory, fleet, feeder, receivers, watch, dice, disk)


def _environment(settings: Settings) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    given = settings.model_dump(exclude_unset=True) | {"redis": settings.redis and settings.redis.get_secret_value()}
    return inherited | {PREFIX + name.upper(): str(value) for name, value in given.items()}
