"""The worker over Faust's own consumer: ``python -m tests.faults.stock_worker [arguments of accesswatch worker]``.

For one purpose: to see that the checker sees what that loses. The product carries no switch for it. The agents are as
Faust's guide writes them, ``stream.take``, which acknowledges a batch whatever becomes of it.
"""

import sys
from typing import Any

BATCH_MAX = 200
WITHIN_SECONDS = 0.05


def swap() -> None:
    """Put Faust's own consumer below the agents that carry accesses, and the usual loop into them."""
    from faust.transport.drivers import aiokafka as driver  # noqa: PLC0415 imported where it is swapped

    from agents.batch import Batch, Chunk  # noqa: PLC0415
    from agents.screen import Screen  # noqa: PLC0415
    from agents.turns import Turn  # noqa: PLC0415
    from stream import assembly  # noqa: PLC0415
    from stream.faust_app import faust_app  # noqa: PLC0415
    from stream.parts import Part  # noqa: PLC0415

    ours = faust_app

    def stock(settings: Any, agent: str, *consumer: Any) -> Any:
        app = ours(settings, agent, *consumer)
        if agent == "screen":
            setattr(app.transport, "Consumer", driver.Consumer)  # noqa: B010 as the product does it
            app.conf.stream_wait_empty = False
        return app

    async def attach(self: Screen, events: Any) -> None:
        async for taken in events.take_events(BATCH_MAX, WITHIN_SECONDS):
            messages = [event.message for event in taken]
            await self.carry(Batch([Chunk(one.topic, one.partition, [_Record(one)]) for one in messages]), Turn())

    for owner, name, swapped in (
        (assembly, "faust_app", stock),
        (Screen, "attach", attach),
        # Our questions to a consumer are not known to Faust's own: it counts as assigned.
        (Part, "_assigned", lambda _: True),
    ):
        setattr(owner, name, swapped)


class _Record:
    """A message of Faust's as a record."""

    def __init__(self, message: Any) -> None:
        self.topic, self.partition, self.offset = message.topic, message.partition, message.offset
        self.timestamp = int(message.timestamp * 1000)
        self.key, self.value, self.headers = message.key, message.value, message.headers or ()


if __name__ == "__main__":
    swap()
    sys.argv[1:1] = ["worker"]
    from stream.console import main

    main()
