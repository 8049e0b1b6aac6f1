"""The forms that messages take, read with the published schemas and with the libraries of those who receive them."""

import re
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any, Literal

import orjson
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema
from slack_sdk.models.blocks import Block

from alerts.alert import Alert
from alerts.notify.channels.ocsf.finding import OCSF_VERSION, finding
from alerts.notify.channels.pagerduty.event import pager_event
from alerts.notify.channels.slack.form import slack
from alerts.notify.channels.syslog.cef import cef, syslog
from alerts.notify.channels.syslog.sender import framed
from alerts.notify.channels.teams.form import teams
from alerts.notify.channels.webhook.cloud_event import cloud_event
from alerts.notify.message import Message, Wording, bring_together, write, write_several
from tests.support.alert_builders import CLIENT, NOW, RULES, STAFF, an_alert

CONSOLE = "https://console.example/alerts"
ROUTING_KEY = "0123456789abcdef0123456789abcdef"
LATER = tuple(replace(reason, explained_later=True) for reason in an_alert().reasons)
#: How an alert may stand, each of which every form must be able to say.
STANDS: dict[str, dict[str, Any]] = {
    "new": {"revision": 1},
    "worse": {"revision": 2, "severity": "critical"},
    "acknowledged": {"revision": 3, "status": "acknowledged"},
    "closed": {"revision": 4, "status": "closed", "outcome": "no_further_action"},
    "taken back": {"revision": 4, "status": "closed", "outcome": "explained", "reasons": LATER},
    "about an actor": {"client_id": None, "self_reported": True, "severity": "low"},
    "of a newer worker": {"rules": ("of-tomorrow",), "title": "<of|tomorrow> = *new* & \\whānau\nsecond line"},
    "with every rule": {"rules": tuple(f"rule-{number}" for number in range(22)), "severity": "medium"},
}


def said(
    stands: str = "new", *, detail: Literal["reference", "ids"] = "reference", link: str | None = CONSOLE
) -> Message:
    """The message about an alert that stands so."""
    alert: Alert = replace(an_alert("own-record", "media-watchlist"), **STANDS[stands])
    return write(alert, 1, Wording("channel", detail, link, RULES))


def about_several(occasion: Literal["digest", "storm"], *, link: str | None = CONSOLE) -> Message:
    """The message about sixty alerts, which is more than one message names."""
    alerts = [replace(an_alert(), alert_id=f"al-{number:020}") for number in range(60)]
    several = bring_together(occasion, "duty", NOW, NOW, alerts)
    return write_several(f"{occasion}.duty.20261120T071409Z.channel", several, Wording("channel", "ids", link, RULES))


EVERY = [
    pytest.param(said(stands, detail=detail, link=link), id=f"{stands}, {detail}, {'with' if link else 'no'} link")
    for stands in STANDS
    for detail in ("reference", "ids")
    for link in (CONSOLE, None)
] + [
    pytest.param(about_several(occasion, link=link), id=f"{occasion}, {'with' if link else 'no'} link")
    for occasion in ("digest", "storm")
    for link in (CONSOLE, None)
]  # fmt: skip


# CloudEvents


@pytest.mark.parametrize("message", EVERY)
def test_an_event_is_read_by_the_cloudevents_sdk(message: Message) -> None:
    """Which refuses what version 1.0 does not allow."""
    event = JSONFormat().read(CloudEvent, cloud_event(message))
    assert (event.get_id(), event.get_type(), event.get_subject()) == (
        message.key,
        message.event_type,
        message.subject_id,
    )
    data: Any = event.get_data()
    assert (data.get("alert_id", event.get_id()), data["note"]) == (message.subject_id, message.note)


# OCSF


@cache
def detection_finding(version: str) -> Draft202012Validator:
    """The published schema of Detection Finding in one version of OCSF; what it does not know is refused."""
    return Draft202012Validator(OcsfJsonSchemaEmbedded(get_ocsf_schema(version)).get_class_schema("detection_finding"))


@pytest.mark.parametrize("version", [OCSF_VERSION, "1.8.0"])
@pytest.mark.parametrize("message", EVERY)
def test_a_finding_is_valid(version: str, message: Message) -> None:
    """By the version that it names, and by the newest one."""
    event = orjson.loads(finding(message))
    event["metadata"]["version"] = version
    assert [error.message for error in detection_finding(version).iter_errors(event)] == []


