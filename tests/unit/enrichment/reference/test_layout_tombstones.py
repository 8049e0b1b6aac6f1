"""Whom a null value deletes, by its key: as the contract has it, and as Kafka Connect writes it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrichment.decode import Refused
from enrichment.reference.layout import KEY_BYTES_MAX, KINDS, Deletes, deletes

SCHEMA = {"type": "struct", "fields": [{"field": "client_id", "type": "string"}], "optional": False}
FRAMED = b"\x00\x00\x00\x00\x2a"


def as_key(content: Any) -> bytes:
    """As Connect's JsonConverter writes a key: without spaces."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


READ = [
    pytest.param(b"C-1", Deletes("C-1"), id="the id itself"),
    pytest.param("Tāmaki".encode(), Deletes("Tāmaki"), id="with a macron"),
    pytest.param(b"12", Deletes("12"), id="digits"),
    pytest.param(b"true", Deletes("true"), id="a word of JSON"),
    pytest.param(b"{x", Deletes("{x"), id="no JSON after all"),
    pytest.param(as_key("C-1"), Deletes('"C-1"', "C-1"), id="a JSON string"),
    pytest.param(as_key({"client_id": "C-1"}), Deletes('{"client_id":"C-1"}', "C-1"), id="an object"),
    pytest.param(as_key({"id": "C-1"}), Deletes('{"id":"C-1"}', "C-1"), id="an object with id"),
    pytest.param(as_key({"CLIENT": "C-1"}), Deletes('{"CLIENT":"C-1"}', "C-1"), id="an object of one field"),
    pytest.param(as_key({"client_id": "C-1", "id": "2"}), Deletes('{"client_id":"C-1","id":"2"}', "C-1"), id="both"),
    pytest.param(b' { "client_id" : "C-1" } ', Deletes(' { "client_id" : "C-1" } ', "C-1"), id="with spaces"),
    pytest.param(b'{\n"client_id": "C-1"\n}', Deletes(None, "C-1"), id="over several lines: no id itself"),
    pytest.param(as_key({"schema": SCHEMA, "payload": "C-1"}), Deletes(None, "C-1"), id="with its schema, a string"),
    pytest.param(
        as_key({"schema": SCHEMA, "payload": {"client_id": "C-1"}}),
        Deletes(None, "C-1"),
        id="with its schema, an object",
    ),
    pytest.param(
        as_key({"schema": None, "payload": "C-1"}), Deletes('{"schema":null,"payload":"C-1"}', "C-1"), id="none"
    ),
    pytest.param(FRAMED + as_key("C-1"), Deletes(None, "C-1"), id="framed, a string"),
    pytest.param(FRAMED + as_key({"client_id": "C-1"}), Deletes(None, "C-1"), id="framed, an object"),
    pytest.param(
        FRAMED + as_key({"schema": SCHEMA, "payload": {"id": "C-1"}}), Deletes(None, "C-1"), id="framed, schema"
    ),
    pytest.param(b'{"a":1,"b":2}', Deletes('{"a":1,"b":2}', unknown="UNKNOWN"), id="an object that names nobody"),
    pytest.param(b'["C-1"]', Deletes('["C-1"]', unknown="UNKNOWN"), id="a list"),
    pytest.param(b'{"client_id":1}', Deletes('{"client_id":1}', "1"), id="a number"),
    pytest.param(b'{"client_id":1.5}', Deletes('{"client_id":1.5}', unknown="UNKNOWN"), id="no whole number"),
    pytest.param(b'""', Deletes('""', unknown="UNKNOWN"), id="an empty string"),
    pytest.param(b'{"id":"a","id":"b"}', Deletes('{"id":"a","id":"b"}', unknown="UNKNOWN"), id="a name twice"),
]


@pytest.mark.parametrize(("key", "expected"), READ)
def test_what_a_key_names(key: bytes, expected: Deletes) -> None:
    """The id that it is, and the one that it names."""
    found = deletes("client", key)
    assert (found.id, found.instead) == (expected.id, expected.instead)
    assert (found.unknown is not None) == (expected.unknown is not None)


PARKED = [
    pytest.param(None, "validate", "without a key", id="no key"),
    pytest.param(b"", "validate", "is no id", id="an empty key"),
    pytest.param(b"x" * 65, "validate", "is no id", id="too long"),
    pytest.param(b"a\x1bb", "validate", "is no id", id="not printable"),
    pytest.param(b"\xff", "decode", "not UTF-8", id="not UTF-8"),
    pytest.param(FRAMED + b"\x0aC-100", "validate", "is no id", id="framed Avro"),
    pytest.param(
        FRAMED + b'{"a":1,"b":2}', "validate", "an object of 2 fields without client_id", id="framed, names nobody"
    ),
    pytest.param(
        as_key({"schema": SCHEMA, "payload": {"a": "1", "b": "2"}}), "validate", "without client_id", id="schema"
    ),
    pytest.param(as_key({"schema": SCHEMA, "payload": None}), "validate", "what its envelope holds is none", id="null"),
    pytest.param(as_key("x" * 65), "validate", "what its envelope holds is none", id="a string that is too long"),
    pytest.param(b"{" * KEY_BYTES_MAX, "validate", "is no id", id="nothing but braces"),
    pytest.param(b"x" * (KEY_BYTES_MAX + 1), "validate", "it has 65537 bytes", id="a large one"),
]


@pytest.mark.parametrize(("key", "stage", "words"), PARKED)
def test_what_names_nobody_is_refused(key: bytes | None, stage: str, words: str) -> None:
    """With a sentence."""
    with pytest.raises(Refused, match=words) as refusal:
        deletes("client", key)
    assert refusal.value.stage == stage


@given(st.sampled_from(sorted(KINDS)), st.text(min_size=1, max_size=64).filter(str.isprintable), st.booleans())
def test_every_id_can_be_deleted_in_every_form(kind: Any, identity: str, framed: bool) -> None:
    """Of each kind, by its own field."""
    assert deletes(kind, identity.encode()).id == identity
    for content in (identity, {KINDS[kind][1]: identity}, {"id": identity}, {"only": identity}):
        for whole in (content, {"schema": SCHEMA, "payload": content}):
            key = (FRAMED if framed else b"") + as_key(whole)
            assert identity in {deletes(kind, key).id, deletes(kind, key).instead}


@given(
    st.binary(max_size=200)
    | st.recursive(st.text() | st.integers() | st.none(), lambda one: st.dictionaries(st.text(), one)).map(as_key)
)
def test_any_key_is_read_or_refused_without_being_repeated(key: bytes) -> None:
    """Nothing else is raised."""
    sentence = ""
    try:
        found = deletes("work", key)
    except Refused as refusal:
        sentence = str(refusal)
    assert sentence or found.id is not None or found.instead is not None
    assert len(sentence) < 120
