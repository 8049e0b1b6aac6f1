"""Redis is emptied just as the feed says how far it has read: that holds for what was there, not for what is gone."""

from pathlib import Path

import pytest
import redis

from stream.settings import Settings
from tests.integration.test_worker import a_client, a_staff_member, an_access, assessed
from tests.support.worker import a_worker, eventually, publish

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


async def test_empty_data_are_never_taken_for_complete_ones(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """The feed stood at the end of the topics; said of an emptied Redis, that makes nothing look complete."""
    await publish(settings, "ref.staff.v1", [a_staff_member(f"s{n}", client_ids=[f"c{n}"]) for n in (1, 2)])
    await publish(settings, "ref.client.v1", [a_client("c1"), a_client("c2")])
    assert settings.redis is not None
    with a_worker(environment, tmp_path, fault="slow-idle") as worker:
        await publish(settings, "cms.access.v1", [("s1", an_access("e1", client_id="c1"))])
        await assessed(settings, 1)
        injected = worker.log().count("FAULT INJECTED")
        eventually(lambda: worker.log().count("FAULT INJECTED") > injected, "the feed never said how far it has read")
        with redis.Redis.from_url(settings.redis.get_secret_value()) as connection:
            connection.flushall()
        eventually(lambda: "they are loaded from Kafka" in worker.log(), "nobody noticed that Redis was emptied")
        eventually(lambda: worker.log().count("FAULT INJECTED") > injected + 2)
        # Of somebody whom the worker does not remember: what it remembers may stand in for what is gone.
        await publish(settings, "cms.access.v1", [("s2", an_access("e2", "s2", "c2"))])
        found = await assessed(settings, 2)
    for event in ("e1", "e2"):
        assert [answer["rule"] for answer in found[event]["answers"]] == ["own-record"]
