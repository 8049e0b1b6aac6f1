"""Every kind of channel against a real server: what arrives, what it may hold, and what an answer means."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
import yaml
from aiohttp import web
from standardwebhooks import Webhook

from agents.notify import Deliverer
from alerts.alert import Alert, alert_id
from alerts.assessment import Evidence
from alerts.detection.registry import RULES
from alerts.notify.attempts import Again, Attempt, Refused, Sent
from alerts.notify.channels.ocsf.finding import OCSF_VERSION
from alerts.notify.channels.registry import KINDS
from alerts.notify.config import load, open_senders
from alerts.notify.message import Occasion, Wording, bring_together, write, write_several
from alerts.notify.routes import Route
from alerts.store.store import Store
from enrichment.nz_time import ZONE
from stream.settings import Settings
from tests.integration.test_worker import a_client, a_staff_member, an_access
from tests.support.alert_builders import NOW, a_hit, an_alert
from tests.support.every_channel import KEY, EveryChannel, Frames, Trust, decoded, every_channel, syslog_server
from tests.support.worker import a_worker, eventually, eventually_async, publish, values
from tests.unit.alerts.notify.test_channels import detection_finding

NAMES = ("smtp", "webhook", "slack", "teams", "pagerduty", "ocsf", "syslog")
#: Ids and names that nothing else contains, in an alert's every field that may hold one.
PLANTED = {
    "staff": "STAFF-zqv-1",
    "client": "CLIENT-zqv-2",
    "event": "EVENT-zqv-3",
    "evidence": "RECORD-zqv-4",
    "source": "REGISTER-zqv-5",
    "name": "Māhina-zqv-6",
    "second event": "EVENT-zqv-7",
}
#: In an id, whatever follows it.
MARK = b"zqv"


def a_planted_alert(rule: str) -> Alert:
    """An alert of one rule whose every sentence, fact and id names somebody."""
    evidence = (Evidence(PLANTED["name"], PLANTED["evidence"], PLANTED["source"], NOW),)
    sentence = f"{PLANTED['staff']} ({PLANTED['name']}) opened {PLANTED['client']} in {PLANTED['event']}."
    alert = an_alert(rule)
    return replace(
        alert,
        title=RULES[rule].title,
        staff_id=PLANTED["staff"],
        client_id=PLANTED["client"],
        event_ids=(PLANTED["event"], PLANTED["second event"]),
        reasons=tuple(replace(reason, sentence=sentence, evidence=evidence) for reason in alert.reasons),
    )


async def sent_to_all(channels: EveryChannel, alerts: Sequence[Alert]) -> dict[str, list[Attempt]]:
    """Send a message about each alert, and the messages about all of them, through every channel, in turn."""

    async def send_all(name: str) -> list[Attempt]:
        channel = channels.delivery.channels[name]
        wording = Wording(name, channel.detail, "https://integrity.agency.example/alerts", RULES)
        messages = [write(alert, 1, wording) for alert in alerts]
        messages += [
            write_several(f"{occasion}.{name}", bring_together(occasion, "duty", NOW, NOW, alerts), wording)
            for occasion in get_args(Occasion)
        ]
        return [await channels.send(name, message, NOW) for message in messages]

    results = await asyncio.gather(*(send_all(name) for name in NAMES))
    return dict(zip(NAMES, results, strict=True))


def test_every_kind_of_channel_is_tested_here() -> None:
    """A new kind must not be forgotten."""
    # Those to staff members take notices alone: test_late_work.py.
    assert set(KINDS) == {*NAMES, "staff_email"}


# Privacy


async def test_no_channel_lets_an_id_out_by_default(tmp_path: Path) -> None:
    """Every rule through every channel: nothing that was planted is in what arrived, encoded or not."""
    alerts = [a_planted_alert(rule) for rule in RULES]
    async with every_channel(tmp_path) as channels:
        assert await sent_to_all(channels, alerts) == {name: [Sent()] * (len(RULES) + 2) for name in NAMES}
        for name in NAMES:
            arrived = [decoded(raw) for raw in channels.arrived(name)]
            assert len(arrived) == len(RULES) + 2
            assert [one for one in arrived if MARK in one] == []
            # What may be said is said: the test reads what it means to read.
            named = {rule for rule in RULES for one in arrived if RULES[rule].title.encode() in one}
            assert name == "pagerduty" or named == set(RULES)


async def test_the_search_for_ids_would_find_them(tmp_path: Path) -> None:
    """Under ``detail: ids`` staff member and client stand in what arrives at every channel, and nothing else."""
    async with every_channel(tmp_path, "ids") as channels:
        await sent_to_all(channels, [a_planted_alert("own-record")])
        for name in NAMES:
            found = [
                {what for what, planted in PLANTED.items() if planted.encode() in decoded(raw)}
                for raw in channels.arrived(name)
            ]
            # The digest and the storm's count name nobody even so.
            assert (name, found) == (name, [{"staff", "client"}, set(), set()])


# What arrives


async def test_a_receiver_verifies_a_webhook_with_its_own_library(tmp_path: Path) -> None:
    """The reference library of Standard Webhooks, with the secret from the same file."""
    async with every_channel(tmp_path) as channels:
        now = NOW.now(NOW.tzinfo)  # the library refuses what is older than five minutes
        message = write(an_alert(), 1, Wording("webhook", "reference", None, RULES))
        assert await channels.send("webhook", message, now) == Sent()
        ((headers, body),) = channels.hooks["webhook"].requests
        assert Webhook(KEY).verify(body, headers) == orjson.loads(body)
        assert headers["idempotency-key"] == orjson.loads(body)["id"]


async def test_pagerduty_is_told_how_an_alert_stands(tmp_path: Path) -> None:
    """Trigger, acknowledge, resolve: three posts about one alert."""
    stands: list[dict[str, Any]] = [
        {}, {"revision": 3, "status": "acknowledged"}, {"revision": 4, "status": "closed", "outcome": "explained"},
    ]  # fmt: skip
    async with every_channel(tmp_path) as channels:
        for values in stands:
            message = write(replace(an_alert(), **values), 1, Wording("pagerduty", "reference", None, RULES))
            assert await channels.send("pagerduty", message, NOW) == Sent()
        events = [orjson.loads(body) for _, body in channels.hooks["pagerduty"].requests]
    assert [event["event_action"] for event in events] == ["trigger", "acknowledge", "resolve"]
    assert len({event["dedup_key"] for event in events}) == 1


async def test_who_keeps_a_status_is_told_of_it(tmp_path: Path) -> None:
    """By the agent, from the store: PagerDuty, the findings and syslog follow; the others hear of the alert once."""
    store = Store.open(f"sqlite:///{tmp_path / 'alerts.sqlite3'}", RULES)
    async with every_channel(tmp_path) as channels:
        routes = (
            Route(name="all", channels=list(NAMES), conflict_route="none"),
            Route(name="none", channels=["smtp"], conflict_route="all", independent=True, only_when_named=True),
        )
        delivery = replace(channels.delivery, routes=routes)
        deliverer = Deliverer(store, lambda: delivery, RULES, lambda *_: None, lambda: NOW, "one", channels.publish)
        pair = alert_id("S-1", "C-1", NOW.astimezone(ZONE).date())
        for step in (
            lambda: store.take_hits([a_hit()], NOW),
            lambda: store.acknowledge(pair, "S-9", NOW),
            lambda: store.close_alert(pair, "no_further_action", because=None, by="S-9", now=NOW),
        ):
            step()
            await deliverer.route_once()
            for name, sender in channels.senders.items():
                await deliverer.send_once(name, sender)
        told = {name: len(channels.arrived(name)) for name in NAMES}
        assert told == {"smtp": 1, "webhook": 1, "slack": 1, "teams": 1, "pagerduty": 3, "ocsf": 3, "syslog": 3}
        events = [orjson.loads(body)["event_action"] for _, body in channels.hooks["pagerduty"].requests]
        findings = [orjson.loads(raw.partition(b"\n")[2])["activity_name"] for raw in channels.findings]
        assert (events, findings) == (["trigger", "acknowledge", "resolve"], ["Create", "Update", "Close"])
    store.close()


@pytest.mark.services
@pytest.mark.usefixtures("topics")
async def test_findings_stand_on_their_topic(settings: Settings, environment: dict[str, str], tmp_path: Path) -> None:
    """From an access to `integrity.ocsf.v1`, through a worker on a real Kafka; the schema takes what stands there."""
    path = tmp_path / "delivery.yaml"
    routes = [
        {"name": "all", "channels": ["lake"], "conflict_route": "none"},
        {"name": "none", "channels": ["lake"], "conflict_route": "all", "independent": True, "only_when_named": True},
    ]
    path.write_text(yaml.safe_dump({"channels": {"lake": {"kind": "ocsf"}}, "routes": routes}))
    await publish(settings, "ref.staff.v1", [a_staff_member("s1", client_ids=["c1"])])
    await publish(settings, "ref.client.v1", [a_client("c1")])
    with a_worker(environment | {"ACCESSWATCH_DELIVERY": str(path)}, tmp_path) as worker:
        await publish(settings, "cms.access.v1", [("s1", an_access("e1", client_id="c1"))])

        async def there() -> list[dict[str, Any]] | None:
            return await values(settings, "integrity.ocsf.v1") or None

        (finding,) = await eventually_async(there)
        counted = {"channel": "lake", "result": "sent"}
        await asyncio.to_thread(eventually, lambda: worker.metric("accesswatch_notifications_total", **counted) == 1)
    assert list(detection_finding(OCSF_VERSION).iter_errors(finding)) == []
    assert (finding["activity_name"], finding["finding_info"]["analytic"]["uid"]) == ("Create", "own-record")


# What an answer means

LIMITED = {"status": 429, "headers": {"Retry-After": "30"}}
ANSWERS = [
    pytest.param("slack", Sent(), {"status": 200, "text": "ok"}, id="slack takes it"),
    pytest.param("slack", Again("HTTP 429: Too Many Requests", timedelta(seconds=30)), LIMITED, id="slack is busy"),
    pytest.param(
        "slack", Refused("HTTP 404: no_service"), {"status": 404, "text": "no_service"}, id="the webhook was removed"
    ),
    pytest.param("slack", Again("HTTP 503: Service Unavailable"), {"status": 503}, id="slack is away"),
    pytest.param("teams", Sent(), {"status": 202}, id="a workflow takes it"),
    pytest.param("teams", Sent(), {"status": 200, "text": "1"}, id="a connector takes it"),
    pytest.param(
        "teams",
        Again(
            "HTTP 200: Webhook message delivery failed with error: HTTP error 429 from Teams "
            "(an error, whatever the status says)"
        ),
        {"status": 200, "text": "Webhook message delivery failed with error: HTTP error 429 from Teams"},
        id="a connector takes it and Teams does not",
    ),
    pytest.param("pagerduty", Refused("HTTP 400: Bad Request"), {"status": 400}, id="pagerduty does not understand"),
    pytest.param("pagerduty", Again("HTTP 500: Internal Server Error"), {"status": 500}, id="pagerduty is away"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "expected", "answer"), ANSWERS)
async def test_what_an_answer_means(tmp_path: Path, name: str, expected: Attempt, answer: dict[str, Any]) -> None:
    """Each row: the channel, what becomes of the message, the answer."""
    async with every_channel(tmp_path) as channels:
        channels.hooks[name].answers = [web.Response(**answer)]
        message = write(an_alert(), 1, Wording(name, "reference", None, RULES))
        assert await channels.send(name, message, NOW) == expected


WORDS = [
    pytest.param("text/plain", "invalid_payload", "invalid_payload", id="a word"),
    pytest.param("application/json", '{"error":"no\\u005ftext"}', '{"error": "no_text"}', id="JSON"),
    pytest.param(
        "text/html", "<html><head><style>p {}</style></head><body><h1>Forbidden</h1><p>By policy.</p></body></html>",
        "Forbidden By policy.", id="a page",
    ),
    pytest.param("text/plain", "one\r\ntwo\x1b[31m\x00 three", "one two [31m three", id="lines and control characters"),
    pytest.param("text/plain", "x " * 400, f"{'x ' * 148}x...", id="a long one is cut"),
    pytest.param(
        "text/plain", "ask ops@receiver.example, https://receiver.example/x, 0211234567, 3f2504e0-4f89-11d3-9a0c-0305",
        "ask [...], [...] [...], [...]", id="addresses and numbers",
    ),
    pytest.param("text/plain", "\xff\xfe", "\ufffd\ufffd", id="no text"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "said"), WORDS)
async def test_a_receivers_own_words_are_the_reason(tmp_path: Path, kind: str, text: str, said: str) -> None:
    """Each row: what it sends, and what is kept of it: one line, at most 300 characters, nobody's address."""
    async with every_channel(tmp_path) as channels:
        channels.hooks["slack"].answers = [web.Response(status=400, content_type=kind, body=text.encode("latin-1"))]
        message = write(an_alert(), 1, Wording("slack", "reference", None, RULES))
        assert await channels.send("slack", message, NOW) == Refused(f"HTTP 400: {said}")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"ocsf", "syslog"}])
