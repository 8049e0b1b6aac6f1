"""A limit on parking: a worker stops with a sentence rather than parking a whole topic."""

from pathlib import Path

import pytest

from stream.settings import Settings
from tests.support.topics import read_all, read_at_least
from tests.support.worker import AWAITED_SECONDS_MAX, a_worker, eventually, publish

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


async def test_a_topic_of_poison_stops_the_worker_again_and_again_until_somebody_decides(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Nothing past the limit is parked, by a restarted worker neither; with the limit raised, everything is."""
    await publish(settings, "cms.access.v1", [("s1", b"poison")] * 50)
    strict = environment | {"ACCESSWATCH_PARK_IN_A_ROW_MAX": "20"}
    for _ in range(2):
        with a_worker(strict, tmp_path, ready=False) as worker:
            assert worker.process.wait(AWAITED_SECONDS_MAX) == 1
            assert "raise ACCESSWATCH_PARK_IN_A_ROW_MAX" in worker.log()
    assert settings.kafka is not None
    letters = settings.topic("cms.access.v1.dlq")
    assert await read_all(settings.kafka, letters) == []
    with a_worker(environment, tmp_path) as worker:
        eventually(lambda: worker.metric("accesswatch_dead_letters_total") == 50)
    assert len(await read_at_least(settings.kafka, letters, 50)) == 50
