"""Whole files through a mapping: every row is mapped, skipped or refused by its number, and reading goes on."""

import gzip
import io
import json
from itertools import islice
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from enrichment.decode import VALUE_BYTES_MAX
from enrichment.mapping.files import Row, UnreadableFileError, read_file
from enrichment.mapping.mapping import Mapping
from enrichment.mapping.mapping_file import MappingFile
from enrichment.mapping.outcome import Mapped, Refused
from enrichment.mapping.snapshot import SnapshotRefusedError, absent

FIELDS: dict[str, Any] = {
    "event_id": {"concat": ["'f-'", "id"]},
    "occurred_at": {"from": "at", "time": "iso"},
    "staff_id": "user",
    "action": {"const": "view"},
}
AT = "2026-11-20T09:14:07+13:00"
COMMAS = {"decode": "csv", "csv": {"delimiter": ","}}


def mapping(**source: Any) -> Mapping:
    """A mapping of files of this kind."""
    file = {"mapping": "files", "version": 1, "source": source, "fields": FIELDS}
    return Mapping.compile(MappingFile.model_validate(file), "")


def rows(content: bytes, **source: Any) -> list[Row]:
    """The rows of a file."""
    return list(read_file(io.BufferedReader(io.BytesIO(content)), mapping(**source)))


def told(found: list[Row]) -> list[tuple[int, str]]:
    """Each row's number, and mapped or why not."""
    outcomes = [(row.number, one) for row in found for one in row.outcomes]
    return [(number, one.reason if isinstance(one, Refused) else type(one).__name__) for number, one in outcomes]


def line(number: int) -> dict[str, Any]:
    """One record."""
    return {"id": number, "at": AT, "user": "kim"}


def test_csv() -> None:
    """By line numbers of the file, header included; with a byte order mark, and a row over two lines."""
    content = f'\ufeffid,at,user\r\n1,{AT},kim\r\n2,{AT}\r\n3,{AT},"k\nim"\r\n4,{AT},lee\r\n'.encode()
    assert told(rows(content, **COMMAS)) == [
        (2, "Mapped"),
        (3, "has 2 fields, and there are 3 columns"),
        (4, "holds characters that are not printable"),
        (6, "Mapped"),
    ]


def test_csv_that_is_not_text_or_too_long() -> None:
    """Bytes of another character set, a line without end, and the rows behind them."""
    long = b"x" * (VALUE_BYTES_MAX + 10)
    content = b"id,at,user\n1,%s,k\xffm\n2,%s,%s\n3,%s,kim\n" % (AT.encode(), AT.encode(), long, AT.encode())
    assert told(rows(content, **COMMAS)) == [
        (2, "is not utf-8"),
        (3, f"is longer than {VALUE_BYTES_MAX} bytes"),
        (4, "Mapped"),
    ]
    latin = f"id;at;user\n1;{AT};M\u00fcller\n".encode("cp1252")
    (row,) = rows(latin, decode="csv", csv={"delimiter": ";", "charset": "windows-1252"})
    (found,) = row.outcomes
    assert isinstance(found, Mapped)
    assert found.key == "M\u00fcller"


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_json_lines(pack: Any) -> None:
    """Plain and packed, whatever the name; blank lines count and are none."""
    lines = [
        json.dumps(line(1)).encode(),
        b"",
        b"{",
        b'{"a":"' + b"x" * VALUE_BYTES_MAX + b'"}',
        json.dumps(line(5)).encode(),
    ]
    found = told(rows(pack(b"\n".join(lines)), decode="jsonl"))
    assert [number for number, _ in found] == [1, 3, 4, 5]
    assert [found[0][1], found[2][1], found[3][1]] == ["Mapped", f"is longer than {VALUE_BYTES_MAX} bytes", "Mapped"]


