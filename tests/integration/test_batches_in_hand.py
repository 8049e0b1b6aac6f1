"""Several batches are in hand at once: whatever ends the worker then, none of their accesses is lost or put behind."""

import json
import signal
from collections import defaultdict
from pathlib import Path

import pytest

from agents.pipelining import AT_ONCE_MAX
from sandbox.server import free_port
from stream.consumer import BATCH_RECORDS_MAX
from stream.settings import Settings
from tests.integration.test_stalls import an_access
from tests.integration.test_worker import assessed
from tests.support.topics import read_all
from tests.support.worker import RunningWorker, a_worker, eventually, publish, values

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

#: Enough for the line to be full, and for polls that bring many: only those are followed by the next at once.
ACCESSES = 2 * AT_ONCE_MAX * BATCH_RECORDS_MAX
#: So many more, one by one, until a second worker has been given a partition.
MORE_MAX = 1_000


async def fill(settings: Settings, worker: RunningWorker) -> int:
    """Publish accesses and wait until as many batches are in hand as there may be; give how many accesses there are."""
    await publish(settings, "cms.access.v1", [(f"s{one}", an_access(one)) for one in range(ACCESSES)])
    eventually(lambda: f"BATCHES IN HAND: {AT_ONCE_MAX}" in worker.log(), "there were never several batches in hand")
    return ACCESSES


async def test_a_worker_that_is_killed_with_batches_in_hand_loses_none_of_them(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Nothing of them was committed: the next worker reads all of them again."""
    with a_worker(environment, tmp_path, fault="slow-publish") as worker:
        published = await fill(settings, worker)
        assert worker.stop(signal.SIGKILL) == -signal.SIGKILL
        before = {value["event_id"] for value in await values(settings, "integrity.assessment.v1")}
        assert len(before) < published, "everything was done before the kill"
    with a_worker(environment, tmp_path):
        await assessed(settings, published)


async def test_a_worker_that_is_told_to_stop_finishes_the_batches_in_hand(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """All that it took is assessed and committed when it ends with 0: the next one assesses nothing twice."""
    with a_worker(environment, tmp_path, fault="slow-publish") as worker:
        published = await fill(settings, worker)
        assert worker.stop() == 0, worker.log()
    with a_worker(environment, tmp_path):
        await assessed(settings, published)
        ids = [value["event_id"] for value in await values(settings, "integrity.assessment.v1")]
    assert len(ids) == len(set(ids)) == published


async def test_a_worker_that_must_give_partitions_away_gives_none_of_their_accesses_up(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """A second worker joins while batches are in hand; each partition is assessed in the order of its records."""
    other = environment | {"ACCESSWATCH_HTTP": f"127.0.0.1:{free_port()}"}
    with a_worker(environment, tmp_path, fault="slow-publish") as worker:
        published = await fill(settings, worker)
        with a_worker(other, tmp_path) as second:
            while not second.metric("accesswatch_accesses_total"):
                assert published < ACCESSES + MORE_MAX, "the second worker was never given a partition"
                await publish(settings, "cms.access.v1", [(f"s{published}", an_access(published))])
                published += 1
            await assessed(settings, published)
    made = await first_seen(settings, "integrity.assessment.v1")
    for accesses in (await first_seen(settings, "cms.access.v1")).values():
        for ids in made.values():
            both = set(accesses) & set(ids)
            assert [one for one in ids if one in both] == [one for one in accesses if one in both]


async def test_the_first_records_of_a_partition_are_not_passed_over_when_they_are_given_back(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Partitions move while a poll brings records of one that was never committed: they are read again."""
    await publish(settings, "cms.access.v1", [("s0", an_access(0))])
    with a_worker(environment, tmp_path, fault="give-back") as worker:
        eventually(lambda: "FAULT INJECTED" in worker.log())
        await publish(settings, "cms.access.v1", [("s0", an_access(1))])
        await assessed(settings, 2)


async def first_seen(settings: Settings, topic: str) -> dict[int, list[str]]:
    """Return the ids of accesses on each partition of a topic, in the order in which each was there first."""
    assert settings.kafka is not None
    found: defaultdict[int, dict[str, None]] = defaultdict(dict)
    for record in await read_all(settings.kafka, settings.topic(topic)):
        found[record.partition].setdefault(json.loads(record.value)["event_id"])
    return {partition: list(ids) for partition, ids in found.items()}
