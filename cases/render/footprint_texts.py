"""The cells of a footprint as people read them, for the forms that are pages or tables."""

from collections.abc import Sequence
from datetime import date, datetime

from cases.footprint import Footprint, ShownAccess, ShownVisit
from cases.words import Words
from enrichment.nz_time import nz_date


def when(visit: ShownVisit, words: Words) -> tuple[str, str]:
    """Return the day, and the times in it; without times under ``date_only``."""
    return _when(visit.first, visit.last, words)


def when_of_access(access: ShownAccess, words: Words) -> tuple[str, str]:
    """Return the day and the time of one access."""
    return _when(access.at, access.at, words)


def _when(first: datetime | date | None, last: datetime | date | None, words: Words) -> tuple[str, str]:
    if first is None or last is None:
        return words("withheld.field"), ""
    if not isinstance(first, datetime) or not isinstance(last, datetime):
        return (
            words.day(first) if first == last else words("between", first=words.day(first), last=words.day(last))
        ), ""
    if nz_date(first) != nz_date(last):
        return words("between", first=words.moment(first), last=words.moment(last)), ""
    begins, ends = words.time(first), words.time(last)
    if begins == ends:
        return words.day(nz_date(first)), begins
    if first.tzname() == last.tzname():
        begins = begins.split(" ", maxsplit=1)[0]
    return words.day(nz_date(first)), words("between", first=begins, last=ends)


def who(visit: ShownVisit, words: Words) -> tuple[str, str]:
    """Return the label, and what office that is."""
    if visit.actor is None:
        return words("withheld.field"), ""
    parts = [words(f"kind.{visit.kind}")] if visit.kind is not None else []
    parts += [words(f"role.{role}") for role in visit.roles]
    if visit.unit is not None:
        parts.append(words("unit", unit=visit.unit))
    if visit.staff_id is not None:
        parts.append(words("staff_id", staff_id=visit.staff_id))
    return visit.actor, ", ".join(parts)


def what(actions: Sequence[str], sections: Sequence[str] | None, words: Words) -> tuple[str, str]:
    """Return what was done, and with which parts of the record."""
    done = ", ".join(words(f"action.{action}") for action in actions)
    if sections is None:
        return done, words("withheld.field")
    return done, ", ".join(words(f"section.{one}") for one in sections) or words("section.none")


def why(visit: ShownVisit, words: Words) -> str:
    """Return the reason as a sentence."""
    return words("withheld.field") if visit.reason is None else visit.reason.text


def summary(footprint: Footprint, words: Words) -> str:
    """Return the totals as a sentence."""
    if not footprint.visits:
        return words("summary.none")
    return words("summary", visits=len(footprint.visits), screens=footprint.screens, actors=footprint.actors)
