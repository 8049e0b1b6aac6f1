"""Avro of a schema registry: the schemas behind the ids that stand before each value, and values read by them.

A framed value is a zero byte, the id of its schema as four bytes, and the value. Schemas never change under their id,
so each is fetched once. The agent fetches what a batch needs before it is mapped, and waits while the registry is away;
a command fetches when it comes to it. The API is Confluent's.
"""

import asyncio
import io
import struct
from collections.abc import Iterable
from time import monotonic
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import requests

from enrichment.errors import CommandError, why
from enrichment.mapping.outcome import FieldRefused
from stream.settings import PREFIX, Settings

#: Seconds in which the registry must answer.
ANSWER_SECONDS_MAX: Final = 5.0
#: The largest answer, in bytes; and schemas that are kept, which are as many as a source has had.
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
SCHEMAS_MAX: Final = 2_000
#: Seconds after which the registry is asked again for an id that it did not know: a schema may be registered late.
ASK_AGAIN_SECONDS: Final = 60.0
#: How deep schemas may refer to others, and how many one may need in all.
REFERENCES_DEPTH_MAX: Final = 10
REFERENCES_MAX: Final = 100
_FRAME: Final = struct.Struct(">bI")
_MAGIC: Final = 0
_UNKNOWN: Final = "is Avro of a schema that the registry does not have"
_NO_BYTES: Final = ("null",)


class RegistryAway(Exception):  # noqa: N818 it names a state, which passes
    """The registry does not answer, or does not let us ask; the sentence says why, without our password."""


def frame_id(value: bytes | None) -> int | None:
    """Return the id of the schema that stands before a value, None where the value is not framed."""
    if value is None or len(value) < _FRAME.size:
        return None
    magic, schema_id = _FRAME.unpack_from(value)
    return int(schema_id) if magic == _MAGIC else None


class SchemaRegistry:
    """The schemas of one registry. Each call but ``read`` blocks until it has answered, or for its time at most."""

    def __init__(self, url: str, ca_file: str | None = None, *, fetches: bool = False) -> None:
        """Describe where it is; it is not asked yet.

        Args:
            url: of its API; a user and a password may stand in it.
            ca_file: certificates that its own is checked against.
            fetches: whether ``read`` fetches a schema that it does not have, and blocks.
        """
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        self._url = urlunsplit((parts.scheme, host, parts.path, "", "")).rstrip("/")
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self._verify: str | bool = ca_file or True
        self._fetches = fetches
        #: By id: the schema as fastavro has it.
        self._schemas: dict[int, Any] = {}
        #: By id: when the registry said that it does not have it, or that it is not Avro, and what is said then.
        self._refused: dict[int, tuple[float, str]] = {}

    @classmethod
    def of(cls, settings: Settings, *, fetches: bool = False) -> "SchemaRegistry | None":
        """Return the registry that the settings name, None where they name none.

        Raises:
            CommandError: what reads Avro is not installed.
        """
        if settings.schema_registry is None:
            return None
        try:
            import fastavro  # noqa: F401, PLC0415 only who has the extra has it
        except ImportError:
            raise CommandError(f"{PREFIX}SCHEMA_REGISTRY needs the extra accesswatch[avro]: install it.") from None
        ca_file = settings.schema_registry_ca_file
        url = settings.schema_registry.get_secret_value()
        return cls(url, None if ca_file is None else str(ca_file), fetches=fetches)

    def read(self, framed: bytes) -> Any:
        """Return what a framed value holds.

        Raises:
            FieldRefused: it is not framed, of a schema that is not there, or not of its schema.
        """
        schema_id = frame_id(framed)
        if schema_id is None:
            raise FieldRefused("is no value of a schema registry: it begins with no zero byte and no id of a schema")
        if self._fetches and self._wanted(schema_id):
            try:
                self.fetch(schema_id)
            except RegistryAway as away:
                raise CommandError(f"{away}.") from None
        schema = self._schemas.get(schema_id)
        if schema is None:
            raise FieldRefused(self._refused.get(schema_id, (0.0, _UNKNOWN))[1])
        return _read(io.BytesIO(framed[_FRAME.size :]), schema)

    async def prepare(self, values: Iterable[bytes | None]) -> None:
        """Fetch the schemas of these values that are not there yet.

        Raises:
            RegistryAway: it does not answer; it may be asked again.
        """
        for schema_id in sorted({one for value in values if (one := frame_id(value)) is not None}):
            if self._wanted(schema_id):
                await asyncio.to_thread(self.fetch, schema_id)

    def fetch(self, schema_id: int) -> None:
        """Ask for a schema, and keep it; that there is none is kept for a while.

        Raises:
            RegistryAway: it does not answer.
        """
        from fastavro.schema import SchemaParseException, UnknownType, parse_schema  # noqa: PLC0415 an extra

        found = self._asked(f"/schemas/ids/{schema_id}")
        if found is None:
            self._refuse(schema_id, _UNKNOWN)
            return
        if found.get("schemaType", "AVRO") != "AVRO":
            self._refuse(schema_id, "is of a schema that is not Avro")
            return
        try:
            named: dict[str, Any] = {}
            self._referred(found.get("references") or [], named, 1)
            schema = parse_schema(_json(found["schema"]), named_schemas=named)
            if _endless(schema, set()):
                self._refuse(schema_id, "is of a schema with lists whose members have no bytes")
                return
        except (SchemaParseException, UnknownType, ValueError, TypeError, KeyError, RecursionError):
            self._refuse(schema_id, "is of a schema that cannot be read")
            return
        if len(self._schemas) >= SCHEMAS_MAX:
            self._schemas.pop(next(iter(self._schemas)))
        self._schemas[schema_id] = schema
        self._refused.pop(schema_id, None)

    def _wanted(self, schema_id: int) -> bool:
        if schema_id in self._schemas:
            return False
        refused = self._refused.get(schema_id)
        return refused is None or monotonic() - refused[0] >= ASK_AGAIN_SECONDS

    def _refuse(self, schema_id: int, sentence: str) -> None:
        if len(self._refused) >= SCHEMAS_MAX:
            self._refused.pop(next(iter(self._refused)))
        self._refused[schema_id] = (monotonic(), sentence)

    def _referred(self, references: list[Any], named: dict[str, Any], depth: int) -> None:
        """Read the schemas that another refers to into *named*, those that they refer to first."""
        from fastavro.schema import parse_schema  # noqa: PLC0415 an extra

        if depth > REFERENCES_DEPTH_MAX or len(named) > REFERENCES_MAX:
            raise ValueError("too many references")
        for one in references:
            if one["name"] in named:
                continue
            subject = quote(str(one["subject"]), safe="")
            found = self._asked(f"/subjects/{subject}/versions/{int(one['version'])}")
            if found is None:
                raise ValueError("a schema that is referred to is missing")
            self._referred(found.get("references") or [], named, depth + 1)
            parse_schema(_json(found["schema"]), named_schemas=named)

    def _asked(self, path: str) -> dict[str, Any] | None:
        """Ask the registry; None where it does not have it.

        Raises:
            RegistryAway: it does not answer, or with something else.
        """
        try:
            with requests.get(
                self._url + path,
                auth=self._login,
                timeout=ANSWER_SECONDS_MAX,
                verify=self._verify,
                allow_redirects=False,
                stream=True,
                headers={"Accept": "application/vnd.schemaregistry.v1+json"},
            ) as answer:
                body = answer.raw.read(ANSWER_BYTES_MAX + 1, decode_content=True)
                status = answer.status_code
        except (requests.RequestException, OSError) as error:
            raise RegistryAway(f"the schema registry does not answer ({why(error)})") from None
        if status == requests.codes.not_found:
            return None
        if status != requests.codes.ok or len(body) > ANSWER_BYTES_MAX:
            raise RegistryAway(f"the schema registry does not answer with a schema (HTTP {status})")
        try:
            found = _json(body)
        except ValueError:
            found = None
        if type(found) is not dict or type(found.get("schema")) is not str:
            raise RegistryAway("the schema registry answers with something else than a schema")
        return found


