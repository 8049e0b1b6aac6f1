"""A mapping, ready to be used: from what a source wrote to records of ours, each checked as the service checks it."""

import hashlib
from collections.abc import Iterator
from collections.abc import Mapping as Names
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from enrichment.mapping.convert import converter
from enrichment.mapping.decoders import Decoder, Document, SchemaSource, decoder, list_of
from enrichment.mapping.mapping_file import MappingFile, Skip
from enrichment.mapping.outcome import Deleted, FieldRefused, Mapped, Outcome, Refused, Skipped
from enrichment.mapping.select import Expression, Select, truthy
from enrichment.mapping.targets import ACCESS, TARGETS, Target

#: Stands on each record: the mapping that made it, its version, and the digest of its file.
MAPPING_HEADER: Final = "accesswatch.mapping"
#: Records of ours that one record of a source makes.
MADE_OF_ONE_MAX: Final = 1_000
#: The name under which ``for_each`` shows its member.
ITEM: Final = "item"
#: Why a record is left out that ``when`` does not take.
NOT_WANTED: Final = "not what the mapping takes"
#: What an audit log must not do: say that something never happened, or happened otherwise.
_TAMPERED: Final[Names[str, str]] = {
    "changed": "the audit log was changed: a row that was written before is written anew",
    "deleted": "the audit log was changed: a row was taken out of it",
    "emptied": "the audit log was changed: it was emptied",
}
_NO_JSON: Final = "holds a value that JSON cannot hold, such as a number of more than 64 bits"
_HASH_CHARACTERS: Final = 12


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    #: Of a field inside another record, that record's name and its own.
    outer: str | None
    inner: str
    convert: Select
    required: bool


