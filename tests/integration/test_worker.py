"""The whole way of an access, with a real worker process on a real Kafka and Valkey."""

import asyncio
import json
import signal
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stream.settings import Settings
from stream.topic_admin import administration
from tests.support.console import accesswatch
from tests.support.topics import read_all, read_at_least
from tests.support.worker import RunningWorker, a_worker, eventually, publish, values

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

NOW = datetime.now(UTC)


def an_access(event_id: str, staff_id: str = "s1", client_id: str | None = None, **more: object) -> dict[str, Any]:
    """An access as the CMS sends it."""
    access = {"event_id": event_id, "occurred_at": NOW.isoformat(), "staff_id": staff_id, "action": "view"}
    return access | ({"client_id": client_id} if client_id else {}) | more


def a_staff_member(staff_id: str, **more: object) -> tuple[str, dict[str, Any]]:
    """A staff record with its key."""
    return staff_id, {
        "staff_id": staff_id, "kind": "employee", "status": "active", "org_unit": "u1", "roles": [], **more,
    }  # fmt: skip


def a_client(client_id: str) -> tuple[str, dict[str, Any]]:
    """A client record with its key."""
    return client_id, {"client_id": client_id, "status": "active"}


async def assessed(settings: Settings, count: int) -> dict[str, dict[str, Any]]:
    """Wait until so many distinct accesses are assessed; give the newest assessment of each."""
    found: dict[str, dict[str, Any]] = {}
    for _ in range(300):
        found = {value["event_id"]: value for value in await values(settings, "integrity.assessment.v1")}
        if len(found) >= count:
            break
        await asyncio.sleep(0.1)
    assert len(found) == count
    return found


async def test_an_access_goes_the_whole_way(settings: Settings, environment: dict[str, str], tmp_path: Path) -> None:
    """From the access to its assessment, its hit, its alert, and the commands that show them."""
    await publish(settings, "ref.staff.v1", [a_staff_member("s1", client_ids=["c1"])])
    await publish(settings, "ref.client.v1", [a_client("c1")])
    with a_worker(environment, tmp_path) as worker:
        await publish(settings, "cms.access.v1", [("s1", an_access("e1", client_id="c1")), ("s1", an_access("e2"))])
        found = await assessed(settings, 2)
        assert found["e1"]["outcome"] == "hit"
        assert found["e2"]["outcome"] == "no_subject"
        assert [answer["rule"] for answer in found["e1"]["answers"]] == ["own-record"]
        (hit,) = await read_at_least(str(settings.kafka), settings.topic("integrity.hit.v1"), 1)
        assert json.loads(hit.value) == found["e1"]
        alert = await an_alert(settings)
        assert [alert["alert_id"]] == found["e1"]["alert_ids"]
        assert (alert["revision"], alert["rules"], alert["event_ids"]) == (1, ["own-record"], ["e1"])
        shown = accesswatch("alerts", "show", alert["alert_id"], environment=environment)
        assert "Own client record" in shown.stdout
        explained = accesswatch("explain", "e1", environment=environment)
        assert "own client record" in explained.stdout
        eventually(lambda: worker.metric("accesswatch_access_to_alert_seconds_count") == 1)
        eventually(lambda: worker.metric("accesswatch_accesses_total", action="view") == 2)
        kinds = [line for line in worker.page("/metrics")[1].splitlines() if line.startswith("# TYPE ")]
        assert sorted(kinds) == sorted(set(kinds))
        assert worker.stop() == 0


async def an_alert(settings: Settings) -> dict[str, Any]:
    """Wait for the one alert there is."""
    for _ in range(300):
        alerts = await values(settings, "integrity.alert.v1")
        if alerts:
            return alerts[-1]
        await asyncio.sleep(0.1)
    raise AssertionError("no alert came")


