"""What sources write: read one way or refused, with a reason that holds nothing of it."""

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment.decode import VALUE_BYTES_MAX
from enrichment.mapping.cef import parse_cef
from enrichment.mapping.csv_rows import HeaderMistake, header, parse_line, rows
from enrichment.mapping.decoders import change_event, decoder
from enrichment.mapping.json_values import read_json
from enrichment.mapping.mapping_file import Csv, Source
from enrichment.mapping.outcome import FieldRefused
from enrichment.mapping.syslog import frames, parse_syslog

HEAD = "CEF:0|Agency|case-manager|2.1|audit:access|Opened|INFO|"


def refusal(value: bytes, **source: Any) -> str:
    """Why a value is refused."""
    with pytest.raises(FieldRefused) as refused:
        decoder(Source(**source), None)(value)
    return str(refused.value)


# -- JSON ---------------------------------------------------------------------------------------------------------


def test_json() -> None:
    """One object, or a list of them."""
    assert [one.record for one in decoder(Source(decode="json"), None)(b'{"a": {"b": 1}}')] == [{"a": {"b": 1}}]
    assert [one.record for one in decoder(Source(decode="json"), None)(b'[{"a": 1}, {"a": 2}]')] == [{"a": 1}, {"a": 2}]
    assert [one.record for one in decoder(Source(decode="jsonl"), None)(b'{"a":1}\n\n{"a":2}\n')] == [
        {"a": 1},
        {"a": 2},
    ]


def test_json_that_is_refused() -> None:
    """Broken, too large, too deep, or with two values for one name, at whatever depth."""
    assert refusal(b'{"a": 1', decode="json").startswith("is no JSON (")
    assert refusal(b'{"a": NaN}', decode="json").startswith("is no JSON (")
    assert refusal(b"", decode="json") == "is empty"
    assert refusal(b"\xff\xfe{}", decode="json").startswith("is no JSON (")
    assert refusal(b"[" * 70 + b"]" * 70, decode="json") == "nests deeper than 64"
    assert refusal(b'{"zz": 1, "zz": 2}', decode="json") == "a name stands twice in one object"
    assert refusal(b'{"x": [{"event_id": 1, "event_id": 2}]}', decode="json") == "event_id: stands twice in one object"
    assert refusal(b'"' + b"x" * VALUE_BYTES_MAX + b'"', decode="json").startswith("has 1048578 bytes")


@given(st.recursive(st.text() | st.integers(-5, 5) | st.none(), lambda inner: st.dictionaries(st.text(), inner)))
def test_json_is_read_whatever_its_texts_hold(value: Any) -> None:
    """Colons and quotes in texts are no names that stand twice."""
    assert value == read_json(json.dumps(value).encode())
    assert value == read_json(json.dumps(value, ensure_ascii=False, indent=2).encode())


# -- CEF ----------------------------------------------------------------------------------------------------------


def test_cef() -> None:
    """The head by name, the extension by name, and what custom fields are called."""
    found = parse_cef(
        "<134>Nov 20 09:14:07 host " + HEAD + "end=1795119247123 suid=Z991 duid=0101 "
        "flexString1Label=Decision flexString1=Permit request=/cases/7?a=b msg=opened the file cs1= cs1Label=Note"
    )
    assert found["deviceEventClassId"] == "audit:access"
    assert found["deviceVendor"] == "Agency"
    assert found["header"] == "<134>Nov 20 09:14:07 host"
    assert found["extension"]["msg"] == "opened the file"
    assert found["extension"]["request"] == "/cases/7?a=b"
    assert found["labelled"] == {"Decision": "Permit", "Note": ""}


def test_cef_escapes() -> None:
    r"""``\|`` and ``\\`` in the head; ``\=``, ``\\``, ``\n`` in values."""
    found = parse_cef(r"CEF:1|a\|b|c\\d|1|2|n|3|suser=AGENCY\\kim msg=x\=y and\nz ")
    assert (found["deviceVendor"], found["deviceProduct"]) == ("a|b", r"c\d")
    assert found["extension"] == {"suser": r"AGENCY\kim", "msg": "x=y and\nz"}
    assert parse_cef("CEF:0|a|b|c|d|e|f|")["extension"] == {}


