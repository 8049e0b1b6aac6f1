"""Why something failed: every client's errors in words, without a class's name, an id, a secret or a value."""

import ast
import asyncio
import gzip
import socket
import sqlite3
import ssl
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import aiokafka.errors
import aiosmtplib
import kafka.errors
import psycopg
import pytest
import redis.exceptions
import sqlalchemy.exc

from agents.connection_errors import why
from alerts.store.database import StoreError
from enrichment.errors import REMOVED, their_words
from stream.logs import PACKAGES

ROOT = Path(__file__).parents[3]
#: Stands in what an error says, and in nothing that is passed on.
PLANTED = "zqv-4711"

#: Where a class's name is meant, and how often it stands there.
NAMES_OF_CLASSES = {
    "enrichment/errors.py": 1,  # the one place
    "enrichment/reference/layout.py": 1,  # a class of records, to whoever programs
    "agents/reference.py": 1,  # a dead letter's header has it: the contract
    "agents/adapt.py": 3,  # the same, and the place in our code where mapping failed
    "agents/screen.py": 4,  # the same, and the place in our code where judging failed
    "stream/logs.py": 1,  # the field `errors`: classes and places, as in a traceback
}


def names_of_classes() -> Iterator[str]:
    """Find each ``type(x).__name__`` and ``x.__class__.__name__`` in our code."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Attribute) and node.attr in {"__name__", "__qualname__"}:
                    of = ast.unparse(node.value)
                    if of.startswith("type(") or of.endswith(".__class__"):
                        yield str(file.relative_to(ROOT))


def test_no_error_is_said_by_the_name_of_its_class() -> None:
    """``why(error)`` is there instead: it knows what the other side meant."""
    found = Counter(names_of_classes())
    assert {file: count for file, count in found.items() if count > NAMES_OF_CLASSES.get(file, 0)} == {}


def all_of(*families: type[BaseException]) -> list[Any]:
    """Every class of some families."""
    found = [*families]
    for one in found:
        found += [sub for sub in one.__subclasses__() if sub not in found]
    return [pytest.param(one, id=f"{one.__module__}.{one.__qualname__}") for one in found]


QUOTING = all_of(
    aiokafka.errors.KafkaError, kafka.errors.KafkaError, redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError
)
CONNECTING = [
    one
    for one in all_of(aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, aiosmtplib.SMTPException, OSError)
    if str(one.id).partition(".")[0] in {"aiohttp", "aiosmtplib", "builtins", "ssl", "socket"}
]


def an_error(kind: type[BaseException]) -> BaseException:
    """An error of a class, as it stands when nobody has filled it in but with a text that quotes."""
    error = kind.__new__(kind)
    error.args = (f"ERR {PLANTED}", PLANTED)
    for name in ("code", "status"):
        setattr(error, name, 500)
    for name in ("hostname", "strerror", "filename"):
        setattr(error, name, None)
    if not hasattr(error, "message") or isinstance(error, aiosmtplib.SMTPException):
        error.message = "said so"  # type: ignore[attr-defined]
    error.__dict__.setdefault("orig", None)
    error.__dict__.setdefault("recipients", [])
    return error


@pytest.mark.parametrize("kind", QUOTING)
def test_a_clients_error_quotes_nothing(kind: type[BaseException]) -> None:
    """Kafka's, Redis's and SQLAlchemy's texts name keys, members, statements: none of them is passed on."""
    said = why(an_error(kind))
    assert said
    assert PLANTED not in said
    assert "\n" not in said


@pytest.mark.parametrize("kind", CONNECTING)
def test_a_network_error_is_said_in_words(kind: type[BaseException]) -> None:
    """Whatever its class is called."""
    error = an_error(kind)
    if isinstance(error, aiohttp.ClientConnectorError):
        error._os_error = ConnectionRefusedError(111, "x")
        error._conn_key = type("Key", (), {"host": "h", "port": 1, "ssl": True, "is_ssl": True})()
        error._certificate_error = ConnectionRefusedError(111, "x")  # type: ignore[attr-defined]
    said = why(error)
    assert kind.__name__ not in said
    assert "does not expect" not in said


class OurLost(ConnectionError):  # noqa: N818 it names a state
    """An error of ours that is one of the system's too, so that a client tries again."""

    __module__ = "stream.lost"


