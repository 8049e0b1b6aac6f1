"""What can be seen of a case without asking any rule; ``alerts/detection/rule.py`` says how it is used."""

from enum import Flag, auto


class Precondition(Flag):
    """What can be seen without asking any rule."""

    #: The actor is in no staff record, or the client in no client record.
    UNKNOWN = auto()
    #: The client record is one of the actor's own; or one of any staff member's.
    OWN = auto()
    OWNED = auto()
    #: Relationships lead from the one end towards the other.
    PATH = auto()
    #: Actor and client have a contact detail in common.
    SHARED = auto()
    WATCHLIST = auto()
    RESTRICTED = auto()
    #: There is a client, and no work reason was found.
    UNEXPLAINED = auto()
    SEARCH = auto()
    #: A print or an export.
    EXTRACT = auto()
    #: A contractor or a third party; or a service account.
    CONTRACTED = auto()
    SERVICE = auto()
    #: A work reason was found.
    EXPLAINED = auto()
    #: The windows answered something.
    COUNTED = auto()
    #: What every access shows.
    ACCESS = auto()
    #: The staff record of the actor names days of leave.
    LEAVE = auto()


#: Shown by no case.
NEVER = Precondition(0)
