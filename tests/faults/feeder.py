"""Feeds accesses at a steady rate, through whatever happens to Kafka, as a sender with a queue of its own does."""

import asyncio
from dataclasses import dataclass, field
from time import monotonic

from agents.outputs import NotPublished
from stream.connections import aiokafka_options
from stream.producer import RenewedOutputs
from stream.settings import Settings
from stream.topics import ACCESS
from tests.faults.workload import Sent, Workload

TICK_SECONDS = 0.1
#: What is owed after a pause is sent at once, up to this many seconds' worth.
CATCH_UP_SECONDS_MAX = 2.0
#: Seconds in which the last records are acknowledged, all brokers being there.
STOPPED_SECONDS_MAX = 60.0


@dataclass(slots=True)
class Feeder:
    """Draws records from the workload and publishes them; what Kafka did not acknowledge is published again."""

    settings: Settings
    workload: Workload
    per_second: int
    #: Records that Kafka has acknowledged, repeats not counted.
    acknowledged: int = 0
    #: Records to be sent at once, beside the steady rate.
    _burst: int = 0
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def burst(self, count: int) -> None:
        """Send so many at once with the next tick."""
        self._burst += count

    async def stop(self) -> None:
        """Send what is in hand, and end: after this Kafka holds every record that it will ever hold.

        Raises:
            TimeoutError: Kafka did not take what was in hand.
        """
        self._stop.set()
        async with asyncio.timeout(STOPPED_SECONDS_MAX):
            await self._ended.wait()

    async def run(self) -> None:
        """Feed until told to stop."""
        outputs = RenewedOutputs(aiokafka_options(self.settings))
        waiting: list[Sent] = []
        owed_since = monotonic()
        try:
            while waiting or not self._stop.is_set():
                if not waiting:
                    now = monotonic()
                    owed = min(now - owed_since, CATCH_UP_SECONDS_MAX)
                    waiting = self.workload.draw(int(self.per_second * owed) + self._burst)
                    owed_since, self._burst = now, 0
                try:
                    await self._publish(outputs, waiting)
                except NotPublished:
                    pass  # sent again, all of it: an access may come twice
                else:
                    self.acknowledged += len(waiting)
                    waiting = []
                await asyncio.sleep(TICK_SECONDS)
            self._ended.set()
        finally:
            await outputs.close()

    async def _publish(self, outputs: RenewedOutputs, records: list[Sent]) -> None:
        for record in records:
            await outputs.send(self.settings.topic(ACCESS), record.key, record.value, (), record.timestamp_ms)
        await outputs.flush()
