"""A staff member opened the client record of somebody who is in the news, without work that names them or their unit.

Looks for     an access while a media watchlist entry that covers the client still has weight.
Cannot see    people in the news whom nobody put on the watchlist.
Innocent when the work reached the actor by another way and its work item came late or not at all.
Then          ask the actor's manager for the work behind the access, and compare with other accesses to this client.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from alerts.assessment import Evidence
from alerts.detection.precondition import Precondition
from alerts.detection.rule import Case, Hit, Limits, Rule, RuleResult, named_work, no_match, opened
from alerts.detection.work_reasons import NAMED
from enrichment.facts import Known
from enrichment.nz_time import nz_text
from enrichment.schemas import Access, WatchlistEntry

#: From this weight on the severity is high. Fixed by the rule.
_HIGH_WEIGHT = 0.5
_SECONDS_PER_HOUR = 3600.0


class MediaWatchlistLimits(Limits):
    """How fast the news grows old."""

    #: Hours in which an entry's weight halves, where the entry does not have its own.
    half_life_hours: Annotated[float, Field(gt=0)]
    #: The least weight at which an entry still counts.
    weight_min: Annotated[float, Field(gt=0, le=1)]


def evaluate(case: Case, limits: MediaWatchlistLimits) -> RuleResult:
    """Return whether an entry with enough weight covers the client. A claimed work item alone does not excuse it."""
    access = case.access
    covering = strongest_entry(access, case.facts.watchlist, limits)
    if covering is None:
        return no_match("no watchlist entry with enough weight covers the client")
    if any(reason.number in NAMED for reason in case.work_reasons):
        return no_match("work that names the actor or their unit explains it")
    entry, weight = covering
    return Hit(
        "high" if weight >= _HIGH_WEIGHT else "medium",
        f"{opened(access)}; media watchlist entry {entry.value.entry_id}, published "
        f"{nz_text(entry.value.published_at)} (weight {weight:.2f}), covers this client, "
        "and no work names the actor or their unit.",
        (Evidence("watchlist entry", entry.value.entry_id, entry.value.source or "ref.watchlist.v1", entry.as_of),),
    )


def strongest_entry(
    access: Access, entries: tuple[Known[WatchlistEntry], ...], limits: MediaWatchlistLimits
) -> tuple[Known[WatchlistEntry], float] | None:
    """Find the entry with the most weight at the time of the access, if that is enough to count."""
    if not entries:
        return None
    weighed = [(entry, weight(access, entry.value, limits)) for entry in entries]
    counting = [(entry, found) for entry, found in weighed if found >= limits.weight_min]
    return max(counting, key=lambda pair: (pair[1], pair[0].value.entry_id), default=None)


def weight(access: Access, entry: WatchlistEntry, limits: MediaWatchlistLimits) -> float:
    """Return the weight of an entry when the access happened: ``0.5 ** (age / half_life)`` (``docs/policy.md``)."""
    age_hours = (access.occurred_at - entry.published_at).total_seconds() / _SECONDS_PER_HOUR
    if age_hours < 0 or (entry.expires_at is not None and access.occurred_at > entry.expires_at):
        return 0.0
    half_life = limits.half_life_hours if entry.half_life_hours is None else entry.half_life_hours
    return float(0.5 ** (age_hours / half_life))


RULE = Rule(
    id="media-watchlist",
    title="Client in the media",
    about="pair",
    clauses=("like.media",),
    limits=MediaWatchlistLimits,
    evaluate=evaluate,
    applies_when=Precondition.WATCHLIST,
    excused_by=named_work,
)


def is_watchlisted(access: Access, entries: tuple[Known[WatchlistEntry], ...], rules: Mapping[str, Limits]) -> bool:
    """Return whether an entry with enough weight covers the client, by this rule's limits among those of all."""
    limits = rules[RULE.id]
    return isinstance(limits, MediaWatchlistLimits) and strongest_entry(access, entries, limits) is not None
