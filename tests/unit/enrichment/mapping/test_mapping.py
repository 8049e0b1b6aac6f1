"""What a mapping makes of records: mapped, deleting, skipped or refused, the same every time."""

import json
import re
from decimal import Decimal
from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from enrichment.mapping.check import check_text
from enrichment.mapping.mapping import Mapping
from enrichment.mapping.mapping_file import MappingFile
from enrichment.mapping.outcome import Deleted, Mapped, Outcome, Refused, Skipped

ROW = {
    "id": 7,
    "at": "20/11/2026 09:14",
    "user": "AGENCY\\Kim",
    "client": 4711,
    "what": "open",
    "parts": "addr, med,addr",
    "ok": 1,
}
FIELDS: dict[str, Any] = {
    "event_id": {"concat": ["'t-'", "id"]},
    "occurred_at": {
        "from": "at", "time": "%d/%m/%Y %H:%M", "zone": "Pacific/Auckland",
        "repeated_hour": "first", "missing_hour": "refuse",
    },
    "staff_id": {"from": "user", "after": "\\", "lower": True},
    "client_id": {"from": "client", "text": True, "zero_is": None},
    "action": {"from": "what", "table": {"open": "view", "save": "update", "look": "search"}, "else": "refuse"},
    "sections": {"from": "parts", "split": ",", "table": {"addr": "address", "med": "medical"}, "unknown": "documents"},
}  # fmt: skip
#: With all the fields that an access has.
MAPPED = {
    "event_id": "t-7",
    "occurred_at": "2026-11-20T09:14:00+13:00",
    "staff_id": "kim",
    "client_id": "4711",
    "action": "view",
    "sections": ["address", "medical"],
}


def mapping(*, fields: dict[str, Any] | None = None, key: bytes | None = b"k", **rest: Any) -> Mapping:
    """A mapping that was not checked: what it does with any record is asked of it."""
    file = {
        "mapping": "trial",
        "version": 1,
        "source": {"decode": "json"},
        "fields": FIELDS if fields is None else fields,
    }
    return Mapping.compile(MappingFile.model_validate({**file, **rest}), "", token_key=key)


def outcomes(row: Any, **rest: Any) -> list[Outcome]:
    """What becomes of one JSON value."""
    return list(mapping(**rest).run(json.dumps(row).encode()))


def one(row: Any, **rest: Any) -> Outcome:
    """What becomes of one record."""
    (found,) = outcomes(row, **rest)
    return found


def made(row: Any, **rest: Any) -> dict[str, Any]:
    """The record that is made of one."""
    found = one(row, **rest)
    assert isinstance(found, Mapped), found
    result: dict[str, Any] = orjson.loads(found.value)
    return result


def with_field(name: str, spec: Any) -> dict[str, Any]:
    """The fields, with this one."""
    return {**FIELDS, name: spec}


def field(spec: Any, value: Any, name: str = "site") -> Any:
    """What a field becomes."""
    found = one({**ROW, "x": value}, fields=with_field(name, spec))
    return orjson.loads(found.value).get(name) if isinstance(found, Mapped) else found


def test_an_access_is_made() -> None:
    """Every field as the mapping says, and keyed by who opened it."""
    assert made(ROW) == MAPPED
    found = one(ROW)
    assert isinstance(found, Mapped)
    assert (found.key, found.sequence) == ("kim", None)


CONVERTED: list[tuple[Any, Any, Any]] = [
    ("x", "north", "north"),
    ({"from": "x", "text": True}, 5, "5"),
    ({"from": "x", "text": True}, True, "true"),
    ({"from": "x", "after": "/"}, "Site/5/b", "5/b"),
    ({"from": "x", "after": "/", "else": None}, "Site 5", None),
    ({"from": "x", "before": "/", "default": "none"}, "Site 5", "none"),
    ({"from": "x", "before": "@"}, "kim@agency", "kim"),
    ({"from": "x", "regex": "site-([0-9]+)"}, "the site-12.", "12"),
    ({"from": "x", "regex": {"pattern": "s[0-9]+", "group": 0}}, "the s12.", "s12"),
    ({"from": "x", "regex": "site-([0-9]+)", "else": None}, "elsewhere", None),
    ({"from": "x", "regex": "site-([0-9]+)"}, None, None),
    ({"from": "x", "lower": True}, "WH\u0100NAU", "wh\u0101nau"),
    ({"from": "x", "prefix": "s-"}, 5, "s-5"),
    ({"from": "x", "prefix": "s-"}, "", None),
    ({"from": "x", "table": {"01": "one", "1": "uno"}}, "01", "one"),
    ({"from": "x", "table": {"01": "one", "1": "uno"}}, 1, "uno"),
    ({"from": "x", "table": {"true": "yes", "false": None}}, False, None),
    ({"from": "x", "table": {"a": "b"}, "unknown": "other"}, "c", "other"),
    ({"from": "x", "table": {"a": "b"}, "unknown": None}, "c", None),
    ({"from": "x", "table": {"a": "b"}, "else": None}, "c", None),
    ({"from": "x", "table": {"a": "b"}, "else": "z"}, "c", "z"),
    ({"from": "x", "table": {"a": "b"}, "default": "z"}, None, "z"),
    ({"from": "x", "default": "z"}, None, "z"),
    ({"from": "x", "default": "z"}, "", "z"),
    ({"from": "x", "zero_is": None, "text": True}, 0, None),
    ({"from": "x", "zero_is": None}, "0", None),
    ({"const": "north"}, None, "north"),
    ({"concat": ["x", "'-'", "id"]}, "a", "a-7"),
    ({"concat": ["x", "id"]}, None, None),
    ({"from": "x || what"}, None, "open"),
    # The order of the words in the file does not matter.
    ({"prefix": "s-", "lower": True, "after": ":", "from": "x"}, "Site:A", "s-a"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "value", "expected"), CONVERTED)
