"""What a channel does, and which channels the delivery file asks for."""

from datetime import datetime
from typing import Protocol

from agents.channels.smtp import SmtpSender
from agents.channels.webhook import WebhookSender
from alerts.delivery.attempts import Attempt
from alerts.delivery.channel_settings import SmtpChannel, WebhookChannel
from alerts.delivery.messages import Message
from alerts.delivery.routes import Delivery


class Sender(Protocol):
    """One channel: tries once and says what became of it."""

    async def send(self, message: Message, now: datetime, /) -> Attempt:
        """Try once; raises nothing for what a server or a network does."""


def open_senders(delivery: Delivery) -> dict[str, Sender]:
    """Make the channels that the delivery file names; nothing is connected yet."""
    senders: dict[str, Sender] = {}
    for name, channel in delivery.channels.items():
        if isinstance(channel, SmtpChannel):
            senders[name] = SmtpSender(channel, delivery.secrets.get(name))
        elif isinstance(channel, WebhookChannel):
            senders[name] = WebhookSender(channel, delivery.secrets[name])
    return senders
