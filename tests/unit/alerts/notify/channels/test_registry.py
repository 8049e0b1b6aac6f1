"""A channel is one folder and a line of the registry: one is added, used by a delivery file, and removed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

import pytest

from alerts.detection.registry import RULES
from alerts.notify.attempts import Again, Attempt, Sent
from alerts.notify.channels.base import Channel, ChannelKind, Opened
from alerts.notify.channels.registry import KINDS
from alerts.notify.config import DeliveryError, load, open_senders
from alerts.notify.message import Message, Wording, write_several
from alerts.notify.message import bring_together as together
from alerts.notify.secret_files import SecretMistake, Surroundings
from tests.support.alert_builders import an_alert

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class NoticeBoardChannel(Channel):
    """A file that somebody reads."""

    kind: Literal["notice-board"]
    file: str

    def opened(self, around: Surroundings) -> Opened[Self]:
        """Return it with its file found."""
        if not (around.beside / self.file).exists():
            raise SecretMistake("file", "there is no such file")
        return Opened(self.model_copy(update={"file": str(around.beside / self.file)}))


class NoticeBoardSender:
    """Writes titles into it."""

    def __init__(self, opened: Opened[NoticeBoardChannel]) -> None:
        self._file = Path(opened.channel.file)

    async def send(self, message: Message, _now: datetime) -> Attempt:
        """Add a line."""
        self._file.write_text(self._file.read_text("utf-8") + message.key + "\n", "utf-8")
        return Sent()


NOTICE_BOARD = ChannelKind(NoticeBoardChannel, lambda opened, _: NoticeBoardSender(opened))
FILE = "channels:\n  board:\n    kind: notice-board\n    file: board.txt\n"


async def unpublished(_key: bytes, _value: bytes) -> Attempt:
    """Publish no finding."""
    return Again("nobody publishes here")


async def test_a_channel_is_added_used_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its settings are checked, its mistakes have a place, and it sends; without it its kind is refused."""
    path = tmp_path / "delivery.yaml"
    path.write_text(FILE, "utf-8")
    with monkeypatch.context() as patch:
        patch.setitem(KINDS, "notice-board", NOTICE_BOARD)
        with pytest.raises(DeliveryError, match=r"line 4: channels\.board\.file: there is no such file"):
            load(path, {})
        (tmp_path / "board.txt").write_text("", "utf-8")
        sender = open_senders(load(path, {}), unpublished)["board"]
        wording = Wording("board", "reference", None, RULES)
        message = write_several("digest.board", together("digest", "duty", NOW, NOW, [an_alert("own-record")]), wording)
        assert await sender.send(message, NOW) == Sent()
        assert (tmp_path / "board.txt").read_text("utf-8") == "digest.board\n"
    with pytest.raises(
        DeliveryError, match="its kind must be smtp, staff_email, webhook, slack, teams, pagerduty, ocsf or syslog"
    ):
        load(path, {})
