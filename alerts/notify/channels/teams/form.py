"""A message in the Adaptive Card that Teams shows."""

from typing import Any, Final

import orjson

from alerts.notify.message import Message

#: Adaptive Cards' version that Teams shows on every device.
_CARD_VERSION: Final = "1.4"


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


def _text(text: str, **how: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": text, "wrap": True, **how}
