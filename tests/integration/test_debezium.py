"""Debezium on Kafka Connect in front, as ``deploy/adapters`` has it: a PostgreSQL's audit table, to accesses.

Long: Connect and Debezium are fetched from Maven Central the first time. Needs PostgreSQL's programs.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.settings import Settings
from stream.topics import ACCESS, dead_letter_topic, raw_topic
from tests.support.connect import connect
from tests.support.postgresql import Server, a_directory, a_server, programs
from tests.support.raw_sources import TRIAL, a_folder
from tests.support.topics import read_all
from tests.support.worker import RunningWorker, a_worker, eventually

pytestmark = [
    pytest.mark.services,
    pytest.mark.long,
    pytest.mark.timeout(300),
    pytest.mark.skipif(programs() is None, reason="PostgreSQL's programs are missing: install postgresql"),
    pytest.mark.usefixtures("topics"),
]

NAME = "cms-audit"
#: The same fields; a sample in an envelope.
FIELDS = TRIAL.partition("tests:")[0].replace("mapping: trial", f"mapping: {NAME}")
MAPPING = (
    FIELDS.replace("decode: json", "decode: debezium")
    + """tests:
- {in: {op: c, after: {id: 1, at: "2026-11-20T09:14:07Z", user: k, client: c, what: open}}, out: {event_id: t-1}}
- {in: {op: r, after: {id: 1, at: "2026-11-20T09:14:07Z", user: k, client: c, what: shut}}, refused: action}
- {in: {op: c, after: {id: 1, at: "2026-11-20T09:14:07Z", user: k, client: c, what: ping}}, skipped: a sign of life}
"""
)


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with one source."""
    return settings.model_copy(update={"mappings": a_folder(tmp_path / "mappings", audit=MAPPING)})


@pytest.fixture
def cms() -> Iterator[Server]:
    """The system's PostgreSQL, which hands over its changes, with three rows in its audit log."""
    with a_directory() as directory, a_server(directory / "cms", wal_level="logical") as server:
        server.psql('CREATE TABLE log (id BIGSERIAL PRIMARY KEY, at TIMESTAMPTZ, "user" TEXT, client TEXT, what TEXT)')
        write(server, 3)
        yield server


def write(cms: Server, number: int) -> None:
    """Write so many rows into the log."""
    row = """INSERT INTO log (at, "user", client, what) SELECT '2026-11-20 09:14:07.123456+13', 'kim', 'c1', 'open' """
    cms.psql(f"{row} FROM generate_series(1, {number})")


async def ids(settings: Settings) -> list[str]:
    """Return the event ids of all accesses."""
    records = await read_all(str(settings.kafka), settings.topic(ACCESS))
    return [json.loads(record.value)["event_id"] for record in records]


async def test_from_a_table_to_accesses(
    settings: Settings, environment: dict[str, str], cms: Server, tmp_path: Path
) -> None:
    """The rows that were there, those that come, over a restart of Connect; and a row that somebody rewrites."""
    topic = settings.topic(raw_topic(NAME))
    of_cms = environment | {
        "CMS_HOST": "127.0.0.1", "CMS_PORT": str(cms.port), "CMS_USER": "postgres", "CMS_PASSWORD": "none",
        "CMS_DATABASE": "postgres", "CMS_TABLE": "public.log", "RAW_TOPIC": topic,
    }  # fmt: skip
    ours = environment | {"ACCESSWATCH_MAPPINGS": str(settings.mappings)}
    with a_worker(ours, tmp_path, "--agents", "adapt") as worker:

        def came(number: int) -> None:
            log = tmp_path / "connect.log"
            eventually(lambda: records(worker) >= number, log.read_text("utf-8", "replace")[-3000:])

        with connect(of_cms, tmp_path):
            came(3)
            write(cms, 2)
            came(5)
        write(cms, 2)
        with connect(of_cms, tmp_path):
            came(7)
            cms.psql("UPDATE log SET client = 'c2' WHERE id = 1")
            cms.psql("DELETE FROM log WHERE id = 2")
            eventually(lambda: worker.metric("accesswatch_source_log_changed_total", source=NAME) == 2, worker.log())
        assert worker.metric("accesswatch_source_gap_records", source=NAME) == 0
        assert worker.stop() == 0
    assert sorted(set(await ids(settings))) == [f"t-{number}" for number in range(1, 8)]
    accesses = await read_all(str(settings.kafka), settings.topic(ACCESS))
    assert {json.loads(one.value)["occurred_at"] for one in accesses} == {"2026-11-19T20:14:07.123456Z"}
    parked = await read_all(str(settings.kafka), dead_letter_topic(topic))
    assert [json.loads(one.value)["op"] for one in parked] == ["u", "d"]


def records(worker: RunningWorker) -> float:
    """How many records the agent has dealt with."""
    return worker.metric("accesswatch_source_records_total", source=NAME)
