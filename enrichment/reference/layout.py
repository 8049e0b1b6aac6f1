"""How reference data lie in Redis and in memory: nodes, the fields that a record fills, and whom a null value deletes.

A node is one client id or one staff id and everything that has to do with it. A reference record belongs to one node or
several (a relationship to both its ends). ``index_entries`` says where a record goes, ``EntityRecord.read`` reads a
node back.

A null value deletes its key, as the contract has it, or in the envelopes that Kafka Connect writes. The contract's key
is the id itself. Connect writes JSON: ``"C-1"``, ``{"client_id": "C-1"}``, either of them under ``payload`` beside a
``schema``, and any of that behind a schema registry's framing. An id may be any 1 to 64 printable characters, and so
the text ``"C-1"`` with its quotation marks is one too. What exists decides: a record with the key as its id is deleted,
and only where there is none, the one that the envelope names.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final, Literal, TypeVar

from enrichment.decode import Invalid, NotJson, Refused, read, refuse_names_twice
from enrichment.facts import Known
from enrichment.formats import unframed
from enrichment.relationship_graph import Edge, client_node, staff_node
from enrichment.schemas import (
    ID_LENGTH_MAX,
    Agreement,
    Client,
    Links,
    Record,
    Relationship,
    SelfReport,
    Staff,
    WatchlistEntry,
    Work,
)

ReferenceKind = Literal["staff", "client", "relationship", "work", "watchlist", "self_report", "agreement"]

#: The seven kinds of reference data: the model of each and the field that holds its id.
KINDS: dict[ReferenceKind, tuple[type[Record], str]] = {
    "staff": (Staff, "staff_id"),
    "client": (Client, "client_id"),
    "relationship": (Relationship, "relationship_id"),
    "work": (Work, "work_id"),
    "watchlist": (WatchlistEntry, "entry_id"),
    "self_report": (SelfReport, "report_id"),
    "agreement": (Agreement, "agreement_id"),
}

M = TypeVar("M", bound=Record)
_NO_FIELDS: frozenset[str] = frozenset()
_NO_EXTRA: dict[str, Any] = {}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The last millisecond of the calendar, since 1970.
_TIMESTAMP_MS_MAX = 253_402_300_799_999

#: Field prefixes inside a node: its own record, and what names it.
_RECORD, _OWNER, _WORK, _EDGE, _WATCH, _REPORT = "r", "o:", "w:", "e:", "m:", "p:"
#: How the node of an agreement begins.
_AGREEMENT = "agreement:"
#: The field of a link's node for one client record that holds it.
_HOLDER = "h:"
#: The kinds of contact details, in the order of the contract.
LINK_KINDS = ("address", "phone", "email", "bank_account")
#: Bytes of the digest that names a link's node: two tokens never meet, and a token of any length costs the same.
_LINK_DIGEST_BYTES = 12


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A field of a node that a record fills."""

    node: str
    field: str
    payload: bytes


@dataclass
class EntityRecord:
    """What one node holds. Once it is read it stays as it is, so what follows from it is worked out once."""

    staff: Known[Staff] | None = None
    client: Known[Client] | None = None
    owners: list[str] = field(default_factory=list)
    work: list[Known[Work]] = field(default_factory=list)
    watchlist: list[Known[WatchlistEntry]] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    self_reports: list[Known[SelfReport]] = field(default_factory=list)
    agreement: Known[Agreement] | None = None

    @classmethod
    def read(cls, node: str, fields: Mapping[bytes, bytes]) -> "EntityRecord":
        """Read a node's fields."""
        entity = cls()
        for name, payload in fields.items():
            entity._take(node, name.decode(), payload)
        return entity

    @cached_property
    def same_person(self) -> tuple[str, ...]:
        """The other nodes that are the same person, as far as this one says."""
        same = [staff_node(owner) for owner in self.owners]
        if self.staff is not None:
            same += [client_node(client) for client in self.staff.value.client_ids]
        return tuple(same)

    @cached_property
    def tokens(self) -> frozenset[tuple[str, str]]:
        """The kind and the token of each contact detail on its record; none where there is no record."""
        record = self.staff or self.client
        return frozenset(links_of(record.value.links)) if record is not None else frozenset()

    def _take(self, node: str, name: str, payload: bytes) -> None:
        if name.startswith(_OWNER):
            self.owners.append(name.removeprefix(_OWNER))
            return
        stamp, _, text = payload.partition(b"\n")
        as_of = _EPOCH + timedelta(milliseconds=int(stamp))
        if name == _RECORD and node.startswith("staff:"):
            self.staff = Known(_kept(Staff, text), as_of)
        elif name == _RECORD and node.startswith(_AGREEMENT):
            self.agreement = Known(_kept(Agreement, text), as_of)
        elif name == _RECORD:
            self.client = Known(_kept(Client, text), as_of)
        elif name.startswith(_WORK):
            self.work.append(Known(_kept(Work, text), as_of))
        elif name.startswith(_EDGE):
            self.edges.append(Edge(_kept(Relationship, text), as_of))
        elif name.startswith(_WATCH):
            self.watchlist.append(Known(_kept(WatchlistEntry, text), as_of))
        elif name.startswith(_REPORT):
            self.self_reports.append(Known(_kept(SelfReport, text), as_of))


