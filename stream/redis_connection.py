"""The connection to Redis: short timeouts, no hidden retries, TLS and passwords from the settings, Sentinel by URL.

    redis://host:port/db                               plain
    rediss://user:password@host:port/db                TLS; an ACL user
    redis+sentinel://host:port,host:port/master/db     whoever the sentinels call the master, asked at each connect
    rediss+sentinel://...                              the same over TLS, to the sentinels too

The breaker is ``stream/reference_feed.py``: once its look is not answered it is open, and no batch asks anything until
a look is answered again, tried five times a second; accesses are held meanwhile.
"""

import asyncio
import ssl
from contextlib import suppress
from functools import partial
from typing import Any

import redis.asyncio
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.retry import Retry

from enrichment.lookup import NotReadable
from enrichment.reference.server import RedisServer
from stream.certificates import redis_context
from stream.settings import RedisUrl, Settings, redis_url

#: Seconds to connect in; redis-py's own default waits for a hung server for most of a minute.
CONNECT_SECONDS_MAX = 1.0
#: Seconds in which a sentinel answers; the next one is asked then.
SENTINEL_SECONDS_MAX = 0.2
#: Seconds for one answer on the socket. A look takes a millisecond, but a step of 500 records or a read of 2,000 nodes
#: takes tens of them, and seconds where Redis shares two busy cores: shorter, and loading would break off every time.
ANSWER_SECONDS_MAX = 2.0
CONNECTIONS_MAX = 32
#: Seconds for the one attempt that shows whether a server that does not answer speaks TLS.
ATTEMPT_SECONDS_MAX = 0.5


def connect(settings: Settings, *, protocol: int = 2) -> "redis.asyncio.Redis":
    """Describe the connection to Redis; it is made when first used. Protocol 3 is told of changes.

    Raises:
        SettingsError: a certificate cannot be read.
    """
    if settings.redis is None:
        raise ValueError("no Redis is set")
    options: dict[str, Any] = {
        "socket_timeout": ANSWER_SECONDS_MAX,
        "socket_connect_timeout": CONNECT_SECONDS_MAX,
        "max_connections": CONNECTIONS_MAX,
        "retry": Retry(NoBackoff(), 0),
        "protocol": protocol,
    }
    url = redis_url(settings.redis.get_secret_value())
    given = settings.redis_password
    options |= {
        "db": url.database,
        "username": url.username,
        "password": url.password if given is None else given.get_secret_value(),
    }
    if url.master is not None:
        return _by_sentinels(settings, url, url.master, options)
    ((host, port),) = url.servers
    secure: dict[str, Any] = {"ssl": True, **_tls(settings)} if url.secure else {}
    return redis.asyncio.Redis(host=host, port=port, **options, **secure)


def _by_sentinels(settings: Settings, url: RedisUrl, master: str, options: dict[str, Any]) -> "redis.asyncio.Redis":
    secure: dict[str, Any] = {"ssl": True, **_tls(settings)} if url.secure else {}
    asking: dict[str, Any] = {
        "socket_timeout": SENTINEL_SECONDS_MAX,
        "socket_connect_timeout": SENTINEL_SECONDS_MAX,
        "retry": Retry(NoBackoff(), 0),
    }
    if settings.redis_sentinel_password is not None:
        asking["username"] = settings.redis_sentinel_username
        asking["password"] = settings.redis_sentinel_password.get_secret_value()
    sentinels = Sentinel(list(url.servers), sentinel_kwargs={**asking, **secure}, **secure)  # type: ignore[no-untyped-call]
    client: redis.asyncio.Redis = sentinels.master_for(master, **options)
    return client


def _tls(settings: Settings) -> dict[str, str]:
    """The files that redis-py reads at each connection; they are read once here, so that a mistake is a sentence."""
    redis_context(settings)
    files = {
        "ssl_ca_certs": settings.redis_ca_file,
        "ssl_certfile": settings.redis_cert_file,
        "ssl_keyfile": settings.redis_key_file,
    }
    return {name: str(file) for name, file in files.items() if file is not None}


def namespace(settings: Settings) -> str:
    """What stands before each of our keys in Redis, so that several installations can share one."""
    return f"{settings.group}:{settings.topic_prefix}:"


def server_of(client: "redis.asyncio.Redis", settings: Settings) -> RedisServer:
    """Return the server behind a client, which tells a wrong scheme of the URL from a server that is away."""
    return RedisServer(client, partial(_explain, settings))


async def check_reachable(client: "redis.asyncio.Redis", settings: Settings) -> None:
    """Look whether a command can ask Redis; how it keeps our data does not matter to that.

    Raises:
        NotReadable: it cannot; the sentence says why.
    """
    refusal = (await server_of(client, settings).look()).refusal
    if refusal is not None:
        raise NotReadable(refusal)


async def _explain(settings: Settings, error: NotReadable) -> str:
    """Return why a server does not answer; one more attempt shows where that is TLS on one side alone."""
    if settings.redis is None:
        return str(error)
    url = redis_url(settings.redis.get_secret_value())
    cause, (host, port) = str(error.__cause__), url.servers[0]
    if url.secure and "connecting" in cause and await _speaks_plainly(host, port):
        return "Redis speaks no TLS at that address: write redis:// in ACCESSWATCH_REDIS, or name its port for TLS"
    if not url.secure and "closed" in cause and await _speaks_tls(host, port):
        return "Redis speaks TLS at that address: write rediss:// in ACCESSWATCH_REDIS"
    return str(error)


async def _speaks_plainly(host: str, port: int) -> bool:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(ATTEMPT_SECONDS_MAX):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"PING\r\n")
                return (await reader.read(1)) in {b"+", b"-"}
            finally:
                writer.close()
    return False


async def _speaks_tls(host: str, port: int) -> bool:
    # Nothing is sent but the greeting: whose certificate it is does not matter here.
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(ATTEMPT_SECONDS_MAX):
            _, writer = await asyncio.open_connection(host, port, ssl=anybody)
            writer.close()
            return True
    return False
