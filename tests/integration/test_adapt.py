"""Records of another system, from its raw topic through its mapping into the topics of the contract."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agents.adapt import AUDIT_LOG_CHANGED, NOT_MAPPED, RAW_HEADER
from agents.dead_letter import PREFIX, REPLAYS_HEADER
from enrichment.mapping.mapping import MAPPING_HEADER
from stream.settings import Settings
from stream.topic_admin import administration, create_missing
from stream.topics import ACCESS, dead_letter_topic, raw_topic, reference_topic
from tests.support.console import accesswatch
from tests.support.raw_sources import TRIAL, a_folder, opened
from tests.support.schema_registry import PASSWORD, a_registry, framed
from tests.support.topics import read_all, read_at_least
from tests.support.worker import RunningWorker, a_worker, eventually, eventually_async, publish, values

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

RAW = raw_topic("trial")
LOG = """\
mapping: log
version: 1
source: {decode: debezium, table: log}
fields:
  event_id: {concat: ["'l-'", to_string(id)]}
  occurred_at: {from: at, time: iso}
  staff_id: user
  action: {const: view}
tests:
- {in: {op: c, source: {table: log}, after: {id: 1, at: "2026-11-20T09:14:07+13:00", user: kim}}, out: {event_id: l-1}}
- {in: {op: c, source: {table: log}, after: {id: 1, at: yesterday, user: kim}}, refused: occurred_at}
"""
STAFF = """\
mapping: hr
version: 1
to: staff
source: {decode: debezium}
fields: {staff_id: no, org_unit: unit, kind: {const: employee}, status: {const: active}}
tests:
- {in: {op: c, after: {no: s1, unit: u}}, out: {staff_id: s1}}
- {in: {op: c, after: {no: s1}}, refused: org_unit}
"""


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """The settings of a test with three sources: JSON, an audit table's changes, and staff records."""
    return settings.model_copy(update={"mappings": a_folder(tmp_path / "mappings", trial=TRIAL, log=LOG, hr=STAFF)})


@pytest.fixture
def environment(environment: dict[str, str], settings: Settings) -> dict[str, str]:
    """The same as a command reads them."""
    return environment | {"ACCESSWATCH_MAPPINGS": str(settings.mappings)}


def done_with(worker: RunningWorker, source: str, count: int) -> None:
    """Wait until so many records of a source were dealt with."""
    eventually(lambda: worker.metric("accesswatch_source_records_total", source=source) >= count, worker.log())


async def event_ids(settings: Settings) -> list[str]:
    """Return the ids of all accesses, in the order of partitions and offsets."""
    return [one["event_id"] for one in await values(settings, ACCESS)]


async def letters(settings: Settings, topic: str, count: int) -> list[Any]:
    """Return the dead letters of a raw topic, once there are so many."""
    return await read_at_least(str(settings.kafka), settings.topic(dead_letter_topic(topic)), count)


def header(record: Any, name: str) -> str:
    """Return one of our headers of a record, as text."""
    return str(dict(record.headers)[name].decode())


