"""From bytes to a record or a refusal, and never anything else; no refusal repeats what it read."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrichment.decode import DEPTH_MAX, VALUE_BYTES_MAX, Invalid, Refused, decode, decode_access
from enrichment.schemas import Access, Client, Record, Staff, WatchlistEntry
from tests.support.records import LEAST, NOON, Document, as_json

LEAST_ACCESS = LEAST[Access]
MS = 1000
NOON_MS = int(datetime.fromisoformat(NOON).timestamp()) * MS


def answer(value: bytes | None) -> str:
    """``taken``, or the class and the stage of the refusal."""
    try:
        decode(Access, value)
    except Refused as refusal:
        return f"{type(refusal).__name__} at {refusal.stage}"
    return "taken"


def access_with(text: str) -> bytes:
    """A valid access with one more member, written as given."""
    return as_json(LEAST_ACCESS)[:-1] + f', "extra": {text}}}'.encode()


def access_of(size: int) -> bytes:
    """A valid access of so many bytes."""
    bare = access_with('""')
    return access_with('"' + "x" * (size - len(bare)) + '"')


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    """A valid access that nests so deep; the access itself is 1."""
    levels = depth - 1
    inner = "1" if opening == "[" else '{"a": 1}'
    levels -= opening != "["
    return access_with(opening * levels + inner + closing * levels)


BYTES = [
    pytest.param("taken", as_json(LEAST_ACCESS), id="a valid access"),
    pytest.param("taken", b" \n\t\r" + as_json(LEAST_ACCESS) + b"\n", id="white space around it"),
    pytest.param("Invalid at validate", None, id="no value"),
    pytest.param("NotJson at decode", b"", id="an empty value"),
    pytest.param("NotJson at decode", b" ", id="a space"),
    pytest.param("NotJson at decode", b"hello", id="a word"),
    pytest.param("NotJson at decode", as_json(LEAST_ACCESS)[:-1], id="cut off"),
    pytest.param("NotJson at decode", as_json(LEAST_ACCESS) + b"x", id="something behind it"),
    pytest.param("NotJson at decode", as_json(LEAST_ACCESS) * 2, id="two records in one"),
    pytest.param("NotJson at decode", b"\xef\xbb\xbf" + as_json(LEAST_ACCESS), id="a byte order mark"),
    pytest.param("NotJson at decode", as_json(LEAST_ACCESS).decode().encode("utf-16"), id="UTF-16"),
    pytest.param("NotJson at decode", access_with('"\xff"').replace("\xff".encode(), b"\xff"), id="no UTF-8 inside"),
    pytest.param("NotJson at decode", access_with(r'"\ud800"'), id="half a surrogate pair"),
    pytest.param("taken", access_with(r'"\ud83d\ude00"'), id="a whole one"),
    pytest.param("NotJson at decode", access_with("01"), id="a number with a zero before it"),
    pytest.param("NotJson at decode", access_with("'x'"), id="single quotes"),
    pytest.param("Invalid at validate", b"null", id="the word null"),
    pytest.param("Invalid at validate", b"[]", id="a list"),
    pytest.param("Invalid at validate", b'"x"', id="a string"),
    pytest.param("Invalid at validate", b"1", id="a number"),
    pytest.param("Invalid at validate", b"{}", id="an empty object"),
    pytest.param("NotJson at decode", b"NaN", id="NaN alone"),
    pytest.param("NotJson at decode", access_with("NaN"), id="NaN in an unknown field"),
    pytest.param("NotJson at decode", access_with("[1, [NaN]]"), id="NaN deep inside"),
    pytest.param("NotJson at decode", access_with("Infinity"), id="Infinity"),
    pytest.param("NotJson at decode", access_with("-Infinity"), id="minus Infinity"),
    pytest.param("taken", access_with('"NaN, Infinity, -Infinity"'), id="in a string they are words"),
    pytest.param("taken", access_with(r'"\"NaN"'), id="behind an escaped quote too"),
    pytest.param("taken", access_with('{"NaN": 1}'), id="and as a name"),
    pytest.param("NotJson at decode", access_with('"NaN", "more": NaN'), id="once a word, once not"),
    pytest.param("taken", nested(DEPTH_MAX), id="64 deep, lists"),
    pytest.param("TooDeep at decode", nested(DEPTH_MAX + 1), id="65 deep, lists"),
    pytest.param("taken", nested(DEPTH_MAX, '{"a":', "}"), id="64 deep, objects"),
    pytest.param("TooDeep at decode", nested(DEPTH_MAX + 1, '{"a":', "}"), id="65 deep, objects"),
    pytest.param("taken", access_with("[" + ", ".join(["[]"] * 200) + "]"), id="many beside one another"),
    pytest.param("taken", access_with('"' + "[" * 200 + '"'), id="brackets in a string"),
    pytest.param("taken", access_with('{"' + "{" * 200 + '": 1}'), id="brackets in a name"),
    pytest.param("taken", access_with(r'"\"' + "[" * 200 + '"'), id="brackets behind an escaped quote"),
    pytest.param("taken", access_with('"' + r"\\" + '", "more": "' + "[" * 200 + '"'), id="an escaped backslash"),
    pytest.param(
        "TooDeep at decode",
        access_with('["' + r"\\" + '", ' + "[" * 64 + "]" * 64 + "]"),
        id="65 deep behind a string that ends in a backslash",
    ),
    pytest.param("TooDeep at decode", b"[" * VALUE_BYTES_MAX, id="nothing but brackets"),
    pytest.param("NotJson at decode", b"]" * 1000, id="nothing but closing ones"),
    pytest.param("taken", access_of(VALUE_BYTES_MAX), id="1 MiB exactly"),
    pytest.param("TooLarge at decode", access_of(VALUE_BYTES_MAX + 1), id="one byte more"),
    pytest.param("TooLarge at decode", b"x" * (4 * VALUE_BYTES_MAX), id="4 MiB of anything"),
    pytest.param("NotJson at decode", access_with("9" * 5000), id="a number beyond any use"),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "value"), BYTES)
def test_bytes(expected: str, value: bytes | None) -> None:
    """Every row is one value and where it ends."""
    assert expected == answer(value)


#: Text before the end of a valid access, and what is said of it where a name stands twice.
TWICE = [
    pytest.param('"action": "print"', "action: stands twice in one object", id="a field"),
    pytest.param('"action": "view"', "action: stands twice in one object", id="with the same value"),
    pytest.param(r'"\u0061ction": "view"', "action: stands twice in one object", id="written as an escape"),
    pytest.param('"action" : "view"', "action: stands twice in one object", id="a space behind the name"),
    pytest.param('"x": 1, "x": 2', "a name stands twice in one object", id="a field that the contract does not name"),
    pytest.param('"sections": [], "sections": ["notes"]', "sections: stands twice", id="lists of different lengths"),
    pytest.param('"sections": ["notes", "income"], "sections": []', "sections: stands twice", id="a longer one first"),
    pytest.param(
        '"search": {"fields": [], "result_count": 1, "result_count": 2}', "result_count: ", id="inside another"
    ),
    pytest.param(
        '"search": {"fields": [], "result_count": 1, "x": 1, "x": 2}', "a name stands twice", id="unknown, inside"
    ),
    pytest.param('"x": {"q": 1, "q": 2}', "a name stands twice in one object", id="an unknown object"),
    pytest.param('"x": [{}, {"y": [{"q": 1, "q": 2}]}]', "a name stands twice in one object", id="deep inside"),
    pytest.param('"x": {"": 1, "": 2}', "a name stands twice in one object", id="an empty name"),
    pytest.param('"x": "a, b", "x": "c"', "a name stands twice in one object", id="beside a comma in a text"),
    pytest.param('"x": 1e999, "x": 2', "a name stands twice in one object", id="beside a number beyond any use"),
]

ONCE = [
    pytest.param('"x": {"action": 1}', id="once in each of two objects"),
    pytest.param('"x": [{"a": 1}, {"a": 1}]', id="once in each item"),
    pytest.param('"x": "a, b, c", "y": ["d,e"]', id="commas in texts"),
    pytest.param('"x": "action", "y": "{\\"a\\": 1, \\"a\\": 2}"', id="twice in a text"),
    pytest.param('"x": 1e999, "y": -1.5, "z": [1.5, 1e999]', id="numbers"),
    pytest.param('"Action": 1', id="another letter"),
    pytest.param('"x": ' + '{"action": ' * 20 + "1" + "}" * 20, id="in objects inside one another"),
]


@pytest.mark.parametrize(("text", "said"), TWICE)
def test_a_name_twice_in_one_object(text: str, said: str) -> None:
    """Two readers would take two values for it; only a name of the contract's is repeated."""
    with pytest.raises(Invalid, match=said) as refusal:
        decode(Access, as_json(LEAST_ACCESS)[:-1] + f", {text}}}".encode())
    assert refusal.value.stage == "validate"