async def test_bad_records_are_parked_byte_for_byte_and_nothing_after_them_is_lost(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Undecodable, invalid and too large records go to the dead letters; the good ones around them are assessed."""
    future = (NOW + timedelta(hours=25)).isoformat()
    bad: list[tuple[object, str]] = [
        (b"{no json", "decode"),
        (b"\xff\xfe", "decode"),
        (b'{"a": NaN}', "decode"),
        (b"[" * 65 + b"]" * 65, "decode"),
        (b'"' + b"x" * (1024 * 1024) + b'"', "decode"),
        (b"x" * (4 * 1024 * 1024), "decode"),
        (None, "validate"),
        (an_access("x1", action="peek"), "validate"),
        (an_access("x2", occurred_at="2026-11-20T09:14:07"), "validate"),
        (an_access("x3", occurred_at=future), "validate"),
    ]
    records: list[tuple[str | None, object]] = []
    for number, (value, _) in enumerate(bad):
        records += [("s1", value), ("s1", an_access(f"good-{number}", unknown=1))]
    with a_worker(environment, tmp_path) as worker:
        await publish(settings, "cms.access.v1", records)
        found = await assessed(settings, len(bad))
        assert set(found) == {f"good-{number}" for number in range(len(bad))}
        await same_bytes(settings, "cms.access.v1", [stage for _, stage in bad])
        eventually(lambda: worker.metric("accesswatch_dead_letters_total", stage="decode") == 6)
        eventually(lambda: worker.metric("accesswatch_dead_letters_total", stage="validate") == 4)
        eventually(lambda: worker.metric("accesswatch_unknown_fields_total") == len(bad))


async def same_bytes(settings: Settings, topic: str, stages: list[str]) -> None:
    """Compare each dead letter with the record that its headers name."""
    assert settings.kafka is not None
    origin = {
        (record.partition, record.offset): record for record in await read_all(settings.kafka, settings.topic(topic))
    }
    letters = await read_at_least(settings.kafka, settings.topic(f"{topic}.dlq"), len(stages))
    found = []
    for letter in letters:
        headers = {name.removeprefix("__accesswatch.errors."): text.decode() for name, text in letter.headers}
        record = origin[int(headers["partition"]), int(headers["offset"])]
        assert (record.key, record.value) == (letter.key, letter.value)
        assert headers["topic"] == settings.topic(topic)
        assert set(headers) == {
            "topic", "partition", "offset", "stage", "exception.class.name", "exception.message",
            "group", "service.version", "timestamp",
        }  # fmt: skip
        found.append((int(headers["offset"]), headers["stage"]))
    assert [stage for _, stage in sorted(found)] == stages


async def test_a_relationship_published_now_is_used_now(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """A change of reference data is in force for what comes after it, and its tombstone takes it back."""
    relationship = {"relationship_id": "r1", "a": "staff:s1", "b": "client:c2", "kind": "sibling", "source": "declared"}
    await publish(settings, "ref.staff.v1", [a_staff_member("s1")])
    await publish(settings, "ref.client.v1", [a_client("c2")])
    with a_worker(environment, tmp_path) as worker:
        assert await outcome(settings, "e1") == "unexplained"
        await publish(settings, "ref.relationship.v1", [("r1", relationship)])
        eventually(lambda: worker.metric("accesswatch_reference_records", kind="relationship") == 1)
        assert await outcome(settings, "e2") == "hit"
        await publish(settings, "ref.relationship.v1", [("r1", None)])
        eventually(lambda: worker.metric("accesswatch_reference_records", kind="relationship") == 0)
        assert await outcome(settings, "e3") == "unexplained"


async def outcome(settings: Settings, event_id: str) -> str:
    """Publish an access of s1 to c2 and give its outcome."""
    before = {value["event_id"] for value in await values(settings, "integrity.assessment.v1")}
    await publish(settings, "cms.access.v1", [("s1", an_access(event_id, client_id="c2"))])
    found = await assessed(settings, len(before) + 1)
    return str(found[event_id]["outcome"])


async def test_bad_reference_records_are_parked_and_the_others_used(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """An invalid reference record goes to its own dead letters."""
    bad = [b"{", b'{"staff_id": "s9"}', b""]
    await publish(
        settings, "ref.staff.v1",
        [("s1", bad[0]), a_staff_member("s1", client_ids=["c1"]), ("s1", bad[1]), ("s1", bad[2])],
    )  # fmt: skip
    with a_worker(environment, tmp_path) as worker:
        eventually(lambda: worker.metric("accesswatch_dead_letters_total") == 3)
        eventually(lambda: worker.metric("accesswatch_reference_records", kind="staff") == 1)
        assert settings.kafka is not None
        letters = await read_at_least(settings.kafka, settings.topic("ref.staff.v1.dlq"), len(bad))
        assert {letter.value for letter in letters} == set(bad)


async def test_a_killed_worker_loses_nothing_and_raises_no_alert_twice(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Kill -9 in the middle of a load, twice; in the end every access is assessed and each alert is one."""
    await publish(settings, "ref.staff.v1", [a_staff_member(f"s{n}", client_ids=[f"c{n}"]) for n in range(20)])
    accesses = [
        (f"s{n % 20}", an_access(f"e{n}", f"s{n % 20}", f"c{n % 20}" if n % 10 == 0 else None)) for n in range(6000)
    ]
    killed_midway = 0
    with a_worker(environment, tmp_path) as worker:
        load = asyncio.create_task(publish(settings, "cms.access.v1", accesses))
        killed_midway += await kill_midway(worker, 500)
        await load
    with a_worker(environment, tmp_path, ready=False) as worker:
        killed_midway += await kill_midway(worker, 500)
    assert killed_midway, "no kill fell into the work: the fault was not injected"
    with a_worker(environment, tmp_path) as worker:
        found = await assessed(settings, 6000)
        assert sum(value["outcome"] == "hit" for value in found.values()) == 600
        eventually(lambda: worker.metric("accesswatch_consumer_lag_records") == 0)
        alerts = await settled_alerts(settings, 2)
        assert {alert["access_count"] for alert in alerts.values()} == {300}
        assert worker.stop() == 0


async def kill_midway(worker: RunningWorker, after: int) -> int:
    """Kill -9 once so many accesses are counted; say whether that fell into the work."""
    for _ in range(3000):
        counted = worker.metric("accesswatch_accesses_total")
        if counted >= after:
            worker.stop(signal.SIGKILL)
            return int(counted < 6000)
        await asyncio.sleep(0.02)
    raise AssertionError(f"nothing was assessed; its log: {worker.log()}")


async def settled_alerts(settings: Settings, count: int) -> dict[str, dict[str, Any]]:
    """Wait until so many alerts have stopped changing; give the newest revision of each."""
    before: dict[str, dict[str, Any]] = {}
    for _ in range(100):
        revisions: dict[str, list[int]] = {}
        newest: dict[str, dict[str, Any]] = {}
        for alert in await values(settings, "integrity.alert.v1"):
            revisions.setdefault(alert["alert_id"], []).append(alert["revision"])
            newest[alert["alert_id"]] = alert
        if newest == before and sum(alert["access_count"] for alert in newest.values()) >= 300 * count:
            assert len(newest) == count
            for numbers in revisions.values():
                assert sorted(set(numbers)) == list(range(1, numbers[-1] + 1))
            return newest
        before = newest
        await asyncio.sleep(0.3)
    raise AssertionError(f"the alerts did not settle: {before}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_worker_cleanly_and_the_next_one_goes_on(
    settings: Settings, environment: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    """Exit 0, everything committed, and nothing is assessed a second time."""
    with a_worker(environment, tmp_path) as worker:
        await publish(settings, "cms.access.v1", [(f"s{n}", an_access(f"e{n}", f"s{n}")) for n in range(500)])
        await assessed(settings, 500)
        assert worker.stop(number) == 0, worker.log()
    with a_worker(environment, tmp_path) as worker:
        await publish(settings, "cms.access.v1", [("s1", an_access("last"))])
        await assessed(settings, 501)
        assert len(await values(settings, "integrity.assessment.v1")) == 501
        assert worker.stop(number) == 0, worker.log()


async def test_a_signal_before_all_agents_have_started_commits_what_one_has_done(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """One agent waits for its group while another is at work: what that did is committed, and not done again."""
    with a_worker(environment, tmp_path, ready=False, fault="one-late") as worker:
        await publish(settings, "cms.access.v1", [(f"s{n}", an_access(f"e{n}", f"s{n}")) for n in range(500)])
        await assessed(settings, 500)
        assert "FAULT INJECTED" in worker.log()
        assert '"started"' not in worker.log()
        assert worker.stop() == 0, worker.log()
    with administration(settings) as admin:
        group = settings.consumer_group("screen")
        assert admin.describe_groups([group])[group]["members"] == [], "others would wait until its session ends"
    with a_worker(environment, tmp_path):
        await publish(settings, "cms.access.v1", [("s1", an_access("last"))])
        await assessed(settings, 501)
    assert len(await values(settings, "integrity.assessment.v1")) == 501


@pytest.mark.parametrize("missing", ["ACCESSWATCH_REDIS", "nothing"])
async def test_a_worker_that_is_still_starting_can_be_stopped(
    environment: dict[str, str], tmp_path: Path, missing: str
) -> None:
    """With Redis away it waits, says so, and ends at a signal all the same."""
    away = environment | {missing: "redis://127.0.0.1:1/0"} if missing != "nothing" else environment
    with a_worker(away, tmp_path, ready=False) as worker:
        eventually(lambda: worker.page("/readyz")[0] == 503)
        assert worker.stop() == 0


async def test_agents_can_run_in_processes_of_their_own(
    settings: Settings, environment: dict[str, str], tmp_path: Path, unused_tcp_port: int
) -> None:
    """One worker for the reference data, the accesses in another: the second waits for the first."""
    await publish(settings, "ref.staff.v1", [a_staff_member("s1", client_ids=["c1"])])
    await publish(settings, "cms.access.v1", [("s1", an_access("e1", client_id="c1"))])
    with a_worker(environment, tmp_path, "--agents", "screen", ready=False) as screening:
        eventually(lambda: "screen: Redis holds no reference data yet" in screening.page("/readyz")[1])
        assert screening.page("/livez")[0] == 200
        assert await values(settings, "integrity.assessment.v1") == []
        other = environment | {"ACCESSWATCH_HTTP": f"127.0.0.1:{unused_tcp_port}"}
        with a_worker(other, tmp_path, "--agents", "reference,alert,deliver"):
            screening.wait_ready()
            found = await assessed(settings, 1)
            assert found["e1"]["outcome"] == "hit"
            assert (await an_alert(settings))["rules"] == ["own-record"]


@pytest.fixture
def unused_tcp_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_an_access_is_not_held_back_by_partitions_that_are_empty(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """One partition has accesses, the others never had any: they come as they are published, not all at once."""
    with a_worker(environment, tmp_path, "--agents", "screen,reference") as worker:
        for number in range(20):
            await publish(settings, "cms.access.v1", [("s1", an_access(f"e{number}"))])
        await assessed(settings, 20)
        assert worker.metric("accesswatch_batch_seconds_count", agent="screen") > 5


def test_mistakes_are_said_in_a_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    """A port in use, a missing topic, a wrong file, an agent or a setting that is none: one sentence, exit 1 or 2."""
    host, port = environment["ACCESSWATCH_HTTP"].split(":")
    with socket.socket() as taken:
        taken.bind((host, int(port)))
        taken.listen()
        busy = accesswatch("worker", environment=environment)
    assert (busy.returncode, busy.stderr.count("\n")) == (1, 1)
    assert "set ACCESSWATCH_HTTP to a free host:port" in busy.stderr
    missing = accesswatch("worker", environment=environment | {"ACCESSWATCH_TOPIC_PREFIX": "nowhere."})
    assert (missing.returncode, "accesswatch topics create" in missing.stderr) == (1, True)
    (tmp_path / "delivery.yaml").write_text("routes: [{name: all, channels: [nobody]}]", "utf-8")
    wrong = accesswatch("worker", environment=environment | {"ACCESSWATCH_DELIVERY": str(tmp_path / "delivery.yaml")})
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1), wrong.stderr
    assert "conflict_route: is missing" in wrong.stderr
    assert accesswatch("worker", "--agents", "judge", environment=environment).returncode == 2
    stranger = accesswatch("worker", environment=environment | {"ACCESSWATCH_KAFAK": "x"})
    assert (stranger.returncode, "ACCESSWATCH_KAFAK" in stranger.stderr) == (1, True)