CEF_REFUSED = [
    ("no cef at all", "is no CEF: there is no CEF: in it"),
    ("CEF:0|a|b|c", "is no CEF: its head ends before its seven parts"),
    ("CEF:x|a|b|c|d|e|f|", "is no CEF: its version is no number"),
    (r"CEF:0|a\b|b|c|d|e|f|", "is no CEF: a backslash stands before what needs none"),
    (HEAD + r"suser=AGENCY\kim", "is no CEF: a backslash stands before what needs none"),
    (HEAD + "suid=1 suid=2", "is no CEF that can be read one way: a name stands in it twice"),
    (HEAD + "words suid=1", "is no CEF: behind its head stands something without a name"),
    (HEAD + "cs1=a cs1Label=x cs2=b cs2Label=x", "is no CEF that can be read one way: a label stands on two fields"),
    ("CEF:0|a\nb|b|c|d|e|f|", "is no CEF: a line ends in its head"),
]


@pytest.mark.parametrize(("text", "reason"), CEF_REFUSED)
def test_cef_that_is_refused(text: str, reason: str) -> None:
    """What could be read two ways is not read."""
    with pytest.raises(FieldRefused) as refused:
        parse_cef(text)
    assert reason == str(refused.value)


# -- syslog -------------------------------------------------------------------------------------------------------


def test_syslog_5424() -> None:
    """Priority, head, structured data with its escapes, and a message with a byte order mark."""
    found = parse_syslog(
        "<165>1 2026-11-20T09:14:07.003+13:00 host.example cms 42 VIEW "
        '[aw@32473 who="kim" why="a \\"b\\" \\]"][x@1] \ufeffopened',
        "text",
    )
    assert found == {
        "facility": 20, "severity": 5, "timestamp": "2026-11-20T09:14:07.003+13:00", "hostname": "host.example",
        "app_name": "cms", "procid": "42", "msgid": "VIEW", "message": "opened",
        "structured": {"aw@32473": {"who": "kim", "why": 'a "b" ]'}, "x@1": {}},
    }  # fmt: skip
    assert parse_syslog("<0>1 - - - - - -", "text")["timestamp"] is None
    assert parse_syslog('33 <13>1 - - - - - - @cee: {"a": 1} \n', "json")["message"] == {"a": 1}


def test_syslog_3164() -> None:
    """The older form, with CEF or words behind its tag."""
    found = parse_syslog(f"<134>Nov  2 09:14:07 gw cms[77]: {HEAD}suid=Z1", "cef")
    assert (found["hostname"], found["app_name"], found["procid"]) == ("gw", "cms", "77")
    assert found["message"]["extension"] == {"suid": "Z1"}
    assert parse_syslog("<13>Nov 20 09:14:07 gw CEF:0|a|b|c|d|e|f|x=1", "cef")["message"]["extension"] == {"x": "1"}


SYSLOG_REFUSED = [
    ("hello", "is no syslog message: it does not begin with a priority"),
    ("<192>1 - - - - - -", "is no syslog message: it does not begin with a priority"),
    ("<13>what is this", "is no syslog message: its head is neither of RFC 5424 nor of RFC 3164"),
    ("<13>1 yesterday - - - - -", "is no syslog message: its time is not of RFC 5424"),
    ("<13>1 - - - -", "is no syslog message: its head is not of RFC 5424"),
    ("<13>1 - - - - - what", "is no syslog message: it has no structured data, not even -"),
    ('<13>1 - - - - - [a b="c"', "is no syslog message: its structured data does not end"),
    ('<13>1 - - - - - [a b="c"]x', "is no syslog message: something stands right behind its structured data"),
    ('<13>1 - - - - - [a b="c" b="d"]', "is no syslog message: a parameter stands twice, or there are too many"),
    ("<13>1 - - - - - [a][a]", "is no syslog message: its structured data cannot be read one way"),
    ("99 <13>1 - - - - - -", "is no syslog message: it is not as long as it says"),
]


