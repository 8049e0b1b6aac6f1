"""What stands of a channel to staff members in the delivery file: a mail server, and how an address is found."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import PrivateAttr, model_validator

from alerts.notify.channels.base import Opened
from alerts.notify.channels.smtp.settings import MailServer
from alerts.notify.fields import mailbox
from alerts.notify.secret_files import SecretMistake, Surroundings
from enrichment.errors import why
from enrichment.schemas import ID_LENGTH_MAX

#: The largest directory file that is read, in bytes; it has some 50 for each staff member.
DIRECTORY_BYTES_MAX: Final = 16 * 1024 * 1024
_STAFF_ID: Final = "{staff_id}"
_COLUMNS: Final = 2


class StaffEmailChannel(MailServer):
    """E-mail to one staff member: at an address made of the staff id, or looked up in a directory file."""

    kind: Literal["staff_email"]
    #: An address with ``{staff_id}`` in it.
    address: str | None = None
    #: CSV without a heading: a staff id and an address in each line.
    directory_file: str | None = None
    _directory: Mapping[str, str] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _findable(self) -> Self:
        if (self.address is None) == (self.directory_file is None):
            raise ValueError("needs one of address and directory_file")
        if self.address is not None:
            if self.address.count(_STAFF_ID) != 1:
                raise ValueError("address must hold {staff_id} once, like {staff_id}@agency.example")
            mailbox(self.address.replace(_STAFF_ID, "S-1"))
        return self

    def opened(self, around: Surroundings) -> Opened[Self]:
        """Return it with its files found, its password, its proxy and the addresses of its directory."""
        opened = super().opened(around)
        if self.directory_file is not None:
            addresses = read_directory(around.beside / self.directory_file)
            opened.channel._directory = addresses  # noqa: SLF001 our own: no name of the file may fill it
        return opened

    def address_of(self, staff_id: str) -> str | None:
        """Return the address of a staff member; None where none is known, or the id makes no address."""
        if self.address is None:
            return self._directory.get(staff_id)
        try:
            return mailbox(self.address.replace(_STAFF_ID, staff_id))
        except ValueError:
            return None


def read_directory(path: Path) -> dict[str, str]:
    """Return the addresses of a directory file, by staff id.

    Raises:
        SecretMistake: it cannot be read, or a line is not what it must be, with its number.
    """
    field = "directory_file"
    try:
        if path.stat().st_size > DIRECTORY_BYTES_MAX:
            raise SecretMistake(field, f"the file is larger than {DIRECTORY_BYTES_MAX} bytes")
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SecretMistake(field, f"the file cannot be read: {why(error)}") from None
    found: dict[str, str] = {}
    for number, staff_id, address in _lines(text, field):
        if staff_id in found:
            raise SecretMistake(field, f"line {number} names a staff id that stands in the file already")
        found[staff_id] = address
    if not found:
        raise SecretMistake(field, "the file holds no address")
    return found


def _lines(text: str, field: str) -> Iterator[tuple[int, str, str]]:
    reader = csv.reader(text.splitlines())
    for row in reader:
        if not row:
            continue
        cells = [cell.strip() for cell in row]
        if len(cells) != _COLUMNS or not 1 <= len(cells[0]) <= ID_LENGTH_MAX:
            raise SecretMistake(field, f"line {reader.line_num} must hold a staff id, a comma and an address")
        try:
            yield reader.line_num, cells[0], mailbox(cells[1])
        except ValueError:
            raise SecretMistake(field, f"line {reader.line_num} holds no plain address") from None
