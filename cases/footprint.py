"""The footprint: who opened a client's record, when, what of it, and why, as that client may be told.

One model, which every format renders. What a profile must not say is never put into it, so that no format can say it:
in ``office`` and ``date_only`` no staff id, hit, evidence, relationship, alert, event or work id, no other client, and
no unit of fewer than ``UNIT_STAFF_MIN`` staff; in ``date_only`` no time of day either.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final, Literal

from cases.history_port import Answer, Gap
from cases.nz_calendar import Period
from cases.visits import BATCH, UNEXPLAINED, Visit, distinct, reason_code, visits_of
from cases.words import Language, Words
from enrichment.errors import UserError
from enrichment.nz_time import nz_date, nz_time

Profile = Literal["office", "named", "date_only", "internal"]
PROFILES: Final[tuple[Profile, ...]] = ("office", "named", "date_only", "internal")
#: Profiles that may say who it was, and that may name a small unit.
_NAMES_STAFF: Final[frozenset[Profile]] = frozenset({"named", "internal"})
#: A unit of fewer people would tell who it was.
UNIT_STAFF_MIN: Final = 10
#: Accesses in one footprint; a longer one is made in yearly parts.
ROWS_MAX: Final = 100_000
#: Why something may be withheld: sections of the Privacy Act 2020.
Ground = Literal["49(1)(a)", "53(b)", "53(c)"]
#: What of a visit may be withheld, apart from all of it.
Field = Literal["actor", "time", "sections", "reason"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about the accesses of a flagged visit; ``because`` is for the file, not for the client."""

    event_ids: frozenset[str]
    #: None: it is released as it is.
    ground: Ground | None = None
    #: Empty where all of the visit is withheld.
    fields: frozenset[Field] = frozenset()
    because: str = ""
    #: Whether the letter says that something was withheld; under 53(c) a person may decide that it does not.
    is_said: bool = True