async def test_a_reason_holds_nothing_that_was_in_the_message(tmp_path: Path, name: str) -> None:
    """A receiver quotes all that it was sent, headers and address too, under ``detail: ids``: its own words stay."""
    alert = a_planted_alert("own-record")
    async with every_channel(tmp_path, "ids") as channels:
        if name == "smtp":
            channels.mailbox.echo = True
        else:
            channels.hooks[name].echo = True
        message = write(alert, 1, Wording(name, "ids", "https://integrity.agency.example/alerts", RULES))
        attempt = await channels.send(name, message, NOW)
        assert isinstance(attempt, Refused)
        (quoted,) = channels.quoted(name)
        secrets = {alert.alert_id, "integrity-duty@agency.example", *PLANTED.values(), *channels.secrets(name)}
        # The receiver did quote them.
        assert {PLANTED["staff"], alert.alert_id} <= {secret for secret in secrets if secret in quoted}
        assert {secret for secret in secrets if secret.casefold() in attempt.why.casefold()} == set()
        assert MARK.decode() not in attempt.why
        assert "refused by policy seven" in attempt.why


async def test_no_message_goes_to_a_server_that_nobody_vouches_for(tmp_path: Path) -> None:
    """Another CA's certificate: nothing arrives, and the message waits."""
    (tmp_path / "others").mkdir()
    others = Trust(tmp_path / "others")
    async with every_channel(tmp_path) as channels:
        distrusting = {
            name: channel.model_copy(update={"ca_file": str(others.ca_file)})
            for name, channel in channels.delivery.channels.items()
            if name != "ocsf"
        }
        senders = open_senders(replace(channels.delivery, channels=distrusting), None)  # type: ignore[arg-type]
        for name, sender in senders.items():
            attempt = await sender.send(write(an_alert(), 1, Wording(name, "reference", None, RULES)), NOW)
            assert isinstance(attempt, Again)
            assert (name, channels.arrived(name)) == (name, [])