def test_a_value_is_converted(spec: Any, value: Any, expected: Any) -> None:
    """The closed list, one a row."""
    assert expected == field(spec, value)


REFUSED: list[tuple[str, Any, Any, str]] = [
    ("site", {"from": "x", "text": True}, 5.5, "is a number with a fraction, which is no id and no name"),
    ("site", {"from": "x", "text": True}, [[5]], "is a list or an object"),
    ("site", {"from": "x", "text": True}, {"a": 1}, "is a list or an object"),
    ("site", {"from": "x", "lower": True}, 5, "is no text"),
    ("site", {"from": "x", "table": {"a": "b"}}, "c", "is not in the mapping's table"),
    ("site", {"from": "x", "else": "refuse"}, None, "is empty"),
    ("site", {"from": "x", "after": "/"}, "Site 5", "is not of the form that the mapping names"),
    ("site", {"from": "x", "before": "@"}, "Site 5", "is not of the form that the mapping names"),
    ("site", {"from": "x", "regex": "(s[0-9])", "else": "refuse"}, "x", "is not of the form that the mapping names"),
    ("site", "x", 5, "Input should be a valid string"),
    ("site", "x", "s" * 65, "String should have at most 64 characters"),
    ("site", "x", "a\nb", "holds characters that are not printable"),
    ("staff_id", "x", None, "is empty"),
    ("staff_id", "x", "", "is empty"),
    ("record_count", {"from": "x", "int": True}, "many", "is no whole number"),
    ("record_count", {"from": "x", "int": True}, "0", "Input should be greater than or equal to 1"),
    ("record_count", {"from": "x", "int": True}, 5.0, "is no whole number"),
    ("event_id", {"hash": ["id", "x"]}, {"a": 1}, "a part of the hash is a list or an object"),
    ("site", {"from": "length(x)", "text": True}, 5, "what the mapping selects by does not fit what the record holds"),
    ("site", {"from": "x", "split": ","}, ",".join("a" * 1001), "has more than 1000 parts"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "spec", "value", "reason"), REFUSED)
def test_a_value_is_refused(name: str, spec: Any, value: Any, reason: str) -> None:
    """It names our field and why."""
    assert one({**ROW, "x": value}, fields=with_field(name, spec)) == Refused(name, reason)


def test_lists() -> None:
    """Each member is converted; what is empty is left out, what comes twice comes once; one value is a list of one."""
    spec = {"from": "x", "lower": True, "table": {"a": "address", "b": ["medical", "notes"], "c": None}}
    assert field(spec, ["A", "b", "", None, "a", "c"], "sections") == ["address", "medical", "notes"]
    assert field(spec, "b", "sections") == ["medical", "notes"]
    assert field(spec, "a", "sections") == ["address"]
    assert field(spec, [], "sections") == []
    assert field({"from": "x"}, "address", "sections") == ["address"]


def test_a_search() -> None:
    """A record inside the record is made where any field of it is there."""
    fields = {
        **FIELDS,
        "search.fields": {"from": "criteria && keys(criteria)", "table": {"surname": "name", "dob": "date_of_birth"}},
        "search.result_count": {"from": "found", "int": True},
    }
    assert "search" not in made(ROW, fields=fields)
    searched = {**ROW, "what": "look", "client": 0, "criteria": {"surname": "x", "dob": "y"}, "found": "12"}
    assert made(searched, fields=fields)["search"] == {"fields": ["name", "date_of_birth"], "result_count": 12}
    assert one({**ROW, "found": 1}, fields=fields) == Refused("search.fields", "Field required")


