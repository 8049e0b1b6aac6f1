"""Errors in sentences: what a user is told (``UserError``, ``CommandError``), and why anything else failed (``why``).

``why(error)`` is a clause that stands behind a colon, in a log event, in ``/readyz``, in what a command says: what the
other side said, and what to do where that is known. It never holds a value of a record, an id or a secret: texts of
libraries may quote them, so they are read for what they mean and passed on only where they cannot.

This module knows the system's errors. Whoever knows a client adds the errors of it: ``alerts/store/database.py``,
and ``agents/connection_errors.py`` for Kafka, Redis, HTTP and SMTP. An error of ours carries a
sentence of ours, which is passed on. What nobody knows is named by its class and its place: a fault of ours to mend.
"""

import gzip
import html
import json
import re
import socket
import ssl
import traceback
import zlib
from collections.abc import Collection
from functools import singledispatch
from pathlib import Path
from typing import Final


class UserError(Exception):
    """Something that a user can put right, in one plain sentence or in one for each mistake: ``sentences``."""

    def __init__(self, said: str | list[str] = "") -> None:
        self.sentences = said if isinstance(said, list) else [said]
        super().__init__(" ".join(self.sentences))


class CommandError(UserError):
    """A command could not do what it was asked for; the message is one sentence that says what to do."""


#: Characters of another side's own words that are passed on.
WORDS_CHARACTERS_MAX: Final = 300
#: Errors inside a group, or causes of an error, that are looked through.
_CAUSES_MAX: Final = 10
#: Of an answer so much is looked at.
_LOOKED_AT_CHARACTERS_MAX: Final = 4_096
#: What we sent and is no shorter is taken out of an answer wherever it stands; a shorter one only as a word.
_PART_CHARACTERS_MIN: Final = 8
REMOVED: Final = "[...]"
#: What may name a person, or let somebody in, whoever wrote it: addresses, alerts, long numbers, tokens.
_NAMING: Final = re.compile(
    # Each begins only where a word does: an answer of one endless word is read once.
    r"""(?<![\w.+'-])[\w.+'-]+@[\w.-]+               # an e-mail address
    | (?<![a-z0-9+.-])[a-z][a-z0-9+.-]*://[^\s"'<>]+  # any URL
    | \bal-[a-z2-7]{20}\b[\w.-]*                     # an alert, a message about it
    | \b\d{6,}\b
    | (?<![\w+/=-])(?=[\w+/=-]*\d)[\w+/=-]{20,}      # a token, a request's id
    """,
    re.VERBOSE | re.IGNORECASE,
)
_OURS: Final = frozenset({"enrichment", "alerts", "cases", "agents", "stream", "sandbox", "console", "simulator"})

#: What OpenSSL calls a handshake that fails, and what it means here; the first that fits.
_TLS: Final = (
    ("WRONG_VERSION_NUMBER", "it does not speak TLS there"),
    ("HTTP_REQUEST", "it does not speak TLS there"),
    ("UNKNOWN_CA", "it does not believe our certificate"),
    ("CERTIFICATE_REQUIRED", "it asks for a certificate of ours"),
    ("BAD_CERTIFICATE", "it does not take our certificate"),
    ("CERTIFICATE_EXPIRED", "our certificate has ended"),
    ("HANDSHAKE_FAILURE", "it and we have no TLS version, cipher or certificate in common"),
    ("PROTOCOL_VERSION", "it and we have no TLS version in common"),
    ("UNSUPPORTED_PROTOCOL", "it and we have no TLS version in common"),
    ("EOF", "it ended the connection during the TLS handshake"),
)


def why(error: BaseException) -> str:
    """Return why something failed, as a clause without a full stop."""
    # Whatever else an error of ours is, to a client that tries again perhaps, its own sentence says it best.
    if type(error).__module__.partition(".")[0] in _OURS and str(error):
        return str(error).removesuffix(".")
    return _of_client(error)