@dataclass(frozen=True, slots=True)
class Facts:
    """What a footprint is made with, beside the accesses themselves."""

    #: Staff by unit, as the staff register has them.
    unit_sizes: Mapping[str, int] = field(default_factory=dict)
    #: Prints and exports of the period that name no client.
    exports_without_client: int = 0
    #: By event id, why a person has to decide about the access: ``open_alert``, ``open_case``, ``hold``.
    flags: Mapping[str, frozenset[str]] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    #: Statements of correction by event id.
    statements: Mapping[str, str] = field(default_factory=dict)
    #: The client's own staff id, where they are staff: their own visits are shown as theirs.
    requester_staff_id: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a visit took place: a word of the closed list, and the sentence for it."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class ShownAccess:
    """One access, as far as the profile shows it. ``details`` is for ``internal`` alone."""

    at: datetime | date | None
    action: str
    sections: tuple[str, ...]
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ShownVisit:
    """One visit, as far as the profile shows it; what was withheld is None."""

    number: int
    first: datetime | date | None
    last: datetime | date | None
    actor: str | None
    kind: str | None
    roles: tuple[str, ...]
    unit: str | None
    staff_id: str | None
    actions: tuple[str, ...]
    sections: tuple[str, ...] | None
    reason: Reason | None
    screens: int
    withheld: tuple[str, ...] = ()
    #: For ``internal`` alone.
    flags: tuple[str, ...] = ()
    accesses: tuple[ShownAccess, ...] = ()


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one client may be told, in one profile and language."""

    clients: tuple[str, ...]
    period: Period
    profile: Profile
    language: Language
    is_preview: bool
    #: A date under ``date_only``.
    complete_to: datetime | date | None
    gaps: tuple[Gap, ...]
    begins: date | None
    visits: tuple[ShownVisit, ...]
    notes: tuple[str, ...]
    request: str | None = None
    is_raw: bool = False
    #: A second language in which headings stand beside the first.
    headings_also: Language | None = None
    #: Number of this part and of all.
    part: tuple[int, int] = (1, 1)

    @property
    def screens(self) -> int:
        """Return the number of distinct accesses that are shown."""
        return sum(visit.screens for visit in self.visits)

    @property
    def actors(self) -> int:
        """Return how many people and systems there are, as far as they may be told apart."""
        return len({visit.actor for visit in self.visits if visit.actor is not None})


class Undecided(UserError):  # noqa: N818 an answer, not a failure
    """Visits are flagged, and nobody has decided about them."""


def undecided(answer: Answer, facts: Facts) -> tuple[int, ...]:
    """Return the numbers of the visits that a person has still to decide about, as ``internal`` numbers them."""
    decided = frozenset().union(*(decision.event_ids for decision in facts.decisions))
    return tuple(
        number
        for number, visit in enumerate(visits_of(answer.rows), 1)
        if any(facts.flags.get(one) and one not in decided for one in visit.event_ids)
    )


def build(
    clients: Sequence[str],
    period: Period,
    answer: Answer,
    facts: Facts,
    *,
    profile: Profile = "office",
    language: Language = "en-NZ",
    preview: bool = True,
    raw: bool = False,
    headings_also: Language | None = None,
    request: str | None = None,
) -> Footprint:
    """Return the footprint of one person, who may have several records.

    Raises:
        UserError: a row is of another client, or there are more than ``ROWS_MAX``.
        Undecided: it is not a preview, and a flagged visit is undecided.
    """
    if strangers := {row.assessment.client_id for row in answer.rows} - set(clients):
        raise UserError(f"The history answered with {len(strangers)} other records; no footprint is made of that.")
    if len(answer.rows) > ROWS_MAX:
        raise UserError(f"More than {ROWS_MAX:,} accesses: narrow the period.")
    if not preview and (open_ones := undecided(answer, facts)):
        numbers = ", ".join(map(str, open_ones))
        raise Undecided(f"Somebody has to decide about flagged visits first: No. {numbers}.")
    words = Words(language)
    labels = _Labels(words, facts.requester_staff_id)
    shown: list[ShownVisit] = []
    withheld: dict[Ground, int] = {}
    for visit in visits_of(answer.rows):
        decision = _decision_about(visit, facts.decisions)
        if profile != "internal" and decision is not None and decision.ground is not None:
            withheld[decision.ground] = withheld.get(decision.ground, 0) + decision.is_said
            if not decision.fields:
                continue
        actor = labels.of(visit)
        one = _shown(visit, len(shown) + 1, actor, profile=profile, facts=facts, words=words, raw=raw)
        if profile != "internal" and decision is not None:
            one = _without(one, decision.fields)
        shown.append(one)
    footprint = Footprint(
        clients=tuple(clients),
        period=period,
        profile=profile,
        language=language,
        is_preview=preview,
        complete_to=_to_day(answer.complete_to) if profile == "date_only" else answer.complete_to,
        gaps=answer.gaps,
        begins=answer.begins,
        visits=tuple(shown),
        notes=(),
        request=request,
        is_raw=raw,
        headings_also=headings_also,
    )
    statements = _statements(answer, shown, facts, profile)
    return replace(footprint, notes=tuple(_notes(footprint, facts, withheld, statements, words)))


def in_parts(footprints: Sequence[Footprint]) -> tuple[Footprint, ...]:
    """Return the footprints of several years as parts of one, each saying which it is."""
    of = len(footprints)
    found = []
    for number, footprint in enumerate(footprints, 1):
        words = Words(footprint.language)
        period = footprint.period
        notes = (
            words("note.part", number=number, of=of, first=words.day(period.first), last=words.day(period.last)),
            words("note.part_visit"),
        )
        found.append(replace(footprint, part=(number, of), notes=(*notes, *footprint.notes)))
    return tuple(found)


class _Labels:
    """Names for people that hold within one footprint: Person A, Person B, System A."""

    def __init__(self, words: Words, requester: str | None) -> None:
        self._words = words
        self._requester = requester
        self._given: dict[str, str] = {}
        self._counts = {"person": 0, "system": 0}

    def of(self, visit: Visit) -> str:
        """Return the label of the visit's staff member."""
        if visit.staff_id == self._requester:
            return self._words("you")
        if visit.staff_id not in self._given:
            actor = visit.actor
            kind = "system" if actor is not None and actor.kind == "service" else "person"
            if actor is None and visit.code == BATCH:
                kind = "system"
            self._given[visit.staff_id] = self._words(kind, letters=_letters(self._counts[kind]))
            self._counts[kind] += 1
        return self._given[visit.staff_id]


