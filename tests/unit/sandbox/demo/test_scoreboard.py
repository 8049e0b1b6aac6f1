"""The demo counts right, says what it counted, and shows it on 80 by 24."""

from datetime import date
from email.message import EmailMessage
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from alerts.notify import config
from sandbox.demo.run import write_delivery
from sandbox.demo.scoreboard import Progress, Scoreboard, percentile
from sandbox.demo.screen import Screen, alert_line, progress_line, summary
from sandbox.demo.watching import mails_page, read_mail
from sandbox.demo.worker import reference_records
from simulator.records import Label
from stream.printing import Console

ORDINARY = Label("ordinary", "ordinary")
OWN = Label("intent", "self", known=True, episode="I1")
BOTH = Label("intent", "favour", known=True, episode="I2")
COUSIN = Label("look-alike", "cousin", episode="L1")


def an_alert(alert_id: str = "al-1", **other: Any) -> dict[str, Any]:
    """Return an alert as it stands on the topic, as far as the demo reads it."""
    return {
        "alert_id": alert_id,
        "revision": 1,
        "severity": "high",
        "title": "Own record",
        "rules": ["own-record"],
        "reasons": [{"rule": "own-record", "sentence": "The record is the actor's own."}],
        "last_access_at": "2026-11-19T20:14:07+00:00",
        "access_count": 1,
        "event_ids": ["own"],
        "staff_id": f"S of {alert_id}",
        "client_id": "C1",
        "day": "2026-11-20",
    } | other


def a_board() -> Scoreboard:
    """Four accesses were played, a second apart."""
    board = Scoreboard()
    for at, (event_id, label) in enumerate(
        [("plain", ORDINARY), ("own", OWN), ("both", BOTH), ("cousin", COUSIN)], start=1
    ):
        board.play(event_id, label, at * 1_000)
    return board


def a_progress(board: Scoreboard) -> Progress:
    """Return a demo of Friday 20 November 2026 with this board."""
    return Progress(day=date(2026, 11, 20), wanted=4, rate=200, scoreboard=board, started=0)


@pytest.mark.parametrize(
    ("share", "expected"),
    [(50, 5), (99, 10), (100, 10), (10, 1), (11, 2), (0, 1)],
)
def test_percentile_is_a_value_that_occurred(share: float, expected: float) -> None:
    """The nearest rank, never something in between."""
    assert percentile(range(1, 11), share) == expected


def test_percentile_of_nothing_is_refused() -> None:
    """No number stands for "not measured"."""
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


def test_an_access_counts_once() -> None:
    """A repeated assessment is counted as such, and one of somebody else's access not at all."""
    board = a_board()
    for event_id in ("plain", "plain", "foreign"):
        board.assess({"event_id": event_id, "outcome": "explained"})
    assert (board.played, board.assessed, board.repeated) == (4, 1, 1)
    assert board.outcomes == {"explained": 1}


def test_the_newest_revision_of_an_alert_counts() -> None:
    """A first revision is news; a later one changes it, an earlier or equal one nothing."""
    board = a_board()
    assert board.alert(an_alert(), arrived=2_010) is not None
    assert board.alert(an_alert(revision=2, rules=["own-record", "staff-record"]), arrived=2_500) is None
    assert board.alert(an_alert(), arrived=9_000) is None
    assert board.alerts == 1
    assert board.alerts_by_rule() == {"own-record": 1, "staff-record": 1}
    assert [alert.revision for alert in board.newest] == [2]


def test_an_alert_about_the_same_people_and_day_is_one_too_many() -> None:
    """Another id for the same actor, client and day is told; a revision is not."""
    board = a_board()
    for alert_id, revision in [("al-1", 1), ("al-1", 2), ("al-2", 1)]:
        board.alert(an_alert(alert_id, revision=revision, staff_id="S1"), arrived=0)
    assert (board.alerts, board.doubled) == (2, 1)


def test_latency_is_taken_once_for_each_access() -> None:
    """From the access's record to the first revision that names it."""
    board = a_board()
    assert board.latency() is None
    board.alert(an_alert(), arrived=2_010)
    board.alert(an_alert(revision=2, event_ids=["own", "both"]), arrived=3_030)
    latency = board.latency()
    assert latency is not None
    assert (latency.count, latency.p50, latency.p99, latency.longest) == (2, 10, 30, 30)


