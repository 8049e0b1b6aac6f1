"""E-mail, one message per attempt, over a connection of its own.

We log in with a password, or with a token of OAuth 2.0: by XOAUTH2 where the server offers that, else by OAUTHBEARER
(RFC 7628). A refused password or token or a missing STARTTLS is tried again: somebody has to mend the server or the
settings, and the message can wait for that. What the server refuses for good (5xx to the sender, to all
recipients or to the message) is parked. When some recipients are put off (4xx), the message is sent again to
all, with the same ``Message-ID``; when some are refused for good, it counts as sent and says how many.
"""

import asyncio
import base64
import binascii
import contextlib
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from typing import Any, Final

import aiosmtplib
from aiosmtplib import errors
from pydantic import SecretStr

from alerts.notify.attempts import Again, Attempt, Refused, Sent
from alerts.notify.channels.base import Opened
from alerts.notify.channels.smtp.oauth2 import Client, NoToken, Tokens
from alerts.notify.channels.smtp.settings import MailServer, OAuth2, SmtpChannel
from alerts.notify.https import Endpoint
from alerts.notify.message import Message, html, quotable, text
from enrichment.errors import their_words, why

_FOR_GOOD: Final = 500
#: After the server accepted the message nothing matters any more; do not wait long to say goodbye.
_QUIT_SECONDS: Final = 1.0
#: Different answers to the recipients of one message that are kept.
_ANSWERS_SAID_MAX: Final = 3
#: Macrons travel encoded: not every relay on the way takes 8-bit text.
_POLICY: Final = SMTP_POLICY.clone(cte_type="7bit")


#: Says where a message goes.
Recipients = Callable[[Message], Sequence[str]]


def always_the_same(opened: Opened[SmtpChannel]) -> "SmtpSender":
    """Return what sends everything to a channel's recipients."""
    recipients = opened.channel.recipients
    return SmtpSender(opened, lambda _: recipients)


class SmtpSender:
    """Sends through one SMTP server."""

    def __init__(self, opened: Opened[Any], recipients: Recipients) -> None:
        secret, proxy = opened.secret, opened.proxy
        channel: MailServer = opened.channel
        self._channel = channel
        self._recipients = recipients
        self._password = None if channel.oauth2 is not None else secret
        self._tokens = None if channel.oauth2 is None or secret is None else _tokens(channel, secret, proxy)
        plain = channel.security == "none"
        self._tls = None if plain else ssl.create_default_context(cafile=channel.ca_file)

    async def send(self, message: Message, _now: datetime) -> Attempt:
        """Try once, for at most the channel's ``timeout_seconds``."""
        recipients = self._recipients(message)
        if not recipients:
            return Refused("no address is known for whom the message is for")
        client = self._client()
        try:
            async with asyncio.timeout(self._channel.timeout_seconds):
                await client.connect()
                if self._tokens is not None:
                    await _log_in(client, self._channel.username or "", self._tokens)
                refused, _ = await client.send_message(mail(self._channel, recipients, message))
        except (errors.SMTPException, OSError, NoToken) as error:
            return self._failed(error, message, recipients)
        else:
            put_off = [response for response in refused.values() if response.code < _FOR_GOOD]
            if put_off:
                return Again(self._answer_text([(one.code, one.message) for one in put_off], message, recipients))
            with contextlib.suppress(errors.SMTPException, OSError):
                async with asyncio.timeout(_QUIT_SECONDS):
                    await client.quit()
            return Sent(refused=len(refused))
        finally:
            client.close()

    def _failed(self, error: Exception, message: Message, recipients: Sequence[str]) -> Attempt:
        if isinstance(error, errors.SMTPRecipientsRefused):
            said = self._answer_text([(one.code, one.message) for one in error.recipients], message, recipients)
            return Refused(said) if all(one.code >= _FOR_GOOD for one in error.recipients) else Again(said)
        if isinstance(error, errors.SMTPResponseException):
            said = self._answer_text([(error.code, error.message)], message, recipients)
            for_good = isinstance(error, errors.SMTPSenderRefused | errors.SMTPDataError) and error.code >= _FOR_GOOD
            return Refused(said) if for_good else Again(said)
        return Again(f"{self._channel.host}:{self._channel.port}: {why(error)}")

    def _answer_text(self, answers: list[tuple[int, str]], message: Message, recipients: Sequence[str]) -> str:
        """Return what the server answered, each answer once, without what it quotes."""
        hidden = {*quotable(message), *recipients, self._channel.sender, self._channel.username or ""}
        said = dict.fromkeys(f"{code}: {their_words(words, hidden) or 'without a word'}" for code, words in answers)
        return f"SMTP {'; '.join(list(said)[:_ANSWERS_SAID_MAX])}"

    def _client(self) -> aiosmtplib.SMTP:
        channel = self._channel
        return aiosmtplib.SMTP(
            hostname=channel.host,
            port=channel.port,
            username=None if channel.oauth2 is not None else channel.username,
            password=self._password.get_secret_value() if self._password else None,
            local_hostname=socket.gethostname(),
            timeout=channel.timeout_seconds,
            use_tls=channel.security == "tls",
            start_tls=channel.security == "starttls",
            tls_context=self._tls,
        )


