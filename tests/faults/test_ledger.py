"""The ledger sees what it is meant to see: a right ending passes every check, and each thing spoilt in it is found."""

import json
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from stream.topics import ACCESS, ASSESSMENT
from tests.faults import alert_ledger, ledger
from tests.faults.agency import OWN
from tests.faults.evidence import Evidence, Store
from tests.faults.receivers import HOOK, MAIL
from tests.faults.watch import Look

DLQ = f"{ACCESS}.dlq"
CHECKS = {**ledger.CHECKS, **alert_ledger.CHECKS}
#: The short day of September: an hour before it ends.
HIT = {"event_id": "e0", "staff_id": "s00", "client_id": OWN["s00"], "occurred_at": "2026-09-27T10:59:59+00:00"}
QUIET = {"event_id": "e1", "staff_id": "s01", "occurred_at": "2026-09-27T10:59:59+00:00"}


def a_record(topic: str, offset: int, value: bytes | None, headers: tuple[Any, ...] = ()) -> Any:
    """A record as aiokafka gives it."""
    return SimpleNamespace(topic=topic, partition=0, offset=offset, key=b"k", value=value, headers=headers)


def a_letter(offset: int, value: bytes | None) -> Any:
    """The dead letter of an input record."""
    why = {"topic": ACCESS, "partition": "0", "offset": str(offset), "stage": "decode"}
    return a_record(DLQ, 0, value, tuple((f"__accesswatch.errors.{name}", text.encode()) for name, text in why.items()))


def an_assessment(access: dict[str, Any], outcome: str, *rules: str) -> dict[str, Any]:
    """What is said of an access."""
    answers = [{"rule": rule, "answer": "hit", "stage": "live"} for rule in rules]
    return {"event_id": access["event_id"], "outcome": outcome, "answers": answers}


def an_alert(**more: Any) -> dict[str, Any]:
    """The one alert that there must be."""
    return {
        "alert_id": "al-1", "revision": 1, "staff_id": "s00", "client_id": OWN["s00"], "day": "2026-09-27",
        "access_count": 1, "event_ids": ["e0"], "rules": ["own-record"],
    } | more  # fmt: skip


def a_look(committed: int, assessed: int, parked: int) -> Look:
    """One moment."""
    ends = {TopicPartition(ASSESSMENT, 0): assessed, TopicPartition(DLQ, 0): parked}
    return Look(0.0, {TopicPartition(ACCESS, 0): committed}, ends)


def a_right_ending() -> Evidence:
    """A hit, an ordinary access and a bad record, each with its outcome, one alert, told once through each channel."""
    values = [json.dumps(HIT).encode(), json.dumps(QUIET).encode(), b"{bad"]
    hit = an_assessment(HIT, "hit", "own-record")
    return Evidence(
        inputs=[a_record(ACCESS, offset, value) for offset, value in enumerate(values)],
        good={values[0]: HIT, values[1]: QUIET},
        assessments=[((0, 0), hit), ((0, 1), an_assessment(QUIET, "no_subject"))],
        letters=[a_letter(2, b"{bad")],
        hits=[hit],
        alerts=[an_alert()],
        store=Store({"al-1": an_alert()}, [("al-1", "e0", "own-record")], {"al-1": [1]}, 0, 0),
        looks=[a_look(1, 1, 0), a_look(3, 2, 1)],
        topics={ACCESS: ACCESS, ASSESSMENT: ASSESSMENT, DLQ: DLQ},
        accepted=[(HOOK, f"al-1.1.{HOOK}"), (MAIL, f"al-1.1.{MAIL}")],
    )


def test_a_right_ending_passes() -> None:
    """No check finds anything in it."""
    ending = a_right_ending()
    assert {name: list(check(ending)) for name, check in CHECKS.items()} == {name: [] for name in CHECKS}
    assert alert_ledger.repeated(ending) == 0


RIGHT = a_right_ending()
#: What is spoilt -> the check that must find it.
SPOILT: dict[str, tuple[str, Callable[[], Evidence]]] = {
    "an access without an assessment": ("lost", lambda: replace(RIGHT, assessments=RIGHT.assessments[:1])),
    "a bad record that is not parked": ("lost", lambda: replace(RIGHT, letters=[])),
    "a commit before the assessment": (
        "early commits", lambda: replace(RIGHT, looks=[a_look(2, 1, 0), a_look(3, 2, 1)]),
    ),
    "a commit before the dead letter": ("early commits", lambda: replace(RIGHT, looks=[a_look(3, 2, 0)])),
    "a commit taken back": (
        "commits backwards", lambda: replace(RIGHT, looks=[a_look(3, 2, 1), a_look(1, 2, 1)]),
    ),
    "a hit missed": (
        "wrong answers",
        lambda: replace(RIGHT, assessments=[((0, 0), an_assessment(HIT, "unexplained")), RIGHT.assessments[1]]),
    ),
    "a hit that did not reach its topic": ("wrong answers", lambda: replace(RIGHT, hits=[])),
    "a dead letter changed": ("dead letters", lambda: replace(RIGHT, letters=[a_letter(2, b"{bad ")])),
    "a good access parked": (
        "dead letters", lambda: replace(RIGHT, letters=[*RIGHT.letters, a_letter(1, RIGHT.inputs[1].value)]),
    ),
    "no alert": ("alert differences", lambda: replace(RIGHT, alerts=[])),
    "two alerts of one identity": (
        "alert differences", lambda: replace(RIGHT, alerts=[an_alert(), an_alert(alert_id="al-2")]),
    ),
    "the day after": ("alert differences", lambda: replace(RIGHT, alerts=[an_alert(day="2026-09-28")])),
    "an access counted twice": ("alert differences", lambda: replace(RIGHT, alerts=[an_alert(access_count=2)])),
    "a revision left out": ("revisions", lambda: replace(RIGHT, alerts=[an_alert(), an_alert(revision=3)])),
    "an older revision last": (
        "revisions", lambda: replace(RIGHT, alerts=[an_alert(), an_alert(revision=2), an_alert()]),
    ),
    "one revision with two contents": ("revisions", lambda: replace(RIGHT, alerts=[an_alert(), an_alert(rules=[])])),
    "a hit taken twice": (
        "store differences", lambda: replace(RIGHT, store=replace(RIGHT.store, hits=[*RIGHT.store.hits] * 2)),
    ),
    "a gap in the history": (
        "store differences", lambda: replace(RIGHT, store=replace(RIGHT.store, revisions={"al-1": [1, 3]})),
    ),
    "a message never told": ("notifications", lambda: replace(RIGHT, accepted=RIGHT.accepted[:1])),
    "a message told under another id": (
        "notifications", lambda: replace(RIGHT, accepted=[*RIGHT.accepted, (HOOK, f"al-1.2.{HOOK}")]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("spoilt", SPOILT)
def test_what_is_spoilt_is_found(spoilt: str) -> None:
    """By the check that is there for it."""
    name, made = SPOILT[spoilt]
    assert list(CHECKS[name](made())), f"{name} did not see it"
