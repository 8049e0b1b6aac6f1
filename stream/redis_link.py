"""The connection to Redis: short timeouts, no hidden retries, TLS and passwords from the settings."""

from typing import Any

import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from stream.settings import Settings

#: Seconds to connect in; redis-py's own default waits for a hung server for most of a minute.
CONNECT_SECONDS_MAX = 1.0
#: Seconds for one answer on the socket.
ANSWER_SECONDS_MAX = 2.0
CONNECTIONS_MAX = 32


def connect(settings: Settings, *, protocol: int = 2) -> "redis.asyncio.Redis":
    """Describe the connection to Redis; it is made when first used. Protocol 3 is told of changes."""
    if settings.redis is None:
        raise ValueError("no Redis is set")
    options: dict[str, Any] = {
        "socket_timeout": ANSWER_SECONDS_MAX,
        "socket_connect_timeout": CONNECT_SECONDS_MAX,
        "max_connections": CONNECTIONS_MAX,
        "retry": Retry(NoBackoff(), 0),
        "protocol": protocol,
    }
    if settings.redis_password is not None:
        options["password"] = settings.redis_password.get_secret_value()
    url = settings.redis.get_secret_value()
    if url.startswith("rediss://") and settings.redis_ca_file is not None:
        options["ssl_ca_certs"] = str(settings.redis_ca_file)
    client: redis.asyncio.Redis = redis.asyncio.Redis.from_url(url, **options)
    return client


def namespace(settings: Settings) -> str:
    """What stands before each of our keys in Redis, so that several installations can share one."""
    return f"{settings.group}:{settings.topic_prefix}:"
