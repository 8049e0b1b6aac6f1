"""A footprint as a page of HTML, and what stands on it, which the PDF takes too."""

from typing import Any

from cases.footprint import Footprint, ShownVisit, is_unexplained
from cases.render import pages
from cases.render.footprint_texts import summary, what, when, when_of_access, who, why
from cases.words import Language, Words

_COLUMNS = ("number", "when", "who", "what", "why", "screens")
_HEADINGS = ("title", "heading.summary", "heading.visits", "heading.limits", "heading.ask", "column.accesses")


def render(footprint: Footprint) -> bytes:
    """Return the footprint as a page of HTML."""
    return pages.html("footprint", page(footprint))


def page(footprint: Footprint) -> dict[str, Any]:
    """Return what stands on the page, in the order in which it is read."""
    words = Words(footprint.language)
    also = None if footprint.headings_also is None else Words(footprint.headings_also)
    period = words("period", first=words.day(footprint.period.first), last=words.day(footprint.period.last))
    about = [("heading.record", ", ".join(footprint.clients)), ("heading.period", period)]
    if footprint.request is not None:
        about.append(("heading.request", footprint.request))
    if footprint.part[1] > 1:
        about.append(("page", f"{footprint.part[0]} / {footprint.part[1]}"))
    return {
        "lang": _tag(footprint.language),
        "also": None if footprint.headings_also is None else _tag(footprint.headings_also),
        "preview": words("note.preview") if footprint.is_preview else None,
        "headings": {key.rpartition(".")[2]: _both(key, words, also) for key in _HEADINGS},
        "about": [[_both(key, words, also), value] for key, value in about],
        "summary": summary(footprint, words),
        "explained": words("visit.explained"),
        "columns": [_both(f"column.{name}", words, also) for name in _COLUMNS],
        "visits": [_visit(visit, footprint, words) for visit in footprint.visits],
        "notes": [note for note in footprint.notes if note != words("note.preview")],
        "ask": words("ask"),
        "page": words("page"),
    }


def _visit(visit: ShownVisit, footprint: Footprint, words: Words) -> dict[str, Any]:
    raw = visit.accesses if footprint.is_raw else ()
    return {
        "number": visit.number,
        "when": when(visit, words),
        "who": who(visit, words),
        "what": what(visit.actions, visit.sections, words),
        "why": why(visit, words),
        "screens": visit.screens,
        "asks": is_unexplained(visit),
        "accesses": [
            ", ".join(filter(None, (*when_of_access(one, words), *what((one.action,), one.sections, words))))
            for one in raw
        ],
    }


def _both(key: str, words: Words, also: Words | None) -> list[str]:
    """Return a heading, and the same in the second language where there is one."""
    return [words(key)] if also is None else [words(key), also(key)]


def _tag(language: Language) -> str:
    return language