@pytest.mark.parametrize("text", ONCE)
def test_a_name_once_in_each_object(text: str) -> None:
    """What looks alike is taken."""
    assert answer(as_json(LEAST_ACCESS)[:-1] + f", {text}}}".encode()) == "taken"


@pytest.mark.parametrize("twice", ["NaN", "[" * 80 + "]" * 80])
def test_what_was_read_over_may_be_no_json(twice: str) -> None:
    """The earlier of two values is not kept: what is no JSON in it is found all the same."""
    assert answer(as_json(LEAST_ACCESS)[:-1] + f', "x": {twice}, "x": 1}}'.encode()).endswith("at decode")


def test_a_refusal_says_which_field_and_why() -> None:
    """The first few mistakes, then how many more."""
    mistakes = {"event_id": "", "staff_id": 1, "action": "look", "site": [], "record_count": 0, "channel": "x"}
    with pytest.raises(Invalid) as refusal:
        decode(Access, as_json(LEAST_ACCESS | mistakes))
    places = [part.split(":")[0] for part in str(refusal.value).split("; ")]
    assert places == ["event_id", "staff_id", "action", "channel", "site", "and 1 more"]


AHEAD = [
    pytest.param("taken", timedelta(), id="at the record's own time"),
    pytest.param("taken", timedelta(hours=24), id="24 hours ahead exactly"),
    pytest.param("refused", timedelta(hours=24, microseconds=1), id="a microsecond more"),
    pytest.param("taken", timedelta(days=-400), id="long before: late, not invalid"),
]


