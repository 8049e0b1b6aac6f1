"""A process dies at each numbered point between a hit and a delivered message: one alert, one message, none lost.

The first process dies, the second finds what it left, a third has nothing left to do. SQLite files always; PostgreSQL
too where ``TEST_POSTGRESQL`` is set.
"""

import asyncio
import base64
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from alerts.alert import ALERT, alert_id
from alerts.store.queries import Filters
from alerts.store.store import Store
from enrichment.nz_time import nz_date
from tests.support.alert_builders import NOON, RULES
from tests.support.crash_points import DIED, POINTS, carried
from tests.support.mail_and_hooks import Hook, http_server

PAIR = alert_id("S-1", "C-1", nz_date(NOON))
#: Past every claim's end.
LATER = timedelta(minutes=1)


def a_delivery_file(directory: Path, url: str) -> Path:
    """One route to an endpoint."""
    (directory / "secret").write_text("whsec_" + base64.b64encode(b"k" * 32).decode())
    hook = {"kind": "webhook", "url": url, "secret_file": "secret"}
    routes = [
        {"name": "all", "channels": ["hook"], "conflict_route": "others"},
        {"name": "others", "channels": ["hook"], "conflict_route": "all", "independent": True, "only_when_named": True},
    ]
    path = directory / "delivery.yaml"
    path.write_text(yaml.safe_dump({"channels": {"hook": hook}, "routes": routes}))
    return path


@pytest.mark.parametrize("point", POINTS)
async def test_a_death_loses_nothing_and_doubles_nothing(url: str, tmp_path: Path, point: int) -> None:
    """Only between a channel's acceptance and the ledger's entry does a message repeat, with the same id."""
    hook, topic = Hook([web.Response(status=200)]), tmp_path / "topic"
    async with http_server(hook) as address:
        delivery = a_delivery_file(tmp_path, address)
        runs = [(point, timedelta()), (0, LATER), (0, 2 * LATER)]
        codes = [await asyncio.to_thread(carried, number, url, delivery, topic, after) for number, after in runs]
    assert codes == [DIED, 0, 0]
    told = [headers["webhook-id"] for headers, _ in hook.requests]
    assert told == [f"{PAIR}.1.hook"] * (2 if point == 10 else 1)
    assert len({body for _, body in hook.requests}) == 1
    published = [ALERT.validate_json(line) for line in topic.read_bytes().splitlines()]
    assert [alert.revision for alert in published] == [1] * (2 if point == 5 else 1)
    store = Store.open(url, RULES)
    assert [(alert.alert_id, alert.revision, alert.access_count) for alert in store.listed(Filters(), 10)] == [
        (PAIR, 1, 1)
    ]
    assert [(n.channel, n.state) for n in store.notifications(PAIR)] == [("hook", "sent")]
    assert store.verify().problems == []
    store.close()