async def test_what_can_be_mapped_arrives_and_the_rest_is_parked_as_it_came(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """One access each; a refusal names field and reason and repeats nothing; what is left out is counted by reason."""
    bad: list[Any] = [b'{"id": 3, "user": "SECRET', opened(4, what="SECRET"), None, b"\xff\xfe"]
    good = [opened(1), opened(2, what="ping"), opened(5)]
    await publish(settings, RAW, [("k", one) for one in [*good, *bad]])
    with a_worker(environment, tmp_path, "--agents", "adapt") as worker:
        done_with(worker, "trial", 7)
        for result, number in {"mapped": 2, "skipped": 1, "refused": 4, "deleted": 0}.items():
            assert worker.metric("accesswatch_source_records_total", source="trial", result=result) == number
        assert worker.metric("accesswatch_source_skipped_total", because="a sign of life") == 1
        assert worker.metric("accesswatch_dead_letters_total", topic=settings.topic(RAW), stage="map") == 4
        assert worker.metric("accesswatch_source_log_changed_total") == 0
        assert "SECRET" not in worker.log() + worker.page("/metrics")[1]
        assert worker.stop() == 0
    accesses = await read_all(str(settings.kafka), settings.topic(ACCESS))
    assert sorted(json.loads(one.value)["event_id"] for one in accesses) == ["t-1", "t-5"]
    for one in accesses:
        assert one.key == b"kim"
        assert header(one, MAPPING_HEADER).startswith("trial/1/")
        topic, _, offset = header(one, RAW_HEADER).split(":")
        assert topic == settings.topic(RAW)
        assert int(offset) in {0, 2}
    parked = await letters(settings, RAW, 4)
    as_sent = [json.dumps(one).encode() if isinstance(one, dict) else one for one in bad]
    assert [one.value for one in parked] == as_sent
    assert {header(one, f"{PREFIX}stage") for one in parked} == {"map"}
    assert {header(one, f"{PREFIX}exception.class.name") for one in parked} == {NOT_MAPPED}
    said = [header(one, f"{PREFIX}exception.message") for one in parked]
    assert said[1] == "action: is not in the mapping's table"
    assert said[2] == "record: has no value"
    assert not any("SECRET" in one for one in said)


async def test_one_bad_record_among_many_does_not_take_the_others(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """The value is parked whole, and what could be mapped of it arrives: put back, it counts once."""
    await publish(settings, RAW, [("k", [opened(1), opened(2, at="yesterday"), opened(3)])])
    with a_worker(environment, tmp_path, "--agents", "adapt") as worker:
        done_with(worker, "trial", 3)
    assert sorted(await event_ids(settings)) == ["t-1", "t-3"]
    (parked,) = await letters(settings, RAW, 1)
    assert len(json.loads(parked.value)) == 3
    assert header(parked, f"{PREFIX}exception.message").endswith("(1 of its 3 records are refused)")


def change(operation: str, **row: Any) -> dict[str, Any]:
    """Return a change event of the table ``log``."""
    side = "before" if operation == "d" else "after"
    return {"op": operation, "source": {"table": "log"}, side: {"at": "2026-11-20T09:14:07+13:00", "user": "kim"} | row}


async def test_a_change_of_the_audit_log_is_parked_and_somebody_hears_of_it(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Updates, deletions and emptying; a snapshot's rows have the ids that the same rows have as they were written."""
    events = [change("c", id=1), change("r", id=1), change("u", id=1), change("d", id=1), {"op": "t", "source": None}]
    await publish(settings, raw_topic("log"), [("k", one) for one in events] + [("k", None)])
    with a_worker(environment, tmp_path, "--agents", "adapt") as worker:
        done_with(worker, "log", 6)
        assert worker.metric("accesswatch_source_log_changed_total", source="log") == 3
        assert worker.metric("accesswatch_source_skipped_total", source="log", because="no row") == 1
    assert await event_ids(settings) == ["l-1", "l-1"]
    parked = await letters(settings, raw_topic("log"), 3)
    assert {header(one, f"{PREFIX}exception.class.name") for one in parked} == {AUDIT_LOG_CHANGED}
    assert all("the audit log was changed" in header(one, f"{PREFIX}exception.message") for one in parked)


async def test_reference_data_are_written_and_deleted(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """A row that was taken out of the HR system's table is deleted here, in the order in which it happened."""
    rows = [{"op": "c", "after": {"no": no, "unit": "u1"}} for no in ("s1", "s2")]
    rows.append({"op": "u", "after": {"no": "s1", "unit": "u2"}})
    rows.append({"op": "d", "before": {"no": "s2", "unit": "u1"}})
    await publish(settings, raw_topic("hr"), [("k", one) for one in rows])
    with a_worker(environment, tmp_path, "--agents", "adapt") as worker:
        done_with(worker, "hr", 4)
    staff = settings.topic(reference_topic("staff"))
    newest = {one.key: one.value for one in await read_all(str(settings.kafka), staff)}
    assert newest[b"s2"] is None
    assert json.loads(newest[b"s1"])["org_unit"] == "u2"


async def test_a_worker_that_is_killed_loses_nothing(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Killed in the middle and started again: every access is there, with the ids of the first time."""
    total = 20_000
    await publish(settings, RAW, [(f"k{number}", opened(number)) for number in range(total)])
    with a_worker(environment, tmp_path, "--agents", "adapt") as worker:
        done_with(worker, "trial", 1)
        worker.stop(signal.SIGKILL)
    # Else nothing was stopped in the middle, and this test shows nothing.
    assert 0 < len(set(await event_ids(settings))) < total
    with a_worker(environment, tmp_path, "--agents", "adapt") as worker:
        wanted = {f"t-{number}" for number in range(total)}

        async def all_there() -> bool:
            return set(await event_ids(settings)) == wanted

        await eventually_async(all_there)
        assert worker.stop() == 0
    assert await letters(settings, RAW, 0) == []


async def test_what_was_parked_is_put_back_through_a_mended_mapping(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """`dlq list` shows why, `dlq replay` puts it back on the raw topic, and the mapping takes it this time."""
    await publish(settings, RAW, [("k", opened(1)), ("k", opened(2, what="peek"))])
    with a_worker(environment, tmp_path, "--agents", "adapt") as worker:
        done_with(worker, "trial", 2)
        assert worker.stop() == 0
    found = accesswatch("dlq", "list", "--json", "--topic", RAW, "--stage", "map", environment=environment)
    assert [one["message"] for one in json.loads(found.stdout)] == ["action: is not in the mapping's table"]
    assert settings.mappings is not None
    mended = TRIAL.replace("{open: view}", "{open: view, peek: view}")
    a_folder(settings.mappings, trial=mended)
    put_back = accesswatch("dlq", "replay", "--topic", RAW, environment=environment)
    assert (put_back.returncode, put_back.stdout.startswith("1 put back")) == (0, True), put_back.stderr
    with a_worker(environment, tmp_path, "--agents", "adapt") as worker:
        done_with(worker, "trial", 1)
        assert worker.stop() == 0
    assert sorted(await event_ids(settings)) == ["t-1", "t-2"]
    raw = await read_all(str(settings.kafka), settings.topic(RAW))
    assert [dict(one.headers).get(REPLAYS_HEADER) for one in raw] == [None, None, b"1"]


def test_a_worker_without_sources_says_what_is_missing(environment: dict[str, str], tmp_path: Path) -> None:
    """And one with a mistake in a mapping says which, before it reads anything."""
    alone = {name: value for name, value in environment.items() if name != "ACCESSWATCH_MAPPINGS"}
    ended = accesswatch("worker", "--agents", "adapt", environment=alone)
    assert (ended.returncode, "set ACCESSWATCH_MAPPINGS" in ended.stderr) == (1, True)
    folder = a_folder(tmp_path / "wrong", trial=TRIAL.replace("staff_id: user", "staff_id: usr"))
    ended = accesswatch("worker", "--agents", "adapt", environment=alone | {"ACCESSWATCH_MAPPINGS": str(folder)})
    assert ended.returncode == 1
    assert "trial.yaml, line" in ended.stderr


async def test_what_came_is_mapped_again_by_a_mended_mapping(settings: Settings, environment: dict[str, str]) -> None:
    """`adapt replay`: --dry-run publishes nothing, what cannot be mapped is named without its values, exit 1."""
    await publish(settings, RAW, [("k", opened(1)), ("k", opened(2, what="SECRET")), ("k", opened(3, what="ping"))])
    tried = accesswatch("adapt", "replay", "--since", "1h", "--dry-run", environment=environment)
    assert tried.returncode == 1
    assert "trial: 1 mapped, 0 deleted, 1 skipped, 1 refused (nothing was published)" in tried.stdout
    assert "offset 1: action: is not in the mapping's table" in tried.stderr
    assert "SECRET" not in tried.stdout + tried.stderr
    assert await event_ids(settings) == []
    assert settings.mappings is not None
    a_folder(settings.mappings, trial=TRIAL.replace("{open: view}", "{open: view, SECRET: print}"))
    done = accesswatch("adapt", "replay", "--since", "1h", "--source", "trial", environment=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(await event_ids(settings)) == ["t-1", "t-2"]
    accesses = await read_all(str(settings.kafka), settings.topic(ACCESS))
    assert {header(one, RAW_HEADER).rpartition(":")[2] for one in accesses} == {"0", "1"}
    later = accesswatch("adapt", "replay", "--since", "1h", "--until", "30m", environment=environment)
    assert "trial: 0 mapped, 0 deleted, 0 skipped, 0 refused" in later.stdout
    wrong = accesswatch("adapt", "replay", "--since", "1h", "--source", "other", environment=environment)
    assert (wrong.returncode, "the sources are hr, log, trial" in wrong.stderr) == (2, True)


AVRO = TRIAL.replace("mapping: trial", "mapping: avro").replace("decode: json", "decode: avro")
ROW = {
    "type": "record",
    "name": "Row",
    "fields": [
        {"name": "id", "type": "long"},
        *({"name": n, "type": "string"} for n in ("at", "user", "client", "what")),
    ],
}


async def test_avro_waits_for_its_registry(settings: Settings, environment: dict[str, str], tmp_path: Path) -> None:
    """Held while the registry is away, nothing parked; then mapped, and what is of no schema of it is parked."""
    folder = a_folder(tmp_path / "avro", avro=AVRO)
    with a_registry() as registry:
        registry.add(7, ROW)
        registry.instead = 503, b"away"
        of_avro = settings.model_copy(update={"mappings": folder, "schema_registry": SecretStr(registry.url)})
        with administration(of_avro) as admin:
            create_missing(admin, of_avro)
        await publish(settings, raw_topic("avro"), [("k", framed(7, ROW, opened(1))), ("k", framed(8, ROW, opened(2)))])
        named = {"ACCESSWATCH_MAPPINGS": str(folder), "ACCESSWATCH_SCHEMA_REGISTRY": registry.url}
        with a_worker(environment | named, tmp_path, "--agents", "adapt", ready=False) as worker:
            eventually(lambda: "the schema registry does not answer" in worker.page("/readyz")[1], worker.log())
            assert worker.metric("accesswatch_holding", agent="adapt") == 1
            registry.instead = None
            done_with(worker, "avro", 2)
            assert worker.metric("accesswatch_holding", agent="adapt") == 0
            assert PASSWORD not in worker.log()
            assert worker.stop() == 0
    assert await event_ids(settings) == ["t-1"]
    (parked,) = await letters(settings, raw_topic("avro"), 1)
    assert header(parked, f"{PREFIX}exception.message") == "record: is Avro of a schema that the registry does not have"
