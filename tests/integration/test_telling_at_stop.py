"""A message that is on its way when the worker is told to stop is written down: nobody gets it twice."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from stream.settings import Settings
from tests.faults.receivers import HOOK, Receivers
from tests.integration.test_worker import a_client, a_staff_member, an_access
from tests.support.mail_and_hooks import until
from tests.support.worker import a_worker, publish

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

#: Longer than a stop takes by itself, shorter than a stop waits for messages.
HOOK_SECONDS = 2.0


async def test_a_message_on_its_way_is_finished_before_the_worker_ends(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """SIGTERM falls between the receiver's acceptance and its answer."""
    receivers = Receivers(hook_seconds=HOOK_SECONDS)
    told = environment | {"ACCESSWATCH_DELIVERY": str(receivers.write_delivery(tmp_path / "delivery"))}
    await publish(settings, "ref.staff.v1", [a_staff_member("s1", client_ids=["c1"])])
    await publish(settings, "ref.client.v1", [a_client("c1")])
    await receivers.open_hook()
    try:
        with a_worker(told, tmp_path) as worker:
            await publish(settings, "cms.access.v1", [("s1", an_access("e1", client_id="c1"))])
            await until(lambda: [channel for channel, _ in receivers.accepted] == [HOOK], 60)
            assert await asyncio.to_thread(worker.stop) == 0
    finally:
        await receivers.close_hook()
    assert [channel for channel, _ in receivers.accepted] == [HOOK]
    with closing(sqlite3.connect(settings.state_dir / "alerts.sqlite3")) as store:
        states = dict(store.execute("SELECT channel, state FROM notifications"))
    assert states[HOOK] == "sent"
