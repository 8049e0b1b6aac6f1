"""Judging one access: every rule asked, the outcome settled, the alerts named. Pure: no clock, no store."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, cast

from alerts.assessment import Answer, Assessment, Outcome, Stage, Versions
from alerts.case import Case
from alerts.explanation import explain, work_reasons
from alerts.limits import LoadedLimits
from alerts.merging import alert_ids_of
from alerts.rules.catalogue import RULES
from alerts.rules.form import Abstain, Answered, AnyRule, Hit, Limits, Quiet, quiet
from alerts.rules.media_watchlist import MediaWatchlistLimits, strongest_entry
from alerts.rules.proxy_lookup import ProxyLookupLimits
from alerts.rules.two_places import TwoPlacesLimits
from alerts.signs import signs
from alerts.windows import noted
from enrichment.facts import Facts, Known
from enrichment.windows import Noted
from enrichment.wire import Access

#: A rule, what asks it, with which limits, and the rules that it gives way to.
_Question = tuple[AnyRule, Callable[[Case, Any], Answered], Limits, tuple[str, ...]]
_NOTHING_SAID: frozenset[str] = frozenset()
#: States of the reference data whose names are kept: a batch is judged with one.
VERSIONS_MAX = 64
#: The role whose alerts, and alerts about whose own client records, not every recipient may see.
INTEGRITY_ROLE = "internal_integrity"


class Judged(NamedTuple):
    """An assessment, and what the alert store must know beside it."""

    assessment: Assessment
    #: "actor" where the actor works for Internal Integrity, "owner" where an owner of the client record does.
    conflicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules with the limits they are judged with, and the release they come from."""

    limits: LoadedLimits
    release: str
    #: The rules that are not off, in the catalogue's order.
    _questions: tuple[_Question, ...] = field(init=False, repr=False, compare=False)
    #: Those worth asking, by the signs that a case shows; filled as such cases come.
    _worth: dict[int, tuple[_Question, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Lay the questions out once, for all accesses."""
        given = [(rule, self.limits.rules[rule.id]) for rule in RULES.values()]
        every = tuple(
            (rule, rule.evaluate, limits, rule.gives_way_to) for rule, limits in given if limits.stage != "off"
        )
        object.__setattr__(self, "_questions", every)

    def case(self, access: Access, facts: Facts) -> Case:
        """Bring together what is known of an access before the windows are asked."""
        reasons = work_reasons(access, facts, self.limits.policy)
        media = cast("MediaWatchlistLimits", self.limits.rules["media-watchlist"])
        watchlisted = strongest_entry(access, facts.watchlist, media) is not None
        return Case(access, facts, reasons, self.limits.policy, watchlisted=watchlisted)

    def noted(self, case: Case) -> Noted:
        """Say what a case leaves in the windows and asks of them."""
        proxy = cast("ProxyLookupLimits", self.limits.rules["proxy-lookup"])
        places = cast("TwoPlacesLimits", self.limits.rules["two-places"])
        return noted(case, proxy, places)

    def judge(self, case: Case) -> Judged:
        """Give an access, with what the windows answered, its outcome and its reasons."""
        access, facts, reasons = case.access, case.facts, case.work_reasons
        answers = tuple(
            [
                _said(rule, self.limits.rules[rule.id].stage, answered)
                for rule, answered in self._ask(case, self._worth_asking(case))
                if answered.__class__ is not Quiet
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
        )
        return Judged(assessment, _conflicts(facts))

    def asked(self, case: Case) -> Iterator[tuple[AnyRule, Answered]]:
        """Ask every rule that is not off, in the catalogue's order; one that gives way to a live hit is quiet."""
        return self._ask(case, self._questions)

    def _ask(self, case: Case, questions: tuple[_Question, ...]) -> Iterator[tuple[AnyRule, Answered]]:
        live_hits: set[str] = set()
        for rule, evaluate, limits, gives_way_to in questions:
            before = next((other for other in gives_way_to if other in live_hits), None) if live_hits else None
            answered = evaluate(case, limits) if before is None else quiet(f"{before} asks about it already")
            if answered.__class__ is Hit and limits.stage == "live":
                live_hits.add(rule.id)
            yield rule, answered

    def _worth_asking(self, case: Case) -> tuple[_Question, ...]:
        """Leave out the rules that are quiet since the case shows none of their signs."""
        shown = signs(case)
        found = self._worth.get(shown)
        if found is None:
            found = self._worth[shown] = tuple([one for one in self._questions if one[0].asked_where.value & shown])
        return found


def _said(rule: AnyRule, stage: Stage, answered: Answered) -> Answer:
    if isinstance(answered, Hit):
        return Answer(rule.id, "hit", stage, answered.severity, answered.sentence, answered.evidence)
    missing = cast("Abstain", answered).missing
    return Answer(rule.id, "abstain", stage, None, f"Could not be asked: {missing} is not known.")


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
