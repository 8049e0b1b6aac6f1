"""Loading files: what is valid arrives byte for byte, what is not is named without its values."""

import gzip
import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from stream.settings import Settings
from stream.topics import ACCESS, reference_topic
from tests.support.console import accesswatch
from tests.support.topics import read_all

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

STAFF = {"staff_id": "s-1", "kind": "employee", "status": "active", "org_unit": "u-1"}
CLIENT = {"client_id": "c-1", "status": "active"}


def an_access(**changes: Any) -> dict[str, Any]:
    """One valid access, but for the changes."""
    plain = {"event_id": "e-1", "occurred_at": "2026-11-20T09:14:07+13:00", "staff_id": "s-1", "action": "view"}
    return plain | changes


def write(file: Path, *lines: Any) -> Path:
    """Write dictionaries as JSON and bytes as they are, a line each."""
    content = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    file.write_bytes(b"\n".join(content) + b"\n")
    return file


async def test_reference_data_arrives_byte_for_byte(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Spaces, unknown fields, a byte order mark and Windows line ends do no harm; the key is the id."""
    odd = b'{"staff_id" : "wh\xc4\x81nau-2","kind":"employee","status":"active","org_unit":"u","more":[1, 2]}'
    write(tmp_path / "staff.jsonl", b"\xef\xbb\xbf" + json.dumps(STAFF).encode() + b"\r", b"", odd)
    write(tmp_path / "client.jsonl", CLIENT)
    done = accesswatch("reference", "load", str(tmp_path), environment=environment)
    assert (done.returncode, done.stdout) == (0, "3 records published.\n"), done.stderr
    records = await read_all(str(settings.kafka), settings.topic(reference_topic("staff")))
    assert {record.key.decode(): record.value for record in records} == {
        "s-1": json.dumps(STAFF).encode(),
        "whānau-2": odd,
    }


async def test_bad_lines_are_named_and_the_rest_is_loaded(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """File, line and reason; never what stood in the field."""
    write(
        tmp_path / "staff.jsonl",
        STAFF,
        STAFF | {"kind": "SECRET"},
        b'{"staff_id": "SECRET"',
        b"\xff\xfe",
        STAFF | {"org_unit": 7},
        b'"' + b"x" * 5 * 1024 * 1024 + b'"',
        STAFF | {"staff_id": "s-2"},
    )
    done = accesswatch("reference", "load", str(tmp_path), environment=environment)
    assert (done.returncode, done.stdout) == (1, "2 records published.\n")
    for number in (2, 3, 4, 5, 6):
        assert f"staff.jsonl:{number}: " in done.stderr
    assert "SECRET" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("5 lines of ")
    records = await read_all(str(settings.kafka), settings.topic(reference_topic("staff")))
    assert {record.key for record in records} == {b"s-1", b"s-2"}


def test_many_bad_lines_are_counted_not_listed(environment: dict[str, str], tmp_path: Path) -> None:
    """Twenty are named; two lines say so and how many there were."""
    write(tmp_path / "client.jsonl", *[b"{}"] * 500)
    done = accesswatch("reference", "load", str(tmp_path), environment=environment)
    assert done.returncode == 1
    assert done.stderr.count("client.jsonl:") == 22
    assert "500 lines" in done.stderr


def test_a_directory_without_any_of_the_files(environment: dict[str, str], tmp_path: Path) -> None:
    """The sentence names what was looked for."""
    done = accesswatch("reference", "load", str(tmp_path), environment=environment)
    assert done.returncode == 1
    assert "holds none of staff.jsonl" in done.stderr
    assert accesswatch("reference", "load", str(tmp_path / "no"), environment=environment).returncode == 2


def test_topics_that_are_missing_are_a_sentence(environment: dict[str, str], tmp_path: Path) -> None:
    """At once, with the command that makes them."""
    write(tmp_path / "client.jsonl", CLIENT)
    done = accesswatch(
        "reference", "load", str(tmp_path), environment=environment | {"ACCESSWATCH_TOPIC_PREFIX": "no-such."}
    )
    assert done.returncode == 1
    assert done.stderr == "Kafka has no topic no-such.ref.client.v1: make it with `accesswatch topics create`.\n"


async def test_accesses_arrive_in_order_and_the_invalid_ones_too(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Keyed by the staff member as far as a line has one; the service decides what to park."""
    lines = [
        *(an_access(event_id=f"e-{number}") for number in range(300)),
        an_access(action="steal"),
        b"rubbish",
        an_access(staff_id=7),
    ]
    file = write(tmp_path / "day.jsonl", *lines)
    done = accesswatch("access", "load", str(file), environment=environment)
    assert (done.returncode, done.stdout) == (0, "303 accesses published.\n"), done.stderr
    assert "3 lines are not valid accesses" in done.stderr
    records = await read_all(str(settings.kafka), settings.topic(ACCESS))
    keyed = [json.loads(record.value)["event_id"] for record in records if record.key == b"s-1"]
    assert keyed == [f"e-{number}" for number in range(300)] + ["e-1"]
    assert len([record for record in records if record.key is None]) == 2


# Packed by gzip


def pack(file: Path, *, name: str | None = None) -> Path:
    """Pack a file as gzip does, beside it."""
    packed = file.with_name(name or f"{file.name}.gz")
    packed.write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    return packed


async def test_packed_files_arrive_as_plain_ones_do(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """By their name, by what they hold where the name lies (both ways), and made of several parts."""
    pack(
        write(
            tmp_path / "staff.jsonl", b"\xef\xbb\xbf" + json.dumps(STAFF).encode() + b"\r", STAFF | {"staff_id": "s-2"}
        )
    )
    pack(write(tmp_path / "plain", CLIENT), name="client.jsonl")
    write(tmp_path / "work.jsonl.gz", {"work_id": "w-1", "client_id": "c-1", "kind": "call", "staff_id": "s-1",
                                       "opened_at": "2026-11-20T09:14:07+13:00"})  # fmt: skip
    parts = [gzip.compress(json.dumps({"entry_id": f"x-{part}", "client_ids": ["c-1"], "label": "x",
                                       "published_at": "2026-11-20T09:14:07+13:00"}).encode() + b"\n")
             for part in range(3)]  # fmt: skip
    (tmp_path / "watchlist.jsonl.gz").write_bytes(b"".join(parts))
    done = accesswatch("reference", "load", str(tmp_path), environment=environment)
    assert (done.returncode, done.stdout) == (0, "7 records published.\n"), done.stderr
    records = await read_all(str(settings.kafka), settings.topic(reference_topic("staff")))
    assert {record.key: record.value for record in records}[b"s-1"] == json.dumps(STAFF).encode()

    day = write(tmp_path / "day.jsonl", *(an_access(event_id=f"e-{number}") for number in range(300)))
    done = accesswatch("access", "load", str(pack(day)), environment=environment)
    assert (done.returncode, done.stdout) == (0, "300 accesses published.\n"), done.stderr


def cut(file: Path, share: float) -> int:
    """Cut a packed file off; return how many whole lines are left in it."""
    packed = file.read_bytes()
    file.write_bytes(packed[: int(len(packed) * share)])
    left = b""
    with gzip.GzipFile(file) as source:
        try:
            while part := source.read1(64):
                left += part
        except EOFError:
            pass
    return left.count(b"\n")


async def test_a_packed_file_that_is_cut_off_is_loaded_up_to_there(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """The sentence names the file and the line that was reached; exit 1; other files are loaded whole."""
    people = (STAFF | {"staff_id": f"s-{number}", "site": secrets.token_hex(20)} for number in range(2_000))
    file = pack(write(tmp_path / "staff.jsonl", *people))
    write(tmp_path / "client.jsonl", CLIENT)
    whole = cut(file, 0.6)
    assert 0 < whole < 2_000
    done = accesswatch("reference", "load", str(tmp_path), environment=environment)
    assert (done.returncode, done.stdout) == (1, f"{whole + 1:,} records published.\n"), done.stderr
    said = f"staff.jsonl.gz is cut off in the middle of its gzip data, after line {whole:,}: "
    assert said in done.stderr
    assert done.stderr.splitlines()[-1] == "staff.jsonl.gz was not loaded to its end."
    records = await read_all(str(settings.kafka), settings.topic(reference_topic("staff")))
    assert len({record.key for record in records}) == whole

    day = pack(write(tmp_path / "day.jsonl", *(an_access(event_id=secrets.token_hex(20)) for _ in range(2_000))))
    whole = cut(day, 0.5)
    done = accesswatch("access", "load", str(day), environment=environment)
    assert (done.returncode, done.stdout) == (1, f"{whole:,} accesses published.\n"), done.stderr
    assert f"after line {whole:,}: " in done.stderr


DAMAGED = [
    pytest.param(b"", "is cut off in the middle of its gzip data, after line 0: ", id="empty"),
    pytest.param(gzip.compress(b"{}\n")[:5], "is cut off in the middle of its gzip data, after line 0: ", id="head"),
    pytest.param(
        gzip.compress(json.dumps(CLIENT).encode() + b"\n")[:-8] + b"\0" * 8,
        "is damaged: its gzip data cannot be unpacked, after line 1: ", id="another check sum",
    ),
    pytest.param(
        gzip.compress(json.dumps(CLIENT).encode() + b"\n") + b"rubbish",
        "is damaged: its gzip data cannot be unpacked, after line 1: ", id="rubbish behind it",
    ),
    pytest.param(b"PK\x03\x04rest", "is a zip archive: only plain JSON lines in UTF-8 are read", id="zip"),
    pytest.param(b"\x28\xb5\x2f\xfd", "is packed by zstd: only plain JSON lines in UTF-8 are read", id="zstd"),
    pytest.param("{}".encode("utf-16"), "is text in UTF-16: only plain JSON lines in UTF-8 are read", id="UTF-16"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "said"), DAMAGED)
def test_a_damaged_file_is_a_sentence(environment: dict[str, str], tmp_path: Path, content: bytes, said: str) -> None:
    """Each row: what the file holds, and what is said of it, whatever it is called."""
    (tmp_path / "client.jsonl.gz").write_bytes(content)
    done = accesswatch("reference", "load", str(tmp_path), environment=environment)
    assert (done.returncode, done.stderr.count("\n"), "Traceback" in done.stderr) == (1, 3, False), done.stderr
    assert f"client.jsonl.gz {said}" in done.stderr


async def test_a_packed_line_that_is_too_long_is_named(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """A line of 40 MB packed to 40 kB; what stands behind it is loaded."""
    long = b'"' + b"x" * 40_000_000 + b'"'
    pack(write(tmp_path / "client.jsonl", long, CLIENT))
    assert (tmp_path / "client.jsonl.gz").stat().st_size < 100_000
    done = accesswatch("reference", "load", str(tmp_path), environment=environment)
    assert (done.returncode, done.stdout) == (1, "1 records published.\n"), done.stderr
    assert "client.jsonl.gz:1: the line is longer than" in done.stderr
    (record,) = await read_all(str(settings.kafka), settings.topic(reference_topic("client")))
    assert record.key == b"c-1"


def test_a_directory_with_both_forms_of_a_file(environment: dict[str, str], tmp_path: Path) -> None:
    """Which one is meant is not guessed."""
    write(tmp_path / "client.jsonl", CLIENT)
    pack(write(tmp_path / "other", CLIENT), name="client.jsonl.gz")
    done = accesswatch("reference", "load", str(tmp_path), environment=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{tmp_path} holds both client.jsonl and client.jsonl.gz: take one away.\n"


async def test_a_rate_is_kept(settings: Settings, environment: dict[str, str], tmp_path: Path) -> None:
    """The records' own timestamps are spread as asked."""
    file = write(tmp_path / "day.jsonl", *(an_access(event_id=f"e-{number}") for number in range(200)))
    assert accesswatch("access", "load", str(file), "--rate", "100", environment=environment).returncode == 0
    times = sorted(record.timestamp for record in await read_all(str(settings.kafka), settings.topic(ACCESS)))
    assert 1_800 <= times[-1] - times[0] <= 2_600
