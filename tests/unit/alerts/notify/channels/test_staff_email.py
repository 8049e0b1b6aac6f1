"""The channel to staff members: how an address is found, and a sentence for each mistake."""

from pathlib import Path

import pytest

from alerts.notify.channels.staff_email.settings import StaffEmailChannel
from alerts.notify.config import DeliveryError, load

CHANNEL = """channels:
  staff-mail:
    kind: staff_email
    host: 127.0.0.1
    port: 25
    security: none
    sender: accesswatch@agency.example
    {how}
notices:
  channel: staff-mail
routes: []
"""


def loaded(directory: Path, how: str, people: str | None = None) -> StaffEmailChannel:
    """Read a delivery file with such a channel, and its directory beside it."""
    file = directory / "delivery.yaml"
    file.write_text(CHANNEL.replace("{how}", how), "utf-8")
    if people is not None:
        (directory / "people.csv").write_text(people, "utf-8")
    channel = load(file, {}).channels["staff-mail"]
    assert isinstance(channel, StaffEmailChannel)
    return channel


def test_an_address_is_made_of_the_staff_id(tmp_path: Path) -> None:
    """An id that makes none has none."""
    channel = loaded(tmp_path, 'address: "{staff_id}@agency.example"')
    assert channel.address_of("S-1") == "S-1@agency.example"
    assert channel.address_of("Mere Tangi") is None


def test_an_address_is_looked_up_in_the_directory(tmp_path: Path) -> None:
    """Whoever does not stand there has none."""
    people = "S-1, mere@agency.example\n\nS-2,tai@agency.example\n"
    channel = loaded(tmp_path, "directory_file: people.csv", people)
    assert channel.address_of("S-1") == "mere@agency.example"
    assert channel.address_of("S-2") == "tai@agency.example"
    assert channel.address_of("S-3") is None


@pytest.mark.parametrize(
    ("how", "people", "said"),
    [
        ('address: "everybody@agency.example"', None, "address must hold {staff_id} once"),
        ('address: "{staff_id} agency"', None, "must be a plain address"),
        ("timeout_seconds: 5", None, "needs one of address and directory_file"),
        ("directory_file: people.csv", None, "directory_file: the file cannot be read"),
        ("directory_file: people.csv", "\n", "directory_file: the file holds no address"),
        ("directory_file: people.csv", "S-1,a@b.example\nS-1,c@b.example\n", "line 2 names a staff id that stands in"),
        ("directory_file: people.csv", "S-1,a@b.example\nS-2\n", "line 2 must hold a staff id, a comma and an address"),
        ("directory_file: people.csv", "S-1,nobody\n", "line 1 holds no plain address"),
    ],
)
def test_a_mistake_is_a_sentence(tmp_path: Path, how: str, people: str | None, said: str) -> None:
    """With the file, the line and the setting, and nobody's id or address."""
    with pytest.raises(DeliveryError) as raised:
        loaded(tmp_path, how, people)
    (sentence,) = raised.value.sentences
    assert said in sentence
    assert "delivery.yaml, line" in sentence
    assert "S-1" not in sentence
    assert "a@b.example" not in sentence


def test_it_takes_notices_and_no_alerts(tmp_path: Path) -> None:
    """A route may not name it, and notices may name no other kind."""
    file = tmp_path / "delivery.yaml"
    route = "routes:\n  - {name: all, channels: [staff-mail], conflict_route: all}\n"
    text = CHANNEL.replace("{how}", 'address: "{staff_id}@agency.example"')
    file.write_text(text.replace("routes: []\n", route), "utf-8")
    with pytest.raises(DeliveryError, match="takes notices to staff members, no alerts"):
        load(file, {})
    file.write_text(text.replace("channel: staff-mail\n", "channel: nobody\n"), "utf-8")
    with pytest.raises(DeliveryError, match=r"notices\.channel: must name a channel of kind staff_email"):
        load(file, {})
