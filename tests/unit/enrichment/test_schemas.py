"""The input records, field by field, held against what section 2 of the contract says of each."""

from typing import Any

import pytest

from enrichment.decode import Invalid, decode
from enrichment.schemas import Access, Client, Record, Relationship, SelfReport, Staff, WatchlistEntry, Work
from tests.support.records import LEAST, NOON, Document, as_json

#: The contract's tables: "!" is a required field, "?" one that may be null.
CONTRACT: dict[type[Record], dict[str, str]] = {
    Access: {
        "event_id": "id!", "occurred_at": "time!", "staff_id": "id!", "action": "enum!", "client_id": "id?",
        "sections": "list", "work_id": "id?", "channel": "enum", "site": "id?", "workstation": "id?",
        "agreement_id": "id?", "search": "object?", "record_count": "count",
    },
    Staff: {
        "staff_id": "id!", "kind": "enum!", "status": "enum!", "org_unit": "id!", "site": "id?", "manager_id": "id?",
        "employer": "id?", "roles": "list?", "client_ids": "list?", "links": "object?", "start_date": "date?",
        "end_date": "date?", "leave": "list?", "scope": "object?",
    },
    Client: {
        "client_id": "id!", "status": "enum!", "site": "id?", "programme": "id?", "restricted": "bool?",
        "links": "object?",
    },
    Relationship: {
        "relationship_id": "id!", "a": "node!", "b": "node!", "kind": "enum!", "source": "enum!",
        "confidence": "share?", "valid_from": "date?", "valid_to": "date?",
    },
    Work: {
        "work_id": "id!", "client_id": "id!", "kind": "enum!", "staff_id": "id?", "org_unit": "id?",
        "opened_at": "time!", "closed_at": "time?",
    },
    WatchlistEntry: {
        "entry_id": "id!", "client_ids": "list!", "label": "text!", "published_at": "time!", "expires_at": "time?",
        "half_life_hours": "hours?", "source": "text?",
    },
    SelfReport: {
        "report_id": "id!", "staff_id": "id!", "client_id": "id!", "reported_at": "time!", "accessed_from": "time!",
        "accessed_to": "time!",
    },
}  # fmt: skip

#: Values that are none of their type: nothing is coerced.
WRONG: dict[str, list[Any]] = {
    "id": [1, 1.5, True, [], {}, "", "x" * 65, "a\nb", "a\tb", "\u0000", "a\u200bb", "a\u2028b", "\u00a0"],
    "node": [
        1, True, "", "S-1", "staff", "staff:", "client:", "STAFF:S-1", "person:S-1", " staff:S-1", "staff :S-1",
        "staff:" + "x" * 65, "client:" + "x" * 65, "staff:a\nb", "client:\u0007",
    ],
    "text": [1, True, [], {}],
    "enum": ["", "VIEW", "no such word", 1, True, [], {}],
    "bool": [0, 1, "true", "false", "", []],
    "count": ["1", 1.5, 1.0, True, 0, -1, []],
    "share": ["0.5", "1", True, -0.000001, 1.000001, []],
    "hours": ["72", True, 0, -1, []],
    "date": [
        20261120, True, "", "20261120", "2026-11-31", "2026-02-29", "2026-13-01", "2026-11-20T00:00:00", "26-11-20",
        "2026-1-2", "2026-11-20 ", "2026/11/20",
    ],
    "time": [
        1763586847, 1763586847.5, True, "", "2026-11-20", "2026-11-20T12:00:00", "2026-11-20 12:00:00Z",
        "2026-11-20T12:00Z", "2026-11-20T12:00:00+1300", "2026-11-20T12:00:00+13", "2026-11-20T12:00:00 +13:00",
        "2026-02-29T12:00:00Z", "2026-11-20T25:00:00Z", "2026-11-20T12:60:00Z", "2026-11-20T12:00:00+24:00",
        "2026-11-20T12:00:00Z\n", "1763586847", "0000-01-01T00:00:00Z", "2026-11-20T12:00:00.Z", "12:00:00Z",
    ],
    "list": ["", "a", 1, True, {}, {"0": "a"}],
    "object": ["", "a", 1, True, [], [{}]],
}  # fmt: skip

ALL = [(model, name, meaning) for model, fields in CONTRACT.items() for name, meaning in fields.items()]


def refused(model: type[Record], document: Document) -> str:
    """The place that the refusal of this document names."""
    with pytest.raises(Invalid) as refusal:
        decode(model, as_json(document))
    assert refusal.value.stage == "validate"
    return str(refusal.value).split(":")[0]


