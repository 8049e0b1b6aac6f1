"""The worker, showing beside its own metrics how many tasks it has: ``python -m tests.faults.counted_worker``.

Memory, threads and files are seen from outside; tasks are not, and a task that is never collected is a leak.
"""

import asyncio
import sys
from typing import Any

from prometheus_client import Gauge

TASKS = "accesswatch_soak_tasks"


def count() -> None:
    """Put the gauge into each worker's registry."""
    from stream.worker import Worker  # noqa: PLC0415 imported where it is changed

    run = Worker.run

    async def counted(self: Worker, build: Any, agents: Any) -> None:
        loop = asyncio.get_running_loop()
        gauge = Gauge(TASKS, "Tasks of the worker's event loop.", registry=self.metrics.registry)
        gauge.set_function(lambda: len(asyncio.all_tasks(loop)))
        await run(self, build, agents)

    Worker.run = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    count()
    sys.argv[1:1] = ["worker"]
    from console.main import main

    main()
