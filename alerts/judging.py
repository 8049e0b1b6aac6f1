"""Judging one access: every rule asked, the outcome settled, the alerts named. Pure: no clock, no store."""

from dataclasses import dataclass

from alerts.assessment import Answer, Assessment, Outcome, Versions
from alerts.case import Case
from alerts.explanation import explain, work_reasons
from alerts.identity import alert_id
from alerts.limits import LoadedLimits
from alerts.rules.catalogue import RULES
from alerts.rules.form import Abstain, Hit, Quiet
from enrichment.facts import Facts, Known
from enrichment.newzealand import nz_date
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

    def judge(self, access: Access, facts: Facts) -> Judged:
        """Give an access its outcome and its reasons."""
        reasons = work_reasons(access, facts, self.limits.policy)
        answers = self._answers(Case(access, facts, reasons, self.limits.policy))
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

    def _answers(self, case: Case) -> tuple[Answer, ...]:
        answers = []
        for rule in RULES.values():
            limits = self.limits.rules[rule.id]
            if limits.stage == "off":
                continue
            match rule.evaluate(case, limits):
                case Hit(severity, sentence, evidence):
                    answers.append(Answer(rule.id, "hit", limits.stage, severity, sentence, evidence))
                case Abstain(missing):
                    sentence = f"Could not be asked: {missing} is not known."
                    answers.append(Answer(rule.id, "abstain", limits.stage, None, sentence))
                case Quiet():
                    pass
        return tuple(answers)


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
    """Name the alerts that the live hits belong to: one about the pair, one about the actor."""
    about = {RULES[answer.rule].about for answer in answers if answer.answer == "hit" and answer.stage == "live"}
    day = nz_date(access.occurred_at)
    ids = []
    if "pair" in about:
        ids.append(alert_id(access.staff_id, access.client_id, day))
    if "actor" in about:
        ids.append(alert_id(access.staff_id, None, day))
    return tuple(ids)


def _conflicts(facts: Facts) -> tuple[str, ...]:
    conflicts = []
    if isinstance(facts.actor, Known) and INTEGRITY_ROLE in facts.actor.value.roles:
        conflicts.append("actor")
    if any(INTEGRITY_ROLE in owner.value.roles for owner in facts.owners):
        conflicts.append("owner")
    return tuple(conflicts)
