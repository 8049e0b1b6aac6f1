"""CEF over syslog: a connection for each message, its frame counted in octets (RFC 6587, RFC 5425).

Syslog has no answer. A message counts as sent when we have ended the connection and the server then ended its side in
good order: it has then read all that came before, and had nothing against our certificate. A reset, an alert of TLS or
no end in time means that it is sent again. What the server loses after it has read is not seen here.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from alerts.notify.attempts import Again, Attempt, Sent
from alerts.notify.channels.base import Opened
from alerts.notify.channels.syslog.cef import syslog
from alerts.notify.channels.syslog.settings import SyslogChannel
from alerts.notify.message import Message
from enrichment.errors import why

_READ_BYTES: Final = 65_536


class SyslogSender:
    """Sends to one syslog server."""

    def __init__(self, opened: Opened[SyslogChannel]) -> None:
        channel = self._channel = opened.channel
        self._hostname = socket.gethostname()
        self._tls: ssl.SSLContext | None = None
        if channel.security == "tls":
            self._tls = ssl.create_default_context(cafile=channel.ca_file)
            # rsyslog ends its side without saying so in TLS, which RFC 5425 (4.4) asks for.
            self._tls.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
            if channel.certificate_file is not None:
                self._tls.load_cert_chain(channel.certificate_file, channel.key_file)

    async def send(self, message: Message, _now: datetime) -> Attempt:
        """Try once, for at most the channel's ``timeout_seconds``."""
        frame = framed(syslog(message, self._hostname, self._channel.facility))
        try:
            async with asyncio.timeout(self._channel.timeout_seconds):
                reader, writer = await asyncio.open_connection(self._channel.host, self._channel.port)
                try:
                    await self._deliver(frame, reader, writer)
                finally:
                    writer.transport.abort()
        except OSError as error:  # a TimeoutError and an SSLError are ones too
            return Again(f"{self._channel.host}:{self._channel.port}: {why(error)}")
        return Sent()

    async def _deliver(self, frame: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._tls is not None:
            tls = _Tls(self._tls, self._channel.host, reader, writer)
            await tls.until_done(tls.end.do_handshake)
            await tls.until_done(lambda: tls.end.write(frame))
            await tls.until_ended()
        else:
            writer.write(frame)
            writer.write_eof()
            while await reader.read(_READ_BYTES):
                pass


class _Tls:
    """TLS over a connection. asyncio's own does not wait for what the other side says to our certificate."""

    def __init__(
        self, context: ssl.SSLContext, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader, self._writer = reader, writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.end = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)

    async def until_ended(self) -> None:
        """End our side, and wait until the other side has; raise what it had against us."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.end.unwrap()
        # Not by `unwrap` again: that takes every alert for an end, one against our certificate too.
        with contextlib.suppress(ssl.SSLZeroReturnError):
            await self.until_done(lambda: self.end.read(_READ_BYTES))

    async def until_done(self, step: Callable[[], Any]) -> None:
        """Take a step, and send and read what it needs."""
        done = False
        while not done:
            with contextlib.suppress(ssl.SSLWantReadError):
                step()
                done = True
            self._writer.write(self._outgoing.read())
            await self._writer.drain()
            if not done:
                received = await self._reader.read(_READ_BYTES)
                self._incoming.write(received) if received else self._incoming.write_eof()


def framed(message: bytes) -> bytes:
    """Put the message's length before it."""
    return str(len(message)).encode() + b" " + message
