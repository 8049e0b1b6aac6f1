"""Dead letters are shown without their values, and put back as they came: once, in order, to where they were."""

import asyncio
import json
import os
import pty
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

import pytest

from agents.dead_letter import LEFT_OUT_HEADER, PREFIX, REPLAYS_HEADER, DeadLetter, DeadLetters
from agents.metrics import Metrics
from console.replay import REPLAYS_MAX
from enrichment.decode import Stage
from enrichment.schemas import Access
from stream.connections import aiokafka_options
from stream.producer import Publisher, RenewedOutputs
from stream.settings import Settings
from stream.topics import ACCESS, dead_letter_topic, reference_topic
from tests.support.console import ACCESSWATCH, accesswatch
from tests.support.records import LEAST, as_json
from tests.support.topics import read_all
from tests.support.worker import a_worker, eventually

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics")]

STAFF = reference_topic("staff")
NOBODYS_BUSINESS = "Hinemoa"


@dataclass(frozen=True, slots=True)
class Came:
    """A record as its source sent it."""

    value: bytes | None = b'{"name": "Hinemoa"}'
    key: bytes | None = b"S-1"
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int = 0


ODD = [
    Came(),
    Came(headers=[("a", b"1"), ("a", b"2"), ("a", None), ("", b"\xff"), ("b", b"")]),
    Came(value=None, key=None),
    Came(value=None, partition=3),
    Came(value=b"", key=b"", partition=3),
    Came(value=b"\xff\x00" * 1000, partition=2),
    Came(value=os.urandom(4 * 1024 * 1024), partition=2),
    Came(value=b'"' + b"0123456789" * 3_000_000 + b'"', partition=1),
]


async def park(
    settings: Settings, records: Sequence[Came], topic: str = ACCESS, stage: Stage = "decode", error: str = "NotJson"
) -> None:
    """Publish records and park them as the service does."""
    name = settings.topic(topic)
    before = len(await read_all(str(settings.kafka), name))
    async with Publisher(aiokafka_options(settings)) as publisher:
        for one in records:
            await publisher.send(name, one.key, one.value, one.headers, partition=one.partition)
    outputs = RenewedOutputs(aiokafka_options(settings))
    parking = DeadLetters(outputs, Metrics(), settings.group, "1")
    arrived = sorted(await read_all(str(settings.kafka), name), key=lambda record: record.timestamp)
    for record in arrived[before:]:
        await parking.park(DeadLetter(record, stage, error, "it is not what the contract names"))
    await outputs.flush()
    await outputs.close()


async def put_back(settings: Settings, topic: str = ACCESS) -> list[Any]:
    """Return the records that carry a replay count, partition by partition, in order."""
    return [
        record
        for record in await read_all(str(settings.kafka), settings.topic(topic))
        if any(name == REPLAYS_HEADER for name, _ in record.headers)
    ]


