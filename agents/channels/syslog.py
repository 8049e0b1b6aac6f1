"""CEF over syslog: a connection for each message, its frame counted in octets (RFC 6587, RFC 5425).

Syslog has no answer. A message counts as sent when it is written and the connection was closed in good order, which
over TLS the server confirms; what a server loses after that is not seen. Where none may be lost, take the OCSF feed.
"""

import asyncio
import socket
import ssl
from datetime import datetime
from typing import Final

from alerts.delivery.attempts import Again, Attempt, Sent
from alerts.delivery.cef import syslog
from alerts.delivery.channel_settings import SyslogChannel
from alerts.delivery.messages import Message

#: Not every server confirms the end of a TLS connection; do not wait long for it.
_GOODBYE_SECONDS: Final = 2.0


class SyslogSender:
    """Sends to one syslog server."""

    def __init__(self, channel: SyslogChannel) -> None:
        self._channel = channel
        self._hostname = socket.gethostname()
        self._tls: ssl.SSLContext | None = None
        if channel.security == "tls":
            self._tls = ssl.create_default_context(cafile=channel.ca_file)
            if channel.certificate_file is not None:
                self._tls.load_cert_chain(channel.certificate_file, channel.key_file)

    async def send(self, message: Message, _now: datetime) -> Attempt:
        """Try once, for at most the channel's ``timeout_seconds``."""
        frame = framed(syslog(message, self._hostname, self._channel.facility))
        try:
            async with asyncio.timeout(self._channel.timeout_seconds):
                await self._deliver(frame)
        except OSError as error:  # a TimeoutError and an SSLError are ones too
            return Again(type(error).__name__)
        return Sent()

    async def _deliver(self, frame: bytes) -> None:
        shutdown = _GOODBYE_SECONDS if self._tls is not None else None
        _, writer = await asyncio.open_connection(
            self._channel.host, self._channel.port, ssl=self._tls, ssl_shutdown_timeout=shutdown
        )
        try:
            writer.write(frame)
            await writer.drain()
        finally:
            writer.close()
        try:
            await writer.wait_closed()
        except TimeoutError:
            return  # the server does not confirm the end


def framed(message: bytes) -> bytes:
    """Put the message's length before it."""
    return str(len(message)).encode() + b" " + message
