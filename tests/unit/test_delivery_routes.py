"""The delivery file: typed, and every mistake is a sentence with its place. Then: who is told, and when again."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.alert import Alert
from alerts.delivery.attempts import RETRY_AFTER_MAX, TRIED_FOR_MAX, WAIT_MAX, next_attempt
from alerts.delivery.decide import Before, Decision, Reason, decide
from alerts.delivery.routes import DeliveryError, Route, load, shipped_path
from tests.support.alert_builders import NOW, an_alert

GOLDEN = Path(__file__).parents[1] / "golden" / "delivery"
BAD = sorted(GOLDEN.glob("bad-*.yaml"))


def test_as_shipped_nothing_is_sent() -> None:
    """The agency says to whom."""
    delivery = load(shipped_path(), {})
    assert (delivery.channels, delivery.routes) == ({}, ())


def test_a_good_file() -> None:
    """Both kinds of channel, a password from a file, a signing key."""
    delivery = load(GOLDEN / "good.yaml", {})
    assert list(delivery.channels) == ["integrity-mail", "soc-hook"]
    assert delivery.secrets["integrity-mail"].get_secret_value() == "correct horse"
    assert "correct horse" not in repr(delivery)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_mistake_is_a_sentence_with_its_place(path: Path) -> None:
    """Each bad file holds one mistake and, in its first line, what must be said about it."""
    expected = path.read_text("utf-8").splitlines()[0].removeprefix("# ")
    with pytest.raises(DeliveryError) as raised:
        load(path, {})
    assert [expected] == [sentence.replace(f"{GOLDEN}/", "") for sentence in raised.value.sentences]
    assert "hunter2" not in str(raised.value)


def test_there_are_bad_files() -> None:
    """An empty glob must not pass for a pass."""
    assert len(BAD) >= 10


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    """The file named by the settings is not there."""
    with pytest.raises(DeliveryError, match=r"none\.yaml: the file cannot be read \(FileNotFoundError\)\."):
        load(tmp_path / "none.yaml", {})


ALL = Route(name="all", channels=["mail"])
SEVERE = Route(name="severe", channels=["hook", "mail"], severities=["high", "critical"], conflict_channels=["privacy"])
OPEN = Before("high", "new", conflicted=False)

LATER = tuple(replace(reason, explained_later=True) for reason in an_alert().reasons)
DECIDED = [
    pytest.param(Decision(Reason.FIRST, ("mail", "hook")), None, {}, id="the first revision, each channel once"),
    pytest.param(Decision(Reason.FIRST, ("mail",)), None, {"severity": "low"}, id="a route for the severe is left out"),
    pytest.param(Decision(Reason.UNCHANGED), OPEN, {}, id="a later revision tells nobody"),
    pytest.param(Decision(Reason.UNCHANGED), OPEN, {"severity": "low"}, id="nor when the severity falls"),
    pytest.param(
        Decision(Reason.SEVERITY_ROSE, ("mail", "hook")), OPEN, {"severity": "critical"}, id="the severity rose"
    ),
    pytest.param(
        Decision(Reason.REOPENED, ("mail", "hook")), replace(OPEN, status="closed"), {}, id="opened again by a hit"
    ),
    pytest.param(
        Decision(Reason.UNCHANGED), OPEN, {"status": "closed", "outcome": "explained"}, id="closing tells nobody"
    ),
    pytest.param(
        Decision(Reason.TAKEN_BACK, ("mail", "hook")),
        OPEN,
        {"status": "closed", "outcome": "explained", "reasons": LATER},
        id="except where work that became known later explains everything",
    ),
    pytest.param(
        Decision(Reason.UNCHANGED),
        replace(OPEN, status="closed"),
        {"status": "closed", "outcome": "explained", "reasons": LATER},
        id="once",
    ),
    pytest.param(
        Decision(Reason.FIRST, ("privacy",), ("mail",)),
        None,
        {"conflicted": True},
        id="conflicted: elsewhere or withheld",
    ),
    pytest.param(
        Decision(Reason.FIRST, ("privacy",), ("mail",)),
        OPEN,
        {"conflicted": True},
        id="conflicted only now: those it goes to have not heard of it",
    ),
    pytest.param(
        Decision(Reason.UNCHANGED), replace(OPEN, conflicted=True), {"conflicted": True}, id="conflicted as before"
    ),
]


@pytest.mark.parametrize(("expected", "before", "now"), DECIDED)
def test_who_is_told(expected: Decision, before: Before | None, now: dict[str, Any]) -> None:
    """Each row: the decision, how the alert stood before, how it stands now."""
    alert: Alert = replace(an_alert(), **now)
    assert expected == decide([ALL, SEVERE], before, alert)


def test_waits_double_up_to_an_hour_and_spread_over_their_upper_half() -> None:
    """The dice move a wait between its half and its whole."""
    waits = [next_attempt(attempts, NOW, NOW, 1.0) for attempts in (1, 2, 3, 40)]
    assert [NOW + timedelta(seconds=2), NOW + timedelta(seconds=4), NOW + timedelta(seconds=8), NOW + WAIT_MAX] == waits
    assert next_attempt(3, NOW, NOW, 0.0) == NOW + timedelta(seconds=4)


def test_a_server_may_ask_for_more_time_within_bounds() -> None:
    """Retry-After is honoured, and bounded."""
    assert next_attempt(1, NOW, NOW, 1.0, timedelta(minutes=5)) == NOW + timedelta(minutes=5)
    assert next_attempt(1, NOW, NOW, 1.0, timedelta(days=300)) == NOW + RETRY_AFTER_MAX
    assert next_attempt(9, NOW, NOW, 1.0, timedelta()) == next_attempt(9, NOW, NOW, 1.0)


def test_after_a_day_it_is_parked() -> None:
    """Counted from the first attempt, not from when the alert was raised."""
    late = NOW + TRIED_FOR_MAX - timedelta(seconds=2)
    assert next_attempt(1, NOW, late, 1.0) == NOW + TRIED_FOR_MAX
    assert next_attempt(1, NOW, late + timedelta(seconds=1), 1.0) is None
