"""The feed of findings on Kafka: one record for each message, keyed by the alert, acknowledged before it counts."""

import asyncio
from datetime import datetime

from alerts.notify.attempts import Again, Attempt
from alerts.notify.channels.base import Opened, Publish
from alerts.notify.channels.ocsf.finding import finding
from alerts.notify.channels.ocsf.settings import OcsfChannel
from alerts.notify.message import Message
from enrichment.errors import why


class OcsfSender:
    """Publishes findings, one at a time: a producer that fails takes back what else it had in hand."""

    def __init__(self, opened: Opened[OcsfChannel], publish: Publish) -> None:
        self._publish = publish
        self._timeout_seconds = opened.channel.timeout_seconds
        self._turn = asyncio.Lock()

    async def send(self, message: Message, _now: datetime) -> Attempt:
        """Try once, for at most the channel's ``timeout_seconds``."""
        try:
            async with asyncio.timeout(self._timeout_seconds), self._turn:
                return await self._publish(message.subject_id.encode(), finding(message))
        except TimeoutError as error:
            return Again(why(error))
