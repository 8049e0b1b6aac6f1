"""All kinds of channels, by what ``kind`` says in the delivery file."""

from typing import Any

from alerts.notify.channels.base import ChannelKind, Opened, Publish, Sender
from alerts.notify.channels.ocsf.sender import OcsfSender
from alerts.notify.channels.ocsf.settings import OcsfChannel
from alerts.notify.channels.pagerduty.sender import PagerdutySender
from alerts.notify.channels.pagerduty.settings import PagerdutyChannel
from alerts.notify.channels.slack.sender import SlackSender
from alerts.notify.channels.slack.settings import SlackChannel
from alerts.notify.channels.smtp.sender import always_the_same
from alerts.notify.channels.smtp.settings import SmtpChannel
from alerts.notify.channels.staff_email.sender import to_staff
from alerts.notify.channels.staff_email.settings import StaffEmailChannel
from alerts.notify.channels.syslog.sender import SyslogSender
from alerts.notify.channels.syslog.settings import SyslogChannel
from alerts.notify.channels.teams.sender import TeamsSender
from alerts.notify.channels.teams.settings import TeamsChannel
from alerts.notify.channels.webhook.sender import WebhookSender
from alerts.notify.channels.webhook.settings import WebhookChannel

KINDS: dict[str, ChannelKind] = {
    "smtp": ChannelKind(SmtpChannel, lambda opened, _: always_the_same(opened)),
    "staff_email": ChannelKind(StaffEmailChannel, lambda opened, _: to_staff(opened)),
    "webhook": ChannelKind(WebhookChannel, lambda opened, _: WebhookSender(opened)),
    "slack": ChannelKind(SlackChannel, lambda opened, _: SlackSender(opened)),
    "teams": ChannelKind(TeamsChannel, lambda opened, _: TeamsSender(opened)),
    "pagerduty": ChannelKind(PagerdutyChannel, lambda opened, _: PagerdutySender(opened)),
    "ocsf": ChannelKind(OcsfChannel, OcsfSender),
    "syslog": ChannelKind(SyslogChannel, lambda opened, _: SyslogSender(opened)),
}


def open_sender(opened: Opened[Any], publish: Publish) -> Sender:
    """Return what sends by a channel; nothing is connected yet. *publish* is for findings."""
    return KINDS[opened.channel.kind].sender(opened, publish)