def mail(channel: MailServer, recipients: Sequence[str], message: Message) -> EmailMessage:
    """Write the e-mail: text and HTML, one thread per alert by ``Message-ID`` and ``References``."""
    domain = channel.sender.rpartition("@")[2]
    letter = EmailMessage(policy=_POLICY)
    letter["From"] = channel.sender
    letter["To"] = ", ".join(recipients)
    letter["Subject"] = message.subject
    letter["Date"] = format_datetime(message.at)
    letter["Message-ID"] = f"<{message.key}@{domain}>"
    if message.thread_key != message.key:
        letter["In-Reply-To"] = letter["References"] = f"<{message.thread_key}@{domain}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter.set_content(text(message))
    letter.add_alternative(html(message), subtype="html")
    return letter


def _tokens(channel: MailServer, secret: SecretStr, proxy: SecretStr | None) -> Tokens:
    given = channel.oauth2
    if given is None:
        raise ValueError("the channel has no token endpoint")
    # The mail server needs the rest of the time.
    endpoint = Endpoint(given.token_url, given.ca_file, channel.timeout_seconds / 2, proxy)
    return Tokens(endpoint, Client(given.client_id, secret, given.scope, basic=_by_header(given)))


def _by_header(given: OAuth2) -> bool:
    return given.client_authentication == "basic"


async def _log_in(client: aiosmtplib.SMTP, username: str, tokens: Tokens) -> None:
    """Log in with a token.

    Raises:
        NoToken: there is none, or the server takes none.
        errors.SMTPException: the server refuses it.
    """
    await client.ehlo()
    offered = {method.lower() for method in client.server_auth_methods}
    token = await tokens.token()
    if "xoauth2" in offered:
        mechanism, shown, end = b"XOAUTH2", f"user={username}\1auth=Bearer {token}\1\1", b""
    elif "oauthbearer" in offered:
        # RFC 7628: a comma and an equals sign of the name are written as in RFC 5801.
        name = username.replace("=", "=3D").replace(",", "=2C")
        mechanism, shown, end = b"OAUTHBEARER", f"n,a={name},\1auth=Bearer {token}\1\1", base64.b64encode(b"\1")
    else:
        raise NoToken("the server takes no token (neither XOAUTH2 nor OAUTHBEARER)")
    answer = await client.execute_command(b"AUTH", mechanism, base64.b64encode(shown.encode()))
    reason = ""
    if answer.code == aiosmtplib.SMTPStatus.auth_continue:
        # Not a question: what it has against the token, and then its answer.
        with contextlib.suppress(binascii.Error):
            reason = base64.b64decode(answer.message).decode("utf-8", "replace")
        answer = await client.execute_command(end)
    if answer.code != aiosmtplib.SMTPStatus.auth_successful:
        tokens.forget()
        raise errors.SMTPAuthenticationError(answer.code, f"{answer.message} {reason}".strip())
