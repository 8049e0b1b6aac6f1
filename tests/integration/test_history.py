"""The history through a real worker: every assessment once, answered by name, whatever was killed."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from kafka.structs import OffsetAndMetadata, TopicPartition

from sandbox.server import free_port
from stream.settings import Settings
from stream.topic_admin import administration
from tests.conftest import TEST_PARTITIONS
from tests.support.console import accesswatch
from tests.support.worker import a_worker, eventually, publish, values

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

ASSESSMENT = "integrity.assessment.v1"


@pytest.fixture
def kept(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment with a history."""
    return environment | {"ACCESSWATCH_HISTORY": str(tmp_path / "history")}


def history(environment: dict[str, str], *arguments: str) -> Any:
    """What a command of the history prints as JSON."""
    ended = accesswatch("history", *arguments, "--json", environment=environment)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def accesses(number: int, name: str = "e", client: str = "c1", staff: str = "s1") -> list[tuple[str, dict[str, Any]]]:
    """Views of a client's record, a minute apart."""
    return [
        (staff, {
            "event_id": f"{name}-{one}", "occurred_at": f"2026-11-20T{9 + one // 60 % 12:02d}:{one % 60:02d}:00+13:00",
            "staff_id": staff, "client_id": client, "action": "view", "sections": ["identity"],
        })
        for one in range(number)
    ]  # fmt: skip


async def known(settings: Settings) -> None:
    """One staff member and two clients, one of them their own."""
    staff = {"staff_id": "s1", "kind": "employee", "status": "active", "org_unit": "u1", "roles": ["case_manager"]}
    await publish(settings, "ref.staff.v1", [("s1", staff | {"client_ids": ["c2"]})])
    clients = [(one, {"client_id": one, "status": "active"}) for one in ("c1", "c2")]
    await publish(settings, "ref.client.v1", clients)


async def on_the_topic(settings: Settings) -> dict[str, dict[str, Any]]:
    """The assessments on the topic by event id, the first of each."""
    found: dict[str, dict[str, Any]] = {}
    for one in await values(settings, ASSESSMENT):
        found.setdefault(one["event_id"], one)
    return found


async def test_every_assessment_is_in_it_once_and_found_by_client_staff_and_event(
    settings: Settings, kept: dict[str, str], tmp_path: Path
) -> None:
    """As it stands on the topic, with when it was judged and where it came from; what it is asked is on record."""
    await known(settings)
    with a_worker(kept, tmp_path) as worker:
        await publish(settings, "cms.access.v1", accesses(30))
        await publish(settings, "cms.access.v1", accesses(5, "own", "c2"))
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 35)
        history(kept, "flush")
        expected = await on_the_topic(settings)
        found = history(kept, "query", "--client", "c1")
        assert [row["event_id"] for row in found["rows"]] == [f"e-{one}" for one in range(30)]
        own = history(kept, "query", "--client", "c2", "--from", "2026-11-20", "--to", "2026-11-20")
        everything = history(kept, "query", "--staff", "s1")
        assert len(everything["rows"]) == 35
        assert len(own["rows"]) == 5
        for row in everything["rows"]:
            said = {name: value for name, value in row.items() if not name.startswith(("judged_at", "source_"))}
            assert as_instants(said) == as_instants(expected[row["event_id"]])
        (one,) = history(kept, "query", "--event", "own-3")["rows"]
        assert one["outcome"] == "hit"
        explained = accesswatch("explain", "own-3", "--day", "2026-11-20", environment=kept)
        assert "Rule own-record (hit, high)" in explained.stdout, explained.stderr
        assert "Outcome: hit" in accesswatch("explain", "own-3", environment=kept).stdout
        assert history(kept, "query", "--client", "nobody")["rows"] == []
        assert history(kept, "query", "--client", "c1", "--from", "2027-01-01")["rows"] == []
        status = history(kept, "status")
        assert (status["rows"], status["gaps"], status["by_month"]) == (35, [], ["2026-11"])
        assert status["complete_to"] is not None
        assert worker.metric("accesswatch_history_rows_total") == 35
        assert worker.stop() == 0
    assert history(kept, "verify")["problems"] == []


