"""A message for a chat: Slack's blocks, and the Adaptive Card that Teams shows."""

from typing import Any, Final

import orjson

from alerts.delivery.messages import Message

#: Slack's own bounds: of a header, of the fields of one section, of all blocks.
_HEADER_CHARACTERS_MAX: Final = 150
_FIELDS_PER_SECTION_MAX: Final = 10
_SECTIONS_MAX: Final = 40
#: Adaptive Cards' version that Teams shows on every device.
_CARD_VERSION: Final = "1.4"


def slack(message: Message) -> bytes:
    """Write the body that an incoming webhook of Slack takes."""
    fields = [_field(f"*{_slack(name)}*\n{_slack(value)}") for name, value in message.facts]
    sections = [
        {"type": "section", "fields": fields[start : start + _FIELDS_PER_SECTION_MAX]}
        for start in range(0, len(fields), _FIELDS_PER_SECTION_MAX)
    ]
    look = f"{_slack(message.where)}\n`{_slack(message.look)}`"
    if message.link:
        look += f"\n<{_slack(message.link)}>"
    title = {"type": "plain_text", "text": message.title[:_HEADER_CHARACTERS_MAX], "emoji": False}
    blocks = [
        {"type": "header", "text": title},
        *sections[:_SECTIONS_MAX],
        {"type": "section", "text": _field(_slack(message.note))},
        {"type": "section", "text": _field(look)},
    ]
    return orjson.dumps({"text": _slack(message.subject), "blocks": blocks, "unfurl_links": False})


def teams(message: Message) -> bytes:
    """Write the body that an incoming webhook or a workflow of Teams takes."""
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": _CARD_VERSION,
        "fallbackText": message.subject,
        "body": [
            _text(message.title, weight="Bolder", size="Medium"),
            {"type": "FactSet", "facts": [{"title": name, "value": value} for name, value in message.facts]},
            _text(message.note),
            _text(message.where),
            _text(message.look, fontType="Monospace"),
        ],
    }
    if message.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Show", "url": message.link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return orjson.dumps({"type": "message", "attachments": [attachment]})


def _field(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _slack(text: str) -> str:
    """Escape the three characters that mean something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text(text: str, **how: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True, **how}
