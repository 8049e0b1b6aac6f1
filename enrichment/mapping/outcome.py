"""What becomes of a source's record: mapped, deleting, skipped or refused. There is no fifth."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mapped:
    """A record of ours that the contract's models take."""

    #: The record as JSON.
    value: bytes
    #: What partitions it: the staff id of an access, the id of a reference record.
    key: str
    #: The source's own number for it, where the mapping names a sequence.
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """A reference record that the source has no longer."""

    key: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that the mapping leaves out, and its words for why."""

    because: str
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that cannot be mapped: which of our fields, and why, without anything that the record holds.

    ``field`` is ``record`` where it is no single field that fails.
    """

    field: str
    reason: str
    #: A row of an audit log was changed or taken out: whoever runs the source must know.
    tampered: bool = False
    sequence: int | None = None

    @property
    def sentence(self) -> str:
        """The field and the reason, as a dead letter carries them."""
        return f"{self.field}: {self.reason}"


Outcome = Mapped | Deleted | Skipped | Refused


class FieldRefused(Exception):  # noqa: N818 it is an answer about a record, not a failure of ours
    """A value cannot become what a field needs; the reason holds nothing of the value."""
