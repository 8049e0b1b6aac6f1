"""Why Redis refuses or does not answer, as one sentence: what it says itself, and what to do.

A server's error may repeat what it was sent: keys, which hold ids of people, and arguments. So of its words only those
are passed on that are known here; of any other error the code that it begins with is named, which repeats nothing.
"""

import os
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Final

from redis.exceptions import AuthenticationError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

#: Causes that are looked through; a chain of errors is longer only where it goes in a circle.
CAUSES_MAX: Final = 10

CLUSTER: Final = (
    "Redis runs as a Redis Cluster, which accesswatch does not work with: "
    "name a single server in ACCESSWATCH_REDIS, or one with sentinels"
)
_RIGHTS: Final = "give its user the rights of deploy/redis-acl.conf"
#: The code that an error begins with -> what that means, and what to do.
_CODES: Final = {
    "WRONGPASS": ("Redis refuses our user name or password", "check ACCESSWATCH_REDIS and ACCESSWATCH_REDIS_PASSWORD"),
    "NOAUTH": ("Redis asks for a password", "set ACCESSWATCH_REDIS_PASSWORD_FILE"),
    "NOPERM": ("Redis does not let our user do what is needed", _RIGHTS),
    "OOM": ("Redis has no memory left", "raise its maxmemory, or give it more; it goes on by itself then"),
    "READONLY": ("Redis is a replica and takes no writes", "name the primary in ACCESSWATCH_REDIS, or its sentinels"),
    "MASTERDOWN": (
        "Redis is a replica whose primary is away",
        "name the primary in ACCESSWATCH_REDIS, or its sentinels",
    ),
    "LOADING": ("Redis has just started and reads its data", "it goes on by itself"),
    "BUSY": ("Redis is busy with somebody's script", "end it with SCRIPT KILL"),
    "MISCONF": ("Redis takes no writes because it cannot save to its disk", "see to its disk, or set save to nothing"),
    "NOREPLICAS": ("Redis takes no writes because it has too few replicas", "see to its replicas"),
    "DENIED": ("Redis is in protected mode", "give it a password, or bind it to an address that only we reach"),
    **dict.fromkeys(("MOVED", "ASK", "CLUSTERDOWN", "CROSSSLOT", "TRYAGAIN"), (CLUSTER, "")),
}
#: Words of an error without such a code -> what that means, and what to do.
_WORDS: Final = {
    r"without any password configured|no password is set": (
        "Redis knows no password for its default user, and is shown one",
        "take it out of ACCESSWATCH_REDIS and ACCESSWATCH_REDIS_PASSWORD, or name the user that has it",
    ),
    r"Invalid Username or Password|invalid password": _CODES["WRONGPASS"],
    r"SELECT is not allowed in cluster mode|in a cluster node|slot not served": (CLUSTER, ""),
    r"DB index is out of range|invalid DB index": (
        "Redis has no database of that number",
        "check the number at the end of ACCESSWATCH_REDIS",
    ),
    r"max number of clients": ("Redis takes no more connections", "raise its maxclients"),
    r"auth:AuthenticationError": (
        "The sentinels refuse our user name or password, or ask for one",
        "check ACCESSWATCH_REDIS_SENTINEL_PASSWORD and _USERNAME",
    ),
    r"No master found for .* : ": ("No sentinel answers that knows the primary", "see that the sentinels run"),
    r"No master found for ": (
        "The sentinels know no primary of that name that is up",
        "check the name in ACCESSWATCH_REDIS",
    ),
    r"Too many connections": ("All our connections to Redis are in use", "it goes on by itself"),
    r"previous master is now a slave": ("Redis has just become a replica", "the new primary is asked for next"),
    r"Connection closed by server": (
        "Redis does not answer (it closed the connection)",
        "see that it runs, and write rediss:// in ACCESSWATCH_REDIS where it speaks TLS alone",
    ),
}
#: What servers say beside their code, in words that never change.
_SAID: Final = re.compile(
    r"invalid username-password pair or user is disabled|Authentication required"
    r"|No permissions to access a (?:key|channel)|no permissions to access (?:one of the keys|a key)[a-z ]*"
    r"|command not allowed when used memory > 'maxmemory'|can't write against a read only replica"
    r"|Link with MASTER is down and replica-serve-stale-data is set to 'no'|is loading the dataset in memory"
    r"|is busy running a script|unable to persist to disk|Not enough good replicas to write"
    r"|(?:The cluster is|Hash slot not served)[a-z ]*|DB index is out of range|max number of clients reached"
    r"|SELECT is not allowed in cluster mode|running in protected mode"
)
#: A command that our user may not run, or that the server does not know; it is one of ours.
_FORBIDDEN: Final = re.compile(r"no permissions to run the '([A-Za-z|]+)' command")
_UNKNOWN: Final = re.compile(r"(?i)unknown (?:sub)?command '?([A-Za-z|]+)?")
_CODE: Final = re.compile(r"[A-Z]{2,20}\b")
_ERRNO: Final = re.compile(r"Errno (\d+)")


def why(error: BaseException) -> str:
    """Return what is in the way as a sentence without its full stop; never a key, an argument or a secret."""
    chain = list(_causes(error))
    for one in chain:
        if (found := _tls(one) or _refused(one)) is not None:
            return found
    return f"Redis does not answer ({next(filter(None, map(_network, chain)), 'no reason is given')})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, and what it came of."""
    one: BaseException | None = error
    for _ in range(CAUSES_MAX):
        if one is None:
            return
        yield one
        one = one.__cause__ or one.__context__


def _tls(error: BaseException) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            "Redis shows a certificate that is not believed: name the CA that vouches for it, and for its name, "
            "in ACCESSWATCH_REDIS_CA_FILE"
        )
    if isinstance(error, ssl.SSLError):
        return (
            "Redis and we do not come together over TLS: write redis:// in ACCESSWATCH_REDIS where it speaks none, "
            "and see that it believes ACCESSWATCH_REDIS_CERT_FILE where it asks for a certificate"
        )
    return None


def _refused(error: BaseException) -> str | None:
    """Return what the server said no to, or None where it did not."""
    text = str(error)
    if forbidden := _FORBIDDEN.search(text):
        return f"Redis does not let our user run {forbidden[1]} (NOPERM): {_RIGHTS}"
    if unknown := _UNKNOWN.search(text):
        return (
            f"Redis does not know the command {unknown[1] or 'of a script'}: it is too old, or the command was renamed"
        )
    code = code_of(error)
    what, do = _CODES.get(code) or next((said for words, said in _WORDS.items() if re.search(words, text)), ("", ""))
    if not what:
        if isinstance(error, AuthenticationError):
            return "Redis refuses our user name or password"
        return f"Redis refuses what it was asked ({code})" if code else None
    if not do:
        return what
    said = _SAID.search(text)
    reason = " ".join(part for part in (code if code in _CODES else "", said[0] if said else "") if part)
    return f"{what} ({reason}): {do}" if reason else f"{what}: {do}"


def code_of(error: BaseException) -> str:
    """Return the code that a server's error begins with, such as ``NOPERM``; nothing where it is no server's."""
    code = getattr(error, "status_code", None)
    if code is None and isinstance(error, ResponseError):
        found = _CODE.match(str(error))
        code = found[0] if found else "ERR"
    return str(code or "")


def _network(error: BaseException) -> str | None:
    """Return why nothing came back."""
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, (TimeoutError, RedisTimeoutError)):
        return "nothing came in time"
    number = error.errno if isinstance(error, OSError) else None
    if number is None and (found := _ERRNO.search(str(error))):
        number = int(found[1])
    return os.strerror(number).lower() if number else None