def test_the_schema_of_findings_would_say_what_is_wrong() -> None:
    """An empty or tolerant schema must not pass for a pass."""
    event = orjson.loads(finding(said()))
    del event["finding_info"]["uid"]
    event |= {"severity_id": 77, "suspicion": "great"}
    found = {error.validator for error in detection_finding(OCSF_VERSION).iter_errors(event)}
    assert found == {"required", "enum", "additionalProperties"}


@pytest.mark.parametrize(
    ("stands", "activity", "status", "severity"),
    [
        ("new", "Create", "New", "High"),
        ("worse", "Update", "New", "Critical"),
        ("acknowledged", "Update", "In Progress", "High"),
        ("closed", "Close", "Resolved", "High"),
        ("taken back", "Close", "Resolved", "High"),
    ],
)
def test_a_finding_follows_its_alert(stands: str, activity: str, status: str, severity: str) -> None:
    """Each row: how the alert stands, and what the finding calls it; one finding for each alert."""
    event = orjson.loads(finding(said(stands)))
    assert (event["activity_name"], event["status"], event["severity"]) == (activity, status, severity)
    assert event["type_uid"] == 200400 + event["activity_id"]
    assert event["finding_info"]["uid"] == "al-abcdefghijklmnopqrst"
    assert event["metadata"]["uid"] == f"al-abcdefghijklmnopqrst.{STANDS[stands]['revision']}.channel"


# Slack and Teams


@pytest.mark.parametrize("message", EVERY)
def test_slacks_own_library_takes_the_blocks(message: Message) -> None:
    """Known kinds, within Slack's bounds, and nothing lost in reading."""
    body = orjson.loads(slack(message))
    blocks = Block.parse_all(body["blocks"])
    for block in blocks:
        block.validate_json()
    assert [block.to_dict() for block in blocks] == body["blocks"]
    assert all(len(block.get("fields", ())) <= 10 for block in body["blocks"])
    texts = [text for block in body["blocks"] for text in block.get("fields") or [block["text"]]]
    marked = [body["text"], *(text["text"] for text in texts if text["type"] == "mrkdwn")]
    assert not [text for text in marked if re.search(r"&(?!amp;|lt;|gt;)|<(?!https://)", text)]


@cache
def adaptive_card() -> Draft7Validator:
    """The published schema of Adaptive Cards in the version that our cards name."""
    version = orjson.loads(teams(said()))["attachments"][0]["content"]["version"]
    schema = (files("adaptive_cards") / "schemas" / f"schema-{version}.json").read_bytes()
    return Draft7Validator(orjson.loads(schema), format_checker=FormatChecker())


@pytest.mark.parametrize("message", EVERY)
def test_a_card_is_valid(message: Message) -> None:
    """By the published schema, in the envelope that Teams takes."""
    body = orjson.loads(teams(message))
    (attachment,) = body.pop("attachments")
    card = attachment.pop("content")
    assert (body, attachment) == (
        {"type": "message"}, {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None},
    )  # fmt: skip
    assert [error.message for error in adaptive_card().iter_errors(card)] == []


def test_the_schema_of_cards_would_say_what_is_wrong() -> None:
    """An empty or tolerant schema must not pass for a pass."""
    card = orjson.loads(teams(said()))["attachments"][0]["content"]
    card["body"][1]["facts"][0].pop("title")
    assert list(adaptive_card().iter_errors(card))


# PagerDuty


@pytest.mark.parametrize("message", EVERY)
def test_an_event_for_pagerduty_has_its_documented_fields(message: Message) -> None:
    """Events v2 publishes no schema; its documentation names fields, words and bounds."""
    event = orjson.loads(pager_event(message, ROUTING_KEY))
    assert event["routing_key"] == ROUTING_KEY
    assert len(event["dedup_key"]) <= 255
    assert len(orjson.dumps(event)) <= 512 * 1024
    if event["event_action"] != "trigger":
        assert event["event_action"] in {"acknowledge", "resolve"}
        assert set(event) == {"routing_key", "event_action", "dedup_key"}
        return
    payload = event["payload"]
    assert set(event) <= {"routing_key", "event_action", "dedup_key", "payload", "client", "client_url", "links"}
    assert set(payload) == {"summary", "source", "severity", "timestamp", "custom_details"}
    assert 0 < len(payload["summary"]) <= 1024
    assert payload["severity"] in {"critical", "error", "warning", "info"}


