"""Both ways of judging in the benchmark, the real worker and the judge in memory, agree over the committed week."""

import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks.noticing.memory_judge import MemoryJudge, Said
from simulator.dataset import read_accesses, read_changes, read_reference
from simulator.records import Played, Reference
from stream.connections import aiokafka_options
from stream.producer import Publisher
from stream.settings import Settings
from tests.support.worker import a_worker, all_assessed, values

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("topics"), pytest.mark.long]

WEEK = Path(__file__).parents[1] / "data" / "agency-week"

#: Outcome, whether a work reason was found, and each live hit with its severity.
Verdict = tuple[str, bool, frozenset[tuple[str, str]]]


async def test_the_worker_and_the_judge_in_memory_say_the_same(
    settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    """The same outcome, explanation and hits of each of 20,000 accesses, everything being known from the beginning."""
    records = [*read_reference(WEEK), *(change.record for change in read_changes(WEEK))]
    accesses = list(read_accesses(WEEK))
    judge = MemoryJudge()
    judge.learn(records)
    expected = {
        played.event_id: verdict_of(said)
        for played, said in zip(accesses, await judge.judge(accesses), strict=True)
    }  # fmt: skip
    assert {rule for _, _, hits in expected.values() for rule, _ in hits} >= {"own-record", "staff-record"}
    await publish(settings, records, accesses)
    with a_worker(environment, tmp_path) as worker:
        all_assessed(worker, len(accesses))
        found = {one["event_id"]: verdict(one) for one in await values(settings, "integrity.assessment.v1")}
    assert found.keys() == expected.keys()
    assert {event: (found[event], said) for event, said in expected.items() if found[event] != said} == {}


async def publish(settings: Settings, records: list[Reference], accesses: list[Played]) -> None:
    """Publish everything in order, accesses a millisecond apart, as the time of the records says too."""
    first = time.time_ns() // 1_000_000
    async with Publisher(aiokafka_options(settings)) as publisher:
        for kind, record_id, value in records:
            await publisher.send(settings.topic(f"ref.{kind}.v1"), record_id.encode(), value)
        for number, played in enumerate(accesses):
            await publisher.send(
                settings.topic("cms.access.v1"), played.key.encode(), played.value, timestamp_ms=first + number
            )
        await publisher.flush()


def verdict_of(said: Said) -> Verdict:
    """What the judge in memory said."""
    return said.outcome, said.explained, frozenset((rule, severity) for rule, severity, _ in said.hits)


def verdict(assessment: dict[str, Any]) -> Verdict:
    """What the worker said."""
    hits = frozenset(
        (one["rule"], one["severity"])
        for one in assessment["answers"]
        if one["answer"] == "hit" and one["stage"] == "live"
    )
    return assessment["outcome"], assessment["explanation"] is not None, hits