def test_planted_episodes_are_found_by_their_rules() -> None:
    """An episode planted for two rules is found by each of them or missed by it; one of its accesses is enough."""
    board = a_board()
    board.play("own again", OWN, 5_000)
    board.alert(an_alert(), arrived=0)
    board.alert(an_alert("al-2", rules=["colleague-circle"], event_ids=["both"]), arrived=0)
    assert board.planted() == {"colleague-circle": (1, 1), "own-record": (1, 1), "proxy-lookup": (0, 1)}


def test_complete_waits_for_assessments_and_planted_alerts() -> None:
    """Complete is: everything assessed, and an alert for each planted episode."""
    board = a_board()
    for event_id in ("plain", "own", "both", "cousin"):
        assert not board.complete
        board.assess({"event_id": event_id, "outcome": "explained"})
    board.alert(an_alert(event_ids=["own"]), arrived=0)
    assert not board.complete
    board.alert(an_alert("al-2", event_ids=["both"]), arrived=0)
    assert board.complete


def test_the_summary_says_what_was_missed_and_what_was_raised() -> None:
    """Nothing that went wrong is left out."""
    board = a_board()
    board.assess({"event_id": "plain", "outcome": "unexplained"})
    board.alert(an_alert(event_ids=["cousin", "plain"]), arrived=5_000)
    lines = summary(a_progress(board))
    assert "Outcomes  hit 0 · abstained 0 · explained 0 · no_subject 0 · unexplained 1" in lines
    assert "Planted   own-record          0 of 1 found, 1 MISSED" in lines
    assert "Look-alikes  1 played, raised by: cousin (1); 1 ordinary accesses did" in lines
    assert lines[-1] == "3 of the accesses played were not assessed."


def test_the_screen_fits_80_by_24() -> None:
    """The first and the last line are there, and nothing is wider than the screen."""
    board = a_board()
    for number in range(20):
        board.alert(an_alert(f"al-{number}", reasons=[{"sentence": "whānau " * 30}]), arrived=2_010)
    progress = a_progress(board)
    progress.metrics_url, progress.mails_url = "http://127.0.0.1:9108/metrics", "http://127.0.0.1:8025/"
    shown = StringIO()
    Console(width=80, height=24, file=shown).print(Screen(progress))
    lines = shown.getvalue().splitlines()
    assert len(lines) == 23
    assert max(len(line) for line in lines) <= 80
    assert lines[0].startswith("accesswatch")
    assert "http://127.0.0.1:8025/" in lines[-1]


def test_an_alert_and_the_progress_are_plain_lines() -> None:
    """The access's time is New Zealand's."""
    board = a_board()
    alert = board.alert(an_alert(), arrived=2_010)
    assert alert is not None
    assert alert_line(alert) == "alert high own-record at 09:14:07: The record is the actor's own."
    expected = "played 4 of 4, assessed 0, alerts 1, p50 10 ms · p99 10 ms · max 10 ms"
    assert progress_line(a_progress(board)) == expected


def test_e_mails_are_shown_as_text() -> None:
    """Nothing in an e-mail becomes HTML of ours."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@agency.example", "b@agency.example", "whānau <b>"
    message.set_content("A question.\n<script>")
    progress = a_progress(Scoreboard())
    progress.mails = (read_mail(1, "10:00:00", bytes(message)),)
    page = mails_page(progress)
    assert "whānau &lt;b&gt;" in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_the_delivery_file_is_a_valid_one(tmp_path: Path) -> None:
    """The product itself takes what the demo writes."""
    write_delivery(tmp_path / "delivery.yaml", 2525, "http://127.0.0.1:8025/webhook")
    delivery = config.load(tmp_path / "delivery.yaml", {})
    assert set(delivery.channels) == {"integrity-mail", "governance-mail", "case-system"}


def test_reference_records_are_read_from_the_metrics_page() -> None:
    """By kind; other metrics are passed over."""
    page = (
        "# TYPE accesswatch_reference_records gauge\n"
        'accesswatch_reference_records{kind="staff"} 8044.0\n'
        'accesswatch_reference_records{kind="client"} 5e+04\n'
        "# TYPE other gauge\nother 1.0\n"
    )
    assert reference_records(page) == {"staff": 8_044, "client": 50_000}
