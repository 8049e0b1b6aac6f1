"""What comes instead of a record: where it is parked, what its dead letter says of it, and never what it held."""

import base64
import bz2
import gzip
import io
import json
import lzma
import urllib.parse
import zipfile
from typing import Any

import cbor2
import fastavro
import msgpack
import pyarrow as pa
import pytest
from google.protobuf.struct_pb2 import Struct

from enrichment.decode import VALUE_BYTES_MAX, Refused, decode
from enrichment.schemas import Access
from tests.support.records import NOON, as_json

#: Nothing of these may be repeated.
ACCESS: dict[str, Any] = {
    "event_id": "EV-5501", "occurred_at": NOON, "staff_id": "Tangiwai-77", "action": "view", "client_id": "Pounamu-12",
}  # fmt: skip
SECRETS = ["EV-5501", "Tangiwai-77", "Pounamu-12", "kāinga"]
JSON = as_json(ACCESS)
SCHEMA = fastavro.parse_schema(
    {"type": "record", "name": "Access", "fields": [{"name": name, "type": "string"} for name in ACCESS]}
)
TABLE = f"{','.join(ACCESS)}\n{','.join(ACCESS.values())}\n".encode()
SNAPPY_FRAME = b"\xff\x06\x00\x00sNaPpY\x00\x05\x00\x00"
XERIAL_FRAME = b"\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01"
CHANGE = {"before": None, "after": ACCESS, "source": {"name": "kāinga"}, "op": "c", "ts_ms": 1}
EVENT = {"specversion": "1.0", "id": "1", "source": "/kāinga", "type": "access", "data": ACCESS}
CONNECT_SCHEMA = {"type": "struct", "fields": [], "optional": False}


def avro(*, container: bool = False) -> bytes:
    """The access as Avro writes it, in a file or alone."""
    out = io.BytesIO()
    if container:
        fastavro.writer(out, SCHEMA, [ACCESS])
    else:
        fastavro.schemaless_writer(out, SCHEMA, ACCESS)
    return out.getvalue()


def protobuf() -> bytes:
    """The access as Protobuf writes it."""
    message = Struct()
    message.update(ACCESS)
    return bytes(message.SerializeToString())


def zipped() -> bytes:
    """The access in an archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("access.json", JSON)
    return out.getvalue()


def bson() -> bytes:
    """A document of one text, as MongoDB writes it."""
    inside = b"\x02staff_id\x00" + (12).to_bytes(4, "little") + b"Tangiwai-77\x00"
    return (4 + len(inside) + 1).to_bytes(4, "little") + inside + b"\x00"


def compressed(codec: str) -> bytes:
    """The access as a codec of Kafka's packs it."""
    return bytes(pa.compress(JSON, codec=codec, asbytes=True))


def b64(value: bytes) -> bytes:
    """As base64."""
    return base64.b64encode(value)


def frame(length: int, first: int, value: bytes) -> bytes:
    """A framing in front of a value."""
    return bytes([first]) + b"\x00\x00\x00\x2a".rjust(length - 1, b"\x00") + value


