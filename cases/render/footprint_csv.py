"""A footprint as CSV: one line a visit, or one an access where that was asked for."""

from cases.footprint import Footprint, ShownVisit
from cases.render import cells
from cases.render.footprint_texts import what, when_of_access, who, why
from cases.render.footprint_texts import when as when_of
from cases.words import Words

_HEADER = ("number", "day", "time", "who", "office", "done", "parts", "reason_code", "reason", "screens")


def render(footprint: Footprint) -> bytes:
    """Return the file. Notes come after the visits, each on a line whose first cell says ``note``."""
    words = Words(footprint.language)
    lines: list[tuple[object, ...]] = []
    for visit in footprint.visits:
        if footprint.is_raw:
            lines += [
                _line(visit, when_of_access(one, words), ((one.action,), one.sections), words, 1)
                for one in visit.accesses
            ]
        else:
            lines.append(_line(visit, when_of(visit, words), (visit.actions, visit.sections), words, visit.screens))
    blanks = ("",) * (len(_HEADER) - 2)
    lines += [("note", note, *blanks) for note in footprint.notes]
    return cells.rows(_HEADER, lines)


def _line(
    visit: ShownVisit,
    when: tuple[str, str],
    opened: tuple[tuple[str, ...], tuple[str, ...] | None],
    words: Words,
    screens: int,
) -> tuple[object, ...]:
    code = "" if visit.reason is None else visit.reason.code
    return (visit.number, *when, *who(visit, words), *what(*opened, words), code, why(visit, words), screens)
