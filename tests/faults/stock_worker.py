"""The worker over Faust's own consumer: ``python -m tests.faults.stock_worker [arguments of accesswatch worker]``.

For one purpose: to see that the checker sees what that loses. The product carries no switch for it. The agent that
reads accesses is as Faust's guide writes it: ``stream.take`` acknowledges a batch whatever becomes of it.
"""

import asyncio
import sys
from typing import Any

BATCH_MAX = 200
WITHIN_SECONDS = 0.05
LOOK_SECONDS = 0.01


def swap() -> None:
    """Put Faust's own consumer below the agent that carries accesses."""
    import faust  # noqa: PLC0415 imported where it is swapped
    from yarl import URL  # noqa: PLC0415

    from agents.batch import Batch, Chunk  # noqa: PLC0415
    from stream import factory  # noqa: PLC0415
    from stream.consumer import BatchConsumer  # noqa: PLC0415

    class StockFaust(BatchConsumer):
        """Stock Faust, with the questions answered that our worker puts to its consumer."""

        async def on_start(self) -> None:
            servers = self._options["bootstrap_servers"]
            app = self._app = faust.App(
                self.subscription.group,
                broker=[URL(f"kafka://{server}") for server in servers],
                value_serializer="raw",
                key_serializer="raw",
                web_enabled=False,
                topic_allow_declare=False,
                topic_disable_leader=True,
                stream_wait_empty=False,
                consumer_auto_offset_reset="earliest",
            )
            app.agent(app.topic(*self.subscription.topics, value_type=bytes, value_serializer="raw"))(self._take)
            await app.start()

        async def _take(self, events: Any) -> None:
            async for taken in events.take_events(BATCH_MAX, WITHIN_SECONDS):
                messages = [event.message for event in taken]
                batch = Batch([Chunk(one.topic, one.partition, [_Record(one)]) for one in messages])
                await self._channel.put(batch)
                while not batch.acknowledged:  # noqa: ASYNC110 a test that may be slow
                    await asyncio.sleep(LOOK_SECONDS)

        async def on_stop(self) -> None:
            await self._app.stop()

        async def _read(self) -> None:
            await self.wait_until_stopped()

        async def drain(self, *_: Any) -> bool:
            return True

        assigned = joined = property(lambda _: True)

    ours = BatchConsumer

    def chosen(options: Any, subscription: Any, channel: Any, **more: Any) -> Any:
        screens = subscription.group.endswith("screen")
        return (StockFaust if screens else ours)(options, subscription, channel, **more)

    setattr(factory, "BatchConsumer", chosen)  # noqa: B010 mypy takes a plain assignment for another form


class _Record:
    """A message of Faust's as a record."""

    def __init__(self, message: Any) -> None:
        self.topic, self.partition, self.offset = message.topic, message.partition, message.offset
        self.timestamp = int(message.timestamp * 1000)
        self.key, self.value, self.headers = message.key, message.value, message.headers or ()


if __name__ == "__main__":
    swap()
    sys.argv[1:1] = ["worker"]
    from console.main import main

    main()