@pytest.mark.parametrize(
    ("stands", "action"),
    [
        ("new", "trigger"),
        ("worse", "trigger"),
        ("acknowledged", "acknowledge"),
        ("closed", "resolve"),
        ("taken back", "resolve"),
    ],
)
def test_pagerdutys_alert_follows_ours(stands: str, action: str) -> None:
    """Each row: how the alert stands, and what PagerDuty is told; always by the same key."""
    event = orjson.loads(pager_event(said(stands), ROUTING_KEY))
    assert (event["event_action"], event["dedup_key"]) == (action, "al-abcdefghijklmnopqrst")


# CEF over syslog

#: RFC 5424, section 6: the header, no structured data, the message.
SYSLOG = re.compile(
    r"<(?P<priority>\d{1,3})>1 (?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) "
    r"(?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) (?P<process>[!-~]{1,128}) (?P<kind>[!-~]{1,32}) - (?P<text>.+)"
)


def read_cef(line: str) -> tuple[list[str], dict[str, str]]:
    """Read a CEF line as its guide tells receivers to: seven headers, then keys and values."""
    *headers, extension = re.split(r"(?<!\\)(?:\\\\)*\|", line, maxsplit=7)
    keys = [*re.finditer(r"(?:^| )([A-Za-z0-9]+)=", extension)]
    ends = [after.start() for _, after in pairwise(keys)] + [len(extension)]
    values = {key[1]: extension[key.end() : end] for key, end in zip(keys, ends, strict=True)}
    return headers, {name: re.sub(r"\\(.)", r"\1", value) for name, value in values.items()}


@pytest.mark.parametrize("message", EVERY)
def test_a_syslog_message_holds_one_line_of_cef(message: Message) -> None:
    """A header of RFC 5424, seven headers of CEF, and keys of its dictionary."""
    found = SYSLOG.fullmatch(syslog(message, "integrity-1", 13).decode())
    assert found is not None
    assert (found["host"], found["app"], found["kind"]) == ("integrity-1", "accesswatch", "alert")
    assert int(found["priority"]) // 8 == 13
    headers, extension = read_cef(found["text"])
    assert headers[:3] == ["CEF:0", "accesswatch", "accesswatch"]
    assert headers[6] in {"3", "5", "8", "10"}
    assert set(extension) <= {
        "externalId", "rt", "msg", "request", "start", "end", "cnt", "cs1Label", "cs1", "cs2Label", "cs2", "cn1Label",
        "cn1", "outcome", "suid", "cs3Label", "cs3",
    }  # fmt: skip
    assert extension["externalId"] == message.subject_id
    assert (extension.get("suid"), extension.get("cs3")) == (
        message.extract and message.extract.staff_id, message.extract and message.extract.client_id,
    )  # fmt: skip


def test_cef_escapes_what_would_end_a_field() -> None:
    """Pipes and backslashes in the header, equals signs in the extension, line breaks everywhere."""
    line = cef(said("of a newer worker"))
    assert r"|<of\|tomorrow> = *new* & \\whānau second line|8|" in line
    assert "\n" not in line


def test_a_frame_counts_octets_and_not_letters() -> None:
    """Macrons are two."""
    assert framed("whānau".encode()) == b"7 wh\xc4\x81nau"


def test_a_host_without_a_usable_name_is_left_out() -> None:
    """RFC 5424's nil value."""
    assert b" - accesswatch - alert - CEF:0|" in syslog(said(), " \n", 13)


# All


@pytest.mark.parametrize("detail", ["reference", "ids"])
def test_ids_stand_in_every_form_or_in_none(detail: Literal["reference", "ids"]) -> None:
    """As the channel chose."""
    message = said(detail=detail)
    forms = [cloud_event(message), finding(message), slack(message), teams(message), cef(message).encode()]
    forms.append(pager_event(message, ROUTING_KEY))
    wanted = {detail == "ids"}
    assert {one.encode() in form for one in (STAFF, CLIENT) for form in forms} == wanted
