"""A table of another system, asked again and again: every row once, late ones too, over restarts and outages."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, create_engine, text

from alerts.store.database import Database
from alerts.store.sources import Arrived, SourceStore
from console.polling import Columns, Pace, Poll, Polled, open_source
from enrichment.errors import CommandError
from stream.connections import aiokafka_options
from stream.producer import RenewedOutputs
from stream.settings import Settings
from stream.topics import ACCESS, raw_topic
from tests.support.console import ACCESSWATCH, accesswatch
from tests.support.raw_sources import TRIAL, a_folder
from tests.support.topics import read_all
from tests.support.worker import a_worker, eventually, eventually_async, values

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

RAW = raw_topic("trial")
AUCKLAND = ZoneInfo("Pacific/Auckland")
#: A Tuesday noon in New Zealand.
NOW = datetime(2026, 11, 24, 12, tzinfo=AUCKLAND).astimezone(UTC)
ZONED = "time: iso, zone: Pacific/Auckland, repeated_hour: first, missing_hour: refuse"
MAPPED = TRIAL.replace("time: iso", ZONED)


@pytest.fixture
def url(url: str, tmp_path: Path) -> str:
    """The database of the other system, which is not ours."""
    return f"sqlite:///{tmp_path / 'theirs.sqlite3'}" if url.startswith("sqlite") else url


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with one source."""
    return settings.model_copy(update={"mappings": a_folder(tmp_path / "mappings", trial=MAPPED)})


@pytest.fixture
def environment(environment: dict[str, str], settings: Settings, url: str) -> dict[str, str]:
    """The same as a command reads them, with the other system's database."""
    ours = {"ACCESSWATCH_MAPPINGS": str(settings.mappings), "ACCESSWATCH_POLL_DATABASE": driven(url)}
    return environment | ours


def driven(url: str) -> str:
    """Return a URL with the driver that SQLAlchemy is to take."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture
def theirs(url: str) -> Iterator[Engine]:
    """The other system's database with its log, once for each kind of database."""
    engine = create_engine(driven(url))
    columns = 'id BIGINT PRIMARY KEY, at TIMESTAMP, "user" TEXT, client TEXT, what TEXT, n NUMERIC'
    with engine.begin() as connection:
        connection.execute(text(f"CREATE TABLE log ({columns})"))
    yield engine
    engine.dispose()


def write(theirs: Engine, *rows: tuple[int, datetime]) -> None:
    """Write rows into the log, each with its id and the time that stands in it."""
    statement = text("""INSERT INTO log VALUES (:id, :at, 'kim', 'c1', 'open', 1.5)""")
    with theirs.begin() as connection:
        for number, at in rows:
            connection.execute(statement, {"id": number, "at": at.astimezone(AUCKLAND).replace(tzinfo=None)})


@pytest.fixture
def store(settings: Settings) -> Iterator[SourceStore]:
    """The store of the installation."""
    settings.state_dir.mkdir(exist_ok=True)
    database = Database.open(settings.database_url, create=True)
    yield SourceStore(database)
    database.close()


COLUMNS = Columns("log", "id", "at", AUCKLAND)


def a_poll(settings: Settings, theirs: Engine, store: SourceStore, now: list[datetime], **pace: Any) -> Poll:
    """Return a poll that has just started; *now* holds the time."""
    outputs = RenewedOutputs(aiokafka_options(settings))
    polled = Polled.find(theirs, COLUMNS)
    poll = Poll("trial", polled, theirs, store, outputs, settings.topic(RAW), Pace(**pace), lambda: now[0])
    poll.load()
    return poll


async def ids(settings: Settings) -> list[int]:
    """Return the ids of the rows on the raw topic, sorted."""
    return sorted(row["id"] for row in await values(settings, RAW))