def listed(environment: Mapping[str, str], *arguments: str) -> list[dict[str, Any]]:
    """What `dlq list --json` says."""
    done = accesswatch("dlq", "list", "--json", *arguments, environment=environment)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def replayed(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `dlq replay` does."""
    return accesswatch("dlq", "replay", *arguments, environment=environment)


async def test_what_is_put_back_is_what_came(settings: Settings, environment: dict[str, str]) -> None:
    """Key, value, own headers and partition; null values, several headers of one name, and what is large."""
    await park(settings, ODD)
    letters = await read_all(str(settings.kafka), settings.topic(dead_letter_topic(ACCESS)))
    assert len(letters) == len(ODD)
    done = replayed(environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("8 put back (")
    found = await put_back(settings)
    came = sorted(ODD, key=lambda one: one.partition)
    for record, one in zip(sorted(found, key=same), sorted(came, key=same), strict=True):
        assert (record.key, record.value, record.partition) == (one.key, one.value, one.partition)
        assert list(record.headers) == [*one.headers, (REPLAYS_HEADER, b"1")]


def same(record: Any) -> tuple[Any, ...]:
    """An order in which records and what came stand side by side."""
    return record.partition, record.key or b"", len(record.value or b""), len(record.headers)


async def test_order_is_kept_and_a_second_replay_does_nothing(settings: Settings, environment: dict[str, str]) -> None:
    """Three hundred of one key; putting all back twice takes --again, and is seen."""
    await park(settings, [Came(value=b"%d" % number, partition=1) for number in range(300)])
    assert "300 put back" in replayed(environment).stdout
    assert [int(record.value) for record in await put_back(settings)] == list(range(300))
    second = replayed(environment)
    assert (second.returncode, second.stdout) == (0, "0 put back; 300 were before and are left out.\n")
    assert len(await put_back(settings)) == 300
    assert {(one["replays"], one["put_back"]) for one in listed(environment, "--limit", "300")} == {(1, True)}
    assert "2 put back" in replayed(environment, "--again", "--limit", "2").stdout
    counts = [dict(record.headers)[REPLAYS_HEADER] for record in await put_back(settings)]
    assert counts == [b"1"] * 300 + [b"2"] * 2
    assert sorted(one["replays"] for one in listed(environment, "--limit", "300"))[-3:] == [1, 2, 2]


async def test_a_dry_run_does_nothing(settings: Settings, environment: dict[str, str]) -> None:
    """It says each record's way, and neither puts it back nor remembers it."""
    await park(settings, [Came(partition=2), Came(partition=3)])
    done = replayed(environment, "--dry-run")
    assert done.returncode == 0
    assert f"to {settings.topic(ACCESS)}-2, for the first time (decode, NotJson)" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("2 would be put back")
    assert NOBODYS_BUSINESS not in done.stdout + done.stderr
    assert await put_back(settings) == []
    assert not any(one["put_back"] for one in listed(environment))
    assert "2 put back" in replayed(environment).stdout


async def test_filters_choose_and_are_remembered(settings: Settings, environment: dict[str, str]) -> None:
    """By topic, stage, error, time and number; what a filter has put back, none puts back again."""
    await park(settings, [Came()] * 3)
    await park(settings, [Came()] * 2, stage="validate", error="Invalid")
    await park(settings, [Came()], topic=STAFF, stage="validate", error="Invalid")
    assert len(listed(environment)) == 6
    assert [one["source_topic"] for one in listed(environment, "--topic", STAFF)] == [settings.topic(STAFF)]
    assert len(listed(environment, "--topic", ACCESS, "--topic", settings.topic(dead_letter_topic(STAFF)))) == 6
    assert len(listed(environment, "--stage", "validate")) == 3
    assert len(listed(environment, "--error", "NotJson")) == 3
    assert len(listed(environment, "--since", "1h")) == 6
    assert listed(environment, "--until", "1h") == []
    assert len(listed(environment, "--limit", "1")) == 1
    assert replayed(environment, "--since", "2020-01-01", "--until", "1h").stdout == "0 put back.\n"
    assert "3 put back" in replayed(environment, "--stage", "validate", "--since", "7d").stdout
    assert "1 put back" in replayed(environment, "--error", "NotJson", "--limit", "1").stdout
    assert replayed(environment).stdout.endswith("; 4 were before and are left out.\n")
    assert len(await put_back(settings)) == 5


async def test_the_list_says_why_and_never_what(settings: Settings, environment: dict[str, str]) -> None:
    """Lines in a pipe with a summary beside them, JSON for programs, a table on a terminal."""
    await park(settings, [Came()] * 2)
    await park(settings, [Came(partition=3)], stage="validate", error="Invalid")
    done = accesswatch("dlq", "list", environment=environment)
    assert done.returncode == 0
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [row[1:7] for row in rows[:1]] == [[settings.topic(ACCESS), "3", "0", "validate", "Invalid", "0"]]
    assert len(rows) == 3
    assert done.stderr.splitlines() == [
        "3 dead letters",
        f"2 of {settings.topic(ACCESS)}, stage decode, NotJson",
        f"1 of {settings.topic(ACCESS)}, stage validate, Invalid",
    ]
    one = listed(environment)[0]
    assert one["message"] == "it is not what the contract names"
    assert (one["topic"], one["value_kept"]) == (settings.topic(dead_letter_topic(ACCESS)), True)
    shown = on_a_terminal(environment, "dlq", "list")
    assert "dlq offset" in shown
    for output in (done.stdout, done.stderr, json.dumps(one), shown):
        assert NOBODYS_BUSINESS not in output


def on_a_terminal(environment: Mapping[str, str], *arguments: str, answer: str = "") -> str:
    """Run a command with a terminal before it, and give all that it shows."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [ACCESSWATCH, *arguments], env={**environment, "COLUMNS": "250"}, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        if answer:
            os.write(ours, answer.encode())
        shown = b""
        while True:
            try:
                more = os.read(ours, 65_536)
            except OSError:
                break
            shown += more
        process.wait(60)
    os.close(ours)
    return shown.decode()


async def test_a_terminal_is_asked_first(settings: Settings, environment: dict[str, str]) -> None:
    """No puts nothing back; yes does, and so does --yes unasked."""
    await park(settings, [Came(), Came()])
    assert "Nothing was put back" in on_a_terminal(environment, "dlq", "replay", answer="n\n")
    assert await put_back(settings) == []
    assert "1 put back" in on_a_terminal(environment, "dlq", "replay", "--limit", "1", answer="y\n")
    assert "1 put back" in on_a_terminal(environment, "dlq", "replay", "--yes")
    assert len(await put_back(settings)) == 2


async def test_what_was_put_back_too_often_is_refused(settings: Settings, environment: dict[str, str]) -> None:
    """With a sentence and exit 1; the others go; --again does it all the same."""
    tired = Came(headers=[("own", b"1"), (REPLAYS_HEADER, b"%d" % REPLAYS_MAX)])
    await park(settings, [tired, Came(headers=[(REPLAYS_HEADER, b"%d" % (REPLAYS_MAX - 1))])])
    done = replayed(environment)
    assert done.returncode == 1
    assert "1 put back" in done.stdout
    assert done.stderr.splitlines()[-1] == (
        "1 dead letter was not put back: 1 put back 3 times already (--again does it all the same)."
    )
    assert [dict(record.headers)[REPLAYS_HEADER] for record in await put_back(settings)][-1] == b"3"
    done = replayed(environment, "--again", "--limit", "1")
    assert done.returncode == 0, done.stderr
    assert list((await put_back(settings))[-1].headers) == [("own", b"1"), (REPLAYS_HEADER, b"4")]


async def test_strangers_and_traces_are_not_put_back(settings: Settings, environment: dict[str, str]) -> None:
    """What names another topic, names none, or is a trace alone."""
    letters = settings.topic(dead_letter_topic(ACCESS))
    where = [(f"{PREFIX}partition", b"0"), (f"{PREFIX}offset", b"0")]
    async with Publisher(aiokafka_options(settings)) as publisher:
        await publisher.send(letters, b"k", b"x", [(f"{PREFIX}topic", settings.topic(STAFF).encode()), *where])
        await publisher.send(letters, b"k", b"x", [(f"{PREFIX}stage", b"\x1b[31m\n")])
        ours = [(f"{PREFIX}topic", settings.topic(ACCESS).encode()), *where, (LEFT_OUT_HEADER, b"the value")]
        await publisher.send(letters, b"k", None, ours)
    done = replayed(environment)
    assert done.returncode == 1
    assert done.stdout == "0 put back; 3 cannot be.\n"
    assert "2 its headers do not say where it belongs" in done.stderr
    assert "\x1b" not in accesswatch("dlq", "list", environment=environment).stdout
    assert [one["value_kept"] for one in listed(environment)].count(False) == 1
    for topic in (ACCESS, STAFF):
        assert await read_all(str(settings.kafka), settings.topic(topic)) == []


async def test_an_access_that_stays_invalid_comes_back_and_counts(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """Put back to a running worker it is parked again, with our headers once and its count."""
    invalid = as_json({**LEAST[Access], "action": "peek"})
    async with Publisher(aiokafka_options(settings)) as publisher:
        await publisher.send(settings.topic(ACCESS), b"S-1", invalid, [("own", None)])
    await park(settings, [Came(value=as_json(LEAST[Access]))], stage="screen", error="ValueError")
    with a_worker(environment, tmp_path) as worker:
        eventually(lambda: len(listed(environment)) == 2, worker.log())
        assert "2 put back" in replayed(environment).stdout
        eventually(lambda: len(listed(environment)) == 3, worker.log())
        assert worker.stop() == 0
    newest = listed(environment)[0]
    assert (newest["stage"], newest["replays"], newest["put_back"]) == ("validate", 1, False)
    letters = await read_all(str(settings.kafka), settings.topic(dead_letter_topic(ACCESS)))
    (again,) = [letter for letter in letters if dict(letter.headers).get(REPLAYS_HEADER) == b"1"]
    assert again.value == invalid
    assert list(again.headers)[:2] == [("own", None), (REPLAYS_HEADER, b"1")]
    assert len({name for name, _ in again.headers}) == len(again.headers)
    assert "1 put back" in replayed(environment).stdout
    assert (await put_back(settings))[-1].headers[-1] == (REPLAYS_HEADER, b"2")


async def test_ctrl_c_ends_it_and_the_next_one_goes_on(settings: Settings, environment: dict[str, str]) -> None:
    """At a rate; what was put back before the signal is not put back after it."""
    await park(settings, [Came(value=b"%d" % number) for number in range(100)])
    process = await asyncio.create_subprocess_exec(
        ACCESSWATCH, "dlq", "replay", "--rate", "10", env=environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    async with asyncio.timeout(60):
        # Reading them takes its time.
        while len(await put_back(settings)) < 10:
            pass
        process.send_signal(signal.SIGINT)
        output, errors = (text.decode() for text in await process.communicate())
    assert (process.returncode, errors) == (
        130,
        "Stopped; what was put back is remembered, the same command goes on.\n",
    )
    before = len(await put_back(settings))
    assert 10 <= before < 100
    assert output.startswith(f"{before} put back")
    assert f"{100 - before} put back" in replayed(environment).stdout
    assert [int(record.value) for record in await put_back(settings)] == list(range(100))


async def test_what_is_scattered_is_put_back_and_remembered(settings: Settings, environment: dict[str, str]) -> None:
    """Every second one of thousands, then the rest."""
    for error in ("Odd", "Even"):
        await park(settings, [Came()], error=error)
    letters = await read_all(str(settings.kafka), settings.topic(dead_letter_topic(ACCESS)))
    async with Publisher(aiokafka_options(settings)) as publisher:
        for number in range(2_998):
            letter = letters[number % 2]
            await publisher.send(letter.topic, letter.key, letter.value, letter.headers, partition=letter.partition)
    assert replayed(environment, "--error", "Odd").returncode == 0
    assert len(await put_back(settings)) == 1_500
    assert "; 1,500 were before and are left out" in replayed(environment).stdout
    assert len(await put_back(settings)) == 3_000


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--topic", "no.such"], ["list", "--stage", "judge"], ["list", "--since", "yesterday"],
        ["list", "--since", "1h", "--until", "2h"], ["replay", "--rate", "0"], ["replay", "--limit", "0"],
    ],
)  # fmt: skip
def test_wrong_usage_is_two(environment: dict[str, str], arguments: list[str]) -> None:
    """And nothing is asked of Kafka."""
    assert accesswatch("dlq", *arguments, environment=environment).returncode == 2


@pytest.mark.long
def test_topics_or_a_kafka_that_are_not_there(environment: dict[str, str]) -> None:
    """One sentence that says what to do, exit 1."""
    missing = accesswatch("dlq", "list", environment=environment | {"ACCESSWATCH_TOPIC_PREFIX": "no-such."})
    assert missing.returncode == 1
    assert missing.stderr == (
        "Kafka has no topic no-such.cms.access.v1.dlq: make it with `accesswatch topics create`.\n"
    )
    away = accesswatch("dlq", "replay", environment=environment | {"ACCESSWATCH_KAFKA": "127.0.0.1:1"})
    assert (away.returncode, len(away.stderr.splitlines())) == (1, 1)
