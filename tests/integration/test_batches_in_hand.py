"""What is in hand when partitions move is read again by whoever has them then."""

from pathlib import Path

import pytest

from stream.settings import Settings
from tests.integration.test_stalls import an_access
from tests.support.worker import a_worker, eventually, eventually_async, publish, values

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


async def all_of(settings: Settings, count: int) -> list[str]:
    """Wait until every access has its assessment; give the ids of all assessments."""

    async def complete() -> list[str] | None:
        ids = [value["event_id"] for value in await values(settings, "integrity.assessment.v1")]
        return ids if {f"e{number}" for number in range(count)} <= set(ids) else None

    return await eventually_async(complete)


async def test_the_first_records_of_a_partition_are_not_passed_over_when_they_are_given_back(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Partitions move while a poll brings records of one that was never committed: they are read again."""
    await publish(settings, "cms.access.v1", [("s0", an_access(0))])
    with a_worker(environment, tmp_path, fault="give-back") as worker:
        eventually(lambda: "FAULT INJECTED" in worker.log())
        await publish(settings, "cms.access.v1", [("s0", an_access(1))])
        await all_of(settings, 2)
