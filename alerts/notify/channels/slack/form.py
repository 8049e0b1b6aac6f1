"""A message in Slack's blocks."""

from typing import Any, Final

import orjson

from alerts.notify.message import Message

#: Slack's own bounds: of a header, of the fields of one section, of all blocks.
_HEADER_CHARACTERS_MAX: Final = 150
_FIELDS_PER_SECTION_MAX: Final = 10
_SECTIONS_MAX: Final = 40


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


def _field(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _slack(text: str) -> str:
    """Escape the three characters that mean something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
