"""The alert store, lost and restored from a backup as docs/operations.md says: every alert is there again.

On SQLite, and on PostgreSQL where ``TEST_POSTGRESQL`` names one (``python -m tests.support.postgresql COMMAND ...``).
"""

import json
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata
from sqlalchemy import make_url

from stream.settings import Settings
from stream.topic_admin import administration
from stream.topics import HIT
from tests.support.console import accesswatch
from tests.support.databases import an_empty_database, kinds
from tests.support.worker import a_worker, eventually, publish

pytestmark = [pytest.mark.ops, pytest.mark.services, pytest.mark.usefixtures("topics")]

NOON = "2026-11-20T12:00:00+13:00"
BEFORE, AFTER = range(10), range(10, 20)
#: What the clocks of this machine and of Kafka may differ by, and more: hits that are taken twice count once.
MARGIN_MS = 60_000


async def opened(settings: Settings, numbers: range) -> None:
    """Publish staff members and their accesses to their own records: an alert of each."""
    least = {"kind": "employee", "status": "active", "org_unit": "u"}
    await publish(
        settings, "ref.staff.v1", [(f"s{n}", {"staff_id": f"s{n}", "client_ids": [f"c{n}"], **least}) for n in numbers]
    )
    time.sleep(2)  # noqa: ASYNC251 a change of facts is in force a moment later
    accesses = [
        (
            f"s{n}",
            {"event_id": f"e{n}", "occurred_at": NOON, "staff_id": f"s{n}", "action": "view", "client_id": f"c{n}"},
        )
        for n in numbers
    ]
    await publish(settings, "cms.access.v1", accesses)


def back_up(url: str, file: Path) -> None:
    """What the page says to do, while everything runs."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(sqlite_file(url))) as source, closing(sqlite3.connect(file)) as target:
            source.backup(target)
    else:
        subprocess.run(["pg_dump", "--format=custom", "--file", file, url], check=True)


def restore(file: Path, url: str) -> None:
    """What the page says to do, into a database that is new."""
    if url.startswith("sqlite"):
        shutil.copy(file, sqlite_file(url))
    else:
        subprocess.run(["pg_restore", "--exit-on-error", "--dbname", url, file], check=True)


def sqlite_file(url: str) -> str:
    """Where it is."""
    return str(make_url(url).database)


@pytest.mark.parametrize("kind", kinds())
async def test_a_backup_and_the_hits_after_it_give_every_alert_again(
    settings: Settings, environment: dict[str, str], tmp_path: Path, kind: str
) -> None:
    """Backed up while the worker runs; lost; restored; the alert group is set back to the time of the backup."""
    backup = tmp_path / "backup"
    for name in ("lost", "new"):
        (tmp_path / name / "state").mkdir(parents=True)
    with an_empty_database(kind, tmp_path / "lost") as lost, an_empty_database(kind, tmp_path / "new") as new:
        await _lost_and_restored(settings, environment, tmp_path, backup, (lost, new))


async def _lost_and_restored(
    settings: Settings, environment: dict[str, str], tmp_path: Path, backup: Path, urls: tuple[str, str]
) -> None:
    environment = {**environment, "ACCESSWATCH_DATABASE": urls[0]}

    def listed() -> dict[str, str]:
        done = accesswatch("alerts", "list", "--json", environment=environment)
        assert done.returncode == 0, done.stderr
        return {alert["alert_id"]: alert["status"] for alert in json.loads(done.stdout)}

    with a_worker(environment, tmp_path) as worker:
        await opened(settings, BEFORE)
        eventually(lambda: len(listed()) == len(BEFORE))
        first = next(iter(listed()))
        acknowledged = accesswatch("alerts", "ack", first, environment={**environment, "ACCESSWATCH_ACTOR": "II-7"})
        assert acknowledged.returncode == 0, acknowledged.stderr
        taken_ms = int(time.time() * 1000)
        back_up(urls[0], backup)
        await opened(settings, AFTER)
        eventually(lambda: len(listed()) == len(BEFORE) + len(AFTER))
        everything = listed()
        assert worker.stop() == 0
    environment["ACCESSWATCH_DATABASE"] = urls[1]
    restore(backup, urls[1])
    assert len(listed()) == len(BEFORE)
    set_back(settings, settings.consumer_group("alert"), settings.topic(HIT), taken_ms - MARGIN_MS)
    with a_worker(environment, tmp_path):
        eventually(lambda: listed() == everything)
    assert everything[first] == "acknowledged"
    verified = accesswatch("alerts", "verify", environment=environment)
    assert verified.returncode == 0, verified.stdout


def set_back(settings: Settings, group: str, topic: str, to_ms: int) -> None:
    """What ``kafka-consumer-groups.sh --reset-offsets --to-datetime`` does, while nobody is in the group."""
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka)
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
    found = consumer.offsets_for_times(dict.fromkeys(partitions, to_ms))
    ends = consumer.end_offsets(partitions)
    consumer.close()
    places = {tp: OffsetAndMetadata(ends[tp] if at is None else at.offset, "", -1) for tp, at in found.items()}
    with administration(settings) as admin:
        # A member that left a moment ago may still be counted.
        eventually(lambda: all(error.errno == 0 for error in admin.alter_group_offsets(group, places).values()))