@pytest.mark.parametrize(("expected", "ahead"), AHEAD)
def test_how_far_ahead_an_access_may_lie(expected: str, ahead: timedelta) -> None:
    """Of the record's own timestamp, to the microsecond, whatever the offset it is written with."""
    at = datetime.fromtimestamp(NOON_MS / MS, UTC) + ahead
    for zone in (UTC, datetime.fromisoformat(NOON).tzinfo):
        value = as_json(LEAST_ACCESS | {"occurred_at": at.astimezone(zone).isoformat()})
        assert expected == taken_at(value, NOON_MS)


STAMPS = [
    pytest.param("taken", NOON, None, id="no timestamp"),
    pytest.param("taken", NOON, -1, id="Kafka's way of saying no timestamp"),
    pytest.param("refused", NOON, 0, id="1970"),
    pytest.param("taken", "9999-12-31T23:59:59-13:00", 2**63 - 1, id="the largest timestamp that Kafka holds"),
    pytest.param("taken", "0001-01-01T00:00:00+13:00", NOON_MS, id="the calendar's beginning"),
    pytest.param("refused", "9999-12-31T23:59:59.999999-13:00", NOON_MS, id="the calendar's end"),
]


@pytest.mark.parametrize(("expected", "occurred_at", "timestamp"), STAMPS)
def test_any_timestamp_can_be_compared_with(expected: str, occurred_at: str, timestamp: int | None) -> None:
    """The ends of the calendar and of Kafka's numbers included."""
    assert expected == taken_at(as_json(LEAST_ACCESS | {"occurred_at": occurred_at}), timestamp)


def taken_at(value: bytes, timestamp: int | None) -> str:
    """``taken`` or ``refused`` at this record timestamp."""
    try:
        decode_access(value, timestamp)
    except Invalid as refusal:
        return "refused" if "more than 24 hours ahead" in str(refusal) else str(refusal)
    return "taken"


# -- whatever comes -------------------------------------------------------------------------------------------------

#: Planted where a record's values stand; no sentence may repeat any of them.
SECRETS = ["Ngaio Marsh 49-098-576", "kōwhai\u0007street", "2026-02-31T25:61:61Z", 73_219_846, -55.7319824]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(SECRETS),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just(str(SECRETS[0])), inner, max_size=4)
    ),
    max_leaves=12,
)


