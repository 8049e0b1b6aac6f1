"""Judging one access: every rule asked, the outcome settled, the alerts named. Pure: no clock, no store.

``RuleEngine.case`` brings together what is known, ``RuleEngine.observe`` says what the access leaves in the windows
and asks of them, and ``RuleEngine.judge`` gives the assessment once the windows have answered.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from alerts.assessment import (
    EVIDENCE_MAX,
    SENTENCE_CHARACTERS_MAX,
    SOURCE_CHARACTERS_MAX,
    AccessDetails,
    ActorDetails,
    Answer,
    Assessment,
    Outcome,
    Stage,
    Versions,
    shortened,
)
from alerts.detection.config import LoadedLimits
from alerts.detection.counting import Count
from alerts.detection.registry import RULES
from alerts.detection.rule import (
    AnyRule,
    Case,
    Hit,
    Limits,
    NoMatch,
    RuleResult,
    no_match,
    preconditions,
    records_taken,
    step_of,
)
from alerts.detection.rules.media_watchlist import is_watchlisted
from alerts.detection.rules.scope import TRAIL
from alerts.detection.work_reasons import INTEGRITY_ROLE, explain, few_roles, work_reasons
from alerts.grouping import alert_ids_of
from alerts.slips import may_be_slip, trail_of
from enrichment.facts import Facts, Known, Unknown
from enrichment.nz_time import nz_date
from enrichment.schemas import Access, Staff
from enrichment.windows.spec import Observation, Plan

#: A rule, what asks it, with which limits, and the rules that it gives way to.
_Question = tuple[AnyRule, Callable[[Case, Any], RuleResult], Limits, tuple[str, ...]]
_NOTHING_SAID: frozenset[str] = frozenset()
#: A count as a case with certain preconditions meets it: whether the case may stand in it, and whether it may ask it.
_Met = tuple[Count[Any], bool, bool]
#: States of the reference data whose names are kept: a batch is judged with one.
VERSIONS_MAX = 64


class Place(NamedTuple):
    """Where an access stands in its topic, and since when."""

    recorded_at: datetime
    partition: int
    offset: int


class Judged(NamedTuple):
    """An assessment, and what the alert store must know beside it."""

    assessment: Assessment
    #: "actor" where the actor works for Internal Integrity, "owner" where an owner of the client record does.
    conflicts: tuple[str, ...]
    #: Whether what the actor did next may show that it was a slip (``alerts/slips.py``).
    may_be_slip: bool = False


@dataclass(frozen=True, slots=True)
class RuleEngine:
    """The rules with the limits they are judged with, and the release they come from."""

    limits: LoadedLimits
    release: str
    #: The rules that are not off, in the catalogue's order.
    _questions: tuple[_Question, ...] = field(init=False, repr=False, compare=False)
    #: Those worth asking, by the signs that a case shows; filled as such cases come.
    _worth: dict[int, tuple[_Question, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)
    #: The counts that cases with these preconditions meet; filled as such cases come.
    _met: dict[int, tuple[_Met, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)
    #: What the windows keep, whatever the stages of the rules: a rule that is made live finds what it counts.
    plan: Plan = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Lay the questions out once, for all accesses."""
        given = [(rule, self.limits.rules[rule.id]) for rule in RULES.values()]
        every = tuple(
            (rule, rule.evaluate, limits, rule.gives_way_to) for rule, limits in given if limits.stage != "off"
        )
        object.__setattr__(self, "_questions", every)
        plan = {count.key: count.window(limits, self.limits.policy) for rule, limits in given for count in rule.counts}
        object.__setattr__(self, "plan", plan)

    def case(self, access: Access, facts: Facts) -> Case:
        """Bring together what is known of an access before the windows are asked."""
        reasons = work_reasons(access, facts, self.limits.policy)
        watchlisted = is_watchlisted(access, facts.watchlist, self.limits.rules)
        case = Case(access, facts, reasons, self.limits.policy, watchlisted=watchlisted)
        return case._replace(shown=preconditions(case))

    def observe(self, case: Case) -> Observation:
        """Return what a case leaves in the windows and asks of them."""
        access = case.access
        stands_in = asks = ""
        others: tuple[str, ...] = ()
        for count, may_stand, may_ask in self._met_by(case.shown):
            inside = may_stand and count.where(case)
            if inside:
                stands_in += count.key
            if not may_ask or not (inside if count.asked_when is None else count.asked(case)):
                continue
            if count.others is not None:
                others = count.others(case)
                if not others:
                    continue
            asks += count.key
        return Observation(
            access.event_id,
            access.staff_id,
            access.client_id,
            access.occurred_at,
            nz_date(access.occurred_at).toordinal(),
            access.site,
            records_taken(access),
            stands_in,
            asks,
            others,
            step_of(access),
            trail_of(case) if TRAIL.key in stands_in else "",
        )

    def _met_by(self, shown: int) -> tuple[_Met, ...]:
        found = self._met.get(shown)
        if found is None:
            met = []
            for count in {count.key: count for rule in RULES.values() for count in rule.counts}.values():
                may_stand = bool(count.stands_when.value & shown)
                may_ask = may_stand if count.asked_when is None else bool(count.asked_when.value & shown)
                met += [(count, may_stand, may_ask)] if may_stand or may_ask else []
            found = self._met[shown] = tuple(met)
        return found

    def judge(self, case: Case, place: Place | None = None) -> Judged:
        """Return an access, with what the windows answered, its outcome and its reasons; *place* is kept with it."""
        access, facts, reasons = case.access, case.facts, case.work_reasons
        answers = tuple(
            [
                _answer(rule, self.limits.rules[rule.id].stage, answered)
                for rule, answered in self._ask(case, self._worth_asking(case))
                if answered.__class__ is not NoMatch
            ]
        )
        assessment = Assessment(
            access.event_id,
            access.occurred_at,
            access.staff_id,
            access.client_id,
            access.action,
            _outcome(access, answers, explained=bool(reasons)),
            explain(reasons[0]) if reasons else None,
            answers,
            _alert_ids(access, answers) if answers else (),
            _versions(self.release, self.limits.hash, facts.reference),
            _access_details(access, place),
            _actor_details(facts.actor),
        )
        return Judged(assessment, _conflicts(facts), bool(answers) and may_be_slip(case, answers, RULES))

    def asked(self, case: Case) -> Iterator[tuple[AnyRule, RuleResult]]:
        """Ask every rule that is not off, in the catalogue's order; one that gives way to a live hit is quiet."""
        return self._ask(case, self._questions)

    def _ask(self, case: Case, questions: tuple[_Question, ...]) -> Iterator[tuple[AnyRule, RuleResult]]:
        live_hits: set[str] = set()
        for rule, evaluate, limits, gives_way_to in questions:
            before = next((other for other in gives_way_to if other in live_hits), None) if live_hits else None
            answered = evaluate(case, limits) if before is None else no_match(f"{before} asks about it already")
            if answered.__class__ is Hit and limits.stage == "live":
                live_hits.add(rule.id)
            yield rule, answered

    def _worth_asking(self, case: Case) -> tuple[_Question, ...]:
        """Leave out the rules that are quiet since the case shows none of their signs."""
        shown = case.shown
        found = self._worth.get(shown)
        if found is None:
            found = self._worth[shown] = tuple([one for one in self._questions if one[0].applies_when.value & shown])
        return found


