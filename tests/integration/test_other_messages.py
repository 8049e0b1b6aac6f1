"""Reminders, escalations, digests and a storm's count, through every kind of channel: what arrives, and nobody's id."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.detection.registry import RULES
from alerts.notify.attempts import Sent
from alerts.notify.message import LINES_MAX, Detail, Message, Wording, bring_together, write_due
from alerts.store.notifications import Due
from tests.integration.test_channels import MARK, NAMES, a_planted_alert
from tests.support.alert_builders import NOW
from tests.support.every_channel import decoded, every_channel

SINCE = NOW - timedelta(hours=1)
ALERT = a_planted_alert("own-record")
#: More than a message names.
ALERTS = [
    replace(ALERT, alert_id=f"al-{number:03}", status="closed" if number == 0 else "new", outcome=None)
    for number in range(LINES_MAX + 10)
]
DUE = {
    "reminder-2": Due("k.reminder-2", "c", "reminder-2", 1, NOW, ALERT, 1),
    "escalated": Due("k.escalated", "c", "escalated", 1, NOW, ALERT, 0),
    "digest": Due("digest.k", "c", "digest", 1, NOW, None, 0, bring_together("digest", "low", SINCE, NOW, ALERTS)),
    "storm": Due("storm.k", "c", "storm", 1, NOW, None, 0, bring_together("storm", "duty", SINCE, NOW, ALERTS)),
}


def written(occasion: str, detail: Detail) -> Message:
    """The message about this occasion."""
    return write_due(DUE[occasion], Wording("c", detail, None, RULES))


@pytest.mark.parametrize(("detail", "occasions"), [("reference", list(DUE)), ("ids", ["digest", "storm"])])
async def test_they_name_nobody(tmp_path: Path, detail: Detail, occasions: list[str]) -> None:
    """By default none of them through any channel; what is about several, never."""
    async with every_channel(tmp_path, detail) as channels:
        for occasion in occasions:
            message = written(occasion, detail)
            sent = await asyncio.gather(*(channels.send(name, message, NOW) for name in NAMES))
            assert sent == [Sent()] * len(NAMES)
        for name in NAMES:
            arrived = [decoded(raw) for raw in channels.arrived(name)]
            assert len(arrived) == len(occasions)
            assert [one for one in arrived if MARK in one] == []


def test_a_digest_names_the_first_alerts_and_counts_the_others() -> None:
    """Those that nobody has looked at come first."""
    message = written("digest", "reference")
    assert message.subject == f"[accesswatch] high: {LINES_MAX + 9} alerts to look at (low)"
    facts = dict(message.facts)
    assert (facts["New"], facts["Settled"]) == (f"{LINES_MAX + 9} high", "1 acknowledged or closed meanwhile")
    assert (len([name for name, _ in message.facts if name == "High"]), facts["More"]) == (LINES_MAX, "10 in the list")


def test_a_storm_says_how_many_more_wait() -> None:
    """And names none of them."""
    message = written("storm", "reference")
    assert message.title == f"{LINES_MAX + 9} more wait in the list"
    assert not any("al-0" in value for _, value in message.facts)


def test_a_reminder_stands_in_its_alerts_thread_and_an_escalation_begins_one() -> None:
    """Each with an id of its own."""
    reminder, escalation = written("reminder-2", "reference"), written("escalated", "reference")
    assert (reminder.key, reminder.thread_key) == ("k.reminder-2", f"{ALERT.alert_id}.1.c")
    assert escalation.key == escalation.thread_key == "k.escalated"
    assert reminder.subject == f"[accesswatch] reminder 2, high: Own client record ({ALERT.alert_id})"
