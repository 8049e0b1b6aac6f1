"""Posts to one incoming webhook of Slack."""

from alerts.notify.channels.by_address import ChatPoster
from alerts.notify.channels.slack.form import slack
from alerts.notify.message import Message


class SlackSender(ChatPoster):
    """Posts Slack's own form."""

    def write(self, message: Message) -> bytes:
        """Write the body."""
        return slack(message)
