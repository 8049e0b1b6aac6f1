"""Words that every rule's sentence shares: what was opened, and when. No adjective, no name."""

from collections.abc import Iterable

from alerts.assessment import Evidence
from enrichment.newzealand import nz_text
from enrichment.windows import Earlier
from enrichment.wire import Access

#: The source of what windows hold.
ACCESSES = "cms.access.v1"

_DONE = {
    "search": "was found by a search",
    "view": "was viewed",
    "create": "was created",
    "update": "was updated",
    "print": "was printed",
    "export": "was exported",
}
_TAKEN = {"print": "A print", "export": "An export"}
_SECTIONS = {"tax_number": "tax number", "whole_file": "whole file"}


def opened(access: Access) -> str:
    """Say what was done to the client record, what was shown of it, and when (New Zealand time)."""
    shown = ", ".join(_SECTIONS.get(section, section) for section in access.sections)
    what = f"Client record {access.client_id} {_DONE[access.action]}"
    return f"{what}{f' ({shown})' if shown else ''} on {nz_text(access.occurred_at)}"


def happened(access: Access) -> str:
    """Say what was done and when (New Zealand time), for an access with or without a client record."""
    if access.client_id is not None:
        return opened(access)
    if access.search is not None:
        fields = " and ".join(field.replace("_", " ") for field in access.search.fields) or "nothing"
        what = f"A search by {fields}"
    elif access.action in _TAKEN:
        what = f"{_TAKEN[access.action]} of {counted(access.record_count, 'client record')}"
    else:
        what = f"An access ({access.action})"
    return f"{what} was made on {nz_text(access.occurred_at)}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun: ``1 hop``, ``2 hops``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def accesses_as_evidence(fact: str, earlier: Iterable[Earlier]) -> tuple[Evidence, ...]:
    """Give what a window holds as evidence: whom each access was to or by, and when it happened."""
    return tuple(Evidence(fact, one.value, ACCESSES, one.at) for one in earlier)
