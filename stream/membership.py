"""Whether another worker has our ACCESSWATCH_INSTANCE_ID: Kafka then gives the partitions to and fro, in silence.

Kafka itself does not tell: a static member keeps what it was first known by. So each worker leaves a mark in Redis for
each consumer that it has, and one that finds another's where its own stood knows that somebody else does the same.
"""

import os
import socket
from uuid import uuid4

import redis.asyncio

from enrichment.log import events
from stream.settings import PREFIX

#: Seconds for which a mark stays that nobody renews.
MARK_SECONDS = 60

_log = events(__name__)


class Name:
    """The name of one consumer among those of its group."""

    def __init__(self, client: "redis.asyncio.Redis", namespace: str, instance_id: str) -> None:
        """Take where marks are left, and the name under which Kafka knows this consumer."""
        self._redis = client
        self._key = f"{namespace}instance:{instance_id}"
        self._mark = f"{socket.gethostname()} {os.getpid()} {uuid4().hex}"
        self._left = False
        #: A sentence, while another worker has the name.
        self.shared: str | None = None

    async def look(self) -> None:
        """Leave our mark and see whether another's stands where ours did.

        Raises:
            redis.exceptions.RedisError, OSError: Redis does not answer.
        """
        found = await self._redis.set(self._key, self._mark, ex=MARK_SECONDS, get=True)
        before = found.decode() if isinstance(found, bytes) else None
        # The first look finds what the worker before us has left.
        other = before if self._left and before not in {None, self._mark} else None
        self._left = True
        if other is None:
            self.shared = None
            return
        host, process, _ = other.split(" ")
        shared = f"another worker (process {process} on {host}) has our {PREFIX}INSTANCE_ID: give each worker its own"
        if self.shared is None:
            _log.error("instance-id-shared", why=shared)
        self.shared = shared