def _letters(number: int) -> str:
    """Return A to Z, then AA, AB."""
    found = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        found = chr(ord("A") + rest) + found
    return found


def _decision_about(visit: Visit, decisions: Iterable[Decision]) -> Decision | None:
    """Return the strictest decision about one of the visit's accesses: withholding goes before release."""
    about = [decision for decision in decisions if decision.event_ids.intersection(visit.event_ids)]
    if not about:
        return None
    whole = [decision for decision in about if decision.ground is not None and not decision.fields]
    if whole:
        return whole[-1]
    partly = [decision for decision in about if decision.ground is not None]
    if not partly:
        return about[-1]
    return replace(partly[-1], fields=frozenset().union(*(decision.fields for decision in partly)))


def _shown(
    visit: Visit, number: int, actor: str, *, profile: Profile, facts: Facts, words: Words, raw: bool
) -> ShownVisit:
    details = visit.actor
    names_staff = profile in _NAMES_STAFF
    unit = details.org_unit if details is not None else None
    if unit is not None and not names_staff and facts.unit_sizes.get(unit, 0) < UNIT_STAFF_MIN:
        unit = None
    accesses: tuple[ShownAccess, ...] = ()
    if raw or profile == "internal":
        accesses = tuple(
            ShownAccess(
                at=_at(row.assessment.occurred_at, profile),
                action=row.assessment.action,
                sections=row.assessment.access.sections if row.assessment.access is not None else (),
                details=_everything(row.assessment) if profile == "internal" else None,
            )
            for row in visit.rows
        )
    flags = frozenset().union(*(facts.flags.get(one, frozenset()) for one in visit.event_ids))
    key = f"reason.{visit.code}" if f"reason.{visit.code}" in words else "reason.other"
    return ShownVisit(
        number=number,
        first=_at(visit.first_at, profile),
        last=_at(visit.last_at, profile),
        actor=actor,
        kind=details.kind if details is not None else "unknown",
        roles=tuple(role for role in (details.roles if details is not None else ()) if f"role.{role}" in words),
        unit=unit,
        staff_id=visit.staff_id if names_staff else None,
        actions=visit.actions,
        sections=visit.sections,
        reason=Reason(visit.code, words(key, number=number)),
        screens=len(visit.rows),
        flags=tuple(sorted(flags)) if profile == "internal" else (),
        accesses=accesses,
    )


def _everything(assessment: Any) -> Mapping[str, Any]:
    return {
        "event_id": assessment.event_id,
        "outcome": assessment.outcome,
        "explanation": assessment.explanation,
        "answers": assessment.answers,
        "alert_ids": assessment.alert_ids,
        "client_id": assessment.client_id,
        "access": assessment.access,
    }


def _without(visit: ShownVisit, fields: frozenset[Field]) -> ShownVisit:
    changed: dict[str, Any] = {"withheld": tuple(sorted(fields))}
    if "actor" in fields:
        changed |= {"actor": None, "kind": None, "roles": (), "unit": None, "staff_id": None}
    if "time" in fields:
        changed |= {"first": None, "last": None, "accesses": tuple(replace(one, at=None) for one in visit.accesses)}
    if "sections" in fields:
        accesses = changed.get("accesses", visit.accesses)
        changed |= {"sections": None, "accesses": tuple(replace(one, sections=()) for one in accesses)}
    if "reason" in fields:
        changed |= {"reason": None}
    return replace(visit, **changed)


