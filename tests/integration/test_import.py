"""Files through a mapping into Kafka: bad rows are named, the rest arrives, and what was stopped goes on."""

import gzip
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from console.import_progress import QUIET_SECONDS
from stream.settings import Settings
from stream.topics import ACCESS, reference_topic
from tests.support.console import ACCESSWATCH, COMMAND_SECONDS_MAX, accesswatch
from tests.support.topics import read_all
from tests.support.worker import eventually_async

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

HEAD = "id,at,user,client,what\n"
MAPPING = """\
mapping: trial
version: 1
source: {decode: csv, csv: {delimiter: ","}}
fields:
  event_id: {concat: ["'t-'", id]}
  occurred_at: {from: at, time: iso, zone: Pacific/Auckland, repeated_hour: first, missing_hour: refuse}
  staff_id: user
  client_id: client
  action: {from: what, table: {open: view}}
tests:
- {in: {id: a1, at: "2026-11-20 09:14:07", user: kim, client: c1, what: open}, out: {event_id: t-a1}}
- {in: {id: a1, at: "2026-11-20 09:14:07", user: kim, client: c1, what: shut}, refused: action}
"""
STAFF = """\
mapping: hr
version: 1
to: staff
source: {decode: csv, csv: {delimiter: ","}}
fields: {staff_id: no, org_unit: unit, kind: {const: employee}, status: {from: state, table: {A: active}}}
tests:
- {in: {no: a, unit: u, state: A}, out: {staff_id: a}}
- {in: {no: a, unit: u, state: B}, refused: status}
"""


def rows(first: int, last: int) -> str:
    """Rows of accesses."""
    return "".join(f"{number},2026-11-20 09:14:07,kim,c{number},open\n" for number in range(first, last + 1))


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    """A mapping of a CSV file."""
    file = tmp_path / "trial.yaml"
    file.write_text(MAPPING)
    return file


def quiet(file: Path, content: bytes) -> Path:
    """Write a file that nobody has written to for a while."""
    file.write_bytes(content)
    time.sleep(QUIET_SECONDS)
    return file


async def published(settings: Settings, topic: str = ACCESS) -> list[Any]:
    """The records of a topic."""
    return list(await read_all(str(settings.kafka), settings.topic(topic)))


async def test_bad_rows_are_named_and_the_rest_arrives(
    settings: Settings, environment: dict[str, str], tmp_path: Path, mapping: Path
) -> None:
    """Exit 1; the row, the field and the reason, and never what stood there. The key is who opened the record."""
    bad = "SECRET,2026-11-20 09:14:07,kim,c,shut\n7,yesterday,kim,c,open\n8,2026-11-20 09:14:07\n"
    file = quiet(tmp_path / "a.csv", (HEAD + rows(1, 2) + bad + rows(3, 3)).encode())
    done = accesswatch("access", "import", "--mapping", str(mapping), str(file), environment=environment)
    assert done.returncode == 1
    assert "a.csv:4: action: is not in the mapping's table" in done.stderr
    assert "a.csv:5: occurred_at: is no ISO 8601 date and time" in done.stderr
    assert "a.csv:6: record: has 2 fields, and there are 5 columns" in done.stderr
    assert "3 rows could not be mapped and were left out." in done.stderr
    assert "SECRET" not in done.stderr + done.stdout
    records = await published(settings)
    assert sorted(json.loads(record.value)["event_id"] for record in records) == ["t-1", "t-2", "t-3"]
    assert {record.key for record in records} == {b"kim"}
    assert {dict(record.headers)["accesswatch.mapping"].split(b"/")[0] for record in records} == {b"trial"}


async def test_the_same_file_is_imported_once(
    settings: Settings, environment: dict[str, str], tmp_path: Path, mapping: Path
) -> None:
    """Under another name, too; --again publishes the same event ids once more, and gzip is another content."""
    file = quiet(tmp_path / "a.csv", (HEAD + rows(1, 3)).encode())
    arguments = ["access", "import", "--mapping", str(mapping)]
    assert accesswatch(*arguments, str(file), environment=environment).returncode == 0
    other = quiet(tmp_path / "b.csv", file.read_bytes())
    done = accesswatch(*arguments, str(other), environment=environment)
    assert (done.returncode, len(await published(settings))) == (0, 3)
    assert "was imported already" in done.stderr
    assert accesswatch(*arguments, "--again", str(other), environment=environment).returncode == 0
    packed = quiet(tmp_path / "c.csv.gz", gzip.compress(file.read_bytes()))
    assert accesswatch(*arguments, str(packed), environment=environment).returncode == 0
    ids = [json.loads(record.value)["event_id"] for record in await published(settings)]
    assert (len(ids), set(ids)) == (9, {"t-1", "t-2", "t-3"})