def as_instants(assessment: dict[str, Any]) -> dict[str, Any]:
    """An assessment with times that do not depend on how their offset is written."""
    text = json.dumps(assessment, sort_keys=True)
    return json.loads(text.replace("+00:00", "Z"))  # type: ignore[no-any-return]


@pytest.mark.long
async def test_a_killed_worker_loses_and_repeats_nothing(
    settings: Settings, kept: dict[str, str], tmp_path: Path
) -> None:
    """What was in memory is read again from where the table says; compaction leaves each access once."""
    await known(settings)
    sent = 0
    for number in range(3):
        with a_worker(kept, tmp_path) as worker:
            await publish(settings, "cms.access.v1", accesses(40, f"k{number}"))
            sent += 40
            eventually(lambda: worker.metric("accesswatch_accesses_total") >= 40)
            if number:
                history(kept, "flush")
            worker.process.send_signal(signal.SIGKILL)
            worker.process.wait()
    with a_worker(kept, tmp_path) as worker:
        history(kept, "flush")
        assert worker.stop() == 0
    rows = history(kept, "query", "--client", "c1")["rows"]
    assert {row["event_id"] for row in rows} == (await on_the_topic(settings)).keys()
    assert len(rows) == sent
    assert accesswatch("history", "compact", environment=kept).returncode == 0
    assert history(kept, "query", "--client", "c1")["rows"] == rows
    assert history(kept, "status")["rows"] == sent
    assert history(kept, "verify")["problems"] == []


@pytest.mark.long
async def test_two_workers_write_one_history(settings: Settings, kept: dict[str, str], tmp_path: Path) -> None:
    """One writes, the other stands by and takes over when it is gone."""
    await known(settings)
    beside = kept | {"ACCESSWATCH_HTTP": f"127.0.0.1:{free_port()}"}
    with a_worker(kept, tmp_path) as first, a_worker(beside, tmp_path, "--agents", "history") as second:
        await publish(settings, "cms.access.v1", accesses(20))
        eventually(lambda: first.metric("accesswatch_accesses_total") == 20)
        history(kept, "flush")
        written = [one.metric("accesswatch_history_rows_total") for one in (first, second)]
        assert sorted(written) == [0, 20]
        assert first.stop() == 0
        history(kept, "flush")
        assert second.stop() == 0
    assert history(kept, "status")["rows"] == 20


@pytest.mark.long
async def test_what_was_erased_does_not_come_back(settings: Settings, kept: dict[str, str], tmp_path: Path) -> None:
    """Asked for by one person and approved by another; gone from the disk; a rebuild from Kafka leaves it out."""
    await known(settings)
    with a_worker(kept, tmp_path) as worker:
        await publish(settings, "cms.access.v1", [*accesses(10), *accesses(4, "o", "c2")])
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 14)
        history(kept, "flush")
        asked = accesswatch(
            "history", "removal", "ask", "--client", "c2", "--authority", "DA 123",
            environment=kept | {"ACCESSWATCH_ACTOR": "p1"},
        )  # fmt: skip
        removal = asked.stdout.split()[2].rstrip(".")
        approve = ("history", "removal", "approve", removal)
        refused = accesswatch(*approve, environment=kept | {"ACCESSWATCH_ACTOR": "p1"})
        assert "Another person than who asked for a removal approves it." in refused.stderr
        done = accesswatch(*approve, environment=kept | {"ACCESSWATCH_ACTOR": "p2"})
        assert "4 rows are removed, by DA 123." in done.stdout, done.stderr
        assert history(kept, "query", "--client", "c2")["rows"] == []
        assert len(history(kept, "query", "--client", "c1")["rows"]) == 10
        assert len(list((tmp_path / "history").rglob("*.parquet"))) == 1
        assert worker.stop() == 0
    assert "say --force" in accesswatch("history", "rebuild", environment=kept).stderr
    assert accesswatch("history", "rebuild", "--force", environment=kept).returncode == 0
    with a_worker(kept, tmp_path) as worker:
        history(kept, "flush")
        assert history(kept, "query", "--client", "c2")["rows"] == []
        assert len(history(kept, "query", "--client", "c1")["rows"]) == 10
        assert worker.stop() == 0