async def test_every_row_once_and_late_ones_too(settings: Settings, theirs: Engine, store: SourceStore) -> None:
    """Over pages of two rows, with equal times; what was committed late has an earlier time; a restart reads again."""
    now = [NOW]
    write(theirs, *((number, NOW - timedelta(minutes=30 - number // 3)) for number in range(9)))
    poll = a_poll(settings, theirs, store, now, rows=2)
    assert await poll.once() == 9
    assert await poll.once() == 0
    write(theirs, (20, NOW), (19, NOW - timedelta(minutes=10)))
    assert await poll.once() == 2
    # Later than the overlap: nobody can know of it but by counting.
    write(theirs, (18, NOW - timedelta(minutes=16)))
    assert await poll.once() == 0
    assert await ids(settings) == [*range(9), 19, 20]
    again = a_poll(settings, theirs, store, now, rows=2)
    assert await again.once() == 2
    assert sorted(set(await ids(settings))) == [*range(9), 19, 20]
    (first, *_) = await values(settings, RAW)
    assert (first["at"], first["n"]) == ("2026-11-24T11:30:00", "1.5")
    records = await read_all(str(settings.kafka), settings.topic(RAW))
    assert {record.timestamp for record in records if b'"id":20,' in record.value} == {int(NOW.timestamp() * 1000)}
    for one in poll, again:
        await one.outputs.close()


async def test_a_row_dated_ahead_hides_nothing(settings: Settings, theirs: Engine, store: SourceStore) -> None:
    """A wrong clock of one program of theirs: what comes until then is read all the same."""
    now = [NOW]
    write(theirs, (1, NOW + timedelta(days=300)))
    poll = a_poll(settings, theirs, store, now)
    assert await poll.once() == 1
    write(theirs, (2, NOW + timedelta(minutes=1)))
    now[0] = NOW + timedelta(minutes=2)
    assert await poll.once() == 1
    await poll.outputs.close()


async def test_the_hour_that_clocks_repeat_is_read_twice(
    settings: Settings, theirs: Engine, store: SourceStore
) -> None:
    """Times without an offset go back an hour in April: what is written then is read although it looks older."""
    # Clocks go back from 3 to 2 on 5 April 2026: 13:59 and 14:10 in UTC are 02:59 and 02:10.
    first, second = (datetime(2026, 4, 4, 13, 59, tzinfo=UTC), datetime(2026, 4, 4, 14, 10, tzinfo=UTC))
    now = [first]
    write(theirs, (1, first))
    poll = a_poll(settings, theirs, store, now)
    assert await poll.once() == 1
    now[0] = second
    write(theirs, (2, second))
    assert await poll.once() == 1
    await poll.outputs.close()


async def test_yesterday_is_counted_once_it_is_over(settings: Settings, theirs: Engine, store: SourceStore) -> None:
    """Of a day that was polled from its beginning on, after its late rows: what came is compared with it."""
    now = [NOW - timedelta(days=2)]
    write(theirs, (1, now[0]))
    poll = a_poll(settings, theirs, store, now)
    await poll.once()
    write(theirs, *((number, NOW - timedelta(days=1, minutes=number)) for number in range(2, 7)))
    yesterday = (NOW - timedelta(days=1)).astimezone(AUCKLAND).date()
    store.note({"trial": Arrived(NOW, numbers={yesterday: [2, 3, 4]})}, NOW)
    now[0] = NOW
    await poll.once()
    (coverage,) = store.coverage(["trial"])
    assert coverage.missing_of_days() == 2
    assert [(day.day, day.counted) for day in coverage.days] == [(yesterday, 5)]
    await poll.outputs.close()


async def test_another_table_is_another_source(settings: Settings, theirs: Engine, store: SourceStore) -> None:
    """Where it was read up to says nothing of another table; what is missing in it is said at the start."""
    poll = a_poll(settings, theirs, store, [NOW])
    write(theirs, (1, NOW))
    await poll.once()
    await poll.outputs.close()
    by_client = Polled.find(theirs, Columns("log", "client", "at", AUCKLAND))
    other = Poll("trial", by_client, theirs, store, poll.outputs, RAW, Pace())
    with pytest.raises(CommandError, match="trial was read from log id at before"):
        other.load()
    for columns, sentence in [
        (Columns("nothing", "id", "at", AUCKLAND), "has no table nothing"),
        (Columns("log", "number", "at", AUCKLAND), "has no column number"),
        (Columns("log", "id", "client", AUCKLAND), "holds no dates with times"),
        (Columns("log", "id", "at"), "name their zone with --zone"),
    ]:
        with pytest.raises(CommandError, match=sentence):
            Polled.find(theirs, columns)


def test_a_wrong_address_is_a_sentence_without_its_password() -> None:
    """Neither the URL nor the driver's own text, which repeat it."""
    for url, sentence in [
        ("nothing at all hunter2", "must look like"),
        ("oracle+oracledb://u:hunter2@db/x", r"needs a driver that is not installed \(oracledb\)"),
        ("dbase://u:hunter2@db/x", "needs a driver that is not installed"),
    ]:
        with pytest.raises(CommandError, match=sentence) as refused:
            open_source(url)
        assert "hunter2" not in str(refused.value)


async def test_from_a_table_to_an_access(
    settings: Settings, environment: dict[str, str], theirs: Engine, tmp_path: Path
) -> None:
    """The commands: one round, then a process that goes on until it is told to stop, and a worker that maps."""
    write(theirs, *((number, NOW + timedelta(seconds=number)) for number in range(1, 4)))
    where = ["trial", "--table", "log", "--key", "id", "--time", "at", "--zone", "Pacific/Auckland"]
    done = accesswatch("adapt", "poll", *where, "--once", environment=environment)
    assert (done.returncode, "3 rows of log are on" in done.stdout) == (0, True), done.stderr
    command = [ACCESSWATCH, "adapt", "poll", *where, "--every", "0.1"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as polling:  # noqa: ASYNC220 it only starts it
        await asyncio.to_thread(write, theirs, (4, NOW + timedelta(seconds=4)))

        async def there() -> bool:
            return 4 in await ids(settings)

        await eventually_async(there)
        polling.send_signal(signal.SIGTERM)
        assert polling.wait(30) == 0
    with a_worker(environment, tmp_path, "--agents", "adapt") as worker:
        eventually(lambda: worker.metric("accesswatch_source_records_total", result="mapped") >= 4, worker.log())
    accesses = await read_all(str(settings.kafka), settings.topic(ACCESS))
    assert {json.loads(one.value)["event_id"] for one in accesses} == {f"t-{number}" for number in range(1, 5)}
    assert json.loads(accesses[0].value)["occurred_at"].endswith("+13:00")
    alone = {name: value for name, value in environment.items() if name != "ACCESSWATCH_POLL_DATABASE"}
    refused = accesswatch("adapt", "poll", *where, environment=alone)
    assert (refused.returncode, "ACCESSWATCH_POLL_DATABASE is not set" in refused.stderr) == (1, True)