@singledispatch
def _of_client(error: BaseException) -> str:
    return f"an error that accesswatch does not expect ({place_of(error)}): please report it"


#: For each class of a client's errors what it means; the nearest one counts.
register: Final = _of_client.register


def place_of(error: BaseException) -> str:
    """Return an error's class and where it was raised; its text may quote a value."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    name = type(error).__name__
    if not frames:
        return name
    return f"{name} in {frames[-1].name}, {'/'.join(Path(frames[-1].filename).parts[-2:])}:{frames[-1].lineno}"


def in_one_line(text: str, characters_max: int = WORDS_CHARACTERS_MAX) -> str:
    """Return a text in one line, without control characters and no longer than that."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= characters_max else f"{line[: characters_max - 3]}..."


def their_words(text: str, hidden: Collection[str] = ()) -> str:
    """Return what another side answered, fit to be kept: one line, without addresses, ids and tokens.

    Args:
        text: the answer: plain, JSON or HTML.
        hidden: what we sent. An answer may quote it, and then it says nothing new and may name somebody.
    """
    text = _plain(text[:_LOOKED_AT_CHARACTERS_MAX])
    for one in sorted(hidden, key=len, reverse=True):
        if part := one.strip():
            pattern = re.escape(part)
            if len(part) < _PART_CHARACTERS_MIN:
                pattern = rf"(?<![\w-]){pattern}(?![\w-])"
            text = re.sub(pattern, REMOVED, text, flags=re.IGNORECASE)
    return in_one_line(_NAMING.sub(REMOVED, text))


def _plain(text: str) -> str:
    """Return a text without what could hide an id in it: escapes of JSON, tags and entities of HTML."""
    if text.lstrip().startswith("<"):
        return html.unescape(re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>", " ", text))
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        # Not JSON, or cut off; what looks like an escape of it is read all the same.
        return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)


def cause_of(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """Return what an error came from, of this kind, or None."""
    found: BaseException | None = error
    for _ in range(_CAUSES_MAX):
        if found is None or isinstance(found, kind):
            break
        found = found.__cause__ or found.__context__
    return found if isinstance(found, kind) else None


@register
def _(error: BaseExceptionGroup) -> str:
    first, *others = error.exceptions
    return f"{why(first)} (and {len(others)} more)" if others else why(first)


@register
def _(error: OSError) -> str:
    # asyncio writes the address behind what the system says; where several were tried it says nothing else.
    said = (error.strerror or "").partition("(")[0].strip()
    return in_one_line(said).lower() if said else "the connection cannot be made"


@register
def _(_error: ConnectionRefusedError) -> str:
    return "connection refused"


@register(ConnectionResetError)
@register(ConnectionAbortedError)
@register(BrokenPipeError)
@register(EOFError)
def _(_error: BaseException) -> str:
    return "the connection broke off"


@register
def _(_error: TimeoutError) -> str:
    return "it did not answer in time"


@register
def _(error: socket.gaierror) -> str:
    return f"its name cannot be resolved ({in_one_line(error.strerror or 'no answer').lower()})"


@register
def _(error: ssl.SSLCertVerificationError) -> str:
    return (
        f"its certificate is not believed: {in_one_line(getattr(error, 'verify_message', None) or 'no reason given')}"
    )


@register
def _(error: ssl.SSLError) -> str:
    # Not all of them are OpenSSL's.
    reason = getattr(error, "reason", None) or "no reason given"
    known = (meaning for word, meaning in _TLS if word in reason.upper())
    return next(known, f"TLS does not come about ({in_one_line(reason).lower()})")


@register
def _(error: UnicodeDecodeError) -> str:
    return f"it is not UTF-8 (byte {error.start + 1})"


@register(zlib.error)
@register(gzip.BadGzipFile)
def _(_error: BaseException) -> str:
    return "it is not whole: it cannot be unpacked"
