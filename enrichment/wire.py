"""The input records, exactly as ``CONTRACT.md`` section 2 has them.

Strict: "1" is no number, an unknown enum value is a mistake, null only where the contract
says "or null" (an Access) or everywhere optional (a reference record, where it is the same
as absent). Unknown fields are kept aside so that they can be counted, and are otherwise ignored.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, StringConstraints, model_validator

from enrichment.kinds import ID_LENGTH_MAX, Day, Id, Time, null_is, printable

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

    fields: tuple[SearchField, ...]
    result_count: Count


class Access(Record):
    """One access to the client management system."""

    nested: ClassVar = ("search",)

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

    sites: Ids = ()
    programmes: Ids = ()


class Staff(Record):
    """One staff member, contractor, third party or service account."""

    nested: ClassVar = ("links", "leave", "scope")

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
