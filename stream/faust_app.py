"""The Faust application that runs the agents, without Faust's own Kafka parts: ``stream/consumer.py`` feeds it.

Why each choice is made stands in ``docs/decisions/batched-transport.md``.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import faust
from faust.app.base import BootStrategy
from mode.supervisors import CrashingSupervisor

from agents.batch import Batch
from stream.consumer import IN_HAND_MAX, Channel
from stream.settings import Settings

#: Seconds between looks whether Faust has given up.
CRASH_LOOK_SECONDS = 0.2

#: Carries the batches of a stream, one after the other or several at once, and acknowledges each.
Carry = Callable[[AsyncIterator[Batch]], Awaitable[None]]


class _AgentsOnly(BootStrategy):
    """Starts the agents, and nothing of Faust's that talks to Kafka or listens to the web."""

    enable_kafka = False
    enable_web = False
    enable_sensors = False


class AgentRuntime(faust.App):
    """Runs agents on channels in memory; an agent that fails ends it, since half a worker is none."""

    BootStrategy = _AgentsOnly

    async def on_start(self) -> None:
        """Let channels hand over: Faust's own consumer would, which there is none of."""
        self.flow_control.resume()
        await super().on_start()

    async def until_crash(self) -> None:
        """Return never; raise what an agent raised.

        Raises:
            BaseException: whatever ended it.
        """
        while not self.crashed:  # noqa: ASYNC110 mode has no public way to wait for it
            await asyncio.sleep(CRASH_LOOK_SECONDS)
        raise self.crash_reason or RuntimeError("Faust stopped without a reason")


def agent_runtime(settings: Settings) -> AgentRuntime:
    """Return the application for the agents of one worker, not started."""
    # Faust makes a directory for tables, of which we have none, but not its parents.
    directory = settings.state_dir / "faust"
    directory.mkdir(parents=True, exist_ok=True)
    return AgentRuntime(
        settings.group,
        broker="kafka://not.used",
        datadir=str(directory),
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        agent_supervisor=CrashingSupervisor,
    )


def add_agent(app: faust.App, name: str, carry: Carry) -> Channel:
    """Let *carry* take the batches that are put into the channel which is returned."""
    channel: Any = app.channel(maxsize=IN_HAND_MAX)

    async def take(batches: Any) -> None:
        await carry(_still_ours(batches))

    app.agent(channel, name=name, supervisor_strategy=CrashingSupervisor)(take)
    return channel  # type: ignore[no-any-return]  # Faust's channels have what ours needs


async def _still_ours(batches: Any) -> AsyncIterator[Batch]:
    async for batch in batches:
        if not batch.withdrawn:
            batch.taken = True
            yield batch