def _kept(model: type[M], text: bytes) -> M:
    """Read a record that stays in memory, without what pydantic notes beside its fields, which is half of its size."""
    record = read(model, text)
    _slim(record)
    for name in model.nested:
        inner = getattr(record, name)
        for one in inner if isinstance(inner, tuple) else (inner,):
            if one is not None:
                _slim(one)
    return record


def _slim(record: Record) -> None:
    # Which fields were given is asked of no reference record, and one empty dict does for all: records are frozen.
    object.__setattr__(record, "__pydantic_fields_set__", _NO_FIELDS)
    if not record.__pydantic_extra__:
        object.__setattr__(record, "__pydantic_extra__", _NO_EXTRA)


def links_of(links: Links) -> Iterator[tuple[str, str]]:
    """Yield the kind and the token of each contact detail that is there."""
    for kind in LINK_KINDS:
        token = getattr(links, kind)
        if token is not None:
            yield kind, token


def agreement_node(agreement_id: str) -> str:
    """Name the node of an information-sharing agreement."""
    return f"{_AGREEMENT}{agreement_id}"


def link_node(kind: str, token: str) -> str:
    """Name the node that counts the client records which hold a contact detail."""
    digest = hashlib.blake2b(f"{kind}:{token}".encode("utf-8", "surrogatepass"), digest_size=_LINK_DIGEST_BYTES)
    return f"link:{urlsafe_b64encode(digest.digest()).decode()}"


def record_id(kind: ReferenceKind, record: Record) -> str:
    """Return the id that a reference record carries in its value."""
    return str(getattr(record, KINDS[kind][1]))


def index_entries(record: Record, timestamp_ms: int) -> tuple[IndexEntry, ...]:  # noqa: PLR0911 one for each kind
    """Return which fields of which nodes a record fills.

    Args:
        record: any of the seven kinds.
        timestamp_ms: when its source published it, in milliseconds since 1970.
    """
    payload = _payload(record, timestamp_ms)
    match record:
        case Staff():
            own = (IndexEntry(client_node(client), f"{_OWNER}{record.staff_id}", b"") for client in record.client_ids)
            return (IndexEntry(staff_node(record.staff_id), _RECORD, payload), *own)
        case Client():
            holds = (link_node(kind, token) for kind, token in links_of(record.links))
            links = (IndexEntry(node, f"{_HOLDER}{record.client_id}", b"") for node in holds)
            return (IndexEntry(client_node(record.client_id), _RECORD, payload), *links)
        case Relationship():
            name = f"{_EDGE}{record.relationship_id}"
            return tuple(IndexEntry(node, name, payload) for node in dict.fromkeys((record.a, record.b)))
        case Work():
            return (IndexEntry(client_node(record.client_id), f"{_WORK}{record.work_id}", payload),)
        case WatchlistEntry():
            # Without the list of clients: each of them holds the entry already.
            payload = _payload(record.model_copy(update={"client_ids": ()}), timestamp_ms)
            name = f"{_WATCH}{record.entry_id}"
            return tuple(IndexEntry(client_node(client), name, payload) for client in dict.fromkeys(record.client_ids))
        case SelfReport():
            return (IndexEntry(staff_node(record.staff_id), f"{_REPORT}{record.report_id}", payload),)
        case Agreement():
            return (IndexEntry(agreement_node(record.agreement_id), _RECORD, payload),)
    raise TypeError(f"{type(record).__name__} is no reference record")


