"""From the store's outbox to Kafka's door, real mailboxes and real endpoints: nothing lost, repeats recognisable."""

import asyncio
import base64
import hashlib
import hmac
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from aiohttp import web

from agents.notify import Deliverer, Result
from agents.outbox_relay import Relay
from alerts.alert import ALERT, alert_id
from alerts.notify.attempts import Attempt, Sent
from alerts.notify.config import load, open_senders
from alerts.notify.message import Wording, write
from alerts.store.store import Store
from tests.support.alert_builders import NOON, NOW, RULES, a_hit, an_answer
from tests.support.mail_and_hooks import GOLDEN, PASSWORD, USER, Hook, Mailbox, http_server, smtp_server, until

PAIR = alert_id("S-1", "C-1", date(2026, 11, 20))
DUTY, SECOND = "duty@agency.example", "second@agency.example"
KEY = b"only for these tests: 32 bytes!!"


@dataclass
class Clock:
    """Time that a test moves."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        """Return what time the test says."""
        return self.now


@dataclass
class Counts:
    """What the agent counted."""

    seen: Counter[tuple[str, Result]] = field(default_factory=Counter)

    def __call__(self, channel: str, result: Result) -> None:
        """Count one."""
        self.seen[channel, result] += 1


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    opened = Store.open(f"sqlite:///{tmp_path / 'alerts.sqlite3'}", RULES)
    yield opened
    opened.close()


def smtp(port: int, **other: Any) -> dict[str, Any]:
    """A channel to a mailbox on this host."""
    plain = {"kind": "smtp", "host": "127.0.0.1", "port": port, "security": "none"}
    return {**plain, "sender": "accesswatch@agency.example", "recipients": [DUTY], **other}


def webhook(url: str, tmp_path: Path) -> dict[str, Any]:
    """A channel to an endpoint on this host."""
    (tmp_path / "hook-secret").write_text("whsec_" + base64.b64encode(KEY).decode())
    return {"kind": "webhook", "url": url, "secret_file": "hook-secret"}


def a_deliverer(store: Store, directory: Path, clock: Any, **channels: dict[str, Any]) -> tuple[Deliverer, Counts]:
    """The agent with one route to all of these channels, from a delivery file."""
    path = directory / "delivery.yaml"
    routes = [
        {"name": "all", "channels": list(channels), "conflict_route": "none"},
        # Its channel leads nowhere, and nothing in these tests takes it.
        {
            "name": "none",
            "channels": ["nowhere"],
            "conflict_route": "all",
            "independent": True,
            "only_when_named": True,
        },
    ]
    nowhere = smtp(1)
    path.write_text(yaml.safe_dump({"channels": {**channels, "nowhere": nowhere}, "routes": routes}))
    delivery, counts = load(path, {"SMTP_PASSWORD": PASSWORD}), Counts()
    return Deliverer(store, lambda: delivery, RULES, counts, clock, "one", unpublished), counts


async def unpublished(_key: bytes, _value: bytes) -> Attempt:
    """No channel of the test publishes findings."""
    raise AssertionError


async def sent_once(deliverer: Deliverer, channel: str = "channel") -> int:
    """Route what waits, then let one channel send what is due."""
    await deliverer.route_once()
    return await deliverer.send_once(channel, open_senders(deliverer.delivery, deliverer.publish)[channel])


# E-mail


async def test_mail_leaves_over_starttls_with_a_password(store: Store, tmp_path: Path) -> None:
    """Text and HTML; the second message of an alert stands in the first one's thread; no id is in either."""
    mailbox = Mailbox()
    async with smtp_server(mailbox, secure=True) as port:
        secured = {"security": "starttls", "username": USER, "password_env": "SMTP_PASSWORD"}
        trusted = {"ca_file": str(GOLDEN / "localhost-certificate.pem")}
        deliverer, counts = a_deliverer(store, tmp_path, Clock(), channel=smtp(port, **secured, **trusted))
        store.take_hits([a_hit(answers=[an_answer("own-record", "medium")])], NOW)
        await sent_once(deliverer)
        store.take_hits([a_hit("e-2")], NOW)
        await sent_once(deliverer)
    first, second = mailbox.letters
    assert counts.seen == {("channel", "sent"): 2}
    assert first["Message-ID"] == f"<{PAIR}.1.channel@agency.example>"
    assert (second["Message-ID"], second["References"]) == (
        f"<{PAIR}.2.channel@agency.example>", first["Message-ID"],
    )  # fmt: skip
    parts = [part.get_content() for part in second.walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in second.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert all("a question, not a finding" in part and "S-1" not in part and "C-1" not in part for part in parts)
    assert second["Subject"] == f"[accesswatch] high: Own record ({PAIR})"


ANSWERS = [
    pytest.param(
        "parked",
        "SMTP 550: 5.1.1 <[...]>: User unknown",
        {"to_recipient": {DUTY: f"550 5.1.1 <{DUTY}>: User unknown"}},
        id="nobody is there",
    ),
    pytest.param("retried", "SMTP 450: busy", {"to_recipient": {DUTY: "450 busy"}}, id="not now"),
    pytest.param(
        "parked",
        "SMTP 554: 5.7.1 Policy forbids [...]",
        {"to_message": f"554 5.7.1 Policy forbids {PAIR}.1.channel"},
        id="the message is refused for good",
    ),
    pytest.param("retried", "SMTP 451: later", {"to_message": "451 later"}, id="the message is put off"),
    pytest.param(
        "retried", "127.0.0.1:{port}: it did not answer in time", {"wait_seconds": 30}, id="no answer in time"
    ),
]


@pytest.mark.parametrize(("result", "why", "behaviour"), ANSWERS)
async def test_what_a_mail_server_answers(
    store: Store, tmp_path: Path, result: Result, why: str, behaviour: dict[str, Any]
) -> None:
    """Each row: what becomes of the message, what the ledger says, and how the server behaves."""
    async with smtp_server(Mailbox(**behaviour)) as port:
        deliverer, counts = a_deliverer(store, tmp_path, Clock(), channel=smtp(port, timeout_seconds=1))
        store.take_hits([a_hit()], NOW)
        await sent_once(deliverer)
    (noted,) = store.notifications(PAIR)
    assert (counts.seen, noted.last_error) == ({("channel", result): 1}, why.format(port=port))
    assert noted.state == ("parked" if result == "parked" else "pending")


@pytest.mark.parametrize(("answer", "result"), [("550 gone", "sent"), ("450 busy", "retried")])
async def test_when_some_recipients_are_not_taken(store: Store, tmp_path: Path, answer: str, result: Result) -> None:
    """Gone for good: sent to the others. Put off: sent again to all, with the same Message-ID."""
    mailbox, clock = Mailbox(to_recipient={SECOND: answer}), Clock()
    async with smtp_server(mailbox) as port:
        deliverer, counts = a_deliverer(store, tmp_path, clock, channel=smtp(port, recipients=[DUTY, SECOND]))
        store.take_hits([a_hit()], NOW)
        await sent_once(deliverer)
        clock.now += timedelta(minutes=1)
        await sent_once(deliverer)
    assert counts.seen[("channel", result)] >= 1
    assert len({letter["Message-ID"] for letter in mailbox.letters}) == 1


async def test_a_wrong_password_waits_for_the_right_one(store: Store, tmp_path: Path) -> None:
    """Settings get mended: the message is not given up."""
    async with smtp_server(Mailbox(), secure=True) as port:
        secured = {"security": "starttls", "username": "somebody", "password_env": "SMTP_PASSWORD"}
        trusted = {"ca_file": str(GOLDEN / "localhost-certificate.pem")}
        deliverer, _ = a_deliverer(store, tmp_path, Clock(), channel=smtp(port, **secured, **trusted))
        store.take_hits([a_hit()], NOW)
        await sent_once(deliverer)
    assert [(n.state, n.last_error) for n in store.notifications(PAIR)] == [
        ("pending", "SMTP 535: 5.7.8 Authentication credentials invalid")
    ]


async def test_a_certificate_that_nobody_trusts_takes_no_mail(store: Store, tmp_path: Path) -> None:
    """STARTTLS with a stranger is no encryption."""
    mailbox = Mailbox()
    async with smtp_server(mailbox, secure=True) as port:
        secured = {"security": "starttls", "username": USER, "password_env": "SMTP_PASSWORD"}
        deliverer, _ = a_deliverer(store, tmp_path, Clock(), channel=smtp(port, **secured))
        store.take_hits([a_hit()], NOW)
        await sent_once(deliverer)
    (noted,) = store.notifications(PAIR)
    why = f"127.0.0.1:{port}: its certificate is not believed: self-signed certificate"
    assert (mailbox.letters, noted.state, noted.last_error) == ([], "pending", why)


async def test_a_server_without_starttls_gets_no_mail(store: Store, tmp_path: Path) -> None:
    """Upgrade or do not send; a sentence says what is missing."""
    mailbox = Mailbox()
    async with smtp_server(mailbox) as port:
        deliverer, _ = a_deliverer(store, tmp_path, Clock(), channel=smtp(port, security="starttls"))
        store.take_hits([a_hit()], NOW)
        await sent_once(deliverer)
    (noted,) = store.notifications(PAIR)
    assert (mailbox.letters, noted.state) == ([], "pending")
    assert noted.last_error == (
        f"127.0.0.1:{port}: it offers no STARTTLS, which `security: starttls` needs; "
        "use `tls` where it is encrypted from the start"
    )


# Webhooks


def assert_signed(headers: dict[str, str], body: bytes) -> None:
    """Check a request as Standard Webhooks tells receivers to."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, content, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


async def test_a_webhook_is_tried_until_it_is_taken(store: Store, tmp_path: Path) -> None:
    """Twice 500, then 200: three signed requests, one id."""
    hook, clock = Hook([web.Response(status=500), web.Response(status=500), web.Response(status=200)]), Clock()
    async with http_server(hook) as url:
        deliverer, counts = a_deliverer(store, tmp_path, clock, channel=webhook(url, tmp_path))
        store.take_hits([a_hit()], NOW)
        for _ in range(5):
            await sent_once(deliverer)
            clock.now += timedelta(minutes=1)
    assert counts.seen == {("channel", "retried"): 2, ("channel", "sent"): 1}
    for headers, body in hook.requests:
        assert_signed(headers, body)
        assert headers["idempotency-key"] == headers["webhook-id"] == orjson.loads(body)["id"] == f"{PAIR}.1.channel"
        assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert len({body for _, body in hook.requests}) == 1


def asking(status: int, retry_after: str) -> web.Response:
    """An answer that asks for time."""
    return web.Response(status=status, headers={"Retry-After": retry_after})


IN_TWO_MINUTES = NOW + timedelta(minutes=2)
RETRY_AFTER = [
    pytest.param("pending", IN_TWO_MINUTES, asking(429, "120"), id="seconds"),
    pytest.param("pending", IN_TWO_MINUTES, asking(503, "Thu, 19 Nov 2026 20:16:09 GMT"), id="a date"),
    pytest.param("pending", NOW + timedelta(hours=6), asking(429, "99999999"), id="bounded"),
    pytest.param("parked", NOW, asking(410, "120"), id="a refusal for good"),
]


@pytest.mark.parametrize(("state", "at", "answer"), RETRY_AFTER)
async def test_a_webhook_may_ask_for_time(
    store: Store, tmp_path: Path, state: str, at: datetime, answer: web.Response
) -> None:
    """Each row: what the ledger says, when the next attempt is, and the answer."""
    async with http_server(Hook([answer])) as url:
        deliverer, _ = a_deliverer(store, tmp_path, Clock(), channel=webhook(url, tmp_path))
        store.take_hits([a_hit()], NOW)
        await sent_once(deliverer)
    (noted,) = store.notifications(PAIR)
    assert (noted.state, noted.next_attempt_at, noted.last_error) == (
        state, at, f"HTTP {answer.status}: {answer.reason}",
    )  # fmt: skip


async def test_a_redirect_is_not_followed(store: Store, tmp_path: Path) -> None:
    """The body was meant for the address in the settings."""
    hook = Hook([web.Response(status=307, headers={"Location": "/hook"})])
    async with http_server(hook) as url:
        deliverer, _ = a_deliverer(store, tmp_path, Clock(), channel=webhook(url, tmp_path))
        store.take_hits([a_hit()], NOW)
        await sent_once(deliverer)
    assert (len(hook.requests), store.notifications(PAIR)[0].last_error) == (
        1, "HTTP 307: it sends us elsewhere, which is not followed",
    )  # fmt: skip


# The agent


async def test_a_crash_between_sending_and_recording_repeats_the_same_message(store: Store, tmp_path: Path) -> None:
    """The window that the docs name: the same id twice, never another, never none."""
    hook, clock = Hook([web.Response(status=200)]), Clock()
    async with http_server(hook) as url:
        deliverer, _ = a_deliverer(store, tmp_path, clock, channel=webhook(url, tmp_path))
        store.take_hits([a_hit()], NOW)
        await deliverer.route_once()
        (claimed,) = store.claim_due("channel", holder="dead", now=NOW, lease=timedelta(seconds=30), limit=4)
        assert claimed.alert is not None
        message = write(claimed.alert, claimed.first_revision, Wording("channel", "reference", None, RULES))
        assert await open_senders(deliverer.delivery, deliverer.publish)["channel"].send(message, NOW) == Sent()
        assert await sent_once(deliverer) == 0
        clock.now += timedelta(seconds=30)
        assert [await sent_once(deliverer) for _ in range(2)] == [1, 0]
    (first, body), (second, repeated) = hook.requests
    assert (first["idempotency-key"], body) == (second["idempotency-key"], repeated)


async def test_a_dead_channel_delays_no_other(store: Store, tmp_path: Path) -> None:
    """The whole agent, with a mail server that never answers beside an endpoint that does; it stops when told to."""
    hook, stop = Hook([web.Response(status=200)]), asyncio.Event()
    async with smtp_server(Mailbox(wait_seconds=30)) as port, http_server(hook) as url:
        channels = {"dead": smtp(port, timeout_seconds=2), "alive": webhook(url, tmp_path)}
        deliverer, counts = a_deliverer(store, tmp_path, lambda: datetime.now(UTC), **channels)
        running = asyncio.create_task(deliverer.run(asyncio.Event(), stop))
        for number in range(12):
            store.take_hits([a_hit(f"e-{number}", client=f"C-{number}")], NOW)
        await until(lambda: counts.seen["alive", "sent"] == 12)
        await until(lambda: counts.seen["dead", "retried"] > 0)
        stop.set()
        await running
    assert counts.seen["dead", "sent"] == 0
    assert len({headers["webhook-id"] for headers, _ in hook.requests}) == 12


# The relay


@dataclass
class Topic:
    """Where a relay publishes to: fails as often as told, then keeps everything."""

    failures: int = 0
    records: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def publish(self, records: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep the records; a failure keeps the first alone, as a broken connection may."""
        if self.failures:
            self.failures -= 1
            self.records += records[:1]
            raise ConnectionError
        self.records += records


async def test_the_relay_publishes_every_revision_in_order(store: Store) -> None:
    """Also when Kafka fails at first: again from the oldest, so that the newest stands last; latency is told."""
    topic, told, stop = Topic(failures=2), list[float](), asyncio.Event()
    clock = Clock(NOON + timedelta(seconds=5))
    relay = Relay(store, topic.publish, told.append, clock, "one")
    store.take_hits([a_hit()], NOW)
    store.take_hits([a_hit("e-2", recorded=NOON + timedelta(seconds=3))], NOW)
    store.acknowledge(PAIR, "S-9", NOW)
    running = asyncio.create_task(relay.run(asyncio.Event(), stop))
    await until(lambda: len(told) == 2)
    stop.set()
    await running
    revisions = [ALERT.validate_json(value).revision for _, value in topic.records]
    assert (revisions, told) == ([1, 1, 1, 2, 3], [5.0, 2.0])
    assert {key for key, _ in topic.records} == {PAIR.encode()}


async def test_a_relay_that_died_before_marking_is_followed_by_another(store: Store) -> None:
    """The same bytes once more, after the lease; then never again."""
    topic, clock = Topic(), Clock()
    relays = [Relay(store, topic.publish, lambda _: None, clock, holder) for holder in ("one", "two")]
    store.take_hits([a_hit()], NOW)
    dead = store.claim_unpublished("dead", NOW, 10)
    assert await relays[1].publish_once() == 0
    clock.now += timedelta(seconds=5)
    assert [await relay.publish_once() for relay in relays] == [1, 0]
    assert topic.records == [(PAIR.encode(), dead[0].payload)]


async def test_the_relay_outlives_a_database_that_does_not_answer(tmp_path: Path) -> None:
    """It waits and goes on; nobody has to start it again."""
    path = tmp_path / "alerts.sqlite3"
    store = Store.open(f"sqlite:///{path}", RULES)
    store.take_hits([a_hit()], NOW)
    store.close()
    hidden = path.rename(tmp_path / "hidden")
    path.mkdir()
    topic, stop = Topic(), asyncio.Event()
    relay = Relay(store, topic.publish, lambda _: None, Clock(), "one")
    running = asyncio.create_task(relay.run(asyncio.Event(), stop))
    with suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await asyncio.shield(running)
    assert topic.records == []
    path.rmdir()
    hidden.rename(path)
    await until(lambda: len(topic.records) == 1)
    stop.set()
    await running
    store.close()
