"""The connection to Redis: short timeouts, no hidden retries, TLS and passwords from the settings, Sentinel by URL.

    redis://host:port/db                               plain
    rediss://user:password@host:port/db                TLS; an ACL user
    redis+sentinel://host:port,host:port/master/db     whoever the sentinels call the master, asked at each connect
    rediss+sentinel://...                              the same over TLS, to the sentinels too

The breaker is ``stream/readiness.py``: once its look is not answered it is open, and no batch asks anything until a
look is answered again, tried five times a second; accesses are held meanwhile.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import redis.asyncio
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.retry import Retry

from stream.certificates import redis_context
from stream.settings import Settings

#: Seconds to connect in; redis-py's own default waits for a hung server for most of a minute.
CONNECT_SECONDS_MAX = 1.0
#: Seconds in which a sentinel answers; the next one is asked then.
SENTINEL_SECONDS_MAX = 0.2
#: Seconds for one answer on the socket. A look takes a millisecond, but a step of 500 records or a read of 2,000 nodes
#: takes tens of them, and seconds where Redis shares two busy cores: shorter, and loading would break off every time.
ANSWER_SECONDS_MAX = 2.0
CONNECTIONS_MAX = 32


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
    if settings.redis_password is not None:
        options["password"] = settings.redis_password.get_secret_value()
    url = settings.redis.get_secret_value()
    if "+sentinel://" in url:
        return _by_sentinels(settings, parse_sentinels(url), options)
    if url.startswith("rediss://"):
        options |= _tls(settings)
    client: redis.asyncio.Redis = redis.asyncio.Redis.from_url(url, **options)
    return client


@dataclass(frozen=True, slots=True)
class Sentinels:
    """What a URL with Sentinel says."""

    addresses: tuple[tuple[str, int], ...]
    master: str
    database: int
    username: str | None
    password: str | None
    secure: bool


def parse_sentinels(url: str) -> Sentinels:
    """Read a ``redis+sentinel://`` URL.

    Raises:
        ValueError: it is none; the sentence says what it should look like.
    """
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    master, _, database = parts.path.strip("/").partition("/")
    found = [host.rpartition(":") for host in hosts.split(",")]
    numbers = [port for *_, port in found] + [database or "0"]
    named = parts.scheme in {"redis+sentinel", "rediss+sentinel"} and master and all(host for host, *_ in found)
    if not named or not all(number.isdecimal() for number in numbers):
        raise ValueError("must look like redis+sentinel://host:port,host:port/master/0")
    return Sentinels(
        addresses=tuple((host.strip("[]"), int(port)) for host, _, port in found),
        master=unquote(master),
        database=int(database or 0),
        username=unquote(username) or None,
        password=unquote(password) or None,
        secure=parts.scheme == "rediss+sentinel",
    )


def _by_sentinels(settings: Settings, url: Sentinels, options: dict[str, Any]) -> "redis.asyncio.Redis":
    secure: dict[str, Any] = {"ssl": True, **_tls(settings)} if url.secure else {}
    asking = {"socket_timeout": SENTINEL_SECONDS_MAX, "socket_connect_timeout": SENTINEL_SECONDS_MAX}
    sentinels = Sentinel(list(url.addresses), sentinel_kwargs={**asking, **secure}, **secure)  # type: ignore[no-untyped-call]
    login: dict[str, Any] = {"username": url.username, "db": url.database, **options}
    if url.password is not None:
        login["password"] = url.password
    client: redis.asyncio.Redis = sentinels.master_for(url.master, **login)
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
