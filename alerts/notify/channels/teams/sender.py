"""Posts to one incoming webhook of Teams."""

from alerts.notify.channels.by_address import ChatPoster
from alerts.notify.channels.teams.form import teams
from alerts.notify.message import Message


class TeamsSender(ChatPoster):
    """Posts Teams's own form."""

    #: Its connectors answer so where the channel behind them would not take the message.
    mishap = "HTTP error"

    def write(self, message: Message) -> bytes:
        """Write the body."""
        return teams(message)
