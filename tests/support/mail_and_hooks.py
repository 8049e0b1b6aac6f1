"""Real servers for the tests of delivery: an SMTP server and an HTTP endpoint that do as they are told."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

GOLDEN = Path(__file__).parents[1] / "golden" / "delivery"
#: What a receiver says that quotes what it was sent.
QUOTING = "refused by policy seven:"
#: Of an SMTP server's answer, in one line.
_REPLY_CHARACTERS_MAX = 450
USER, PASSWORD = "accesswatch", "correct horse"


@dataclass
class Mailbox:
    """What an SMTP server received, and what it answers: to each recipient, to the message, and how late."""

    letters: list[EmailMessage] = field(default_factory=list)
    #: The same letters byte for byte.
    raw: list[bytes] = field(default_factory=list)
    to_recipient: dict[str, str] = field(default_factory=dict)
    to_message: str = "250 OK"
    wait_seconds: float = 0
    #: Refuse everything, and quote it.
    echo: bool = False
    quoted: list[str] = field(default_factory=list)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 aiosmtpd's name
        """Take a recipient, or answer as told."""
        answer = self.to_recipient.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 aiosmtpd's name
        """Take a letter, or answer as told."""
        await asyncio.sleep(self.wait_seconds)
        if self.echo:
            letter = message_from_bytes(envelope.content, policy=default)
            parts = [part.get_content() for part in letter.walk() if part.get_content_type() == "text/plain"]
            self.quoted.append(" ".join([QUOTING, letter["Subject"], letter["Message-ID"], letter["To"], *parts]))
            return f"554 {' '.join(self.quoted[-1].split())[:_REPLY_CHARACTERS_MAX]}"
        if self.to_message.startswith("250"):
            letter = message_from_bytes(envelope.content, policy=default)
            assert isinstance(letter, EmailMessage)
            self.letters.append(letter)
            self.raw.append(envelope.content)
        return self.to_message


@asynccontextmanager
async def smtp_server(
    mailbox: Mailbox, *, secure: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serve a mailbox and give its port; secure: STARTTLS and a password, or nothing is taken; tls: from the start."""
    options: dict[str, Any] = {}
    if secure:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(GOLDEN / "localhost-server.pem")
        options = {
            "tls_context": context,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": _authenticate,
        }
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(mailbox, **options), "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    given = (data.login, data.password) if isinstance(data, LoginPassword) else None
    return AuthResult(success=given == (USER.encode(), PASSWORD.encode()), handled=False)


@dataclass
class Hook:
    """What an endpoint received, and the answers that it gives in turn; the last one stays."""

    answers: list[web.Response]
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    #: Refuse everything, and quote it.
    echo: bool = False
    quoted: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Keep the request and answer as told."""
        self.requests.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        if self.echo:
            headers, body = self.requests[-1]
            self.quoted.append(f"{QUOTING} {request.url} {' '.join(headers.values())} {body.decode()}")
            return web.Response(status=400, text=self.quoted[-1])
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


@asynccontextmanager
async def http_server(hook: Hook, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve an endpoint and give its address; tls: over HTTPS."""
    app = web.Application()
    app.router.add_post("/hook", hook.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"{'https' if tls else 'http'}://{host}:{port}/hook"
    finally:
        await runner.cleanup()


async def until(happened: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something happened; fail after a time that no working machine needs."""
    async with asyncio.timeout(seconds):
        while not happened():  # noqa: ASYNC110 what is waited for may happen in a thread or a server
            await asyncio.sleep(0.01)
