"""Leaving somebody's own Kafka and Redis as they were: the demo's topics and keys are removed."""

import asyncio

from redis.exceptions import RedisError

from enrichment.events import events
from stream.commands.failure import CommandFailed
from stream.redis_link import connect, namespace
from stream.settings import Settings
from stream.topic_admin import administration
from stream.topics import CATALOGUE

_KEYS_PER_STEP = 1_000

_log = events(__name__)


def tidy(settings: Settings) -> None:
    """Remove the demo's topics and keys. What cannot be removed stays, under a name that nobody else uses.

    The offsets of its consumer groups are left to Kafka, which forgets them by itself.
    """
    try:
        with administration(settings) as admin:
            admin.delete_topics([settings.topic(topic.name) for topic in CATALOGUE], raise_errors=False)
        asyncio.run(_remove_keys(settings))
    except (CommandFailed, RedisError, OSError) as error:
        _log.warning("demo-not-tidied", why=type(error).__name__)


async def _remove_keys(settings: Settings) -> None:
    client = connect(settings)
    try:
        found = []
        async for key in client.scan_iter(match=f"{namespace(settings)}*", count=_KEYS_PER_STEP):
            found.append(key)
            if len(found) == _KEYS_PER_STEP:
                await client.unlink(*found)
                found.clear()
        if found:
            await client.unlink(*found)
    finally:
        await client.aclose()
