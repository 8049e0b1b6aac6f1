"""What kind of access one is, where several rules and the windows must agree on it. Read from the access alone."""

from enrichment.windows import Searched
from enrichment.wire import Access

#: The search fields that find a person one knows something about; a client number comes with the work.
BY_FIELD = frozenset({"name", "date_of_birth", "tax_number", "address"})
#: What a lookup of somebody's details shows, and what of it must be among what was shown.
LOOKUP_SECTIONS = frozenset({"address", "contact", "tax_number", "identity"})
LOOKUP_CORE = frozenset({"address", "tax_number", "identity"})


def searched(access: Access) -> Searched:
    """Say whether this is a search by name, date of birth, tax number or address, and whether it opened a record."""
    if access.action != "search" or access.search is None or BY_FIELD.isdisjoint(access.search.fields):
        return "no"
    return "nothing" if access.client_id is None else "opened"


def is_lookup(access: Access) -> bool:
    """Say whether only contact details or identity were shown, and more than how to reach the client."""
    return LOOKUP_SECTIONS.issuperset(access.sections) and not LOOKUP_CORE.isdisjoint(access.sections)


def records_taken(access: Access) -> int:
    """Give the number of client records that a print or an export covers; 0 for any other access."""
    return access.record_count if access.action in {"print", "export"} else 0
