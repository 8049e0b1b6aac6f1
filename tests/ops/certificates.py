"""The runbook of certificates, followed: a worker whose certificate for Kafka ends in two days."""

import asyncio
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stream.acls import needed
from stream.settings import load
from stream.specs import AGENTS
from stream.topic_admin import administration, create_missing
from tests.faults import agency
from tests.faults.fault import Heal
from tests.faults.fleet import Fleet
from tests.faults.scene import PARTITIONS
from tests.faults.stand import a_redis
from tests.ops.exercises import Exercise
from tests.ops.following import follow, say, shortened
from tests.ops.prometheus import a_prometheus, watch_workers
from tests.support.secured import Authority, SecuredKafka, secured_kafka
from tests.support.worker import publish, without_ours

USER = "worker"
#: Less than the three days of the alert that calls somebody.
LEFT = timedelta(days=2)


EXERCISE = Exercise(
    "certificate-ends", "AccesswatchCertificateEndsNow", "certificate-ends",
    "the worker's certificate for Kafka ended in two days; it was renewed in its place and the worker restarted",
)  # fmt: skip


async def followed(*, write: bool) -> None:
    """Follow it, on a stand of its own."""
    with tempfile.TemporaryDirectory(prefix="accesswatch-followed-") as name:
        directory = Path(name)
        authority = Authority(directory / "ca")
        with (
            secured_kafka(directory / "kafka", authority) as kafka,
            a_redis(directory / "valkey") as redis,
            a_prometheus(directory / "prometheus", shortened(directory)) as prometheus,
        ):
            chain, key = authority.issue(USER, not_after=datetime.now(UTC) + LEFT)
            environment = without_ours() | {
                "ACCESSWATCH_KAFKA": kafka.mtls,
                "ACCESSWATCH_KAFKA_SECURITY": "SSL",
                "ACCESSWATCH_KAFKA_CA_FILE": str(authority.ca_file),
                "ACCESSWATCH_KAFKA_CERT_FILE": str(chain),
                "ACCESSWATCH_KAFKA_KEY_FILE": str(key),
                "ACCESSWATCH_REDIS": redis.url,
                "ACCESSWATCH_STATE_DIR": str(directory / "state"),
            }
            await _set_up(environment, kafka)
            fleet = Fleet(environment, directory)

            async def inject() -> Heal:
                fleet.start()
                await fleet.wait_ready()
                watch_workers(prometheus.directory, [worker.address for worker in fleet.workers])

                async def renew() -> None:
                    authority.issue(USER)
                    assert await fleet.term(fleet.workers[0], again=True) == 0
                    await fleet.wait_ready()

                return renew

            keeping = asyncio.create_task(fleet.keep())
            try:
                say(await follow(EXERCISE, inject, fleet, prometheus), write=write)
            finally:
                keeping.cancel()
                fleet.end()


async def _set_up(environment: dict[str, str], kafka: SecuredKafka) -> None:
    """Create the topics, let the worker do what is listed for it, and say who is known."""
    administrator = load(without_ours() | {"ACCESSWATCH_KAFKA": kafka.plain})
    with administration(administrator) as admin:
        create_missing(admin, administrator, partitions=PARTITIONS)
    kafka.grant_exactly(f"User:{USER}", needed(load(environment), AGENTS))
    for topic, records in agency.reference().items():
        await publish(administrator, topic, records)
