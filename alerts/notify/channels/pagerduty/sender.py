"""Posts events to one PagerDuty service, which folds a repeat into the alert with the same ``dedup_key``."""

from datetime import datetime
from typing import Final

from alerts.notify.attempts import Attempt
from alerts.notify.channels.base import Opened
from alerts.notify.channels.pagerduty.event import pager_event
from alerts.notify.channels.pagerduty.settings import PagerdutyChannel
from alerts.notify.https import Endpoint
from alerts.notify.message import Message, quotable

_JSON: Final = {"Content-Type": "application/json"}


class PagerdutySender:
    """Posts events to one service."""

    def __init__(self, opened: Opened[PagerdutyChannel]) -> None:
        channel = opened.channel
        self._endpoint = Endpoint(channel.url, channel.ca_file, channel.timeout_seconds, opened.proxy)
        self._routing_key = opened.shown()

    async def send(self, message: Message, now: datetime) -> Attempt:
        """Try once, for at most the channel's ``timeout_seconds``."""
        routing_key = self._routing_key.get_secret_value()
        hidden = {*quotable(message), routing_key}
        return await self._endpoint.post(pager_event(message, routing_key), _JSON, now, hidden=hidden)
