"""What comes out of the simulator: reference records, accesses, and the truth beside them, never in them.

Documents are plain dicts: millions of them are made in a run.
"""

from typing import Any, Literal, NamedTuple

Document = dict[str, Any]
Kind = Literal["ordinary", "covering", "mistake", "look-alike", "intent"]


class Label(NamedTuple):
    """Why an access was made in the simulated world. It comes from the intent, never from the rules."""

    kind: Kind
    #: The intent, or what it looks like; for other kinds a word of detail.
    name: str
    #: Of an intent: whether the fact behind it was in the reference data at that moment.
    known: bool | None = None
    #: Accesses of one intent belong together.
    episode: str | None = None

    @property
    def innocent(self) -> bool:
        """Whether nobody should be asked about it."""
        return self.kind != "intent"


ORDINARY = Label("ordinary", "ordinary")
COVERING = Label("covering", "for a colleague")
HUDDLE = Label("ordinary", "helping a colleague")
MISTAKE = Label("mistake", "wrong client, not reported")
MISTAKE_REPORTED = Label("mistake", "wrong client, reported")


class Reference(NamedTuple):
    """One reference record: its topic ``ref.<kind>.v1``, its key, its JSON."""

    kind: str
    id: str
    value: bytes


class Change(NamedTuple):
    """A reference record that becomes known at this time."""

    known_at: str
    record: Reference


class Played(NamedTuple):
    """One access as it goes onto the topic, and beside it what it is in truth."""

    event_id: str
    occurred_at: str
    #: The staff id: the record's key.
    key: str
    value: bytes
    label: Label
