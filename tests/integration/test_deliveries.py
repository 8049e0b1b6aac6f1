"""``accesswatch deliveries`` as a person uses it: what has not got through and why, and sending it after all."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from typer.testing import CliRunner, Result

from alerts.alert import alert_id
from alerts.detection.registry import RULES
from alerts.store.store import Store
from console.deliveries import app
from enrichment.errors import CommandError
from tests.integration.test_delivery import Clock, a_deliverer, sent_once, webhook
from tests.support.alert_builders import NOW, a_hit
from tests.support.databases import an_empty_database, kinds
from tests.support.mail_and_hooks import Hook, http_server

DAY = date(2026, 11, 20)
FIRST, SECOND = (alert_id("S-1", client, DAY) for client in ("C-1", "C-2"))
GONE, AWAY, THERE = (web.Response(status=status) for status in (410, 503, 200))


@pytest.fixture(params=kinds())
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The store that the command will open."""
    with an_empty_database(request.param, tmp_path) as url:
        monkeypatch.setenv("ACCESSWATCH_DATABASE", url)
        monkeypatch.setenv("ACCESSWATCH_ACTOR", "S-77")
        opened = Store.open(url, RULES)
        yield opened
        opened.close()


def run(*arguments: str, exit_code: int = 0) -> Result:
    """Run the command and make sure how it ended."""
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == exit_code, result.output
    return result


def rows(*arguments: str) -> list[list[str]]:
    """What ``deliveries list`` prints in a pipe."""
    return [line.split("\t") for line in run("list", *arguments).stdout.splitlines()]


async def test_what_is_stuck_is_seen_and_sent_after_all(store: Store, tmp_path: Path) -> None:
    """One refused for good, one put off; then the receiver is mended, and both are sent with the ids they had."""
    hook, clock = Hook([GONE, AWAY, THERE]), Clock()
    async with http_server(hook) as url:
        deliverer, _ = a_deliverer(store, tmp_path, clock, channel=webhook(url, tmp_path))
        store.take_hits([a_hit()], NOW)
        await sent_once(deliverer)
        store.take_hits([a_hit("e-2", client="C-2")], NOW + timedelta(seconds=1))
        clock.now += timedelta(seconds=1)
        await sent_once(deliverer)

        assert [[row[1], row[2], row[4]] for row in rows()] == [
            ["pending", "1", "HTTP 503: Service Unavailable"],
            ["parked", "1", "HTTP 410: Gone"],
        ]
        assert [row[0] for row in rows("--alert", FIRST[:9])] == [f"{FIRST}.1.channel"]
        assert [row[0] for row in rows("--state", "parked")] == [f"{FIRST}.1.channel"]
        assert rows("--channel", "other") == rows("--route", "other") == rows("--state", "sent") == []
        (parked,) = orjson.loads(run("list", "--state", "parked", "--json").stdout)
        assert (parked["alert_id"], parked["route"], parked["last_error"]) == (FIRST, "all", "HTTP 410: Gone")

        assert run("retry", "--all", "--dry-run").stdout.split() == [f"{SECOND}.1.channel", f"{FIRST}.1.channel"]
        assert await sent_once(deliverer) == 0
        run("retry", f"{FIRST}.1.channel")
        clock.now += timedelta(days=400)  # the command writes down the time of this machine
        assert await sent_once(deliverer) == 2
    assert [headers["webhook-id"] for headers, _ in hook.requests][2:] == [f"{SECOND}.1.channel", f"{FIRST}.1.channel"]
    assert rows() == []
    assert {row[1] for row in rows("--all")} == {"sent"}
    retried = [entry for entry in store.history(FIRST) if entry.what == "retried"]
    assert [(entry.by, entry.because) for entry in retried] == [
        ("S-77", "revision 1 through channel, after HTTP 410: Gone")
    ]
    assert store.verify().problems == []


async def test_only_what_is_stuck_is_tried_again(store: Store, tmp_path: Path) -> None:
    """What got through is not sent twice; what nobody named is left alone."""
    hook = Hook([THERE])
    async with http_server(hook) as url:
        deliverer, _ = a_deliverer(store, tmp_path, Clock(), channel=webhook(url, tmp_path))
        store.take_hits([a_hit()], NOW)
        await sent_once(deliverer)
    failed = run("retry", f"{FIRST}.1.channel", exit_code=1).exception
    assert isinstance(failed, CommandError)
    assert str(failed) == f"No message {FIRST}.1.channel is parked or waits after an attempt that failed."
    assert run("retry", "--channel", "channel").stdout == ""
    run("retry", exit_code=2)
    assert store.notifications(FIRST)[0].state == "sent"


async def test_nobody_sees_a_message_about_themselves(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the list nor by its name: as in `alerts list`."""
    async with http_server(Hook([GONE])) as url:
        deliverer, _ = a_deliverer(store, tmp_path, Clock(), channel=webhook(url, tmp_path))
        store.take_hits([a_hit()], NOW)
        await sent_once(deliverer)
    assert len(rows()) == 1
    monkeypatch.setenv("ACCESSWATCH_ACTOR", "S-1")
    assert rows("--all") == []
    run("retry", f"{FIRST}.1.channel", exit_code=1)
    assert store.notifications(FIRST)[0].state == "parked"
