"""The watchdog: no stall is silent. A worker that makes no progress says where it stands, and ends with 70.

It runs in a thread of its own, so that it also sees an event loop that stands still.
"""

import asyncio
import faulthandler
import gc
import os
import sys
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from enrichment.events import events

#: What the process ends with; whoever watches over it starts it again.
EXIT_STUCK = 70
#: Seconds that the event loop may take to come round.
LOOP_SECONDS_MAX = 60.0
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

    def __init__(self, stuck: Callable[[], list[str]], *, loop_seconds_max: float = LOOP_SECONDS_MAX) -> None:
        """Take what names the parts that are stuck; it must be safe to call from another thread."""
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
        """Say that the event loop has come round."""
        self._beat = monotonic()

    def reasons(self) -> list[str]:
        """Give what stands still: the event loop, or parts."""
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
        _log.error("ending-stuck", code=EXIT_STUCK, tasks=self._tasks())
        faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
        sys.stderr.flush()
        # Neither the event loop nor anything in it can be relied on any more. What is not committed is read again.
        os._exit(EXIT_STUCK)

    def _tasks(self) -> str:
        return "\n".join(f"{task.get_name()}: {' > '.join(_frames(task))}" for task in asyncio.all_tasks(self._loop))


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
