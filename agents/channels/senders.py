"""What a channel does, and the making of those that the delivery file asks for."""

from datetime import datetime
from typing import Protocol

from agents.channels.findings import OcsfSender, Publish
from agents.channels.hosted import ChatSender, PagerdutySender
from agents.channels.smtp import SmtpSender
from agents.channels.syslog import SyslogSender
from agents.channels.webhook import WebhookSender
from alerts.delivery.attempts import Attempt
from alerts.delivery.channel_settings import (
    Channel,
    OcsfChannel,
    PagerdutyChannel,
    SlackChannel,
    SmtpChannel,
    SyslogChannel,
    TeamsChannel,
    WebhookChannel,
)
from alerts.delivery.messages import Message
from alerts.delivery.routes import Delivery


class Sender(Protocol):
    """One channel: tries once and says what became of it."""

    async def send(self, message: Message, now: datetime, /) -> Attempt:
        """Try once; raises nothing for what a server or a network does."""


def open_senders(delivery: Delivery, publish: Publish) -> dict[str, Sender]:
    """Make the channels that the delivery file names; nothing is connected yet. *publish* is for findings."""
    return {name: _sender(name, channel, delivery, publish) for name, channel in delivery.channels.items()}


def _sender(name: str, channel: Channel, delivery: Delivery, publish: Publish) -> Sender:
    match channel:
        case SmtpChannel():
            return SmtpSender(channel, delivery.secrets.get(name))
        case WebhookChannel():
            return WebhookSender(channel, delivery.secrets[name])
        case SlackChannel() | TeamsChannel():
            return ChatSender(channel, delivery.secrets[name])
        case PagerdutyChannel():
            return PagerdutySender(channel, delivery.secrets[name])
        case OcsfChannel():
            return OcsfSender(channel, publish)
        case SyslogChannel():
            return SyslogSender(channel)
