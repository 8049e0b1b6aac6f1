"""What stands of a Slack channel in the delivery file."""

from typing import Literal

from alerts.notify.channels.by_address import ByAddress


class SlackChannel(ByAddress):
    """A Slack channel, by an incoming webhook."""

    kind: Literal["slack"]