def test_gzip_that_is_cut_off() -> None:
    """What came before is read, and the sentence says from where on it is not."""
    content = gzip.compress(b"".join(json.dumps(line(number)).encode() + b"\n" for number in range(20_000)))
    stream = read_file(io.BufferedReader(io.BytesIO(content[:-40])), mapping(decode="jsonl"))
    assert len(list(islice(stream, 1_000))) == 1_000
    with pytest.raises(UnreadableFileError, match="its gzip data is cut off or damaged behind row"):
        list(stream)


def test_one_json_value() -> None:
    """A file of Records, more than one value of a topic may hold; and JSON lines that were called JSON."""
    many = json.dumps({"Records": [line(number) for number in range(3)]}).encode()
    assert [kind for _, kind in told(rows(many, decode="json", each="Records"))] == ["Mapped"] * 3
    with pytest.raises(UnreadableFileError, match="a file of JSON lines is read by decode: jsonl"):
        rows(b'{"id":1}\n{"id":2}\n', decode="json")


def test_counted_syslog() -> None:
    """A stream that counts octets, as a relay writes it."""
    one = b"<13>1 - - - - - - " + json.dumps(line(1)).encode()
    file: dict[str, Any] = {"mapping": "files", "version": 1, "source": {"decode": "syslog", "message": "json"}}
    inside = {name: spec for name, spec in FIELDS.items() if name == "action"} | {
        "event_id": {"concat": ["'f-'", "message.id"]},
        "occurred_at": {"from": "message.at", "time": "iso"},
        "staff_id": "message.user",
    }
    whole = Mapping.compile(MappingFile.model_validate({**file, "fields": inside}), "")
    stream = io.BufferedReader(io.BytesIO(b"%d %s%d %s" % (len(one), one, len(one) + 9, one)))
    assert told(list(read_file(stream, whole))) == [
        (1, "Mapped"),
        (2, "breaks off in the middle of a syslog message"),
    ]


def test_parquet_and_avro(tmp_path: Path) -> None:
    """Rows with times and numbers of their own; a file that is none of that kind."""
    table = pa.table({"id": [1, 2], "at": pa.array([AT, None]), "user": ["kim", "lee"]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert told(rows((tmp_path / "a.parquet").read_bytes(), decode="parquet")) == [(1, "Mapped"), (2, "is empty")]
    schema = {"type": "record", "name": "r", "fields": [{"name": "id", "type": "int"}, {"name": "at", "type": "string"},
              {"name": "user", "type": "string"}]}  # fmt: skip
    written = io.BytesIO()
    fastavro.writer(written, schema, [line(1)])
    assert told(rows(written.getvalue(), decode="avro")) == [(1, "Mapped")]
    for decode, sentence in (
        ("parquet", "is no Parquet file, or is damaged"),
        ("avro", "is no Avro file, or is damaged"),
    ):
        with pytest.raises(UnreadableFileError, match=sentence):
            rows(b"not one at all", decode=decode)


def test_csv_without_a_header() -> None:
    """A file whose first line names no columns."""
    for content in (b"", b"\n", b"id,id\n"):
        with pytest.raises(UnreadableFileError):
            rows(content, **COMMAS)


def test_a_snapshot() -> None:
    """Who is absent goes, within the bound, and only where every row was read."""
    known = {f"s{number:03}" for number in range(100)}
    assert absent(known, known - {"s001", "s002"}, refused=0, share_max_percent=5) == ["s001", "s002"]
    assert absent(known, known | {"new"}, refused=3, share_max_percent=5) == []
    assert absent(set(), {"new"}, refused=0, share_max_percent=0) == []
    with pytest.raises(
        SnapshotRefusedError, match=r"6 of 100 records are absent, 6.0 %, and more than 5 % would go: refused"
    ):
        absent(known, set(sorted(known)[6:]), refused=0, share_max_percent=5)
    assert len(absent(known, set(sorted(known)[5:]), refused=0, share_max_percent=5)) == 5
    with pytest.raises(SnapshotRefusedError, match="Nothing is deleted: 1 rows were refused"):
        absent(known, known - {"s001"}, refused=1, share_max_percent=5)
