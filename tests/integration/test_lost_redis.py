"""Redis is disposable: emptied, restarted empty or gone back to an older copy, with accesses in flight.

Every access of these tests is to the actor's own client record. Judged with missing facts it would get another outcome
than ``hit``; so each outcome says whether the facts were all there.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from stream.settings import Settings
from stream.topic_admin import administration, create_missing
from tests.support.own_valkey import STAFF, OwnValkey, accesses, all_known, outcomes, staff
from tests.support.worker import a_worker, eventually, values

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


def empty(valkey: OwnValkey) -> None:
    """FLUSHALL."""
    with valkey.connection() as connection:
        connection.flushall()


def restart(valkey: OwnValkey) -> None:
    """A restart; nothing was saved, or what was saved is older than what was known."""
    valkey.restart()


@dataclass(frozen=True)
class Way:
    """One way to lose Redis: what is done, whether it was saved before, and what the worker says of it."""

    lose: Callable[[OwnValkey], None]
    saved: bool
    said: str


WAYS = [
    pytest.param(Way(empty, saved=False, said="gone"), id="FLUSHALL"),
    pytest.param(Way(restart, saved=False, said="gone"), id="restarted empty"),
    pytest.param(Way(restart, saved=True, said="went back to an older copy"), id="gone back to an older copy"),
]


@pytest.mark.parametrize("way", WAYS)
async def test_redis_loses_its_data(
    settings: Settings, on_it: dict[str, str], valkey: OwnValkey, tmp_path: Path, way: Way
) -> None:
    """It is noticed and rebuilt by the worker itself; accesses wait meanwhile, and none is judged without its facts."""
    await staff(settings, range(STAFF // 2))
    with a_worker(on_it, tmp_path) as worker:
        if way.saved:
            with valkey.connection() as connection:
                connection.save()
        await staff(settings, range(STAFF // 2, STAFF))
        eventually(lambda: all_known(worker))
        await accesses(settings, "before", 200)
        in_flight = asyncio.create_task(accesses(settings, "meanwhile", 400))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(way.lose, valkey)
        await accesses(settings, "after", 200)
        await in_flight
        assert await outcomes(settings, 800) == {"hit"}
        eventually(lambda: all_known(worker))
        assert way.said in worker.log()
        assert worker.stop() == 0


async def test_a_worker_that_finds_an_older_copy_waits_until_it_has_caught_up(
    settings: Settings, on_it: dict[str, str], tmp_path: Path
) -> None:
    """Redis holds a complete epoch, but the topics have grown while nobody ran."""
    await staff(settings, range(STAFF // 2))
    with a_worker(on_it, tmp_path) as worker:
        assert worker.stop() == 0
    await staff(settings, range(STAFF // 2, STAFF))
    await accesses(settings, "waiting", 100)
    with a_worker(on_it, tmp_path, "--agents", "screen", ready=False) as screening:
        eventually(lambda: "reference records are not in Redis yet" in screening.page("/readyz")[1])
        assert await values(settings, "integrity.assessment.v1") == []
    with a_worker(on_it, tmp_path):
        assert await outcomes(settings, 100) == {"hit"}


async def test_topics_made_anew_are_read_anew(
    settings: Settings, on_it: dict[str, str], valkey: OwnValkey, tmp_path: Path
) -> None:
    """What Redis had of the old ones is discarded, though it had read further than the new ones reach."""
    name = settings.topic("ref.staff.v1")
    await staff(settings, range(STAFF))
    with a_worker(on_it, tmp_path) as worker:
        assert worker.stop() == 0
    with administration(settings) as admin:
        admin.delete_topics([name], raise_errors=False)
    for _ in range(100):
        await asyncio.sleep(0.2)
        with administration(settings) as admin:
            if name in create_missing(admin, settings, partitions=4):
                break
    await staff(settings, range(3))
    with a_worker(on_it, tmp_path) as worker:
        eventually(lambda: worker.metric("accesswatch_reference_records", kind="staff") == 3)
        with valkey.connection() as connection:
            assert len(list(connection.scan_iter(match="*:staff:*"))) == 6  # three nodes, and where each is
        assert worker.stop() == 0
