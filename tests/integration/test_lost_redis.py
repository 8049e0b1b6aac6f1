"""Redis is disposable: emptied, restarted empty or gone back to an older copy, with accesses in flight.

Every access of these tests is to the actor's own client record. Judged with missing facts it would get another outcome
than ``hit``; so each outcome says whether the facts were all there.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from stream.embedded.server import Server
from stream.embedded.valkey import start_valkey
from stream.settings import Settings
from stream.topic_admin import administration, create_missing
from tests.support.worker import RunningWorker, a_worker, eventually, publish, values

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

STAFF = 40
NOON = "2026-11-20T12:00:00+13:00"


class OwnValkey:
    """A Valkey of this test alone, to be emptied, killed and set back."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server: Server = start_valkey(directory, guarded=True)
        self.port = int(self._server.address.rpartition(":")[2])

    def connection(self) -> "redis.Redis":
        """A connection to it."""
        return redis.Redis(port=self.port)

    def restart(self) -> None:
        """Kill it and start it anew: empty, or with what was saved before."""
        self._server.program.kill()
        self._server = start_valkey(self._directory, guarded=True, port=self.port)
        assert self._server.address.endswith(f":{self.port}")

    def end(self) -> None:
        """Stop it."""
        self._server.program.kill()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[OwnValkey]:
    """A Valkey of this test alone."""
    own = OwnValkey(tmp_path / "own-valkey")
    yield own
    own.end()


@pytest.fixture
def on_it(environment: dict[str, str], valkey: OwnValkey) -> dict[str, str]:
    """The environment with that Valkey in it."""
    return environment | {"ACCESSWATCH_REDIS": f"redis://127.0.0.1:{valkey.port}/0"}


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


async def staff(settings: Settings, numbers: range) -> None:
    """Publish staff members, each with their own client record."""
    least = {"kind": "employee", "status": "active", "org_unit": "u"}
    members = [(f"s{n}", {"staff_id": f"s{n}", "client_ids": [f"c{n}"], **least}) for n in numbers]
    await publish(settings, "ref.staff.v1", members)


async def accesses(settings: Settings, name: str, count: int) -> None:
    """Publish accesses of everybody to their own record, a few at a time, for as long as it takes."""
    for start in range(0, count, 20):
        batch = [
            (f"s{n % STAFF}", {
                "event_id": f"{name}-{n}", "occurred_at": NOON, "staff_id": f"s{n % STAFF}", "action": "view",
                "client_id": f"c{n % STAFF}",
            })
            for n in range(start, start + 20)
        ]  # fmt: skip
        await publish(settings, "cms.access.v1", batch)


async def outcomes(settings: Settings, count: int) -> set[str]:
    """Wait until so many distinct accesses are assessed; give the outcomes that any of their assessments has."""
    for _ in range(600):
        found = await values(settings, "integrity.assessment.v1")
        if len({one["event_id"] for one in found}) >= count:
            return {one["outcome"] for one in found}
        await asyncio.sleep(0.1)
    raise AssertionError(f"{len(found)} of {count} accesses were assessed")


def all_known(worker: RunningWorker) -> bool:
    """Whether the worker knows all staff and is ready."""
    return worker.metric("accesswatch_reference_records", kind="staff") == STAFF and worker.page("/readyz")[0] == 200


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
