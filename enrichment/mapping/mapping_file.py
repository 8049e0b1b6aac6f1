"""The form of a mapping file: what may stand where. What it means is in ``mapping``, ``convert`` and ``decoders``."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from enrichment.mapping.times import MissingHour, RepeatedHour
from enrichment.reference.layout import ReferenceKind

#: The largest mapping file, in bytes.
FILE_BYTES_MAX: Final = 4 * 1024 * 1024
#: Characters of a regular expression.
PATTERN_CHARACTERS_MAX: Final = 200
#: Parts of one concat or hash.
PARTS_MAX: Final = 20
#: Fields of a mapping, and rules of when to skip.
FIELDS_MAX: Final = 100
#: Samples in one file.
TESTS_MAX: Final = 1_000

Decode = Literal["json", "jsonl", "csv", "parquet", "debezium", "cef", "syslog", "avro"]
To = Literal["access", ReferenceKind]
Text = Annotated[str, StringConstraints(min_length=1)]
Character = Annotated[str, StringConstraints(min_length=1, max_length=1)]
#: What stands where nothing was said; null says something.
UNSAID: Final[Any] = object()


class _Part(BaseModel):
    """What all parts have in common: strict, and no name that is not known."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", populate_by_name=False)


class Csv(_Part):
    """A dialect of CSV. Given, never guessed."""

    delimiter: Character
    quote: Character | None = '"'
    #: What makes the character behind it a plain one; without it a quote is written twice.
    escape: Character | None = None
    #: Names of the columns, where no line of the file holds them.
    columns: Annotated[list[Text], Field(min_length=1)] | None = None
    charset: Literal["utf-8", "windows-1252", "iso-8859-1", "utf-16"] = "utf-8"


class Source(_Part):
    """How a source's records are written."""

    decode: Decode
    #: The table of a Debezium envelope; records of others are refused.
    table: Text | None = None
    #: Debezium: how the envelope is written. Syslog: what the message behind the header is.
    encoding: Literal["json", "avro"] = "json"
    message: Literal["text", "json", "cef"] = "text"
    csv: Csv | None = None
    #: Selects the list of records, where one value holds several.
    each: Text | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.csv is not None) != (self.decode == "csv"):
            raise ValueError(
                "decode: csv needs its dialect, such as csv: {delimiter: ','}; it is never guessed"
                if self.csv is None
                else "csv stands beside decode: csv only"
            )
        for name, of in ("table", "debezium"), ("encoding", "debezium"), ("message", "syslog"):
            if name in self.model_fields_set and self.decode != of:
                raise ValueError(f"{name} stands beside decode: {of} only")
        if self.each is not None and self.decode == "debezium":
            raise ValueError("each does not stand beside decode: debezium, whose values hold one row")
        return self


class Regex(_Part):
    """A pattern of RE2 and the group that is taken."""

    pattern: Annotated[str, StringConstraints(min_length=1, max_length=PATTERN_CHARACTERS_MAX)]
    group: Annotated[int, Field(ge=0, le=20)] = 1


def _field_form(value: Any) -> Any:
    """Let a field be written short: an expression alone, or the word drop."""
    if value == "drop":
        return {"drop": True}
    return {"from": value} if isinstance(value, str) else value


def _regex_form(value: Any) -> Any:
    return {"pattern": value} if isinstance(value, str) else value


class FieldSpec(_Part):
    """Where one field of ours comes from, and what turns it into what it is to be.

    The words are carried out in the order in which they stand here, whatever their order in the file.
    """

    take: Text | None = Field(None, alias="from")
    concat: Annotated[list[Text], Field(min_length=1, max_length=PARTS_MAX)] | None = None
    hash: Annotated[list[Text], Field(min_length=1, max_length=PARTS_MAX)] | None = None
    const: Any = UNSAID
    drop: Literal[True] | None = None

    zero_is: None = None
    text: Literal[True] | None = None
    after: Text | None = None
    before: Text | None = None
    regex: Annotated[Regex, BeforeValidator(_regex_form)] | None = None
    lower: Literal[True] | None = None
    split: Text | None = None
    table: Annotated[dict[str, Any], Field(min_length=1)] | None = None
    unknown: Any = UNSAID
    int: Literal[True] | None = None
    number: Literal[True] | None = None
    time: Text | None = None
    date: Text | None = None
    zone: Text | None = None
    repeated_hour: RepeatedHour | None = None
    missing_hour: MissingHour | None = None
    token: Literal["text", "digits"] | None = None
    prefix: Text | None = None
    default: Any = UNSAID
    otherwise: Any = Field(UNSAID, alias="else")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        said = self.model_fields_set
        named = {"take": "from"}
        sources = [named.get(one, one) for one in ("take", "concat", "hash", "const", "drop") if one in said]
        if len(sources) != 1:
            raise ValueError("takes one of from, concat, hash, const and drop, no less and no more")
        if sources[0] in {"const", "drop"} and len(said) > 1:
            raise ValueError(f"{sources[0]} stands alone")
        if "unknown" in said and self.table is None:
            raise ValueError("unknown stands beside a table only")
        for name in ("zone", "repeated_hour", "missing_hour"):
            if name in said and self.time is None:
                raise ValueError(f"{name} stands beside a time only")
        if len(kinds := said & {"table", "int", "number", "time", "date", "token"}) > 1:
            raise ValueError(f"{' and '.join(sorted(kinds))} exclude each other")
        if "default" in said and "otherwise" in said:
            raise ValueError("default and else both say what stands where there is nothing: take one away")
        return self


class Skip(_Part):
    """Records that are left out, and why; they are counted by these words."""

    when: Text = Field(alias="if")
    because: Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[ -~]+$")]


class Sample(_Part):
    """A record of the source and what is to become of it."""

    record: dict[str, Any] | list[Any] | str = Field(alias="in")
    out: dict[str, Any] | list[dict[str, Any]] | None = None
    refused: str | None = None
    skipped: str | None = None
    deleted: str | None = None

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if len(self.model_fields_set - {"record"}) != 1:
            raise ValueError("says one of out, refused, skipped and deleted")
        return self


class MappingFile(_Part):
    """One mapping file."""

    mapping: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    version: Annotated[int, Field(ge=1)]
    about: Text | None = None
    to: To = "access"
    source: Source
    #: Only these records are taken; of a Debezium envelope it looks at the envelope.
    when: Text | None = None
    skip: Annotated[list[Skip], Field(max_length=FIELDS_MAX)] = []
    #: Reference data: when the record means that the source has it no longer.
    delete: Text | None = None
    #: Names in the source that are known and never taken: search text above all.
    drop: Annotated[list[Text], Field(max_length=FIELDS_MAX)] = []
    #: Selects a list: each of its members makes a record of its own, which finds it under the name item.
    for_each: Text | None = None
    fields: Annotated[dict[str, Annotated[FieldSpec, BeforeValidator(_field_form)]], Field(max_length=FIELDS_MAX)]
    sequence: Text | None = None
    tests: Annotated[list[Sample], Field(max_length=TESTS_MAX)] = []
