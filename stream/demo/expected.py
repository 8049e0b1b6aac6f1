"""Which rule should ask about which intent of the demo's day: the one place where the two are held together."""

from simulator.records import Label

EXPECTED: dict[str, tuple[str, ...]] = {
    "self": ("own-record",),
    "colleague": ("staff-record",),
    "close family": ("relative-record",),
    "friend": ("acquaintance-record",),
    "own business": ("business-record",),
    "self, not on record": ("shared-contact",),
    "favour": ("colleague-circle", "proxy-lookup"),
    "face in the news": ("media-watchlist",),
    "face before the story": ("media-surge",),
    "comes back on three days": ("repeat-visits",),
    "restricted file": ("restricted-record",),
    "addresses of six": ("contact-lookup",),
    "first letters": ("search-browsing",),
    "files of fifty": ("volume",),
    "files of the dead": ("dormant-record",),
    "mass print": ("bulk-extract",),
    "account during leave": ("off-duty",),
    "outside the contract": ("scope",),
    "shared password": ("two-places",),
    "service account at a desk": ("service-account",),
    "account of nobody": ("unknown-staff",),
}


def expected(label: Label) -> tuple[str, ...]:
    """Give the rules of which each should ask about an episode; none about what is innocent."""
    return EXPECTED.get(label.name, ()) if label.kind == "intent" else ()