@pytest.mark.parametrize(("text", "reason"), SYSLOG_REFUSED)
def test_syslog_that_is_refused(text: str, reason: str) -> None:
    """What is not of its form is not guessed at."""
    with pytest.raises(FieldRefused) as refused:
        parse_syslog(text, "text")
    assert reason == str(refused.value)


def test_counted_messages() -> None:
    """Octets are counted, not characters; a line end inside a message is its own; what breaks off is named."""
    one, two = "<13>1 - - - - - - wh\u0101nau".encode(), b"<13>1 - - - - - - a\nb"
    stream = b"%d %s%d %s\n" % (len(one), one, len(two), two)
    assert list(frames(io.BytesIO(stream))) == [one, two]
    *read, last = frames(io.BytesIO(stream + b"99 <13>"))
    assert read == [one, two]
    assert str(last) == "breaks off in the middle of a syslog message"
    (lost,) = frames(io.BytesIO(b"<13>no count"))
    assert str(lost) == "is no counted syslog message, and where the next one begins is not known"


# -- CSV ----------------------------------------------------------------------------------------------------------

COMMAS = Csv(delimiter=",")


def test_csv() -> None:
    """By the names of the header, whose byte order mark is none of a name."""
    text = io.StringIO('\ufeffid,"user, who",note\n1,kim,"a\nb"\n2,"lee",\n', newline="")
    names = header(text, COMMAS)
    assert names == ["id", "user, who", "note"]
    assert list(rows(text, COMMAS, names)) == [
        (1, {"id": "1", "user, who": "kim", "note": "a\nb"}),
        (3, {"id": "2", "user, who": "lee", "note": ""}),
    ]


def test_csv_dialects() -> None:
    """What is written between fields, around them, and in another character set, is given."""
    semicolons = Csv(delimiter=";", quote=None, columns=["id", "user"], charset="windows-1252")
    assert parse_line('7;"M\u00fcller"'.encode("cp1252"), semicolons) == {"id": "7", "user": '"M\u00fcller"'}
    escaped = Csv(delimiter="\t", escape="\\", columns=["a", "b"])
    assert parse_line(b'"x \\" y"\tz', escaped) == {"a": 'x " y', "b": "z"}


def test_a_torn_row_is_refused_and_the_next_ones_are_read() -> None:
    """More or fewer fields than columns, a quote that ends in the middle, and one that swallowed lines."""
    text = io.StringIO('1,2\n1,2,3\n1\n"a"b,2\n\n3,"x\n4,y\n5,"z"\n6,7\n', newline="")
    found = [
        (number, str(row) if isinstance(row, FieldRefused) else row) for number, row in rows(text, COMMAS, ["a", "b"])
    ]
    assert found == [
        (1, {"a": "1", "b": "2"}),
        (2, "has 3 fields, and there are 2 columns"),
        (3, "has 1 fields, and there are 2 columns"),
        (4, "is no CSV of the mapping's dialect"),
        (6, "is no CSV of the mapping's dialect (all 3 lines from here on)"),
        (9, {"a": "6", "b": "7"}),
    ]


def test_a_header_that_is_none() -> None:
    """Two columns of one name, or nothing at all."""
    for text in ("id,id\n", "", "\n", ",\n", '"id\n'):
        with pytest.raises(HeaderMistake):
            header(io.StringIO(text, newline=""), COMMAS)


def test_one_row_of_csv_in_a_topic() -> None:
    """Without a header the mapping names the columns; two rows are no record."""
    dialect: dict[str, Any] = {"delimiter": ",", "columns": ["id", "user"]}
    assert decoder(Source(decode="csv", csv=Csv(**dialect)), None)(b"1,kim\r\n")[0].record == {"id": "1", "user": "kim"}
    assert refusal(b"1,kim\n2,lee\n", decode="csv", csv=dialect) == "is not one row of CSV"
    assert refusal(b"1", decode="csv", csv=dialect) == "has 1 fields, and there are 2 columns"
    assert refusal(b"\xff,1", decode="csv", csv=dialect) == "is not utf-8"
    assert refusal(b"1,kim", decode="csv", csv={"delimiter": ","}).startswith("is a line without its header")