def test_left_out() -> None:
    """What the mapping does not take, and what it skips, each for a reason that is counted."""
    rest: dict[str, Any] = {
        "when": "what != 'login'",
        "skip": [{"if": "ok == `0`", "because": "refused by the CMS"}],
        "sequence": "id",
    }
    assert one({**ROW, "what": "login"}, **rest) == Skipped("not what the mapping takes", 7)
    assert one({**ROW, "ok": 0}, **rest) == Skipped("refused by the CMS", 7)
    assert isinstance(one(ROW, **rest), Mapped)
    assert one({**ROW, "what": "lo"}, when="length(id) == `1`") == Refused(
        "record", "what the mapping selects by does not fit what the record holds"
    )


def test_several_in_one() -> None:
    """A value that holds a list of records, and a record that tells of several clients."""
    two = {"Records": [ROW, {**ROW, "id": 8}], "who": 1}
    source = {"decode": "json", "each": "Records"}
    assert [
        orjson.loads(each.value)["event_id"] for each in outcomes(two, source=source) if isinstance(each, Mapped)
    ] == [
        "t-7",
        "t-8",
    ]
    assert outcomes({"Records": {}}, source=source) == [
        Refused("record", "holds no list of records where the mapping looks for it")
    ]
    fields = {
        **FIELDS,
        "event_id": {"concat": ["'t-'", "id", "'-'", "item"]},
        "client_id": {"from": "item", "text": True},
    }
    many = outcomes({**ROW, "clients": [1, 2]}, fields=fields, for_each="clients")
    assert [orjson.loads(each.value)["client_id"] for each in many if isinstance(each, Mapped)] == ["1", "2"]
    none = outcomes({**ROW, "clients": []}, fields=fields, for_each="clients")
    assert none == [Refused("event_id", "is empty")]
    assert outcomes({**ROW, "clients": list(range(1001))}, fields=fields, for_each="clients") == [
        Refused("record", "has more than 1,000 members")
    ]


def test_what_is_no_record() -> None:
    """JSON that is none, a value that holds no object."""
    assert list(mapping().run(b"{")) == [Refused("record", "is no JSON (unexpected end of data, line 1, column 2)")]
    assert list(mapping().run(b"5")) == [Refused("record", "is no object with names")]
    (unread,) = mapping().run(b"\xff")
    assert isinstance(unread, Refused)
    assert unread.reason.startswith("is no JSON (str is not valid UTF-8")


def test_an_audit_log_that_was_changed() -> None:
    """A row that was written is not written anew, nor taken out: that is refused, and told to operations."""
    source = {"decode": "debezium", "table": "log"}
    rest: dict[str, Any] = {"source": source, "when": "op == 'c' || op == 'r'"}
    row = {"before": None, "after": ROW, "source": {"table": "log"}, "op": "c", "ts_ms": 1}
    assert made(row, **rest)["event_id"] == "t-7"
    # The same row from the snapshot after a restart: the same id.
    assert made({**row, "op": "r"}, **rest)["event_id"] == "t-7"
    changed = one({**row, "op": "u", "before": ROW}, **rest)
    before = "the audit log was changed: "
    assert changed == Refused("record", f"{before}a row that was written before is written anew", tampered=True)
    taken_out = one({**row, "op": "d", "before": ROW, "after": None}, **rest)
    assert taken_out == Refused("record", f"{before}a row was taken out of it", tampered=True)
    emptied = one({**row, "op": "t", "after": None}, **rest)
    assert emptied == Refused("record", f"{before}it was emptied", tampered=True)
    assert one({**row, "op": "m", "after": None}, **rest) == Skipped("no row")


STAFF: dict[str, Any] = {
    "staff_id": {"from": "no", "text": True},
    "kind": {"from": "type", "table": {"P": "employee", "C": "contractor"}},
    "status": {"const": "active"},
    "org_unit": "unit",
    "start_date": {"from": "start", "date": "%d/%m/%Y"},
    "links.phone": {"from": "phone", "token": "digits"},
    "links.email": {"from": "email", "token": "text"},
    "scope.sites": {"from": "sites", "split": ";"},
}
PERSON = {
    "no": 12, "type": "P", "unit": "u1", "start": "01/02/2020",
    "phone": "021 555-123", "email": " Kim@Example.NZ", "sites": "a;b",
}  # fmt: skip


def test_reference_data() -> None:
    """A row of an HR export becomes a staff record; contact details become tokens that say nothing."""
    found = made(PERSON, to="staff", fields=STAFF)
    links = found.pop("links")
    assert found == {
        "staff_id": "12", "kind": "employee", "status": "active", "org_unit": "u1", "start_date": "2020-02-01",
        "scope": {"sites": ["a", "b"]},
    }  # fmt: skip
    assert all(re.fullmatch("[a-z2-7]{32}", token) for token in links.values())
    again = made({**PERSON, "phone": "(021) 555 123", "email": "kim@example.nz"}, to="staff", fields=STAFF)
    assert again["links"] == links
    other = made(PERSON, to="staff", fields=STAFF, key=b"another")
    assert other["links"] != links
    assert one(PERSON, to="staff", fields=STAFF, key=None) == Refused(
        "links.phone", "needs the secret of this installation (ACCESSWATCH_TOKEN_KEY) to be made opaque"
    )


