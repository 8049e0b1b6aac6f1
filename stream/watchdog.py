"""The watchdog: no stall is silent. A worker that makes no progress says where it stands, and ends with 70.

``Progress`` holds the commits of one agent, partition by partition, against where the partitions end; and whether it
has partitions at all, since a consumer that its group never answers commits nothing and misses nothing. ``Watchdog``
runs in a thread of its own, so that it also sees an event loop that stands still.
"""

import asyncio
import faulthandler
import gc
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from aiokafka import TopicPartition

from agents.batch import partition_key
from enrichment.log import events

#: Seconds in which a partition with records waiting must see a commit, unless the agent says that it holds.
STUCK_SECONDS = 120.0


@dataclass(slots=True)
class Progress:
    """Remembers, for each partition, since when it stands still with something to do."""

    stuck_seconds: float = STUCK_SECONDS
    _standing: dict[TopicPartition, tuple[int, float]] = field(default_factory=dict, init=False)
    _committed: Mapping[TopicPartition, int] = field(default_factory=dict, init=False)
    _joining_since: float | None = field(default=None, init=False)

    def note(
        self,
        committed: Mapping[TopicPartition, int],
        ends: Mapping[str, int],
        *,
        held: bool,
        now: float,
        joined: bool = True,
    ) -> None:
        """Take a look.

        Args:
            committed: the assigned partitions and the offset that Kafka has last taken for each.
            ends: where each ``<topic>:<partition>`` ends, asked of Kafka apart from the consumer: a consumer that
                fetches nothing does not know that there is something to fetch.
            held: the agent waits for something and says so; that is no stall.
            now: seconds on a clock that only goes forward.
            joined: the consumer group has answered with partitions, none perhaps, and they are read. While *ends* is
                empty Kafka is away and nobody can join.
        """
        if joined or not ends:
            self._joining_since = None
        elif self._joining_since is None:
            self._joining_since = now
        standing: dict[TopicPartition, tuple[int, float]] = {}
        for tp, offset in committed.items():
            waits = ends.get(partition_key(*tp), 0) > offset
            if waits and not held and self._committed.get(tp) == offset:
                standing[tp] = self._standing.get(tp, (offset, now))
        # Replaced as a whole, since the watchdog reads it from another thread.
        self._standing, self._committed = standing, dict(committed)

    def stuck(self, now: float) -> list[str]:
        """Name the partitions that stand still, each with for how long, or say that there are none to be had."""
        since = self._joining_since
        if since is not None and now - since >= self.stuck_seconds:
            return [f"the consumer group has not answered, or reading not begun after it, for {now - since:.0f} s"]
        return [
            f"{tp.topic}-{tp.partition} stands at offset {offset} for {now - since:.0f} s with records waiting"
            for tp, (offset, since) in self._standing.items()
            if now - since >= self.stuck_seconds
        ]


#: What the process ends with; whoever watches over it starts it again.
EXIT_STUCK = 70
#: Seconds between looks.
LOOK_SECONDS = 1.0
#: Frames of each task's stack that are logged.
_FRAMES_MAX = 30
_FRAME_NAMES = ("cr_frame", "gi_frame", "ag_frame")
_AWAIT_NAMES = ("cr_await", "gi_yieldfrom", "ag_await")
#: Seconds between the first red ``/livez`` and the end: whoever asks shall see it.
RED_SECONDS = 5.0

_log = events(__name__)


class Watchdog:
    """Watches the event loop's heartbeat and what the parts say."""

    def __init__(self, stuck: Callable[[], list[str]], *, loop_seconds_max: float) -> None:
        """Take what names the parts that are stuck, and how long the event loop may take to come round.

        *stuck* must be safe to call from another thread.
        """
        self._stuck = stuck
        self._loop_seconds_max = loop_seconds_max
        self._beat = monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin to watch the running event loop."""
        self._loop = asyncio.get_running_loop()
        self.beat()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer: the worker is ending by itself, within bounds of its own."""
        self._ended.set()

    def beat(self) -> None:
        """Note that the event loop has come round."""
        self._beat = monotonic()

    def reasons(self) -> list[str]:
        """Return what stands still: the event loop, or parts."""
        silent = monotonic() - self._beat
        if silent > self._loop_seconds_max:
            return [f"the event loop has not come round for {silent:.0f} s"]
        return self._stuck()

    def _watch(self) -> None:
        red_since: float | None = None
        while not self._ended.wait(LOOK_SECONDS):
            reasons = self.reasons()
            if not reasons:
                red_since = None
            elif red_since is None:
                red_since = monotonic()
                _log.error("no-progress", why="; ".join(reasons))
            elif monotonic() - red_since >= RED_SECONDS:
                self._end()

    def _end(self) -> None:
        _log.error("ending-stuck", code=EXIT_STUCK, tasks=tasks_standing(self._loop))
        faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
        sys.stderr.flush()
        # Neither the event loop nor anything in it can be relied on any more. What is not committed is read again.
        os._exit(EXIT_STUCK)


def tasks_standing(loop: asyncio.AbstractEventLoop | None) -> str:
    """Return where each task of an event loop stands, a line each; may be called from another thread."""
    return "\n".join(f"{task.get_name()}: {' > '.join(_frames(task))}" for task in asyncio.all_tasks(loop))


def _frames(task: "asyncio.Task[object]") -> list[str]:
    """Follow what a task awaits, down to where it stands; asyncio itself shows the outermost frame only."""
    frames: list[str] = []
    awaiting: Any = task.get_coro()
    while awaiting is not None and len(frames) < _FRAMES_MAX:
        # A coroutine, a generator or an asynchronous generator: each has its own names for the same two things.
        frame = next((found for name in _FRAME_NAMES if (found := getattr(awaiting, name, None))), None)
        if frame is None:
            # A wrapper that shows nothing, as around Faust's agents: what it wraps is all that it refers to.
            awaiting = next((inner for inner in gc.get_referents(awaiting) if asyncio.iscoroutine(inner)), None)
            continue
        frames.append(f"{frame.f_code.co_name} ({frame.f_code.co_filename}:{frame.f_lineno})")
        awaiting = next((found for name in _AWAIT_NAMES if (found := getattr(awaiting, name, None))), None)
    return frames
