"""Where notifications arrive: a webhook and a mail server at fixed ports, that can go away and come back."""

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from aiosmtpd.smtp import SMTP

from tests.faults.ports import quiet_port

#: The two channels, by the names that they have in the delivery file.
HOOK, MAIL = "hook", "mail"


@dataclass(slots=True)
class Receivers:
    """Both of them; what they accepted stands in ``accepted``, in order: (channel, id of the message)."""

    hook_port: int = field(default_factory=quiet_port)
    mail_port: int = field(default_factory=quiet_port)
    accepted: list[tuple[str, str]] = field(default_factory=list)
    #: How long the webhook thinks after it has accepted and before it says so.
    hook_seconds: float = 0.0
    _hook: web.AppRunner | None = None
    _mail: asyncio.Server | None = None
    #: The conversations begun since the mail server listens; closing it in Python 3.11 leaves them open.
    _conversations: list[SMTP] = field(default_factory=list)

    def write_delivery(self, directory: Path) -> Path:
        """Write the delivery file that names both."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "secret").write_text("whsec_" + base64.b64encode(b"k" * 32).decode())
        channels: Mapping[str, Any] = {
            HOOK: {
                "kind": "webhook", "url": f"http://127.0.0.1:{self.hook_port}/hook",
                "secret_file": "secret", "timeout_seconds": 3,
            },
            MAIL: {
                "kind": "smtp", "host": "127.0.0.1", "port": self.mail_port, "security": "none",
                "sender": "accesswatch@agency.example", "recipients": ["duty@agency.example"], "timeout_seconds": 3,
            },
        }  # fmt: skip
        # Every alert is told: a fault's run is no storm.
        whole = {"name": "all", "channels": [HOOK, MAIL], "storm": {"at_most": 1000, "per": "1s"}}
        routes = [
            {**whole, "independent": True, "conflict_route": "others"},
            {"name": "others", "channels": [MAIL], "only_when_named": True, "conflict_route": "all"},
        ]
        path = directory / "delivery.yaml"
        path.write_text(yaml.safe_dump({"channels": channels, "routes": routes}))
        return path

    async def open_hook(self) -> None:
        """Listen for webhooks."""
        app = web.Application()
        app.router.add_post("/hook", self._take_hook)
        self._hook = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._hook.setup()
        await web.TCPSite(self._hook, "127.0.0.1", self.hook_port, reuse_address=True).start()

    async def close_hook(self) -> None:
        """Go away."""
        if self._hook is not None:
            await self._hook.cleanup()
            self._hook = None

    async def open_mail(self) -> None:
        """Listen for mail."""
        loop = asyncio.get_running_loop()
        self._mail = await loop.create_server(self._converse, "127.0.0.1", self.mail_port)

    async def close_mail(self) -> None:
        """Go away."""
        if self._mail is not None:
            self._mail.close()
            self._mail = None
        while self._conversations:
            transport = self._conversations.pop().transport
            if transport is not None:
                transport.close()

    def _converse(self) -> SMTP:
        self._conversations.append(SMTP(self, hostname="sink"))
        return self._conversations[-1]

    async def _take_hook(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        key = request.headers["Idempotency-Key"]
        assert key == body["id"] == request.headers["webhook-id"]
        self.accepted.append((HOOK, key))
        await asyncio.sleep(self.hook_seconds)
        return web.Response()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 aiosmtpd's name
        """Take a letter."""
        key = str(message_from_bytes(envelope.content)["Message-ID"]).strip("<> ").rpartition("@")[0]
        self.accepted.append((MAIL, key))
        return "250 OK"