async def test_a_file_that_is_missing_or_altered_is_named(
    settings: Settings, kept: dict[str, str], tmp_path: Path
) -> None:
    """With its month; no part of an answer is given without saying so."""
    await known(settings)
    with a_worker(kept, tmp_path) as worker:
        for name in ("a", "b"):
            await publish(settings, "cms.access.v1", accesses(5, name))
            eventually(lambda: worker.metric("accesswatch_accesses_total") % 5 == 0)
            history(kept, "flush")
        assert worker.stop() == 0
    first, second = sorted((tmp_path / "history").rglob("*.parquet"))
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 0xFF
    first.write_bytes(content)
    second.unlink()
    ended = accesswatch("history", "verify", environment=kept)
    assert ended.returncode == 1
    assert f"2026-11: {first.name} is not as it was written." in ended.stdout
    assert f"2026-11: {second.name} is missing." in ended.stdout
    asked = accesswatch("history", "query", "--client", "c1", "--json", environment=kept)
    assert (asked.returncode, asked.stdout) == (1, "")
    assert "A file of 2026-11 of the history is missing" in asked.stderr


def test_a_period_that_ends_before_it_begins_is_wrong_usage(kept: dict[str, str]) -> None:
    """And so are two things asked for at once."""
    ended = accesswatch(
        "history", "query", "--client", "c1", "--from", "2026-12-01", "--to", "2026-11-01", environment=kept
    )
    assert (ended.returncode, "--to is before --from" in ended.stderr) == (2, True)
    assert accesswatch("history", "query", "--client", "c1", "--staff", "s1", environment=kept).returncode == 2


async def test_coverage_names_what_was_neither_assessed_nor_parked(
    settings: Settings, kept: dict[str, str], tmp_path: Path
) -> None:
    """Though the group's offsets were moved past it; what cannot be read is parked, and so is not missing."""
    await known(settings)
    with a_worker(kept, tmp_path) as worker:
        await publish(settings, "cms.access.v1", [*accesses(20), ("s1", {"no": "access"})])
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 20)
        eventually(lambda: worker.metric("accesswatch_dead_letters_total") == 1)
        history(kept, "flush")
        found = history(kept, "coverage")
        assert (found["records"], found["missing"]) == (21, [])
        assert worker.stop() == 0
    await publish(settings, "cms.access.v1", accesses(3, "skipped"))
    with administration(settings) as admin:
        topic = settings.topic("cms.access.v1")
        partitions = [TopicPartition(topic, one) for one in range(TEST_PARTITIONS)]
        ends = {tp: found.offset for tp, found in admin.list_partition_offsets(dict.fromkeys(partitions, -1)).items()}
        moved = {tp: OffsetAndMetadata(end, "", -1) for tp, end in ends.items()}
        admin.alter_group_offsets(settings.consumer_group("screen"), moved)
    with a_worker(kept, tmp_path) as worker:
        await publish(settings, "cms.access.v1", accesses(2, "after"))
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 2)
        history(kept, "flush")
        ended = accesswatch("history", "coverage", "--json", environment=kept)
        assert worker.stop() == 0
    assert ended.returncode == 1
    assert "3 records were neither assessed nor parked." in ended.stderr
    assert len(json.loads(ended.stdout)["missing"]) == 3
