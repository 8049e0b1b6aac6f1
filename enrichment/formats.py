"""What a value that is no record looks like, for the sentence of its dead letter.

Somebody sends something else than the contract names: most often the right thing compressed, in another encoding, or in
an envelope. "expected value at line 1" leaves them searching. It is a guess by what the value begins with; nothing of
what it holds is ever repeated.
"""

import base64
import binascii
import json
import re
import string
from collections.abc import Callable
from typing import Final

from pydantic_core import from_json

from enrichment.envelopes import Required, holds_record, shape
from enrichment.schemas import ID_LENGTH_MAX

#: Bytes of a value that are looked at where its beginning tells.
BEGINNING_BYTES_MAX: Final = 4096
#: Bytes of a text that is read whole, to see whether it is several values, or something encoded.
TEXT_BYTES_MAX: Final = 64 * 1024
#: Fields of a binary message that are walked through to see whether it is one.
FIELDS_MAX: Final = 1000

_UNPACKED: Final = "it must be unpacked before it is sent"
_BY_PRODUCER: Final = f"{_UNPACKED} (compression.type lets a producer compress what Kafka unpacks)"
_WRITTEN: Final = "a record is written as JSON"
#: What begins with these bytes, and what to do about it.
_BEGINNINGS: Final = (
    (
        b"\xef\xbb\xbf",
        "UTF-8 with a byte order mark: the record begins behind these 3 bytes; JSON is sent without them",
    ),
    (b"\x1f\x8b", f"gzip: {_BY_PRODUCER}"),
    (b"\x28\xb5\x2f\xfd", f"zstd: {_BY_PRODUCER}"),
    (b"\x04\x22\x4d\x18", f"lz4: {_BY_PRODUCER}"),
    (b"\x02\x21\x4c\x18", f"lz4 in its old form: {_UNPACKED}"),
    (b"\xff\x06\x00\x00sNaPpY", f"snappy: {_BY_PRODUCER}"),
    (b"\x82SNAPPY\x00", f"snappy as Java frames it: {_BY_PRODUCER}"),
    (b"BZh", f"bzip2: {_UNPACKED}"),
    (b"\xfd7zXZ\x00", f"xz: {_UNPACKED}"),
    (b"PK\x03\x04", f"a ZIP archive: {_UNPACKED}"),
    (b"Obj\x01", f"an Avro file (an object container): {_WRITTEN}, and sent alone"),
    (b"\xc3\x01", f"Avro in single-object encoding: {_WRITTEN}"),
    (b"PAR1", f"a Parquet file: {_WRITTEN}, and sent alone"),
    (b"ORC", f"an ORC file: {_WRITTEN}, and sent alone"),
    (b"ARROW1", f"an Arrow file: {_WRITTEN}, and sent alone"),
    (b"\xac\xed\x00\x05", f"a Java object: {_WRITTEN}"),
    (b":)\n", f"Smile, a binary form of JSON: {_WRITTEN}"),
    (b"\xe0\x01\x00\xea", f"Amazon Ion: {_WRITTEN}"),
    (b"\xd9\xd9\xf7", f"CBOR: {_WRITTEN}"),
    (b"%PDF-", "a PDF document"),
    # UTF-32's mark begins as UTF-16's does.
    (b"\xff\xfe\x00\x00", "UTF-32 with a byte order mark: JSON is sent as UTF-8"),
    (b"\x00\x00\xfe\xff", "UTF-32 with a byte order mark: JSON is sent as UTF-8"),
    (b"\xff\xfe", "UTF-16 with a byte order mark: JSON is sent as UTF-8"),
    (b"\xfe\xff", "UTF-16 with a byte order mark: JSON is sent as UTF-8"),
)
_ENCODINGS: Final = (("utf-32-le", "UTF-32"), ("utf-32-be", "UTF-32"), ("utf-16-le", "UTF-16"), ("utf-16-be", "UTF-16"))
_ENCODED_BYTES: Final = 64
#: Framings of schema registries: the first byte, how long they are, and whose they are.
_FRAMINGS: Final = (
    (b"\x00", 5, "Schema Registry framing (a zero byte and a schema id of 4 bytes)"),
    (b"\x00", 9, "Apicurio's framing (a zero byte and an id of 8 bytes)"),
    (b"\x01", 17, "Schema Registry framing (a byte 1 and a schema id of 16 bytes)"),
    (b"\x03", 18, "AWS Glue's framing (18 bytes)"),
)
_SPACES: Final = frozenset(string.whitespace)
_JSON_BEGINS: Final = frozenset('{["')
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_\s-]{16,}={0,2}\s*")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){16,}")
_TOKEN: Final = re.compile(r"eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){2,4}")
#: Text that begins like this, and what it is.
_TEXTS: Final = (
    (
        re.compile(r"<!doctype html|<html", re.IGNORECASE),
        "an HTML page, as a server in between sends it to say what went wrong",
    ),
    (re.compile(r"<\?xml|<[A-Za-z_][\w:.-]*[\s/>]"), f"XML: {_WRITTEN}"),
    (re.compile(r"(?:<\d{1,3}>.{0,100})?(?:CEF|LEEF):\d"), f"an event in CEF or LEEF: {_WRITTEN}"),
    (re.compile(r"<\d{1,3}>"), f"a syslog message: {_WRITTEN}"),
    (re.compile(r"HTTP/\d"), "an HTTP response with its headers"),
    (re.compile(r"%7B|%5B", re.IGNORECASE), "JSON that was encoded for a URL: it must be decoded before it is sent"),
    (
        re.compile(r"Struct\{"),
        "a Struct as text (Kafka Connect's StringConverter): JsonConverter without schemas writes it as JSON",
    ),
    (re.compile(r"\{\s*\w+="), f"a Java map as text: {_WRITTEN}"),
    (re.compile(r"[{\[]\s*'"), "JSON with single quotes, as Python prints it: names and texts stand in double quotes"),
    (re.compile(r"\{\s*[A-Za-z_$][\w$]*\s*:"), "JSON whose names stand without quotes"),
    (re.compile(r"---\s|[A-Za-z_]\w*: \S"), f"YAML: {_WRITTEN}"),
)
_SEPARATORS: Final = ((",", "commas"), (";", "semicolons"), ("\t", "tabs"), ("|", "bars"))
#: Separators in a first line; fewer are a sentence's.
_SEPARATORS_MIN: Final = 3
_SPACE: Final = 0x20
#: The bit that a byte of a number carries where more of it follows.
_MORE_FOLLOWS: Final = 0x80
_DECODER: Final = json.JSONDecoder()


