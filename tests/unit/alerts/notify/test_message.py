"""What a notification says, and what it never says."""

from dataclasses import replace
from typing import Literal

import orjson
import pytest

from alerts.alert import Alert
from alerts.detection.registry import RULES as SHIPPED
from alerts.notify.channels.webhook.cloud_event import cloud_event
from alerts.notify.message import Message, Wording, html, text, write
from tests.support.alert_builders import CLIENT, RULES, STAFF, an_alert

UNFAIR = ("suspect", "offend", "guilty", "violat", "culprit")


def written(alert: Alert, detail: Literal["reference", "ids"] = "reference", first_revision: int = 1) -> Message:
    """The message of an alert on one channel."""
    return write(alert, first_revision, Wording("mail", detail, "https://console.example/alerts/", RULES))


@pytest.mark.parametrize("rule", [*SHIPPED, "a-rule-of-tomorrow"])
def test_by_default_no_id_leaves(rule: str) -> None:
    """Neither staff nor client nor event id, in any form, for any rule."""
    message = write(an_alert(rule), 1, Wording("mail", "reference", None, SHIPPED))
    everything = message.subject + text(message) + html(message) + cloud_event(message).decode()
    assert not [word for word in (STAFF, CLIENT, "event-1") if word in everything]
    assert not [word for word in UNFAIR if word in everything.lower()]


def test_ids_are_a_choice() -> None:
    """Under ``detail: ids`` staff member and client stand in every form."""
    message = written(an_alert(), "ids")
    assert all(
        one in form for one in (STAFF, CLIENT) for form in (text(message), html(message), cloud_event(message).decode())
    )


def test_it_can_be_understood_alone() -> None:
    """What it is about, how serious, when, how much, where to look, and that it is a question."""
    said = text(written(an_alert("own-record", "media-watchlist")))
    for words in (
        "al-abcdefghijklmnopqrst, revision 2",
        "high",
        "Own record; Record of somebody in the news",
        "Fri 20 Nov 2026, 09:14:07 NZDT to Fri 20 Nov 2026, 09:17:07 NZDT",
        "accesswatch alerts show al-abcdefghijklmnopqrst",
        "https://console.example/alerts/al-abcdefghijklmnopqrst",
        "a question, not a finding",
    ):
        assert words in said


def test_the_same_revision_and_channel_give_the_same_message() -> None:
    """So that a repeat can be recognised; the thread is the first revision's."""
    alert = an_alert()
    assert written(alert) == written(alert)
    message = written(alert)
    assert (message.key, message.thread_key) == ("al-abcdefghijklmnopqrst.2.mail", "al-abcdefghijklmnopqrst.1.mail")
    assert message.key != written(replace(alert, revision=3)).key


def test_the_event_is_a_cloud_event() -> None:
    """Version 1.0, JSON, with the required attributes and an id that stays."""
    event = orjson.loads(cloud_event(written(an_alert())))
    assert {name: value for name, value in event.items() if name != "data"} == {
        "specversion": "1.0",
        "id": "al-abcdefghijklmnopqrst.2.mail",
        "source": "/accesswatch/alerts",
        "type": "accesswatch.alert.v1",
        "subject": "al-abcdefghijklmnopqrst",
        "time": "2026-11-19T20:14:09+00:00",
        "datacontenttype": "application/json",
    }
    assert event["data"]["rules"] == [{"id": "own-record", "title": "Own record"}]


def test_titles_are_escaped_in_html() -> None:
    """A rule id of a newer worker is only text."""
    assert "<b>" not in html(written(an_alert("<b>new</b>")))
