"""What stands of the feed of findings in the delivery file."""

from typing import ClassVar, Literal

from alerts.notify.channels.base import Channel


class OcsfChannel(Channel):
    """OCSF Detection Findings on ``integrity.ocsf.v1``, over the worker's own connection to Kafka."""

    keeps_status: ClassVar[bool] = True

    kind: Literal["ocsf"]
