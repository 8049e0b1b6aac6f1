"""The feed of findings on Kafka: one record for each message, keyed by the alert, acknowledged before it counts."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from agents.ports import NotPublished, TooLarge
from alerts.delivery.attempts import Again, Attempt, Refused, Sent
from alerts.delivery.channel_settings import OcsfChannel
from alerts.delivery.messages import Message
from alerts.delivery.ocsf import finding

#: Publishes a key and a value on the topic of findings, and returns when Kafka has acknowledged it.
Publish = Callable[[bytes, bytes], Awaitable[None]]


class OcsfSender:
    """Publishes findings, one at a time: a producer that fails takes back what else it had in hand."""

    def __init__(self, channel: OcsfChannel, publish: Publish) -> None:
        self._publish = publish
        self._timeout_seconds = channel.timeout_seconds
        self._turn = asyncio.Lock()

    async def send(self, message: Message, _now: datetime) -> Attempt:
        """Try once, for at most the channel's ``timeout_seconds``."""
        try:
            async with asyncio.timeout(self._timeout_seconds), self._turn:
                await self._publish(message.matter.encode(), finding(message))
        except (NotPublished, TimeoutError) as error:
            return Again(type(error).__name__)
        except TooLarge as error:
            return Refused(type(error).__name__)
        return Sent()
