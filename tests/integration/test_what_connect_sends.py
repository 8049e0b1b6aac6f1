"""Deletions by keys as Kafka Connect writes them, and values that are no records, through a real worker."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import create_engine, func, select

from agents.dead_letter import PREFIX
from alerts.store.tables import SELF_REPORTS, STAFF, WORK
from enrichment.reference.layout import KINDS
from enrichment.schemas import Access, Agreement, Client, Record, Relationship, SelfReport, Staff, WatchlistEntry, Work
from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.redis_connection import namespace
from stream.settings import Settings
from tests.support.records import LEAST, as_json
from tests.support.topics import read_at_least
from tests.support.worker import RunningWorker, a_worker, eventually, publish

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

SCHEMA = {"type": "struct", "fields": [{"field": "id", "type": "string"}], "optional": False, "name": "agency.Key"}
FRAMING = b"\x00\x00\x00\x00\x2a"
MODELS: dict[str, type[Record]] = {
    "staff": Staff, "client": Client, "relationship": Relationship, "work": Work, "watchlist": WatchlistEntry,
    "self_report": SelfReport, "agreement": Agreement,
}  # fmt: skip

#: Each way in which Connect writes the key of an id, by the field that holds it.
FORMS: dict[str, Callable[[str, str], bytes]] = {
    "plain": lambda _field, identity: identity.encode(),
    "string": lambda _field, identity: as_json(identity),
    "object": lambda field, identity: as_json({field: identity}),
    "id": lambda _field, identity: as_json({"id": identity}),
    "one": lambda _field, identity: as_json({"PRIMARY_KEY": identity}),
    "schema": lambda _field, identity: as_json({"schema": SCHEMA, "payload": identity}),
    "struct": lambda field, identity: as_json({"schema": SCHEMA, "payload": {field: identity}}),
    "framed": lambda field, identity: FRAMING + as_json({field: identity}),
}
NAMES_NOBODY = [b'{"a":1,"b":2}', FRAMING + b'{"a":1,"b":2}', FRAMING + b"\x06c-1", b"\xff", b"x" * 65]


def a_record(kind: str, identity: str) -> bytes:
    """The least that is valid of this kind, with this id."""
    return as_json(LEAST[MODELS[kind]] | {KINDS[kind][1]: identity})  # type: ignore[index]


async def send(settings: Settings, kind: str, records: list[tuple[bytes | None, bytes | None]]) -> None:
    """Publish into the first partition: what comes later is read later."""
    async with Publisher(aiokafka_options(settings)) as publisher:
        for key, value in records:
            await publisher.send(settings.topic(f"ref.{kind}.v1"), key, value, partition=0)
        await publisher.flush()


def in_redis(worker: RunningWorker) -> dict[str, float]:
    """How many records of each kind are known."""
    return {kind: worker.metric("accesswatch_reference_records", kind=kind) for kind in MODELS}


def in_store(settings: Settings) -> list[int]:
    """How many self reports, staff members and work items the alert store holds."""
    engine = create_engine(settings.database_url)
    with engine.connect() as connection:
        found = [
            connection.execute(select(func.count()).select_from(one)).scalar_one()
            for one in (SELF_REPORTS, STAFF, WORK)
        ]
    engine.dispose()
    return found


async def test_a_deletion_deletes_everywhere_however_its_key_is_written(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Of all seven kinds in every form: gone from Redis and from the alert store, no key left behind."""
    for kind in MODELS:
        await send(settings, kind, [(form(KINDS[kind][1], name), a_record(kind, name)) for name, form in FORMS.items()])  # type: ignore[index]
    with a_worker(environment, tmp_path) as worker:
        eventually(lambda: in_redis(worker) == dict.fromkeys(MODELS, len(FORMS)))
        eventually(lambda: in_store(settings) == [len(FORMS)] * 3)
        for kind in MODELS:
            await send(settings, kind, [(form(KINDS[kind][1], name), None) for name, form in FORMS.items()])  # type: ignore[index]
        eventually(lambda: in_redis(worker) == dict.fromkeys(MODELS, 0), str(in_redis(worker)))
        eventually(lambda: in_store(settings) == [0] * 3)
        assert worker.metric("accesswatch_deletions_unmatched_total") == 0
        assert worker.metric("accesswatch_dead_letters_total") == 0
        assert worker.stop() == 0
    assert await left(settings) == []


async def left(settings: Settings) -> list[str]:
    """What Redis holds of records."""
    assert settings.redis is not None
    redis: Redis = Redis.from_url(settings.redis.get_secret_value())
    names = [key.decode() async for key in redis.scan_iter(match=f"{namespace(settings)}*")]
    await redis.aclose()
    return [name for name in names if any(f":{part}:" in name for part in ("at", "ids", "staff", "client", "link"))]