BYTES = [
    # encodings
    ("UTF-8 with a byte order mark: the record begins behind these 3 bytes", b"\xef\xbb\xbf" + JSON),
    ("UTF-16 with a byte order mark", JSON.decode().encode("utf-16")),
    ("UTF-16 with a byte order mark", b"\xfe\xff" + JSON.decode().encode("utf-16-be")),
    ("UTF-16: JSON is sent as UTF-8", JSON.decode().encode("utf-16-le")),
    ("UTF-16: JSON is sent as UTF-8", JSON.decode().encode("utf-16-be")),
    ("UTF-32 with a byte order mark", JSON.decode().encode("utf-32")),
    ("UTF-32 with a byte order mark", b"\x00\x00\xfe\xff" + JSON.decode().encode("utf-32-be")),
    ("UTF-32: JSON is sent as UTF-8", JSON.decode().encode("utf-32-le")),
    ("UTF-32: JSON is sent as UTF-8", JSON.decode().encode("utf-32-be")),
    ("JSON in another encoding than UTF-8", json.dumps({"a": "caf\xe9"}, ensure_ascii=False).encode("latin-1")),
    # compressed
    ("gzip: it must be unpacked", gzip.compress(JSON)),
    ("zstd: it must be unpacked", compressed("zstd")),
    ("lz4: it must be unpacked", compressed("lz4")),
    ("snappy: it must be unpacked", SNAPPY_FRAME + compressed("snappy")),
    ("snappy as Java frames it", XERIAL_FRAME + compressed("snappy")),
    ("bzip2", bz2.compress(JSON)),
    ("xz", lzma.compress(JSON)),
    ("a ZIP archive", zipped()),
    # serialized
    ("an Avro file", avro(container=True)),
    ("Avro: a record is written as JSON", avro()),
    ("Avro in single-object encoding", b"\xc3\x01" + bytes(8) + avro()),
    ("Protobuf: a record is written as JSON", protobuf()),
    ("MessagePack: a record is written as JSON", msgpack.packb(ACCESS)),
    ("CBOR: a record is written as JSON", cbor2.dumps(ACCESS)),
    ("CBOR: a record is written as JSON", b"\xd9\xd9\xf7" + cbor2.dumps(ACCESS)),
    ("BSON: a record is written as JSON", bson()),
    ("a Java object", b"\xac\xed\x00\x05sr\x00"),
    ("something binary, perhaps encrypted", bytes(range(200, 256)) * 3),
    # framed
    ("Schema Registry framing (a zero byte and a schema id of 4 bytes) before JSON: the record begins at byte 5",
     frame(5, 0, JSON)),
    ("Schema Registry framing (a zero byte and a schema id of 4 bytes) before Avro or Protobuf", frame(5, 0, avro())),
    ("Schema Registry framing (a zero byte and a schema id of 4 bytes) before Avro or Protobuf",
     frame(5, 0, b"\x00" + protobuf())),
    ("Apicurio's framing (a zero byte and an id of 8 bytes) before JSON: the record begins at byte 9",
     frame(9, 0, JSON)),
    ("Schema Registry framing (a byte 1 and a schema id of 16 bytes) before JSON: the record begins at byte 17",
     frame(17, 1, JSON)),
    ("AWS Glue's framing (18 bytes) before JSON: the record begins at byte 18", frame(18, 3, JSON)),
    # text
    ("XML: a record is written as JSON", b'<?xml version="1.0"?><access><staff>Tangiwai-77</staff></access>'),
    ("XML: a record is written as JSON", b"<access staff='Tangiwai-77'/>"),
    ("an HTML page", b"<!DOCTYPE html>\n<html><body>502 Bad Gateway Tangiwai-77</body></html>"),
    ("an HTML page", b"\n<HTML><head><title>Tangiwai-77</title></head></HTML>"),
    ("CSV, separated by commas", TABLE),
    ("CSV, separated by semicolons", TABLE.replace(b",", b";")),
    ("CSV, separated by tabs", TABLE.replace(b",", b"\t")),
    ("CSV, separated by commas", TABLE.splitlines()[1]),
    ("base64 of JSON", b64(JSON)),
    ("base64 of JSON", base64.urlsafe_b64encode(JSON)),
    ("base64 of gzip", b64(gzip.compress(JSON))),
    ("base64: it must be decoded", b64(bytes(range(100, 180)))),
    ("bytes written as hexadecimal digits of JSON", JSON.hex().encode()),
    ("JSON that was encoded for a URL", urllib.parse.quote(JSON).encode()),
    ("a signed or encrypted token", b"eyJhbGciOiJub25lIn0." + b64(JSON).rstrip(b"=") + b"."),
    ("JSON with single quotes", repr(ACCESS).encode()),
    ("JSON whose names stand without quotes", b'{staff_id: "Tangiwai-77"}'),
    ("a Struct as text", b"Struct{event_id=EV-5501,staff_id=Tangiwai-77}"),
    ("a Java map as text", b"{event_id=EV-5501, staff_id=Tangiwai-77}"),
    ("an event in CEF or LEEF", b"<134>1 CEF:0|kainga|access|1|Tangiwai-77|x|5|"),
    ("a syslog message", b"<134>Nov 20 12:00:00 kainga Tangiwai-77"),
    ("an HTTP response", b"HTTP/1.1 502 Bad Gateway\r\n\r\nTangiwai-77"),
    ("YAML", b"event_id: EV-5501\nstaff_id: Tangiwai-77\n"),
    ("several JSON values one after another", JSON + b"\n" + JSON),
    ("nothing but white space", b" \n"),
]  # fmt: skip

