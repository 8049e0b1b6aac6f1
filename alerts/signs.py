"""Signs: what of a case makes a rule worth asking, found once for all rules.

A rule names the signs of which it needs one (``Rule.asked_where``); without any of them it is quiet, whatever else is
known. An ordinary access shows hardly a sign, so of the 22 rules two or three are asked. That leaving out and asking
give the same answers is held by ``tests/rules/test_properties.py``.
"""

from enum import Flag, auto

from alerts.case import Case
from enrichment.facts import Known


class Sign(Flag):
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
    #: The windows hold an access of the same staff id from another site.
    ELSEWHERE = auto()
    #: What every access shows.
    ACCESS = auto()


# As plain numbers, which are looked at for every access: Python takes a microsecond for each | of two Flags.
_UNKNOWN, _OWN, _OWNED, _PATH, _SHARED = (
    one.value for one in (Sign.UNKNOWN, Sign.OWN, Sign.OWNED, Sign.PATH, Sign.SHARED)
)
_WATCHLIST, _RESTRICTED, _UNEXPLAINED = (one.value for one in (Sign.WATCHLIST, Sign.RESTRICTED, Sign.UNEXPLAINED))
_ELSEWHERE, _ACCESS = Sign.ELSEWHERE.value, Sign.ACCESS.value
_OF_ACTION = {"search": Sign.SEARCH.value, "print": Sign.EXTRACT.value, "export": Sign.EXTRACT.value}
_OF_KIND = {
    "contractor": Sign.CONTRACTED.value,
    "third_party": Sign.CONTRACTED.value,
    "service": Sign.SERVICE.value,
}


def signs(case: Case) -> int:
    """Give the signs of a case, as the number of a ``Sign``."""
    access, facts, client_id = case.access, case.facts, case.access.client_id
    found = _ACCESS | _OF_ACTION.get(access.action, 0)
    if isinstance(facts.actor, Known):
        staff = facts.actor.value
        found |= _OF_KIND.get(staff.kind, 0)
        if client_id in staff.client_ids:
            found |= _OWN
    else:
        found |= _UNKNOWN
    if case.windows.elsewhere is not None:
        found |= _ELSEWHERE
    return found if client_id is None else found | _of_client(case)


def _of_client(case: Case) -> int:
    facts = case.facts
    found = 0 if facts.apart else _PATH
    if not isinstance(facts.client, Known):
        found |= _UNKNOWN
    elif facts.client.value.restricted:
        found |= _RESTRICTED
    if facts.owners:
        found |= _OWNED
    if facts.shared:
        found |= _SHARED
    if facts.watchlist:
        found |= _WATCHLIST
    if not case.work_reasons:
        found |= _UNEXPLAINED
    return found