@dataclass(frozen=True, slots=True)
class Mapping:
    """One mapping file, compiled."""

    file: MappingFile
    target: Target
    #: Names what it was mapped with, beside the mapping's name and version.
    digest: str
    decode: Decoder
    _fields: tuple[_Field, ...]
    _id: _Field
    _each: Select | None
    _when: Select | None
    _skip: tuple[tuple[Select, str], ...]
    _delete: Select | None
    _for_each: Select | None
    _sequence: Select | None
    #: The names of the records inside the record, such as ``search``.
    _outers: tuple[str, ...] = field(default=())

    @classmethod
    def compile(
        cls, file: MappingFile, text: str, *, schemas: SchemaSource | None = None, token_key: bytes | None = None
    ) -> "Mapping":
        """Make a mapping of its file, in which ``check`` has found no mistake.

        Args:
            file: what the file says.
            text: the file as it is written, which names this state of it.
            schemas: the schema registry, where Avro is to be read.
            token_key: the secret that contact details are made opaque with.
        """
        target = TARGETS[file.to]
        made = []
        for name, spec in file.fields.items():
            if spec.drop or name not in target.fields:
                continue
            about = target.fields[name]
            outer, _, inner = name.rpartition(".")
            convert = converter(spec, file.mapping, token_key, of_list=about.is_list)
            made.append(_Field(name, outer or None, inner, convert, about.required))
        return cls(
            file,
            target,
            hashlib.sha256(text.encode()).hexdigest()[:_HASH_CHARACTERS],
            decoder(file.source, schemas),
            tuple(made),
            next(one for one in made if one.name == target.id_field),
            _selecting(file.source.each),
            _selecting(file.when),
            tuple((Expression.parse(skip.when).select, skip.because) for skip in file.skip),
            _selecting(file.delete),
            _selecting(file.for_each),
            _selecting(file.sequence),
            tuple({one.outer: None for one in made if one.outer is not None}),
        )

    @property
    def name(self) -> str:
        """What the mapping is called; its raw topic carries the name."""
        return self.file.mapping

    @property
    def header(self) -> bytes:
        """What ``MAPPING_HEADER`` says on each record that it makes."""
        return f"{self.name}/{self.file.version}/{self.digest}".encode()

    def run(self, value: bytes, timestamp_ms: int | None = None) -> Iterator[Outcome]:
        """Yield what becomes of each record in a value of the source.

        Args:
            value: as the source wrote it.
            timestamp_ms: when it came to us, in milliseconds since 1970.
        """
        try:
            found = self.decode(value)
        except FieldRefused as refused:
            yield Refused("record", str(refused))
            return
        yield from self._documents(found, timestamp_ms)

    def run_row(self, row: Any, timestamp_ms: int | None = None) -> Iterator[Outcome]:
        """Yield what becomes of a record that was read already: a row of a file or of a database."""
        yield from self._documents([Document(row, row)], timestamp_ms)

    def run_document(self, document: Document, timestamp_ms: int | None = None) -> Iterator[Outcome]:
        """Yield what becomes of a value of which the decoder knows what happened to it."""
        yield from self._documents([document], timestamp_ms)

    def run_record(self, document: Document, timestamp_ms: int | None = None) -> Iterator[Outcome]:
        """Yield what becomes of one record that ``each`` has selected already."""
        yield from self._record(document, timestamp_ms)

    def _documents(self, documents: Any, timestamp_ms: int | None) -> Iterator[Outcome]:
        for document in documents:
            if self._each is None:
                yield from self._record(document, timestamp_ms)
                continue
            try:
                records = list_of(self._each(document.record))
            except FieldRefused as refused:
                yield Refused("record", str(refused))
                continue
            for record in records:
                yield from self._record(Document(record, record), timestamp_ms)

    def _record(self, document: Document, timestamp_ms: int | None) -> Iterator[Outcome]:
        record = document.record
        if type(record) is not dict:
            yield Refused("record", "is no object with names")
            return
        try:
            sequence = None if self._sequence is None else _number(self._sequence(record))
        except FieldRefused as refused:
            yield Refused("record", str(refused))
            return
        try:
            early = self._changed(document) if document.change != "new" else None
            early = early or self._left_out(document, sequence)
            items = None if early is not None or self._for_each is None else _members(self._for_each(record))
        except FieldRefused as refused:
            # It is not to be told which of the rules, since what they select by does not fit the record at all.
            yield Refused("record", str(refused), sequence=sequence)
            return
        if early is not None:
            yield early
        elif items is None:
            yield self._made(record, sequence, timestamp_ms)
        else:
            for item in items:
                yield self._made({**record, ITEM: item}, sequence, timestamp_ms)

    def _left_out(self, document: Document, sequence: int | None) -> Outcome | None:
        """Return what becomes of a record that the mapping does not make a record of, None where it does."""
        if self._when is not None and not truthy(self._when(document.envelope)):
            return Skipped(NOT_WANTED, sequence)
        for leave_out, because in self._skip:
            if truthy(leave_out(document.record)):
                return Skipped(because, sequence)
        if self._delete is not None and truthy(self._delete(document.record)):
            return self._deleted(document.record)
        return None

    def _changed(self, document: Document) -> Outcome | None:
        """Return what becomes of a row that was changed or taken away, None where it is mapped as any other."""
        if document.change == "message":
            return Skipped("no row")
        if self.target.name == ACCESS:
            return Refused("record", _TAMPERED[document.change], tampered=True)
        if document.change == "emptied":
            return Refused("record", "the table was emptied, which deletes nothing here: load a full snapshot")
        return self._deleted(document.record) if document.change == "deleted" else None

    def _deleted(self, record: Any) -> Outcome:
        try:
            key = self._id.convert(record)
        except FieldRefused as refused:
            return Refused(self._id.name, str(refused))
        if not isinstance(key, str):
            return Refused(self._id.name, "is empty, and what is deleted needs an id")
        return Deleted(key)

    def _made(self, record: Any, sequence: int | None, timestamp_ms: int | None) -> Outcome:
        made: dict[str, Any] = {name: {} for name in self._outers}
        for one in self._fields:
            try:
                value = one.convert(record)
            except FieldRefused as refused:
                return Refused(one.name, str(refused), sequence=sequence)
            if value is None:
                if one.required:
                    return Refused(one.name, "is empty", sequence=sequence)
            elif one.outer is None:
                made[one.inner] = value
            else:
                made[one.outer][one.inner] = value
        for name in self._outers:
            if not made[name]:
                del made[name]
        try:
            text = orjson.dumps(made)
        except TypeError:
            return Refused("record", _NO_JSON, sequence=sequence)
        mistake = self.target.check(text, timestamp_ms)
        if mistake is not None:
            where, _, why = mistake.partition(": ")
            # Of a member of a list the list is named.
            named = ".".join(part for part in where.split(".") if not part.isdigit())
            named, why = (named, why) if why else ("record", where)
            return Refused(named, why, sequence=sequence)
        return Mapped(text, made[self.target.key_field], sequence)


def skip_reasons(file: MappingFile) -> list[str]:
    """Return every reason for which records may be skipped: what counts them has no others."""
    said: list[Skip] = file.skip
    return list(dict.fromkeys([NOT_WANTED, "no row", *(skip.because for skip in said)]))


def _members(selected: Any) -> list[Any]:
    # An empty list is as good as none: the record is mapped once, and shows what it lacks.
    members = selected if type(selected) is list and selected else [None if selected == [] else selected]
    if len(members) > MADE_OF_ONE_MAX:
        raise FieldRefused(f"has more than {MADE_OF_ONE_MAX:,} members")
    return members


def _selecting(text: str | None) -> Select | None:
    return None if text is None else Expression.parse(text).select


def _number(value: Any) -> int | None:
    if type(value) is int:
        return value
    return int(value) if type(value) is str and value.isascii() and value.isdigit() and len(value) < 19 else None  # noqa: PLR2004 64 bits
