"""What stands of a Teams channel in the delivery file."""

from typing import Literal

from alerts.notify.channels.by_address import ByAddress


class TeamsChannel(ByAddress):
    """A Teams channel or chat, by an incoming webhook or a workflow that takes Adaptive Cards."""

    kind: Literal["teams"]
