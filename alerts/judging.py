"""Judging one access: every rule asked, the outcome settled, the alerts named. Pure: no clock, no store."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from alerts.assessment import Answer, Assessment, Outcome, Versions
from alerts.case import Case
from alerts.explanation import explain, work_reasons
from alerts.limits import LoadedLimits
from alerts.merging import alert_ids_of
from alerts.rules.catalogue import RULES
from alerts.rules.form import Abstain, Answered, AnyRule, Hit, Quiet
from alerts.rules.media_watchlist import MediaWatchlistLimits, strongest_entry
from alerts.rules.proxy_lookup import ProxyLookupLimits
from alerts.rules.two_places import TwoPlacesLimits
from alerts.windows import noted
from enrichment.facts import Facts, Known
from enrichment.windows import Noted
from enrichment.wire import Access

#: The role whose alerts, and alerts about whose own client records, not every recipient may see.
INTEGRITY_ROLE = "internal_integrity"


@dataclass(frozen=True, slots=True)
class Judged:
    """An assessment, and what the alert store must know beside it."""

    assessment: Assessment
    #: "actor" where the actor works for Internal Integrity, "owner" where an owner of the client record does.
    conflicts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The rules with the limits they are judged with, and the release they come from."""

    limits: LoadedLimits
    release: str

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
        answers = tuple(answer for rule, answered in self.asked(case) if (answer := self._said(rule, answered)))
        assessment = Assessment(
            event_id=access.event_id,
            occurred_at=access.occurred_at,
            staff_id=access.staff_id,
            client_id=access.client_id,
            action=access.action,
            outcome=_outcome(access, answers, explained=bool(reasons)),
            explanation=explain(reasons[0]) if reasons else None,
            answers=answers,
            alert_ids=_alert_ids(access, answers),
            versions=Versions(self.release, self.limits.hash, facts.reference),
        )
        return Judged(assessment, _conflicts(facts))

    def asked(self, case: Case) -> Iterator[tuple[AnyRule, Answered]]:
        """Ask every rule that is not off, in the catalogue's order; one that gives way to a live hit is quiet."""
        live_hits: set[str] = set()
        for rule in RULES.values():
            limits = self.limits.rules[rule.id]
            if limits.stage == "off":
                continue
            before = next((other for other in rule.gives_way_to if other in live_hits), None)
            answered = rule.evaluate(case, limits) if before is None else Quiet(f"{before} asks about it already")
            if limits.stage == "live" and isinstance(answered, Hit):
                live_hits.add(rule.id)
            yield rule, answered

    def _said(self, rule: AnyRule, answered: Answered) -> Answer | None:
        stage = self.limits.rules[rule.id].stage
        match answered:
            case Hit(severity, sentence, evidence):
                return Answer(rule.id, "hit", stage, severity, sentence, evidence)
            case Abstain(missing):
                return Answer(rule.id, "abstain", stage, None, f"Could not be asked: {missing} is not known.")
        return None


def _outcome(access: Access, answers: tuple[Answer, ...], *, explained: bool) -> Outcome:
    """Take the first that applies, in the contract's order."""
    live = {answer.answer for answer in answers if answer.stage == "live"}
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
    conflicts = []
    if isinstance(facts.actor, Known) and INTEGRITY_ROLE in facts.actor.value.roles:
        conflicts.append("actor")
    if any(INTEGRITY_ROLE in owner.value.roles for owner in facts.owners):
        conflicts.append("owner")
    return tuple(conflicts)
