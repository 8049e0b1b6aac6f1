"""What comes out of the demo: assessments and alerts from their topics, e-mails and webhooks on this machine."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from email import message_from_bytes
from email.policy import default
from html import escape
from typing import Any

import orjson
from aiohttp import web
from aiosmtpd.smtp import SMTP

from sandbox.demo.scoreboard import Mail, Progress
from sandbox.demo.screen import alert_line
from stream.connections import aiokafka_options
from stream.reading import follow
from stream.settings import Settings
from stream.topics import ALERT, ASSESSMENT

HOST = "127.0.0.1"
#: The newest e-mails that are kept; the others are counted only.
MAILS_MAX = 500
#: No e-mail of ours is longer.
MAIL_BYTES_MAX = 1024 * 1024

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>accesswatch demo: e-mails</title>
<style>body{{font:15px/1.5 sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}}pre{{white-space:pre-wrap}}
section{{border-top:1px solid #bbb}}</style><h1>E-mails received: {count}</h1>{mails}</html>"""
_MAIL = "<section><h2>{subject}</h2><p>{received} · from {sender} · to {recipients}</p><pre>{text}</pre></section>"


@asynccontextmanager
async def mail_sink(progress: Progress) -> AsyncIterator[int]:
    """Take e-mails on a free port, which is given, for as long as the block runs."""
    loop = asyncio.get_running_loop()
    handler = _Handler(progress)

    def connection() -> asyncio.Protocol:
        protocol: asyncio.Protocol = SMTP(handler, data_size_limit=MAIL_BYTES_MAX, enable_SMTPUTF8=True, loop=loop)
        return protocol

    server = await loop.create_server(connection, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@asynccontextmanager
async def pages(progress: Progress) -> AsyncIterator[str]:
    """Show the e-mails and take webhooks for as long as the block runs; give the address, with its last slash."""

    async def show(_request: web.Request) -> web.Response:
        return web.Response(text=mails_page(progress), content_type="text/html")

    async def take(request: web.Request) -> web.Response:
        await request.read()
        progress.webhooks_received += 1
        return web.Response(status=204)

    app = web.Application(client_max_size=MAIL_BYTES_MAX)
    app.add_routes([web.get("/", show), web.post("/webhook", take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, 0, shutdown_timeout=1)
        await site.start()
        yield f"http://{HOST}:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def mails_page(progress: Progress) -> str:
    """Write the page of the e-mails, the newest first; nothing of them is taken as HTML."""
    mails = "".join(
        _MAIL.format(
            subject=escape(mail.subject),
            received=escape(mail.received),
            sender=escape(mail.sender),
            recipients=escape(mail.recipients),
            text=escape(mail.text),
        )
        for mail in progress.mails
    )
    return _PAGE.format(count=progress.mails_received, mails=mails)


class _Handler:
    """What aiosmtpd asks for each e-mail."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        progress = self._progress
        progress.mails_received += 1
        mail = read_mail(progress.mails_received, f"{datetime.now().astimezone():%H:%M:%S}", envelope.original_content)
        progress.mails = (mail, *progress.mails)[:MAILS_MAX]
        return "250 taken"


def read_mail(number: int, received: str, content: bytes) -> Mail:
    """Read an e-mail as it came."""
    message = message_from_bytes(content, policy=default)
    body = message.get_body(("plain",))
    text = body.get_content() if body is not None else ""
    return Mail(number, received, str(message["From"]), str(message["To"]), str(message["Subject"]), text)


async def watch_assessments(settings: Settings, progress: Progress) -> None:
    """Count assessments until cancelled."""
    await _read(settings, ASSESSMENT, progress.scoreboard.assess)


async def watch_alerts(settings: Settings, progress: Progress) -> None:
    """Count alerts until cancelled, and say each new one."""

    def take(alert: dict[str, Any]) -> None:
        seen = progress.scoreboard.alert(alert, arrived=time.time_ns() // 1_000_000)
        if seen is not None:
            if progress.first_alert_seconds is None:
                progress.first_alert_seconds = progress.elapsed()
            progress.say(alert_line(seen))

    await _read(settings, ALERT, take)


async def _read(settings: Settings, name: str, take: Callable[[dict[str, Any]], object]) -> None:
    """Hand every record of a topic to *take*."""
    async for records in follow(aiokafka_options(settings), settings.topic(name)):
        for record in records:
            if record.value is not None:
                take(orjson.loads(record.value))