def _json(text: str | bytes) -> Any:
    import orjson  # noqa: PLC0415

    return orjson.loads(text)


def _read(stream: io.BytesIO, schema: Any) -> Any:
    from fastavro import schemaless_reader  # noqa: PLC0415 an extra

    try:
        found = schemaless_reader(stream, schema, None)
    except (ValueError, EOFError, TypeError, KeyError, IndexError, OverflowError, ArithmeticError, RecursionError):
        raise FieldRefused("is not of the Avro schema that it names") from None
    if stream.read(1):
        raise FieldRefused("holds more than the Avro schema that it names")
    return found


def _endless(schema: Any, seen: set[str]) -> bool:
    """Return whether a schema has a list of what takes no bytes: a few bytes could say that there are 2^60 of them."""
    if isinstance(schema, dict) and schema["type"] == "array" and _takes_no_bytes(schema["items"], set()):
        return True
    return any(_endless(one, seen) for one in _inside(schema, seen))


def _inside(schema: Any, seen: set[str]) -> list[Any]:
    """Return the schemas inside one, of a record only where it was not *seen* yet."""
    if isinstance(schema, list):
        return schema
    if not isinstance(schema, dict):
        return []
    if schema["type"] in {"record", "error"}:
        known = schema["name"] in seen
        seen.add(schema["name"])
        return [] if known else [field["type"] for field in schema["fields"]]
    return [schema[name] for name in ("items", "values", "type") if isinstance(schema.get(name), dict | list)]


def _takes_no_bytes(schema: Any, seen: set[str]) -> bool:
    if not isinstance(schema, dict):
        return schema in _NO_BYTES
    if schema["type"] == "fixed":
        return int(schema["size"]) == 0
    if schema["type"] in {"record", "error"}:
        if schema["name"] in seen:
            return False
        seen.add(schema["name"])
        return all(_takes_no_bytes(field["type"], seen) for field in schema["fields"])
    return schema["type"] in _NO_BYTES
