"""A real Kafka, a real Valkey and a real worker for a measurement, with topics of its own, gone when it ends."""

import asyncio
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from sandbox.program import Guarded
from sandbox.server import free_port
from sandbox.services import Addresses, embedded
from simulator.records import Reference
from stream.producer import Publisher
from stream.settings import PREFIX, Settings, load
from stream.topics import reference_topic

READY_SECONDS_MAX = 900.0
_STOP_SECONDS_MAX = 20.0
_POLL_SECONDS = 0.5
_PAGE_SECONDS_MAX = 10.0


@dataclass(frozen=True, slots=True)
class Stand:
    """The settings of the run, and the worker's pages."""

    settings: Settings
    environment: Mapping[str, str]

    def page(self, path: str) -> str | None:
        """Fetch one of the worker's pages; None where it does not answer with 200."""
        try:
            url = f"http://{self.settings.http}{path}"
            with urllib.request.urlopen(url, timeout=_PAGE_SECONDS_MAX) as answer:
                return str(answer.read().decode())
        except (OSError, urllib.error.HTTPError):
            return None

    def samples(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Return the samples of a metric by their labels."""
        page = self.page("/metrics") or ""
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name
        }

    async def ready(self, wanted: Mapping[str, int]) -> None:
        """Return once the worker knows so many reference records of each kind and is ready.

        Raises:
            TimeoutError: it takes too long.
        """

        def knows() -> bool:
            known = {dict(labels)["kind"]: number for labels, number in self._known().items()}
            return all(known.get(kind, 0) >= number for kind, number in wanted.items()) and bool(self.page("/readyz"))

        await until(knows, READY_SECONDS_MAX)

    def _known(self) -> dict[tuple[tuple[str, str], ...], float]:
        return self.samples("accesswatch_reference_records")


async def until(happened: Callable[[], bool], seconds_max: float) -> None:
    """Wait for something.

    Raises:
        TimeoutError: it does not happen in time.
    """
    async with asyncio.timeout(seconds_max):
        while not await asyncio.to_thread(happened):  # noqa: ASYNC110 nothing tells us
            await asyncio.sleep(_POLL_SECONDS)


async def publish_reference(
    publisher: Publisher, settings: Settings, records: Iterable[Reference], at: str | None = None
) -> dict[str, int]:
    """Publish reference records, as of a time where one is given; give how many distinct ones each kind has."""
    timestamp = None if at is None else int(datetime.fromisoformat(at).timestamp() * 1000)
    distinct: dict[str, set[str]] = {}
    for kind, record_id, value in records:
        topic = settings.topic(reference_topic(kind))
        await publisher.send(topic, record_id.encode(), value, timestamp_ms=timestamp)
        distinct.setdefault(kind, set()).add(record_id)
    await publisher.flush()
    return {kind: len(ids) for kind, ids in distinct.items()}


@contextmanager
def stand(limits: Mapping[str, Any] | None = None) -> Iterator[Stand]:
    """Run everything for as long as the block; Kafka and Valkey are those of the environment where it names them.

    *limits* differ from the shipped ones.
    """
    with TemporaryDirectory(prefix="accesswatch-noticing-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        with embedded(directory / "services") as addresses:
            environment = _environment(addresses, directory)
            if limits:
                file = directory / "limits.yaml"
                file.write_text(yaml.safe_dump(dict(limits)))
                environment[f"{PREFIX}LIMITS"] = str(file)
            from stream.topic_admin import administration, create_missing  # noqa: PLC0415 slow to import

            settings = load(environment)
            with administration(settings) as admin:
                create_missing(admin, settings)
            worker = Guarded(
                [sys.executable, "-m", "console", "worker"], environment=environment, log=directory / "worker.log"
            )
            worker.start()
            try:
                yield Stand(settings, environment)
            finally:
                worker.stop(_STOP_SECONDS_MAX)


def _environment(addresses: Addresses, directory: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    ours = {
        "KAFKA": addresses.kafka,
        "REDIS": addresses.redis,
        "STATE_DIR": str(directory / "state"),
        "HISTORY": "off",
        "HTTP": f"127.0.0.1:{free_port()}",
        "GROUP": "noticing",
    }
    return inherited | {PREFIX + name: value for name, value in ours.items()}
