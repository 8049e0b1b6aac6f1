"""A worker that keeps its name keeps its partitions: a rolling restart moves none."""

import re
from pathlib import Path
from typing import Any

import pytest

from sandbox.server import free_port
from stream.settings import Settings
from stream.topic_admin import administration
from tests.conftest import TEST_PARTITIONS
from tests.support.worker import RunningWorker, a_worker, eventually

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]


def test_a_restarted_worker_gets_its_partitions_back_and_the_other_one_notices_nothing(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """SIGTERM and a new start within the session: the same assignment, and no rebalance for the worker beside it."""
    one = environment | {"ACCESSWATCH_INSTANCE_ID": "worker-0"}
    other = environment | {
        "ACCESSWATCH_INSTANCE_ID": "worker-1",
        "ACCESSWATCH_HTTP": f"127.0.0.1:{free_port()}",
        "ACCESSWATCH_STATE_DIR": str(tmp_path / "other"),
        "ACCESSWATCH_DATABASE": f"sqlite:///{tmp_path / 'shared.sqlite3'}",
    }
    one["ACCESSWATCH_DATABASE"] = other["ACCESSWATCH_DATABASE"]
    with a_worker(other, tmp_path) as beside:
        with a_worker(one, tmp_path) as first:
            eventually(lambda: len(members(settings)) == 2 and both_ready(first, beside))
            before = members(settings)
            assert first.stop() == 0
        assert members(settings) == before
        with a_worker(one, tmp_path) as again:
            eventually(lambda: both_ready(again, beside))
            after = members(settings)
    assert {name: partitions for name, (_, partitions) in after.items()} == {
        name: partitions for name, (_, partitions) in before.items()
    }
    # The worker beside it is still the member that it was: had it joined anew, it would have another id.
    assert after["worker-1-screen"][0] == before["worker-1-screen"][0]


def test_a_partition_is_shown_by_the_worker_that_reads_it_and_by_no_other(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """Whoever has read it before says nothing of it any more: a sum over workers is the lag."""
    other = environment | {
        "ACCESSWATCH_HTTP": f"127.0.0.1:{free_port()}",
        "ACCESSWATCH_STATE_DIR": str(tmp_path / "other"),
    }
    with a_worker(environment, tmp_path) as first:
        eventually(lambda: len(shown(first)) == TEST_PARTITIONS)
        with a_worker(other, tmp_path) as second:
            eventually(lambda: bool(shown(first)) and bool(shown(second)) and not shown(first) & shown(second))
            assert len(shown(first) | shown(second)) == TEST_PARTITIONS


def shown(worker: RunningWorker) -> set[str]:
    """Return the partitions of accesses whose lag a worker shows."""
    page = worker.page("/metrics")[1]
    return set(
        re.findall(
            r'^accesswatch_consumer_lag_records\{partition="(\d+)",topic="\S*cms\.access\.v1"', page, re.MULTILINE
        )
    )


def both_ready(*workers: RunningWorker) -> bool:
    """Return whether all of them are ready."""
    return all(worker.page("/readyz")[0] == 200 for worker in workers)


def members(settings: Settings) -> dict[str, tuple[str, frozenset[Any]]]:
    """Return, by instance id, each member of the screening group: its member id and its partitions."""
    group = settings.consumer_group("screen")
    with administration(settings) as admin:
        described = admin.describe_groups([group])[group]
    found = {}
    for member in described["members"]:
        assignment = member["member_assignment"]
        partitions = frozenset(
            (topic["topic"], number) for topic in assignment["assigned_partitions"] for number in topic["partitions"]
        )
        found[member["group_instance_id"]] = (member["member_id"], partitions)
    return found