SHAPES: list[tuple[str, Any]] = [
    ("a JSON array of 2: each item must be sent as a record of its own", [ACCESS, ACCESS]),
    ("an empty JSON array", []),
    ("JSON that was encoded twice: the record lies in the string", JSON.decode()),
    ("JSON that was encoded twice: the record lies in the string, which looks like a JSON array of 1",
     json.dumps([ACCESS])),
    ("a Debezium envelope: the record lies in after", CHANGE),
    ("a Debezium envelope: the record lies in payload.after", {"schema": CONNECT_SCHEMA, "payload": CHANGE}),
    ("a Debezium envelope: the record lies in after, as a string that holds JSON",
     CHANGE | {"after": JSON.decode()}),
    ("a Debezium envelope of a deletion: after is null, and a deletion is sent as a null value",
     CHANGE | {"op": "d", "before": ACCESS, "after": None}),
    ("a Debezium envelope of a deletion: payload.after is null",
     {"schema": None, "payload": {"op": "d", "before": ACCESS}}),
    ("Kafka Connect's JSON with its schema: the record lies in payload",
     {"schema": CONNECT_SCHEMA, "payload": ACCESS}),
    ("Kafka Connect's JSON with its schema: the record lies in payload, as a string that holds JSON",
     {"schema": {"type": "string"}, "payload": JSON.decode()}),
    ("Kafka Connect's JSON with its schema: payload is null", {"schema": CONNECT_SCHEMA, "payload": None}),
    ("a CloudEvents envelope: the record lies in data", EVENT),
    ("a CloudEvents envelope: the record lies in data, as a string that holds JSON", EVENT | {"data": JSON.decode()}),
    ("a CloudEvents envelope: the record lies in data_base64",
     {name: EVENT[name] for name in EVENT if name != "data"} | {"data_base64": b64(JSON).decode()}),
    ("a CloudEvents envelope: the record lies in data.payload", EVENT | {"data": {"payload": ACCESS}}),
    ("a JSON array of 1: each item must be sent as a record of its own, and the first looks like a CloudEvents",
     [EVENT]),
    ("a request to Kafka's REST proxy: a record lies in each item of records (1), under value",
     {"records": [{"key": "Tangiwai-77", "value": ACCESS}]}),
    ("GoldenGate's envelope: the record lies in after", {"table": "kāinga", "op_type": "I", "after": ACCESS}),
    ("the envelope of Maxwell or Canal: the record lies in data",
     {"database": "kāinga", "table": "t", "type": "insert", "data": ACCESS}),
    ("the envelope of Maxwell or Canal: the record lies in each item of data",
     {"database": "kāinga", "table": "t", "type": "INSERT", "data": [ACCESS]}),
    ("the envelope of AWS DMS: the record lies in data", {"data": ACCESS, "metadata": {}}),
    ("an envelope: the record lies in message.body", {"message": {"body": ACCESS}}),
    ("an envelope: the record lies in each item of events", {"events": [ACCESS]}),
    ("an envelope: the record lies in body, as a string that holds JSON", {"id": 1, "body": JSON.decode()}),
    ("an envelope: the record lies in an object inside another, 1 below the outermost", {"Tangiwai-77": ACCESS}),
    ("an envelope: the record lies in an object inside another, 2 below the outermost", {"kāinga": {"data": ACCESS}}),
    ("a record whose names are written otherwise",
     {"eventId": "EV-5501", "occurredAt": NOON, "staffId": "Tangiwai-77", "action": "view"}),
    ("a record whose names are written otherwise", {name.upper(): value for name, value in ACCESS.items()}),
]  # fmt: skip

#: Looks like nothing but what it is: a mistake in the record itself, or JSON that says nothing.
ORDINARY: list[Any] = [
    {}, None, 1, "a word", {"staff_id": "Tangiwai-77", "action": "view"}, ACCESS | {"action": "look"},
    {"data": 1}, {"payload": {}}, {"a": {"b": {"c": [1, 2]}}}, {"schema": 1},
    {"data": "x", "metadata": None, "more": 1},
]  # fmt: skip


def refused(value: bytes) -> Refused:
    """How a value is refused."""
    with pytest.raises(Refused) as refusal:
        decode(Access, value)
    return refusal.value


@pytest.mark.parametrize(("words", "value"), BYTES, ids=lambda one: one if isinstance(one, str) else "")
def test_bytes_that_are_no_json(words: str, value: bytes) -> None:
    """Each is parked at decode, and the sentence says what it looks like without repeating it."""
    refusal = refused(value)
    assert refusal.stage == "decode"
    assert f"; looks like {words}" in str(refusal)
    assert [secret for secret in SECRETS if secret in str(refusal)] == []


@pytest.mark.parametrize(("words", "content"), SHAPES, ids=lambda one: one if isinstance(one, str) else "")
def test_json_that_is_something_else(words: str, content: Any) -> None:
    """Each is parked at validate, and the sentence says where the record lies."""
    refusal = refused(as_json(content))
    assert refusal.stage == "validate"
    assert f"; looks like {words}" in str(refusal)
    assert [secret for secret in SECRETS if secret in str(refusal)] == []


@pytest.mark.parametrize("content", ORDINARY, ids=str)
def test_a_record_with_a_mistake_looks_like_nothing_else(content: Any) -> None:
    """What is wrong stands in the sentence; nobody is sent to look for an envelope."""
    refusal = refused(as_json(content))
    assert refusal.stage == "validate"
    assert "looks like" not in str(refusal)


@pytest.mark.parametrize(
    "large", [b"{" + b'"a":{' * 40 + b"x" * VALUE_BYTES_MAX, b"A" * VALUE_BYTES_MAX, b"\x08\x01" * 2**19]
)
def test_the_largest_value_is_looked_at_too(large: bytes) -> None:
    """It ends, whatever it looks like."""
    assert refused(large[:VALUE_BYTES_MAX]).stage == "decode"


def test_a_wide_envelope_is_searched_within_bounds() -> None:
    """Where the record lies too far away, nothing is said of it."""
    wide = {
        "data": [{"x": {}}] * 10,
        "more": {f"n{number}": {"a": {}} for number in range(20_000)},
        "z": {"data": ACCESS},
    }
    assert "looks like" not in str(refused(as_json({"a": {"b": {"c": {"d": {"e": wide}}}}})))
