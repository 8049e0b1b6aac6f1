"""Loading files: what is valid arrives byte for byte, what is not is named without its values."""

import json
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


async def test_a_rate_is_kept(settings: Settings, environment: dict[str, str], tmp_path: Path) -> None:
    """The records' own timestamps are spread as asked."""
    file = write(tmp_path / "day.jsonl", *(an_access(event_id=f"e-{number}") for number in range(200)))
    assert accesswatch("access", "load", str(file), "--rate", "100", environment=environment).returncode == 0
    times = sorted(record.timestamp for record in await read_all(str(settings.kafka), settings.topic(ACCESS)))
    assert 1_800 <= times[-1] - times[0] <= 2_600
