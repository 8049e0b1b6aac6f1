"""Words that every rule's sentence shares: what was opened, and when. No adjective, no name."""

from enrichment.newzealand import nz_text
from enrichment.wire import Access

_DONE = {
    "search": "was found by a search",
    "view": "was viewed",
    "create": "was created",
    "update": "was updated",
    "print": "was printed",
    "export": "was exported",
}
_SECTIONS = {"tax_number": "tax number", "whole_file": "whole file"}


def opened(access: Access) -> str:
    """Say what was done to the client record, what was shown of it, and when (New Zealand time)."""
    shown = ", ".join(_SECTIONS.get(section, section) for section in access.sections)
    what = f"Client record {access.client_id} {_DONE[access.action]}"
    return f"{what}{f' ({shown})' if shown else ''} on {nz_text(access.occurred_at)}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun: ``1 hop``, ``2 hops``."""
    return f"{number} {one if number == 1 else many or one + 's'}"