def look(value: bytes, required: Required) -> str | None:
    """Return what a value looks like and where the record lies in it, or None where it looks like nothing known.

    Args:
        value: what was refused.
        required: the names without which a record of this kind is none.
    """
    if words := _known_beginning(value):
        return words
    try:
        return shape(from_json(value), required)
    except ValueError:
        pass
    if words := _encoding(value) or _framing(value):
        return words
    text = _readable(value)
    return _binary(value) if text is None else _text(text, value, required)


def _known_beginning(value: bytes) -> str | None:
    return next((words for begins, words in _BEGINNINGS if value.startswith(begins)), None)


def _readable(value: bytes) -> str | None:
    """Return the beginning as text, or None where it is none."""
    try:
        text = value[:BEGINNING_BYTES_MAX].decode()
    except UnicodeDecodeError as error:
        # Fewer bytes than a character has are one that the end of the beginning cuts.
        if error.end < BEGINNING_BYTES_MAX or len(value) <= BEGINNING_BYTES_MAX:
            return None
        text = value[: error.start].decode()
    return text if all(one.isprintable() or one in _SPACES for one in text) else None


# -- encodings and framings ---------------------------------------------------------------------------------------


def _encoding(value: bytes) -> str | None:
    for codec, name in _ENCODINGS:
        try:
            text = value[:_ENCODED_BYTES].decode(codec).lstrip()
        except UnicodeDecodeError:
            continue
        if text[:1] in _JSON_BEGINS | {"<"} and all(one.isprintable() or one in _SPACES for one in text[:8]):
            return f"{name}: JSON is sent as UTF-8"
    return None


def unframed(value: bytes) -> bytes | None:
    """Return the JSON that stands behind a schema registry's framing, or None where none does."""
    lengths = (length for first, length, _ in _FRAMINGS if value.startswith(first) and _is_json(value[length:]))
    length = next(lengths, None)
    return None if length is None else value[length:]


def _framing(value: bytes) -> str | None:
    for first, length, words in _FRAMINGS:
        if value.startswith(first) and _is_json(value[length:]):
            return f"{words} before JSON: the record begins at byte {length}, counted from 0"
    for first, length, words in _FRAMINGS[0], _FRAMINGS[3]:
        if value.startswith(first) and len(value) > length:
            return f"{words} before Avro or Protobuf: {_WRITTEN}, without it"
    return None


def _is_json(value: bytes) -> bool:
    if value.lstrip()[:1] not in {b"{", b"[", b'"'}:
        return False
    try:
        from_json(value)
    except ValueError:
        return False
    return True


# -- text -------------------------------------------------------------------------------------------------------


def _text(text: str, value: bytes, required: Required) -> str | None:
    whole = text if len(value) <= BEGINNING_BYTES_MAX else value[:TEXT_BYTES_MAX].decode(errors="ignore")
    stripped = whole.strip()
    if not stripped:
        return "nothing but white space" if value else None
    for form, words in _TEXTS:
        if form.match(stripped):
            return words
    return _one_after_another(stripped) or _encoded(stripped, required) or _table(stripped)


def _one_after_another(text: str) -> str | None:
    if text[0] not in _JSON_BEGINS:
        return None
    try:
        _, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    behind = text[end:].lstrip()
    return (
        "several JSON values one after another: each must be sent as a record of its own"
        if behind[:1] == text[0]
        else None
    )