def _payload(record: Record, timestamp_ms: int) -> bytes:
    """Keep what the contract names: a field that nobody uses shall not lie in Redis either."""
    unknown = _unknown(record) if record.unknown_fields() else None
    text = record.__pydantic_serializer__.to_json(record, by_alias=True, exclude_unset=True, exclude=unknown)
    # Kafka's timestamps reach further than the calendar; one that could not be read back would stop every reader.
    return b"%d\n%b" % (min(max(timestamp_ms, 0), _TIMESTAMP_MS_MAX), text)


def _unknown(record: Record) -> dict[str, Any]:
    """Name the fields that the contract does not, in this record and in those inside it, as pydantic leaves them out.

    One that is called as a field of ours stays, since leaving it out would take ours with it.
    """
    known = type(record).model_fields
    found: dict[str, Any] = {name: True for name in record.__pydantic_extra__ or () if name not in known}
    for name in record.nested:
        inner = getattr(record, name)
        if isinstance(inner, tuple):
            found[name] = {number: _unknown(one) for number, one in enumerate(inner)}
        elif inner is not None:
            found[name] = _unknown(inner)
    return found


#: The longest key that is read, in bytes: an envelope with a schema of a few fields has some hundreds.
KEY_BYTES_MAX: Final = 64 * 1024
_NO_ID: Final = "the key of a null value is no id"


@dataclass(frozen=True, slots=True)
class Deletes:
    """The id that the key is, and the one that it names as an envelope; at least one of them is there.

    ``unknown`` says why the key may be an envelope of which we do not know what it names: it deletes nothing then
    unless a record has it as its id.
    """

    id: str | None
    instead: str | None = None
    unknown: str | None = None


def deletes(kind: ReferenceKind, key: bytes | None) -> Deletes:
    """Read whom a null value deletes: it stands in the key.

    Raises:
        Refused: there is no key, or it is no id and names none.
    """
    if key is None:
        raise Invalid("a null value without a key deletes nothing")
    if len(key) > KEY_BYTES_MAX:
        raise Invalid(f"{_NO_ID}: it has {len(key)} bytes")
    behind = unframed(key)
    try:
        text = (key if behind is None else behind).decode()
    except UnicodeDecodeError:
        raise NotJson("the key of a null value is not UTF-8") from None
    itself = text if behind is None and _is_id(text) else None
    try:
        named = _named(kind, text)
    except Refused as refusal:
        if itself is None:
            raise
        return Deletes(itself, unknown=str(refusal))
    if named == itself or named is None:
        if itself is None:
            raise Invalid(_NO_ID)
        return Deletes(itself)
    return Deletes(itself, named)


def _is_id(text: Any) -> bool:
    return isinstance(text, str) and 1 <= len(text) <= ID_LENGTH_MAX and text.isprintable()


def _named(kind: ReferenceKind, text: str) -> str | None:
    """Return the id that an envelope names; None where the text is none.

    Raises:
        Refused: it is an envelope, and which id it names is not known.
    """
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        return None
    try:
        # A key column of numbers is the text of its digits where the record is.
        content = json.loads(text, parse_int=str)
    except (ValueError, RecursionError):
        return None
    if isinstance(content, dict | list):
        refuse_names_twice(text.encode())
    if isinstance(content, dict) and content.keys() == {"schema", "payload"}:
        content = content["payload"]
    field = KINDS[kind][1]
    if isinstance(content, dict):
        names = [name for name in (field, "id") if name in content] or (list(content) if len(content) == 1 else [])
        if not names:
            raise Invalid(f"{_NO_ID}: it is an object of {len(content)} fields without {field}")
        content = content[names[0]]
    if not _is_id(content):
        raise Invalid(f"{_NO_ID}: what its envelope holds is none")
    return str(content)
