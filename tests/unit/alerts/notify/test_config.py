"""The delivery file: typed, and every mistake is a sentence with its place. Then: when a message is tried again."""

from datetime import timedelta
from itertools import takewhile
from pathlib import Path

import pytest

from alerts.notify.attempts import RETRY_AFTER_MAX, TRIED_FOR_MAX, WAIT_MAX, next_attempt
from alerts.notify.config import DeliveryError, load, shipped_path
from tests.support.alert_builders import NOW

GOLDEN = Path(__file__).parents[3] / "golden" / "delivery"
BAD = sorted(GOLDEN.glob("bad-*.yaml"))


def test_as_shipped_nothing_is_sent() -> None:
    """The agency says to whom."""
    delivery = load(shipped_path(), {})
    assert (delivery.channels, delivery.routes) == ({}, ())


def test_a_good_file() -> None:
    """Both kinds of channel, a password from a file, a signing key."""
    delivery = load(GOLDEN / "good.yaml", {})
    assert list(delivery.channels) == ["integrity-mail", "soc-hook"]
    assert delivery.secrets["integrity-mail"].get_secret_value() == "correct horse"
    assert "correct horse" not in repr(delivery)


@pytest.mark.parametrize("content", [b"correct horse\r\n", b"\xef\xbb\xbfcorrect horse\n"], ids=["CRLF", "a mark"])
def test_a_secret_is_read_however_an_editor_wrote_it(tmp_path: Path, content: bytes) -> None:
    """Neither a byte order mark nor the line end of Windows is part of a password."""
    for name in ("good.yaml", "hook-secret"):
        (tmp_path / name).write_bytes((GOLDEN / name).read_bytes())
    (tmp_path / "password").write_bytes(content)
    assert load(tmp_path / "good.yaml", {}).secrets["integrity-mail"].get_secret_value() == "correct horse"


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_mistake_is_a_sentence_with_its_place(path: Path) -> None:
    """Each bad file says in its first lines what must be said about it."""
    lines = takewhile(lambda line: line.startswith("# "), path.read_text("utf-8").splitlines())
    expected = [line.removeprefix("# ") for line in lines]
    with pytest.raises(DeliveryError) as raised:
        load(path, {})
    assert expected == [sentence.replace(f"{GOLDEN}/", "") for sentence in raised.value.sentences]
    assert "hunter2" not in str(raised.value)


def test_there_are_bad_files() -> None:
    """An empty glob must not pass for a pass."""
    assert len(BAD) >= 10


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    """The file named by the settings is not there."""
    with pytest.raises(DeliveryError, match=r"none\.yaml: the file cannot be read: no such file or directory\."):
        load(tmp_path / "none.yaml", {})


def test_waits_double_up_to_an_hour_and_spread_over_their_upper_half() -> None:
    """The dice move a wait between its half and its whole."""
    waits = [next_attempt(attempts, NOW, NOW, 1.0) for attempts in (1, 2, 3, 40)]
    assert [NOW + timedelta(seconds=2), NOW + timedelta(seconds=4), NOW + timedelta(seconds=8), NOW + WAIT_MAX] == waits
    assert next_attempt(3, NOW, NOW, 0.0) == NOW + timedelta(seconds=4)


def test_a_server_may_ask_for_more_time_within_bounds() -> None:
    """Retry-After is honoured, and bounded."""
    assert next_attempt(1, NOW, NOW, 1.0, timedelta(minutes=5)) == NOW + timedelta(minutes=5)
    assert next_attempt(1, NOW, NOW, 1.0, timedelta(days=300)) == NOW + RETRY_AFTER_MAX
    assert next_attempt(9, NOW, NOW, 1.0, timedelta()) == next_attempt(9, NOW, NOW, 1.0)


def test_after_a_day_it_is_parked() -> None:
    """Counted from the first attempt, not from when the alert was raised."""
    late = NOW + TRIED_FOR_MAX - timedelta(seconds=2)
    assert next_attempt(1, NOW, late, 1.0) == NOW + TRIED_FOR_MAX
    assert next_attempt(1, NOW, late + timedelta(seconds=1), 1.0) is None