@st.composite
def spoilt_records(draw: st.DrawFn) -> tuple[type[Record], bytes]:
    """A valid record of any kind with fields replaced, removed, added, and now and then bytes changed."""
    model = draw(st.sampled_from(list(LEAST)))
    names = sorted({field.alias or name for name, field in model.model_fields.items()})
    document: Document = dict(LEAST[model])
    for name in draw(st.lists(st.sampled_from([*names, "unknown", str(SECRETS[0])]), max_size=5)):
        document[name] = draw(json_values | st.sampled_from(SECRETS))
    for name in draw(st.lists(st.sampled_from(names), max_size=1)):
        document.pop(name, None)
    value = bytearray(json.dumps(document, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass"))
    for place, byte in draw(st.lists(st.tuples(st.integers(0, len(value) - 1), st.integers(0, 255)), max_size=2)):
        value[place] = byte
    return model, bytes(value[: draw(st.sampled_from([len(value), len(value) // 2]))])


def sentence_of(model: type[Record], value: bytes) -> str:
    """The refusal's sentence, or nothing; whatever else is raised passes through and fails the test."""
    try:
        read: Any = decode(model, value)
    except Refused as refusal:
        return str(refusal)
    assert isinstance(read, model)
    return ""


@settings(deadline=None, max_examples=400)
@given(spoilt_records())
def test_a_spoilt_record_is_taken_or_refused_without_repeating_it(record: tuple[type[Record], bytes]) -> None:
    """Nothing else is raised, and the sentence holds nothing of what was planted."""
    sentence = sentence_of(*record)
    assert [secret for secret in SECRETS if str(secret) in sentence] == []


FULL: dict[type[Record], Document] = {
    Access: {
        "sections": ["address", "notes"], "search": {"fields": ["name", "phone"], "result_count": 3}, "site": "A",
    },
    Staff: {
        "roles": ["media", "privacy"], "client_ids": ["C-1", "C-2"], "links": {"email": "x", "phone": "y"},
        "leave": [{"from": "2026-01-01", "to": "2026-01-02"}, {"from": "2026-02-01", "to": "2026-02-02"}],
        "scope": {"sites": ["A", "B"], "programmes": ["P", "Q"]},
    },
    Client: {"links": {"email": None, "address": "z"}, "restricted": True},
    WatchlistEntry: {"client_ids": ["C-1", "C-2", "C-3"], "source": "x"},
}  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(LEAST)), st.dictionaries(st.text(max_size=3), json_values, max_size=3), st.data())
def test_of_any_record_each_name_that_stands_twice_is_found(
    model: type[Record], more: dict[str, Any], data: st.DataObject
) -> None:
    """In any object of it, at any depth; without that, the same record is taken."""
    known = {field.alias or name for name, field in model.model_fields.items()}
    unknown = {name: value for name, value in more.items() if name not in known}
    whole = json.dumps(LEAST[model] | FULL.get(model, {}) | unknown, allow_nan=True)
    once = sentence_of(model, whole.encode())
    if "NaN" in whole or "Infinity" in whole:
        return
    assert once == ""
    # Behind an opening brace that stands in no text, the first member is written once more.
    places = [place for place, name in _members(whole)]
    place = data.draw(st.sampled_from(places))
    end = _DECODER.raw_decode(whole, place)[1]
    value_at = whole.index(":", end) + 2
    value_ends = _DECODER.raw_decode(whole, value_at)[1]
    twice = f"{whole[:place]}{whole[place:value_ends]}, {whole[place:]}"
    assert "stands twice in one object" in sentence_of(model, twice.encode())


_DECODER = json.JSONDecoder()


def _members(text: str) -> list[tuple[int, str]]:
    """Where the names of some JSON stand, as ``json.dumps`` writes it."""
    found = []
    place = 0
    while place < len(text):
        if text[place] == '"':
            name, end = _DECODER.raw_decode(text, place)
            if text.startswith(": ", end):
                found.append((place, name))
            place = end
        else:
            place += 1
    return found


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(list(LEAST)), st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_garbage_is_refused(model: type[Record], value: bytes) -> None:
    """Any bytes at all."""
    assert sentence_of(model, value)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(list(LEAST)), st.sampled_from(SECRETS), st.data())
def test_a_secret_in_any_one_field_is_not_repeated(model: type[Record], secret: Any, data: st.DataObject) -> None:
    """Each field in turn, as its value, in a list and in an object under its name."""
    name = data.draw(st.sampled_from([field.alias or name for name, field in model.model_fields.items()]))
    for value in (secret, [secret], {str(secret): secret}, {"fields": [secret], "result_count": secret}):
        assert str(secret) not in sentence_of(model, as_json(LEAST[model] | {name: value}))
