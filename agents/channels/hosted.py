"""Slack, Teams and PagerDuty: JSON posted to an address of theirs.

None of them takes an idempotency key. Slack and Teams show a repeat as a second message with the same reference and
revision; PagerDuty folds it into the alert with the same ``dedup_key``.
"""

from datetime import datetime
from typing import Final

from pydantic import SecretStr

from agents.channels.https import Endpoint
from alerts.delivery.attempts import Attempt
from alerts.delivery.channel_settings import PagerdutyChannel, SlackChannel, TeamsChannel
from alerts.delivery.chat import slack, teams
from alerts.delivery.messages import Message
from alerts.delivery.pager import pager_event

_JSON: Final = {"Content-Type": "application/json"}
#: Teams' connectors answer 200 where the channel behind them would not take the message.
_TEAMS_MISHAP: Final = b"HTTP error"


class ChatSender:
    """Posts to one incoming webhook of Slack or Teams."""

    def __init__(self, channel: SlackChannel | TeamsChannel, url: SecretStr) -> None:
        self._endpoint = Endpoint(url.get_secret_value(), channel.ca_file, channel.timeout_seconds)
        self._write = slack if channel.kind == "slack" else teams
        self._mishap = _TEAMS_MISHAP if channel.kind == "teams" else None

    async def send(self, message: Message, now: datetime) -> Attempt:
        """Try once, for at most the channel's ``timeout_seconds``."""
        return await self._endpoint.post(self._write(message), _JSON, now, mishap=self._mishap)


class PagerdutySender:
    """Posts events to one service."""

    def __init__(self, channel: PagerdutyChannel, routing_key: SecretStr) -> None:
        self._endpoint = Endpoint(channel.url, channel.ca_file, channel.timeout_seconds)
        self._routing_key = routing_key

    async def send(self, message: Message, now: datetime) -> Attempt:
        """Try once, for at most the channel's ``timeout_seconds``."""
        return await self._endpoint.post(pager_event(message, self._routing_key.get_secret_value()), _JSON, now)
