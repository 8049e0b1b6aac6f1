"""E-mail, one message per attempt, over a connection of its own.

A refused password or a missing STARTTLS is tried again: somebody has to mend the server or the
settings, and the message can wait for that. What the server refuses for good (5xx to the sender, to all
recipients or to the message) is parked. When some recipients are put off (4xx), the message is sent again to
all, with the same ``Message-ID``; when some are refused for good, it counts as sent and says how many.
"""

import asyncio
import contextlib
import socket
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Final

import aiosmtplib
from aiosmtplib import errors
from pydantic import SecretStr

from alerts.delivery.attempts import Again, Attempt, Refused, Sent
from alerts.delivery.channel_settings import SmtpChannel
from alerts.delivery.messages import Message
from alerts.delivery.plain import html, text

_FOR_GOOD: Final = 500
#: After the server accepted the message nothing matters any more; do not wait long to say goodbye.
_QUIT_SECONDS: Final = 1.0
#: Macrons travel encoded: not every relay on the way takes 8-bit text.
_POLICY: Final = SMTP_POLICY.clone(cte_type="7bit")


class SmtpSender:
    """Sends through one SMTP server."""

    def __init__(self, channel: SmtpChannel, password: SecretStr | None) -> None:
        self._channel = channel
        self._password = password
        plain = channel.security == "none"
        self._tls = None if plain else ssl.create_default_context(cafile=channel.ca_file)

    async def send(self, message: Message, _now: datetime) -> Attempt:
        """Try once, for at most the channel's ``timeout_seconds``."""
        client = self._client()
        try:
            async with asyncio.timeout(self._channel.timeout_seconds):
                await client.connect()
                refused, _ = await client.send_message(mail(self._channel, message))
        except (errors.SMTPException, OSError) as error:
            return _failed(error)
        else:
            if any(response.code < _FOR_GOOD for response in refused.values()):
                return Again("RecipientsDeferred")
            with contextlib.suppress(errors.SMTPException, OSError):
                async with asyncio.timeout(_QUIT_SECONDS):
                    await client.quit()
            return Sent(refused=len(refused))
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        channel = self._channel
        return aiosmtplib.SMTP(
            hostname=channel.host,
            port=channel.port,
            username=channel.username,
            password=self._password.get_secret_value() if self._password else None,
            local_hostname=socket.gethostname(),
            timeout=channel.timeout_seconds,
            use_tls=channel.security == "tls",
            start_tls=channel.security == "starttls",
            tls_context=self._tls,
        )


def mail(channel: SmtpChannel, message: Message) -> EmailMessage:
    """Write the e-mail: text and HTML, one thread per alert by ``Message-ID`` and ``References``."""
    domain = channel.sender.rpartition("@")[2]
    letter = EmailMessage(policy=_POLICY)
    letter["From"] = channel.sender
    letter["To"] = ", ".join(channel.recipients)
    letter["Subject"] = message.subject
    letter["Date"] = format_datetime(message.at)
    letter["Message-ID"] = f"<{message.key}@{domain}>"
    if message.thread_key != message.key:
        letter["In-Reply-To"] = letter["References"] = f"<{message.thread_key}@{domain}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(text(message))
    letter.add_alternative(html(message), subtype="html")
    return letter


def _failed(error: errors.SMTPException | OSError) -> Attempt:
    name = type(error).__name__
    if isinstance(error, errors.SMTPRecipientsRefused):
        codes = [refusal.code for refusal in error.recipients]
        return Refused(name) if all(code >= _FOR_GOOD for code in codes) else Again(name)
    if isinstance(error, errors.SMTPSenderRefused | errors.SMTPDataError) and error.code >= _FOR_GOOD:
        return Refused(f"{name} {error.code}")
    if isinstance(error, errors.SMTPResponseException):
        return Again(f"{name} {error.code}")
    return Again(name)
