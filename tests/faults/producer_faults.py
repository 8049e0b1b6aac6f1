"""What happens to senders: transactions that are taken back, and senders that die half-way through one."""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

from stream.topics import ACCESS
from tests.faults import agency
from tests.faults.fault import Fault, Heal
from tests.faults.scene import PARTITIONS, Scene

#: Accesses in one transaction.
PER_TRANSACTION = 40
NAME = "faults-cms"


def _accesses(kind: str, count: int) -> list[bytes]:
    """Return accesses that would raise alerts if anybody judged them: own records, by everybody in turn."""
    view = {"occurred_at": datetime.now(UTC).isoformat(), "action": "view"}
    owners = sorted(agency.OWN.items())
    return [
        json.dumps({**view, "event_id": f"{kind}-{number}", "staff_id": staff, "client_id": client}).encode()
        for number, (staff, client) in zip(range(count), owners * count, strict=False)
    ]


async def take_back(scene: Scene) -> Heal:
    """Abort a transaction over all partitions, and let a sender die with another that stays open."""
    topic, kafka = scene.topic(ACCESS), scene.stand.kafka.bootstrap
    async with AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=f"{NAME}-aborts") as cms:
        await cms.begin_transaction()
        for number, value in enumerate(_accesses("aborted", PER_TRANSACTION)):
            await cms.send(topic, value, partition=number % PARTITIONS)
        await cms.flush()
        await cms.abort_transaction()
    command = [sys.executable, "-m", "tests.support.dying_producer", kafka, topic, f"{NAME}-dies"]
    half = [value.decode() for value in _accesses("half", PER_TRANSACTION)]
    await asyncio.to_thread(subprocess.run, [*command, *half], check=True)

    async def heal() -> None:
        # Whoever comes back by the same name ends what the one before has left open; what it sends counts.
        async with AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=f"{NAME}-dies") as cms:
            for record in scene.feeder.workload.draw(PER_TRANSACTION):
                async with cms.transaction():
                    await cms.send_and_wait(topic, record.value, key=record.key, timestamp_ms=record.timestamp_ms)

    return heal


FAULTS = (Fault("transactions", take_back, 5.0, 2.0, strikes="sender"),)
