"""Schemas of a registry: fetched once each, waited for while it is away, and nothing hostile in what it answers."""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from enrichment.errors import CommandError
from enrichment.mapping.decoders import decoder
from enrichment.mapping.mapping_file import Source
from enrichment.mapping.outcome import FieldRefused
from stream.schema_registry import REFERENCES_DEPTH_MAX, RegistryAway, SchemaRegistry, frame_id
from stream.settings import SettingsError, load
from tests.support.schema_registry import PASSWORD, Registry, a_registry, framed

ROW = {
    "type": "record",
    "name": "Row",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "user", "type": ["null", "string"], "default": None},
    ],
}
AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
RECORD = {"id": 7, "at": AT, "user": "kim"}


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry that has the schema of a row under 7."""
    with a_registry() as running:
        running.add(7, ROW)
        yield running


def refusal(schemas: SchemaRegistry, value: bytes) -> str:
    """Why a value is refused."""
    with pytest.raises(FieldRefused) as refused:
        schemas.read(value)
    return str(refused.value)


async def test_a_value_is_read_by_the_schema_that_it_names(registry: Registry) -> None:
    """Fetched before, once, however many values need it; without it a value is refused and nobody is asked."""
    schemas = SchemaRegistry(registry.url)
    value = framed(7, ROW, RECORD)
    assert refusal(schemas, value) == "is Avro of a schema that the registry does not have"
    assert registry.asked == []
    await schemas.prepare([value, value, None, b"", b"{}"])
    assert schemas.read(value) == RECORD
    await schemas.prepare([value])
    assert registry.asked == ["/schemas/ids/7"]


def test_a_command_fetches_when_it_comes_to_it(registry: Registry) -> None:
    """And says that the registry is away, without the password that stands in its URL."""
    schemas = SchemaRegistry(registry.url, fetches=True)
    decode = decoder(Source(decode="avro"), schemas)
    assert decode(framed(7, ROW, RECORD))[0].record == RECORD
    registry.instead = 503, b"away"
    with pytest.raises(CommandError, match=r"does not answer with a schema \(HTTP 503\)") as refused:
        schemas.read(framed(8, ROW, RECORD))
    assert PASSWORD not in str(refused.value)


def test_debezium_in_avro(registry: Registry) -> None:
    """The envelope is read by its schema, and then as one in JSON is."""
    envelope = {
        "type": "record",
        "name": "Envelope",
        "fields": [
            {"name": "before", "type": ["null", ROW], "default": None},
            {"name": "after", "type": ["null", "Row"], "default": None},
            {"name": "op", "type": "string"},
        ],
    }
    registry.add(9, envelope)
    decode = decoder(Source(decode="debezium", encoding="avro"), SchemaRegistry(registry.url, fetches=True))
    (document,) = decode(framed(9, envelope, {"before": None, "after": RECORD, "op": "c"}))
    assert (document.change, document.record["id"]) == ("new", 7)


def test_schemas_that_refer_to_others(registry: Registry) -> None:
    """Those are fetched by subject and version, first; without an end of it the value is refused."""
    registry.subjects["row/value", 3] = registry.schemas[7]
    whole = {"type": "record", "name": "Whole", "fields": [{"name": "row", "type": "Row"}]}
    registry.add(10, whole, references=[{"name": "Row", "subject": "row/value", "version": 3}])
    named: dict[str, Any] = {**whole, "fields": [{"name": "row", "type": ROW}]}
    # The path of a subject is one part, whatever its name holds.
    registry.subjects["row%2Fvalue", 3] = registry.schemas[7]
    schemas = SchemaRegistry(registry.url, fetches=True)
    assert schemas.read(framed(10, named, {"row": RECORD})) == {"row": RECORD}
    loop = {"name": "Loop", "subject": "loop", "version": 1}
    registry.subjects["loop", 1] = {"schema": '"string"', "references": [loop]}
    registry.add(11, whole, references=[loop])
    registry.asked.clear()
    assert refusal(schemas, framed(11, named, {"row": RECORD})) == "is of a schema that cannot be read"
    assert len(registry.asked) == REFERENCES_DEPTH_MAX + 1


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (b"", "begins with no zero byte"),
        (b'{"id": 7}', "begins with no zero byte"),
        (struct.pack(">bI", 0, 7), "is not of the Avro schema that it names"),
        (framed(7, ROW, RECORD)[:-2], "is not of the Avro schema that it names"),
        (framed(7, ROW, RECORD) + b"x", "holds more than the Avro schema that it names"),
        (framed(404, ROW, RECORD), "a schema that the registry does not have"),
        (framed(20, ROW, RECORD), "is of a schema that is not Avro"),
        (framed(21, ROW, RECORD), "is of a schema that cannot be read"),
        (framed(22, ROW, RECORD), "is of a schema that cannot be read"),
        (struct.pack(">bI", 0, 23) + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f", "lists whose members have no bytes"),
        (struct.pack(">bI", 0, 24) + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f", "lists whose members have no bytes"),
    ],
)
def test_what_is_refused(registry: Registry, value: bytes, sentence: str) -> None:
    """With a reason that holds nothing of the value; and a few bytes that say they are 2^62 members cost no time."""
    registry.add(20, ROW, schemaType="PROTOBUF")
    registry.schemas[21] = {"schema": "no JSON"}
    registry.add(22, {"type": "record", "name": "R", "fields": [{"name": "x", "type": "Missing"}]})
    registry.add(23, {"type": "array", "items": "null"})
    empty = {"type": "array", "items": {"type": "record", "name": "Empty", "fields": []}}
    registry.add(24, {"type": "record", "name": "O", "fields": [{"name": "x", "type": empty}]})
    assert sentence in refusal(SchemaRegistry(registry.url, fetches=True), value)


@pytest.mark.parametrize("instead", [(401, b"{}"), (500, b""), (200, b"<html>"), (200, b'{"schema": 7}'), (302, b"")])
async def test_a_registry_that_answers_otherwise_is_away(registry: Registry, instead: tuple[int, bytes]) -> None:
    """What it says then is no answer about the schema: it is asked again, and nothing is parked meanwhile."""
    schemas = SchemaRegistry(registry.url)
    registry.instead = instead
    with pytest.raises(RegistryAway, match="the schema registry"):
        await schemas.prepare([framed(7, ROW, RECORD)])
    registry.instead = None
    await schemas.prepare([framed(7, ROW, RECORD)])
    assert schemas.read(framed(7, ROW, RECORD)) == RECORD


async def test_a_registry_that_is_not_there_is_away() -> None:
    """The sentence holds no password."""
    with a_registry() as gone:
        url = gone.url
    with pytest.raises(RegistryAway, match="does not answer") as away:
        await SchemaRegistry(url).prepare([framed(7, ROW, RECORD)])
    assert PASSWORD not in str(away.value)


def test_frames() -> None:
    """Four bytes behind a zero; JSON is none."""
    assert frame_id(struct.pack(">bI", 0, 2**32 - 1)) == 2**32 - 1
    assert [frame_id(value) for value in (None, b"", b"\0\0\0\0", b'{"a": 1}')] == [None] * 4


def test_json_behind_a_frame() -> None:
    """Serializers for JSON Schema write the same frame: what is behind it is JSON."""
    value = struct.pack(">bI", 0, 5) + b'{"op": "c", "after": {"id": 1}}'
    assert decoder(Source(decode="json"), None)(value)[0].record["op"] == "c"
    assert decoder(Source(decode="debezium"), None)(value)[0].record["id"] == 1


@pytest.mark.parametrize("url", ["registry:8081", "ftp://registry", "http://", "http://registry?x=1"])
def test_a_wrong_url_is_a_mistake_of_the_settings(url: str) -> None:
    """Said at the start."""
    with pytest.raises(SettingsError, match="ACCESSWATCH_SCHEMA_REGISTRY must look like https://"):
        load({"ACCESSWATCH_SCHEMA_REGISTRY": url})