def stopped(arguments: list[str], environment: dict[str, str], folder: Path) -> None:
    """Kill an import as soon as it has noted how far it has come."""
    with subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        ends = time.monotonic() + COMMAND_SECONDS_MAX
        while not list(folder.glob("*.json")) and time.monotonic() < ends:
            time.sleep(0.01)
        running.kill()


async def test_an_import_that_was_killed_goes_on(
    settings: Settings, environment: dict[str, str], tmp_path: Path, mapping: Path
) -> None:
    """Behind the last row that Kafka has acknowledged: every row is there, and most of them once."""
    total = 150_000
    file = quiet(tmp_path / "long.csv", (HEAD + rows(1, total)).encode())
    arguments = ["access", "import", "--mapping", str(mapping), str(file)]
    folder = Path(environment["ACCESSWATCH_STATE_DIR"]) / "imports"
    stopped([ACCESSWATCH, *arguments], environment, folder)
    noted = json.loads(next(folder.glob("*.json")).read_text())
    # Else nothing was stopped, and this test shows nothing.
    assert 0 < noted["row"] < total
    assert noted["whole"] is False
    done = accesswatch(*arguments, environment=environment)
    assert done.returncode == 0, done.stderr
    assert "goes on behind row" in done.stderr
    ids = [json.loads(record.value)["event_id"] for record in await published(settings)]
    assert len(set(ids)) == total
    assert len(ids) < 2 * total


def fed(content: bytes, *arguments: str, environment: dict[str, str]) -> int:
    """Run a command that reads what another program writes; return its exit code."""
    done = subprocess.run(
        [ACCESSWATCH, *arguments],
        env=environment,
        input=content,
        capture_output=True,
        check=False,
        timeout=COMMAND_SECONDS_MAX,
    )
    return done.returncode


async def test_from_stdin(settings: Settings, environment: dict[str, str], mapping: Path) -> None:
    """A dash takes what another program writes."""
    content = (HEAD + rows(1, 5)).encode()
    assert fed(content, "access", "import", "--mapping", str(mapping), "-", environment=environment) == 0
    assert len(await published(settings)) == 5


def test_a_file_that_is_still_written_is_refused(environment: dict[str, str], tmp_path: Path, mapping: Path) -> None:
    """It would be read to somewhere in the middle of a row."""
    file = tmp_path / "growing.csv"
    file.write_text(HEAD)
    writing = "import sys,time\nwhile True:\n open(sys.argv[1],'a').write('1,2\\n'); time.sleep(0.05)"
    with subprocess.Popen([sys.executable, "-c", writing, str(file)]) as writer:
        try:
            done = accesswatch("access", "import", "--mapping", str(mapping), str(file), environment=environment)
        finally:
            writer.kill()
    assert done.returncode == 1
    assert "is still being written" in done.stderr


