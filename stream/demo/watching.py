"""Reading what the worker says: assessments and alerts, from the beginning of their topics."""

import time
from collections.abc import Callable
from typing import Any

import orjson

from stream.connections import aiokafka_options
from stream.demo.lines import alert_line
from stream.demo.progress import Progress
from stream.reading import follow
from stream.settings import Settings
from stream.topics import ALERT, ASSESSMENT


async def watch_assessments(settings: Settings, progress: Progress) -> None:
    """Count assessments until cancelled."""
    await _read(settings, ASSESSMENT, progress.scoreboard.assess)


async def watch_alerts(settings: Settings, progress: Progress) -> None:
    """Count alerts until cancelled, and say each new one."""

    def take(alert: dict[str, Any]) -> None:
        seen = progress.scoreboard.alert(alert, arrived=time.time_ns() // 1_000_000)
        if seen is not None:
            if progress.first_alert_seconds is None:
                progress.first_alert_seconds = progress.elapsed()
            progress.say(alert_line(seen))

    await _read(settings, ALERT, take)


async def _read(settings: Settings, name: str, take: Callable[[dict[str, Any]], object]) -> None:
    """Hand every record of a topic to *take*."""
    async for records in follow(aiokafka_options(settings), settings.topic(name)):
        for record in records:
            if record.value is not None:
                take(orjson.loads(record.value))
