"""A real server for every kind of channel, behind a CA of the tests' own; what arrives there is kept byte for byte."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import trustme
import yaml
from aiohttp import web

from alerts.notify.attempts import Attempt, Sent
from alerts.notify.channels.base import Publish, Sender
from alerts.notify.config import load, open_senders
from alerts.notify.message import Detail, Message
from alerts.notify.routes import Delivery
from tests.support.mail_and_hooks import PASSWORD, Hook, Mailbox, http_server, smtp_server

KEY = b"only for these tests: 32 bytes!!"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
#: Those that are posted to.
POSTED = ("webhook", "slack", "teams", "pagerduty")


class Trust:
    """A CA, its certificate in a file, and what servers and clients show."""

    def __init__(self, directory: Path) -> None:
        self._ca = trustme.CA()
        self._directory = directory
        self.ca_file = directory / "ca.pem"
        self._ca.cert_pem.write_to_path(self.ca_file)

    def server(self, *, asks: bool = False) -> ssl.SSLContext:
        """What a server on this host shows; *asks* refuses clients without a certificate of this CA."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.ca_file)
        self._ca.issue_cert("127.0.0.1", "localhost").configure_cert(context)
        context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
        return context

    def server_files(self) -> tuple[Path, Path]:
        """What a server on this host shows, in files: its certificate and its key."""
        certificate = self._ca.issue_cert("127.0.0.1", "localhost")
        paths = (self._directory / "server.pem", self._directory / "server.key")
        certificate.cert_chain_pems[0].write_to_path(paths[0])
        certificate.private_key_pem.write_to_path(paths[1])
        return paths

    def client(self) -> tuple[Path, Path]:
        """A client's certificate and its key, in files."""
        certificate = self._ca.issue_cert("accesswatch.example")
        paths = (self._directory / "client.pem", self._directory / "client.key")
        certificate.cert_chain_pems[0].write_to_path(paths[0])
        certificate.private_key_pem.write_to_path(paths[1])
        return paths


@dataclass
class Frames:
    """What a syslog server received: the messages inside frames that are counted in octets."""

    messages: list[bytes] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read frames until the client has ended."""
        while (length := await reader.read(1)) != b"":
            length += await reader.readuntil(b" ")
            self.messages.append(await reader.readexactly(int(length)))
        writer.close()


@asynccontextmanager
async def syslog_server(frames: Frames, tls: ssl.SSLContext | None) -> AsyncIterator[int]:
    """Serve syslog and give its port."""
    server = await asyncio.start_server(frames.handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@dataclass
class EveryChannel:
    """A channel of every kind, named as its kind, and what has arrived at its end."""

    delivery: Delivery
    hooks: dict[str, Hook]
    mailbox: Mailbox
    frames: Frames
    findings: list[bytes]
    senders: dict[str, Sender]
    publish: Publish

    async def send(self, name: str, message: Message, now: datetime) -> Attempt:
        """Send one message through one channel."""
        return await self.senders[name].send(message, now)

    def quoted(self, name: str) -> list[str]:
        """Return what a receiver that quotes has answered."""
        return self.mailbox.quoted if name == "smtp" else self.hooks[name].quoted

    def secrets(self, name: str) -> set[str]:
        """Return what a channel must not show: its secret, in the forms in which it is sent."""
        held = self.delivery.secrets.get(name)
        return set() if held is None else {held.get_secret_value()}

    def arrived(self, name: str) -> list[bytes]:
        """Return all that arrived at a channel's end, each message byte for byte, its headers too."""
        match name:
            case "smtp":
                return self.mailbox.raw
            case "ocsf":
                return self.findings
            case "syslog":
                return self.frames.messages
        return [
            "".join(f"{header}: {value}\r\n" for header, value in headers.items()).encode() + b"\r\n" + body
            for headers, body in self.hooks[name].requests
        ]


@asynccontextmanager
async def every_channel(
    directory: Path,
    detail: Detail = "reference",
    *,
    posted: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[EveryChannel]:
    """Serve every kind of channel, over TLS where it has it, and open senders to them from a delivery file.

    *posted* stands in the channels that are posted to, beside what they need.
    """
    trust, findings = Trust(directory), list[bytes]()
    mailbox, frames = Mailbox(), Frames()
    hooks = {name: Hook([web.Response(status=202 if name == "pagerduty" else 200)]) for name in POSTED}

    async def publish(key: bytes, value: bytes) -> Attempt:
        findings.append(key + b"\n" + value)
        return Sent()

    async with AsyncExitStack() as stack:
        urls = {name: await stack.enter_async_context(http_server(hooks[name], trust.server())) for name in POSTED}
        smtp_port = await stack.enter_async_context(smtp_server(mailbox, tls=trust.server()))
        syslog_port = await stack.enter_async_context(syslog_server(frames, trust.server()))
        path = _write(directory, urls, smtp_port, syslog_port, {"detail": detail, "ca_file": "ca.pem"}, posted or {})
        delivery = load(path, {"SMTP_PASSWORD": PASSWORD, **(environment or {})})
        yield EveryChannel(delivery, hooks, mailbox, frames, findings, open_senders(delivery, publish), publish)


def decoded(raw: bytes) -> bytes:
    """Return a letter with its parts decoded behind it; anything else as it is."""
    letter = message_from_bytes(raw, policy=default)
    parts = [part.get_payload(decode=True) for part in letter.walk() if not part.is_multipart()]
    headers = "\n".join(f"{name}: {value}" for name, value in letter.items()).encode()
    return b"\n".join([raw, headers, *(part for part in parts if isinstance(part, bytes))])


def _write(  # noqa: PLR0917 each thing that stands in it
    directory: Path, urls: dict[str, str], smtp: int, syslog: int, common: dict[str, Any], posted: Mapping[str, Any]
) -> Path:
    secrets = {
        "hook-secret": "whsec_" + base64.b64encode(KEY).decode(),
        "slack-url": urls["slack"],
        "teams-url": urls["teams"],
        "routing-key": ROUTING_KEY,
    }
    for name, secret in secrets.items():
        (directory / name).write_text(secret)
    mail = {"sender": "accesswatch@agency.example", "recipients": ["integrity-duty@agency.example"], "security": "tls"}
    channels: dict[str, dict[str, Any]] = {
        "smtp": {"host": "127.0.0.1", "port": smtp, **mail, **common},
        "webhook": {"url": urls["webhook"], "secret_file": "hook-secret", **common},
        "slack": {"url_file": "slack-url", **common},
        "teams": {"url_file": "teams-url", **common},
        "pagerduty": {"url": urls["pagerduty"], "routing_key_file": "routing-key", **common},
        "ocsf": {"detail": common["detail"]},
        "syslog": {"host": "127.0.0.1", "port": syslog, **common},
    }
    for name in POSTED:
        channels[name] |= posted
    path = directory / "delivery.yaml"
    path.write_text(yaml.safe_dump({"channels": {name: {"kind": name, **one} for name, one in channels.items()}}))
    return path
