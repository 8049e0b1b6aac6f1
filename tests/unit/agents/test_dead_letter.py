"""Parking: the record's own headers before ours, ours once, and a trace where the record is too large."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from agents.dead_letter import LEFT_OUT_HEADER, PREFIX, REPLAYS_HEADER, TRACE_KEY_BYTES_MAX, DeadLetter, DeadLetters
from agents.metrics import Metrics
from agents.outputs import Headers, TooLarge
from tests.support.cases import finished

Sent = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes | None]]]


@dataclass(slots=True)
class Narrow:
    """Outputs that take values up to a size."""

    value_bytes_max: int = 100
    sent: list[Sent] = field(default_factory=list)

    def put(self, topic: str, key: bytes, value: bytes) -> bool:  # noqa: ARG002 the protocol has them
        """Take nothing without waiting."""
        return False

    async def send(
        self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = (), timestamp_ms: int | None = None
    ) -> None:
        """Take a record."""
        assert timestamp_ms is None
        if len(value or b"") > self.value_bytes_max:
            raise TooLarge
        self.sent.append((topic, key, value, list(headers)))

    async def flush(self) -> None:
        """Everything is there already."""


@dataclass(slots=True)
class ARecord:
    """A record of an input topic."""

    value: bytes | None = b"{"
    key: bytes | None = b"s-1"
    headers: Sequence[tuple[str, bytes | None]] = ()
    topic: str = "cms.access.v1"
    partition: int = 3
    offset: int = 17
    timestamp: int = 0


def parked(record: ARecord) -> Sent:
    """What is sent when this record is parked."""
    outputs = Narrow()
    finished(DeadLetters(outputs, Metrics(), "group", "1").park(DeadLetter(record, "decode", "NotJson", "no JSON")))
    (sent,) = outputs.sent
    return sent


def test_own_headers_come_first_and_ours_once() -> None:
    """A record that was parked before, and put back by other means, names its newest parking alone."""
    own = (("a", b"1"), ("a", None), (REPLAYS_HEADER, b"2"), (f"{PREFIX}offset", b"5"), (f"{PREFIX}left.out", b"x"))
    topic, key, value, headers = parked(ARecord(headers=own))
    assert (topic, key, value) == ("cms.access.v1.dlq", b"s-1", b"{")
    assert headers[:3] == [("a", b"1"), ("a", None), (REPLAYS_HEADER, b"2")]
    assert [content for name, content in headers if name == f"{PREFIX}offset"] == [b"17"]
    assert LEFT_OUT_HEADER not in dict(headers)


@pytest.mark.parametrize(
    ("key", "kept"),
    [(b"s-1", b"s-1"), (None, None), (b"k" * TRACE_KEY_BYTES_MAX, b"k" * TRACE_KEY_BYTES_MAX),
     (b"k" * (TRACE_KEY_BYTES_MAX + 1), None)],
)  # fmt: skip
def test_a_record_that_is_too_large_leaves_a_trace(key: bytes | None, kept: bytes | None) -> None:
    """Why, where the original stands, and its key unless that is what is too large."""
    topic, found, value, headers = parked(ARecord(value=b"x" * 101, key=key, headers=(("own", b"1"),)))
    assert (topic, found, value) == ("cms.access.v1.dlq", kept, None)
    said = dict(headers)
    assert "own" not in said
    assert said[f"{PREFIX}stage"] == b"decode"
    assert said[LEFT_OUT_HEADER] == (
        b"the value of 101 bytes and the record's own headers; "
        b"they stand at cms.access.v1, partition 3, offset 17 while that is kept"
    )
