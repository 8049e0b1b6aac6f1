"""A contractor or third party opened a client record that their contract does not cover.

Looks for     a client's site or programme outside the actor's scope; a third party without any scope.
Cannot see    what a contract says beyond sites and programmes; clients whose site and programme are not recorded.
Innocent when the contract was extended and the register does not show it yet.
Then          check the contract's scope with its owner, and whether the actor was asked to open the record.
"""

from alerts.assessment import Audience, Evidence, Severity
from alerts.detection.counting import trail
from alerts.detection.precondition import Precondition
from alerts.detection.rule import Case, Hit, Indeterminate, Limits, Rule, RuleResult, happened, no_match
from enrichment.facts import Known, Unknown
from enrichment.schemas import Client, Scope, Staff
from enrichment.windows.spec import DAY

_CONTRACTED = frozenset({"contractor", "third_party"})


def _is_covered(case: Case) -> bool:
    """Return whether a slip of this actor may be one, or may be seen by this access."""
    actor = case.facts.actor
    if case.access.client_id is None or not isinstance(actor, Known):
        return False
    return actor.value.scope is not None or actor.value.kind == "third_party"


#: What these actors opened, and with which work reason: a slip shows in what they opened next.
TRAIL = trail("k", within=DAY, stands_when=Precondition.CONTRACTED, where=_is_covered)


class ScopeLimits(Limits):
    """Who is asked where the record was opened by a slip."""

    #: Who is asked where all that hit were slips (``alerts/slips.py``).
    slip_audience: Audience

    def audience_of(self, severity: Severity, *, only_slips: bool) -> Audience:
        """Return who is asked: of slips alone, whoever the limits name for them."""
        return self.slip_audience if only_slips else super().audience_of(severity, only_slips=only_slips)


def evaluate(case: Case, _limits: ScopeLimits) -> RuleResult:
    """Return whether the access is outside what the actor's contract covers. Nothing excuses it."""
    access, actor, client = case.access, case.facts.actor, case.facts.client
    if isinstance(actor, Unknown):
        return Indeterminate(actor.missing)
    if actor.value.kind not in _CONTRACTED:
        return no_match("the actor is neither a contractor nor a third party")
    contract = Evidence("staff record", access.staff_id, "ref.staff.v1", actor.as_of)
    if actor.value.scope is None:
        return _without_scope(case, actor.value, contract)
    if not isinstance(client, Known):
        return no_match("no client of the register was opened")
    outside = _outside(actor.value.scope, client.value)
    if not outside:
        return no_match("the client is within the actor's scope, as far as their site and programme are recorded")
    return Hit(
        "high",
        f"{happened(access)}; the client's {' and '.join(outside)} outside the scope of the actor's contract.",
        (contract, Evidence("client record", client.value.client_id, "ref.client.v1", client.as_of)),
    )


def _without_scope(case: Case, staff: Staff, contract: Evidence) -> RuleResult:
    if staff.kind == "contractor":
        return no_match("no scope is recorded for the contractor")
    said = "the staff record names no scope for the actor, who is a third party"
    return Hit("high", f"{happened(case.access)}; {said}.", (contract,))


def _outside(scope: Scope, client: Client) -> list[str]:
    outside = []
    if scope.sites and client.site is not None and client.site not in scope.sites:
        outside.append(f"site {client.site} is")
    if scope.programmes and client.programme is not None and client.programme not in scope.programmes:
        outside.append(f"programme {client.programme} is")
    return outside


RULE = Rule(
    id="scope",
    title="Outside the scope of a contract",
    about="actor",
    clauses=("share",),
    limits=ScopeLimits,
    evaluate=evaluate,
    applies_when=Precondition.CONTRACTED | Precondition.UNKNOWN,
    counts=(TRAIL,),
)