# -- Debezium -----------------------------------------------------------------------------------------------------

ROW = {"id": 5, "user": "kim"}
ORIGIN = {"table": "log", "connector": "mysql"}
ENVELOPE = {"before": None, "after": ROW, "source": ORIGIN, "op": "c", "ts_ms": 9}


def test_debezium() -> None:
    """The envelope, the same beside its schema, and a flattened row, are the same row."""
    seen = {**ROW, "__op": "c", "__ts_ms": 9, "__source": ORIGIN}
    for value in (ENVELOPE, {"schema": {"type": "struct"}, "payload": ENVELOPE}):
        document = change_event(value, "log")
        assert (document.record, document.envelope, document.change) == (seen, ENVELOPE, "new")
    flat = change_event({**ROW, "__op": "r", "__source_ts_ms": 9, "__table": "log"}, "log")
    assert flat.record["user"] == "kim"
    assert (flat.change, flat.envelope["op"]) == ("new", "r")


def test_debezium_of_mongodb() -> None:
    """A document comes as JSON in a text."""
    document = change_event({**ENVELOPE, "after": '{"_id": {"$numberLong": "5"}, "user": "kim"}'}, None)
    assert document.record["user"] == "kim"
    assert refusal(json.dumps({**ENVELOPE, "after": "{"}).encode(), decode="debezium").startswith("is no JSON (")


def test_what_happened_to_a_row() -> None:
    """Changed, deleted (it is what was there before), emptied, and a message that is about no row."""
    assert change_event({**ENVELOPE, "op": "u"}, None).change == "changed"
    deleted = change_event({**ENVELOPE, "op": "d", "before": ROW, "after": None}, None)
    assert (deleted.change, deleted.record["id"]) == ("deleted", 5)
    assert change_event({"op": "t", "source": ORIGIN, "ts_ms": 9}, None).change == "emptied"
    assert change_event({"op": "m", "source": ORIGIN, "message": {"prefix": "x"}}, None).change == "message"
    assert change_event({"op": "x", "user": "kim", "__op": "c"}, None).record["op"] == "x"
    assert change_event({**ROW, "__op": "d"}, None).change == "deleted"


DEBEZIUM_REFUSED: list[tuple[Any, str]] = [
    ([1], "is no change event of Debezium"),
    (ROW, "is a flattened row that does not say whether it is new or was changed"),
    ({**ENVELOPE, "op": "x"}, "is a change event of a kind that is not known"),
    ({**ENVELOPE, "op": ["c"]}, "is a change event of a kind that is not known"),
    ({**ENVELOPE, "source": {"table": "users"}}, "is a row of another table than the mapping names"),
    ({**ENVELOPE, "after": None}, "is a change event without a row"),
]


@pytest.mark.parametrize(("value", "reason"), DEBEZIUM_REFUSED)
def test_debezium_that_is_refused(value: Any, reason: str) -> None:
    """Whatever does not say what happened to which row."""
    assert refusal(json.dumps(value).encode(), decode="debezium", table="log").startswith(reason)


def test_what_needs_a_registry_or_a_file() -> None:
    """Avro without a registry, and a Parquet file in a topic, say what to do."""
    assert "ACCESSWATCH_SCHEMA_REGISTRY" in refusal(b"\0\0\0\0\1abc", decode="avro")
    assert "ACCESSWATCH_SCHEMA_REGISTRY" in refusal(b"\0\0\0\0\1abc", decode="debezium", encoding="avro")
    assert "access import" in refusal(b"PAR1", decode="parquet")


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_the_end_of_a_line_is_no_part_of_a_message(end: bytes) -> None:
    """Tools that read lines leave it there; the last value of a message does not have it."""
    (found,) = decoder(Source(decode="cef"), None)(f"{HEAD}suid=S-1 duid=C-1".encode() + end)
    assert found.record["extension"]["duid"] == "C-1"
    (found,) = decoder(Source(decode="syslog"), None)(b"<13>1 2026-11-20T09:14:07+13:00 h a - - - opened" + end)
    assert found.record["message"] == "opened"
