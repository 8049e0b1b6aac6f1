"""A Valkey of one test alone, and accesses of everybody to their own record: without all facts they are no hits."""

import asyncio
from pathlib import Path

import redis

from sandbox.server import Server
from sandbox.valkey import start_valkey
from stream.settings import Settings
from tests.support.worker import RunningWorker, publish, values

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