# Syslog


def a_syslog_channel(directory: Path, port: int, **more: Any) -> dict[str, Any]:
    """Write a delivery file with one syslog channel, and give the senders that it asks for."""
    path = directory / "syslog.yaml"
    channel = {"kind": "syslog", "host": "127.0.0.1", "port": port, "ca_file": "ca.pem", **more}
    path.write_text(yaml.safe_dump({"channels": {"siem": channel}}))
    return {"siem": open_senders(load(path, {}), None)["siem"]}  # type: ignore[arg-type]


def ask_for_a_certificate(listener: socket.socket, tls: ssl.SSLContext, received: list[bytes]) -> None:
    """Serve two connections as OpenSSL's servers do: who shows no certificate is told so, which asyncio's leave out."""
    for _ in range(2):
        connection, _ = listener.accept()
        with connection, suppress(ssl.SSLError), tls.wrap_socket(connection, server_side=True) as secured:
            received.append(b"".join(iter(lambda: secured.recv(65_536), b"")))


async def test_a_syslog_server_may_ask_for_our_certificate(tmp_path: Path) -> None:
    """With it the message arrives; without it nothing does, and the message waits."""
    trust, received = Trust(tmp_path), list[bytes]()
    trust.client()
    message = write(an_alert(), 1, Wording("siem", "reference", None, RULES))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.create_task(
            asyncio.to_thread(ask_for_a_certificate, listener, trust.server(asks=True), received)
        )
        assert isinstance(await a_syslog_channel(tmp_path, port)["siem"].send(message, NOW), Again)
        own = {"certificate_file": "client.pem", "key_file": "client.key"}
        assert await a_syslog_channel(tmp_path, port, **own)["siem"].send(message, NOW) == Sent()
        await serving
    assert len(received) == 1
    assert b"CEF:0|accesswatch" in received[0]


async def test_a_connection_that_breaks_is_no_delivery(tmp_path: Path) -> None:
    """The server goes away while we speak; the message waits."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    Trust(tmp_path)
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        sender = a_syslog_channel(tmp_path, server.sockets[0].getsockname()[1])["siem"]
        attempt = await sender.send(write(an_alert(), 1, Wording("siem", "reference", None, RULES)), NOW)
    assert isinstance(attempt, Again)


async def test_a_relay_on_this_host_needs_no_tls(tmp_path: Path) -> None:
    """The same frame, in the clear."""
    Trust(tmp_path)
    frames = Frames()
    async with syslog_server(frames, None) as port:
        message = write(an_alert(), 1, Wording("siem", "reference", None, RULES))
        assert await a_syslog_channel(tmp_path, port, security="none")["siem"].send(message, NOW) == Sent()
    assert len(frames.messages) == 1
