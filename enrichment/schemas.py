"""The input records, exactly as ``docs/contract.md`` section 2 has them, and the field types that they share.

Strict: "1" is no number, an unknown enum value is a mistake, null only where the contract says "or null" (an Access) or
everywhere optional (a reference record, where it is the same as absent). Unknown fields are kept aside so that they can
be counted, and are otherwise ignored.

A value that does not fit raises pydantic's ``ValidationError``, whose messages never carry the value.
"""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    Strict,
    StringConstraints,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema

ID_LENGTH_MAX = 64

#: RFC 3339: a "T" between date and time, seconds, and an offset. Ranges are checked by the parser behind it.
_TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
_DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"


class _TimeSchema:
    """Text of the RFC 3339 form first, then a datetime that knows its offset; both steps run in pydantic's core."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.chain_schema(
            [
                core_schema.str_schema(pattern=_TIME_PATTERN, strict=True, max_length=64),
                core_schema.datetime_schema(strict=False, tz_constraint="aware"),
            ],
        )


class _DateSchema:
    """Text of the form 2026-11-20, then a date."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.chain_schema(
            [
                core_schema.str_schema(pattern=_DATE_PATTERN, strict=True),
                core_schema.date_schema(strict=False),
            ],
        )


def printable(value: str) -> str:
    """Return the text, which must hold no character that cannot be printed."""
    if not value.isprintable():
        raise ValueError("holds characters that are not printable")
    return value


#: An instant with its offset. "2026-11-20T09:14:07.123+13:00".
Time = Annotated[datetime, _TimeSchema()]

#: A calendar date without a time; read as a New Zealand date.
Day = Annotated[date, _DateSchema()]

#: 1 to 64 printable characters, compared exactly.
Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_LENGTH_MAX), AfterValidator(printable)]


def null_is(default: Callable[[], Any]) -> BeforeValidator:
    """In a reference record an optional field may be null, which is the same as absent.

    On a tuple it needs ``Strict(False)`` beside it: behind a Python function pydantic sees
    the JSON array as a list, and a strict tuple takes no list. What is inside stays strict.
    """
    return BeforeValidator(lambda value: default() if value is None else value)


Action = Literal["search", "view", "create", "update", "print", "export"]
Section = Literal[
    "identity", "address", "contact", "relationships", "income", "payments",
    "tax_number", "medical", "notes", "documents", "whole_file",
]  # fmt: skip
Channel = Literal["desktop", "mobile", "phone", "batch", "api"]
SearchField = Literal["name", "date_of_birth", "tax_number", "address", "phone", "client_id"]
StaffKind = Literal["employee", "contractor", "third_party", "service"]
StaffStatus = Literal["active", "on_leave", "suspended", "ended"]
ClientStatus = Literal["active", "closed", "deceased"]
RelationshipKind = Literal[
    "partner", "former_partner", "parent", "child", "sibling", "grandparent", "whanau", "household",
    "friend", "acquaintance", "club", "business", "colleague",
]  # fmt: skip
RelationshipSource = Literal["declared", "coi_register", "hr", "cms", "reported", "social_media"]
WorkKind = Literal[
    "case_management", "application", "review", "appointment",
    "call", "quality_check", "investigation", "staff_assistance",
]  # fmt: skip

Count = Annotated[int, Field(ge=0)]
Ids = Annotated[tuple[Id, ...], Strict(strict=False), null_is(tuple)]


