"""All rules, in the order of ``RULES.md``."""

import sys

from alerts.rules import media_watchlist, own_record, relative_record, staff_record, unknown_staff
from alerts.rules.form import AnyRule

RULES: dict[str, AnyRule] = {
    rule.id: rule
    for rule in (
        own_record.RULE,
        staff_record.RULE,
        relative_record.RULE,
        media_watchlist.RULE,
        unknown_staff.RULE,
    )
}


def page(rule: AnyRule) -> str:
    """Give the rule's page: what it looks for, cannot see, when it is innocent, and what to do then."""
    return sys.modules[rule.evaluate.__module__].__doc__ or ""