def _at(at: datetime, profile: Profile) -> datetime | date:
    return nz_date(at) if profile == "date_only" else nz_time(at)


def _to_day(at: datetime | None) -> date | None:
    return None if at is None else nz_date(at)


def _statements(
    answer: Answer, shown: Sequence[ShownVisit], facts: Facts, profile: Profile
) -> Iterable[tuple[int, str]]:
    """Yield the statements of correction about visits that are shown, each with the visit's number."""
    if not facts.statements:
        return
    numbers: dict[str, int] = {}
    kept = iter(shown)
    for visit in visits_of(answer.rows):
        decision = _decision_about(visit, facts.decisions)
        if profile != "internal" and decision is not None and decision.ground is not None and not decision.fields:
            continue
        number = next(kept).number
        numbers |= dict.fromkeys(visit.event_ids, number)
    for event_id, text in sorted(facts.statements.items()):
        if event_id in numbers:
            yield numbers[event_id], text


def _notes(
    footprint: Footprint,
    facts: Facts,
    withheld: Mapping[Ground, int],
    statements: Iterable[tuple[int, str]],
    words: Words,
) -> Iterable[str]:
    if footprint.is_preview:
        yield words("note.preview")
    also = footprint.headings_also
    if words.is_draft or (also is not None and Words(also).is_draft):
        yield words("note.draft")
    yield from _notes_about_history(footprint, words)
    yield words("note.searches")
    if facts.exports_without_client:
        yield words("note.exports", number=facts.exports_without_client)
    else:
        yield words("note.no_exports")
    yield words("note.contents")
    yield words("note.persons")
    if footprint.profile not in _NAMES_STAFF:
        yield words("note.units", number=UNIT_STAFF_MIN)
    for ground, number in sorted(withheld.items()):
        if number:
            yield words("note.withheld", number=number, ground=words(f"ground.{ground}"))
    for number, text in statements:
        yield words("note.statement", number=number, text=text)


def _notes_about_history(footprint: Footprint, words: Words) -> Iterable[str]:
    """Yield how far the history can be trusted: when it begins, to when it is complete, what of it is lost."""
    if footprint.begins is None:
        yield words("note.nothing_kept")
    elif footprint.begins > footprint.period.first:
        yield words("note.begins_later", day=words.day(footprint.begins))
    else:
        yield words("note.begins", day=words.day(footprint.begins))
    match footprint.complete_to:
        case datetime() as at:
            yield words("note.complete", time=words.moment(at))
        case date() as day:
            yield words("note.complete", time=words.day(day))
    if footprint.gaps:
        yield words("note.gap", number=sum(gap.last_offset - gap.first_offset + 1 for gap in footprint.gaps))


@dataclass(frozen=True, slots=True)
class Changes:
    """How what the history says today differs from what was released."""

    added: tuple[str, ...]
    gone: tuple[str, ...]
    other_reason: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.gone or self.other_reason)


def reasons_by_access(answer: Answer) -> dict[str, str]:
    """Return the reason's code of each access: what a release keeps, so that it can be said later what changed."""
    return {row.assessment.event_id: reason_code(row.assessment) for row in distinct(answer.rows)}


def changes_since(released: Mapping[str, str], answer: Answer) -> Changes:
    """Return what changed since a release that kept ``reasons_by_access``."""
    today = reasons_by_access(answer)
    return Changes(
        added=tuple(sorted(today.keys() - released.keys())),
        gone=tuple(sorted(released.keys() - today.keys())),
        other_reason=tuple(sorted(one for one in today.keys() & released.keys() if today[one] != released[one])),
    )


def is_unexplained(visit: ShownVisit) -> bool:
    """Return whether the client is invited to ask about this visit."""
    return visit.reason is not None and visit.reason.code == UNEXPLAINED