async def test_an_id_that_is_written_like_an_envelope_is_an_id(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """A record with the key as its id goes, and the one that the key would name stays, in Redis and in the store."""
    odd = ['"w-1"', '{"work_id":"w-1"}', '{"a":1,"b":2}']
    await send(settings, "work", [(b"any", a_record("work", one)) for one in ["w-1", *odd]])
    with a_worker(environment, tmp_path) as worker:
        eventually(lambda: worker.metric("accesswatch_reference_records", kind="work") == 4)
        eventually(lambda: in_store(settings)[2] == 4)
        await send(settings, "work", [(one.encode(), None) for one in odd])
        eventually(lambda: worker.metric("accesswatch_reference_records", kind="work") == 1)
        eventually(lambda: in_store(settings)[2] == 1)
        await send(settings, "work", [(odd[0].encode(), None)])
        eventually(lambda: worker.metric("accesswatch_reference_records", kind="work") == 0)
        eventually(lambda: in_store(settings)[2] == 0)
        assert worker.metric("accesswatch_dead_letters_total") == 0


async def test_a_deletion_that_deleted_nothing_is_seen(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Counted and logged where the key may be an id, parked with a reason where it is none; nothing of it is said."""
    await send(settings, "client", [(b"c-1", a_record("client", "c-1"))])
    with a_worker(environment, tmp_path) as worker:
        eventually(lambda: worker.metric("accesswatch_reference_records", kind="client") == 1)
        topic = settings.topic("ref.client.v1")
        assert worker.metric("accesswatch_deletions_unmatched_total", topic=topic) == 0
        await send(
            settings, "client", [(key, None) for key in (b"Tangiwai", b'"Tangiwai"', b'{"client_id":"Tangiwai"}')]
        )
        eventually(lambda: worker.metric("accesswatch_deletions_unmatched_total", topic=topic) == 3)
        await send(settings, "client", [(key, None) for key in NAMES_NOBODY])
        eventually(lambda: worker.metric("accesswatch_dead_letters_total", topic=topic) == len(NAMES_NOBODY))
        assert worker.metric("accesswatch_reference_records", kind="client") == 1
        assert worker.metric("accesswatch_deletions_unmatched_total", topic=topic) == 3
        logged = [json.loads(line) for line in worker.log().splitlines() if "deletion-matched-nothing" in line]
        assert {line["topic"] for line in logged} == {topic}
        assert sum(line["number"] for line in logged) == 3
        assert "Tangiwai" not in worker.log()
    letters = await read_at_least(str(settings.kafka), f"{topic}.dlq", len(NAMES_NOBODY))
    assert sorted((letter.key, letter.value) for letter in letters) == sorted((key, None) for key in NAMES_NOBODY)
    said = [message_of(letter) for letter in letters]
    assert sum("an object of 2 fields without client_id" in sentence for sentence in said) == 2
    assert all("null value" in sentence for sentence in said)


def message_of(letter: Any) -> str:
    """What a dead letter says of itself."""
    return dict(letter.headers)[PREFIX + "exception.message"].decode()  # type: ignore[no-any-return]


async def test_a_dead_letter_says_what_came_instead_of_an_access(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """As it came, at its stage, with what it looks like; and a valid access between them is assessed."""
    access = LEAST[Access] | {"event_id": "Pounamu"}
    written = as_json(access)
    expected: dict[bytes, tuple[str, str]] = {
        gzip.compress(written): ("decode", "looks like gzip"),
        written.decode().encode("utf-16"): ("decode", "looks like UTF-16"),
        b"\xef\xbb\xbf" + written: ("decode", "looks like UTF-8 with a byte order mark"),
        FRAMING + written: ("decode", "before JSON: the record begins at byte 5"),
        as_json({"schema": SCHEMA, "payload": {"op": "c", "after": access}}): ("validate", "lies in payload.after"),
        as_json({"specversion": "1.0", "type": "a", "data": access}): ("validate", "lies in data"),
        as_json([access]): ("validate", "a JSON array of 1"),
        written[:-1] + b', "action": "print"}': ("validate", "action: stands twice in one object"),
    }
    with a_worker(environment, tmp_path) as worker:
        await publish(settings, "cms.access.v1", [("S-1", value) for value in [*expected, as_json(LEAST[Access])]])
        eventually(lambda: worker.metric("accesswatch_dead_letters_total") == len(expected))
        eventually(lambda: worker.metric("accesswatch_accesses_total") == 1)
        assert "Pounamu" not in worker.log()
    letters = await read_at_least(str(settings.kafka), settings.topic("cms.access.v1.dlq"), len(expected))
    assert {letter.value for letter in letters} == expected.keys()
    for letter in letters:
        stage, words = expected[letter.value]
        assert dict(letter.headers)[PREFIX + "stage"].decode() == stage
        assert words in message_of(letter)
        assert "Pounamu" not in message_of(letter)
