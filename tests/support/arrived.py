"""The last part of docs/alerts.md: each message as it arrived at a real server of this suite's own.

``python -m tests.support.arrived`` writes it, ``make docs`` with it; a test makes sure that it is what arrives.
"""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import orjson

from alerts.alert import Alert
from alerts.detection.registry import RULES
from alerts.notify.message import Message, Several, Wording, bring_together, message_key, write_due
from tests.support.alert_builders import NOW, an_alert
from tests.support.every_channel import EveryChannel, every_channel

PAGE: Final = Path(__file__).parents[2] / "docs" / "alerts.md"
HEADING: Final = "## The messages as they arrived\n"
_CONSOLE: Final = "https://integrity.agency.example/alerts"
_SHOWN_HEADERS: Final = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature", "idempotency-key")
_INTRODUCTION: Final = f"""{HEADING}
This part is made by `make docs`, which sends each message to a real server over TLS and writes down what arrived
there; the suite compares. Nothing is left out but an e-mail's HTML part, which says the same as its text, and what HTTP
adds by itself. JSON is shown with line breaks. The alert is made up; a channel's `detail` is `reference`.
"""


@dataclass(frozen=True, slots=True)
class _Due:
    key: str
    occasion: str
    alert: Alert | None
    first_revision: int
    several: Several | None = None
    to_staff: str | None = None


def _alerts() -> dict[str, Alert]:
    raised = replace(
        an_alert("own-record", "repeat-visits"), revision=1, title=RULES["own-record"].title, access_count=2
    )
    later = tuple(replace(reason, explained_later=True) for reason in raised.reasons)
    acknowledged = replace(raised, revision=2, updated_at=NOW + timedelta(minutes=4), status="acknowledged")
    at = NOW + timedelta(minutes=9)
    closed = replace(raised, revision=3, updated_at=at, status="closed", outcome="no_further_action")
    taken_back = replace(raised, revision=2, updated_at=at, status="closed", outcome="explained", reasons=later)
    return {"raised": raised, "acknowledged": acknowledged, "closed": closed, "taken back": taken_back}


def _about(channel: str, alert: Alert, occasion: str = "told") -> Message:
    key = message_key(alert.alert_id, alert.revision, channel)
    # An escalation is the first that its channel hears.
    first_revision = 0 if occasion == "escalated" else 1
    due = _Due(key if occasion == "told" else f"{key}.{occasion}", occasion, alert, first_revision)
    return write_due(due, Wording(channel, "reference", _CONSOLE, RULES))


def _about_several(channel: str, occasion: Any) -> Message:
    at = NOW + timedelta(hours=11)
    other = replace(an_alert("volume"), alert_id="al-klmnopqrstuvwxyz2345", severity="medium", client_id=None)
    alerts = [_alerts()["raised"], replace(other, title=RULES["volume"].title, access_count=52)]
    several = bring_together(occasion, "duty", NOW, at, alerts)
    key = f"{occasion}.duty.{at:%Y%m%dT%H%M%SZ}.{channel}"
    return write_due(_Due(key, occasion, None, 0, several), Wording(channel, "reference", _CONSOLE, RULES))


async def chapters(directory: Path) -> str:
    """Send every message, and write down what arrived."""
    alerts = _alerts()
    async with every_channel(directory) as channels:
        text = [
            _INTRODUCTION,
            await _mail(channels, "E-mail: an alert", _about("smtp", alerts["raised"])),
            await _mail(channels, "E-mail: a reminder", _about("smtp", alerts["raised"], "reminder-1")),
            await _mail(
                channels, "E-mail: told after the last reminder", _about("smtp", alerts["raised"], "escalated")
            ),
            await _mail(channels, "E-mail: an alert is taken back", _about("smtp", alerts["taken back"])),
            await _mail(channels, "E-mail: a day's digest", _about_several("smtp", "digest")),
            await _mail(channels, "E-mail: behind the storm guard", _about_several("smtp", "storm")),
            await _post(channels, "webhook", "Webhook", [_about("webhook", alerts["raised"])]),
            await _post(channels, "slack", "Slack", [_about("slack", alerts["raised"])]),
            await _post(channels, "teams", "Teams", [_about("teams", alerts["raised"])]),
            await _post(
                channels, "pagerduty", "PagerDuty: raised, acknowledged, closed",
                [_about("pagerduty", alerts[stands]) for stands in ("raised", "acknowledged", "closed")],
            ),
            await _finding(channels, _about("ocsf", alerts["raised"])),
            await _line(channels, _about("syslog", alerts["raised"])),
        ]  # fmt: skip
    return "\n".join(text)


async def _mail(channels: EveryChannel, title: str, message: Message) -> str:
    await channels.send("smtp", message, NOW)
    letter = message_from_bytes(channels.arrived("smtp")[-1], policy=default)
    assert isinstance(letter, EmailMessage)
    body = letter.get_body(("plain",))
    assert body is not None
    headers = (f"{name}: {value}" for name, value in letter.items() if name != "Content-Type")
    return _block(title, "\n".join([*headers, "", body.get_content().rstrip()]))


async def _post(channels: EveryChannel, name: str, title: str, messages: list[Message]) -> str:
    for message in messages:
        await channels.send(name, message, NOW)
    return _block(title, "\n\n".join(_request(*request) for request in channels.hooks[name].requests))


def _request(headers: dict[str, str], body: bytes) -> str:
    shown = [f"{name}: {headers[name]}" for name in _SHOWN_HEADERS if name in headers]
    return "\n".join(["POST", *shown, "", _json(body)])


async def _finding(channels: EveryChannel, message: Message) -> str:
    await channels.send("ocsf", message, NOW)
    key, _, value = channels.findings[-1].partition(b"\n")
    return _block("OCSF on `integrity.ocsf.v1`", f"key {key.decode()}\n\n{_json(value)}")


async def _line(channels: EveryChannel, message: Message) -> str:
    await channels.send("syslog", message, NOW)
    line = channels.arrived("syslog")[-1].decode()
    own = f" {socket.gethostname()} accesswatch "
    return _block("CEF over syslog, inside its frame", line.replace(own, " worker-1.agency.example accesswatch "))


def _json(value: bytes) -> str:
    return orjson.dumps(orjson.loads(value), option=orjson.OPT_INDENT_2).decode()


def _block(title: str, content: str) -> str:
    return "\n".join([f"### {title}\n", *_indented(content), ""])


def _indented(content: str) -> Iterator[str]:
    yield from (f"    {line}".rstrip() for line in content.splitlines())


def page() -> str:
    """Return docs/alerts.md with its last part as it is now."""
    with TemporaryDirectory() as directory:
        return PAGE.read_text("utf-8").partition(HEADING)[0] + asyncio.run(chapters(Path(directory)))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