def test_reference_data_that_is_gone() -> None:
    """By the source's own word, or by a deleted row; a table that is emptied deletes nothing."""
    rest: dict[str, Any] = {"to": "staff", "fields": STAFF, "delete": "gone == `true`"}
    assert one({**PERSON, "gone": True}, **rest) == Deleted("12")
    assert one({"gone": True}, **rest) == Refused("staff_id", "is empty, and what is deleted needs an id")
    row = {"before": PERSON, "after": None, "source": {"table": "staff"}, "op": "d"}
    source = {"decode": "debezium"}
    assert one(row, to="staff", fields=STAFF, source=source) == Deleted("12")
    updated = {**row, "op": "u", "after": {**PERSON, "unit": "u2"}}
    assert made(updated, to="staff", fields=STAFF, source=source)["org_unit"] == "u2"
    emptied = one({**row, "op": "t", "before": None}, to="staff", fields=STAFF, source=source)
    assert isinstance(emptied, Refused)


def test_rows_of_databases_and_parquet() -> None:
    """A number that a database keeps as a decimal is an id, one with a fraction is none."""
    whole = mapping(fields=with_field("event_id", {"concat": ["'t-'", "id"]}))
    (found,) = whole.run_row({**ROW, "id": Decimal(7)})
    assert isinstance(found, Mapped)
    assert orjson.loads(found.value)["event_id"] == "t-7"
    assert list(whole.run_row({**ROW, "id": Decimal("7.5")})) == [
        Refused("event_id", "is a number with a fraction, which is no id and no name")
    ]


def test_an_access_of_tomorrow() -> None:
    """More than a day ahead of the time at which it comes is refused, as everywhere."""
    at = 1_795_119_240_000
    day = 24 * 60 * 60 * 1000
    value = json.dumps(ROW).encode()
    assert isinstance(next(mapping().run(value, at - day + 1)), Mapped)
    assert next(mapping().run(value, at - day - 120_000)) == Refused(
        "occurred_at", "lies more than 24 hours ahead of the record's timestamp"
    )


HASHED = with_field("event_id", {"hash": ["at", "user", "client", "what"]})


@given(st.permutations(list(ROW)))
def test_an_event_id_is_the_same_however_the_record_comes(names: list[str]) -> None:
    """In another order of names, with more of them, in another spacing: the same record has the same id."""
    other = {name: ROW[name] for name in names} | {"new": 1}
    assert made(ROW, fields=HASHED)["event_id"] == made(other, fields=HASHED)["event_id"]
    assert (
        next(mapping(fields=HASHED).run(json.dumps(ROW, indent=3).encode()))
        == next(mapping(fields=HASHED).run(json.dumps(ROW).encode()))
    )  # fmt: skip


def test_an_event_id_differs_where_any_part_does() -> None:
    """Of the record, or the mapping that made it: two sources never make the same."""
    ids = {
        made({**ROW, **other}, fields=HASHED)["event_id"]
        for other in ({}, {"client": 1}, {"client": "1"}, {"what": "save"})
    }
    assert len(ids) == 4
    assert made(ROW, fields=HASHED, mapping="second")["event_id"] not in ids


@given(
    st.dictionaries(
        st.sampled_from(list(ROW)), st.none() | st.text() | st.integers() | st.floats() | st.lists(st.integers())
    )
)
def test_whatever_comes_is_mapped_or_refused_without_its_values(other: dict[str, Any]) -> None:
    """There is no third way, and a reason holds nothing that the record held."""
    row = {**ROW, **other, "mark": "4711-secret"}
    found = list(mapping().run_row(row))
    assert len(found) == 1
    if isinstance(found[0], Refused):
        words = found[0].sentence
        assert all(value not in words for value in other.values() if isinstance(value, str) and len(value) > 12)
    else:
        assert isinstance(found[0], Mapped)


def test_the_example_of_the_design_loads() -> None:
    """What the documents show is what loads."""
    file = {
        "mapping": "trial", "version": 1, "source": {"decode": "json"}, "fields": FIELDS,
        "tests": [{"in": ROW, "out": MAPPED}, {"in": {**ROW, "what": "leave"}, "refused": "action"}],
    }  # fmt: skip
    checked = check_text(yaml.safe_dump(file, sort_keys=False), "trial.yaml")
    assert checked.sentences == []
    assert checked.mapping is not None
    assert len(checked.mapping.digest) == 12
