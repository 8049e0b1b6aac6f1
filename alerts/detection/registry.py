"""All rules, in the order of ``docs/policy.md``. A rule that gives way stands after those it gives way to."""

import sys

from alerts.detection.rule import AnyRule
from alerts.detection.rules import (
    acquaintance_record,
    bulk_extract,
    business_record,
    colleague_circle,
    contact_lookup,
    dormant_record,
    media_surge,
    media_watchlist,
    off_duty,
    own_record,
    proxy_lookup,
    relative_record,
    repeat_visits,
    restricted_record,
    scope,
    search_browsing,
    service_account,
    shared_contact,
    staff_record,
    two_places,
    unanswered_notice,
    unknown_staff,
    volume,
)

RULES: dict[str, AnyRule] = {
    rule.id: rule
    for rule in (
        own_record.RULE,
        staff_record.RULE,
        relative_record.RULE,
        acquaintance_record.RULE,
        business_record.RULE,
        shared_contact.RULE,
        colleague_circle.RULE,
        proxy_lookup.RULE,
        media_watchlist.RULE,
        media_surge.RULE,
        repeat_visits.RULE,
        restricted_record.RULE,
        contact_lookup.RULE,
        search_browsing.RULE,
        volume.RULE,
        dormant_record.RULE,
        bulk_extract.RULE,
        off_duty.RULE,
        scope.RULE,
        two_places.RULE,
        service_account.RULE,
        unknown_staff.RULE,
        unanswered_notice.RULE,
    )
}


def page(rule: AnyRule) -> str:
    """Return the rule's page: what it looks for, cannot see, when it is innocent, and what to do then."""
    return sys.modules[rule.evaluate.__module__].__doc__ or ""