def _access_details(access: Access, place: Place | None) -> AccessDetails:
    search = access.search
    at, partition, offset = (None, None, None) if place is None else place
    return AccessDetails(
        access.sections,
        access.channel,
        access.site,
        access.workstation,
        access.work_id,
        access.agreement_id,
        () if search is None else search.fields,
        None if search is None else search.result_count,
        access.record_count,
        at,
        partition,
        offset,
    )


def _actor_details(actor: Known[Staff] | Unknown) -> ActorDetails | None:
    if not isinstance(actor, Known):
        return None
    staff = actor.value
    return ActorDetails(staff.kind, staff.org_unit, staff.site, few_roles(staff.roles))


def _answer(rule: AnyRule, stage: Stage, answered: RuleResult) -> Answer:
    if isinstance(answered, Hit):
        evidence = tuple(
            fact if len(fact.source) <= SOURCE_CHARACTERS_MAX else replace(fact, source=_short(fact.source))
            for fact in answered.evidence[:EVIDENCE_MAX]
        )
        sentence = shortened(answered.sentence, SENTENCE_CHARACTERS_MAX)
        return Answer(rule.id, "hit", stage, answered.severity, sentence, evidence)
    if isinstance(answered, NoMatch):
        raise TypeError("a rule that matches nothing answers nothing")
    return Answer(rule.id, "abstain", stage, None, f"Could not be asked: {answered.missing} is not known.")


def _short(source: str) -> str:
    return shortened(source, SOURCE_CHARACTERS_MAX)


@lru_cache(maxsize=VERSIONS_MAX)
def _versions(rules: str, limits: str, reference: str) -> Versions:
    return Versions(rules, limits, reference)


def _outcome(access: Access, answers: tuple[Answer, ...], *, explained: bool) -> Outcome:
    """Take the first that applies, in the contract's order."""
    live = {answer.answer for answer in answers if answer.stage == "live"} if answers else _NOTHING_SAID
    if "hit" in live:
        return "hit"
    if "abstain" in live:
        return "abstained"
    if explained:
        return "explained"
    return "no_subject" if access.client_id is None else "unexplained"


def _alert_ids(access: Access, answers: tuple[Answer, ...]) -> tuple[str, ...]:
    """Name the alerts that the live hits belong to."""
    live_hits = [answer.rule for answer in answers if answer.answer == "hit" and answer.stage == "live"]
    return alert_ids_of(access.staff_id, access.client_id, access.occurred_at, live_hits, RULES) if live_hits else ()


def _conflicts(facts: Facts) -> tuple[str, ...]:
    actor = isinstance(facts.actor, Known) and INTEGRITY_ROLE in facts.actor.value.roles
    owner = any(INTEGRITY_ROLE in one.value.roles for one in facts.owners) if facts.owners else False
    return (("actor",) if actor else ()) + (("owner",) if owner else ())
