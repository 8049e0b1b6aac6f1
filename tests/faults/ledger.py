"""The ledger of accesses: what was committed against what came of it. Each check gives its findings as sentences.

A check that finds nothing has looked at every record: nothing here samples.
"""

from collections.abc import Callable, Iterator
from typing import Any

from aiokafka import TopicPartition

from stream.topics import ACCESS, ASSESSMENT
from tests.faults import agency
from tests.faults.evidence import Evidence, Place

_HEADER = "__accesswatch.errors."
Check = Callable[[Evidence], Iterator[str]]


def lost(evidence: Evidence) -> Iterator[str]:
    """Every committed offset has an outcome: assessed, or parked. So has, in the end, every record there is."""
    outcomes = _outcomes(evidence)
    committed = evidence.looks[-1].committed
    for record in evidence.inputs:
        if (record.partition, record.offset) not in outcomes:
            after = committed.get(TopicPartition(record.topic, record.partition), 0)
            which = "is committed" if record.offset < after else "was never dealt with"
            yield f"{_named(record)} {which} and has no outcome"


def commits_too_early(evidence: Evidence) -> Iterator[str]:
    """No commit ever covered a record whose outcome did not stand in Kafka yet."""
    outcomes = _outcomes(evidence)
    topic = evidence.topics[ACCESS]
    # Offsets between them are markers, and what a transaction has taken back.
    records = {(record.partition, record.offset) for record in evidence.inputs}
    seen: dict[int, int] = {}
    for look in evidence.looks:
        for tp, offset in look.committed.items():
            if tp.topic != topic:
                continue
            for number in range(seen.get(tp.partition, 0), offset):
                if (tp.partition, number) not in records:
                    continue
                place = outcomes.get((tp.partition, number))
                if place is None or place[1] >= look.ends.get(place[0], 0):
                    yield f"{topic}-{tp.partition} was committed to {offset} while {number} had no outcome in Kafka"
            seen[tp.partition] = max(offset, seen.get(tp.partition, 0))


def commits_backwards(evidence: Evidence) -> Iterator[str]:
    """No commit was ever taken back: a zombie's late one was refused."""
    before: dict[TopicPartition, int] = {}
    for look in evidence.looks:
        for tp, offset in look.committed.items():
            if offset < before.get(tp, 0):
                yield f"{tp.topic}-{tp.partition} went back from {before[tp]} to {offset}"
            before[tp] = offset


def wrong_answers(evidence: Evidence) -> Iterator[str]:
    """Each assessment says what a plain re-computation says, and each hit stands in the topic of hits."""
    accesses = evidence.accesses()
    for place, assessment in evidence.assessments:
        access = accesses.get(assessment["event_id"])
        if access is None:
            yield f"the assessment at {place} is of no access that was sent"
            continue
        answer = agency.answered(access)
        rules = {one["rule"] for one in assessment["answers"] if (one["answer"], one["stage"]) == ("hit", "live")}
        if (assessment["outcome"], rules) != (answer.outcome, {rule for rule, _ in answer.hits}):
            yield f"{access['event_id']} was answered {assessment['outcome']} {sorted(rules)}, expected {answer}"
    hit = {assessment["event_id"] for assessment in evidence.hits}
    expected = {event for event, access in accesses.items() if agency.answered(access).hits}
    yield from (f"the hit of {event} is not in the topic of hits" for event in sorted(expected - hit))
    yield from (f"{event} is no hit and stands in the topic of hits" for event in sorted(hit - expected))


def dead_letters(evidence: Evidence) -> Iterator[str]:
    """Exactly what cannot be read is parked, byte for byte, and says where it came from."""
    origin = {(record.partition, record.offset): record for record in evidence.inputs}
    for letter in evidence.letters:
        headers = _headers(letter)
        record = origin.get((int(headers["partition"]), int(headers["offset"])))
        if record is None or headers["topic"] != evidence.topics[ACCESS]:
            yield f"the dead letter at {letter.partition}/{letter.offset} names a record that is not there"
        elif (record.key, record.value) != (letter.key, letter.value):
            yield f"the dead letter of {_named(record)} is not what was sent"
        elif record.value in evidence.good:
            yield f"{_named(record)} is a good access and was parked at {headers['stage']}"


def _outcomes(evidence: Evidence) -> dict[Place, tuple[TopicPartition, int]]:
    """Return for each input record where its outcome stands first."""
    assessed: dict[str, tuple[TopicPartition, int]] = {}
    for (partition, offset), assessment in evidence.assessments:
        place = (TopicPartition(evidence.topics[ASSESSMENT], partition), offset)
        assessed.setdefault(assessment["event_id"], place)
    parked: dict[Place, tuple[TopicPartition, int]] = {}
    for letter in evidence.letters:
        headers = _headers(letter)
        origin = (int(headers["partition"]), int(headers["offset"]))
        parked.setdefault(origin, (TopicPartition(letter.topic, letter.partition), letter.offset))
    outcomes = dict(parked)
    for record in evidence.inputs:
        access = evidence.good.get(record.value)
        if access is not None and access["event_id"] in assessed:
            outcomes[record.partition, record.offset] = assessed[access["event_id"]]
    return outcomes


def _headers(letter: Any) -> dict[str, str]:
    return {name.removeprefix(_HEADER): (content or b"").decode() for name, content in letter.headers}


def _named(record: Any) -> str:
    return f"{record.topic}-{record.partition} offset {record.offset}"


#: Name of the figure -> its check.
CHECKS: dict[str, Check] = {
    "lost": lost,
    "early commits": commits_too_early,
    "commits backwards": commits_backwards,
    "wrong answers": wrong_answers,
    "dead letters": dead_letters,
}