@pytest.mark.parametrize("model", CONTRACT)
def test_the_models_have_the_contracts_fields(model: type[Record]) -> None:
    """None more, none fewer, by the names that stand in the JSON."""
    assert CONTRACT[model].keys() == {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize("model", CONTRACT)
def test_required_fields_are_enough_and_each_is_needed(model: type[Record]) -> None:
    """With the required fields alone a record is valid; without any one of them it is not."""
    required = {name for name, meaning in CONTRACT[model].items() if meaning.endswith("!")}
    least = LEAST[model]
    assert least.keys() - required <= {"staff_id"}  # a work item needs somebody
    decode(model, as_json(least))
    for name in required:
        assert name == refused(model, {key: value for key, value in least.items() if key != name})


@pytest.mark.parametrize(("model", "name", "meaning"), ALL)
def test_null_stands_only_where_the_contract_says_so(model: type[Record], name: str, meaning: str) -> None:
    """Where null is taken it is the same as absent."""
    document = LEAST[model] | ({"org_unit": "U-1"} if model is Work else {}) | {name: None}
    if meaning.endswith("?"):
        without = {key: value for key, value in document.items() if key != name}
        expected = decode(model, as_json(without))
        assert getattr(expected, name) == getattr(decode(model, as_json(document)), name)
    else:
        assert name == refused(model, document)


@pytest.mark.parametrize(("model", "name", "meaning"), ALL)
def test_nothing_is_coerced(model: type[Record], name: str, meaning: str) -> None:
    """Every value of another type, form or range is refused, and the refusal names the field."""
    for wrong in WRONG[meaning.rstrip("!?")]:
        assert name == refused(model, LEAST[model] | {name: wrong}).split(".")[0]


LINKS = {"address": "t-1", "phone": None, "email": "t-2", "bank_account": "t-3"}

TAKEN = [
    pytest.param(Access, {"event_id": "x"}, id="an id of one character"),
    pytest.param(Access, {"event_id": "x" * 64}, id="an id of 64"),
    pytest.param(Access, {"event_id": "ā" * 64}, id="characters are counted, not bytes"),
    pytest.param(Access, {"event_id": "😀" * 64}, id="nor UTF-16 units"),
    pytest.param(Access, {"event_id": " Ā b'\"\\ "}, id="a space, a quote and a backslash are printable"),
    pytest.param(Access, {"occurred_at": "2026-11-20T09:14:07.123+13:00"}, id="the contract's own time"),
    pytest.param(Access, {"occurred_at": "2026-11-19T20:14:07Z"}, id="UTC"),
    pytest.param(Access, {"occurred_at": "2026-11-19t20:14:07.5z"}, id="small letters are RFC 3339 too"),
    pytest.param(Access, {"occurred_at": "2026-11-19T20:14:07.123456789-00:00"}, id="nanoseconds"),
    pytest.param(Access, {"occurred_at": "2024-02-29T20:14:07+23:59"}, id="a leap day, a large offset"),
    pytest.param(Access, {"occurred_at": "0001-01-01T00:00:00+13:00"}, id="the calendar's beginning"),
    pytest.param(Access, {"occurred_at": "9999-12-31T23:59:59.999999-13:00"}, id="the calendar's end"),
    pytest.param(Access, {"sections": []}, id="no section"),
    pytest.param(Access, {"sections": ["whole_file", "whole_file"]}, id="a section twice"),
    pytest.param(Access, {"record_count": 1}, id="one record"),
    pytest.param(Access, {"record_count": 10**18}, id="very many records"),
    pytest.param(Access, {"search": {"fields": [], "result_count": 0}}, id="a search by nothing that found nothing"),
    pytest.param(Staff, {"roles": [], "client_ids": ["C-1"], "links": LINKS}, id="lists and links"),
    pytest.param(Staff, {"roles": ["a role that nobody knows"]}, id="unknown roles are ids"),
    pytest.param(Staff, {"links": {}}, id="links without any"),
    pytest.param(Staff, {"leave": [{"from": "2026-11-20", "to": "2026-11-20"}]}, id="a day of leave"),
    pytest.param(Staff, {"scope": {}}, id="a scope that restricts nothing"),
    pytest.param(Staff, {"scope": {"sites": None, "programmes": ["P-1"]}}, id="a scope with a null list"),
    pytest.param(Client, {"restricted": True, "links": LINKS}, id="a restricted client"),
    pytest.param(Relationship, {"a": "client:" + "x" * 64, "b": "staff:x"}, id="ends of 64 and of one character"),
    pytest.param(Relationship, {"a": "client:staff:S-1"}, id="an id with a colon"),
    pytest.param(Relationship, {"a": "client:C-1", "b": "client:C-1"}, id="somebody and themselves"),
    pytest.param(Relationship, {"confidence": 0}, id="no confidence, as an integer"),
    pytest.param(Relationship, {"confidence": 1.0}, id="full confidence"),
    pytest.param(Relationship, {"valid_from": "2024-02-29", "valid_to": "2023-01-01"}, id="an end before its start"),
    pytest.param(Work, {"org_unit": "U-1", "staff_id": None}, id="a unit's work"),
    pytest.param(Work, {"staff_id": "S-1", "org_unit": None}, id="a person's work"),
    pytest.param(WatchlistEntry, {"client_ids": []}, id="an entry about nobody"),
    pytest.param(WatchlistEntry, {"label": "", "source": ""}, id="free text may be empty"),
    pytest.param(WatchlistEntry, {"half_life_hours": 1}, id="an integer is a number"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "fields"), TAKEN)
def test_taken(model: type[Record], fields: Document) -> None:
    """Every row is the last value on the right side of a boundary."""
    assert isinstance(decode(model, as_json(LEAST[model] | fields)), model)


REFUSED = [
    pytest.param("sections.0", Access, {"sections": ["everything"]}, id="an unknown section"),
    pytest.param("sections.1", Access, {"sections": ["notes", None]}, id="null in a list"),
    pytest.param("search.fields", Access, {"search": {"result_count": 0}}, id="a search without fields"),
    pytest.param("search.fields", Access, {"search": {"fields": None, "result_count": 0}}, id="with null for fields"),
    pytest.param("search.fields.0", Access, {"search": {"fields": ["age"], "result_count": 0}}, id="an unknown field"),
    pytest.param("search.result_count", Access, {"search": {"fields": []}}, id="a search without a result"),
    pytest.param("search.result_count", Access, {"search": {"fields": [], "result_count": -1}}, id="fewer than none"),
    pytest.param("roles.0", Staff, {"roles": [""]}, id="an empty role"),
    pytest.param("client_ids.1", Staff, {"client_ids": ["C-1", None]}, id="null among the own records"),
    pytest.param("client_ids.0", Staff, {"client_ids": [4711]}, id="a number among the own records"),
    pytest.param("links.address", Staff, {"links": {"address": 1}}, id="a number for a token"),
    pytest.param("leave.0.to", Staff, {"leave": [{"from": "2026-11-20"}]}, id="leave without an end"),
    pytest.param("leave.0.from", Staff, {"leave": [{"from": None, "to": "2026-11-20"}]}, id="without a beginning"),
    pytest.param("leave.0", Staff, {"leave": [None]}, id="null for a leave"),
    pytest.param("scope.sites.0", Staff, {"scope": {"sites": [1]}}, id="a number for a site"),
    pytest.param("needs a staff_id or an org_unit", Work, {"staff_id": None}, id="work that is nobody's"),
    pytest.param("client_ids.0", WatchlistEntry, {"client_ids": ["x" * 65]}, id="an id too long in a list"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "model", "fields"), REFUSED)
def test_refused(place: str, model: type[Record], fields: Document) -> None:
    """Every row is one mistake inside a field, and the place that is named."""
    assert place == refused(model, LEAST[model] | fields)


UNKNOWN = [
    pytest.param(0, Access, {}, id="none"),
    pytest.param(2, Access, {"x": 1, "y": {"z": 2, "zz": 3}}, id="what is inside an unknown field is not looked at"),
    pytest.param(1, Access, {"search": {"fields": [], "result_count": 0, "text": "x"}}, id="inside a search"),
    pytest.param(1, Staff, {"links": {"fax": None}}, id="inside links, null too"),
    pytest.param(
        4,
        Staff,
        {"leave": [{"from": "2026-11-20", "to": "2026-11-20", "why": "x"}] * 2, "scope": {"x": 1}, "x": None},
        id="inside every leave, a scope, and outside",
    ),
    pytest.param(1, Client, {"model_dump_json": "x"}, id="a name that our model uses for itself"),
    pytest.param(1, Staff, {"leave": [{"from": "2026-11-20", "to": "2026-11-20", "first": 1}]}, id="our own name"),
]


@pytest.mark.parametrize(("expected", "model", "fields"), UNKNOWN)
def test_unknown_fields_are_counted_and_ignored(expected: int, model: type[Record], fields: Document) -> None:
    """Nested ones too; none of them makes a record invalid."""
    assert expected == decode(model, as_json(LEAST[model] | fields)).unknown_fields()


def test_defaults() -> None:
    """What an access is when it does not say."""
    access = decode(Access, as_json(LEAST[Access]))
    expected = (None, (), None, "desktop", None, None, None, 1)
    assert expected == (
        access.client_id, access.sections, access.work_id, access.channel, access.site, access.workstation,
        access.search, access.record_count,
    )  # fmt: skip
    assert access.occurred_at.isoformat() == NOON


@pytest.mark.parametrize("model", Record.__subclasses__(), ids=lambda one: one.__name__)
def test_fields_that_hold_lists_or_records_are_named(model: type[Record]) -> None:
    """What counts commas and unknown fields looks into these alone."""
    holding = {name: str(field.rebuild_annotation()) for name, field in model.model_fields.items()}
    assert {name for name, written in holding.items() if "tuple[" in written} == set(model.lists)
    records = [f"enrichment.schemas.{one.__name__}" for one in Record.__subclasses__()]
    nested = {name for name, written in holding.items() if any(one in written for one in records)}
    assert nested == set(model.nested)