def _encoded(text: str, required: Required) -> str | None:
    if _TOKEN.fullmatch(text):
        return "a signed or encrypted token (JWS or JWE): the record must be taken out of it before it is sent"
    if _HEX.fullmatch(text):
        held: bytes | None = bytes.fromhex(text)
        name = "bytes written as hexadecimal digits"
    elif _BASE64.fullmatch(text):
        held, name = _from_base64(text), "base64"
    else:
        return None
    if held is None:
        return None
    inside = _readable(held)
    if inside is not None and holds_record(inside, required):
        return f"{name} of JSON: it must be decoded before it is sent"
    known = _known_beginning(held)
    return f"{name} of {known}" if known else f"{name}: it must be decoded before it is sent"


def _from_base64(text: str) -> bytes | None:
    plain = "".join(text.split()).rstrip("=")
    try:
        return base64.b64decode(
            plain + "=" * (-len(plain) % 4), altchars=b"-_" if set(plain) & {"-", "_"} else None, validate=True
        )
    except (binascii.Error, ValueError):
        return None


def _table(text: str) -> str | None:
    first, _, more = text.partition("\n")
    for separator, name in _SEPARATORS:
        count = first.count(separator)
        if (
            count >= _SEPARATORS_MIN
            and (not more or more.split("\n", 1)[0].count(separator) == count)
            and first[0] not in _JSON_BEGINS - {'"'}
        ):
            return f"CSV, separated by {name}: {_WRITTEN}, and sent alone"
    return None


# -- binary -----------------------------------------------------------------------------------------------------


def _binary(value: bytes) -> str | None:
    for is_it, name in _BINARIES:
        if is_it(value):
            return f"{name}: {_WRITTEN}"
    text = value[:BEGINNING_BYTES_MAX]
    if text.lstrip()[:1] in {b"{", b"["} and not any(byte < _SPACE and chr(byte) not in _SPACES for byte in text):
        return "JSON in another encoding than UTF-8, such as Latin-1 or Windows-1252"
    return "something binary, perhaps encrypted or compressed: a record is written as JSON, in UTF-8"


def _is_messagepack(value: bytes) -> bool:
    return _map_of_names(value, {*range(0x81, 0x90), 0xDE, 0xDF}, {*range(0xA1, 0xC0), 0xD9}, {0xDE: 2, 0xDF: 4})


def _is_cbor(value: bytes) -> bool:
    return _map_of_names(value, {*range(0xA1, 0xBA), 0xBF}, {*range(0x61, 0x79)}, {0xB8: 1, 0xB9: 2})


def _map_of_names(value: bytes, maps: set[int], names: set[int], longer: dict[int, int]) -> bool:
    """Return whether a map begins here, and its first name; *longer* are the bytes of a count that stands apart."""
    if value[0] not in maps:
        return False
    name = value[1 + longer.get(value[0], 0) :][:3]
    return len(name) > 1 and name[0] in names and name[-1] in _NAME_BYTES


def _is_bson(value: bytes) -> bool:
    return int.from_bytes(value[:4], "little") == len(value) and value[-1:] == b"\x00"


def _is_protobuf(value: bytes) -> bool:
    """Return whether fields follow one another, each with its number, up to exactly the end."""
    place = 0
    for _ in range(FIELDS_MAX):
        tag, place = _number(value, place)
        if not tag >> 3:
            return False
        match tag & 7:
            case 0:
                _, place = _number(value, place)
            case 1:
                place += 8
            case 2:
                length, place = _number(value, place)
                place += length
            case 5:
                place += 4
            case _:
                return False
        if place >= len(value):
            return place == len(value)
    return True


def _is_avro(value: bytes) -> bool:
    """Return whether it begins with a text of Avro's: its length, doubled, and so many characters."""
    doubled, place = _number(value, 0)
    text = value[place : place + doubled // 2]
    return (
        doubled % 2 == 0
        and 0 < doubled // 2 == len(text) <= ID_LENGTH_MAX
        and text.isascii()
        and text.decode().isprintable()
    )


def _number(value: bytes, place: int) -> tuple[int, int]:
    """Read a number of seven bits a byte, and where it ends: beyond the value where it has no end."""
    number = 0
    for shift in range(0, 64, 7):
        if place >= len(value):
            break
        byte = value[place]
        place += 1
        number |= (byte % _MORE_FOLLOWS) << shift
        if byte < _MORE_FOLLOWS:
            return number, place
    return 0, len(value) + 1


_NAME_BYTES: Final = frozenset((string.ascii_letters + string.digits + "_").encode())
_BINARIES: Final[tuple[tuple[Callable[[bytes], bool], str], ...]] = (
    (_is_bson, "BSON"),
    (_is_messagepack, "MessagePack"),
    (_is_cbor, "CBOR"),
    (_is_protobuf, "Protobuf"),
    (_is_avro, "Avro"),
)