class Record(BaseModel):
    """What every input has in common: strict, frozen, and unknown fields set aside."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)

    #: The fields of this record that hold further records, looked into when unknown fields are counted.
    nested: ClassVar[tuple[str, ...]] = ()
    #: The fields that hold lists, of records or of anything else.
    lists: ClassVar[tuple[str, ...]] = ()

    def unknown_fields(self) -> int:
        """Count the fields that the contract does not name, in this record and in those inside it."""
        extra = self.__pydantic_extra__
        count = len(extra) if extra else 0
        for name in self.nested:
            inner = getattr(self, name)
            if inner is not None:
                for record in inner if isinstance(inner, tuple) else (inner,):
                    count += record.unknown_fields()
        return count


class Search(Record):
    """What a search used and how much it found; never the text that was searched for."""

    lists: ClassVar = ("fields",)

    fields: tuple[SearchField, ...]
    result_count: Count


class Access(Record):
    """One access to the client management system."""

    nested: ClassVar = ("search",)
    lists: ClassVar = ("sections",)

    event_id: Id
    occurred_at: Time
    staff_id: Id
    action: Action
    client_id: Id | None = None
    sections: tuple[Section, ...] = ()
    work_id: Id | None = None
    channel: Channel = "desktop"
    site: Id | None = None
    workstation: Id | None = None
    #: The information-sharing agreement under which something leaves.
    agreement_id: Id | None = None
    search: Search | None = None
    record_count: Annotated[int, Field(ge=1)] = 1


class Links(Record):
    """Opaque tokens of contact details; equal tokens mean the same value."""

    address: str | None = None
    phone: str | None = None
    email: str | None = None
    bank_account: str | None = None


class Leave(Record):
    """Days of leave, both ends inclusive."""

    first: Day = Field(alias="from")
    last: Day = Field(alias="to")


class Scope(Record):
    """What a contract covers. An empty or missing list does not restrict."""

    lists: ClassVar = ("sites", "programmes")

    sites: Ids = ()
    programmes: Ids = ()


class Staff(Record):
    """One staff member, contractor, third party or service account."""

    nested: ClassVar = ("links", "leave", "scope")
    lists: ClassVar = ("roles", "client_ids", "leave")

    staff_id: Id
    kind: StaffKind
    status: StaffStatus
    org_unit: Id
    site: Id | None = None
    manager_id: Id | None = None
    employer: Id | None = None
    roles: Ids = ()
    client_ids: Ids = ()
    links: Annotated[Links, null_is(Links)] = Links()
    start_date: Day | None = None
    end_date: Day | None = None
    leave: Annotated[tuple[Leave, ...], Strict(strict=False), null_is(tuple)] = ()
    scope: Scope | None = None


class Client(Record):
    """One client record."""

    nested: ClassVar = ("links",)

    client_id: Id
    status: ClientStatus
    site: Id | None = None
    programme: Id | None = None
    restricted: Annotated[bool, null_is(bool)] = False
    links: Annotated[Links, null_is(Links)] = Links()


#: ``staff:<staff_id>`` or ``client:<client_id>``.
Node = Annotated[
    str, StringConstraints(pattern=rf"(?s)^(staff|client):.{{1,{ID_LENGTH_MAX}}}\z"), AfterValidator(printable)
]


class Relationship(Record):
    """Two people who know each other, and how sure that is. Symmetric."""

    relationship_id: Id
    a: Node
    b: Node
    kind: RelationshipKind
    source: RelationshipSource
    confidence: Annotated[float, Field(ge=0, le=1), null_is(lambda: 1.0)] = 1.0
    valid_from: Day | None = None
    valid_to: Day | None = None


class Work(Record):
    """A piece of work that is a reason to open a client record."""

    work_id: Id
    client_id: Id
    kind: WorkKind
    opened_at: Time
    staff_id: Id | None = None
    org_unit: Id | None = None
    closed_at: Time | None = None

    @model_validator(mode="after")
    def _somebody_has_it(self) -> Self:
        if self.staff_id is None and self.org_unit is None:
            raise ValueError("needs a staff_id or an org_unit")
        return self


class WatchlistEntry(Record):
    """Clients who are in the news, and since when."""

    lists: ClassVar = ("client_ids",)

    entry_id: Id
    client_ids: tuple[Id, ...]
    label: str
    published_at: Time
    expires_at: Time | None = None
    half_life_hours: Annotated[float, Field(gt=0)] | None = None
    source: str | None = None


class SelfReport(Record):
    """A staff member told their manager and the Privacy Officer that they opened this record by mistake."""

    report_id: Id
    staff_id: Id
    client_id: Id
    reported_at: Time
    accessed_from: Time
    accessed_to: Time


class Agreement(Record):
    """An information-sharing agreement: to whom records may leave under it, which sections, and how many at once."""

    lists: ClassVar = ("programmes", "sections")

    agreement_id: Id
    party: Id
    #: For people; it is not checked.
    programmes: Ids = ()
    #: An empty or missing list does not restrict.
    sections: Annotated[tuple[Section, ...], Strict(strict=False), null_is(tuple)] = ()
    records_max: Annotated[int, Field(ge=1)]
    valid_from: Day
    valid_to: Day | None = None
    #: The staff id of whoever answers for it.
    owner: Id


#: Every name that the contract gives to something in a record; no other is repeated to anybody.
NAMES = frozenset(
    field.alias or name for record in Record.__subclasses__() for name, field in record.model_fields.items()
)