async def test_a_full_snapshot_deletes_who_is_absent(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Only when asked for, only what this mapping made, and only within the bound."""
    mapping = tmp_path / "hr.yaml"
    mapping.write_text(STAFF)
    topic = reference_topic("staff")

    def load(name: str, people: list[int], *options: str) -> subprocess.CompletedProcess[str]:
        content = "no,unit,state\n" + "".join(f"p{number},u,A\n" for number in people)
        file = quiet(tmp_path / name, content.encode())
        return accesswatch("reference", "import", "-m", str(mapping), *options, str(file), environment=environment)

    async def known() -> set[str]:
        newest = {record.key.decode(): record.value for record in await published(settings, topic)}
        return {key for key, value in newest.items() if value is not None}

    assert load("1.csv", list(range(20))).returncode == 0
    other = tmp_path / "staff.jsonl"
    other.write_text('{"staff_id":"by-hand","kind":"employee","status":"active","org_unit":"u"}\n')
    assert accesswatch("reference", "load", str(tmp_path), environment=environment).returncode == 0
    # Without --full nobody goes.
    assert load("2.csv", list(range(19))).returncode == 0
    assert len(await known()) == 21
    refused = load("3.csv", list(range(15)), "--full")
    assert refused.returncode == 1
    assert "5 of 20 records are absent, 25.0 %, and more than 5 % would go: refused" in refused.stderr
    assert len(await known()) == 21
    assert load("4.csv", list(range(19)), "--full").returncode == 0
    assert await known() == {f"p{number}" for number in range(19)} | {"by-hand"}


def test_what_does_not_fit(environment: dict[str, str], tmp_path: Path, mapping: Path) -> None:
    """A mapping of the other kind, one with mistakes, a file that is none: one sentence each."""
    file = quiet(tmp_path / "a.csv", HEAD.encode())
    done = accesswatch("reference", "import", "-m", str(mapping), str(file), environment=environment)
    assert (done.returncode, done.stderr) == (1, f"{mapping} makes accesses: use `accesswatch access import`.\n")
    done = accesswatch("access", "import", "-m", str(mapping), str(tmp_path / "none.csv"), environment=environment)
    assert (done.returncode, done.stderr) == (1, f"{tmp_path}/none.csv is no file.\n")
    mapping.write_text(MAPPING.replace("open: view", "open: opened"))
    done = accesswatch("access", "import", "-m", str(mapping), str(file), environment=environment)
    assert done.returncode == 1
    assert "line 9, column" in done.stderr
    assert accesswatch("access", "import", str(file), environment=environment).returncode == 2


@contextmanager
def following(file: Path, mapping: Path, environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Follow a file for as long as the block, and stop as a service is stopped."""
    command = [ACCESSWATCH, "access", "import", "--mapping", str(mapping), "--follow", str(file)]
    with Path(f"{file}.log").open("w") as sink, subprocess.Popen(command, env=environment, stderr=sink) as running:
        try:
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(COMMAND_SECONDS_MAX)


async def arrived(settings: Settings, *numbers: int) -> None:
    """Wait until exactly these accesses are there."""
    wanted = {f"t-{number}" for number in numbers}

    async def there() -> bool:
        return {json.loads(record.value)["event_id"] for record in await published(settings)} >= wanted

    await eventually_async(there)
    assert {json.loads(record.value)["event_id"] for record in await published(settings)} == wanted


def append(file: Path, text: str) -> None:
    """Write to the end of a file."""
    with file.open("a", encoding="utf-8") as growing:
        growing.write(text)


async def test_a_file_that_grows_is_followed(
    settings: Settings, environment: dict[str, str], tmp_path: Path, mapping: Path
) -> None:
    """Whole rows only, over rotation by name and by cutting short, and over a restart; nothing is left out."""
    file = tmp_path / "growing.csv"
    with following(file, mapping, environment) as running:
        append(file, HEAD + rows(1, 2))
        await arrived(settings, 1, 2)
        half = rows(3, 3)
        append(file, half[:10])
        file_was = await published(settings)
        append(file, half[10:] + rows(4, 4))
        await arrived(settings, 1, 2, 3, 4)
        assert len(file_was) == 2
        # Moved away, written to once more by whoever still has it open, and made anew.
        old = file.rename(tmp_path / "growing.csv.1")
        append(old, rows(5, 5))
        append(file, HEAD + rows(6, 7))
        await arrived(settings, *range(1, 8))
        # Cut short: the same file begins again, with the same header.
        file.write_text(HEAD + rows(8, 8))
        await arrived(settings, *range(1, 9))
    assert running.returncode == 0
    append(file, rows(9, 9))
    with following(file, mapping, environment):
        await arrived(settings, *range(1, 10))
        append(file, "10,2026-11-20 09:14")
    append(file, ":07,kim,c10,open\n")
    with following(file, mapping, environment) as running:
        await arrived(settings, *range(1, 11))
        append(file, "SECRET,2026-11-20 09:14:07,kim,c,shut\n" + rows(11, 11))
        await arrived(settings, *range(1, 12))
    assert running.returncode == 1
    said = (tmp_path / "growing.csv.log").read_text()
    assert "action: is not in the mapping's table" in said
    assert "SECRET" not in said
    assert len(await published(settings)) == 11


def test_what_cannot_be_followed(environment: dict[str, str], tmp_path: Path, mapping: Path) -> None:
    """Several files, stdin, and what is no file of lines."""
    arguments = ["access", "import", "--follow", "--mapping"]
    for files in ["a", "b"], ["-"]:
        assert accesswatch(*arguments, str(mapping), *files, environment=environment).returncode == 2
    parquet = tmp_path / "parquet.yaml"
    parquet.write_text(MAPPING.replace('decode: csv, csv: {delimiter: ","}', "decode: parquet"))
    done = accesswatch(*arguments, str(parquet), "a", environment=environment)
    assert (done.returncode, "does not come line by line" in done.stderr) == (1, True)