CLOCKS = (
    "it says INVALID_TIMESTAMP: the records' timestamps are too far from its clock: "
    "set the clock of this machine, or of it"
)
RIGHTS = (
    "it says TOPIC_AUTHORIZATION_FAILED: our user lacks a right on the topic: `accesswatch topics rights` lists them"
)
SAID: list[Any] = [
    (ConnectionRefusedError(111, "x"), "connection refused"),
    (ConnectionResetError(104, "x"), "the connection broke off"),
    (asyncio.IncompleteReadError(b"", 3), "the connection broke off"),
    (TimeoutError(), "it did not answer in time"),
    (OSError(28, "No space left on device"), "no space left on device"),
    (OSError("Multiple exceptions: [Errno 111] ..."), "the connection cannot be made"),
    (OSError(111, "Connect call failed ('127.0.0.1', 1)"), "connection refused"),
    (socket.gaierror(-2, "Name or service not known"), "its name cannot be resolved (name or service not known)"),
    (PermissionError(13, "Permission denied", f"/run/{PLANTED}"), "permission denied"),
    (UnicodeDecodeError("utf-8", PLANTED.encode(), 3, 4, "x"), "it is not UTF-8 (byte 4)"),
    (zlib.error(PLANTED), "it is not whole: it cannot be unpacked"),
    (gzip.BadGzipFile(PLANTED), "it is not whole: it cannot be unpacked"),
    (StoreError("The store sleeps."), "The store sleeps"),
    (OurLost("The token of ours is lost."), "The token of ours is lost"),
    (ExceptionGroup("x", [TimeoutError(), ValueError(PLANTED)]), "it did not answer in time (and 1 more)"),
    (sqlite3.OperationalError("database is locked"), "database is locked"),
    (sqlalchemy.exc.TimeoutError(PLANTED), "all of our connections to it are in use"),
    (redis.exceptions.ResponseError(f"WRONGTYPE {PLANTED}"), "Redis refuses what it was asked (WRONGTYPE)"),
    (redis.exceptions.AuthenticationError(PLANTED), "Redis refuses our user name or password"),
    (aiokafka.errors.InvalidTimestampError(PLANTED), CLOCKS),
    (kafka.errors.TopicAuthorizationFailedError(PLANTED), RIGHTS),
    (aiokafka.errors.KafkaConnectionError(PLANTED), "the connection broke off, or cannot be made"),
    (aiohttp.ServerDisconnectedError(), "it ended the connection without an answer"),
    (aiohttp.ClientOSError(104, "Connection reset by peer"), "the connection broke off"),
    (aiosmtplib.SMTPServerDisconnected("x"), "it ended the connection without an answer"),
    (aiosmtplib.SMTPDataError(554, "5.7.1 <a@b.example> denied"), f"554: 5.7.1 <{REMOVED}> denied"),
    (
        aiosmtplib.SMTPException("SMTP STARTTLS extension not supported by server."),
        "it offers no STARTTLS, which `security: starttls` needs; use `tls` where it is encrypted from the start",
    ),
    (psycopg.OperationalError("connection failed: FATAL:  the server is away"), "the server is away"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "said"), SAID)
def test_what_an_error_means(error: BaseException, said: str) -> None:
    """Each row: an error as its client makes it, and what a person reads."""
    assert why(error) == said


TLS = [
    ("CERTIFICATE_VERIFY_FAILED", "certificate_verify_failed"), ("WRONG_VERSION_NUMBER", "it does not speak TLS there"),
    ("TLSV1_ALERT_UNKNOWN_CA", "it does not believe our certificate"),
    ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "it asks for a certificate of ours"),
    ("UNEXPECTED_EOF_WHILE_READING", "it ended the connection during the TLS handshake"),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "said"), TLS)
def test_what_openssl_means(reason: str, said: str) -> None:
    """Its names of reasons, in words."""
    error = ssl.SSLError(1, f"[SSL: {reason}] {PLANTED}")
    error.reason = reason
    assert said in why(error)
    assert PLANTED not in why(error)


def test_what_nobody_expects_is_named_by_its_place() -> None:
    """A fault of ours: the class, the function, the file and the line, and not what it says."""
    nothing: dict[str, str] = {}
    try:
        nothing[PLANTED]
    except KeyError as error:
        said = why(error)
    assert PLANTED not in said
    assert "KeyError in test_what_nobody_expects_is_named_by_its_place, enrichment/test_errors.py:" in said


WORDS = [
    ("channel_is_archived", "channel_is_archived"),
    ("AADSTS7000215: Invalid client secret provided.", "AADSTS7000215: Invalid client secret provided."),
    ("5.7.1 <bob.o'neil+x@mail.example.nz>: no", f"5.7.1 <{REMOVED}>: no"),
    ("see postgres://u:p@h/db now", f"see {REMOVED} now"),
    ("al-abcdefghijklmnopqrst.3.hook is unknown", f"{REMOVED} is unknown"),
    ("request 7f3c9d52aa8b4e0c9d1f in 30 ms", f"request {REMOVED} in 30 ms"),
    ("call 021123456", f"call {REMOVED}"),
    ('{"error": "\\u0041roha"}', '{"error": "[...]"}'),
    ("\\u0041roha is cut off in {", "[...] is cut off in {"),
    ("<p>&#65;roha</p>", "[...]"),
    ("aroha, AROHA; Arohanui", f"{REMOVED}, {REMOVED}; Arohanui"),
    ("one\x00\x1b[2J\u202etwo\r\nthree", "one [2J two three"),
]


@pytest.mark.parametrize(("text", "kept"), WORDS)
def test_what_is_kept_of_another_sides_words(text: str, kept: str) -> None:
    """Each row: an answer, and what is left of it where we had sent the name Aroha."""
    assert their_words(text, ["Aroha"]) == kept
